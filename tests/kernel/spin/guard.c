// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Analysis of guards: what compiled guards are understood as, and that whatever is understood means
// what the guard does. Every guard, and random ones in assembly, is run by the interpreter on
// random arguments that are likely to hit its constants; the tests must say the same.
//
//     spin-guard OBJECT

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/guard.h"
#include "tools/engine/asm.h"
#include "tools/engine/host.h"

struct packet {
    u32 length;
    u16 port;
    u8 protocol, flags;
    u64 stamp;
    i32 level;
    u8 address[6];
};

static unsigned passed, failed;

static bool check_at(int line, bool ok, const char *name, const char *what) {
    passed += ok;
    failed += !ok;
    if (!ok)
        printf("%s:%d: %s: %s\n", __FILE__, line, name, what);
    return ok;
}
#define CHECK(name, condition) check_at(__LINE__, condition, name, #condition)

#define SCALAR_FIELD(member, elements, bytes)                                                      \
    {                                                                                              \
        .name = #member, .offset = offsetof(struct packet, member), .count = elements, .type = {   \
            .kind = ENGINE_SCALAR,                                                                 \
            .flags = ENGINE_TYPE_READ,                                                             \
            .size = bytes                                                                          \
        }                                                                                          \
    }
static const struct engine_field fields[] = {
    SCALAR_FIELD(length, 1, 4),  SCALAR_FIELD(port, 1, 2),  SCALAR_FIELD(protocol, 1, 1),
    SCALAR_FIELD(flags, 1, 1),   SCALAR_FIELD(stamp, 1, 8), SCALAR_FIELD(level, 1, 4),
    SCALAR_FIELD(address, 6, 1),
};
static const struct engine_layout layout = {
    .name = "packet", .size = sizeof(struct packet), .field_count = 7, .fields = fields};
static const struct engine_hook hook = {
    .name = "guard",
    .section = "guard",
    .result = {.kind = ENGINE_SCALAR},
    .arguments = {{.kind = ENGINE_CONTEXT, .layout = 0},
                  {.kind = ENGINE_SCALAR},
                  {.kind = ENGINE_SCALAR, .size = 4},
                  {.kind = ENGINE_SCALAR, .size = 4, .flags = ENGINE_TYPE_SIGNED}},
    .argument_count = 4,
    .flags = ENGINE_HOOK_DETERMINISTIC | ENGINE_HOOK_BOUNDED,
};
static const struct engine_interface interface = {
    .name = "guards", .layouts = &layout, .layout_count = 1, .hooks = &hook, .hook_count = 1};

// ---- The meaning of tests

static u64 read_field(const struct dispatch_field *f, const u64 *arguments) {
    u64 raw = arguments[f->argument];
    if (f->memory) {
        u64 word = 0;
        memcpy(&word, (const u8 *)raw + f->offset, f->bytes);
        unsigned unused = 64 - 8 * f->bytes;
        raw = f->sign ? (u64)((i64)(word << unused) >> unused) : word;
    }
    return dispatch_field_finish(f, raw);
}

static bool tests_hold(const struct dispatch_guard *guard, const u64 *arguments) {
    for (u32 i = 0; i < guard->count; i++)
        if (!dispatch_test_holds(&guard->tests[i], read_field(&guard->tests[i].field, arguments)))
            return false;
    return guard->kind == DISPATCH_GUARD_TESTS;
}

// ---- Random arguments that like a guard's constants

