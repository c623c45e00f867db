// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Analysis of guards: follows every path of the function with symbolic values, at most STEPS_MAX
// instructions in all. A branch on a field splits the path and adds a test to each side; one whose
// outcome follows from the path's tests does not. If exactly one path returns a value that is not
// 0, the guard is the tests of that path.

#include "engine/guard.h"

#include "base/bits.h"
#include "base/string.h"

enum { STEPS_MAX = 2048, PENDING_MAX = 24 };

enum value_kind { VALUE_UNKNOWN, VALUE_CONSTANT, VALUE_POINTER, VALUE_FIELD, VALUE_CLOSURE };

// CLOSURE: cut to 32 bits if number is not 0. CONSTANT: number. POINTER: argument + (i64)number.
// FIELD: field.
struct value {
    u8 kind;
    u8 argument;
    u64 number;
    struct dispatch_field field;
};

struct path {
    u32 pc;
    u32 count;
    struct dispatch_test tests[DISPATCH_TESTS];
    struct value regs[ENGINE_REGISTERS];
};

struct analysis {
    const struct engine_program *program;
    const struct engine_verdict *verdict;
    const struct engine_hook *hook;
    struct dispatch_guard *guard;
    u32 steps, pending, trues;
    struct path paths[PENDING_MAX];
};

static u64 width_mask(unsigned bytes) {
    return bytes >= 8 ? ~0ul : (1ul << 8 * bytes) - 1;
}

static u64 swap_bytes(u64 v, unsigned bytes) {
    return __builtin_bswap64(v) >> (64 - 8 * bytes);
}

u64 dispatch_field_finish(const struct dispatch_field *field, u64 v) {
    if (field->swap)
        v = swap_bytes(v & width_mask(field->swap), field->swap);
    v = (v >> field->shift & field->mask) + field->add;
    return field->narrow ? (u32)v : v;
}

bool dispatch_test_holds(const struct dispatch_test *test, u64 v) {
    u64 c = test->value;
    i64 sv = test->field.narrow ? (i32)v : (i64)v, sc = test->field.narrow ? (i32)c : (i64)c;
    switch ((enum dispatch_relation)test->relation) {
    case DISPATCH_EQ:
        return v == c;
    case DISPATCH_NE:
        return v != c;
    case DISPATCH_BELOW:
        return v < c;
    case DISPATCH_NOT_BELOW:
        return v >= c;
    case DISPATCH_ABOVE:
        return v > c;
    case DISPATCH_NOT_ABOVE:
        return v <= c;
    case DISPATCH_LESS:
        return sv < sc;
    case DISPATCH_NOT_LESS:
        return sv >= sc;
    case DISPATCH_GREATER:
        return sv > sc;
    case DISPATCH_NOT_GREATER:
        return sv <= sc;
    }
    return false;
}

bool dispatch_field_equal(const struct dispatch_field *a, const struct dispatch_field *b) {
    return a->argument == b->argument && a->memory == b->memory && a->bytes == b->bytes &&
           a->sign == b->sign && a->swap == b->swap && a->shift == b->shift &&
           a->narrow == b->narrow && a->offset == b->offset && a->mask == b->mask &&
           a->add == b->add;
}

// Word as it is read, before `finish`.
static bool same_word(const struct dispatch_field *a, const struct dispatch_field *b) {
    return a->argument == b->argument && a->memory == b->memory && a->bytes == b->bytes &&
           a->sign == b->sign && a->offset == b->offset;
}

static bool is_whole(const struct dispatch_field *f) {
    return !f->swap && !f->shift && !f->add && f->mask == width_mask(f->bytes);
}

bool dispatch_test_normalise(struct dispatch_test *test) {
    struct dispatch_field *f = &test->field;
    if (test->relation == DISPATCH_NE && test->value == 0 && !f->add && !f->narrow && !f->sign &&
        bits_is_power2(f->mask)) { // a bit that is not 0 is 1
        test->relation = DISPATCH_EQ;
        test->value = f->mask;
    }
    if (test->relation != DISPATCH_EQ)
        return true;
    if (f->add) {
        if (f->narrow && f->mask > 0xffffffff)
            return true;
        u64 value = test->value - f->add;
        if (f->narrow) {
            if (test->value > 0xffffffff)
                return false;
            value = (u32)value;
        }
        test->value = value;
        f->add = 0;
    }
    if (f->narrow) {
        f->mask &= 0xffffffff;
        f->narrow = 0;
    }
    if (test->value & ~f->mask)
        return false;
    if (f->sign) {
        u64 low = width_mask(f->bytes), value = test->value;
        if (f->swap || f->shift || (f->mask & ~low && f->mask != ~0ul))
            return true;
        if (f->mask == ~0ul &&
            (u64)((i64)(value << (64 - 8 * f->bytes)) >> (64 - 8 * f->bytes)) != value)
            return false;
        f->sign = 0;
        f->mask &= low;
        test->value &= low;
    }
    unsigned word = f->swap ? f->swap : f->bytes;
    u64 reach = width_mask(word) >> f->shift;
    if (test->value & ~reach)
        return false;
    f->mask = (f->mask & reach) << f->shift;
    test->value <<= f->shift;
    f->shift = 0;
    if (f->swap) {
        f->mask = swap_bytes(f->mask, f->swap);
        test->value = swap_bytes(test->value, f->swap);
        f->swap = 0;
    }
    return true;
}

