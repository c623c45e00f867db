// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// From an object to a program: decode, find the functions, resolve symbols against the interface,
// give entries their hooks.
//
// Functions partition the code: one begins at each section start, function symbol, call target and
// address-taken slot. They are found by marking slots (builder.begins), then numbered in ascending
// order; builder.number maps a slot to its function.

#include "base/bits.h"
#include "base/format.h"
#include "base/string.h"
#include "engine/decode.h"
#include "engine/object_priv.h"
#include "engine/pool.h"
#include "engine/sort.h"

enum { BEGINS = 1, ADDRESSED = 2 };

struct builder {
    const struct engine_host *host;
    const struct engine_object *object;
    const struct engine_interface *interface;
    struct engine_program *program;
    struct engine_refusal *refusal;
    void *scratch;
    uint8_t *marks;    // per slot: BEGINS, ADDRESSED
    uint32_t *imports; // per symbol: program import + 1, 0 if not used
    // the program's arrays, writable while it is built
    struct engine_insn *insns;
    struct engine_function *functions;
    struct engine_program_import *program_imports;
    uint8_t *image;
    uint32_t *fixups;
};

static void *keep(struct builder *builder, size_t count, size_t size) {
    return engine_pool_alloc(builder->host, &builder->program->blocks, count, size);
}

static int no_memory(struct builder *builder) {
    return engine_refuse(builder->refusal, ENGINE_REFUSED_MEMORY, ENGINE_NO_PC,
                         builder->object->slot_count * (int64_t)sizeof(struct engine_insn), 0);
}

static int refuse_symbol(struct builder *builder, enum engine_refusal_code code, uint32_t pc,
                         const struct object_symbol *symbol) {
    engine_refuse_name(builder->refusal, code, symbol->name);
    builder->refusal->pc = pc;
    return ENGINE_ERROR_REFUSED;
}

static int decode(struct builder *builder) {
    const struct engine_object *object = builder->object;
    builder->insns = keep(builder, object->slot_count, sizeof(*builder->insns));
    builder->marks = engine_pool_alloc(builder->host, &builder->scratch, object->slot_count, 1);
    builder->imports =
        engine_pool_alloc(builder->host, &builder->scratch, object->symbol_count, sizeof(uint32_t));
    if (!builder->insns || !builder->marks || !builder->imports)
        return no_memory(builder);
    builder->program->insns = builder->insns;
    builder->program->insn_count = object->slot_count;
    return engine_decode(object->slots, object->slot_count, builder->insns, builder->refusal);
}

// ---- imports

static const struct engine_import *find_import(const struct engine_interface *interface,
                                               const char *name) {
    for (uint32_t i = 0; i < interface->import_count; i++) {
        if (string_equal(interface->imports[i].name, name))
            return &interface->imports[i];
    }
    return NULL;
}

// Does the object declare the import as it is?
static bool import_type_fits(const struct builder *builder, const struct object_symbol *symbol,
                             const struct engine_import *import) {
    char text[256];
    if (!import->prototype || !symbol->btf)
        return true;
    size_t length = engine_btf_print(builder->object->btf, symbol->btf, text, sizeof(text));
    return length < sizeof(text) && string_equal(text, import->prototype);
}

// Number of the import that an undefined symbol means; negative on refusal.
static int use_import(struct builder *builder, uint32_t index, uint32_t pc, uint32_t *number) {
    struct engine_program *program = builder->program;
    const struct object_symbol *symbol = &builder->object->symbols[index];
    if (!builder->imports[index]) {
        const struct engine_import *import = find_import(builder->interface, symbol->name);
        if (!import)
            return refuse_symbol(builder, ENGINE_REFUSED_IMPORT_UNKNOWN, pc, symbol);
        if (!import_type_fits(builder, symbol, import)) {
            refuse_symbol(builder, ENGINE_REFUSED_IMPORT_TYPE, pc, symbol);
            format_write(builder->refusal->missing, sizeof(builder->refusal->missing), "it is %s",
                         import->prototype);
            return ENGINE_ERROR_REFUSED;
        }
        builder->program_imports[program->import_count].name = import->name;
        builder->program_imports[program->import_count].import = import;
        builder->imports[index] = ++program->import_count;
    }
    *number = builder->imports[index] - 1;
    return 0;
}

