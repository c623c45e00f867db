// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The kernel's engine, in user space: the same sources, against the same services
// (tools/gen/services.py). What other extensions export is taken to be as the object declares it.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/ext/importer.h"
#include "apps/tri-ext/tri-ext.h"
#include "engine/counted.h"
#include "engine/engine.h"
#include "engine/guard.h"
#include "engine/signature.h"
#include "gen/services.h"

static void *host_alloc(void *cookie, size_t size) {
    (void)cookie;
    return malloc(size ? size : 1);
}

static void host_free(void *cookie, void *memory, size_t size) {
    (void)cookie, (void)size;
    free(memory);
}

static const struct engine_host host = {.alloc = host_alloc, .free = host_free};

static int refused(const struct engine_refusal *refusal, const struct engine_program *program) {
    char text[8192];
    engine_refusal_print(refusal, program, text, sizeof text);
    fputs(text, stdout);
    return 1;
}

// --- the interface that the kernel would make ----------------------------------------------------

enum role { NONE, ENTRY, GUARD, OTHER, NOTHING, IMPORTER, REQUEST, MERGER, STATE, OBJECT };
static const struct {
    const char *section;
    enum role role;
    const char *wants; // arguments, for people
} sections[] = {
    {"entry", ENTRY, "numbers: what a pointer points to, a program could set to anything"},
    {"event", OTHER, 0},
    {"handler", OTHER, 0},
    {"guard", GUARD, 0},
    {"impose", GUARD, 0},
    {"init", NOTHING, "nothing"},
    {"fini", NOTHING, "nothing"},
    {"may_link", IMPORTER, "const struct ext_importer *"},
    {"authorise", REQUEST, "struct event_request *"},
    {"merger", MERGER, "two numbers, and returns one"},
    {"give", STATE, "a structure and, perhaps, a number"},
    {"take", STATE, "a const structure and, perhaps, a number"},
    {"concurrent", OTHER, 0},
    {"destroy", OBJECT, "a counted structure"},
};

// Structures that are counted objects.
static struct engine_counted counted;

static int counted_layout(void *cookie, const struct engine_btf *btf, uint32_t id) {
    return engine_counted_layout(cookie, btf, id);
}

static const struct engine_references references = {&counted, counted_layout};

// Which of them; -1: none.
static int section_of(const struct engine_symbol *symbol) {
    if (symbol->kind != ENGINE_SYMBOL_FUNCTION)
        return -1;
    for (u32 i = 0; i < sizeof sections / sizeof *sections; i++) {
        size_t length = strlen(sections[i].section);
        if (!strncmp(symbol->section, sections[i].section, length) &&
            (!symbol->section[length] || symbol->section[length] == '/'))
            return (int)i;
    }
    return -1;
}

static int is_buffer(const struct engine_type *type, u64 size, int may_write) {
    return type->kind == ENGINE_BUFFER && (!size || type->size == size) &&
           (may_write || !(type->flags & ENGINE_TYPE_WRITE));
}

// As the kernel's loader does it (role_fits in kernel/spin/load.c).
static int fits(int section, const struct engine_hook *hook) {
    const struct engine_type *first = &hook->arguments[0], *second = &hook->arguments[1];
    u32 count = hook->argument_count;
    switch (sections[section].role) {
    case ENTRY:
        for (u32 i = 0; i < count; i++)
            if (hook->arguments[i].kind != ENGINE_SCALAR)
                return 0;
        return 1;
    case NOTHING:
        return !count;
    case IMPORTER:
        return count == 1 && is_buffer(first, sizeof(struct ext_importer), 0);
    case REQUEST:
        return count == 1 && is_buffer(first, sizeof(struct event_request), 1);
    case OBJECT:
        return count == 1 && first->kind == ENGINE_REFERENCE;
    case MERGER:
        return count == 2 && first->kind == ENGINE_SCALAR && second->kind == ENGINE_SCALAR &&
               hook->result.kind == ENGINE_SCALAR;
    case STATE:
        return count && count <= 2 &&
               is_buffer(first, 0, !strcmp(sections[section].section, "give")) &&
               (count == 1 || second->kind == ENGINE_SCALAR);
    default:
        return 1;
    }
}

