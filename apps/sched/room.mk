# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# Schedulers as programs: $(BUILD)/user/sched.elf runs as the first program (tests/apps/sched.py boots it).

SCHED_SRC := $(wildcard apps/sched/*.c) libos/rt/crt0.S libos/rt/calls.S base/string.c base/format.c
SCHED_OBJ := $(addprefix $(BUILD)/user/,$(addsuffix .o,$(basename $(SCHED_SRC))))
ALL += $(BUILD)/user/sched.elf

$(BUILD)/user/sched.elf: $(SCHED_OBJ) apps/first/first.ld
	$(call say,LD,$@)
	$(Q)$(LD) -m elf_x86_64 -static -z max-page-size=4096 -z noexecstack -T apps/first/first.ld -o $@ $(SCHED_OBJ)
