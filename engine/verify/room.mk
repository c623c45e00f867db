# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# The verifier's sources.

VERIFY_SRC := $(addprefix engine/verify/,num.c pool.c value.c frame.c join.c flow.c access.c exec.c \
                call.c fixpoint.c explain.c verify.c)
ENGINE_SRC += $(VERIFY_SRC)