// ---- What the tests of a path say about another one

enum outcome { OPEN, HOLDS, FAILS };

static enum outcome decide(const struct path *path, const struct dispatch_test *test) {
    for (u32 i = 0; i < path->count; i++) {
        const struct dispatch_test *known = &path->tests[i];
        if (known->closure)
            continue;
        if (dispatch_field_equal(&known->field, &test->field)) {
            if (known->relation == DISPATCH_EQ)
                return dispatch_test_holds(test, known->value) ? HOLDS : FAILS;
            if (known->value == test->value && known->relation == test->relation)
                return HOLDS;
            if (known->value == test->value && known->relation == (test->relation ^ 1))
                return FAILS;
        }
        // The whole word is known, so everything made of it is.
        if (known->relation == DISPATCH_EQ && is_whole(&known->field) && !known->field.sign &&
            same_word(&known->field, &test->field))
            return dispatch_test_holds(test, dispatch_field_finish(&test->field, known->value))
                       ? HOLDS
                       : FAILS;
    }
    return OPEN;
}

// Adds a test to a path. Returns false if the path is thereby impossible; *full if it does not fit.
static bool assume(struct path *path, struct dispatch_test test, bool *full) {
    if (test.closure) { // nothing is known of it
        *full |= path->count == DISPATCH_TESTS;
        if (path->count < DISPATCH_TESTS)
            path->tests[path->count++] = test;
        return true;
    }
    if (!dispatch_test_normalise(&test))
        return false;
    switch (decide(path, &test)) {
    case HOLDS:
        return true;
    case FAILS:
        return false;
    case OPEN:
        break;
    }
    // A new equality may settle older tests.
    u32 kept = 0;
    if (test.relation == DISPATCH_EQ && is_whole(&test.field) && !test.field.sign) {
        for (u32 i = 0; i < path->count; i++) {
            struct dispatch_test *old = &path->tests[i];
            if (!old->closure && same_word(&old->field, &test.field)) {
                if (!dispatch_test_holds(old, dispatch_field_finish(&old->field, test.value)))
                    return false;
                if (old->field.sure == test.field.sure)
                    continue;
            }
            path->tests[kept++] = *old;
        }
        path->count = kept;
    }
    if (path->count == DISPATCH_TESTS) {
        *full = true;
        return true;
    }
    path->tests[path->count++] = test;
    return true;
}

// ---- Steps

// Is the word of `bytes` at offset behind the argument there whenever the event is raised?
static bool is_sure(const struct engine_hook *hook, unsigned argument, i64 offset, unsigned bytes) {
    const struct engine_type *type = &hook->arguments[argument];
    if (type->flags & ENGINE_TYPE_NULLABLE)
        return false;
    if (type->kind == ENGINE_CONTEXT) // the verifier has checked the offset
        return true;
    return type->kind == ENGINE_BUFFER && !type->length && offset >= 0 &&
           offset + bytes <= type->size;
}

static struct value constant(u64 number) {
    return (struct value){.kind = VALUE_CONSTANT, .number = number};
}

static struct value step_load(const struct analysis *a, const struct path *path,
                              const struct engine_insn *insn) {
    const struct value *base = &path->regs[insn->src];
    i64 offset = (i64)base->number + insn->off;
    if (base->kind != VALUE_POINTER || !(a->verdict->proof[path->pc] & ENGINE_PROOF_SAFE) ||
        offset != (i32)offset)
        return (struct value){0};
    // A pointer in a context is no number: what is behind it is not followed.
    unsigned bytes = engine_insn_bytes(insn);
    u8 sign = engine_ops[insn->op].sub == 1;
    return (struct value){.kind = VALUE_FIELD,
                          .field = {.argument = base->argument,
                                    .memory = 1,
                                    .bytes = (u8)bytes,
                                    .sign = sign,
                                    .sure = is_sure(a->hook, base->argument, offset, bytes),
                                    .offset = (i32)offset,
                                    .mask = sign ? ~0ul : width_mask(bytes)}};
}

