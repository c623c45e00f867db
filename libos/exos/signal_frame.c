// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Signal frames on the program's stack, in Linux' layout, and rt_sigreturn, which takes one back.

#include "libos/exos/kernel.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/mm.h"
#include "libos/exos/patch.h"
#include "libos/exos/pod.h"
#include "libos/exos/pod_priv.h"
#include "libos/exos/process_priv.h"
#include "libos/exos/signal_priv.h"
#include "libos/exos/trap.h"
#include "libos/exos/uaccess.h"
#include "libos/exos/vm.h"

// Flags of the program that a handler's return may set: status flags, DF, TF, AC, ID.
#define RFLAGS_PROGRAM       0x240dd5ul
#define UC_FP_XSTATE         1
#define UC_SIGCONTEXT_SS     2
#define UC_STRICT_RESTORE_SS 4
#define FPX_SW_OFFSET        464ul
#define FXSAVE_BYTES         512ul

static u64 fp_bytes(void) {
    return pod_has_xsave ? ABI_INFO->xsave_bytes : FXSAVE_BYTES;
}

// Are all pages of a range there, and writable if they are to be written? While the pod lock is
// held, plain accesses to them do not fault then.
static bool range_ready(u64 from, u64 bytes, bool write) {
    if (!user_range_ok(from, bytes))
        return false;
    u64 need = write ? ABI_PTE_U | ABI_PTE_W : ABI_PTE_U;
    for (int turn = 0; turn < 4; turn++) { // to make one page may cost another
        bool all = true;
        for (u64 page = from & ~(ABI_PAGE - 1); page < from + bytes; page += ABI_PAGE) {
            if ((kernel_pte(page) & need) == need)
                continue;
            all = false;
            if (mm_touch(page, write))
                return false;
        }
        if (all)
            return true;
    }
    return false;
}

// Saves the vector registers at user address to (64-aligned, ready), with what Linux tells there
// about the size.
static i64 fp_push(u64 to) {
    u64 bytes = fp_bytes(), *header = (u64 *)(to + FXSAVE_BYTES);
    if (pod_has_xsave) {
        for (int i = 0; i < 8; i++)
            header[i] = 0;
    }
    if (user_fp_save((void *)to))
        return -EFAULT;
    if (pod_has_xsave) {
        *(struct linux_fpx_sw *)(to + FPX_SW_OFFSET) = (struct linux_fpx_sw){
            FP_XSTATE_MAGIC1, (u32)bytes + 4, ABI_INFO->xcr0, (u32)bytes, {0}};
        *(u32 *)(to + bytes) = FP_XSTATE_MAGIC2;
    }
    return 0;
}

struct signal_entry signal_entry;

void signal_entry_boot(void) {
    struct signal_entry *e = &signal_entry;
    u16 cs, ss;
    if (!pod_has_xsave)
        return;
    __asm__("mov %%cs, %0" : "=r"(cs));
    __asm__("mov %%ss, %0" : "=r"(ss));
    e->fp_bytes = fp_bytes();
    e->space = 128 + fp_bytes() + 4;
    e->limit = EXOS_USER_END - (sizeof(struct linux_sigframe) + 16 + fp_bytes() + 4);
    e->selectors = cs | (u64)ss << 48;
    e->fpx_sw = (struct linux_fpx_sw){
        FP_XSTATE_MAGIC1, (u32)fp_bytes() + 4, ABI_INFO->xcr0, (u32)fp_bytes(), {0}};
    static const u32 vectors[][3] = {{UPCALL_DE, SIGFPE, FPE_INTDIV},
                                     {UPCALL_BP, SIGTRAP, SI_KERNEL},
                                     {UPCALL_UD, SIGILL, ILL_ILLOPN}};
    for (u64 i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        e->vectors[vectors[i][0]][0] = vectors[i][1];
        e->vectors[vectors[i][0]][1] = vectors[i][2];
    }
}

void signal_no_room(void) {
    pod_lock();
    process_exit(SIGSEGV);
}

static void context_save(struct linux_sigcontext *c, const struct trap_frame *tf) {
    const struct upcall_frame *f = &tf->frame;
    bool call = f->vector == UPCALL_SYSCALL;
    u64 rip = patch_canonical(current()->mm, f->rip);
    c->r8 = tf->r8;
    c->r9 = tf->r9;
    c->r10 = tf->r10;
    c->r11 = call ? f->rflags : f->r11;
    c->r12 = tf->r12;
    c->r13 = tf->r13;
    c->r14 = tf->r14;
    c->r15 = tf->r15;
    c->rdi = f->rdi;
    c->rsi = tf->rsi;
    c->rbp = tf->rbp;
    c->rbx = tf->rbx;
    c->rdx = f->rdx;
    c->rax = f->rax;
    c->rcx = call ? rip : f->rcx;
    c->rsp = f->rsp;
    c->rip = rip;
    c->rflags = f->rflags;
    c->cs = (u16)f->cs;
    c->ss = (u16)f->ss;
    bool exception = f->vector < 32;
    c->gs = c->fs = 0;
    c->error = exception ? f->error : 0;
    c->trapno = exception ? f->vector : 0;
    c->cr2 = exception ? f->address : 0;
    c->oldmask = 0;
    c->reserved[0] = rip == f->rip ? 0 : f->rip; // see signal_entry.S
}

