// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Linux signal numbers, flags and structures, x86-64; and resource limits.

#ifndef EXOS_LINUX_UAPI_SIGNAL_H
#define EXOS_LINUX_UAPI_SIGNAL_H

#include "abi/types.h"

enum linux_signal {
    SIGHUP = 1,
    SIGINT,
    SIGQUIT,
    SIGILL,
    SIGTRAP,
    SIGABRT,
    SIGBUS,
    SIGFPE,
    SIGKILL,
    SIGUSR1,
    SIGSEGV,
    SIGUSR2,
    SIGPIPE,
    SIGALRM,
    SIGTERM,
    SIGSTKFLT,
    SIGCHLD,
    SIGCONT,
    SIGSTOP,
    SIGTSTP,
    SIGTTIN,
    SIGTTOU,
    SIGURG,
    SIGXCPU,
    SIGXFSZ,
    SIGVTALRM,
    SIGPROF,
    SIGWINCH,
    SIGIO,
    SIGPWR,
    SIGSYS,
    SIGRTMIN = 32,
    LINUX_SIGNALS = 64,
};

#define SIG_DFL 0ul
#define SIG_IGN 1ul

#define SA_NOCLDSTOP 1ul
#define SA_NOCLDWAIT 2ul
#define SA_SIGINFO   4ul
#define SA_RESTORER  0x04000000ul
#define SA_ONSTACK   0x08000000ul
#define SA_RESTART   0x10000000ul
#define SA_NODEFER   0x40000000ul
#define SA_RESETHAND 0x80000000ul

#define SIG_BLOCK   0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2

#define SS_ONSTACK    1
#define SS_DISABLE    2
#define SS_AUTODISARM (1u << 31)

#define SI_USER       0
#define SI_KERNEL     0x80
#define SI_QUEUE      (-1)
#define SI_TIMER      (-2)
#define SI_TKILL      (-6)
#define ILL_ILLOPN    2
#define FPE_INTDIV    1
#define FPE_INTOVF    2
#define FPE_FLTINV    7
#define SEGV_MAPERR   1
#define SEGV_ACCERR   2
#define BUS_ADRALN    1
#define BUS_ADRERR    2
#define TRAP_BRKPT    1
#define TRAP_TRACE    2
#define CLD_EXITED    1
#define CLD_KILLED    2
#define CLD_DUMPED    3
#define CLD_STOPPED   5
#define CLD_CONTINUED 6

struct linux_siginfo {
    i32 signo, error, code, pad;
    union {
        struct {
            i32 pid;
            u32 uid;
            i32 status;
            u32 pad2;
            i64 utime, stime;
        } child; // pid and uid: also of SI_USER
        struct {
            i32 pid;
            u32 uid;
            u64 value;
        } queue;
        struct {
            u64 address;
        } fault;
        u64 words[14];
    };
};
ABI_ASSERT_SIZE(struct linux_siginfo, 128);

struct linux_sigaltstack {
    u64 base;
    i32 flags;
    u32 pad;
    u64 bytes;
};

struct linux_sigcontext {
    u64 r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
    u16 cs, gs, fs, ss;
    u64 error, trapno, oldmask, cr2, fpstate;
    u64 reserved[8];
};
ABI_ASSERT_SIZE(struct linux_sigcontext, 256);

struct linux_ucontext {
    u64 flags, link;
    struct linux_sigaltstack stack;
    struct linux_sigcontext context;
    u64 mask;
};
ABI_ASSERT_OFFSET(struct linux_ucontext, context, 40);
ABI_ASSERT_OFFSET(struct linux_ucontext, mask, 296);

struct linux_sigframe {
    u64 restorer;
    struct linux_ucontext ucontext;
    struct linux_siginfo info;
};
ABI_ASSERT_OFFSET(struct linux_sigframe, ucontext, 8);

// What is written at fpstate's software-reserved bytes (464) when the XSAVE area follows.
struct linux_fpx_sw {
    u32 magic1, extended_bytes;
    u64 xfeatures;
    u32 xstate_bytes;
    u32 pad[7];
};
#define FP_XSTATE_MAGIC1 0x46505853u
#define FP_XSTATE_MAGIC2 0x46505845u

enum linux_rlimit {
    RLIMIT_CPU,
    RLIMIT_FSIZE,
    RLIMIT_DATA,
    RLIMIT_STACK,
    RLIMIT_CORE,
    RLIMIT_RSS,
    RLIMIT_NPROC,
    RLIMIT_NOFILE,
    RLIMIT_MEMLOCK,
    RLIMIT_AS,
    RLIMIT_LOCKS,
    RLIMIT_SIGPENDING,
    RLIMIT_MSGQUEUE,
    RLIMIT_NICE,
    RLIMIT_RTPRIO,
    RLIMIT_RTTIME,
    LINUX_RLIMITS,
};
#define RLIM_INFINITY (~0ul)

#endif
