# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# Programs with policies of their own: do they get what they should?

.PHONY: test-sched figure-stride
test-sched: $(BUILD)/user/sched.elf $(BUILD)/kernel/tricolor.elf
	$(Q)$(PYTHON) tests/apps/sched.py --build $(BUILD) $(SCHED_ARGS)
GUEST_TESTS += test-sched

# The paper's figure, from a run.
figure-stride: $(BUILD)/user/sched.elf $(BUILD)/kernel/tricolor.elf
	$(Q)$(PYTHON) tests/apps/sched.py --build $(BUILD) --smp 1 --sets 1 --figure docs/stride.svg

$(BUILD)/san/tests/apps/test-pager: $(addprefix $(BUILD)/san/,tests/apps/pager.o libos/pager/linear.o libos/pager/hashed.o)
	$(call say,SANLD,$@)
	$(Q)$(CLANG) $(SAN_FLAGS) -o $@ $^
.PHONY: test-pager
test-pager: $(BUILD)/san/tests/apps/test-pager
	@$<
HOST_TESTS += test-pager

# tri-ext, --ext, and the commands of docs/extensions.md.
.PHONY: test-ext
test-ext: all
	$(Q)$(PYTHON) tests/apps/ext.py --build $(BUILD) $(EXT_ARGS)
GUEST_TESTS += test-ext

# tri-top and tri-trace, from the shell.
.PHONY: test-tri
test-tri: all
	$(Q)$(PYTHON) tests/apps/tri.py $(TRI_ARGS)
GUEST_TESTS += test-tri

# The boot configuration.
$(BUILD)/san/tests/apps/test-config: $(addprefix $(BUILD)/san/,apps/first/config_test.o apps/first/config.o)
	$(call say,SANLD,$@)
	$(Q)$(CLANG) $(SAN_FLAGS) -o $@ $^
.PHONY: test-config test-pods
test-config: $(BUILD)/san/tests/apps/test-config
	@$<
HOST_TESTS += test-config

# Two pods and two minis, one of them hostile.
test-pods: all
	$(Q)$(PYTHON) tests/apps/pods.py $(PODS_ARGS)
GUEST_TESTS += test-pods
