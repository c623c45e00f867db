// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See host.h.

#include "tools/engine/host.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/bits.h"
#include "engine/pool.h"

enum { PAGE = 4096 };

// ---- memory

static void *host_alloc(void *cookie, size_t size) {
    struct host_memory *memory = cookie;
    if (!memory)
        return malloc(size);
    memory->count++;
    if ((memory->fail_at && memory->count >= memory->fail_at) ||
        (memory->limit && memory->now + size > memory->limit))
        return NULL;
    void *block = malloc(size);
    if (block)
        memory->now += size;
    if (memory->now > memory->peak)
        memory->peak = memory->now;
    return block;
}

static void host_free(void *cookie, void *block, size_t size) {
    struct host_memory *memory = cookie;
    if (memory && block)
        memory->now -= size;
    free(block);
}

// Code memory: one file in memory, mapped twice, at one place writable and at the other executable,
// so that a load needs no system call. Blocks are powers of two; freed ones are chained by size
// through their first word.
enum { CODE_HEAP_BYTES = 256 << 20, CODE_LOG2_MIN = 8, CODE_LOG2_MAX = 27 };

static struct {
    uint8_t *write, *execute;
    size_t used;
    size_t freed[CODE_LOG2_MAX + 1]; // offset + 1 of the first free block of that size
} code_heap;