static int prepare_imports(struct builder *builder) {
    const struct engine_object *object = builder->object;
    struct engine_program *program = builder->program;
    uint32_t count = object->bare ? builder->interface->import_count : 0;
    for (uint32_t i = 0; i < object->symbol_count; i++)
        count += object->symbols[i].place == OBJECT_UNDEFINED;
    builder->program_imports = keep(builder, count, sizeof(*builder->program_imports));
    if (!builder->program_imports)
        return no_memory(builder);
    program->imports = builder->program_imports;
    for (uint32_t i = 0; object->bare && i < count; i++) {
        const struct engine_import *import = &builder->interface->imports[i];
        builder->program_imports[program->import_count++] =
            (struct engine_program_import){import->name, import};
    }
    return 0;
}

// ---- references of instructions

// Calls by number mean imports of the interface in bare programs, and nothing in objects, whose own
// calls of imports all have a symbol.
static int check_numbers(struct builder *builder) {
    const struct engine_program *program = builder->program;
    for (uint32_t pc = 0; pc < program->insn_count; pc++) {
        const struct engine_insn *insn = &program->insns[pc];
        if (insn->op == ENGINE_OP_CALL_IMPORT &&
            (!builder->object->bare || (uint64_t)insn->imm >= program->import_count))
            return engine_refuse(builder->refusal, ENGINE_REFUSED_IMPORT_UNKNOWN, pc, insn->imm, 0);
    }
    return 0;
}

static int mark_function(struct builder *builder, uint32_t pc, int64_t slot, uint8_t marks) {
    if (slot < 0 || slot >= builder->program->insn_count)
        return engine_refuse(builder->refusal, ENGINE_REFUSED_CALL_TARGET, pc, slot, 0);
    builder->marks[slot] |= marks;
    return 0;
}

static int apply_call(struct builder *builder, const struct object_ref *ref) {
    const struct object_symbol *symbol = &builder->object->symbols[ref->symbol];
    struct engine_insn *insn = &builder->insns[ref->slot];
    uint32_t number;
    if (symbol->place == OBJECT_CODE) {
        insn->op = ENGINE_OP_CALL_LOCAL; // hostile objects refer to one slot twice
        insn->imm = (int64_t)symbol->value + ref->addend;
        return 0;
    }
    if (symbol->place != OBJECT_UNDEFINED)
        return refuse_symbol(builder, ENGINE_REFUSED_IMPORT_UNKNOWN, ref->slot, symbol);
    int error = use_import(builder, ref->symbol, ref->slot, &number);
    insn->op = ENGINE_OP_CALL_IMPORT;
    insn->imm = number;
    return error;
}

static int apply_address(struct builder *builder, const struct object_ref *ref) {
    const struct object_symbol *symbol = &builder->object->symbols[ref->symbol];
    struct engine_insn *insn = &builder->insns[ref->slot];
    uint32_t number;
    int error;
    switch (symbol->place) {
    case OBJECT_DATA:
        insn->kind = ENGINE_IMM_ARENA;
        insn->imm = (int64_t)symbol->value + ref->addend;
        return 0;
    case OBJECT_CODE:
        insn->kind = ENGINE_IMM_FUNCTION;
        insn->imm = (int64_t)symbol->value + ref->addend;
        return 0;
    case OBJECT_UNDEFINED:
        error = use_import(builder, ref->symbol, ref->slot, &number);
        insn->kind = ENGINE_IMM_IMPORT;
        insn->imm = number;
        return error;
    default:
        return refuse_symbol(builder, ENGINE_REFUSED_IMPORT_UNKNOWN, ref->slot, symbol);
    }
}

