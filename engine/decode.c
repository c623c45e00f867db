// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The decoder. Instructions that share an opcode are chained: first[opcode] begins the chain,
// next[op] continues it, and the row whose selecting field matches is the instruction.

#include "engine/decode.h"

#include "base/bits.h"
#include "base/string.h"

_Static_assert(ENGINE_OP_COUNT <= 255, "operations fit a byte");

struct decoder {
    uint8_t first[256];
    uint8_t next[ENGINE_OP_COUNT];
    struct engine_refusal *refusal;
};

int engine_refuse(struct engine_refusal *refusal, enum engine_refusal_code code, uint32_t pc,
                  int64_t a, int64_t b) {
    memset(refusal, 0, sizeof(*refusal));
    refusal->code = code;
    refusal->pc = pc;
    refusal->function = ENGINE_NO_FUNCTION;
    refusal->reg = 0xff;
    refusal->a = a;
    refusal->b = b;
    return code == ENGINE_REFUSED_MEMORY ? ENGINE_ERROR_MEMORY : ENGINE_ERROR_REFUSED;
}

int engine_refuse_name(struct engine_refusal *refusal, enum engine_refusal_code code,
                       const char *name) {
    int error = engine_refuse(refusal, code, ENGINE_NO_PC, 0, 0);
    string_copy(refusal->name, name, sizeof(refusal->name));
    return error;
}

static void decoder_init(struct decoder *decoder, struct engine_refusal *refusal) {
    memset(decoder, 0, sizeof(*decoder));
    decoder->refusal = refusal;
    for (unsigned op = ENGINE_OP_COUNT - 1; op > ENGINE_OP_HOLE; op--) {
        decoder->next[op] = decoder->first[engine_ops[op].opcode];
        decoder->first[engine_ops[op].opcode] = (uint8_t)op;
    }
}

static struct engine_wire wire_load(const uint8_t *p) {
    return (struct engine_wire){p[0], p[1], (int16_t)bits_load16(p + 2),
                                (int32_t)bits_load32(p + 4)};
}

static bool selects(const struct engine_op_info *info, const struct engine_wire *wire) {
    switch (info->select) {
    case ENGINE_SELECT_OFF:
        return wire->off == info->value;
    case ENGINE_SELECT_IMM:
        return wire->imm == info->value;
    case ENGINE_SELECT_SRC:
        return wire->registers >> 4 == info->value;
    default:
        return true;
    }
}

// Fields that neither select nor are operands must be zero.
static bool reserved_are_zero(const struct engine_op_info *info, const struct engine_wire *wire) {
    unsigned uses = info->operands;
    return ((uses & ENGINE_USES_D) || (wire->registers & 15) == 0) &&
           ((uses & ENGINE_USES_S) || info->select == ENGINE_SELECT_SRC ||
            wire->registers >> 4 == 0) &&
           ((uses & ENGINE_USES_O) || info->select == ENGINE_SELECT_OFF || wire->off == 0) &&
           ((uses & ENGINE_USES_I) || info->select == ENGINE_SELECT_IMM || wire->imm == 0);
}

// Which registers may stand where: r10 is never written.
static bool registers_exist(const struct engine_insn *insn, const struct engine_op_info *info,
                            unsigned *bad) {
    bool writes_dst = info->effect == ENGINE_EFFECT_ALU || info->effect == ENGINE_EFFECT_LOAD ||
                      info->effect == ENGINE_EFFECT_LDIMM || info->effect == ENGINE_EFFECT_CALL;
    bool writes_src = info->effect == ENGINE_EFFECT_ATOMIC &&
                      info->sub >= ENGINE_ATOMIC_FETCH_ADD && info->sub != ENGINE_ATOMIC_CMPXCHG;
    *bad = insn->dst;
    if (insn->dst > ENGINE_R10 || (writes_dst && insn->dst == ENGINE_R10))
        return false;
    *bad = insn->src;
    return insn->src < ENGINE_R10 || (insn->src == ENGINE_R10 && !writes_src);
}

static int decode_wide(struct decoder *decoder, const uint8_t *slots, uint32_t pc, uint32_t count,
                       struct engine_insn *insn) {
    static const uint8_t zero[4];
    const uint8_t *half = slots + (size_t)(pc + 1) * ENGINE_SLOT_BYTES;
    if (pc + 1 >= count || memcmp(half, zero, sizeof(zero)) != 0)
        return engine_refuse(decoder->refusal, ENGINE_REFUSED_WIDE_HALF, pc, 0, 0);
    uint32_t low = (uint32_t)insn->imm;
    unsigned source = insn->src;
    insn->src = 0;
    insn->off = 0;
    insn->imm = (int64_t)((uint64_t)bits_load32(half + 4) << 32 | low);
    if (source == 0)
        return 0;
    // src 4: a function, relative to the next slot
    int64_t target = (int64_t)pc + 1 + (int32_t)low;
    if (source != 4 || bits_load32(half + 4) != 0)
        return engine_refuse(decoder->refusal, ENGINE_REFUSED_RESERVED, pc, source, 0);
    if (target < 0 || target >= count)
        return engine_refuse(decoder->refusal, ENGINE_REFUSED_CALL_TARGET, pc, target, 0);
    insn->kind = ENGINE_IMM_FUNCTION;
    insn->imm = target;
    return 0;
}