static u64 state = 88172645463325252;
static u64 rnd(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static u64 likely(const struct engine_program *program, u32 function) {
    u64 v = rnd();
    if (v % 4) {
        const struct engine_function *f = &program->functions[function];
        const struct engine_insn *insn = &program->insns[f->entry + rnd() % f->length];
        v = (u64)insn->imm + (rnd() % 4 ? 0 : rnd() % 5 - 2);
        if (rnd() % 4 == 0)
            v = __builtin_bswap16((u16)v);
        else if (rnd() % 8 == 0)
            v = __builtin_bswap32((u32)v);
        else if (rnd() % 8 == 0)
            v <<= rnd() % 8;
    }
    return v;
}

static void randomise(const struct engine_program *program, u32 function, struct packet *p,
                      u64 *arguments) {
    *p = (struct packet){.length = (u32)likely(program, function),
                         .port = (u16)likely(program, function),
                         .protocol = (u8)likely(program, function),
                         .flags = (u8)likely(program, function),
                         .stamp = likely(program, function),
                         .level = (i32)likely(program, function)};
    for (u32 i = 0; i < 6; i++)
        p->address[i] = (u8)likely(program, function);
    arguments[0] = (u64)p;
    arguments[1] = likely(program, function);
    arguments[2] = (u32)likely(program, function);
    arguments[3] = (u64)(i64)(i32)likely(program, function);
    arguments[4] = 0;
}

// Runs a guard on random arguments, and compares. Returns how often it was true.
static unsigned compare(const char *name, const struct engine_program *program,
                        const struct engine_verdict *verdict, u32 function,
                        const struct dispatch_guard *guard, unsigned rounds) {
    struct host_run run;
    struct packet p;
    u64 arguments[ENGINE_ARGS], r0;
    unsigned trues = 0;
    if (!host_run_init(&run, program, host_stack_size(verdict)))
        exit(2);
    for (unsigned i = 0; i < rounds; i++) {
        randomise(program, function, &p, arguments);
        host_run_reset(&run, program, 1000000);
        enum engine_status status =
            engine_interpret(program, verdict, &run.run, function, arguments, &r0);
        bool said = tests_hold(guard, arguments);
        trues += r0 != 0;
        if (status != ENGINE_RUN_OK || said != (r0 != 0)) {
            CHECK(name, status == ENGINE_RUN_OK);
            CHECK(name, said == (r0 != 0));
            break;
        }
        passed++;
    }
    host_run_free(&run);
    return trues;
}

// ---- Compiled guards

struct expectation {
    const char *name;
    enum dispatch_guard_kind kind;
    u32 count, keys;
};
static const struct expectation expectations[] = {
    {"always", DISPATCH_GUARD_TESTS, 0, 0},      {"never", DISPATCH_GUARD_NEVER, 0, 0},
    {"one_field", DISPATCH_GUARD_TESTS, 1, 1},   {"one_byte", DISPATCH_GUARD_TESTS, 1, 1},
    {"two_fields", DISPATCH_GUARD_TESTS, 2, 2},  {"network_order", DISPATCH_GUARD_TESTS, 2, 2},
    {"masked", DISPATCH_GUARD_TESTS, 1, 1},      {"bit", DISPATCH_GUARD_TESTS, 1, 1},
    {"shifted", DISPATCH_GUARD_TESTS, 1, 1},     {"range", DISPATCH_GUARD_TESTS, 1, 0},
    {"wide", DISPATCH_GUARD_TESTS, 1, 1},        {"scalar", DISPATCH_GUARD_TESTS, 1, 1},
    {"scalar_wide", DISPATCH_GUARD_TESTS, 1, 1}, {"small_scalar", DISPATCH_GUARD_TESTS, 1, 1},
    {"negative", DISPATCH_GUARD_TESTS, 1, 1},    {"signed_range", DISPATCH_GUARD_TESTS, 1, 0},
    {"mixed", DISPATCH_GUARD_TESTS, 5, 2},       {"early", DISPATCH_GUARD_TESTS, 3, 3},
    {"array", DISPATCH_GUARD_TESTS, 2, 2},       {"either", DISPATCH_GUARD_OPAQUE, 0, 0},
    {"fields", DISPATCH_GUARD_OPAQUE, 0, 0},     {"sum", DISPATCH_GUARD_OPAQUE, 0, 0},
    {"loop", DISPATCH_GUARD_OPAQUE, 0, 0},
};

static void test_compiled(const char *path) {
    struct engine_host host = host_make(NULL);
    struct engine_object *object;
    struct engine_program *program;
    struct engine_refusal refusal;
    struct engine_verdict verdict;
    size_t size;
    uint8_t *bytes = host_read_file(path, &size);
    if (!bytes || engine_object_load(&host, bytes, size, &object, &refusal) != 0 ||
        engine_program_create(&host, object, &interface, 0, &program, &refusal) != 0 ||
        engine_verify(program, &(struct engine_verify_options){0}, &verdict) != 0) {
        printf("%s: not loaded\n", path);
        exit(2);
    }
    for (u32 i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++) {
        const struct expectation *e = &expectations[i];
        struct dispatch_guard guard;
        u32 function = engine_program_find(program, e->name), keys = 0;
        dispatch_guard_analyse(program, &verdict, function, &hook, false, &guard);
        for (u32 j = 0; j < guard.count; j++)
            keys += dispatch_test_is_key(&guard.tests[j]);
        if (!CHECK(e->name, guard.kind == e->kind) || !CHECK(e->name, guard.count == e->count) ||
            !CHECK(e->name, keys == e->keys))
            printf("  kind %d, %u tests, %u keys\n", guard.kind, guard.count, keys);
        if (guard.kind != DISPATCH_GUARD_OPAQUE && guard.kind == e->kind) {
            unsigned trues = compare(e->name, program, &verdict, function, &guard, 20000);
            CHECK(e->name, (trues != 0) == (e->kind == DISPATCH_GUARD_TESTS));
        }
    }
    engine_verdict_free(&verdict);
    engine_program_free(program);
    engine_object_free(object);
    free(bytes);
}

// ---- Random guards: a chain of conditions on random expressions, each leaving for "false"

static int append_condition(char *text, size_t size, bool last) {
    static const struct {
        const char *load;
        unsigned bits;
    } loads[] = {
        {"ldxw r2, [r1+0]", 32},  {"ldxh r2, [r1+4]", 16},  {"ldxb r2, [r1+6]", 8},
        {"ldxb r2, [r1+7]", 8},   {"ldxdw r2, [r1+8]", 64}, {"ldxsw r2, [r1+16]", 32},
        {"ldxsh r2, [r1+4]", 16}, {"ldxsb r2, [r1+7]", 8},  {"mov r2, r3", 64},
        {"mov r2, r4", 32},       {"mov32 r2, r5", 32},     {"ldxb r2, [r1+21]", 8},
    };
    static const char *const conditions[] = {"jne",  "jeq",  "jgt",   "jge",   "jlt",   "jle",
                                             "jsgt", "jsge", "jslt",  "jsle",  "jset",  "jne",
                                             "jne",  "jne",  "jne32", "jeq32", "jgt32", "jslt32"};
    unsigned l = rnd() % 12, at = 0;
    at += (unsigned)snprintf(text + at, size - at, "%s\n", loads[l].load);
    for (unsigned steps = rnd() % 3; steps--;) {
        unsigned c = rnd() % 4 ? (unsigned)rnd() % 256 : (unsigned)rnd() % 0x7fffffff;
        switch (rnd() % 6) {
        case 0:
            at += (unsigned)snprintf(text + at, size - at, "and r2, %u\n", c);
            break;
        case 1:
            at += (unsigned)snprintf(text + at, size - at, "rsh%s r2, %u\n", rnd() % 2 ? "32" : "",
                                     c % 32);
            break;
        case 2:
            at += (unsigned)snprintf(text + at, size - at, "add%s r2, %d\n", rnd() % 2 ? "32" : "",
                                     (int)c % 100 - 50);
            break;
        case 3:
            if (loads[l].bits >= 16)
                at += (unsigned)snprintf(text + at, size - at, "be%u r2\n", loads[l].bits);
            break;
        case 4:
            at += (unsigned)snprintf(text + at, size - at, "mov32 r2, r2\n");
            break;
        case 5:
            at += (unsigned)snprintf(text + at, size - at, "and32 r2, %d\n", -(int)(c % 64));
            break;
        }
    }
    int c = rnd() % 2 ? (int)(rnd() % 300) - 20 : (int)rnd();
    at += (unsigned)snprintf(text + at, size - at, "%s r2, %d, %s\n", conditions[rnd() % 18], c,
                             rnd() % 8 || last ? "out" : "skip");
    return (int)at;
}

static void test_random(unsigned rounds) {
    struct engine_host host = host_make(NULL);
    unsigned understood = 0;
    for (unsigned i = 0; i < rounds; i++) {
        char text[2048];
        // r2..r4 are the scalars: keep them where the conditions find them.
        strcpy(text, "mov r5, r4\nmov r4, r3\nmov r3, r2\nmov r0, 0\n");
        size_t at = strlen(text);
        for (unsigned n = 1 + rnd() % 3; n--;)
            at += (size_t)append_condition(text + at, sizeof(text) - at, n == 0);
        snprintf(text + at, sizeof(text) - at, "%s", "skip:\nmov r0, 1\nout:\nexit\n");
        uint8_t *slots;
        size_t size;
        char message[128];
        unsigned line = asm_assemble(text, &slots, &size, message, sizeof(message));
        if (line) {
            printf("%u: %s\n%s", line, message, text);
            exit(2);
        }
        struct engine_program *program;
        struct engine_refusal refusal;
        struct engine_verdict verdict;
        if (engine_program_from_slots(&host, slots, size, &interface, &program, &refusal) == 0) {
            if (engine_verify(program, &(struct engine_verify_options){0}, &verdict) == 0) {
                struct dispatch_guard guard;
                dispatch_guard_analyse(program, &verdict, 0, &hook, false, &guard);
                if (guard.kind != DISPATCH_GUARD_OPAQUE) {
                    unsigned before = failed;
                    understood++;
                    compare("random", program, &verdict, 0, &guard, 100);
                    if (failed != before)
                        printf("%s", text);
                }
            }
            engine_verdict_free(&verdict);
            engine_program_free(program);
        }
        free(slots);
    }
    CHECK("random", understood > rounds / 3);
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    test_compiled(argv[1]);
    test_random(5000);
    printf("spin-guard: %u passed, %u failed\n", passed, failed);
    return failed != 0;
}
