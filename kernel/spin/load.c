// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// From an object to code that can run: what the object imports and exports becomes an interface of
// its own, against which the engine links, proves and compiles it. Inside work: interrupts are on
// and the kernel lock is not held.

#include "base/bits.h"
#include "base/string.h"
#include "engine/btf.h"
#include "engine/counted.h"
#include "engine/jit/x86.h"
#include "engine/signature.h"
#include "kernel/aegis/inside.h"
#include "kernel/sal/sal.h"
#include "kernel/spin/domain.h"
#include "kernel/spin/event.h"

#define FUNCTIONS_MAX 256
#define IMPORTS_MAX   256
#define CODE_PER_SLOT 64 // bytes of machine code that are reserved, not taken

// ---- what the engine asks for

// What an object makes the engine do on the stack is bounded here: where it needs memory there must
// be room below, or it gets none. What it calls without asking was measured (docs/extensions.md).
static int may_go_on(const struct ext *ext) {
    u64 at = (u64)__builtin_frame_address(0), end = ext->stack_top - EXT_STACK_BYTES;
    return !ext->doomed && at >= end + EXT_STACK_RESERVE;
}

static void *host_alloc(void *cookie, size_t size) {
    struct ext *ext = cookie;
    return may_go_on(ext) ? memory_alloc(&ext->memory, size) : NULL;
}

static void *scratch_alloc(void *cookie, size_t size) {
    struct ext *ext = cookie;
    return may_go_on(ext) ? memory_alloc(&ext->scratch, size) : NULL;
}

static void scratch_free(void *cookie, void *memory, size_t size) {
    struct ext *ext = cookie;
    memory_free(&ext->scratch, memory, size);
}

static void host_free(void *cookie, void *memory, size_t size) {
    struct ext *ext = cookie;
    memory_free(&ext->memory, memory, size);
}

static u64 stubs_size(const struct ext *ext) {
    u64 stubs = (u64)ext->interface.import_count + ext->function_count; // gates: event.c
    return bits_align_up(stubs * EXT_STUB_BYTES, 64);
}

static bool host_code_alloc(void *cookie, size_t size, struct engine_code_memory *out) {
    struct ext *ext = cookie;
    if (!memory_code_take(&ext->memory, &ext->code_pages, stubs_size(ext) + size))
        return false;
    out->execute = ext->code_pages.va + stubs_size(ext);
    out->size = size;
    out->write = scratch_alloc(ext, size);
    return out->write != NULL;
}

static bool host_code_seal(void *cookie, struct engine_code_memory *code) {
    struct ext *ext = cookie;
    memory_code_write(code->execute, code->write, code->size);
    memory_free(&ext->scratch, code->write, code->size);
    code->write = NULL;
    return true;
}

static void host_code_free(void *cookie, struct engine_code_memory *code) {
    struct ext *ext = cookie;
    memory_free(&ext->scratch, code->write, code->size);
}

// ---- imports and exports

static const struct {
    const char *section;
    u32 role;
} roles[] = {
    {"handler/Strand_Unblock", EXT_ROLE_UNBLOCK},
    {"handler/Strand_Block", EXT_ROLE_BLOCK},
    {"handler/Strand_Checkpoint", EXT_ROLE_CHECKPOINT},
    {"handler/Strand_Resume", EXT_ROLE_RESUME},
    {"entry", EXT_ROLE_ENTRY},
    {"event", EXT_ROLE_EVENT},
    {"handler", EXT_ROLE_HANDLER},
    {"guard", EXT_ROLE_GUARD},
    {"init", EXT_ROLE_INIT},
    {"fini", EXT_ROLE_FINI},
    {"may_link", EXT_ROLE_MAY_LINK},
    {"give", EXT_ROLE_GIVE},
    {"take", EXT_ROLE_TAKE},
    {"authorise", EXT_ROLE_AUTHORISE},
    {"impose", EXT_ROLE_IMPOSED},
    {"merger", EXT_ROLE_MERGER},
    {"concurrent", EXT_ROLE_CONCURRENT},
    {"destroy", EXT_ROLE_DESTROY},
};

