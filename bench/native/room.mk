# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# Benchmarks of the kernel's primitives: one program, run as the first one.

NATIVE_SRC := $(wildcard bench/native/*.c bench/native/*.S)
NATIVE_OBJ := $(addprefix $(BUILD)/user/,$(addsuffix .o,$(basename $(NATIVE_SRC)))) \
              $(addprefix $(BUILD)/user/,libos/rt/crt0.o libos/rt/calls.o libos/rt/lrpc.o libos/rt/lrpc_pages.o libos/rt/frames.o base/string.o base/format.o) \
              $(addprefix $(BUILD)/user/libos/pager/,pager.o linear.o hashed.o)
NATIVE_ELF := $(BUILD)/user/bench-native.elf

# Extensions that the rows load.
NATIVE_OBJECTS := $(patsubst %.c,$(BUILD)/bpf/%.o,$(wildcard bench/ext/*.c))
$(BUILD)/user/bench/native/objects.o: $(NATIVE_OBJECTS)
$(BUILD)/user/bench/native/objects.o: EXTRA_CFLAGS += -Wa,-I$(BUILD)

ALL += $(NATIVE_ELF)

$(NATIVE_ELF): $(NATIVE_OBJ) bench/native/native.ld
	$(call say,LD,$@)
	$(Q)$(LD) -m elf_x86_64 -static -z max-page-size=4096 -z noexecstack -T bench/native/native.ld -o $@ $(NATIVE_OBJ)
