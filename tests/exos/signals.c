// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Signal frames as a program sees them: every register and the vector registers come back, what a
// handler changes in its context takes effect, siginfo is complete, masks are kept. Each signal
// comes by many ways (an exception, kill, tgkill, by a call site before and after ExOS has patched
// it), for they are written by different code (libos/exos/signal_frame.c, signal_entry.S). A plain
// Linux program, which also runs on Linux.

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define TURNS 120 // more than a call site traps

static unsigned passed, failed;

#define CHECK(condition) check(!!(condition), #condition, __func__, __LINE__)
static void check(int ok, const char *what, const char *where, int line) {
    if (ok)
        passed++;
    else if (failed++ < 20)
        printf("signals: %s:%d: %s\n", where, line, what);
}

// --- everything that a context holds ------------------------------------------------------------

// Registers in this order: rax rbx rcx rdx rsi rdi rbp r8 .. r15; then ymm0 .. ymm3 (or their lower
// halves).
struct state {
    unsigned long r[15];
    unsigned char vector[4][32];
};
enum { RAX, RBX, RCX, RDX, RSI, RDI, RBP, R8, R9, R10, R11, R12, R13, R14, R15 };
static const int greg_of[15] = {REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RSI,
                                REG_RDI, REG_RBP, REG_R8,  REG_R9,  REG_R10,
                                REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

struct state want, got;
unsigned long red_zone[2], stack_there;
int has_avx;
void (*code_there)(void);

// Calls code_there with the registers of want, and stores what they are then in got.
void with_state(void);
__asm__(".pushsection .text; .global with_state; with_state:\n"
        "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; sub $136, %rsp\n"
        "lea want(%rip), %r15; cmpl $0, has_avx(%rip); je 1f\n"
        "vmovups 120(%r15), %ymm0; vmovups 152(%r15), %ymm1; vmovups 184(%r15), %ymm2\n"
        "vmovups 216(%r15), %ymm3; jmp 2f\n"
        "1: movups 120(%r15), %xmm0; movups 152(%r15), %xmm1; movups 184(%r15), %xmm2\n"
        "movups 216(%r15), %xmm3\n"
        "2: mov 0(%r15), %rax; mov 8(%r15), %rbx; mov 16(%r15), %rcx; mov 24(%r15), %rdx\n"
        "mov 32(%r15), %rsi; mov 40(%r15), %rdi; mov 48(%r15), %rbp; mov 56(%r15), %r8\n"
        "mov 64(%r15), %r9; mov 72(%r15), %r10; mov 80(%r15), %r11; mov 88(%r15), %r12\n"
        "mov 96(%r15), %r13; mov 104(%r15), %r14; mov 112(%r15), %r15\n"
        "movq $0x7001, -16(%rsp); movq $0x7002, -136(%rsp); mov %rsp, stack_there(%rip)\n"
        "call *code_there(%rip)\n"
        "mov %rax, got(%rip); mov %rbx, 8+got(%rip); mov %rcx, 16+got(%rip)\n"
        "mov %rdx, 24+got(%rip); mov %rsi, 32+got(%rip); mov %rdi, 40+got(%rip)\n"
        "mov %rbp, 48+got(%rip); mov %r8, 56+got(%rip); mov %r9, 64+got(%rip)\n"
        "mov %r10, 72+got(%rip); mov %r11, 80+got(%rip); mov %r12, 88+got(%rip)\n"
        "mov %r13, 96+got(%rip); mov %r14, 104+got(%rip); mov %r15, 112+got(%rip)\n"
        "cmp stack_there(%rip), %rsp; je 5f; ud2; 5:\n"
        "mov -16(%rsp), %rax; mov %rax, red_zone(%rip)\n"
        "mov -136(%rsp), %rax; mov %rax, 8+red_zone(%rip)\n"
        "lea got(%rip), %r15; cmpl $0, has_avx(%rip); je 3f\n"
        "vmovups %ymm0, 120(%r15); vmovups %ymm1, 152(%r15); vmovups %ymm2, 184(%r15)\n"
        "vmovups %ymm3, 216(%r15); vzeroupper; jmp 4f\n"
        "3: movups %xmm0, 120(%r15); movups %xmm1, 152(%r15); movups %xmm2, 184(%r15)\n"
        "movups %xmm3, 216(%r15)\n"
        "4: add $136, %rsp; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n"
        ".popsection");

// Ways a signal comes by. Each ends two bytes behind its label _at, or is a call site.
void by_ud(void), by_de(void), by_bp(void), by_call(void), by_other_call(void), by_page(void);
extern char by_ud_at[], by_bp_at[], by_de_at[], by_call_at[], by_page_at[], has_page[];
__asm__(".pushsection .text; .balign 16; by_ud: by_ud_at: ud2; ret\n"
        ".balign 16; by_de: by_de_at: div %cl; ret\n"
        ".balign 16; by_bp: by_bp_at: int3; ret\n"
        ".balign 16; by_page: by_page_at: movb (%rdi), %al; ret\n"
        ".balign 16; by_call: by_call_at: syscall; cmp $-4095, %rax; ret\n"
        ".balign 16; by_other_call: syscall; ret\n"
        ".balign 16; .popsection");

static volatile unsigned signals;
static siginfo_t last_info;
static mcontext_t last;
static struct _libc_fpstate last_fp;
static unsigned long last_flags, last_mask, last_stack, last_words[3];
static unsigned change; // what the handler does to its context

#define CHANGE_RIP    1  // over an instruction of two bytes
#define CHANGE_ALL    2  // every register, one more
#define CHANGE_VECTOR 4  // ymm0
#define CHANGE_FLAGS  8  // carry set
#define SCRIBBLE      16 // on vector registers, which must not matter

static void handler(int number, siginfo_t *info, void *context) {
    ucontext_t *c = context;
    signals++;
    last_info = *info;
    memcpy(&last, &c->uc_mcontext, sizeof last);
    last_fp = *c->uc_mcontext.fpregs;
    memcpy(&last_mask, &c->uc_sigmask, 8);
    last_flags = c->uc_flags;
    last_stack = (unsigned long)__builtin_frame_address(0);
    memcpy(last_words, (char *)c->uc_mcontext.fpregs + 464, sizeof last_words);
    if (number != info->si_signo)
        last_info.si_signo = -1;
    if (change & CHANGE_RIP)
        c->uc_mcontext.gregs[REG_RIP] += 2;
    for (unsigned i = 0; change & CHANGE_ALL && i < 15; i++)
        c->uc_mcontext.gregs[greg_of[i]]++;
    if (change & CHANGE_VECTOR)
        ((unsigned char *)c->uc_mcontext.fpregs)[160]++;
    if (change & CHANGE_FLAGS)
        c->uc_mcontext.gregs[REG_EFL] |= 1;
    if (change & SCRIBBLE && has_avx)
        __asm__ volatile("vpcmpeqd %%xmm0, %%xmm0, %%xmm0; vinsertf128 $1, %%xmm0, %%ymm0, %%ymm1\n"
                         "vmovups %%ymm1, %%ymm0; vmovups %%ymm1, %%ymm2; vmovups %%ymm1, %%ymm3"
                         :
                         :
                         : "xmm0", "xmm1", "xmm2", "xmm3");
    else if (change & SCRIBBLE)
        __asm__ volatile("pcmpeqd %%xmm0, %%xmm0; pcmpeqd %%xmm1, %%xmm1; pcmpeqd %%xmm2, %%xmm2"
                         :
                         :
                         : "xmm0", "xmm1", "xmm2");
}

static void handle(int number, int flags) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(number, &action, 0);
}