static u32 role_of(const struct engine_symbol *symbol) {
    if (symbol->kind != ENGINE_SYMBOL_FUNCTION)
        return EXT_ROLE_NONE;
    for (u32 i = 0; i < sizeof roles / sizeof *roles; i++) {
        size_t length = strlen(roles[i].section);
        if (!strncmp(symbol->section, roles[i].section, length) &&
            (!symbol->section[length] || symbol->section[length] == '/'))
            return roles[i].role;
    }
    return EXT_ROLE_NONE;
}

static int refuse(struct ext *ext, enum engine_refusal_code code, const char *name,
                  const char *words) {
    memset(&ext->refusal, 0, sizeof ext->refusal);
    ext->refusal.code = code;
    ext->refusal.a = code == ENGINE_REFUSED_WORK ? EXT_COST_MAX : 0;
    ext->refusal.pc = ENGINE_NO_PC;
    string_copy(ext->refusal.name, name, sizeof ext->refusal.name);
    string_copy(ext->refusal.missing, words, sizeof ext->refusal.missing);
    return ENGINE_ERROR_REFUSED;
}

static const char *keep_text(struct ext *ext, const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = memory_alloc(&ext->memory, size);
    return copy ? memcpy(copy, text, size) : NULL;
}

// ---- structures that are counted objects

static int counted_prepare(struct ext *ext) {
    if (ext->counted)
        return 1;
    struct counted_type *types =
        memory_alloc(&ext->memory, ENGINE_COUNTED_TYPES * sizeof *ext->counted_types);
    struct engine_counted *counted = memory_alloc(&ext->memory, sizeof *counted);
    if (!types || !counted)
        return 0;
    engine_counted_init(counted, counted_release);
    for (u32 i = 0; i < counted->count; i++)
        types[i] = (struct counted_type){.ext = ext->self,
                                         .shape = counted->types[i].kind,
                                         .size = sizeof(struct counted) + COUNTED_KIND_BYTES,
                                         .kind = counted->types[i].kind};
    ext->counted = counted;
    ext->counted_types = types;
    return 1;
}

static int counted_layout(void *cookie, const struct engine_btf *btf, u32 id) {
    struct ext *ext = cookie;
    id = engine_btf_strip(btf, id);
    if (!engine_counted_is(btf, id))
        return -1;
    if (!counted_prepare(ext))
        return -2;
    u32 count = ext->counted->count;
    int layout = engine_counted_layout(ext->counted, btf, id);
    if (layout != (int)count) // it was known
        return layout;
    const struct engine_counted_type *type = &ext->counted->types[layout];
    ext->counted->layouts[layout].name = keep_text(ext, ext->counted->layouts[layout].name);
    ext->counted_types[layout] = (struct counted_type){.ext = ext->self,
                                                       .shape = ext_struct_shape(btf, id),
                                                       .size = type->size,
                                                       .slots = type->slots};
    return ext->counted->layouts[layout].name ? layout : -2;
}

struct engine_references ext_references(struct ext *ext) {
    return (struct engine_references){ext, counted_layout};
}

int ext_import_counted(struct ext *ext, const struct engine_symbol *symbol,
                       const struct engine_btf *btf, struct engine_import *import) {
    struct engine_references references = ext_references(ext);
    enum engine_counted_op op = engine_counted_op(symbol->name);
    import->name = keep_text(ext, symbol->name);
    import->prototype = NULL;
    return import->name && op && counted_prepare(ext) &&
           engine_counted_import(ext->counted, &references, op, btf, symbol->btf, import);
}