static bool code_heap_open(void) {
    int fd = memfd_create("code", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, CODE_HEAP_BYTES) != 0)
        return false;
    void *write = mmap(NULL, CODE_HEAP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    void *execute = mmap(NULL, CODE_HEAP_BYTES, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    close(fd);
    if (write == MAP_FAILED || execute == MAP_FAILED)
        return false;
    code_heap.write = write;
    code_heap.execute = execute;
    return true;
}

static unsigned code_log2(size_t size) {
    unsigned log2 = bits_log2_up(size);
    return log2 < CODE_LOG2_MIN ? CODE_LOG2_MIN : log2;
}

static bool host_code_alloc(void *cookie, size_t size, struct engine_code_memory *out) {
    struct host_memory *memory = cookie;
    unsigned log2 = code_log2(size);
    if (memory && memory->fail_at && ++memory->count >= memory->fail_at)
        return false;
    if (log2 > CODE_LOG2_MAX || (!code_heap.write && !code_heap_open()))
        return false;
    size_t at = code_heap.freed[log2];
    if (at) {
        memcpy(&code_heap.freed[log2], code_heap.write + --at, sizeof(size_t));
    } else {
        at = code_heap.used;
        if (CODE_HEAP_BYTES - at < (size_t)1 << log2)
            return false;
        code_heap.used += (size_t)1 << log2;
    }
    *out = (struct engine_code_memory){code_heap.write + at, (uintptr_t)code_heap.execute + at,
                                       (size_t)1 << log2};
    return true;
}

static bool host_code_seal(void *cookie, struct engine_code_memory *code) {
    (void)cookie;
    code->write = NULL;
    return true;
}

static void host_code_free(void *cookie, struct engine_code_memory *code) {
    (void)cookie;
    if (!code->size)
        return;
    size_t at = code->execute - (uintptr_t)code_heap.execute;
    unsigned log2 = code_log2(code->size);
    memset(code_heap.write + at, 0xcc, code->size); // traps, for whoever still jumps there
    memcpy(code_heap.write + at, &code_heap.freed[log2], sizeof(size_t));
    code_heap.freed[log2] = at + 1;
    code->size = 0;
}

static void host_log(void *cookie, const char *line) {
    (void)cookie;
    fprintf(stderr, "engine: %s\n", line);
}

struct engine_host host_make(struct host_memory *memory) {
    return (struct engine_host){memory,         host_alloc,     host_free, host_code_alloc,
                                host_code_seal, host_code_free, host_log};
}

// ---- interfaces

static const struct engine_hook entry_hook = {
    .name = "entry",
    .result = {.kind = ENGINE_SCALAR},
    .arguments = {{.kind = ENGINE_BUFFER,
                   .flags = ENGINE_TYPE_READ | ENGINE_TYPE_WRITE,
                   .length = 2,
                   .size = HOST_BUFFER_MAX},
                  {.kind = ENGINE_SCALAR, .flags = ENGINE_TYPE_RANGE, .maximum = HOST_BUFFER_MAX}},
    .argument_count = 2,
};

const struct engine_interface host_interface = {
    .name = "buffer",
    .hooks = &entry_hook,
    .hook_count = 1,
};

static const struct engine_field packet_fields[] = {
    {.name = "data",
     .offset = offsetof(struct host_packet, data),
     .count = 1,
     .type = {.kind = ENGINE_PACKET, .flags = ENGINE_TYPE_READ | ENGINE_TYPE_WRITE, .size = 65535}},
    {.name = "data_end",
     .offset = offsetof(struct host_packet, data_end),
     .count = 1,
     .type = {.kind = ENGINE_PACKET_END, .flags = ENGINE_TYPE_READ}},
    {.name = "mark",
     .offset = offsetof(struct host_packet, mark),
     .count = 1,
     .type = {.kind = ENGINE_SCALAR, .flags = ENGINE_TYPE_READ | ENGINE_TYPE_WRITE, .size = 8}},
};

static const struct engine_layout packet_layout = {
    .name = "packet",
    .size = sizeof(struct host_packet),
    .field_count = sizeof(packet_fields) / sizeof(packet_fields[0]),
    .fields = packet_fields,
};

static const struct engine_hook filter_hook = {
    .name = "filter",
    .section = "filter",
    .result = {.kind = ENGINE_SCALAR},
    .arguments = {{.kind = ENGINE_CONTEXT}},
    .argument_count = 1,
};

const struct engine_interface host_packet_interface = {
    .name = "packet",
    .layouts = &packet_layout,
    .layout_count = 1,
    .hooks = &filter_hook,
    .hook_count = 1,
};

void host_fixed_interface_init(struct host_fixed_interface *fixed, size_t size) {
    fixed->hook = entry_hook;
    if (size) {
        fixed->hook.arguments[0].length = 0;
        fixed->hook.arguments[0].size = (uint32_t)size;
    } else {
        fixed->hook.arguments[0] =
            (struct engine_type){.kind = ENGINE_SCALAR, .flags = ENGINE_TYPE_RANGE};
    }
    fixed->hook.arguments[1].minimum = fixed->hook.arguments[1].maximum = size;
    fixed->interface = host_interface;
    fixed->interface.hooks = &fixed->hook;
}

// ---- runs

// size bytes at a multiple of align, with inaccessible pages around; the map itself goes to slot.
static void *map_guarded(struct host_run *host, unsigned slot, size_t size, size_t align) {
    size_t total = size + align + 2 * PAGE;
    uint8_t *map = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED)
        return NULL;
    host->maps[slot] = map;
    host->map_sizes[slot] = total;
    uint8_t *start = (uint8_t *)bits_align_up((uintptr_t)map + PAGE, align);
    return mprotect(start, size, PROT_READ | PROT_WRITE) == 0 ? start : NULL;
}

bool host_run_init(struct host_run *host, const struct engine_program *program, size_t stack) {
    size_t arena = engine_program_arena_size(program);
    memset(host, 0, sizeof(*host));
    stack = bits_align_up(stack ? stack : 1, PAGE);
    uint8_t *low = map_guarded(host, 0, stack, PAGE);
    uint8_t *base = arena ? map_guarded(host, 1, arena + PAGE, arena) : NULL; // one page of slack
    if (!low || (arena && !base)) {
        host_run_free(host);
        return false;
    }
    host->run.stack_low = (uintptr_t)low;
    host->run.stack_top = (uintptr_t)low + stack;
    host->run.arena = (uintptr_t)base;
    host_run_reset(host, program, INT64_MAX / 4);
    return true;
}