static void fill(unsigned seed) {
    for (unsigned i = 0; i < 15; i++)
        want.r[i] = 0x1111111111111111ul * (i + 1) + seed;
    for (unsigned i = 0; i < sizeof want.vector; i++)
        want.vector[i / 32][i % 32] =
            !has_avx && i % 32 >= 16 ? 0 : (unsigned char)(seed * 7 + i * 3 + 1);
}

// The context that the handler has seen is that of want, but for registers in skip.
static void check_context(unsigned skip, unsigned long stack) {
    unsigned bad = 0;
    for (unsigned i = 0; i < 15; i++)
        bad += !(skip >> i & 1) && (unsigned long)last.gregs[greg_of[i]] != want.r[i];
    CHECK(!bad);
    CHECK((unsigned long)last.gregs[REG_RSP] == stack);
    CHECK(last_fp.mxcsr == 0x1f80 && !memcmp(&last_fp._xmm[0], want.vector[0], 16) &&
          !memcmp(&last_fp._xmm[3], want.vector[3], 16));
    unsigned short cs;
    __asm__("mov %%cs, %0" : "=r"(cs));
    CHECK((last.gregs[REG_CSGSFS] & 0xffff) == cs);
    if (!(last_flags & 1)) // UC_FP_XSTATE
        return;
    CHECK((unsigned)last_words[0] == 0x46505853u && (last_words[1] & 3) == 3);
    CHECK((unsigned)last_words[2] + 4 == last_words[0] >> 32); // sizes without and with magic2
}

