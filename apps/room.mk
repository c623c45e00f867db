# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# Native programs. first is what the kernel starts: $(BUILD)/user/first.elf.

FIRST_SRC := apps/first/main.c apps/first/config.c libos/rt/crt0.S libos/rt/calls.S libos/rt/batch.c libos/exos/elf.c \
             libos/exos/fs/cpio.c base/string.c base/format.c
FIRST_OBJ := $(addprefix $(BUILD)/user/,$(addsuffix .o,$(basename $(FIRST_SRC))))
ALL += $(BUILD)/user/first.elf

$(BUILD)/user/first.elf: $(FIRST_OBJ) apps/first/first.ld
	$(call say,LD,$@)
	$(Q)$(LD) -m elf_x86_64 -static -z max-page-size=4096 -z noexecstack -T apps/first/first.ld -o $(@:.elf=.debug) $(FIRST_OBJ)
	$(Q)$(OBJCOPY) --strip-all $(@:.elf=.debug) $@

-include $(filter-out apps/room.mk,$(wildcard apps/*/room.mk))
