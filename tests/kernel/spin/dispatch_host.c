// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See dispatch_host.h.

#include "tests/kernel/spin/dispatch_host.h"

#include <asm/prctl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, HEAP = 64 << 20 };

static struct {
    u8 *write, *execute;
    u64 used;
    u64 freed; // offset + 1 of a free page, which holds the next one's
} heap;

static void heap_open(void) {
    int fd = memfd_create("code", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, HEAP) != 0)
        exit(2);
    heap.write = mmap(NULL, HEAP, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    heap.execute = mmap(NULL, HEAP, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_32BIT, fd, 0);
    close(fd);
    if (heap.write == MAP_FAILED || heap.execute == MAP_FAILED)
        exit(2);
}

static bool page_alloc(struct engine_code_memory *out) {
    if (!heap.write)
        heap_open();
    u64 at = heap.used;
    if (heap.freed) {
        at = heap.freed - 1;
        memcpy(&heap.freed, heap.write + at, sizeof(heap.freed));
    } else {
        heap.used += PAGE;
        if (heap.used > HEAP)
            return false;
    }
    *out = (struct engine_code_memory){heap.write + at, (u64)heap.execute + at, PAGE};
    return true;
}

static bool sim_fails(struct sim_memory *memory) {
    memory->count++;
    return memory->fail_at && memory->count >= memory->fail_at;
}

static void *sim_alloc(void *cookie, size_t size) {
    struct sim_memory *memory = cookie;
    if (sim_fails(memory))
        return NULL;
    memory->outstanding += size;
    return malloc(size);
}

static void sim_free(void *cookie, void *block, size_t size) {
    struct sim_memory *memory = cookie;
    memory->outstanding -= size;
    free(block);
}

static bool sim_code_alloc(void *cookie, size_t size, struct engine_code_memory *out) {
    struct sim_memory *memory = cookie;
    if (size != PAGE || sim_fails(memory) || !page_alloc(out))
        return false;
    memory->outstanding += PAGE;
    return true;
}

static void sim_code_free(void *cookie, struct engine_code_memory *code) {
    struct sim_memory *memory = cookie;
    u64 at = code->execute - (u64)heap.execute;
    memset(heap.write + at, 0xcc, PAGE);
    memcpy(heap.write + at, &heap.freed, sizeof(heap.freed));
    heap.freed = at + 1;
    memory->outstanding -= PAGE;
}

void sim_memory_init(struct sim_memory *memory) {
    *memory = (struct sim_memory){.host = {.cookie = memory,
                                           .alloc = sim_alloc,
                                           .free = sim_free,
                                           .code_alloc = sim_code_alloc,
                                           .code_free = sim_code_free}};
}

const struct dispatch_layout sim_layout = {
    .counters_gs = SIM_COUNTERS_GS, .stack_limit = SIM_STACK_LIMIT, .seed = 0x5eed};

void sim_thread(u64 *counters) {
    static _Thread_local u64 area[4];
    area[SIM_COUNTERS_GS / 8] = (u64)counters;
    if (syscall(SYS_arch_prctl, ARCH_SET_GS, area) != 0)
        exit(2);
}

// ---- Machine code of handlers

static struct {
    struct engine_code_memory page;
    u64 used;
} stubs;

static u64 stub_put(const u8 *bytes, u64 size) {
    if (stubs.page.size < stubs.used + size) {
        if (!page_alloc(&stubs.page))
            exit(2);
        stubs.used = 0;
    }
    u64 at = stubs.page.execute + stubs.used;
    memcpy(stubs.page.write + stubs.used, bytes, size);
    stubs.used += (size + 15) & ~15ul;
    return at;
}

u64 sim_code(sim_function *function, u64 id) {
    u8 code[] = {0x49, 0xc7, 0x01, 0,    0,    0,    0,          // mov qword [r9], id
                 0x48, 0xb8, 0,    0,    0,    0,    0, 0, 0, 0, // mov rax, function
                 0x4d, 0x31, 0xd2, 0x4d, 0x31, 0xdb,             // xor r10, r10; xor r11, r11
                 0xff, 0xe0};                                    // jmp rax
    memcpy(code + 3, &id, 4);
    memcpy(code + 9, &function, 8);
    return stub_put(code, sizeof(code));
}

u64 sim_leaf(u64 id) {
    u8 code[] = {0xb8, 0, 0, 0, 0, 0xc3}; // mov eax, id; ret
    memcpy(code + 1, &id, 4);
    return stub_put(code, sizeof(code));
}

u64 sim_raise(const struct dispatch_event *event, const u64 *a, struct sim_run *run) {
    u64 (*address)(u64, u64, u64, u64, u64, struct sim_run *) = (void *)event->address;
    return address(a[0], a[1], a[2], a[3], a[4], run);
}

u64 sim_steps(const struct dispatch_event *event, const u64 *arguments) {
    static u64 counters[SIM_COUNTERS];
    pid_t child = fork();
    if (child == 0) {
        struct sim_run run = {0};
        sim_thread(counters);
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        sim_raise(event, arguments, &run);
        _exit(0);
    }
    int status;
    u64 steps = 0;
    waitpid(child, &status, 0);
    while (!WIFEXITED(status)) {
        struct user_regs_struct regs;
        ptrace(PTRACE_GETREGS, child, 0, &regs);
        steps += regs.rip - (u64)heap.execute < HEAP;
        if (ptrace(PTRACE_SINGLESTEP, child, 0, 0) != 0)
            break;
        if (waitpid(child, &status, 0) < 0)
            break;
    }
    return steps;
}