// v cut to 32 bits.
static struct value narrowed(struct value v) {
    if (v.kind == VALUE_CONSTANT) {
        v.number = (u32)v.number;
    } else if (v.kind == VALUE_CLOSURE) {
        v.number = 1;
    } else if (v.kind == VALUE_FIELD) {
        if (v.field.add)
            v.field.narrow = 1;
        else
            v.field.mask &= 0xffffffff;
    } else {
        v.kind = VALUE_UNKNOWN;
    }
    return v;
}

static struct value field_alu(struct value v, enum engine_alu op, unsigned bits, u64 c) {
    struct dispatch_field *f = &v.field;
    bool plain = !f->add && !f->narrow;
    switch (op) {
    case ENGINE_ALU_AND:
        if (!plain)
            break;
        f->mask &= c;
        return v;
    case ENGINE_ALU_RSH:
        if (!plain || c >= 64 || f->shift + c >= 64)
            break;
        f->shift += (u8)c;
        f->mask >>= c;
        return v;
    case ENGINE_ALU_ADD:
    case ENGINE_ALU_SUB:
        if (f->narrow && bits == 64)
            break;
        f->add += op == ENGINE_ALU_ADD ? c : -c;
        return v;
    case ENGINE_ALU_TOBE:
    case ENGINE_ALU_BSWAP:
        if (!is_whole(f) || f->sign || (f->memory && f->bytes != bits / 8))
            break;
        f->swap = (u8)(bits / 8);
        f->mask = width_mask(f->swap);
        return v;
    case ENGINE_ALU_TOLE:
        if (!plain)
            break;
        f->mask &= width_mask(bits / 8);
        return v;
    default:
        break;
    }
    return (struct value){0};
}

static u64 constant_alu(enum engine_alu op, unsigned bits, u64 a, u64 b, bool *known) {
    unsigned shift = (unsigned)b & (bits - 1);
    switch (op) {
    case ENGINE_ALU_ADD:
        return a + b;
    case ENGINE_ALU_SUB:
        return a - b;
    case ENGINE_ALU_AND:
        return a & b;
    case ENGINE_ALU_OR:
        return a | b;
    case ENGINE_ALU_XOR:
        return a ^ b;
    case ENGINE_ALU_LSH:
        return a << shift;
    case ENGINE_ALU_RSH:
        return (bits == 32 ? (u32)a : a) >> shift;
    default:
        *known = false;
        return 0;
    }
}

static struct value step_alu(const struct path *path, const struct engine_insn *insn) {
    enum engine_alu op = engine_ops[insn->op].sub;
    unsigned bits = engine_insn_bits(insn);
    struct value dst = path->regs[insn->dst];
    struct value src =
        engine_insn_uses_src(insn) ? path->regs[insn->src] : constant((u64)insn->imm);
    bool swaps = op == ENGINE_ALU_TOBE || op == ENGINE_ALU_TOLE || op == ENGINE_ALU_BSWAP;
    if (op == ENGINE_ALU_MOV)
        return bits == 32 ? narrowed(src) : src;
    if (swaps)
        return dst.kind == VALUE_FIELD ? field_alu(dst, op, bits, 0) : (struct value){0};
    if (bits == 32) {
        dst = narrowed(dst);
        src = narrowed(src);
    }
    if (dst.kind == VALUE_CONSTANT && src.kind == VALUE_CONSTANT) {
        bool known = true;
        u64 result = constant_alu(op, bits, dst.number, src.number, &known);
        return !known ? (struct value){0} : constant(bits == 32 ? (u32)result : result);
    }
    if (dst.kind == VALUE_CONSTANT && src.kind == VALUE_FIELD &&
        (op == ENGINE_ALU_AND || op == ENGINE_ALU_ADD)) {
        struct value v = dst;
        dst = src;
        src = v;
    }
    if (src.kind != VALUE_CONSTANT)
        return (struct value){0};
    if (dst.kind == VALUE_POINTER && bits == 64 && (op == ENGINE_ALU_ADD || op == ENGINE_ALU_SUB)) {
        dst.number += op == ENGINE_ALU_ADD ? src.number : -src.number;
        return dst;
    }
    if (dst.kind != VALUE_FIELD)
        return (struct value){0};
    if (bits == 32 && op == ENGINE_ALU_RSH)
        src.number &= 31;
    struct value result = field_alu(dst, op, bits, src.number);
    return bits == 32 ? narrowed(result) : result;
}