static int apply_refs(struct builder *builder) {
    const struct engine_object *object = builder->object;
    for (uint32_t i = 0; i < object->ref_count; i++) {
        const struct object_ref *ref = &object->refs[i];
        const struct engine_insn *insn = &builder->insns[ref->slot];
        int error = 0;
        if (insn->op == ENGINE_OP_LDIMM64)
            error = apply_address(builder, ref);
        else if (insn->op == ENGINE_OP_CALL_LOCAL || insn->op == ENGINE_OP_CALL_IMPORT)
            error = apply_call(builder, ref);
        if (error)
            return error;
    }
    return 0;
}

// ---- functions

// Marks where functions begin.
static int mark_functions(struct builder *builder) {
    const struct engine_object *object = builder->object;
    int error = 0;
    for (uint32_t i = 0; i < object->code_count; i++)
        builder->marks[object->codes[i].slot] |= BEGINS;
    builder->marks[0] |= BEGINS;
    for (uint32_t i = 0; i < object->symbol_count; i++) {
        const struct object_symbol *symbol = &object->symbols[i];
        if (symbol->place == OBJECT_CODE && symbol->function)
            builder->marks[symbol->value] |= BEGINS;
    }
    for (uint32_t pc = 0; pc < object->slot_count && !error; pc++) {
        const struct engine_insn *insn = &builder->insns[pc];
        if (insn->op == ENGINE_OP_CALL_LOCAL)
            error = mark_function(builder, pc, insn->imm, BEGINS);
        else if (insn->op == ENGINE_OP_LDIMM64 && insn->kind == ENGINE_IMM_FUNCTION)
            error = mark_function(builder, pc, insn->imm, BEGINS | ADDRESSED);
    }
    for (uint32_t i = 0; i < object->data_ref_count && !error; i++) {
        const struct object_data_ref *ref = &object->data_refs[i];
        const struct object_symbol *symbol = &object->symbols[ref->symbol];
        if (symbol->place == OBJECT_CODE)
            error = mark_function(builder, ENGINE_NO_PC, symbol->value + ref->addend,
                                  BEGINS | ADDRESSED);
    }
    return error;
}

static int make_functions(struct builder *builder) {
    struct engine_program *program = builder->program;
    uint32_t count = 0;
    for (uint32_t pc = 0; pc < program->insn_count; pc++)
        count += builder->marks[pc] & BEGINS;
    if (count > ENGINE_FUNCTIONS_MAX)
        return engine_refuse(builder->refusal, ENGINE_REFUSED_TOO_LONG, ENGINE_NO_PC, count,
                             ENGINE_FUNCTIONS_MAX);
    builder->functions = keep(builder, count, sizeof(*builder->functions));
    if (!builder->functions)
        return no_memory(builder);
    program->functions = builder->functions;
    program->function_count = count;
    struct engine_function *function = builder->functions - 1;
    for (uint32_t pc = 0; pc < program->insn_count; pc++) {
        if (builder->marks[pc] & BEGINS)
            *++function = (struct engine_function){.name = "", .entry = pc};
        if (builder->marks[pc] & ADDRESSED)
            function->flags |= ENGINE_FUNCTION_ADDRESSED;
        function->length++;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t entry = builder->functions[i].entry;
        if (builder->insns[entry].op == ENGINE_OP_HOLE)
            return engine_refuse(builder->refusal, ENGINE_REFUSED_CALL_TARGET, entry, entry, 0);
    }
    for (uint32_t i = 0; i < count; i++) {
        int error = engine_decode_check_function(builder->insns, builder->functions[i].entry,
                                                 builder->functions[i].length, builder->refusal);
        if (error)
            return error;
    }
    return 0;
}

uint32_t engine_program_function_at(const struct engine_program *program, uint32_t pc) {
    uint32_t low = 0, high = program->function_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (program->functions[middle].entry <= pc)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low || pc - program->functions[low - 1].entry >= program->functions[low - 1].length)
        return ENGINE_NO_FUNCTION;
    return low - 1;
}

