# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# The compiler to machine code. Its tests are in tests/engine/jit/.

JIT_SRC := $(addprefix engine/jit/,x86.c zone.c cfg.c build.c hull.c nodes.c opt.c meter.c unroll.c widen.c lower.c live.c alloc.c emit.c \
             emit_moves.c emit_value.c emit_call.c jit.c)
ENGINE_SRC += $(JIT_SRC)

# In the kernel, small is better than fast to compile with.
$(JIT_SRC:%.c=$(BUILD)/kernel/%.o): EXTRA_CFLAGS += -Oz