static const u8 relation_of[] = {
    [ENGINE_COND_JEQ] = DISPATCH_EQ,       [ENGINE_COND_JNE] = DISPATCH_NE,
    [ENGINE_COND_JLT] = DISPATCH_BELOW,    [ENGINE_COND_JGE] = DISPATCH_NOT_BELOW,
    [ENGINE_COND_JGT] = DISPATCH_ABOVE,    [ENGINE_COND_JLE] = DISPATCH_NOT_ABOVE,
    [ENGINE_COND_JSLT] = DISPATCH_LESS,    [ENGINE_COND_JSGE] = DISPATCH_NOT_LESS,
    [ENGINE_COND_JSGT] = DISPATCH_GREATER, [ENGINE_COND_JSLE] = DISPATCH_NOT_GREATER,
    [ENGINE_COND_JSET] = DISPATCH_NE,
};

// A field that is, or is not, the closure.
static bool closure_test(struct value a, struct value b, enum engine_cond cond, unsigned bits,
                         struct dispatch_test *test) {
    if (b.kind == VALUE_FIELD) {
        struct value v = a;
        a = b;
        b = v;
    }
    if (a.kind != VALUE_FIELD || b.kind != VALUE_CLOSURE ||
        (cond != ENGINE_COND_JEQ && cond != ENGINE_COND_JNE))
        return false;
    if (bits == 32) {
        a = narrowed(a);
        b = narrowed(b);
    }
    if (a.field.add || a.field.narrow || a.field.sign)
        return false;
    *test = (struct dispatch_test){a.field, relation_of[cond], 0, b.number ? 2 : 1};
    return true;
}

bool dispatch_tests_close(struct dispatch_test *tests, u32 count, u64 closure) {
    bool possible = true;
    for (u32 i = 0; i < count; i++) {
        if (!tests[i].closure)
            continue;
        tests[i].value = tests[i].closure == 2 ? (u32)closure : closure;
        tests[i].closure = 0;
        possible &= dispatch_test_normalise(&tests[i]);
    }
    return possible;
}

// The test that the branch makes. False if it is not understood.
static bool branch_test(const struct path *path, const struct engine_insn *insn,
                        struct dispatch_test *test) {
    enum engine_cond cond = engine_ops[insn->op].sub;
    unsigned bits = engine_insn_bits(insn);
    struct value dst = path->regs[insn->dst];
    struct value src =
        engine_insn_uses_src(insn) ? path->regs[insn->src] : constant((u64)insn->imm);
    if (dst.kind == VALUE_CLOSURE || src.kind == VALUE_CLOSURE)
        return closure_test(dst, src, cond, bits, test);
    if (dst.kind != VALUE_FIELD || src.kind != VALUE_CONSTANT)
        return false;
    bool is_signed = relation_of[cond] >= DISPATCH_LESS;
    if (bits == 32) {
        dst = narrowed(dst);
        src = narrowed(src);
        if (is_signed)
            dst.field.narrow = 1;
    } else if (is_signed && dst.field.narrow) {
        return false;
    }
    if (cond == ENGINE_COND_JSET) {
        if (dst.field.add || dst.field.narrow)
            return false;
        dst.field.mask &= src.number;
        src.number = 0;
    }
    *test = (struct dispatch_test){dst.field, relation_of[cond], src.number, 0};
    return true;
}

// Both sides of a test: one goes on here, the other is put aside.
static bool split(struct analysis *a, struct path *path, const struct dispatch_test *test,
                  u32 target) {
    struct dispatch_test other = *test;
    other.relation ^= 1;
    if (a->pending == PENDING_MAX)
        return false;
    bool full = false;
    struct path *taken = &a->paths[a->pending];
    *taken = *path;
    taken->pc = target;
    if (assume(taken, *test, &full))
        a->pending++;
    if (!assume(path, other, &full))
        path->pc = ENGINE_NO_PC;
    else
        path->pc++;
    return !full;
}

static bool step_branch(struct analysis *a, struct path *path, const struct engine_insn *insn) {
    engine_proof proof = a->verdict->proof[path->pc];
    if (proof & (ENGINE_PROOF_ALWAYS | ENGINE_PROOF_NEVER)) {
        path->pc = proof & ENGINE_PROOF_ALWAYS ? insn->target : path->pc + 1;
        return true;
    }
    struct dispatch_test test;
    if (!branch_test(path, insn, &test)) {
        // Constants, after a join of materialised conditions.
        struct value dst = path->regs[insn->dst];
        struct value src =
            engine_insn_uses_src(insn) ? path->regs[insn->src] : constant((u64)insn->imm);
        enum engine_cond cond = engine_ops[insn->op].sub;
        if (dst.kind != VALUE_CONSTANT || src.kind != VALUE_CONSTANT || cond == ENGINE_COND_JSET)
            return false;
        bool narrow = engine_insn_bits(insn) == 32;
        struct dispatch_test known = {
            {.narrow = narrow}, relation_of[cond], narrow ? (u32)src.number : src.number, 0};
        path->pc = dispatch_test_holds(&known, narrow ? (u32)dst.number : dst.number)
                       ? insn->target
                       : path->pc + 1;
        return true;
    }
    return split(a, path, &test, insn->target);
}

