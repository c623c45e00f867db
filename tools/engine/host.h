// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The engine's embedder on the host, shared by triv, engine-plugin, engine-bench, tests and
// fuzzers: memory from malloc, code from a heap that is mapped twice (writable, executable), arenas
// from mmap, and the interface "a buffer and its length" that these tools offer to programs.

#ifndef TOOLS_ENGINE_HOST_H
#define TOOLS_ENGINE_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"

// Counts what is allocated; can refuse.
struct host_memory {
    size_t now, peak; // bytes
    uint64_t count;   // allocations so far
    uint64_t fail_at; // the allocation with this number (from 1) and all after it fail; 0: none
    size_t limit;     // bytes at once; 0: none
};

// memory may be NULL.
struct engine_host host_make(struct host_memory *memory);

// The interface with one hook, `entry(data, len)`: a writable buffer of any length up to
// HOST_BUFFER_MAX.
enum { HOST_BUFFER_MAX = 1 << 28 };
extern const struct engine_interface host_interface;

// The interface with one hook, `filter(struct host_packet *)`: the packet's bytes are
// data..data_end.
struct host_packet {
    uint64_t data, data_end; // offsets 0, 8: pointers
    uint64_t mark;           // 16: may be written
};
extern const struct engine_interface host_packet_interface;

// Like host_interface, for a buffer of known size: r1 its address (0 if there is none), r2 its
// size. Filled in by the call.
struct host_fixed_interface {
    struct engine_interface interface;
    struct engine_hook hook;
};
void host_fixed_interface_init(struct host_fixed_interface *fixed, size_t size);

// Everything one activation needs. Guard pages surround arena and stack.
struct host_run {
    struct engine_run run;
    struct engine_region region;
    void *maps[2];
    size_t map_sizes[2];
};

// stack: bytes, at least what the program needs. False if there is no memory.
bool host_run_init(struct host_run *host, const struct engine_program *program, size_t stack);

// Sets the globals to their initial content again, and the budget.
void host_run_reset(struct host_run *host, const struct engine_program *program, int64_t budget);
void host_run_free(struct host_run *host);

// Size of the stack a run needs under a verdict (NULL: unverified).
size_t host_stack_size(const struct engine_verdict *verdict);

// How to run a program.
enum host_mode { HOST_UNVERIFIED, HOST_INTERPRET, HOST_JIT };

// A program with all that was made from it.
struct host_program {
    struct engine_program *program;
    struct engine_verdict verdict;
    struct engine_code code;
    bool has_verdict, has_code;
    bool quiet;                            // host_prepare does not print refusals
    bool masked;                           // host_load_buffer put the input into the arena
    struct host_fixed_interface interface; // then
};

// Verifies and compiles as mode asks. On refusal prints it to standard error and returns false.
bool host_prepare(struct host_program *host, enum host_mode mode);
void host_print_refusal(const struct host_program *host);
enum engine_status host_run_entry(struct host_program *host, struct host_run *run,
                                  enum host_mode mode, uint32_t entry, const uint64_t *arguments,
                                  uint64_t *r0);
void host_program_free(struct host_program *host);

// Loads an object for entry(data, len) and prepares it. If accesses to the buffer cannot be proved,
// it is tried again with room for input_size bytes in the program's arena, where such accesses are
// masked: slower, and as safe. On failure says why.
bool host_load_buffer(struct host_program *host, const char *path, enum host_mode mode,
                      size_t input_size);

// Address for the entry's first argument: input itself, or its copy in the arena.
uint64_t host_place_input(const struct host_program *host, const struct host_run *run,
                          uint8_t *input, size_t size);

// A verdict that believes everything: for compiling trusted benchmark code before it could be
// verified, and in no other case.
bool host_trust(const struct engine_program *program, struct engine_verdict *verdict);

// Loads an object file against an interface. On refusal prints it and returns NULL.
struct engine_program *host_load_object(const struct engine_host *host, const char *path,
                                        const struct engine_interface *interface);

// Whole file, malloc'ed; NULL (with a message) if it cannot be read. At least one byte is
// allocated.
uint8_t *host_read_file(const char *path, size_t *size);

// Hex digits, spaces ignored, to bytes; malloc'ed; NULL if malformed.
uint8_t *host_parse_hex(const char *text, size_t *size);

// Entry function to run: that name; NULL: the hook's own name, else the first. ENGINE_NO_FUNCTION
// if there is none.
uint32_t host_find_entry(const struct engine_program *program, const char *name);

uint64_t host_nanoseconds(void);     // wall clock
uint64_t host_cpu_nanoseconds(void); // of this thread: not disturbed by what else the machine does

#endif
