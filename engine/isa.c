// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The instruction table: isa.def as data.

#include "engine/isa.h"

enum {
    MASK_ = 0,
    MASK_D = ENGINE_USES_D,
    MASK_DI = ENGINE_USES_D | ENGINE_USES_I,
    MASK_DS = ENGINE_USES_D | ENGINE_USES_S,
    MASK_DSI = ENGINE_USES_D | ENGINE_USES_S | ENGINE_USES_I,
    MASK_DSO = ENGINE_USES_D | ENGINE_USES_S | ENGINE_USES_O,
    MASK_DIO = ENGINE_USES_D | ENGINE_USES_I | ENGINE_USES_O,
    MASK_DOI = ENGINE_USES_D | ENGINE_USES_I | ENGINE_USES_O,
    MASK_O = ENGINE_USES_O,
    MASK_I = ENGINE_USES_I,
};

#define LOG2_BYTES(bits) ((bits) == 8 ? 0 : (bits) == 16 ? 1 : (bits) == 32 ? 2 : 3)

const struct engine_op_info engine_ops[ENGINE_OP_COUNT] = {
    [ENGINE_OP_HOLE] = {.text = "hole", .effect = ENGINE_EFFECT_HOLE},
#define ENGINE_INSN(id, text, opcode, select, value, operands, effect, sub, bits, group)           \
    [ENGINE_OP_##id] = {text,  opcode,          ENGINE_SELECT_##select,                            \
                        value, MASK_##operands, ENGINE_EFFECT_##effect,                            \
                        sub,   LOG2_BYTES(bits)},
#include "engine/isa.def"
};