void host_run_reset(struct host_run *host, const struct engine_program *program, int64_t budget) {
    host->run.meter = budget;
    if (host->run.arena)
        engine_arena_init(program, (void *)(uintptr_t)host->run.arena, program->arena_used);
}

void host_run_free(struct host_run *host) {
    for (unsigned i = 0; i < 2; i++) {
        if (host->maps[i])
            munmap(host->maps[i], host->map_sizes[i]);
        host->maps[i] = NULL;
    }
}

size_t host_stack_size(const struct engine_verdict *verdict) {
    return verdict ? verdict->stack_need : ENGINE_STACK_MAX;
}

// ---- programs

static void print_refusal(const struct engine_refusal *refusal,
                          const struct engine_program *program) {
    char text[4096];
    engine_refusal_print(refusal, program, text, sizeof(text));
    fputs(text, stderr);
}

void host_print_refusal(const struct host_program *host) {
    print_refusal(&host->verdict.refusal, host->program);
}

bool host_prepare(struct host_program *host, enum host_mode mode) {
    if (mode == HOST_UNVERIFIED)
        return true;
    int error = engine_verify(host->program, NULL, &host->verdict);
    host->has_verdict = true;
    if (error) {
        if (!host->quiet)
            host_print_refusal(host);
        return false;
    }
    if (mode == HOST_INTERPRET)
        return true;
    error = engine_jit_compile(host->program, &host->verdict, 0, &host->code);
    host->has_code = error == 0;
    if (error)
        fprintf(stderr, "not compiled: error %d\n", error);
    return error == 0;
}

enum engine_status host_run_entry(struct host_program *host, struct host_run *run,
                                  enum host_mode mode, uint32_t entry, const uint64_t *arguments,
                                  uint64_t *r0) {
    if (mode == HOST_JIT)
        return engine_jit_run(&host->code, &run->run, entry, arguments, r0);
    return engine_interpret(host->program, mode == HOST_INTERPRET ? &host->verdict : NULL,
                            &run->run, entry, arguments, r0);
}

void host_program_free(struct host_program *host) {
    if (host->has_code)
        engine_code_free(&host->code);
    if (host->has_verdict)
        engine_verdict_free(&host->verdict);
    engine_program_free(host->program);
    memset(host, 0, sizeof(*host));
}

// Where input goes in the arena: after the globals.
static uint64_t input_offset(const struct engine_program *program) {
    return bits_align_up(program->arena_used, 64);
}

bool host_load_buffer(struct host_program *host, const char *path, enum host_mode mode,
                      size_t input_size) {
    struct engine_host engine = host_make(NULL);
    memset(host, 0, sizeof(*host));
    host->quiet = true;
    host->program = host_load_object(&engine, path, &host_interface);
    if (!host->program || host_prepare(host, mode))
        return host->program != NULL;
    if (!host->has_verdict || host->verdict.refusal.code != ENGINE_REFUSED_BUFFER_BOUNDS) {
        host_print_refusal(host);
        return false;
    }
    uint64_t size = input_offset(host->program) + input_size;
    host_program_free(host);
    host->masked = true;
    host->interface =
        (struct host_fixed_interface){.interface = host_interface, .hook = entry_hook};
    host->interface.interface.hooks = &host->interface.hook;
    host->interface.interface.arena_log2 = bits_log2_up(size);
    host->interface.hook.arguments[0] = (struct engine_type){.kind = ENGINE_ARENA};
    host->program = host_load_object(&engine, path, &host->interface.interface);
    return host->program && host_prepare(host, mode);
}

uint64_t host_place_input(const struct host_program *host, const struct host_run *run,
                          uint8_t *input, size_t size) {
    if (!host->masked)
        return (uintptr_t)input;
    uint64_t address = run->run.arena + input_offset(host->program);
    memcpy((void *)(uintptr_t)address, input, size);
    return address;
}

