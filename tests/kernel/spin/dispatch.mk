# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# Tests of kernel/spin: the dispatcher runs on the host, under sanitizers.

DISPATCH_SRC := $(addprefix kernel/spin/dispatch/,code.c emit.c table.c set.c dispatch.c)
DISPATCH_OBJ := $(addprefix $(BUILD)/san/,$(DISPATCH_SRC:.c=.o)) $(ENGINE_SAN_OBJ)

$(BUILD)/san/spin-guard: $(BUILD)/san/tests/kernel/spin/guard.o $(BUILD)/san/tools/engine/asm.o $(DISPATCH_OBJ)
$(BUILD)/san/spin-dispatch: $(addprefix $(BUILD)/san/tests/kernel/spin/,dispatch.o dispatch_host.o) $(DISPATCH_OBJ)
$(BUILD)/san/spin-guard $(BUILD)/san/spin-dispatch:
	$(call say,SANLD,$@)
	$(Q)$(CLANG) $(SAN_FLAGS) -pthread -o $@ $^

.PHONY: test-spin-guard test-spin-dispatch
test-spin-guard: $(BUILD)/san/spin-guard $(BUILD)/bpf/tests/kernel/spin/objects/guards.o
	@$^
test-spin-dispatch: $(BUILD)/san/spin-dispatch
	@$<
HOST_TESTS += test-spin-guard test-spin-dispatch

$(BUILD)/san/spin-epoch: $(BUILD)/san/tests/kernel/spin/epoch.o $(BUILD)/san/kernel/spin/epoch.o
	$(call say,SANLD,$@)
	$(Q)$(CLANG) $(SAN_FLAGS) -pthread -o $@ $^
.PHONY: test-spin-epoch
test-spin-epoch: $(BUILD)/san/spin-epoch
	@$<
HOST_TESTS += test-spin-epoch
