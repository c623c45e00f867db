// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Threads: stack, env and slice of each; their start and end. See process.h.
//
// A thread that ends while its process goes on keeps its env, slice and stack, as one of mm.idle:
// it sleeps, and the next thread of that address space is it again. IDLE_MAX of each wait so; when
// envs, slices or memory run out they are ended (thread_reclaim).

#include "base/string.h"
#include "libos/exos/boot.h"
#include "libos/exos/futex.h"
#include "libos/exos/kernel.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/mm.h"
#include "libos/exos/patch_code.h"
#include "libos/exos/pod.h"
#include "libos/exos/pod_priv.h"
#include "libos/exos/process_priv.h"
#include "libos/exos/signal_priv.h"
#include "libos/exos/trap.h"
#include "libos/exos/uaccess.h"
#include "libos/exos/vm.h"

#define IDLE_MAX 8
_Static_assert(sizeof(struct env_uarea) + sizeof(struct thread) <= THREAD_FP_OFFSET, "thread");

static struct thread *dead; // ended, but their envs may still run on their stacks

// Makes a thread as new, but for what belongs to its env. Its trap frame is the caller's to fill.
static void thread_init(struct thread *t, struct process *process) {
    t->uarea->masked = 1;
    t->gs_base = (u64)t->uarea;
    t->uarea->reserved[UAREA_MARK_WORD] = PATCH_MARK;
    t->uarea->reserved[UAREA_FRAME_WORD] = (u64)thread_trap_frame(t);
    t->process = process;
}

struct thread *thread_new(struct process *process) {
    char *stack = pod_stack_alloc();
    if (!stack)
        return NULL;
    memset(stack, 0, THREAD_FP_OFFSET + 576);
    struct thread *t = (struct thread *)(stack + sizeof(struct env_uarea));
    t->uarea = (struct env_uarea *)stack;
    t->slice = ABI_ANY;
    thread_init(t, process);
    struct trap_frame *tf = thread_trap_frame(t);
    memset(tf, 0, sizeof(*tf));
    tf->frame.vector = TRAP_FULL;
    tf->frame.rflags = 0x202;
    u16 cs, ss;
    __asm__("mov %%cs, %0" : "=r"(cs));
    __asm__("mov %%ss, %0" : "=r"(ss));
    tf->frame.cs = cs;
    tf->frame.ss = ss;
    // Control words of a fresh processor, for XRSTOR of an area that was never saved.
    *(u16 *)thread_fp_area(t) = 0x37f;
    *(u32 *)((char *)thread_fp_area(t) + 24) = 0x1f80;
    return t;
}

// --- idle ones
// -----------------------------------------------------------------------------------------------------------

static void idle_put(struct mm *mm, struct thread *t) {
    t->idle = true;
    t->sleeping = true;
    t->next = mm->idle;
    mm->idle = t;
    mm->idle_count++;
}

struct thread *thread_again(struct process *process) {
    struct mm *mm = process->mm;
    struct thread *t = mm->idle;
    if (!t)
        return NULL;
    mm->idle = t->next;
    mm->idle_count--;
    // It may still be on its way to sleep, on this stack, and looks at idle when it wakes.
    struct env_uarea *uarea = t->uarea;
    env_id env = t->env;
    const volatile struct abi_env *row = t->row;
    space_id space = t->space;
    u64 slice = t->slice;
    memset(t, 0, __builtin_offsetof(struct thread, idle));
    t->sleeping = true;
    t->uarea = uarea;
    t->env = env;
    t->row = row;
    t->space = space;
    t->slice = slice;
    t->ran_before = kernel_env(env)->ran;
    t->uarea->pending = 0;
    thread_init(t, process);
    return t;
}

// A processor of its own, and the wakeup.
static void idle_launch(struct thread *t) {
    slice_choose(t);
    __atomic_store_n(&t->idle, false, __ATOMIC_RELEASE);
    wait_wake_thread(t);
}

// It holds nothing and waits for nothing, wherever it is on its way to sleep; but it may not have
// paid yet.
static void idle_end(struct thread *t) {
    while (sys_env_destroy(POD_CAP, t->env) == -E_AGAIN)
        __asm__ volatile("pause");
    wait_pay(t);
    t->env = 0;
    thread_free(t);
}

void thread_idle_drop(struct mm *mm) {
    while (mm->idle) {
        struct thread *t = mm->idle;
        mm->idle = t->next;
        mm->idle_count--;
        idle_end(t);
    }
}

void thread_reclaim(void) {
    PROCESS_FOR_EACH(p) {
        if (p->mm)
            thread_idle_drop(p->mm);
    }
    process_bury_all();
}

static bool may_idle(const struct thread *t) {
    const struct process *p = t->process;
    return p->mm && p->mm->space == t->space && !p->exiting && !t->exit_asked &&
           p->mm->idle_count < IDLE_MAX && t->slice != ABI_ANY && !pod_memory_low(POD_RESERVE_USER);
}

// The calling thread, which has ended, waits to be another; lock held. Its debt is paid by going to
// sleep. The wake count is read before the lock is given up.
__attribute__((noreturn)) static void idle_wait(struct thread *me) {
    env_id env = me->env, owed = me->owed;
    u64 seen = kernel_env(env)->wakes;
    idle_put(me->process->mm, me);
    pod_unlock();
    while (__atomic_load_n(&me->idle, __ATOMIC_ACQUIRE)) {
        if (owed)
            sys_env_pass(POD_CAP, owed, seen, ABI_ANY);
        else
            sys_env_sleep(seen, ABI_ANY);
        owed = 0;
        seen = kernel_env(env)->wakes;
    }
    thread_begin(thread_trap_frame(me));
    exit_to_program();
}

