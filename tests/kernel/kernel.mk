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