// What the registers are afterwards: those of want, and `more` added to all but those in skip.
static void check_after(unsigned skip, unsigned more) {
    unsigned bad = 0;
    for (unsigned i = 0; i < 15; i++)
        bad += !(skip >> i & 1) && got.r[i] != want.r[i] + more;
    if (change & CHANGE_VECTOR)
        bad += got.vector[0][0] != (unsigned char)(want.vector[0][0] + 1);
    got.vector[0][0] = want.vector[0][0];
    bad += memcmp(got.vector, want.vector, sizeof want.vector) != 0;
    CHECK(!bad);
    CHECK(red_zone[0] == 0x7001 && red_zone[1] == 0x7002);
}

#define BIT(r) (1u << (r))

static void exception(void (*code)(void), char *at, int behind, int number, int si_code,
                      void *address) {
    for (unsigned i = 0; i < 32; i++) {
        change = i;
        fill(i);
        want.r[RDI] = (unsigned long)has_page;
        want.r[RCX] = 0;
        code_there = code;
        signals = 0;
        // Something that steps over the instruction, for those that begin again.
        if (!behind)
            change |= CHANGE_RIP;
        else
            change &= ~CHANGE_RIP;
        with_state();
        CHECK(signals == 1);
        CHECK(last_info.si_signo == number && last_info.si_code == si_code);
        CHECK(last_info.si_errno == 0);
        if (address)
            CHECK(last_info.si_addr == address);
        CHECK((char *)last.gregs[REG_RIP] == at + behind);
        CHECK(!(last_mask & ~0ul));
        check_context(0, stack_there - 8);
        check_after(0, change & CHANGE_ALL ? 1 : 0);
    }
}

static void test_exceptions(void) {
    for (int way = 0; way < 2; way++) { // SA_NODEFER; SA_ONSTACK without a stack: ExOS' slow way
        int flags = way ? SA_ONSTACK : SA_NODEFER;
        handle(SIGILL, flags);
        handle(SIGFPE, flags);
        handle(SIGTRAP, flags);
        handle(SIGSEGV, flags);
        exception(by_ud, by_ud_at, 0, SIGILL, ILL_ILLOPN, by_ud_at);
        exception(by_de, by_de_at, 0, SIGFPE, FPE_INTDIV, by_de_at);
        exception(by_bp, by_bp_at, 1, SIGTRAP, SI_KERNEL, 0);
        mprotect(has_page, 4096, PROT_NONE);
        exception(by_page, by_page_at, 0, SIGSEGV, SEGV_ACCERR, has_page);
        CHECK(last.gregs[REG_CR2] == (long)has_page && last.gregs[REG_TRAPNO] == 14);
        mprotect(has_page, 4096, PROT_READ | PROT_WRITE);
    }
}
__asm__(".pushsection .bss; .balign 4096; has_page: .zero 4096; .popsection");