int ext_import_references(struct ext *ext, const struct engine_import *import) {
    unsigned references = import->result.kind == ENGINE_REFERENCE;
    for (u32 i = 0; i < import->argument_count; i++)
        references |= import->arguments[i].kind == ENGINE_REFERENCE;
    return !references || counted_prepare(ext);
}

int ext_types_equal(const struct ext *a, u32 layout, const struct ext *b, u32 other) {
    const struct counted_type *x = &a->counted_types[layout], *y = &b->counted_types[other];
    return x->kind == y->kind && x->shape == y->shape && x->size == y->size && x->slots == y->slots;
}

// What a typed import is about: its result, or what it takes first.
static const struct counted_type *counted_about(const struct ext *ext,
                                                const struct engine_import *import) {
    const struct engine_type *type =
        import->result.kind == ENGINE_REFERENCE ? &import->result : &import->arguments[0];
    return &ext->counted_types[type->layout];
}

// ---- imports and exports, one by one

static int interface_import(struct ext *ext, const struct engine_symbol *symbol,
                            const struct engine_btf *btf) {
    i64 error =
        domain_import(ext, symbol, btf,
                      (struct engine_import *)&ext->interface.imports[ext->interface.import_count]);
    if (error == -E_NOMEM)
        return ENGINE_ERROR_MEMORY;
    if (error)
        return error == -E_STALE ? refuse(ext, ENGINE_REFUSED_IMPORT_UNKNOWN, symbol->name,
                                          "no service, and no event that this domain can see, has "
                                          "that name")
                                 : refuse(ext, ENGINE_REFUSED_IMPORT_TYPE, symbol->name,
                                          "its exporter's header says otherwise");
    ext->interface.import_count++;
    return 0;
}

// Functions that the kernel calls with structures of its own, or of another version's.
static int role_fits(u32 role, const struct engine_hook *hook) {
    const struct engine_type *first = &hook->arguments[0];
    if (role == EXT_ROLE_MAY_LINK)
        return hook->argument_count == 1 && first->kind == ENGINE_BUFFER &&
               first->size == sizeof(struct ext_importer) && !(first->flags & ENGINE_TYPE_WRITE);
    if (role == EXT_ROLE_AUTHORISE)
        return hook->argument_count == 1 && first->kind == ENGINE_BUFFER &&
               first->size == sizeof(struct event_request);
    if (role == EXT_ROLE_DESTROY)
        return hook->argument_count == 1 && first->kind == ENGINE_REFERENCE;
    if (role == EXT_ROLE_MERGER)
        return hook->argument_count == 2 && first->kind == ENGINE_SCALAR &&
               hook->arguments[1].kind == ENGINE_SCALAR && hook->result.kind == ENGINE_SCALAR;
    if (role == EXT_ROLE_GIVE || role == EXT_ROLE_TAKE)
        return hook->argument_count && first->kind == ENGINE_BUFFER &&
               (hook->argument_count == 1 || hook->arguments[1].kind == ENGINE_SCALAR) &&
               hook->argument_count <= 2 &&
               (role == EXT_ROLE_GIVE || !(first->flags & ENGINE_TYPE_WRITE));
    if (role == EXT_ROLE_INIT || role == EXT_ROLE_FINI)
        return !hook->argument_count;
    if (role == EXT_ROLE_ENTRY)
        for (u32 i = 0; i < hook->argument_count; i++)
            if (hook->arguments[i].kind != ENGINE_SCALAR)
                return 0; // programs give numbers
    return 1;
}

static int is_guard(u32 role) {
    return role == EXT_ROLE_GUARD || role == EXT_ROLE_IMPOSED;
}