static const struct engine_import *service_named(const char *name) {
    for (u32 i = 0; i < sizeof services / sizeof *services; i++)
        if (!strcmp(services[i].name, name))
            return &services[i];
    return NULL;
}

static int bad_type(const struct engine_symbol *symbol) {
    printf("%s: functions that others call take and return numbers, and pointers to structures\n"
           "  to pass: change its type; compile with -g\n",
           symbol->name);
    return 1;
}

static int import_add(struct engine_interface *interface, const struct engine_symbol *symbol,
                      const struct engine_btf *btf) {
    struct engine_import *import =
        (struct engine_import *)&interface->imports[interface->import_count++];
    const struct engine_import *service = service_named(symbol->name);
    if (service) {
        *import = *service;
        return 0;
    }
    *import = (struct engine_import){.name = symbol->name};
    enum engine_counted_op op = engine_counted_op(symbol->name);
    if (op)
        return engine_counted_import(&counted, &references, op, btf, symbol->btf, import)
                   ? 0
                   : bad_type(symbol);
    printf("%s: no service of the kernel; taken for the event of another extension\n",
           symbol->name);
    return engine_signature_read(btf, symbol->btf, &references, &import->result, import->arguments,
                                 &import->argument_count)
               ? 0
               : bad_type(symbol);
}

static int hook_add(struct engine_interface *interface, const struct engine_symbol *symbol,
                    const struct engine_btf *btf) {
    struct engine_hook *hook = (struct engine_hook *)&interface->hooks[interface->hook_count++];
    int section = section_of(symbol);
    *hook = (struct engine_hook){.name = symbol->name};
    if (!engine_signature_read(btf, symbol->btf, &references, &hook->result, hook->arguments,
                               &hook->argument_count))
        return bad_type(symbol);
    if (!fits(section, hook)) {
        printf("%s: a function in section %s takes %s\n"
               "  to pass: change its arguments (abi/ext/extension.h)\n",
               symbol->name, sections[section].section, sections[section].wants);
        return 1;
    }
    if (sections[section].role != GUARD)
        return 0;
    hook->flags = ENGINE_HOOK_DETERMINISTIC | ENGINE_HOOK_BOUNDED; // it changes nothing, and ends
    for (u32 i = 0; i < hook->argument_count; i++)
        hook->arguments[i].flags &= (u8)~ENGINE_TYPE_WRITE;
    return 0;
}

// What strands run, and critical sections; as in the kernel, the first one.
static const struct engine_hook strand_hook = {.name = "strand",
                                               .section = "strand",
                                               .result = {.kind = ENGINE_SCALAR},
                                               .arguments = {{.kind = ENGINE_SCALAR}},
                                               .argument_count = 1};

static int interface_make(const struct engine_object *object, struct engine_interface *interface) {
    u32 count = engine_object_symbol_count(object);
    const struct engine_btf *btf = engine_object_btf(object);
    int bad = 0;
    interface->name = "extension";
    interface->imports = calloc(count + 1, sizeof *interface->imports);
    interface->hooks = calloc(count + 2, sizeof *interface->hooks);
    if (!interface->imports || !interface->hooks)
        return 1;
    engine_counted_init(&counted, NULL);
    *(struct engine_hook *)&interface->hooks[interface->hook_count++] = strand_hook;
    for (u32 i = 0; i < count && !bad; i++) {
        struct engine_symbol symbol = engine_object_symbol(object, i);
        if (symbol.kind == ENGINE_SYMBOL_IMPORT)
            bad = import_add(interface, &symbol, btf);
        else if (section_of(&symbol) >= 0)
            bad = hook_add(interface, &symbol, btf);
    }
    interface->layouts = counted.layouts;
    interface->layout_count = counted.count;
    return bad;
}

// --- findings ------------------------------------------------------------------------------------

static const char *place(const struct engine_program *program, u32 slot, char *text, size_t size) {
    const struct engine_line *line = engine_program_line_at(program, slot);
    snprintf(text, size, "%s:%u", line ? line->file : "?", line ? line->line : 0);
    return text;
}

