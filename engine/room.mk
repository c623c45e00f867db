# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# The engine: a pure library. ENGINE_SRC lists its sources, from the root; the kernel links them as
# $(addprefix $(BUILD)/kernel/,$(ENGINE_SRC:.c=.o)), host programs as $(BUILD)/host/..., tests as $(BUILD)/san/...
#
# C for the bytecode: $(BUILD)/bpf/P.o is compiled from P.c with BPF_CFLAGS.

ENGINE_SRC := $(addprefix engine/,isa.c decode.c btf.c object.c object_info.c sort.c program.c run.c interp.c disasm.c)

-include engine/verify/room.mk engine/jit/room.mk

BPF_CFLAGS := -target bpf -mcpu=v3 -std=gnu11 -O2 -g -fno-builtin -Wall -Wextra -ffile-prefix-map=$(CURDIR)=. -I. -I$(BUILD)/gen
$(BUILD)/bpf/%.o: %.c | gen
	$(call say,BPFCC,$<)
	$(call compile,$(CLANG) $(BPF_CFLAGS))

# --- host programs ------------------------------------------------------------------------------------------------------------
ENGINE_HOST_SRC := $(ENGINE_SRC) base/format.c tools/engine/host.c tools/engine/absent.c
ENGINE_HOST_OBJ := $(addprefix $(BUILD)/host/,$(ENGINE_HOST_SRC:.c=.o))
ENGINE_SAN_OBJ  := $(addprefix $(BUILD)/san/,$(ENGINE_HOST_SRC:.c=.o))

$(BUILD)/host/engine-plugin: $(BUILD)/host/tools/engine/plugin.o $(ENGINE_HOST_OBJ)
$(BUILD)/host/engine-bench: $(BUILD)/host/tools/engine/bench.o $(ENGINE_HOST_OBJ)
$(BUILD)/host/engine-plugin $(BUILD)/host/engine-bench:
	$(call say,HOSTLD,$@)
	$(Q)$(HOSTCC) -o $@ $^
ALL += $(BUILD)/host/engine-plugin $(BUILD)/host/engine-bench

# --- benchmark kernels: each natively, without vectors, and for BPF -----------------------------------------------------------
ENGINE_KERNELS := checksum swapsum strcmp siphash chacha20 modexp sort sieve matrix crc32_bits crc32_table calls
ENGINE_NATIVE  := $(ENGINE_KERNELS:%=$(BUILD)/host/bench/engine/native/%.o)
ENGINE_BPF     := $(ENGINE_KERNELS:%=$(BUILD)/bpf/bench/engine/%.o)

$(BUILD)/host/bench/engine/native/%.o: bench/engine/%.c | gen
	$(call say,HOSTCC,$<)
	$(call compile,$(CLANG) $(HOST_CFLAGS) -O2 -fno-vectorize -fno-slp-vectorize -fno-builtin -DENTRY=native_$*)

$(BUILD)/host/engine-kernels: $(BUILD)/host/bench/engine/bench.o $(ENGINE_NATIVE) $(ENGINE_HOST_OBJ)
	$(call say,HOSTLD,$@)
	$(Q)$(HOSTCC) -o $@ $^ -lm

.PHONY: bench-engine
bench-engine: $(BUILD)/host/engine-kernels $(ENGINE_BPF)
	@mkdir -p $(BUILD)/bench
	@$< $(BENCH_ENGINE_FLAGS) --json $(BUILD)/bench/engine.json $(BUILD)/bpf/bench/engine
BENCHES += bench-engine
