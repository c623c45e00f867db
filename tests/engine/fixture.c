// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See fixture.h.

#include "tests/engine/fixture.h"

#include <string.h>

#define SCALAR                                                                                     \
    { .kind = ENGINE_SCALAR }
#define FIELD(field, elements, width, rights)                                                      \
    {                                                                                              \
        .name = #field, .offset = offsetof(struct fixture_context, field), .count = elements,      \
        .type = {.kind = ENGINE_SCALAR, .flags = rights, .size = width},                           \
    }
enum {
    READ = ENGINE_TYPE_READ,
    WRITE = ENGINE_TYPE_WRITE,
    LAYOUT_CONTEXT = 0,
    LAYOUT_PACKET,
    LAYOUT_THING,
    LAYOUT_SHARED
};

static const struct engine_field context_fields[] = {
    FIELD(mark, 1, 4, READ | WRITE), FIELD(length, 1, 4, READ),        FIELD(stamp, 1, 8, READ),
    FIELD(bytes, 16, 1, READ),       FIELD(words, 4, 8, READ | WRITE),
};

static const struct engine_field packet_fields[] = {
    {.name = "data",
     .offset = 0,
     .count = 1,
     .type = {.kind = ENGINE_PACKET, .flags = READ | WRITE, .layout = 0, .size = 65535}},
    {.name = "data_end",
     .offset = 8,
     .count = 1,
     .type = {.kind = ENGINE_PACKET_END, .flags = READ, .layout = 0}},
    FIELD(mark, 1, 4, READ | WRITE),
    FIELD(length, 1, 4, READ),
    FIELD(stamp, 1, 8, READ),
    FIELD(bytes, 16, 1, READ),
    FIELD(words, 4, 8, READ | WRITE),
};

static const struct engine_field thing_fields[] = {
    {.name = "value",
     .offset = offsetof(struct fixture_thing, value),
     .count = 1,
     .type = {.kind = ENGINE_SCALAR, .flags = READ, .size = 8}},
};

