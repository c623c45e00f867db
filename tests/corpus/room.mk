# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# The busybox corpus: `make test-corpus` compares Tricolor with Linux, `make test-corpus-runner` shows on the host that the
# runner goes red when it must, `make test-pty` drives the interactive shell through a pseudo-terminal.

CORPUS_SMP ?= 2

HOST_TESTS += test-corpus-runner
GUEST_TESTS += test-corpus test-pty

.PHONY: test-corpus test-corpus-runner test-pty
test-corpus: all
	$(Q)$(PYTHON) tests/corpus/run.py --smp $(CORPUS_SMP)

test-corpus-runner:
	$(Q)$(PYTHON) tests/corpus/selftest.py

test-pty: all
	$(Q)$(PYTHON) tests/corpus/pty/run.py --smp $(CORPUS_SMP)