static int interface_export(struct ext *ext, const struct engine_symbol *symbol,
                            const struct engine_btf *btf) {
    u32 index = ext->function_count + 1;
    struct engine_hook *hook = (struct engine_hook *)&ext->interface.hooks[index];
    struct ext_function *function = &ext->functions[ext->function_count];
    char prototype[256];
    *hook = (struct engine_hook){0};
    struct engine_references references = ext_references(ext);
    if (!engine_signature_read(btf, symbol->btf, &references, &hook->result, hook->arguments,
                               &hook->argument_count) ||
        engine_btf_print(btf, symbol->btf, prototype, sizeof prototype) >= sizeof prototype)
        return refuse(ext, ENGINE_REFUSED_IMPORT_TYPE, symbol->name,
                      "functions in this section return numbers and take numbers, pointers to "
                      "structures, and counted objects that are not const; compile with -g");
    if (!role_fits(role_of(symbol), hook))
        return refuse(ext, ENGINE_REFUSED_IMPORT_TYPE, symbol->name,
                      "a function in this section takes other arguments: see "
                      "abi/ext/extension.h");
    if (is_guard(role_of(symbol))) { // it changes nothing, and ends
        hook->flags = ENGINE_HOOK_DETERMINISTIC | ENGINE_HOOK_BOUNDED;
        for (u32 i = 0; i < hook->argument_count; i++)
            hook->arguments[i].flags &= (u8)~ENGINE_TYPE_WRITE;
    }
    *function = (struct ext_function){.name = keep_text(ext, symbol->name),
                                      .section = keep_text(ext, symbol->section),
                                      .hash = ext_hash(symbol->name),
                                      .hook = index,
                                      .role = role_of(symbol),
                                      .btf = symbol->btf,
                                      .prototype = keep_text(ext, prototype),
                                      .shape = ext_type_shape(btf, symbol->btf)};
    if (!function->name || !function->section || !function->prototype)
        return ENGINE_ERROR_MEMORY;
    hook->name = function->name;
    ext->function_count++;
    ext->concurrent |= function->role == EXT_ROLE_CONCURRENT;
    return 0;
}

// What strands run, and critical sections.
static const struct engine_hook strand_hook = {.name = "strand",
                                               .section = "strand",
                                               .result = {.kind = ENGINE_SCALAR},
                                               .arguments = {{.kind = ENGINE_SCALAR}},
                                               .argument_count = 1};

// Names of the object's strings live as long as the object.
static int interface_make(struct ext *ext, const struct engine_object *object) {
    u32 imports = 0, functions = 0, symbols = engine_object_symbol_count(object);
    for (u32 i = 0; i < symbols; i++) {
        struct engine_symbol symbol = engine_object_symbol(object, i);
        imports += symbol.kind == ENGINE_SYMBOL_IMPORT;
        functions += role_of(&symbol) != EXT_ROLE_NONE;
    }
    if (imports > IMPORTS_MAX || functions > FUNCTIONS_MAX)
        return ENGINE_ERROR_LIMIT;
    ext->interface.name = "extension";
    ext->interface.imports =
        memory_alloc(&ext->memory, (imports + 1) * sizeof(struct engine_import));
    struct engine_hook *hooks = memory_alloc(&ext->memory, (functions + 1) * sizeof *hooks);
    ext->functions = memory_alloc(&ext->memory, (functions + 1) * sizeof(struct ext_function));
    if (!ext->interface.imports || !hooks || !ext->functions)
        return ENGINE_ERROR_MEMORY;
    hooks[0] = strand_hook;
    ext->interface.hooks = hooks;
    int error = 0;
    for (u32 i = 0; i < symbols && !error; i++) {
        struct engine_symbol symbol = engine_object_symbol(object, i);
        if (symbol.kind == ENGINE_SYMBOL_IMPORT)
            error = interface_import(ext, &symbol, engine_object_btf(object));
        else if (role_of(&symbol) != EXT_ROLE_NONE)
            error = interface_export(ext, &symbol, engine_object_btf(object));
    }
    ext->interface.hook_count = ext->function_count + 1;
    if (ext->counted) {
        ext->interface.layouts = ext->counted->layouts;
        ext->interface.layout_count = ext->counted->count;
    }
    return error;
}

// ---- proof and code