static int decode_transfer(struct decoder *decoder, uint32_t pc, uint32_t count,
                           const struct engine_wire *wire, struct engine_insn *insn) {
    bool local_call = insn->op == ENGINE_OP_CALL_LOCAL;
    if (!local_call && !engine_insn_has_target(insn))
        return 0;
    bool by_imm = local_call || insn->op == ENGINE_OP_JAL;
    int64_t target = (int64_t)pc + 1 + (by_imm ? wire->imm : wire->off);
    if (target < 0 || target >= count)
        return engine_refuse(decoder->refusal,
                             local_call ? ENGINE_REFUSED_CALL_TARGET : ENGINE_REFUSED_JUMP, pc,
                             target, 0);
    if (local_call) {
        insn->imm = target;
        return 0;
    }
    insn->target = (uint32_t)target;
    if (by_imm)
        insn->imm = 0;
    return 0;
}

static int decode_slot(struct decoder *decoder, const uint8_t *slots, uint32_t pc, uint32_t count,
                       struct engine_insn *insn) {
    struct engine_wire wire = wire_load(slots + (size_t)pc * ENGINE_SLOT_BYTES);
    unsigned op = decoder->first[wire.opcode], bad;
    if (!op)
        return engine_refuse(decoder->refusal, ENGINE_REFUSED_OPCODE, pc, wire.opcode, 0);
    // Compilers before LLVM 19 put the register of `call reg` into the immediate.
    if (op == ENGINE_OP_CALL_REG && wire.registers == 0 && wire.imm > 0 && wire.imm < ENGINE_R10) {
        wire.registers = (uint8_t)wire.imm;
        wire.imm = 0;
    }
    while (op && !selects(&engine_ops[op], &wire))
        op = decoder->next[op];
    if (!op || !reserved_are_zero(&engine_ops[op], &wire))
        return engine_refuse(decoder->refusal, ENGINE_REFUSED_RESERVED, pc, wire.opcode, 0);
    const struct engine_op_info *info = &engine_ops[op];
    *insn = (struct engine_insn){.op = (uint8_t)op, .dst = wire.registers & 15};
    if (info->operands & ENGINE_USES_S)
        insn->src = wire.registers >> 4;
    if (info->operands & ENGINE_USES_O)
        insn->off = wire.off;
    if (info->operands & ENGINE_USES_I)
        insn->imm = wire.imm;
    if (!registers_exist(insn, info, &bad))
        return engine_refuse(decoder->refusal, ENGINE_REFUSED_REGISTER, pc, bad, 0);
    if (op == ENGINE_OP_LDIMM64)
        return decode_wide(decoder, slots, pc, count, insn);
    return decode_transfer(decoder, pc, count, &wire, insn);
}

int engine_decode(const uint8_t *slots, uint32_t count, struct engine_insn *out,
                  struct engine_refusal *refusal) {
    struct decoder decoder;
    decoder_init(&decoder, refusal);
    for (uint32_t pc = 0; pc < count; pc += engine_insn_slots(&out[pc])) {
        int error = decode_slot(&decoder, slots, pc, count, &out[pc]);
        if (error)
            return error;
        if (out[pc].op == ENGINE_OP_LDIMM64)
            out[pc + 1] = (struct engine_insn){.op = ENGINE_OP_HOLE};
    }
    return 0;
}

int engine_decode_check_function(const struct engine_insn *insns, uint32_t entry, uint32_t length,
                                 struct engine_refusal *refusal) {
    uint32_t last = entry;
    for (uint32_t pc = entry; pc < entry + length; pc += engine_insn_slots(&insns[pc])) {
        const struct engine_insn *insn = &insns[pc];
        last = pc;
        if (engine_insn_has_target(insn) &&
            (insn->target < entry || insn->target >= entry + length ||
             insns[insn->target].op == ENGINE_OP_HOLE))
            return engine_refuse(refusal, ENGINE_REFUSED_JUMP, pc, insn->target, 0);
    }
    if (engine_insn_falls_through(&insns[last]) ||
        last + engine_insn_slots(&insns[last]) > entry + length)
        return engine_refuse(refusal, ENGINE_REFUSED_FALLS_OFF, last, 0, 0);
    return 0;
}