static void context_load(struct trap_frame *tf, const struct linux_sigcontext *c) {
    struct upcall_frame *f = &tf->frame;
    tf->r8 = c->r8;
    tf->r9 = c->r9;
    tf->r10 = c->r10;
    f->r11 = c->r11;
    tf->r12 = c->r12;
    tf->r13 = c->r13;
    tf->r14 = c->r14;
    tf->r15 = c->r15;
    f->rdi = c->rdi;
    tf->rsi = c->rsi;
    tf->rbp = c->rbp;
    tf->rbx = c->rbx;
    f->rdx = c->rdx;
    f->rax = c->rax;
    f->rcx = c->rcx;
    f->rsp = c->rsp;
    f->rip = patch_resume(current()->mm, c->rip);
    f->rflags = (f->rflags & ~RFLAGS_PROGRAM) | (c->rflags & RFLAGS_PROGRAM);
    f->vector = TRAP_FULL;
}

static bool on_altstack(const struct thread *t, u64 sp) {
    return !(t->altstack_flags & SS_DISABLE) && sp - t->altstack_base <= t->altstack_bytes &&
           t->altstack_bytes;
}

i64 signal_frame_push(struct trap_frame *tf, const struct linux_siginfo *info,
                      const struct signal_action *action, u64 saved_mask) {
    struct thread *t = current_thread();
    u64 sp = tf->frame.rsp - 128;
    if (action->flags & SA_ONSTACK && t->altstack_bytes && !on_altstack(t, tf->frame.rsp) &&
        !(t->altstack_flags & SS_DISABLE))
        sp = t->altstack_base + t->altstack_bytes;
    u64 fp = (sp - fp_bytes() - 4) & ~63ul;
    u64 at = ((fp - sizeof(struct linux_sigframe)) & ~15ul) - 8;
    if (!(action->flags & SA_RESTORER) || !range_ready(at, fp + fp_bytes() + 4 - at, true) ||
        fp_push(fp))
        return -EFAULT;
    struct linux_sigframe *frame = (struct linux_sigframe *)at;
    struct linux_ucontext *uc = &frame->ucontext;
    frame->restorer = action->restorer;
    signal_info_copy(&frame->info, info);
    uc->flags = (pod_has_xsave ? UC_FP_XSTATE : 0) | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
    uc->link = 0;
    uc->stack.base = t->altstack_base;
    uc->stack.bytes = t->altstack_bytes;
    uc->stack.flags = (i32)t->altstack_flags;
    context_save(&uc->context, tf);
    uc->context.fpstate = fp;
    uc->mask = saved_mask;
    if (t->altstack_flags & SS_AUTODISARM) {
        t->altstack_base = t->altstack_bytes = 0;
        t->altstack_flags = SS_DISABLE;
    }
    struct upcall_frame *f = &tf->frame;
    f->rdi = (u64)info->signo;
    tf->rsi = at + __builtin_offsetof(struct linux_sigframe, info);
    f->rdx = at + __builtin_offsetof(struct linux_sigframe, ucontext);
    f->rax = 0;
    f->rip = action->handler;
    f->rsp = at;
    f->rflags &= ~0x10500ul; // TF, DF, RF
    f->vector = TRAP_FULL;
    return 0;
}

i64 linux_rt_sigreturn(void) {
    struct thread *t = current_thread();
    struct trap_frame *tf = thread_trap_frame(t);
    u64 at = tf->frame.rsp - 8;
    const struct linux_ucontext *uc = (const struct linux_ucontext *)(at + 8);
    if (!range_ready(at + 8, sizeof(*uc), false))
        process_exit(SIGSEGV);
    u64 fp = *(const volatile u64 *)&uc->context.fpstate;
    if (fp && (fp & 63 || !user_range_ok(fp, fp_bytes()) || user_fp_load((const void *)fp)))
        process_exit(SIGSEGV);
    context_load(tf, &uc->context);
    if (t->altstack_flags & SS_DISABLE || !on_altstack(t, tf->frame.rsp)) {
        t->altstack_base = uc->stack.base;
        t->altstack_bytes = uc->stack.bytes;
        t->altstack_flags = (u32)uc->stack.flags & (SS_DISABLE | SS_AUTODISARM);
    }
    signal_set_blocked(uc->mask);
    return (i64)tf->frame.rax;
}

i64 linux_sigaltstack(u64 stack, u64 old) {
    struct thread *t = current_thread();
    bool on = on_altstack(t, thread_trap_frame(t)->frame.rsp);
    struct linux_sigaltstack s;
    struct linux_sigaltstack was = {t->altstack_base, 0, 0, t->altstack_bytes};
    was.flags = !t->altstack_bytes
                    ? SS_DISABLE
                    : (i32)((on ? SS_ONSTACK : 0) | (t->altstack_flags & SS_AUTODISARM));
    if (stack) {
        if (copy_from_user(&s, stack, sizeof(s)))
            return -EFAULT;
        if (on)
            return -EPERM;
        u32 mode = (u32)s.flags & ~SS_AUTODISARM;
        if (mode != SS_DISABLE && mode != SS_ONSTACK && mode)
            return -EINVAL;
        if (mode != SS_DISABLE && s.bytes < 2048)
            return -ENOMEM;
        bool off = mode == SS_DISABLE;
        t->altstack_base = off ? 0 : s.base;
        t->altstack_bytes = off ? 0 : s.bytes;
        t->altstack_flags = off ? SS_DISABLE : (u32)s.flags & SS_AUTODISARM;
    }
    return old && copy_to_user(old, &was, sizeof(was)) ? -EFAULT : 0;
}