static void found(struct analysis *a, const struct path *path) {
    a->trues++;
    a->guard->kind = DISPATCH_GUARD_TESTS;
    a->guard->count = path->count;
    memcpy(a->guard->tests, path->tests, path->count * sizeof(path->tests[0]));
}

// The end of a path. False if it can't be told what it returns.
static bool step_exit(struct analysis *a, struct path *path) {
    struct value *r0 = &path->regs[0];
    bool full = false;
    if (r0->kind == VALUE_FIELD) {
        struct dispatch_test test = {r0->field, DISPATCH_NE, 0, 0};
        if (assume(path, test, &full) && !full)
            found(a, path);
        return !full;
    }
    if (r0->kind != VALUE_CONSTANT)
        return false;
    if (r0->number)
        found(a, path);
    return true;
}

// Follows one path to its end. False: opaque.
static bool follow(struct analysis *a, struct path *path) {
    while (path->pc != ENGINE_NO_PC) {
        if (++a->steps > STEPS_MAX || path->pc >= a->program->insn_count)
            return false;
        const struct engine_insn *insn = &a->program->insns[path->pc];
        switch (engine_insn_effect(insn)) {
        case ENGINE_EFFECT_ALU:
            path->regs[insn->dst] = step_alu(path, insn);
            path->pc++;
            break;
        case ENGINE_EFFECT_LDIMM:
            path->regs[insn->dst] =
                insn->kind == ENGINE_IMM_NUMBER ? constant((u64)insn->imm) : (struct value){0};
            path->pc += 2;
            break;
        case ENGINE_EFFECT_LOAD:
            path->regs[insn->dst] = step_load(a, path, insn);
            path->pc++;
            break;
        case ENGINE_EFFECT_JUMP:
            path->pc = insn->target;
            break;
        case ENGINE_EFFECT_BRANCH:
            if (!step_branch(a, path, insn))
                return false;
            break;
        case ENGINE_EFFECT_EXIT:
            return step_exit(a, path);
        default:
            return false;
        }
    }
    return true;
}

void dispatch_guard_analyse(const struct engine_program *program,
                            const struct engine_verdict *verdict, u32 function,
                            const struct engine_hook *hook, bool has_closure,
                            struct dispatch_guard *guard) {
    const struct engine_host *host = &program->host;
    guard->kind = DISPATCH_GUARD_OPAQUE;
    guard->count = 0;
    struct analysis *a = host->alloc(host->cookie, sizeof(*a) + sizeof(struct path));
    if (!a)
        return;
    struct path *path = (struct path *)(a + 1);
    a->program = program;
    a->verdict = verdict;
    a->hook = hook;
    a->guard = guard;
    a->steps = a->trues = 0;
    a->pending = 1;
    memset(&a->paths[0], 0, sizeof(a->paths[0]));
    a->paths[0].pc = program->functions[function].entry;
    for (u32 i = 0; i < hook->argument_count; i++) {
        struct value *v = &a->paths[0].regs[i + 1];
        if (hook->arguments[i].kind == ENGINE_SCALAR)
            *v = (struct value){.kind = VALUE_FIELD,
                                .field = {.argument = (u8)i, .bytes = 8, .sure = 1, .mask = ~0ul}};
        else
            *v = (struct value){.kind = VALUE_POINTER, .argument = (u8)i};
    }
    if (has_closure)
        a->paths[0].regs[hook->argument_count] = (struct value){.kind = VALUE_CLOSURE};
    bool understood = true;
    while (understood && a->pending) {
        *path = a->paths[--a->pending];
        understood = follow(a, path);
    }
    if (!understood || a->trues > 1)
        guard->kind = DISPATCH_GUARD_OPAQUE;
    else if (a->trues == 0)
        guard->kind = DISPATCH_GUARD_NEVER;
    if (guard->kind != DISPATCH_GUARD_TESTS)
        guard->count = 0;
    host->free(host->cookie, a, sizeof(*a) + sizeof(struct path));
}
