// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Two threads in one env. To the kernel there is one thread of control; that there are two is our
// business alone. A switch saves six registers and exchanges the stack pointer: a function call,
// not a system call.
//
// When the env's slice ends the kernel tells us by an upcall, on the upcall stack, in the middle of
// some thread. We give the processor up, and when the next slice comes we are back here and ask for
// a switch: the interrupted thread makes it at its next thread_yield. (A preemptive package would
// switch here and now; ExOS does.)

#include "libos/mini/mini.h"

#define STACK_WORDS 1024

struct thread {
    u64 stack_pointer;
    u32 alive;
    u64 stack[STACK_WORDS] __attribute__((aligned(16)));
};

static struct thread threads[THREADS];
static u64 main_stack_pointer;
static u32 current = THREADS; // THREADS: nobody yet, that is, rt_main
static u64 switches;

void thread_create(u32 number, void (*run)(u32 number)) {
    struct thread *thread = &threads[number];
    u64 *top = thread->stack + STACK_WORDS;
    *--top = 0; // keeps the stack aligned as a call leaves it
    *--top = (u64)context_start;
    *--top = (u64)run; // rbx
    *--top = 0;        // rbp
    *--top = number;   // r12
    *--top = 0;
    *--top = 0;
    *--top = 0; // r13 to r15
    thread->stack_pointer = (u64)top;
    thread->alive = 1;
}

static u64 *saved_at(u32 number) {
    return number == THREADS ? &main_stack_pointer : &threads[number].stack_pointer;
}

static void switch_to(u32 number) {
    u32 from = current;
    current = number;
    switches++;
    context_switch(saved_at(from), *saved_at(number));
}

// The scheduler: whoever is alive after the current one, round robin; rt_main when nobody is.
static u32 next(void) {
    for (u32 i = 1; i <= THREADS; i++) {
        u32 candidate = (current + i) % THREADS;
        if (threads[candidate].alive)
            return candidate;
    }
    return THREADS;
}

void thread_yield(void) {
    u32 number = next();
    if (number != current)
        switch_to(number);
}

void thread_end(void) {
    threads[current].alive = 0;
    switch_to(next());
}

void threads_join(void) {
    while (next() != THREADS)
        switch_to(next());
}

u64 threads_switches(void) {
    return switches;
}

void threads_slice_end(void) {
    sys_env_yield(0, 0); // returns when our slice comes round again
}
