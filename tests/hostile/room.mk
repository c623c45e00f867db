# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# Misbehaving Linux programs and broken executables.

HOSTILE := $(BUILD)/tests/hostile
VICTIM  := $(BUILD)/tests/victim

GUEST_TESTS += test-hostile

$(HOSTILE): tests/hostile/hostile.c tests/hostile/threads.c | gen
	$(call say,HOSTCC,$<)
	$(Q)mkdir -p $(@D) && gcc -std=gnu11 -O1 -fno-stack-protector -D_GNU_SOURCE -I. -I$(BUILD)/gen -static -o $@ $^ -pthread
$(VICTIM): tests/hostile/victim.c
	$(call say,HOSTCC,$<)
	$(Q)mkdir -p $(@D) && gcc -std=gnu11 -O1 -static -no-pie -o $@ $<

test-hostile: $(HOSTILE) $(VICTIM) all
	$(Q)$(PYTHON) tests/hostile/run.py --program $(HOSTILE) --victim $(VICTIM) $(HOSTILE_ARGS)
