# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# The guest tests: one program, run as the first one.

GUEST_SRC := $(wildcard tests/guest/*.c tests/guest/*.S)
GUEST_OBJ := $(addprefix $(BUILD)/user/,$(addsuffix .o,$(basename $(GUEST_SRC)))) \
             $(addprefix $(BUILD)/user/,libos/rt/crt0.o libos/rt/calls.o libos/rt/lrpc.o libos/rt/lrpc_pages.o libos/rt/frames.o base/string.o) $(BUILD)/user/base/format.o
GUEST_ELF := $(BUILD)/user/guest-tests.elf

ALL += $(GUEST_ELF)

# Extensions that the tests load.
WRONG_OBJECTS := leak lost global field forged forged_field arithmetic next after twice type kernel_type id slot_word new_kind null header slot beyond lent event given many result log guard const
GUEST_OBJECTS := $(EXT_OBJECTS) $(patsubst %.c,$(BUILD)/bpf/%.o,$(wildcard tests/guest/ext/*.c)) \
                 $(WRONG_OBJECTS:%=$(BUILD)/bpf/tests/guest/ext/wrong_object_%.o)
$(BUILD)/bpf/tests/guest/ext/wrong_object_%.o: tests/guest/ext/wrong_object.c | gen
	$(call say,BPFCC,$<)
	$(call compile,$(CLANG) $(BPF_CFLAGS) -DWRONG_$*)
$(BUILD)/user/tests/guest/objects.o: $(GUEST_OBJECTS)
$(BUILD)/user/tests/guest/objects.o: EXTRA_CFLAGS += -Wa,-I$(BUILD)
GUEST_TESTS += test-kernel

$(GUEST_ELF): $(GUEST_OBJ) tests/guest/guest.ld
	$(call say,LD,$@)
	$(Q)$(LD) -m elf_x86_64 -static -z max-page-size=4096 -z noexecstack -T tests/guest/guest.ld -o $@ $(GUEST_OBJ)

# On one, two and four processors.
test-kernel: $(GUEST_ELF) $(BUILD)/kernel/tricolor.elf
	$(Q)$(PYTHON) tests/guest/run.py --kernel $(BUILD)/kernel/tricolor.elf --program $(GUEST_ELF) $(GUEST_ARGS)

# What short slices show sooner, in time that only the guest's instructions take.
.PHONY: test-slices
test-slices: $(GUEST_ELF) $(BUILD)/kernel/tricolor.elf
	$(Q)$(PYTHON) tests/guest/run.py --name test-slices --kernel $(BUILD)/kernel/tricolor.elf --program $(GUEST_ELF) \
	    --qemu-arg=-icount --qemu-arg=shift=0,sleep=off --append slice_us=1000 --test 'excess*' $(GUEST_ARGS)
GUEST_TESTS += test-slices
# No call takes longer than interrupts may be off, where a tick is an instruction.
GUEST_TESTS += test-bounded
.PHONY: test-bounded
test-bounded: $(GUEST_ELF) $(BUILD)/kernel/tricolor.elf
	$(Q)$(PYTHON) tests/guest/run.py --name test-bounded --kernel $(BUILD)/kernel/tricolor.elf --program $(GUEST_ELF) --smp 1 \
	    --qemu-arg=-icount --qemu-arg=shift=0,sleep=off --append timed=1 --test 'bounded_*' $(GUEST_ARGS)
# Mappings of 1 GiB, on a machine that has an aligned GiB of free memory.
GUEST_TESTS += test-giga
.PHONY: test-giga
test-giga: $(GUEST_ELF) $(BUILD)/kernel/tricolor.elf
	$(Q)$(PYTHON) tests/guest/run.py --kernel $(BUILD)/kernel/tricolor.elf --program $(GUEST_ELF) --name test-giga --smp 1,2 \
	  --test 'giga_*' --qemu-arg=-m --qemu-arg=3G
