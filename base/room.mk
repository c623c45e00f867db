# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# Freestanding helpers, mostly headers. BASE_SRC lists the sources, from the root; kernel, libOSes and host programs link
# them as $(addprefix $(BUILD)/kernel/,$(BASE_SRC:.c=.o)) and so on.

BASE_SRC := base/string.c base/format.c

$(BUILD)/san/base-test: $(BUILD)/san/tests/base/base.o $(BUILD)/san/base/format.o
	$(call say,SANLD,$@)
	$(Q)$(CLANG) $(SAN_FLAGS) -o $@ $^

.PHONY: test-base
test-base: $(BUILD)/san/base-test
	@$<
HOST_TESTS += test-base