// An object that others have, too.
static const struct engine_field shared_fields[] = {
    {.name = "value",
     .offset = 0,
     .count = 8,
     .type = {.kind = ENGINE_SCALAR, .flags = READ | WRITE, .size = 1}},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void release_thing(struct engine_run *run, uint64_t reference) {
    (void)run;
    ((struct fixture_thing *)(uintptr_t)reference)->count--;
}

static const struct engine_layout layouts[] = {
    {"fixture_context", sizeof(struct fixture_context), COUNT(context_fields), context_fields,
     NULL},
    {"fixture_context", sizeof(struct fixture_context), COUNT(packet_fields), packet_fields, NULL},
    {"thing", sizeof(uint64_t), COUNT(thing_fields), thing_fields, release_thing},
    {"shared", sizeof(uint64_t), COUNT(shared_fields), shared_fields, NULL},
};

#define UNUSED5 (void)a, (void)b, (void)c, (void)d, (void)e, (void)run
#define IMPORT(name)                                                                               \
    static uint64_t name(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,               \
                         struct engine_run *run)

IMPORT(thing_get) {
    UNUSED5;
    struct fixture *fixture = run->cookie;
    if (!a)
        return 0;
    fixture->thing.count++;
    fixture->thing.value = a;
    return (uintptr_t)&fixture->thing;
}

IMPORT(thing_put) {
    UNUSED5;
    release_thing(run, a);
    return 0;
}

IMPORT(thing_value) {
    UNUSED5;
    return ((const struct fixture_thing *)(uintptr_t)a)->value;
}

IMPORT(sum_bytes) {
    UNUSED5;
    uint64_t sum = 0;
    for (const uint8_t *p = (const uint8_t *)(uintptr_t)a; b; b--)
        sum += *p++;
    return sum;
}

IMPORT(fill_bytes) {
    UNUSED5;
    if (b)
        memset((void *)(uintptr_t)a, (int)c, b);
    return 0;
}

IMPORT(add) {
    UNUSED5;
    return a + b;
}

IMPORT(read_clock) {
    UNUSED5;
    return ++((struct fixture *)run->cookie)->clock;
}

IMPORT(stop_if) {
    UNUSED5;
    if (a)
        run->status = ENGINE_RUN_IMPORT;
    return 7;
}

IMPORT(cancel_run) {
    UNUSED5;
    engine_run_cancel(run);
    return 0;
}

static const struct engine_import imports[] = {
    {.name = "thing_get",
     .function = thing_get,
     .result = {.kind = ENGINE_REFERENCE,
                .flags = ENGINE_TYPE_ACQUIRE | ENGINE_TYPE_NULLABLE,
                .layout = LAYOUT_THING},
     .arguments = {SCALAR},
     .argument_count = 1,
     .prototype = "struct thing *(u64)"},
    {.name = "thing_put",
     .function = thing_put,
     .arguments = {{.kind = ENGINE_REFERENCE,
                    .flags = ENGINE_TYPE_RELEASE,
                    .layout = LAYOUT_THING}},
     .argument_count = 1,
     .prototype = "void(struct thing *)"},
    {.name = "thing_value",
     .function = thing_value,
     .result = SCALAR,
     .arguments = {{.kind = ENGINE_REFERENCE, .layout = LAYOUT_THING}},
     .argument_count = 1,
     .flags = ENGINE_IMPORT_PURE,
     .prototype = "u64(struct thing *)"},
    {.name = "sum_bytes",
     .function = sum_bytes,
     .result = SCALAR,
     .arguments = {{.kind = ENGINE_BUFFER, .flags = READ, .length = 2, .size = 65536}, SCALAR},
     .argument_count = 2,
     .flags = ENGINE_IMPORT_PURE | ENGINE_IMPORT_DETERMINISTIC},
    {.name = "fill_bytes",
     .function = fill_bytes,
     .arguments = {{.kind = ENGINE_BUFFER, .flags = WRITE, .length = 2, .size = 65536},
                   SCALAR,
                   SCALAR},
     .argument_count = 3,
     .flags = ENGINE_IMPORT_DETERMINISTIC},
    {.name = "add",
     .function = add,
     .result = SCALAR,
     .arguments = {SCALAR, SCALAR},
     .argument_count = 2,
     .flags = ENGINE_IMPORT_PURE | ENGINE_IMPORT_DETERMINISTIC},
    {.name = "clock", .function = read_clock, .result = SCALAR, .flags = ENGINE_IMPORT_PURE},
    {.name = "stop_if",
     .function = stop_if,
     .result = SCALAR,
     .arguments = {SCALAR},
     .argument_count = 1,
     .flags = ENGINE_IMPORT_CANCELS},
    {.name = "cancel_run", .function = cancel_run, .flags = ENGINE_IMPORT_PURE},
};

static const struct engine_hook hooks[FIXTURE_HOOKS] = {
    [FIXTURE_BUFFER] = {.name = "buffer",
                        .section = "buffer",
                        .result = SCALAR,
                        .arguments = {{.kind = ENGINE_BUFFER, .flags = READ | WRITE, .size = 64},
                                      {.kind = ENGINE_SCALAR,
                                       .flags = ENGINE_TYPE_RANGE,
                                       .minimum = 64,
                                       .maximum = 64}},
                        .argument_count = 2},
    [FIXTURE_CONTEXT] = {.name = "context",
                         .section = "context",
                         .result = SCALAR,
                         .arguments = {{.kind = ENGINE_CONTEXT, .layout = LAYOUT_CONTEXT}},
                         .argument_count = 1},
    [FIXTURE_PACKET] = {.name = "packet",
                        .section = "packet",
                        .result = SCALAR,
                        .arguments = {{.kind = ENGINE_CONTEXT, .layout = LAYOUT_PACKET}},
                        .argument_count = 1},
    [FIXTURE_ARENA] =
        {.name = "arena",
         .section = "arena",
         .result = SCALAR,
         .arguments = {{.kind = ENGINE_ARENA},
                       {.kind = ENGINE_SCALAR, .flags = ENGINE_TYPE_RANGE, .maximum = 4096}},
         .argument_count = 2},
};

const struct engine_interface fixture_interface = {
    .name = "fixture",
    .layouts = layouts,
    .imports = imports,
    .hooks = hooks,
    .layout_count = COUNT(layouts),
    .import_count = COUNT(imports),
    .hook_count = FIXTURE_ARENA,
};

void fixture_single_init(struct fixture_single *single, unsigned hook, size_t size) {
    single->hook = hooks[hook];
    if (hook == FIXTURE_BUFFER) {
        single->hook.arguments[0].size = (uint32_t)size;
        single->hook.arguments[1].minimum = single->hook.arguments[1].maximum = size;
        if (!size)
            single->hook.arguments[0] =
                (struct engine_type){.kind = ENGINE_SCALAR, .flags = ENGINE_TYPE_RANGE};
    }
    single->interface = fixture_interface;
    single->interface.hooks = &single->hook;
    single->interface.hook_count = 1;
    single->interface.arena_log2 = hook == FIXTURE_ARENA ? 12 : 0;
}

void fixture_begin(struct fixture *fixture, struct engine_run *run, unsigned hook, uint8_t *input,
                   size_t size, uint64_t *arguments) {
    memset(fixture, 0, sizeof(*fixture));
    memset(arguments, 0, ENGINE_ARGS * sizeof(*arguments));
    run->cookie = fixture;
    fixture->context.length = (uint32_t)size;
    fixture->context.stamp = 0x1122334455667788;
    for (unsigned i = 0; i < 16; i++)
        fixture->context.bytes[i] = (uint8_t)(i * 3 + 1);
    for (unsigned i = 0; i < 4; i++)
        fixture->context.words[i] = 100 + i;
    if (hook == FIXTURE_BUFFER) {
        arguments[0] = size ? (uintptr_t)input : 0;
        arguments[1] = size;
        return;
    }
    if (hook == FIXTURE_ARENA) {
        if (size)
            memcpy((void *)(uintptr_t)run->arena, input, size);
        arguments[0] = run->arena;
        arguments[1] = size;
        return;
    }
    arguments[0] = (uintptr_t)&fixture->context;
    if (hook == FIXTURE_PACKET) {
        fixture->context.data = (uintptr_t)input;
        fixture->context.data_end = (uintptr_t)input + size;
    }
}