// --- start and end
// -------------------------------------------------------------------------------------------------------

void thread_free(struct thread *thread) {
    if (thread->env && thread->idle) {
        idle_put(thread->process->mm, thread);
        return;
    }
    if (thread->slice != ABI_ANY)
        slice_give(thread->slice);
    pod_stack_free(thread->uarea);
}

// Its slice and env. 0, -EAGAIN, -ENOMEM.
static i64 thread_equip(struct thread *t) {
    if (t->slice == ABI_ANY && (t->slice = slice_take()) == ABI_ANY)
        return -EAGAIN;
    struct env_setup setup = {
        .rip = (u64)thread_start,
        .rsp = (u64)thread_trap_frame(t),
        .fs_base = t->fs_base,
        .upcall_entry = (u64)upcall_entry,
        .foreign_entry = (u64)foreign_entry,
        .upcall_stack = (u64)t->uarea,
        .upcall_pages = THREAD_STACK >> ABI_PAGE_SHIFT,
        .flags = ENV_TELL_WATCH,
    };
    i64 env = sys_env_create(POD_CAPS, pod_account, t->space, (u64)&setup, t->slice);
    if (env < 0)
        return env == -E_NOMEM ? -ENOMEM : -EAGAIN;
    t->env = (env_id)env;
    t->row = kernel_env(t->env);
    return 0;
}

i64 thread_launch(struct thread *t, space_id space) {
    if (t->idle) {
        idle_launch(t);
        return 0;
    }
    t->space = space;
    i64 error = thread_equip(t);
    if (error) {
        thread_reclaim();
        error = thread_equip(t);
    }
    if (error)
        return error;
    struct batch_op ops[3];
    u32 n = 0;
    if (exos_boot.cap_module)
        batch_cap_mint(&ops[n++], CAP_PAIR(exos_boot.cap_module, POD_CAP), t->env,
                       CAP_RIGHT_READ | CAP_RIGHT_EXEC | CAP_RIGHT_MINT, 0, 0);
    if (exos_boot.cap_console)
        batch_cap_mint(&ops[n++], CAP_PAIR(exos_boot.cap_console, POD_CAP), t->env,
                       (exos_boot.beside ? 0 : CAP_RIGHT_READ) | CAP_RIGHT_WRITE | CAP_RIGHT_LOG |
                           CAP_RIGHT_MINT,
                       0, 0);
    batch_env_start(&ops[n++], POD_CAP, t->env);
    if (rt_batch_run(ops, n, NULL)) {
        sys_env_destroy(POD_CAP, t->env);
        t->env = 0;
        return -EAGAIN;
    }
    return 0;
}

// The first C code of a new thread, in its own env and space; masked, without the lock.
void thread_begin(struct trap_frame *tf) {
    (void)tf;
    struct thread *t = current_thread();
    fp_restore(t);
    if (t->start || t->work & THREAD_WORK_SETTID) {
        pod_lock();
        if (t->work & THREAD_WORK_SETTID) {
            t->work &= (u8)~THREAD_WORK_SETTID;
            put_user_u32(t->set_tid, t->tid);
        }
        if (t->start)
            t->start(t->start_argument);
        pod_unlock();
    }
}

void thread_link(struct thread *thread, struct process *process) {
    thread->next = process->threads;
    process->threads = thread;
    process->thread_count++;
}

void thread_unlink(struct thread *thread) {
    struct thread **link = &thread->process->threads;
    while (*link != thread)
        link = &(*link)->next;
    *link = thread->next;
    thread->process->thread_count--;
}

void thread_kick(struct thread *thread) {
    thread->work |= THREAD_WORK_SIGNAL;
    if (thread->sleeping)
        wait_wake_thread(thread);
    else if (thread != current_thread() && thread->env)
        sys_env_notify(POD_CAP, thread->env);
}

void thread_end(void) {
    struct thread *me = current_thread();
    env_id env = me->env;
    wait_pay(me);
    me->next = dead;
    dead = me;
    pod_unlock();
    for (;;)
        sys_env_destroy(POD_CAP, env);
}

void thread_exit(u32 status) {
    struct thread *me = current_thread();
    struct process *p = me->process;
    if (p->thread_count == 1)
        process_exit(status);
    if (me->clear_tid) {
        put_user_u32(me->clear_tid, 0);
        futex_wake(me->clear_tid, 1);
    }
    signal_set_clear(&me->signals);
    p->dead_ticks += thread_ticks(me);
    thread_unlink(me);
    wait_wake_all(&p->thread_wait);
    if (may_idle(me))
        idle_wait(me);
    thread_end();
}

void thread_kill_others(void) {
    struct thread *me = current_thread();
    struct process *p = me->process;
    while (p->thread_count > 1) {
        for (struct thread *t = p->threads; t; t = t->next) {
            if (t != me && !t->exit_asked) {
                t->exit_asked = true;
                thread_kick(t);
            }
        }
        struct wait_entry w;
        wait_add(&p->thread_wait, &w);
        if (p->thread_count > 1)
            wait_sleep_always(WAIT_FOREVER);
        wait_remove(&w);
        if (me->exit_asked)
            me->exit_asked = false; // two at once: the first to come here goes on
    }
}

struct thread *thread_find(u32 tid) {
    PROCESS_FOR_EACH(p) {
        for (struct thread *t = p->threads; t; t = t->next) {
            if (t->tid == tid)
                return t;
        }
    }
    return NULL;
}

void process_bury_all(void) {
    for (struct thread **link = &dead; *link;) {
        struct thread *t = *link;
        if (t == current_thread() || kernel_env(t->env)->id == t->env) {
            link = &t->next;
            continue;
        }
        *link = t->next;
        thread_free(t);
    }
    mm_bury_all();
}
