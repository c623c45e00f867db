// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The end, with evidence: message, registers, and the backtrace of every processor, by name.
//
// The first processor that panics owns the log. It stops the others by NMI; each leaves where it
// was in its struct cpu and halts. A panic within the panic cuts the story short.

#include "kernel/sal/x86_64/panic.h"
#include "abi/calls.h"
#include "base/format.h"
#include "kernel/sal/log.h"
#include "kernel/sal/symbols.h"
#include "kernel/sal/x86_64/apic.h"
#include "kernel/sal/x86_64/boot.h"
#include "kernel/sal/x86_64/clock.h"
#include "kernel/sal/x86_64/context.h"
#include "kernel/sal/x86_64/processor.h"
#include "kernel/sal/x86_64/vectors.h"
#include "kernel/sal/x86_64/x86.h"

#define NOBODY       0u
#define STOP_WAIT_US 20000

// From the second link (symbols.py); absent in the first.
extern const u32 ksyms_count[] __attribute__((weak));
extern const u32 ksyms_offset[] __attribute__((weak));
extern const u32 ksyms_name[] __attribute__((weak));
extern const char ksyms_text[] __attribute__((weak));

static u32 owner; // processor + 1
static u32 depth;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    u64 length = format_write_va(line, sizeof(line), format, arguments);
    va_end(arguments);
    length = length < sizeof(line) ? length : sizeof(line) - 1;
    log_write(line, length);
    if (!log_has_port()) // the console is better than silence
        sal_console_put((const u8 *)line, length);
}

// --- backtraces ----------------------------------------------------------------------------------

static u32 backtrace(u64 frame, u64 *places, u32 max) {
    u32 count = 0;
    while (count < max && (frame & 7) == 0 && processor_stack_holds(frame, 16)) {
        const u64 *words = (const u64 *)frame;
        if (words[1] == 0)
            break;
        places[count++] = words[1];
        if (words[0] <= frame)
            break;
        frame = words[0];
    }
    return count;
}

// back: 1 for a return address, which may lie behind the end of its function.
static void say_place(u64 place, u64 back) {
    const struct symbols symbols = {ksyms_count ? *ksyms_count : 0, ksyms_offset, ksyms_name,
                                    ksyms_text};
    u64 start = (u64)kernel_text_start, into;
    const char *name = 0;
    if (place >= start && place < (u64)kernel_text_end)
        name = symbols_find(&symbols, place - back - start, &into);
    if (name)
        say("    %016lx %s+%#lx\n", place, name, into + back);
    else
        say("    %016lx\n", place);
}

static void say_backtrace(u64 rip, const u64 *places, u32 count) {
    if (rip)
        say_place(rip, 0);
    for (u32 i = 0; i < count; i++)
        say_place(places[i], 1);
}

static void say_registers(const struct sal_regs *r) {
    say("  exception %lu error %#lx cr2 %016lx cr3 %016lx\n", r->vector, r->error, x86_cr2_read(),
        x86_cr3_read());
    say("  rip %016lx cs %#lx rflags %#lx rsp %016lx ss %#lx\n", r->rip, r->cs, r->rflags, r->rsp,
        r->ss);
    say("  rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", r->rax, r->rbx, r->rcx, r->rdx);
    say("  rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", r->rsi, r->rdi, r->rbp, r->r8);
    say("  r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", r->r9, r->r10, r->r11, r->r12);
    say("  r13 %016lx r14 %016lx r15 %016lx\n", r->r13, r->r14, r->r15);
}

// --- stopping the others -------------------------------------------------------------------------

// On the processor that is to stop. frame: its frame pointer where it was.
__attribute__((noreturn)) static void stop_here(u64 rip, u64 rsp, u64 frame) {
    struct cpu_stopped *stopped = &cpu_this()->stopped;
    stopped->rip = rip;
    stopped->rsp = rsp;
    stopped->cr3 = x86_cr3_read();
    stopped->frames = backtrace(frame, stopped->backtrace, CPU_BACKTRACE_MAX);
    __atomic_store_n(&stopped->done, 1, __ATOMIC_RELEASE);
    x86_halt_forever();
}

