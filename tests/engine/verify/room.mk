# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# Tests of the verifier.
#
#   test-verify-cases     programs with their verdict (cases/*.case) and facts about numbers
#   test-verify-fuzz      random programs against the two oracles, for VERIFY_FUZZ_COUNT programs
#   test-verify-memory    every n-th allocation fails
#   mutate-verify         weakens each check in turn; all mutants must die (minutes, by hand; `make test` runs a sample)
#   fuzz-verify           libFuzzer, for FUZZ_TIME seconds

VERIFY_TEST_DIR := tests/engine/verify
VERIFY_FUZZ_COUNT ?= 3000
VERIFY_FUZZ_SEED  ?= 1

$(BUILD)/san/verify-fuzz: $(BUILD)/san/$(VERIFY_TEST_DIR)/fuzz.o $(BUILD)/san/$(VERIFY_TEST_DIR)/oracle.o \
    $(BUILD)/san/$(VERIFY_TEST_DIR)/generate.o $(ENGINE_TEST_OBJ)
$(BUILD)/san/verify-numbers: $(BUILD)/san/$(VERIFY_TEST_DIR)/numbers.o $(ENGINE_TEST_OBJ)
$(BUILD)/san/verify-memory: $(BUILD)/san/$(VERIFY_TEST_DIR)/memory.o $(BUILD)/san/$(VERIFY_TEST_DIR)/generate.o $(ENGINE_TEST_OBJ)
$(BUILD)/san/verify-cases: $(BUILD)/san/$(VERIFY_TEST_DIR)/cases.o $(ENGINE_TEST_OBJ)
$(BUILD)/san/verify-fuzz $(BUILD)/san/verify-numbers $(BUILD)/san/verify-memory $(BUILD)/san/verify-cases:
	$(call say,SANLD,$@)
	$(Q)$(CLANG) $(SAN_FLAGS) -o $@ $^

.PHONY: test-verify-cases test-verify-numbers test-verify-fuzz test-verify-memory test-verify-mutants mutate-verify fuzz-verify
test-verify-cases: $(BUILD)/san/verify-cases
	@$< $(wildcard $(VERIFY_TEST_DIR)/cases/*.case)
test-verify-numbers: $(BUILD)/san/verify-numbers
	@$<
test-verify-fuzz: $(BUILD)/san/verify-fuzz
	@$< --seed $(VERIFY_FUZZ_SEED) --count $(VERIFY_FUZZ_COUNT)
test-verify-memory: $(BUILD)/san/verify-memory
	@$<
HOST_TESTS += test-verify-fuzz
