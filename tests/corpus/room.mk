# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# The busybox corpus: `make test-corpus` compares Tricolor with Linux on one CPU, `make test-corpus-smp` those cases that have
# several processes at a time on four; `make test-corpus-runner` shows on the host that the runner goes red when it must;
# `make test-pty` drives the interactive shell through a pseudo-terminal.

CORPUS_SMP := $(foreach p,sig job fifo pipe timeout setsid crash xargs,--case '$p*')

HOST_TESTS += test-corpus-runner
GUEST_TESTS += test-corpus test-corpus-smp test-pty

.PHONY: test-corpus test-corpus-smp test-corpus-runner test-pty
test-corpus: all
	$(Q)$(PYTHON) tests/corpus/run.py

test-corpus-smp: all
	$(Q)$(PYTHON) tests/corpus/run.py --smp 4 --name corpus-smp $(CORPUS_SMP)

test-corpus-runner:
	$(Q)$(PYTHON) tests/corpus/selftest.py

test-pty: all
	$(Q)$(PYTHON) tests/corpus/pty/run.py