// Slots of targets become function indices.
static void number_functions(struct builder *builder) {
    struct engine_program *program = builder->program;
    for (uint32_t pc = 0; pc < program->insn_count; pc++) {
        struct engine_insn *insn = &builder->insns[pc];
        if (insn->op == ENGINE_OP_CALL_LOCAL ||
            (insn->op == ENGINE_OP_LDIMM64 && insn->kind == ENGINE_IMM_FUNCTION))
            insn->imm = engine_program_function_at(program, (uint32_t)insn->imm);
    }
}

// ---- names, types, hooks

static bool section_belongs(const char *section, const char *hook) {
    size_t length = hook ? strlen(hook) : 0;
    return length && strncmp(section, hook, length) == 0 &&
           (section[length] == 0 || section[length] == '/');
}

static uint32_t find_hook(const struct engine_interface *interface, const char *section,
                          const char *name) {
    for (uint32_t i = 0; i < interface->hook_count; i++) {
        if (section_belongs(section, interface->hooks[i].section))
            return i;
    }
    for (uint32_t i = 0; i < interface->hook_count; i++) {
        if (string_equal(interface->hooks[i].name, name))
            return i;
    }
    return UINT32_MAX;
}

static void make_entry(struct builder *builder, struct engine_function *function,
                       const struct object_symbol *symbol) {
    uint32_t hook = find_hook(builder->interface, symbol->section, symbol->name);
    if (hook == UINT32_MAX)
        return;
    function->flags |= ENGINE_FUNCTION_ENTRY;
    function->hook = hook;
}

// Is there an entry? If not, and if the embedder allows it, every global function becomes one of
// the only hook.
static bool find_entries(struct builder *builder, uint32_t flags) {
    const struct engine_program *program = builder->program;
    bool any = (flags & ENGINE_PROGRAM_ANY_ENTRY) && builder->interface->hook_count == 1,
         found = false;
    for (uint32_t i = 0; i < program->function_count; i++)
        found |= (program->functions[i].flags & ENGINE_FUNCTION_ENTRY) != 0;
    for (uint32_t i = 0; i < program->function_count && !found && any; i++) {
        if (program->functions[i].flags & ENGINE_FUNCTION_GLOBAL)
            builder->functions[i].flags |= ENGINE_FUNCTION_ENTRY;
    }
    for (uint32_t i = 0; i < program->function_count && !found; i++)
        found |= (program->functions[i].flags & ENGINE_FUNCTION_ENTRY) != 0;
    return found;
}

static bool name_function(struct builder *builder, struct engine_function *function,
                          const char *name) {
    size_t size = strlen(name) + 1;
    char *copy = keep(builder, size, 1);
    if (copy)
        function->name = memcpy(copy, name, size);
    return copy != NULL;
}

static int name_functions(struct builder *builder, uint32_t flags) {
    const struct engine_object *object = builder->object;
    struct engine_program *program = builder->program;
    for (uint32_t i = 0; i < object->symbol_count; i++) {
        const struct object_symbol *symbol = &object->symbols[i];
        if (symbol->place != OBJECT_CODE || !symbol->function)
            continue;
        struct engine_function *function =
            &builder->functions[engine_program_function_at(program, symbol->value)];
        if (*function->name && (!symbol->global || (function->flags & ENGINE_FUNCTION_GLOBAL)))
            continue;
        if (!name_function(builder, function, symbol->name))
            return no_memory(builder);
        if (symbol->global) {
            function->flags |= ENGINE_FUNCTION_GLOBAL;
            make_entry(builder, function, symbol);
        }
    }
    for (uint32_t i = 0; i < object->type_count; i++) {
        uint32_t number = engine_program_function_at(program, object->types[i].slot);
        if (number != ENGINE_NO_FUNCTION &&
            program->functions[number].entry == object->types[i].slot)
            builder->functions[number].btf = object->types[i].btf;
    }
    if (object->bare)
        builder->functions[0].flags |= ENGINE_FUNCTION_ENTRY | ENGINE_FUNCTION_GLOBAL;
    for (uint32_t i = 0; i < program->function_count; i++) {
        struct engine_function *function = &builder->functions[i];
        char text[24];
        if (*function->name)
            continue;
        format_write(text, sizeof(text), "function_%u", i);
        if (!name_function(builder, function, object->bare && !i ? "entry" : text))
            return no_memory(builder);
    }
    if (find_entries(builder, flags))
        return 0;
    return engine_refuse(builder->refusal, ENGINE_REFUSED_NO_ENTRY, ENGINE_NO_PC, 0, 0);
}

