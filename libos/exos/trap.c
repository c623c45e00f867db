// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What brings a thread into ExOS: system calls of its program, faults, exceptions, slice ends,
// notifications. See trap.h.

#include "libos/exos/trap.h"
#include "libos/exos/kernel.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/mm.h"
#include "libos/exos/patch.h"
#include "libos/exos/patch_code.h"
#include "libos/exos/pod.h"
#include "libos/exos/pod_priv.h"
#include "libos/exos/process_priv.h"
#include "libos/exos/signal_priv.h"
#include "libos/exos/vm.h"

#define RFLAGS_TF 0x100ul
#define RFLAGS_AC 0x40000ul

typedef i64 (*linux_call)(u64, u64, u64, u64, u64, u64);

const linux_call linux_calls[LINUX_CALLS_MAX] = {
#define LINUX_CALL(number, name, parameters) [number] = (linux_call)(void (*)(void))linux_##name,
#include "libos/exos/linux/calls.def"
#undef LINUX_CALL
};

// Calls that look at the caller's own identity or the time need no lock: what they read is one
// word, and changes only by the caller's own doing, or (the parent) at any moment.
#define UNLOCKED(n) (1ul << ((n) % 64))
static const u64 unlocked[(LINUX_CALLS_MAX + 63) / 64] = {
    [0] = UNLOCKED(39),                                                  // getpid
    [1] = UNLOCKED(96) | UNLOCKED(102) | UNLOCKED(104) | UNLOCKED(107) | // gettimeofday, get*id
          UNLOCKED(108) | UNLOCKED(110) | UNLOCKED(111),
    [2] = UNLOCKED(186),                 // gettid
    [3] = UNLOCKED(201) | UNLOCKED(228), // time, clock_gettime
};

_Static_assert(PATCH_MARK_AT == __builtin_offsetof(struct env_uarea, reserved[UAREA_MARK_WORD]),
               "the mark");

// Patched calls: those that use the whole trap frame of their caller, and those that have a way of
// their own in entry.S.
static const u16 whole[] = {15, 56, 57, 58, 59, 322, 435}; // sigreturn, clone, fork, vfork, exec
static const struct {
    u16 number;
    void *way;
} ways[] = {
    {39, called_getpid},   {102, called_getuid},  {104, called_getgid},
    {107, called_geteuid}, {108, called_getegid}, {110, called_getppid},
    {186, called_gettid},  {0, called_read},      {1, called_write},
};
// And those that write or read signal frames, where there is XSAVE.
static const struct {
    u16 number;
    void *way;
} signal_ways[] = {{15, called_sigreturn}, {62, called_kill}, {234, called_tgkill}};

void *called_table[LINUX_CALLS_MAX];

