# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# Tests of the kernel's lower layer. Included by kernel/room.mk.

# --- on the host --------------------------------------------------------------------------------------------------------------
HOST_TESTS += test-sal-pure

SAL_PURE_OBJ := $(addprefix $(BUILD)/san/,tests/kernel/sal_pure.o \
                  $(addprefix kernel/sal/,memory_map.o firmware.o acpi.o mp_table.o symbols.o))

$(BUILD)/host/sal-pure: $(SAL_PURE_OBJ)
	$(call say,HOSTLD,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) $(SAN_FLAGS) -o $@ $^

test-sal-pure: $(BUILD)/host/sal-pure
	@$<

# --- in a virtual machine -----------------------------------------------------------------------------------------------------
# SAL alone, with sal_guest.c in the place of AEGIS.
GUEST_TESTS += test-sal-guest

SAL_GUEST_ELF := $(BUILD)/kernel/sal-guest.elf
SAL_GUEST_OBJ := $(filter-out $(BUILD)/kernel/kernel/aegis/% $(BUILD)/kernel/kernel/spin/%,$(KERNEL_OBJ)) $(BUILD)/kernel/tests/kernel/sal_guest.o

$(SAL_GUEST_ELF): $(SAL_GUEST_OBJ) kernel/kernel.ld kernel/sal/symbols.py
	$(call say,LD,$@)
	$(call kernel_link,$@,$(SAL_GUEST_OBJ))

test-sal-guest: $(SAL_GUEST_ELF)
	$(Q)$(PYTHON) tests/kernel/sal_guest.py $< $(SAL_ARGS)

# The same in a debug build, where locks check their holders and their order.
GUEST_TESTS += test-sal-debug

test-sal-debug:
	+$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/debug DEBUG=1 $(BUILD)/debug/kernel/sal-guest.elf
	$(Q)$(PYTHON) tests/kernel/sal_guest.py $(BUILD)/debug/kernel/sal-guest.elf --debug $(SAL_ARGS)
include tests/kernel/spin/dispatch.mk

# Strands without extensions: the whole kernel, and strand_guest.c, which runs in the place of the first program.
GUEST_TESTS += test-strand

STRAND_ELF := $(BUILD)/kernel/strand-guest.elf
STRAND_OBJ := $(KERNEL_OBJ) $(BUILD)/kernel/tests/kernel/strand_guest.o

$(STRAND_ELF): $(STRAND_OBJ) kernel/kernel.ld kernel/sal/symbols.py
	$(call say,LD,$@)
	$(call kernel_link,$@,$(STRAND_OBJ))

test-strand: $(STRAND_ELF) $(BUILD)/user/guest-tests.elf
	$(Q)$(PYTHON) tests/guest/run.py --name test-strand --kernel $< --program $(BUILD)/user/guest-tests.elf $(STRAND_ARGS)

# --- capabilities against a model, on the host --------------------------------------------------------------------------------
HOST_TESTS += test-cap-model

$(BUILD)/san/kernel/aegis/cap.o: EXTRA_CFLAGS += -DCAP_SMALL=1
CAP_MODEL_OBJ := $(addprefix $(BUILD)/san/,tests/kernel/cap_model.o kernel/aegis/cap.o)

$(BUILD)/host/cap-model: $(CAP_MODEL_OBJ)
	$(call say,HOSTLD,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) $(SAN_FLAGS) -o $@ $^

test-cap-model: $(BUILD)/host/cap-model
	@$< $(CAP_MODEL_ARGS)
