// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The kernel's engine, in user space: the same sources, against the same services
// (tools/gen/services.py). What other extensions export is taken to be as the object declares it.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/tri-ext/tri-ext.h"
#include "engine/counted.h"
#include "engine/engine.h"
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

static const char *const sections[] = {"entry",  "event",    "handler", "guard", "init",
                                       "fini",   "may_link", "give",    "take",  "authorise",
                                       "impose", "merger",   "destroy"};

// Structures that are counted objects.
static struct engine_counted counted;

static int counted_layout(void *cookie, const struct engine_btf *btf, uint32_t id) {
    return engine_counted_layout(cookie, btf, id);
}

static const struct engine_references references = {&counted, counted_layout};

static int has_role(const struct engine_symbol *symbol) {
    if (symbol->kind != ENGINE_SYMBOL_FUNCTION)
        return 0;
    for (u32 i = 0; i < sizeof sections / sizeof *sections; i++) {
        size_t length = strlen(sections[i]);
        if (!strncmp(symbol->section, sections[i], length) &&
            (!symbol->section[length] || symbol->section[length] == '/'))
            return 1;
    }
    return 0;
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
    *hook = (struct engine_hook){.name = symbol->name};
    if (!engine_signature_read(btf, symbol->btf, &references, &hook->result, hook->arguments,
                               &hook->argument_count))
        return bad_type(symbol);
    for (u32 i = 0; i < hook->argument_count && !strncmp(symbol->section, "entry", 5); i++)
        if (hook->arguments[i].kind != ENGINE_SCALAR) {
            printf(
                "%s: argument %u of an ENTRY is a pointer, which a program could set to anything\n"
                "  to pass: take numbers\n",
                symbol->name, i + 1);
            return 1;
        }
    return 0;
}

static int interface_make(const struct engine_object *object, struct engine_interface *interface) {
    u32 count = engine_object_symbol_count(object);
    const struct engine_btf *btf = engine_object_btf(object);
    int bad = 0;
    interface->name = "extension";
    interface->imports = calloc(count + 1, sizeof *interface->imports);
    interface->hooks = calloc(count + 1, sizeof *interface->hooks);
    if (!interface->imports || !interface->hooks)
        return 1;
    engine_counted_init(&counted, NULL);
    for (u32 i = 0; i < count && !bad; i++) {
        struct engine_symbol symbol = engine_object_symbol(object, i);
        if (symbol.kind == ENGINE_SYMBOL_IMPORT)
            bad = import_add(interface, &symbol, btf);
        else if (has_role(&symbol))
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

static int verify(const struct engine_program *program) {
    const struct engine_verify_options options = {.cost_limit = EXT_COST_MAX};
    static struct engine_verdict verdict;
    int bad = engine_verify(program, &options, &verdict) ? refused(&verdict.refusal, program)
                                                         : limits_check(program, &verdict);
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
                  : verify(program);
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