static int verdict_check(struct ext *ext, const struct engine_verdict *verdict) {
    for (u32 f = 0; f < ext->program->function_count; f++)
        if (verdict->functions[f].reached && verdict->functions[f].cost >= EXT_COST_MAX)
            return refuse(ext, ENGINE_REFUSED_WORK, ext->program->functions[f].name,
                          "a function of an extension may execute 8000 instructions between two "
                          "turns of loops; divide it");
    return 0;
}

// Both stacks, for all that other code calls without looking.
static int needs_check(struct ext *ext) {
    for (u32 i = 0; i < ext->function_count; i++) {
        struct ext_function *function = &ext->functions[i];
        function->entry = engine_code_entry(&ext->code, function->function);
        // Nothing bounds the native stack of a recursion.
        if (!function->entry.address || function->entry.recurses ||
            function->entry.frame_need > EXT_FRAME_MAX ||
            function->entry.native_need > EXT_NATIVE_MAX)
            return ENGINE_ERROR_LIMIT;
    }
    return 0;
}

#define STUB_JUMP_BYTES 5

// A stub that leads to an import, at the start of the code pages. Functions that want to know who
// calls get the extension in the run's cookie. The way first asks how the code runs: for a service
// strand_import takes the kernel lock, if it runs without, and calls the stub again; functions that
// switch are called just so, and by a strand's own code only. Events are raised by such code
// through strand_raise, which calls the stub again; by all other code at once.
static void stub_write(struct ext *ext, u32 index, u64 target, u32 flags) {
    u8 bytes[EXT_STUB_BYTES];
    struct x86 x = {bytes, sizeof bytes, 0};
    struct x86_mem mode = {X86_R9, X86_NONE, 0, offsetof(struct engine_run, mode)};
    u64 at = ext->code_pages.va + (u64)index * EXT_STUB_BYTES;
    int event = flags == EXT_STUB_EVENT, switches = (flags & SERVICE_SWITCHES) != 0;
    if (ext->strands || !event) {
        int own = event || switches; // the way is another one for a strand's own code only
        x86_alu_mi(&x, X86_CMP, 1, mode, own ? EXT_RUN_STRAND : EXT_RUN_LOCKED);
        x86_jcc(&x, own ? X86_NE : X86_E, false, 12); // over the next two
        size_t from = x.at;
        x86_mov_ri(&x, X86_R11, switches ? target : at);
        x86_jmp(&x, true, (i32)((u64)(event ? strand_raise : strand_import) - (at + x.at + 5)));
        ASSERT(x.at == from + 12);
    }
    if (switches)
        target = (u64)strand_refused;
    if (flags & SERVICE_OWNER) {
        x86_mov_ri(&x, X86_R11, (u64)ext->home);
        x86_store(&x, (struct x86_mem){X86_R9, X86_NONE, 0, offsetof(struct engine_run, cookie)},
                  X86_R11);
    }
    if (event)
        x86_rm(&x, 0xff, 4, (struct x86_mem){X86_NONE, X86_NONE, 0, (i32)(at + EXT_STUB_WORD)});
    else
        x86_jmp(&x, true, (i32)(target - (at + x.at + 5)));
    ASSERT(x.at <= (event ? EXT_STUB_WORD : EXT_STUB_BYTES));
    while (x.at < sizeof bytes)
        x86_byte(&x, 0xcc);
    if (event)
        memcpy(bytes + EXT_STUB_WORD, &target, sizeof target);
    memory_code_write(at, bytes, sizeof bytes);
}