static void say_others(void) {
    apic_send_nmi_others();
    u64 end = clock_us() + STOP_WAIT_US;
    for (u32 i = 0; i < sal_machine.cpus; i++) {
        struct cpu *cpu = cpu_get(i);
        if (cpu == cpu_this() || !cpu->online)
            continue;
        while (!__atomic_load_n(&cpu->stopped.done, __ATOMIC_ACQUIRE) && clock_us() < end)
            sal_pause();
        if (!cpu->stopped.done) {
            say("processor %u: does not answer\n", i);
            continue;
        }
        const struct cpu_stopped *s = &cpu->stopped;
        say("processor %u: rip %016lx rsp %016lx cr3 %016lx%s\n", i, s->rip, s->rsp, s->cr3,
            s->rip < SAL_DIRECT_MAP ? " (user mode)" : "");
        say_backtrace(s->rip, s->backtrace, s->frames);
    }
}

// Becomes the owner of the log, or does not return.
static void own(u64 rip, u64 rsp, u64 frame) {
    x86_interrupts_off();
    u32 me = cpu_this()->number + 1, before = NOBODY;
    if (!__atomic_compare_exchange_n(&owner, &before, me, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) &&
        before != me)
        stop_here(rip, rsp, frame);
    log_unlock();
    if (depth++ > 0) {
        if (depth == 2)
            say("panic within a panic, at:\n"), say_place(rip, 0);
        sal_exit(MACHINE_EXIT_PANIC);
    }
}

// --- ways here -----------------------------------------------------------------------------------

void panic(const char *format, ...) {
    u64 frame = (u64)__builtin_frame_address(0), places[CPU_BACKTRACE_MAX];
    u64 here = (u64)__builtin_return_address(0);
    own(here, frame, frame);
    char text[200];
    va_list arguments;
    va_start(arguments, format);
    format_write_va(text, sizeof(text), format, arguments);
    va_end(arguments);
    say("kernel panic on processor %u: %s\n", sal_cpu(), text);
    say_backtrace(0, places, backtrace(frame, places, CPU_BACKTRACE_MAX));
    say_others();
    sal_exit(MACHINE_EXIT_PANIC);
}

static const char *exception_name(u64 vector) {
    static const char *const names[32] = {
        [0] = "divide error",
        [1] = "debug",
        [2] = "NMI",
        [3] = "breakpoint",
        [6] = "invalid opcode",
        [8] = "double fault",
        [10] = "invalid TSS",
        [11] = "segment not present",
        [12] = "stack segment fault",
        [13] = "general protection",
        [14] = "page fault",
        [16] = "x87 error",
        [17] = "alignment check",
        [18] = "machine check",
        [19] = "SIMD error",
        [21] = "control protection",
    };
    return vector < 32 && names[vector] ? names[vector] : "exception";
}

// NMI, #DF and #MC may come while GS is the program's: the stack they run on tells the processor.
static void gs_restore(void) {
    i32 number = processor_of_stack((u64)__builtin_frame_address(0));
    if (number >= 0)
        x86_msr_write(MSR_GS_BASE, (u64)cpu_get((u32)number));
}

void sal_exception_fatal(const struct sal_regs *regs) {
    u64 places[CPU_BACKTRACE_MAX];
    gs_restore();
    if (regs->vector == VECTOR_NMI && owner != NOBODY && owner != cpu_this()->number + 1)
        stop_here(regs->rip, regs->rsp, regs->rbp);
    own(regs->rip, regs->rsp, regs->rbp);
    say("kernel panic on processor %u: %s\n", sal_cpu(), exception_name(regs->vector));
    say_registers(regs);
    say_place(regs->rip, 0);
    // A jump to nowhere: the call that did it has left its return address, but no frame yet.
    int nowhere = regs->rip < (u64)kernel_text_start || regs->rip >= (u64)kernel_text_end;
    if (nowhere && (regs->rsp & 7) == 0 && processor_stack_holds(regs->rsp, 8))
        say_place(*(const u64 *)regs->rsp, 1);
    say_backtrace(0, places, backtrace(regs->rbp, places, CPU_BACKTRACE_MAX));
    say_others();
    sal_exit(MACHINE_EXIT_PANIC);
}