// A signal to oneself by a call: its result is 0, rcx and r11 are lost.
static void test_kill(void) {
    for (int way = 0; way < 2; way++) {
        handle(SIGUSR1, way ? SA_ONSTACK : SA_RESTART);
        for (unsigned i = 0; i < TURNS * 4; i++) {
            unsigned by_thread = i & 1, skip = BIT(RCX) | BIT(R11) | BIT(RAX);
            change = i & 30 & ~CHANGE_RIP;
            fill(i);
            want.r[RAX] = by_thread ? SYS_tgkill : SYS_kill;
            want.r[RDI] = (unsigned long)getpid();
            want.r[RSI] = by_thread ? (unsigned long)syscall(SYS_gettid) : SIGUSR1;
            want.r[RDX] = by_thread ? SIGUSR1 : want.r[RDX];
            code_there = i & 64 ? by_other_call : by_call;
            signals = 0;
            with_state();
            CHECK(signals == 1);
            CHECK(last_info.si_signo == SIGUSR1 && last_info.si_errno == 0);
            CHECK(last_info.si_code == (by_thread ? SI_TKILL : SI_USER));
            CHECK(last_info.si_pid == getpid() && last_info.si_uid == getuid());
            for (unsigned j = 6; j < sizeof last_info / 4; j++)
                CHECK(((int *)&last_info)[j] == 0);
            CHECK(last.gregs[REG_RIP] == (i & 64 ? (long)by_other_call : (long)by_call) + 2);
            CHECK(last.gregs[REG_RAX] == 0 && last.gregs[REG_RCX] == last.gregs[REG_RIP]);
            check_context(skip, stack_there - 8);
            CHECK(got.r[RAX] == (change & CHANGE_ALL ? 1u : 0u));
            check_after(skip, change & CHANGE_ALL ? 1 : 0);
        }
    }
}

// --- masks, and signals that meet ----------------------------------------------------------------

static unsigned long blocked(void) {
    unsigned long now = 0;
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, 0, &now, 8);
    return now;
}
#define SET(n) (1ul << ((n)-1))

static volatile unsigned long seen_mask;
static volatile unsigned order, usr1, at_usr2;
static void on_usr1(int number) {
    (void)number;
    seen_mask = blocked();
    if (usr1++)
        return;
    kill(getpid(), SIGUSR2); // both blocked here, pending until this ends
    kill(getpid(), SIGUSR1);
    order = usr1 == 1 && !at_usr2;
}
static void on_usr2(int number) {
    (void)number;
    at_usr2++;
}
static void test_masks(void) {
    for (unsigned i = 0; i < TURNS; i++) {
        struct sigaction one = {.sa_handler = on_usr1}, two = {.sa_handler = on_usr2};
        sigset_t hup;
        sigaddset(&one.sa_mask, SIGUSR2);
        sigaddset(&one.sa_mask, SIGKILL);
        sigaction(SIGUSR1, &one, 0);
        sigaction(SIGUSR2, &two, 0);
        order = usr1 = at_usr2 = 0;
        sigemptyset(&hup);
        sigaddset(&hup, SIGHUP);
        sigprocmask(SIG_SETMASK, &hup, 0);
        kill(getpid(), SIGUSR1);
        CHECK(order && usr1 == 2 && at_usr2 == 1);
        CHECK(seen_mask == (SET(SIGUSR1) | SET(SIGUSR2) | SET(SIGHUP)));
        CHECK(blocked() == SET(SIGHUP));
        kill(getpid(), SIGHUP); // blocked: pending, and then ignored
        signal(SIGHUP, SIG_IGN);
        sigemptyset(&hup);
        sigprocmask(SIG_SETMASK, &hup, 0);
        CHECK(blocked() == 0);
    }
}

// A handler for once, and one on a stack of its own.
static char other_stack[65536] __attribute__((aligned(16)));
static void test_flags(void) {
    for (unsigned i = 0; i < TURNS; i++) {
        handle(SIGUSR1, SA_RESETHAND);
        signals = change = 0;
        kill(getpid(), SIGUSR1);
        struct sigaction now;
        CHECK(signals == 1 && !sigaction(SIGUSR1, 0, &now) && now.sa_handler == SIG_DFL);
    }
    stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof other_stack}, was;
    CHECK(!sigaltstack(&stack, 0));
    for (unsigned i = 0; i < TURNS; i++) {
        handle(SIGUSR1, i & 1 ? SA_ONSTACK : 0);
        kill(getpid(), SIGUSR1);
        CHECK((last_stack - (unsigned long)other_stack < sizeof other_stack) == (i & 1));
        CHECK(!sigaltstack(0, &was) && was.ss_sp == other_stack && !was.ss_flags);
    }
    stack.ss_flags = (int)(1u << 31); // SS_AUTODISARM
    for (unsigned i = 0; i < TURNS; i++) {
        CHECK(!sigaltstack(&stack, 0));
        handle(SIGUSR1, SA_ONSTACK);
        kill(getpid(), SIGUSR1);
        CHECK(last_stack - (unsigned long)other_stack < sizeof other_stack);
    }
    stack.ss_flags = SS_DISABLE;
    CHECK(!sigaltstack(&stack, 0));
}

