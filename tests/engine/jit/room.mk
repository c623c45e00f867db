# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# Tests of the compiler to machine code. Included by engine/jit/room.mk.

$(BUILD)/host/jit-dump: $(BUILD)/host/tests/engine/jit/dump.o $(ENGINE_HOST_OBJ)
$(BUILD)/host/jit-dump:
	$(call say,HOSTLD,$@)
	$(Q)$(HOSTCC) -o $@ $^

# --- random programs, interpreter against machine code; the compiler under sanitizers -----------------------------------------
JIT_TEST_SRC := $(addprefix tests/engine/jit/,generate.c differential.c)

$(BUILD)/host/jit-differential: $(JIT_TEST_SRC:%.c=$(BUILD)/host/%.o) $(ENGINE_HOST_OBJ)
$(BUILD)/host/jit-differential:
	$(call say,HOSTLD,$@)
	$(Q)$(HOSTCC) -o $@ $^
$(BUILD)/san/jit-differential: $(JIT_TEST_SRC:%.c=$(BUILD)/san/%.o) $(ENGINE_SAN_OBJ)
	$(call say,SANLD,$@)
	$(Q)$(CLANG) $(SAN_FLAGS) -o $@ $^

.PHONY: test-jit-differential test-jit-sanitized test-jit-failing
# Seeds that once found something come first: a shift whose amount turned out to be 0 leaves the flags alone; the upper half of a value
# of 32 bits is 0 also if it is stored byte by byte.
JIT_SEEDS := 9280771637679 42278028708389
test-jit-differential: $(BUILD)/host/jit-differential
	@for seed in $(JIT_SEEDS); do $< --seed $$seed --count 1 >$(BUILD)/jit-seed.log || { cat $(BUILD)/jit-seed.log; exit 1; }; done
	@$<
test-jit-sanitized: $(BUILD)/san/jit-differential
	@ASAN_OPTIONS=detect_leaks=1 $< --seconds 4
test-jit-failing: $(BUILD)/san/jit-differential
	@$< --failing --count 40 --seconds 30
HOST_TESTS += test-jit-differential test-jit-sanitized test-jit-failing

# --- the encoder, as llvm-mc reads it -----------------------------------------------------------------------------------------
$(BUILD)/host/jit-encodings: $(BUILD)/host/tests/engine/jit/encodings.o $(BUILD)/host/engine/jit/x86.o
	$(call say,HOSTLD,$@)
	$(Q)$(HOSTCC) -o $@ $^
.PHONY: test-jit-encodings
test-jit-encodings: $(BUILD)/host/jit-encodings
	@$(PYTHON) tests/engine/jit/encodings.py $<
HOST_TESTS += test-jit-encodings
