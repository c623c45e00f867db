# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# Tests of the compiler to machine code. Included by engine/jit/room.mk.

$(BUILD)/host/jit-dump: $(BUILD)/host/tests/engine/jit/dump.o $(ENGINE_HOST_OBJ)
$(BUILD)/host/jit-dump:
	$(call say,HOSTLD,$@)
	$(Q)$(HOSTCC) -o $@ $^