// Frames that make the stack grow, page after page.
static volatile unsigned depth;
static void deeper(int number) {
    if (++depth % 300)
        raise(number);
}
static void test_depth(void) {
    struct sigaction action = {.sa_handler = deeper, .sa_flags = SA_NODEFER};
    sigaction(SIGUSR1, &action, 0);
    for (int i = 0; i < 3; i++) {
        depth = 0;
        raise(SIGUSR1);
        CHECK(depth == 300);
    }
}

static void hurt(int how) {
    handle(SIGILL, 0);
    handle(SIGUSR1, 0);
    for (int i = 0; i < TURNS; i++)
        kill(getpid(), SIGUSR1);
    if (how == 0) // the stack pointer leads nowhere
        __asm__ volatile("mov $0x20000, %%esp; ud2" : : : "memory");
    if (how == 1) // or out of user space
        __asm__ volatile("mov $-4096, %%rsp; ud2" : : : "memory");
    if (how == 2) // or into ExOS
        __asm__ volatile("mov $0x7fc000100000, %%rsp; ud2" : : : "memory");
    if (how == 3) // kill with such a one
        __asm__ volatile("mov $0x20000, %%esp; call *%0"
                         :
                         : "r"(by_call), "a"(SYS_kill), "D"(getpid()), "S"(SIGUSR1)
                         : "memory");
    if (how == 4) // a return without a frame
        __asm__ volatile("mov $0x20000, %%esp; syscall" : : "a"(SYS_rt_sigreturn) : "memory");
    if (how == 5) { // blocked
        sigset_t ill;
        sigemptyset(&ill);
        sigaddset(&ill, SIGILL);
        sigprocmask(SIG_BLOCK, &ill, 0);
        __asm__ volatile("ud2");
    }
    if (how == 6) { // ignored
        signal(SIGILL, SIG_IGN);
        __asm__ volatile("ud2");
    }
    _exit(0);
}
static void test_hurt(void) {
    struct rlimit none = {0, 0};
    for (int how = 0; how < 7; how++) {
        int status = 0;
        pid_t child = fork();
        if (!child) {
            setrlimit(RLIMIT_CORE, &none);
            hurt(how);
        }
        CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
        CHECK(WTERMSIG(status) == (how < 5 ? SIGSEGV : SIGILL));
    }
}

// Handlers that are left by a jump, and returns to where a handler says.
static sigjmp_buf out;
static void jump_out(int number) {
    siglongjmp(out, number);
}
static void test_jumps(void) {
    signal(SIGUSR1, jump_out);
    signal(SIGILL, jump_out);
    for (volatile int i = 0; i < TURNS; i++) {
        int number = sigsetjmp(out, 1);
        if (!number) {
            if (i & 1)
                kill(getpid(), SIGUSR1);
            else
                by_ud();
            CHECK(0);
        }
        CHECK(number == (i & 1 ? SIGUSR1 : SIGILL));
        CHECK(blocked() == 0);
    }
}

