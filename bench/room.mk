# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# The benchmarks. `make bench [ROWS=PATTERN,...] [BENCH_ARGS=...]` measures side by side with Linux; `make profile ROW=ID` says
# where a row's instructions go; `make test-bench` runs every row once or twice and checks that it gives a number, the same each
# time; `make bench-plot` draws the last table, `make bench-readme` writes it into README.md.

BENCH_RUN := $(PYTHON) bench/run.py --build $(BUILD)

include $(sort $(wildcard bench/*/room.mk))

GUEST_TESTS += test-bench

.PHONY: test-bench bench-rows bench-plot profile
test-bench: all $(LINUX_BENCH)
	$(Q)$(BENCH_RUN) --check

bench-rows: all $(LINUX_BENCH)
	$(Q)$(BENCH_RUN) --rows '$(ROWS)' $(BENCH_ARGS)

profile: all $(LINUX_BENCH)
	$(Q)$(PYTHON) bench/profile.py --build $(BUILD) --row '$(ROW)' $(PROFILE_ARGS)

bench-plot:
	$(Q)$(PYTHON) bench/plot --json $(BUILD)/bench.json --output docs/benchmarks.svg

.PHONY: bench-readme
bench-readme:
	$(Q)$(PYTHON) bench/readme.py --json $(BUILD)/bench.json

# How long the kernel keeps interrupts off.
.PHONY: bench-irqoff
bench-irqoff: $(GUEST_ELF) $(BUILD)/kernel/tricolor.elf
	$(Q)$(PYTHON) bench/irqoff.py --build $(BUILD) $(IRQOFF_ARGS)
