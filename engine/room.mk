# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# The engine: a pure library. ENGINE_SRC lists its sources, from the root; the kernel links them as
# $(addprefix $(BUILD)/kernel/,$(ENGINE_SRC:.c=.o)), host programs as $(BUILD)/host/..., tests as $(BUILD)/san/...

ENGINE_SRC := $(addprefix engine/,isa.c decode.c btf.c object.c object_info.c sort.c program.c run.c interp.c disasm.c)

-include engine/verify/room.mk engine/jit/room.mk