// A handler puts wild values into its context: the process dies, or goes on as they say.
static unsigned long wild_rip, wild_flags;
static void make_wild(int number, siginfo_t *info, void *context) {
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    (void)number, (void)info;
    if (wild_rip)
        r[REG_RIP] = (greg_t)wild_rip;
    r[REG_EFL] |= (greg_t)wild_flags;
}
static void test_wild(void) {
    signal(SIGSEGV, SIG_DFL);
    for (int way = 0; way < 6; way++) {
        int status = 0;
        pid_t child = fork();
        if (!child) {
            struct sigaction action = {.sa_sigaction = make_wild, .sa_flags = SA_SIGINFO};
            sigaction(SIGUSR1, &action, 0);
            for (int i = 0; i < TURNS; i++)
                kill(getpid(), SIGUSR1);
            wild_rip = way == 0 ? 0x8000000000000000ul : way == 1 ? 0x100 : way == 2 ? ~0ul : 0;
            wild_flags = way == 3   ? 0x3000           /* IOPL */
                         : way == 4 ? 0x8d5 | 0x200000 /* all of the program's, ID */
                         : way == 5 ? 0x4000 | 0x20000 /* NT, VM */
                                    : 0;
            kill(getpid(), SIGUSR1);
            _exit(9);
        }
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(way < 3 ? WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV
                      : WIFEXITED(status) && WEXITSTATUS(status) == 9);
    }
}

// --- everything at once --------------------------------------------------------------------------

static volatile unsigned alarms;
static void on_alarm(int number) {
    (void)number;
    alarms++;
}
static volatile int storm_over;
static void *storm(void *argument) {
    while (!storm_over)
        kill(getpid(), SIGUSR2);
    return argument;
}
static void storm_turns(void) {
    unsigned bad = 0;
    handle(SIGILL, 0);
    handle(SIGUSR1, 0);
    for (unsigned i = 0; i < 3000; i++) {
        change = i & (CHANGE_ALL | CHANGE_VECTOR | SCRIBBLE);
        unsigned before = signals, kind = i & 1;
        fill(i);
        if (kind) {
            want.r[RAX] = SYS_kill;
            want.r[RDI] = (unsigned long)getpid();
            want.r[RSI] = SIGUSR1;
        }
        change |= kind ? 0 : CHANGE_RIP;
        code_there = kind ? by_call : by_ud;
        with_state();
        bad += signals != before + 1;
        unsigned skip = kind ? BIT(RAX) | BIT(RCX) | BIT(R11) : 0;
        for (unsigned r = 0; r < 15; r++)
            bad += !(skip >> r & 1) && got.r[r] != want.r[r] + (change & CHANGE_ALL ? 1 : 0);
        bad += memcmp(got.vector[1], want.vector[1], 32) || red_zone[0] != 0x7001;
    }
    CHECK(!bad);
}
static void test_storm(void) {
    struct itimerval often = {{0, 300}, {0, 300}}, off = {{0, 0}, {0, 0}};
    signal(SIGALRM, on_alarm);
    signal(SIGUSR2, on_alarm);
    setitimer(ITIMER_REAL, &often, 0);
    for (int i = 0; i < 200 && alarms < 20; i++)
        storm_turns();
    setitimer(ITIMER_REAL, &off, 0);
    CHECK(alarms >= 20);
    int child = fork(), status; // another process sends
    if (!child) {
        for (int i = 0; i < 2000; i++)
            kill(getppid(), SIGUSR2);
        _exit(0);
    }
    storm_turns();
    CHECK(waitpid(child, &status, 0) == child && !status);
    pthread_t thread; // another thread does
    sigset_t both;
    sigemptyset(&both);
    CHECK(!pthread_create(&thread, 0, storm, 0));
    change = 0;
    for (unsigned i = 0; i < 500; i++) {
        unsigned before = signals;
        change = CHANGE_RIP;
        by_ud();
        CHECK(signals == before + 1);
    }
    storm_over = 1;
    pthread_join(thread, 0);
}

#define STEP(function) (getenv("STEPS") ? (void)puts(#function) : (void)0, function())
int main(int argc, char **argv) {
    setvbuf(stdout, 0, _IOLBF, 0);
    has_avx = __builtin_cpu_supports("avx");
    STEP(test_exceptions);
    STEP(test_kill);
    STEP(test_masks);
    STEP(test_flags);
    STEP(test_depth);
    STEP(test_hurt);
    STEP(test_jumps);
    STEP(test_wild);
    if (argc > 1 && !strcmp(argv[1], "storm"))
        STEP(test_storm);
    printf("exos-signals: %u passed, %u failed\n", passed, failed);
    return failed ? 1 : 0;
}