static int copy_lines(struct builder *builder) {
    const struct engine_object *object = builder->object;
    struct engine_program *program = builder->program;
    if (!object->btf)
        return 0;
    const struct engine_btf *parts[1] = {object->btf};
    uint32_t base, strings;
    struct engine_btf *btf =
        engine_btf_merge(builder->host, &program->blocks, parts, 1, &base, &strings);
    struct engine_line *lines = keep(builder, object->line_count, sizeof(*lines));
    if (!btf || !lines)
        return no_memory(builder);
    program->btf = btf;
    program->lines = lines;
    program->line_count = object->line_count;
    for (uint32_t i = 0; i < object->line_count; i++) {
        const struct object_line *line = &object->lines[i];
        lines[i] = (struct engine_line){.pc = line->slot,
                                        .line = line->place >> 10,
                                        .column = line->place & 1023,
                                        .file = engine_btf_string(btf, line->file + strings),
                                        .text = engine_btf_string(btf, line->text + strings)};
    }
    return 0;
}

const struct engine_line *engine_program_line_at(const struct engine_program *program,
                                                 uint32_t pc) {
    size_t after = pc == UINT32_MAX ? program->line_count
                                    : engine_search(program->lines, program->line_count,
                                                    sizeof(struct engine_line), pc + 1);
    if (!after)
        return NULL;
    const struct engine_line *line = &program->lines[after - 1];
    if (!program->function_count)
        return line; // still being built
    uint32_t function = engine_program_function_at(program, pc);
    bool same = function != ENGINE_NO_FUNCTION && line->pc >= program->functions[function].entry;
    return same ? line : NULL;
}

// ---- arena

static int apply_data_ref(struct builder *builder, const struct object_data_ref *ref) {
    const struct object_symbol *symbol = &builder->object->symbols[ref->symbol];
    struct engine_program *program = builder->program;
    uint64_t value;
    uint32_t number;
    int error = 0;
    switch (symbol->place) {
    case OBJECT_DATA:
        value = symbol->value + (uint64_t)ref->addend;
        builder->fixups[program->arena_fixup_count++] = ref->offset;
        break;
    case OBJECT_CODE:
        value = ENGINE_CALLABLE_LOCAL +
                engine_program_function_at(program, (uint32_t)(symbol->value + ref->addend));
        break;
    default:
        error = symbol->place == OBJECT_UNDEFINED
                    ? use_import(builder, ref->symbol, ENGINE_NO_PC, &number)
                    : refuse_symbol(builder, ENGINE_REFUSED_IMPORT_UNKNOWN, ENGINE_NO_PC, symbol);
        value = error ? 0 : number;
    }
    bits_store64(builder->image + ref->offset, value);
    return error;
}

static int make_arena(struct builder *builder) {
    const struct engine_object *object = builder->object;
    struct engine_program *program = builder->program;
    program->arena_log2 = builder->interface->arena_log2;
    if (!object->arena_used)
        return 0;
    builder->image = keep(builder, object->image_size, 1);
    builder->fixups = keep(builder, object->data_ref_count, sizeof(uint32_t));
    if (!builder->image || !builder->fixups)
        return no_memory(builder);
    memcpy(builder->image, object->image, object->image_size);
    program->arena_image = builder->image;
    program->arena_fixups = builder->fixups;
    program->arena_image_size = (uint32_t)object->image_size;
    program->arena_used = (uint32_t)object->arena_used;
    unsigned log2 = bits_log2_up(object->arena_used);
    if (log2 > program->arena_log2)
        program->arena_log2 = log2;
    if (program->arena_log2 < bits_log2(ENGINE_ARENA_MIN))
        program->arena_log2 = bits_log2(ENGINE_ARENA_MIN);
    for (uint32_t i = 0; i < object->data_ref_count; i++) {
        int error = apply_data_ref(builder, &object->data_refs[i]);
        if (error)
            return error;
    }
    return 0;
}

