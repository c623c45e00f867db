# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# The engine: a pure library. ENGINE_SRC lists its sources, from the root; the kernel links them as
# $(addprefix $(BUILD)/kernel/,$(ENGINE_KERNEL_SRC:.c=.o)), host programs as $(BUILD)/host/..., tests as $(BUILD)/san/...
#
# C for the bytecode: $(BUILD)/bpf/P.o is compiled from P.c with BPF_CFLAGS.

ENGINE_SRC := $(addprefix engine/,isa.c decode.c btf.c object.c object_info.c sort.c guard.c program.c link.c run.c interp.c disasm.c signature.c counted.c)

-include engine/verify/room.mk engine/jit/room.mk

# What the kernel needs: it loads, verifies, compiles and runs. Texts, linking and interpreting are done outside. Small code.
ENGINE_KERNEL_SRC := $(filter-out engine/disasm.c engine/interp.c engine/link.c,$(ENGINE_SRC))
$(BUILD)/kernel/engine/%.o: EXTRA_CFLAGS += -Oz

BPF_CFLAGS := -target bpf -mcpu=v3 -std=gnu11 -O2 -g -ffreestanding -fno-builtin -Wall -Wextra -Wno-unused-parameter -ffile-prefix-map=$(CURDIR)=. -I. -I$(BUILD)/gen
$(BUILD)/bpf/%.o: %.c | gen
	$(call say,BPFCC,$<)
	$(call compile,$(CLANG) $(BPF_CFLAGS))

# --- host programs ------------------------------------------------------------------------------------------------------------
ENGINE_HOST_SRC := $(ENGINE_SRC) base/format.c tools/engine/host.c
ENGINE_HOST_OBJ := $(addprefix $(BUILD)/host/,$(ENGINE_HOST_SRC:.c=.o))
ENGINE_SAN_OBJ  := $(addprefix $(BUILD)/san/,$(ENGINE_HOST_SRC:.c=.o))

$(BUILD)/host/engine-plugin: $(BUILD)/host/tools/engine/plugin.o $(ENGINE_HOST_OBJ)
$(BUILD)/host/engine-bench: $(BUILD)/host/tools/engine/bench.o $(ENGINE_HOST_OBJ)
$(BUILD)/host/engine-plugin $(BUILD)/host/engine-bench:
	$(call say,HOSTLD,$@)
	$(Q)$(HOSTCC) -o $@ $^
TRIV_SRC := tools/triv/triv.c tools/triv/source.c tools/triv/list.c tools/engine/asm.c
$(BUILD)/host/triv: $(addprefix $(BUILD)/host/,$(TRIV_SRC:.c=.o)) $(ENGINE_HOST_OBJ)
	$(call say,HOSTLD,$@)
	$(Q)$(HOSTCC) -o $@ $^
ALL += $(BUILD)/host/engine-plugin $(BUILD)/host/engine-bench $(BUILD)/host/triv

# --- benchmark kernels: each natively, without vectors, and for BPF -----------------------------------------------------------
ENGINE_KERNELS := checksum swapsum strcmp siphash chacha20 modexp sort sieve matrix crc32_bits crc32_table calls
ENGINE_NATIVE  := $(ENGINE_KERNELS:%=$(BUILD)/host/bench/engine/native/%.o)
ENGINE_BPF     := $(patsubst %,$(BUILD)/bpf/bench/engine/%.o,$(ENGINE_KERNELS) filter)

$(BUILD)/host/bench/engine/native/%.o: bench/engine/%.c | gen
	$(call say,HOSTCC,$<)
	$(call compile,$(CLANG) $(HOST_CFLAGS) -O2 -fno-vectorize -fno-slp-vectorize -fno-builtin -DENTRY=native_$*)

$(BUILD)/host/engine-kernels: $(BUILD)/host/bench/engine/bench.o $(ENGINE_NATIVE) $(ENGINE_HOST_OBJ)
	$(call say,HOSTLD,$@)
	$(Q)$(HOSTCC) -o $@ $^ -lm

$(BUILD)/host/engine-verify-bench: $(BUILD)/host/bench/engine/verify.o $(ENGINE_HOST_OBJ)
	$(call say,HOSTLD,$@)
	$(Q)$(HOSTCC) -o $@ $^

# BENCH_ENGINE_FLAGS=--trust leaves the verifier out.
.PHONY: bench-engine
bench-engine: $(BUILD)/host/engine-kernels $(BUILD)/host/engine-verify-bench $(ENGINE_BPF)
	@mkdir -p $(BUILD)/bench
	@$< $(BENCH_ENGINE_FLAGS) --json $(BUILD)/bench/engine.json $(BUILD)/bpf/bench/engine
	@$(BUILD)/host/engine-verify-bench --json $(BUILD)/bench/engine-verify.json $(BUILD)/bpf/bench/engine
