# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# Benchmarks of Linux's operations: one static program for Linux and ExOS alike. Only the goals that measure build it, because
# it needs gcc.

LINUX_BENCH_SRC := $(wildcard bench/linux/*.c)
LINUX_BENCH     := $(BUILD)/bench/linux-rows

$(LINUX_BENCH): $(LINUX_BENCH_SRC) bench/linux/rows.h | gen
	$(call say,BENCHCC,$@)
	$(Q)mkdir -p $(@D) && gcc -std=gnu11 -O2 -Wall -Wextra -D_GNU_SOURCE -I. -I$(BUILD)/gen -static -pthread -o $@ $(LINUX_BENCH_SRC)