// ---- all of it

static void place_refusal(const struct engine_program *program, struct engine_refusal *refusal) {
    const struct engine_line *line =
        refusal->pc != ENGINE_NO_PC ? engine_program_line_at(program, refusal->pc) : NULL;
    if (refusal->pc != ENGINE_NO_PC && program->functions)
        refusal->function = engine_program_function_at(program, refusal->pc);
    if (!line)
        return;
    refusal->line = line->line;
    refusal->column = line->column;
    string_copy(refusal->file, line->file, sizeof(refusal->file));
}

static int build(struct builder *builder, uint32_t flags) {
    static int (*const passes[])(struct builder *) = {
        copy_lines, decode,         prepare_imports, check_numbers,
        apply_refs, mark_functions, make_functions,
    };
    for (size_t i = 0; i < sizeof(passes) / sizeof(passes[0]); i++) {
        int error = passes[i](builder);
        if (error)
            return error;
    }
    number_functions(builder);
    int error = make_arena(builder);
    return error ? error : name_functions(builder, flags);
}

static size_t pool_size(const void *blocks) {
    size_t size = 0;
    for (const struct engine_pool_block *block = blocks; block; block = block->next)
        size += block->size;
    return size;
}

int engine_program_create(const struct engine_host *host, const struct engine_object *object,
                          const struct engine_interface *interface, uint32_t flags,
                          struct engine_program **out, struct engine_refusal *refusal) {
    void *pool = NULL;
    struct engine_program *program = engine_pool_alloc(host, &pool, 1, sizeof(*program));
    if (!program)
        return engine_refuse(refusal, ENGINE_REFUSED_MEMORY, ENGINE_NO_PC, sizeof(*program), 0);
    program->host = *host;
    program->blocks = pool;
    program->interface = interface;
    program->stack_limit = object->stack_limit;
    struct builder builder = {.host = host,
                              .object = object,
                              .interface = interface,
                              .program = program,
                              .refusal = refusal};
    int error = build(&builder, flags);
    engine_pool_free(host, &builder.scratch);
    if (error) {
        place_refusal(program, refusal);
        engine_program_free(program);
        return error;
    }
    program->memory = pool_size(program->blocks);
    *out = program;
    return 0;
}

int engine_program_from_slots(const struct engine_host *host, const void *slots, size_t size,
                              const struct engine_interface *interface,
                              struct engine_program **program, struct engine_refusal *refusal) {
    size_t count = size / ENGINE_SLOT_BYTES;
    if (!count || size % ENGINE_SLOT_BYTES)
        return engine_refuse(refusal, ENGINE_REFUSED_EMPTY, ENGINE_NO_PC, (int64_t)size, 0);
    if (count > ENGINE_SLOTS_MAX)
        return engine_refuse(refusal, ENGINE_REFUSED_TOO_LONG, ENGINE_NO_PC, (int64_t)count,
                             ENGINE_SLOTS_MAX);
    struct engine_object object = {.host = *host,
                                   .bare = true,
                                   .slots = (uint8_t *)(uintptr_t)slots,
                                   .slot_count = (uint32_t)count,
                                   .stack_limit = ENGINE_STACK_DEFAULT};
    return engine_program_create(host, &object, interface, 0, program, refusal);
}

void engine_program_free(struct engine_program *program) {
    if (!program)
        return;
    struct engine_host host = program->host;
    void *blocks = program->blocks;
    engine_pool_free(&host, &blocks);
}

uint32_t engine_program_find(const struct engine_program *program, const char *name) {
    for (uint32_t i = 0; i < program->function_count; i++) {
        if (string_equal(program->functions[i].name, name))
            return i;
    }
    return ENGINE_NO_FUNCTION;
}