BENCHES += bench-engine

# --- tests --------------------------------------------------------------------------------------------------------------------
ENGINE_TEST_SRC := tests/engine/fixture.c tools/engine/asm.c
ENGINE_TEST_OBJ := $(addprefix $(BUILD)/san/,$(ENGINE_TEST_SRC:.c=.o)) $(ENGINE_SAN_OBJ)
ENGINE_OBJECTS  := $(patsubst %.c,$(BUILD)/bpf/%.o,$(wildcard tests/engine/objects/*.c))

$(BUILD)/san/engine-cases: $(BUILD)/san/tests/engine/cases.o $(ENGINE_TEST_OBJ)
$(BUILD)/san/engine-objects: $(BUILD)/san/tests/engine/objects.o $(ENGINE_TEST_OBJ)
$(BUILD)/san/engine-plugin: $(BUILD)/san/tools/engine/plugin.o $(ENGINE_SAN_OBJ)
$(BUILD)/san/engine-cases $(BUILD)/san/engine-objects $(BUILD)/san/engine-plugin:
	$(call say,SANLD,$@)
	$(Q)$(CLANG) $(SAN_FLAGS) -o $@ $^

$(BUILD)/gen/engine/generated.case: tests/engine/make_cases.py
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D) && $(PYTHON) $< > $@.new && mv $@.new $@

.PHONY: test-engine-cases test-engine-objects test-engine-conformance test-engine-fuzz
test-engine-cases: $(BUILD)/san/engine-cases $(BUILD)/gen/engine/generated.case
	@$^ $(wildcard tests/engine/cases/*.case)
test-engine-objects: $(BUILD)/san/engine-objects $(ENGINE_OBJECTS)
	@$< $(BUILD)/bpf/tests/engine/objects

# Third-party programs, if their data is beside the tree (or at CONFORMANCE=).
CONFORMANCE ?= ../shared/conformance
test-engine-conformance: $(BUILD)/host/engine-plugin
	@$(PYTHON) tests/engine/conformance.py $< $(CONFORMANCE)

# The loader under libFuzzer: all of the engine is compiled for it in one go. `make fuzz-engine-object FUZZ_TIME=3600` to go on.
FUZZ_TIME ?= 10
$(BUILD)/fuzz/engine-object: tests/engine/fuzz_object.c $(ENGINE_HOST_SRC) tests/engine/fixture.c | gen
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) $(SAN_CFLAGS) -fsanitize=fuzzer -O1 -o $@ $^
.PHONY: fuzz-engine-object
fuzz-engine-object test-engine-fuzz: $(BUILD)/fuzz/engine-object $(ENGINE_OBJECTS)
	@mkdir -p $(BUILD)/fuzz/object-corpus $(BUILD)/fuzz/object-seeds
	@for f in $(ENGINE_OBJECTS); do { printf '\377'; cat $$f; } > $(BUILD)/fuzz/object-seeds/$$(basename $$f); done
	@if $< -max_total_time=$(FUZZ_TIME) -timeout=10 -rss_limit_mb=2048 -max_len=16384 -verbosity=0 -print_final_stats=1 \
	    -artifact_prefix=$(BUILD)/fuzz/ $(BUILD)/fuzz/object-corpus $(BUILD)/fuzz/object-seeds 2> $(BUILD)/fuzz/object.log; \
	then grep -E 'executed_units' $(BUILD)/fuzz/object.log; echo 'engine-fuzz: 1 passed, 0 failed'; \
	else tail -40 $(BUILD)/fuzz/object.log; echo 'engine-fuzz: 0 passed, 1 failed'; exit 1; fi

.PHONY: test-engine-tools
test-engine-tools: $(BUILD)/host/triv $(BUILD)/host/engine-plugin $(BUILD)/host/engine-bench
	@$(PYTHON) tests/engine/test_triv.py $(BUILD)/host
HOST_TESTS += test-engine-tools test-engine-cases test-engine-objects test-engine-conformance test-engine-fuzz

# Does a broken core go unnoticed? Takes minutes; not part of `make test`.
.PHONY: mutate-engine-core
mutate-engine-core: $(BUILD)/gen/engine/generated.case $(ENGINE_OBJECTS)
	@$(PYTHON) tests/engine/mutate_core.py . $(BUILD)/mutate-core $< $(wildcard tests/engine/cases/*.case) -- $(BUILD)/bpf/tests/engine/objects