bool host_trust(const struct engine_program *program, struct engine_verdict *verdict) {
    memset(verdict, 0, sizeof(*verdict));
    verdict->host = program->host;
    const struct engine_host *host = &program->host;
    engine_proof *proof = engine_pool_alloc(host, &verdict->blocks, program->insn_count, 1);
    struct engine_function_proof *functions =
        engine_pool_alloc(host, &verdict->blocks, program->function_count, sizeof(*functions));
    if (!proof || !functions)
        return false;
    for (uint32_t pc = 0; pc < program->insn_count; pc++) {
        const struct engine_insn *insn = &program->insns[pc];
        if (insn->op == ENGINE_OP_HOLE)
            continue;
        proof[pc] = ENGINE_PROOF_REACHED;
        if (engine_insn_accesses_memory(insn))
            proof[pc] |= ENGINE_PROOF_SAFE;
    }
    for (uint32_t i = 0; i < program->function_count; i++)
        functions[i] =
            (struct engine_function_proof){ENGINE_STACK_DEFAULT, ENGINE_STACK_MAX / 2, 16, 1, 0, 0};
    verdict->accepted = true;
    verdict->proof = proof;
    verdict->functions = functions;
    verdict->stack_need = ENGINE_STACK_MAX;
    return true;
}

struct engine_program *host_load_object(const struct engine_host *host, const char *path,
                                        const struct engine_interface *interface) {
    size_t size;
    uint8_t *bytes = host_read_file(path, &size);
    struct engine_object *object = NULL;
    struct engine_program *program = NULL;
    struct engine_refusal refusal;
    if (!bytes)
        return NULL;
    int error = engine_object_load(host, bytes, size, &object, &refusal);
    if (!error)
        error = engine_program_create(host, object, interface, ENGINE_PROGRAM_ANY_ENTRY, &program,
                                      &refusal);
    if (error)
        print_refusal(&refusal, NULL);
    engine_object_free(object);
    free(bytes);
    return error ? NULL : program;
}

// ---- files and text

uint8_t *host_read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = NULL;
    size_t length = 0, room = 0, got;
    if (!file) {
        perror(path);
        return NULL;
    }
    do {
        if (room - length < 65536) {
            room = room ? 2 * room : 65536;
            bytes = realloc(bytes, room);
            if (!bytes)
                abort();
        }
        got = fread(bytes + length, 1, room - length, file);
        length += got;
    } while (got);
    fclose(file);
    *size = length;
    return bytes;
}

uint8_t *host_parse_hex(const char *text, size_t *size) {
    uint8_t *bytes = malloc(strlen(text) / 2 + 1);
    size_t length = 0;
    unsigned digits = 0, value = 0;
    if (!bytes)
        abort();
    for (; *text; text++) {
        if (isspace((unsigned char)*text))
            continue;
        if (!isxdigit((unsigned char)*text)) {
            free(bytes);
            return NULL;
        }
        unsigned digit =
            *text <= '9' ? (unsigned)(*text - '0') : (unsigned)((*text | 32) - 'a' + 10);
        value = value << 4 | digit;
        if (++digits % 2 == 0)
            bytes[length++] = (uint8_t)value;
    }
    if (digits % 2) {
        free(bytes);
        return NULL;
    }
    *size = length;
    return bytes;
}

uint32_t host_find_entry(const struct engine_program *program, const char *name) {
    uint32_t first = ENGINE_NO_FUNCTION;
    for (uint32_t i = 0; i < program->function_count; i++) {
        const struct engine_function *function = &program->functions[i];
        if (!(function->flags & ENGINE_FUNCTION_ENTRY))
            continue;
        if (strcmp(function->name, name ? name : program->interface->hooks[function->hook].name) ==
            0)
            return i;
        if (!name && first == ENGINE_NO_FUNCTION)
            first = i;
    }
    return first;
}

static uint64_t read_clock(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t host_nanoseconds(void) {
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t host_cpu_nanoseconds(void) {
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}