// What the kernel wants beyond a proof.
static int limits_check(const struct engine_program *program,
                        const struct engine_verdict *verdict) {
    int bad = 0;
    char at[256];
    for (u32 i = 0; i < program->function_count; i++) {
        const struct engine_function *function = &program->functions[i];
        if (!verdict->functions[i].reached || verdict->functions[i].cost < EXT_COST_MAX)
            continue;
        printf("%s: %s may execute %llu instructions between two turns of loops, at most %u\n"
               "  to pass: divide it\n",
               place(program, function->entry, at, sizeof at), function->name,
               (unsigned long long)verdict->functions[i].cost, EXT_COST_MAX);
        bad = 1;
    }
    if (verdict->stack_need > EXT_FRAME_MAX) {
        printf("its functions need %u bytes of stack, at most %u\n"
               "  to pass: put large variables into the arena (make them static)\n",
               verdict->stack_need, EXT_FRAME_MAX);
        bad = 1;
    }
    return bad;
}

// A guard becomes tests that the dispatcher shares with others, or is called; then it must be
// short.
static int guard_check(const struct engine_program *program, const struct engine_verdict *verdict,
                       const struct engine_hook *hook) {
    struct dispatch_guard guard;
    u32 function = engine_program_find(program, hook->name), last = hook->argument_count;
    u64 cost = verdict->functions[function].cost;
    char at[256];
    dispatch_guard_analyse(program, verdict, function, hook, false, &guard);
    if (guard.kind == DISPATCH_GUARD_OPAQUE && last &&
        hook->arguments[last - 1].kind == ENGINE_SCALAR)
        dispatch_guard_analyse(program, verdict, function, hook, true, &guard);
    const char *where = place(program, program->functions[function].entry, at, sizeof at);
    if (guard.kind == DISPATCH_GUARD_TESTS)
        printf("  %s: guard %s is %u comparisons, compiled with those of others\n", where,
               hook->name, guard.count);
    else if (guard.kind == DISPATCH_GUARD_NEVER)
        printf("  %s: guard %s never holds: its handler will not run\n", where, hook->name);
    else if (cost <= EXT_GUARD_MAX)
        printf("  %s: guard %s is called at each raise: up to %llu instructions\n", where,
               hook->name, (unsigned long long)cost);
    else
        printf("%s: guard %s is more than comparisons with constants, and may execute %llu "
               "instructions, at most %u\n"
               "  to pass: compare arguments and fields with constants only, or look at less\n",
               where, hook->name, (unsigned long long)cost, EXT_GUARD_MAX);
    return guard.kind == DISPATCH_GUARD_OPAQUE && cost > EXT_GUARD_MAX;
}

// What a call of a function needs of the machine's stack is known when it is compiled.
static int need_check(const struct engine_program *program, const struct engine_code *code,
                      const struct engine_hook *hook) {
    u32 function = engine_program_find(program, hook->name);
    struct engine_code_entry entry = engine_code_entry(code, function);
    char at[256];
    const char *where = place(program, program->functions[function].entry, at, sizeof at);
    if (entry.recurses)
        printf("%s: %s, or a function that it calls, calls itself: nothing bounds its stack\n"
               "  to pass: use a loop\n",
               where, hook->name);
    else if (entry.native_need > EXT_NATIVE_MAX || entry.frame_need > EXT_FRAME_MAX)
        printf("%s: %s needs %u bytes of machine stack and %u of frames with what it calls, at "
               "most %u and %u\n"
               "  to pass: nest calls less deeply; put large variables into the arena (make them "
               "static)\n",
               where, hook->name, entry.native_need, entry.frame_need, EXT_NATIVE_MAX,
               EXT_FRAME_MAX);
    else
        return 0;
    return 1;
}

static bool code_alloc(void *cookie, size_t size, struct engine_code_memory *out) {
    (void)cookie;
    *out = (struct engine_code_memory){malloc(size), 0, size};
    out->execute = (u64)out->write; // never executed
    return out->write != NULL;
}

