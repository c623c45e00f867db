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
VERIFY_FUZZ_COUNT ?= 1000
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

# Mutants are linked with everything but the verifier, without sanitizers.
VERIFY_MUTANT_OBJ = $(filter-out $(BUILD)/host/engine/verify/%,$(ENGINE_HOST_OBJ)) $(addprefix $(BUILD)/host/,$(ENGINE_TEST_SRC:.c=.o))
VERIFY_MUTATE = $(PYTHON) $(VERIFY_TEST_DIR)/mutate.py --out $(BUILD)/mutants --cc $(HOSTCC) --cflags '$(HOST_CFLAGS)' \
    --objects '$(VERIFY_MUTANT_OBJ)' --cases '$(wildcard $(VERIFY_TEST_DIR)/cases/*.case)'
test-verify-mutants: $(VERIFY_MUTANT_OBJ)
	@$(VERIFY_MUTATE) --sample 16
mutate-verify: $(VERIFY_MUTANT_OBJ)
	@$(VERIFY_MUTATE) $(CHECKS)

FUZZ_TIME ?= 10
VERIFY_FUZZ_SRC := $(addprefix $(VERIFY_TEST_DIR)/,fuzz.c oracle.c generate.c)
$(BUILD)/fuzz/verify: $(VERIFY_FUZZ_SRC) $(ENGINE_HOST_SRC) $(ENGINE_TEST_SRC) | gen
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) $(SAN_CFLAGS) -DVERIFY_LIBFUZZER -fsanitize=fuzzer -O1 -o $@ $^
fuzz-verify: $(BUILD)/fuzz/verify
	@mkdir -p $(BUILD)/fuzz/verify-corpus
	@$< -max_total_time=$(FUZZ_TIME) -timeout=60 -rss_limit_mb=2048 -max_len=4096 -artifact_prefix=$(BUILD)/fuzz/ $(BUILD)/fuzz/verify-corpus

HOST_TESTS += test-verify-cases test-verify-numbers test-verify-fuzz test-verify-memory test-verify-mutants
