# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# Tests of the house itself: the launcher, against a fake guest, and lint, against bad trees. Included by tools/room.mk.

FAKE := $(BUILD)/fake
FAKE_CFLAGS := -m32 -march=i686 -std=gnu11 -g -O2 -ffreestanding -fno-pic -fno-stack-protector -fno-builtin -Wall -Wextra

$(FAKE)/%.o: tests/host/fakeguest/%.c tests/host/host.mk
	$(call say,CC,$<)
	$(call compile,$(CLANG) $(FAKE_CFLAGS))
$(FAKE)/%.o: tests/host/fakeguest/%.S tests/host/host.mk
	$(call say,AS,$<)
	$(call compile,$(CLANG) -m32)
$(FAKE)/kernel/tricolor.elf: $(FAKE)/entry.o $(FAKE)/fake.o
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(LD) -m elf_i386 -static -z noexecstack --image-base=0x100000 -e fake_entry -o $@ $^
# Any bytes do for the first program and the libOSes: the fake guest only steps over them.
$(FAKE)/user/first.elf: $(FAKE)/fake.o
	$(Q)mkdir -p $(@D)/boot && cp $< $(@D)/boot/exos.elf && cp $< $(@D)/boot/mini.elf && cp $< $@
$(FAKE)/probe/probe.elf: $(BUILD)/probe/probe.elf
	$(Q)mkdir -p $(@D) && cp $< $@

HOST_TESTS += test-launcher
test-launcher: $(FAKE)/kernel/tricolor.elf $(FAKE)/user/first.elf $(FAKE)/probe/probe.elf
	$(Q)TRICOLOR_BUILD=$(FAKE) $(PYTHON) tests/host/test_launcher.py

HOST_TESTS += test-lint
test-lint:
	$(Q)$(PYTHON) tests/host/test_lint.py

HOST_TESTS += test-house
test-house:
	$(Q)$(PYTHON) tests/host/test_house.py

GUEST_TESTS += test-run
test-run: all
	$(Q)$(PYTHON) tests/host/test_run.py