// The same for a service that wants a type, in R8, with bit 0 set if a strand calls from its own
// code.
static void stub_write_typed(const struct ext *ext, u32 index, u64 target, u32 flags, u64 type) {
    u8 bytes[EXT_STUB_BYTES];
    struct x86 x = {bytes, sizeof bytes, 0};
    struct x86_mem mode = {X86_R9, X86_NONE, 0, offsetof(struct engine_run, mode)};
    u64 at = ext->code_pages.va + (u64)index * EXT_STUB_BYTES;
    const i32 call = EXT_STUB_BYTES - STUB_JUMP_BYTES; // a jump to the service
    x86_mov_ri(&x, X86_R8, type);
    x86_alu_mi(&x, X86_CMP, 1, mode, EXT_RUN_LOCKED);
    x86_jcc(&x, X86_E, false, call - (i32)x.at - 2);
    x86_alu_mi(&x, X86_CMP, 1, mode, EXT_RUN_STRAND);
    x86_jcc(&x, X86_NE, false, 4); // over the next one
    x86_alu_ri(&x, X86_OR, X86_W, X86_R8, 1);
    if (!(flags & SERVICE_ANYWHERE)) {
        x86_mov_ri(&x, X86_R11, at + (u64)call);
        x86_jmp(&x, true, (i32)((u64)strand_import - (at + x.at + STUB_JUMP_BYTES)));
    } else {
        x86_jmp(&x, false, call - (i32)x.at - 2);
    }
    ASSERT(x.at <= (u64)call);
    while (x.at < (u64)call)
        x86_byte(&x, 0xcc);
    x86_jmp(&x, true, (i32)(target - (at + x.at + STUB_JUMP_BYTES)));
    memory_code_write(at, bytes, sizeof bytes);
}

static int stubs_make(struct ext *ext) {
    ext->home = memory_alloc(&ext->memory, sizeof *ext->home);
    if (!ext->home ||
        !memory_code_reserve(&ext->memory,
                             stubs_size(ext) + 4096 + (u64)ext->program->insn_count * CODE_PER_SLOT,
                             &ext->code_pages) ||
        !memory_code_take(&ext->memory, &ext->code_pages, stubs_size(ext)))
        return ENGINE_ERROR_MEMORY;
    ext->home->ext = ext->self;
    for (u32 i = 0; i < ext->interface.import_count; i++) {
        struct engine_import *import = (struct engine_import *)&ext->interface.imports[i];
        const struct service *service = import->function ? domain_service(import->name) : NULL;
        u32 flags = service ? service->flags : EXT_STUB_EVENT;
        if (service && flags & SERVICE_ANYWHERE && !(flags & SERVICE_COUNTED))
            continue;
        // With the lock, because the event that the stub leads to may end meanwhile.
        inside_lock();
        if (service && flags & SERVICE_COUNTED)
            stub_write_typed(ext, i, (u64)import->function, flags, (u64)counted_about(ext, import));
        else
            stub_write(ext, i, service ? (u64)import->function : domain_import_target(ext, i),
                       flags);
        inside_unlock();
        import->function = (engine_import_function *)(ext->code_pages.va + (u64)i * EXT_STUB_BYTES);
    }
    return 0;
}

static int arena_make(struct ext *ext) {
    if (!ext->program->arena_log2)
        return 0;
    if (!memory_arena_take(&ext->memory, ext->program->arena_log2, &ext->arena))
        return ENGINE_ERROR_MEMORY;
    engine_arena_init(ext->program, (void *)ext->arena.va, ext->program->arena_image_size);
    return 0;
}

// Guards are asked at each raise, so those that have to be called must be short.
static int guard_check(struct ext *ext, const struct engine_verdict *verdict,
                       struct ext_function *function) {
    i64 error = event_guard_analyse(ext, verdict, function);
    if (error == -E_LIMIT)
        return refuse(ext, ENGINE_REFUSED_WORK, function->name,
                      "a guard that is more than comparisons with constants may execute 256 "
                      "instructions");
    return error ? ENGINE_ERROR_MEMORY : 0;
}

