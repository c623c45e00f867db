# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# mini, the teaching library OS.

MINI_SRC := $(wildcard libos/mini/*.c libos/mini/*.S) libos/rt/crt0.S libos/rt/calls.S base/format.c base/string.c
MINI_OBJ := $(addprefix $(BUILD)/user/mini/,$(addsuffix .o,$(basename $(MINI_SRC))))

ALL += $(BUILD)/user/boot/mini.elf

# Upcall handlers must not touch vector registers: they belong to whoever was interrupted.
$(BUILD)/user/mini/%.o: %.c | gen
	$(call say,UCC,$<)
	$(call compile,$(CC) $(USER_CFLAGS) -mgeneral-regs-only)
$(BUILD)/user/mini/%.o: %.S | gen
	$(call say,UAS,$<)
	$(call compile,$(CC) $(USER_CFLAGS))

$(BUILD)/user/boot/mini.elf: $(MINI_OBJ) libos/mini/mini.ld
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(LD) -m elf_x86_64 -static -z max-page-size=4096 -z noexecstack -T libos/mini/mini.ld -o $@ $(MINI_OBJ)
