# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors

# The guest that the launcher boots to learn whether KVM really works.
ALL += $(BUILD)/probe/probe.elf

$(BUILD)/probe/probe.o: tools/probe/probe.S
	$(call say,AS,$<)
	$(call compile,$(CLANG) -g -I.)
$(BUILD)/probe/probe.elf: $(BUILD)/probe/probe.o
	$(call say,LD,$@)
	$(Q)$(LD) -m elf_x86_64 -static -z noexecstack --no-dynamic-linker --image-base=0x100000 -Ttext=0x101000 -e probe_entry -o $@ $<

include tests/host/host.mk

# The house rules. The flags are those that each kind of program is compiled with.
LINTS += lint-tree
lint-tree: gen
	$(call say,LINT,house rules)
	$(Q)$(PYTHON) tools/lint --build $(BUILD) --cc $(CLANG) --flags 'kernel=$(KERNEL_CFLAGS)' --flags 'user=$(USER_CFLAGS)' \
	    --flags 'host=$(HOST_CFLAGS)' --flags 'ext=-target bpf $(CFLAGS_COMMON)'