void trap_boot(void) {
    for (u64 i = 0; i < LINUX_CALLS_MAX; i++)
        called_table[i] = !linux_calls[i]                  ? called_slow
                          : unlocked[i / 64] & UNLOCKED(i) ? called_unlocked
                                                           : called_locked;
    for (u64 i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
        called_table[whole[i]] = linux_calls[whole[i]] ? called_whole : called_slow;
    for (u64 i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        called_table[ways[i].number] = ways[i].way;
    for (u64 i = 0; pod_has_xsave && i < sizeof(signal_ways) / sizeof(signal_ways[0]); i++)
        called_table[signal_ways[i].number] = signal_ways[i].way;
    signal_entry_boot();
}

static u64 missing_told[(LINUX_CALLS_MAX + 63) / 64];

static i64 call_missing(u64 number) {
    if (number < LINUX_CALLS_MAX && !(missing_told[number / 64] & 1ul << number % 64)) {
        missing_told[number / 64] |= 1ul << number % 64;
        pod_log("exos: %s: Linux call %lu is not implemented", current()->comm, number);
    }
    return -ENOSYS;
}

void syscall_handle(struct trap_frame *tf) {
    u64 number = tf->frame.rax;
    if (patch_wanted(tf)) {
        pod_lock();
        patch_site(tf);
        pod_unlock();
    }
    syscall_run(tf);
    if (current_thread()->row->watch & WATCH_RESULTS)
        sys_foreign_result(number, tf->frame.rax, tf->frame.rip);
}

void syscall_run(struct trap_frame *tf) {
    u64 number = tf->frame.rax;
    tf->frame.reserved[TRAP_NUMBER] = number;
    linux_call call = number < LINUX_CALLS_MAX ? linux_calls[number] : NULL;
    if (call && unlocked[number / 64] & UNLOCKED(number)) {
        tf->frame.rax = (u64)call(tf->frame.rdi, tf->rsi, tf->frame.rdx, tf->r10, tf->r8, tf->r9);
        return;
    }
    pod_lock();
    i64 result = call ? call(tf->frame.rdi, tf->rsi, tf->frame.rdx, tf->r10, tf->r8, tf->r9)
                      : call_missing(number);
    tf->frame.rax = (u64)result;
    if ((u64)(-result - ERESTARTSYS) <= ERESTART_RESTARTBLOCK - ERESTARTSYS)
        current_thread()->work |= THREAD_WORK_SIGNAL;
    pod_unlock();
}

// --- exceptions of the program
// ------------------------------------------------------------------------------------------------

struct exception {
    int signal; // 0: mended
    i32 code;
    u64 address;
};

static void exception_signal(struct exception e) {
    struct linux_siginfo info;
    struct process *p = current();
    signal_info_clear(&info);
    info.signo = e.signal;
    info.code = e.code;
    info.fault.address = e.address;
    if (signal_run_now(thread_trap_frame(current_thread()), &info))
        return;
    if (p->actions->action[e.signal].handler == SIG_DFL)
        pod_log("exos: %s (%u): signal %d, address %lx, at %lx, stack %lx", p->comm, p->pid,
                e.signal, e.address, thread_trap_frame(current_thread())->frame.rip,
                thread_trap_frame(current_thread())->frame.rsp);
    signal_force(current_thread(), &info);
}

static struct exception program_exception(struct upcall_frame *f) {
    if (f->vector == UPCALL_PF) {
        struct exception e = {.address = f->address};
        e.signal = mm_fault(f->address, f->error, &e.code);
        return e.signal && patch_exception(f) ? (struct exception){0} : e;
    }
    if (patch_exception(f))
        return (struct exception){0};
    switch (f->vector) {
    case UPCALL_DE:
        return (struct exception){SIGFPE, FPE_INTDIV, f->rip};
    case UPCALL_DB:
        return (struct exception){SIGTRAP, TRAP_TRACE, f->rip};
    case UPCALL_BP:
        return (struct exception){SIGTRAP, SI_KERNEL, 0};
    case UPCALL_UD:
        return (struct exception){SIGILL, ILL_ILLOPN, f->rip};
    case UPCALL_MF:
    case UPCALL_XM:
        return (struct exception){SIGFPE, FPE_FLTINV, f->rip};
    case UPCALL_AC:
        return (struct exception){SIGBUS, BUS_ADRALN, 0};
    case UPCALL_SS:
    case UPCALL_NP:
        return (struct exception){SIGBUS, SI_KERNEL, 0};
    default: // general protection, overflow, control protection
        return (struct exception){SIGSEGV, SI_KERNEL, 0};
    }
}

// With its handler at once, if that can be.
static void exception_handle(struct thread *t, struct upcall_frame *f) {
    pod_lock_as(t);
    struct exception e = program_exception(f);
    bool now = e.signal && signal_may_now(t, e.signal);
    if (now)
        f->rip = patch_canonical(t->process->mm, f->rip);
    else if (e.signal)
        exception_signal(e);
    pod_unlock_as(t);
    if (now)
        signal_now(e.signal, e.code, e.address);
}

// Timers and limits of running programs are looked at whenever a slice ends, and whether there is a
// better place to run.
static void slice_end(void) {
    wait_pay(current_thread());
    const volatile struct abi_cpu *cpu =
        abi_row(ABI_TABLE_CPUS, kernel_env(current_thread()->env)->cpu);
    bool others = cpu->runnable > 1, timers = timer_armed(current());
    if (timers || (others && ABI_INFO->cpus > 1)) {
        pod_lock();
        if (timers)
            timer_check(current());
        slice_balance();
        pod_unlock();
    }
    if (others)
        thread_yield();
}

// --- upcalls that interrupt ExOS itself
// ----------------------------------------------------------------------------------------

static const struct user_access *access_at(u64 rip) {
    for (const struct user_access *a = user_access_table; a < user_access_table_end; a++) {
        if (rip >= a->first && rip <= a->last)
            return a;
    }
    return NULL;
}

static void nested_fatal(const struct upcall_frame *f) {
    pod_panic("exos: pid %u: exception %lu (error %lx) at %lx, address %lx, stack %lx",
              current() ? current()->pid : 0, f->vector, f->error, f->rip, f->address, f->rsp);
}

// A fault while ExOS touches the program's memory: as the program's own fault, or the routine's
// failure.
static void access_fault(struct upcall_frame *f, const struct user_access *a) {
    bool locked = pod_locked_by_me();
    i32 code;
    if (!locked)
        pod_lock();
    bool resolved = f->vector == UPCALL_PF && mm_fault(f->address, f->error, &code) == 0;
    if (!locked)
        pod_unlock();
    if (!resolved)
        f->rip = a->fixup;
}

// The exit begins again: what came meanwhile is looked at, and upcalls are not masked.
static void exit_again(struct upcall_frame *f) {
    for (const u64(*w)[3] = exit_windows; w < exit_windows_end; w++) {
        if (f->rip >= (*w)[0] && f->rip < (*w)[1])
            f->rip = (*w)[2];
    }
}

static void nested_exception(struct upcall_frame *f) {
    if (f->vector == UPCALL_PF && f->address >= EXOS_USER_END) {
        if (!pod_fault(f->address))
            nested_fatal(f);
        return;
    }
    i32 code;
    const struct user_access *a = access_at(f->rip);
    if (!a && f->vector == UPCALL_PF && f->address < EXOS_USER_END && pod_locked_by_me() &&
        mm_fault(f->address, f->error, &code) == 0)
        return; // a page that was there is not any more (signal_frame.c)
    if (a) {
        access_fault(f, a);
    } else if (f->rip >= (u64)exit_window_start && f->rip < (u64)exit_window_end) {
        // The program's registers cannot be loaded: a wild rip or rflags.
        pod_lock();
        exception_signal((struct exception){SIGSEGV, SI_KERNEL, 0});
        pod_unlock();
        thread_trap_frame(current_thread())->frame.rflags &= ~0x100ul;
    } else {
        nested_fatal(f);
    }
}

// Slice ends and notifications come only where ExOS does not mask them: in the exit, and in the
// first instructions of an entry, which is about to do so.
static void nested_handle(struct upcall_frame *f) {
    if (f->vector == UPCALL_AC || f->vector == UPCALL_DB) { // flags of the program
        f->rflags &= ~(RFLAGS_AC | RFLAGS_TF);
        return;
    }
    if (f->vector == UPCALL_SLICE_END) {
        current_thread()->uarea->masked = 1;
        thread_yield();
    } else if (f->vector != UPCALL_NOTIFY) {
        nested_exception(f);
    }
    exit_again(f);
}

// An upcall on the program's stack, but in ExOS' code: in the first or the last instructions of a
// patched call. The program gets to where its syscall instruction is, or was. False: an exception
// because it uses GS itself; there is nothing more to do.
static bool leave_called(struct upcall_frame *f) {
    for (const u64 *done = called_done; done < called_done_end; done++) {
        if (f->rip == *done) {
            f->rip = f->rcx;
            return true;
        }
    }
    for (const u64(*r)[3] = called_ranges; r < called_ranges_end; r++) {
        if (f->rip < (*r)[0] || f->rip >= (*r)[1])
            continue;
        if ((*r)[2] != ~0ul)
            f->rax = (*r)[2];
        f->rip = f->rcx - (PATCH_BACK - PATCH_RETRY);
        return f->vector >= 32;
    }
    return true; // a wild jump of the program's
}

// Masked if the upcall came from the program.
void upcall_handle(struct trap_frame *tf) {
    struct thread *t = current_thread();
    struct upcall_frame *f = &tf->frame;
    if (tf != thread_trap_frame(t)) {
        nested_handle(f);
        return;
    }
    f->reserved[TRAP_NUMBER] = ~0ul;
    if (f->rip >= EXOS_IMAGE && !leave_called(f))
        return;
    if (f->vector == UPCALL_SLICE_END) {
        slice_end();
    } else if (f->vector == UPCALL_NOTIFY) {
        t->work |= THREAD_WORK_SIGNAL;
    } else {
        exception_handle(t, f);
    }
}

// Before going back to the program, when something was left to do.
void exit_work(struct trap_frame *tf) {
    struct thread *t = current_thread();
    u32 pending = __atomic_exchange_n(&t->uarea->pending, 0, __ATOMIC_RELAXED);
    if (pending & ENV_PENDING_SLICE_END)
        slice_end();
    pod_lock();
    t->work = 0;
    patch_look(t);
    signal_deliver(tf);
    pod_unlock();
}