static bool code_seal(void *cookie, struct engine_code_memory *code) {
    (void)cookie, (void)code;
    return true;
}

static void code_free(void *cookie, struct engine_code_memory *code) {
    (void)cookie;
    free(code->write);
}

// What the kernel finds out behind the proof: about guards, and about stacks. All of it is said.
static int loader_check(struct engine_program *program, const struct engine_verdict *verdict,
                        const struct engine_interface *interface) {
    struct engine_code code = {0};
    int bad = 0;
    program->host.code_alloc = code_alloc;
    program->host.code_seal = code_seal;
    program->host.code_free = code_free;
    if (engine_jit_compile(program, verdict, ENGINE_JIT_CALLABLE, &code)) {
        puts("it cannot be compiled to machine code");
        return 1;
    }
    for (u32 i = 1; i < interface->hook_count; i++) {
        const struct engine_hook *hook = &interface->hooks[i];
        u32 function = engine_program_find(program, hook->name);
        if (function == ENGINE_NO_FUNCTION || program->functions[function].hook != i) {
            printf("%s: each function with a section of its own has a global name of its own\n"
                   "  to pass: rename it\n",
                   hook->name);
            bad = 1;
            continue;
        }
        bad |= need_check(program, &code, hook);
        if (hook->flags & ENGINE_HOOK_DETERMINISTIC)
            bad |= guard_check(program, verdict, hook);
    }
    engine_code_free(&code);
    return bad;
}

static void accepted(const struct engine_program *program, const struct engine_verdict *verdict) {
    const struct engine_statistics *s = &verdict->statistics;
    printf("accepted: %u instructions, %u functions, %u imports, %llu bytes of data\n",
           program->insn_count, program->function_count, program->import_count,
           (unsigned long long)engine_program_arena_size(program));
    printf("  %u accesses, %u of them masked; %u loops, %u of them metered; %u bytes of stack\n",
           s->accesses, s->accesses_masked, s->loops, s->loops_metered, verdict->stack_need);
    if (verdict->metered)
        puts("  calls of it run on a budget; handlers, guards and events must not need one");
}

static int verify(struct engine_program *program, const struct engine_interface *interface) {
    const struct engine_verify_options options = {.cost_limit = EXT_COST_MAX};
    static struct engine_verdict verdict;
    int bad = engine_verify(program, &options, &verdict) ? refused(&verdict.refusal, program)
                                                         : limits_check(program, &verdict);
    if (!bad)
        bad = loader_check(program, &verdict, interface);
    if (!bad)
        accepted(program, &verdict);
    engine_verdict_free(&verdict);
    return bad;
}

int explain(const char *path) {
    struct engine_refusal refusal;
    struct engine_interface interface = {0};
    struct engine_object *object = NULL;
    struct engine_program *program = NULL;
    u64 bytes;
    void *file = file_read(path, &bytes);
    if (!file)
        return 1;
    int bad = engine_object_load(&host, file, bytes, &object, &refusal)
                  ? refused(&refusal, NULL)
                  : interface_make(object, &interface);
    if (!bad)
        bad = engine_program_create(&host, object, &interface, 0, &program, &refusal)
                  ? refused(&refusal, NULL)
                  : verify(program, &interface);
    engine_program_free(program);
    engine_object_free(object);
    free((void *)interface.imports);
    free((void *)interface.hooks);
    free(file);
    return bad;
}

void explain_report(const char *path, const struct ext_report *report) {
    struct engine_refusal refusal = {.code = (enum engine_refusal_code)report->code,
                                     .pc = report->slot,
                                     .function = ENGINE_NO_FUNCTION,
                                     .line = report->line,
                                     .column = report->column,
                                     .reg = 0xff,
                                     .a = report->a,
                                     .b = report->b};
    memcpy(refusal.name, report->name, sizeof report->name);
    memcpy(refusal.file, report->file, sizeof report->file);
    memcpy(refusal.missing, report->words, sizeof report->words);
    (void)refused(&refusal, NULL);
    printf("the kernel refused it; `tri-ext explain %s` says more\n", path);
}