// Runs in steps that must be short. (A loop that is metered has as much again.)
static int destructor_add(struct ext *ext, const struct ext_function *function, u32 index) {
    u32 layout = ext->interface.hooks[function->hook].arguments[0].layout;
    if (function->cost > OBJECT_DESTROY_COST)
        return refuse(ext, ENGINE_REFUSED_WORK, function->name,
                      "a destructor may execute 1000 instructions");
    ext->counted_types[layout].destroy = index + 1;
    return 0;
}

// Functions are found by name, and an object may give one name to two, or two to one: what is
// called must be what was proved for these arguments.
static int is_proved_as(const struct ext *ext, const struct ext_function *function) {
    const struct engine_function *found = function->function < ext->program->function_count
                                              ? &ext->program->functions[function->function]
                                              : NULL;
    return found && found->flags & ENGINE_FUNCTION_ENTRY && found->hook == function->hook;
}

static int compile(struct ext *ext, struct engine_verdict *verdict) {
    const struct engine_verify_options options = {.cost_limit = EXT_COST_MAX};
    ext->program->host = ext->scratch_host; // the proof is not kept
    int error = engine_verify(ext->program, &options, verdict);
    ext->program->host = ext->host;
    if (error == ENGINE_ERROR_REFUSED || error == ENGINE_ERROR_LIMIT) {
        ext->refusal = verdict->refusal;
        error = ENGINE_ERROR_REFUSED;
    }
    if (!error)
        error = verdict_check(ext, verdict);
    if (!error)
        error = arena_make(ext);
    if (!error)
        error = stubs_make(ext);
    if (!error)
        error = engine_jit_compile_fixed(ext->program, verdict,
                                         ENGINE_JIT_CALLABLE | ENGINE_JIT_KEEP_OFFSETS,
                                         ext->arena.va, &ext->code);
    for (u32 i = 0; i < ext->function_count && !error; i++) {
        struct ext_function *function = &ext->functions[i];
        function->function = engine_program_find(ext->program, function->name);
        if (!is_proved_as(ext, function))
            return refuse(ext, ENGINE_REFUSED_SYMBOL_DUPLICATE, function->name,
                          "each function with a section of its own has a global name of its own");
        function->cost = verdict->functions[function->function].cost;
        if (is_guard(function->role))
            error = guard_check(ext, verdict, function);
        if (function->role == EXT_ROLE_DESTROY)
            error = destructor_add(ext, function, i);
    }
    error = error ? error : needs_check(ext);
    if (!error) {
        ext->home->code = ext->code;
        ext->home->interface = ext->interface;
        ext->program->interface = &ext->home->interface;
    }
    return error;
}

static int build(struct ext *ext) {
    struct engine_object *object = NULL;
    int error = engine_object_load(&ext->scratch_host, ext->object_copy, ext->request.bytes,
                                   &object, &ext->refusal);
    if (error)
        return error;
    error = interface_make(ext, object);
    if (!error)
        error = engine_program_create(&ext->host, object, &ext->interface, 0, &ext->program,
                                      &ext->refusal);
    struct engine_verdict *verdict = error ? NULL : scratch_alloc(ext, sizeof *verdict);
    if (!error)
        error = verdict ? compile(ext, verdict) : ENGINE_ERROR_MEMORY;
    return error;
}

i64 ext_build(struct ext *ext) {
    ext->host = (struct engine_host){.cookie = ext,
                                     .alloc = host_alloc,
                                     .free = host_free,
                                     .code_alloc = host_code_alloc,
                                     .code_seal = host_code_seal,
                                     .code_free = host_code_free};
    ext->scratch_host =
        (struct engine_host){.cookie = ext, .alloc = scratch_alloc, .free = scratch_free};
    int error = build(ext);
    if (!error)
        return 0;
    if (error == ENGINE_ERROR_MEMORY ||
        (error == ENGINE_ERROR_REFUSED && ext->refusal.code == ENGINE_REFUSED_MEMORY))
        return -E_NOMEM;
    return error == ENGINE_ERROR_LIMIT ? -E_LIMIT : -E_REFUSED;
}
