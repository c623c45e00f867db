// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// System calls that ExOS turns into procedure calls (libos/exos/patch.h), seen from the program: a
// plain Linux program that must not notice, except by looking at its own text. With --linux it asks
// for no patches, and so runs on Linux too.
//
// A site is a function of its own in assembly: SITE(name, what follows the syscall). It stores all
// registers before and after, and what lies below the stack pointer.

#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define TURNS 200 // more than ExOS waits for

static unsigned passed, failed;
static int on_linux;

#define CHECK(condition) check(!!(condition), #condition, __func__, __LINE__)
static void check(int ok, const char *what, const char *where, int line) {
    if (ok)
        __atomic_fetch_add(&passed, 1, __ATOMIC_RELAXED);
    else if (__atomic_fetch_add(&failed, 1, __ATOMIC_RELAXED) < 20)
        printf("patched: %s:%d: %s\n", where, line, what);
}

// --- sites --------------------------------------------------------------------------------------

struct call {
    long rax, rdi, rsi, rdx, r10, r8, r9; // in; rax is also the result
    long after[13]; // all others but rax, rcx, r11: in this order, then callee-saved
    long red[2];    // what was found below the stack pointer
};

#define SITE(name, follows)                                                                        \
    void name(struct call *call);                                                                  \
    extern unsigned char name##_at[];                                                              \
    __asm__(".pushsection .text; .balign 16; .global " #name "; " #name ":\n"                      \
            "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; push %rdi\n"        \
            "mov %rdi, %rbx; mov $0x1112, %ebp; mov $0x1113, %r12d; mov $0x1114, %r13d\n"          \
            "mov $0x1115, %r14d; mov $0x1116, %r15d\n"                                             \
            "mov 0(%rbx), %rax; mov 16(%rbx), %rsi; mov 24(%rbx), %rdx; mov 32(%rbx), %r10\n"      \
            "mov 40(%rbx), %r8; mov 48(%rbx), %r9; mov 8(%rbx), %rdi\n"                            \
            "movq $0x7001, -8(%rsp); movq $0x7002, -128(%rsp)\n"                                   \
            ".global " #name "_at; " #name "_at: syscall\n" follows "\n"                           \
            "mov (%rsp), %rcx; mov %rax, 0(%rcx)\n"                                                \
            "mov %rdi, 56(%rcx); mov %rsi, 64(%rcx); mov %rdx, 72(%rcx); mov %r10, 80(%rcx)\n"     \
            "mov %r8, 88(%rcx); mov %r9, 96(%rcx); mov %rbx, 104(%rcx); mov %rbp, 112(%rcx)\n"     \
            "mov %r12, 120(%rcx); mov %r13, 128(%rcx); mov %r14, 136(%rcx)\n"                      \
            "mov %r15, 144(%rcx)\n"                                                                \
            "mov -8(%rsp), %rdx; mov %rdx, 160(%rcx); mov -128(%rsp), %rdx\n"                      \
            "mov %rdx, 168(%rcx)\n"                                                                \
            "pop %rdi; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n"          \
            ".popsection")

// Shapes that are patched.
SITE(site_cmp, "cmp $-4095, %rax; nop");
SITE(site_cmp8, "cmp $-1, %rax; nop");
SITE(site_cmp_eax, "cmp $0x12345678, %eax; nop");
SITE(site_test, "test %rax, %rax; nop");
SITE(site_mov, "mov %rax, %rcx; cmp $-4095, %rcx");
SITE(site_memory, "mov %rax, -64(%rsp); test %eax, %eax");
SITE(site_nop, ".byte 0x0f, 0x1f, 0x80, 0, 0, 0, 0; test %eax, %eax");
SITE(site_edge, "cmp $-4095, %rax"); // for threads, signals, fork
// Shapes that must stay as they are.
SITE(site_short, "mov %eax, %ecx; cmp $-4095, %rcx");
SITE(site_flags, "lea 1(%rax), %rcx; jc 1f; 1:");
SITE(site_relative, "lea site_relative(%rip), %rcx; test %eax, %eax");
SITE(site_prefix, "repz nop; nop; test %eax, %eax");

static int patched(const unsigned char *site) {
    return *(volatile const unsigned char *)site == 0xe9;
}
static void expect_patched(const unsigned char *site, int yes) {
    CHECK(patched(site) == (yes && !on_linux));
}

static long call_by(void (*site)(struct call *), long number, long a, long b, long c) {
    struct call call = {
        .rax = number, .rdi = a, .rsi = b, .rdx = c, .r10 = 0x55, .r8 = 0x56, .r9 = 0x57};
    site(&call);
    if (call.after[0] != a || call.after[1] != b || call.after[2] != c || call.after[3] != 0x55 ||
        call.after[4] != 0x56 || call.after[5] != 0x57 || call.after[6] != (long)&call ||
        call.after[7] != 0x1112 || call.after[8] != 0x1113 || call.after[9] != 0x1114 ||
        call.after[10] != 0x1115 || call.after[11] != 0x1116)
        CHECK(!"registers kept");
    if (call.red[0] != 0x7001 || call.red[1] != 0x7002)
        CHECK(!"red zone kept");
    return call.rax;
}

static void test_shape(void (*site)(struct call *), const unsigned char *at, int yes) {
    int zero = open("/dev/zero", O_RDWR);
    unsigned bad = 0;
    for (int i = 0; i < TURNS; i++) {
        char byte = 1;
        bad += call_by(site, SYS_getppid, 1, 2, 3) != getppid();
        bad += call_by(site, SYS_getuid, 1, 2, 3) != getuid();
        bad += call_by(site, SYS_read, zero, (long)&byte, 1) != 1 || byte;
        bad += call_by(site, SYS_write, zero, (long)&byte, 1) != 1;
        bad += call_by(site, SYS_close, -1, 2, 3) != -EBADF;
        bad += call_by(site, 9999, 1, 2, 3) != -ENOSYS;
        bad += call_by(site, -1, 1, 2, 3) != -ENOSYS;
        bad += call_by(site, SYS_read, zero, 8, 1) != -EFAULT;
    }
    CHECK(!bad);
    expect_patched(at, yes);
    close(zero);
}
#define SHAPE(name, yes) test_shape(name, name##_at, yes)

static void test_shapes(void) {
    SHAPE(site_cmp, 1);
    SHAPE(site_cmp8, 1);
    SHAPE(site_cmp_eax, 1);
    SHAPE(site_test, 1);
    SHAPE(site_mov, 1);
    SHAPE(site_memory, 1);
    SHAPE(site_nop, 1);
    SHAPE(site_edge, 1);
    SHAPE(site_short, 0);
    SHAPE(site_flags, 0);
    SHAPE(site_relative, 0);
    SHAPE(site_prefix, 0);
}

// The page cache has the program as it was.
static void test_file(void) {
    unsigned char bytes[2] = {0};
    extern char __executable_start[];
    int self = open("/proc/self/exe", O_RDONLY);
    CHECK(self >= 0);
    CHECK(pread(self, bytes, 2, site_cmp_at - (unsigned char *)__executable_start) == 2);
    CHECK(bytes[0] == 0x0f && bytes[1] == 0x05);
    close(self);
}

// Does a patched call find the thread by GS, or does it take the slow way through its slot?
static int gs_is_set(void) {
    unsigned long base;
    __asm__ volatile(".byte 0xf3, 0x48, 0x0f, 0xae, 0xc8" : "=a"(base)); // rdgsbase %rax
    return on_linux || (base && ((unsigned long *)base)[7] - base < 16384);
}

// --- many sites, and threads that race at fresh ones --------------------------------------------

#define MANY 300
extern unsigned char many_start[], many_end[];
__asm__(".pushsection .text; .balign 16\n.global many_start; many_start:\n"
        ".rept 300\n syscall\n cmp $-4095, %rax\n ret\n .balign 16\n .endr\n"
        ".global many_end; many_end: .popsection");

static long many_call(unsigned i, long number, long a, long b, long c) {
    long result;
    void *site = many_start + i * 16;
    register long rdx __asm__("rdx") = c;
    __asm__ volatile("call *%2"
                     : "=a"(result)
                     : "a"(number), "r"(site), "D"(a), "S"(b), "r"(rdx)
                     : "rcx", "r11", "memory", "cc");
    return result;
}

#define THREADS 6
static pthread_barrier_t barrier;
static void *racer(void *argument) {
    long tid = syscall(SYS_gettid), pid = getpid();
    unsigned bad = 0;
    (void)argument;
    for (unsigned site = 0; site < MANY; site += 8) {
        pthread_barrier_wait(&barrier);
        for (int i = 0; i < TURNS; i++) {
            bad += many_call(site, SYS_gettid, 0, 0, 0) != tid;
            bad += many_call(site + 1 + i % 2, SYS_getpgid, 0, 0, 0) < 0;
            bad += many_call(site + 3, SYS_getpid, 0, 0, 0) != pid;
        }
    }
    CHECK(!bad);
    CHECK(gs_is_set());
    return argument;
}
static void test_threads(void) {
    pthread_t threads[THREADS];
    pthread_barrier_init(&barrier, 0, THREADS);
    for (int i = 0; i < THREADS; i++)
        CHECK(!pthread_create(&threads[i], 0, racer, 0));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], 0);
    expect_patched(many_start, 1);
}
// Control comes to the byte behind a syscall that is none any more.
static void test_behind(void) {
    for (unsigned i = 0; i < 40; i++) {
        long result;
        CHECK(patched(many_start + i * 8 * 16) == !on_linux || i * 8 >= MANY);
        __asm__ volatile("call *%1"
                         : "=a"(result)
                         : "r"(many_start + (i * 8 < MANY ? i * 8 : 0) * 16 + 2), "a"(4711)
                         : "rcx", "r11", "memory", "cc");
        CHECK(result == 4711);
    }
}

// More sites than ExOS keeps.
static void test_many(void) {
    unsigned bad = 0, done = 0;
    for (unsigned site = 0; site < MANY; site++) {
        for (int i = 0; i < TURNS / 2; i++)
            bad += many_call(site, SYS_getpid, 0, 0, 0) != getpid();
        done += patched(many_start + site * 16);
    }
    CHECK(!bad);
    CHECK(on_linux ? !done : done > 150);
}

// A ret behind the syscall, and padding: also by way of the ret itself, and with the direction flag
// set.
extern unsigned char ret_site[];
__asm__(".pushsection .text; .balign 16\n.global ret_site; ret_site: syscall; ret\n.balign 16\n"
        ".popsection");
static long ret_call(long number, long a, long b, long c, int backwards) {
    long result;
    register long rdx __asm__("rdx") = c;
    __asm__ volatile("test %3, %3; jz 1f; std; 1: call ret_site; cld"
                     : "=a"(result)
                     : "a"(number), "D"(a), "r"(backwards), "S"(b), "r"(rdx)
                     : "rcx", "r11", "memory", "cc");
    return result;
}
static void test_ret(void) {
    unsigned char bytes[48], was[16];
    int zero = open("/dev/zero", O_RDWR);
    unsigned bad = 0;
    memcpy(was, ret_site, sizeof was);
    for (int i = 0; i < TURNS; i++) {
        memset(bytes, 7, sizeof bytes);
        bad += ret_call(SYS_getppid, 0, 0, 0, i & 1) != getppid();
        bad += ret_call(SYS_read, zero, (long)bytes + 16, 16, i & 1) != 16;
        for (unsigned j = 0; j < sizeof bytes; j++)
            bad += bytes[j] != (j < 16 || j >= 32 ? 7 : 0);
        bad += ret_call(SYS_pread64, zero, (long)bytes, 48, i & 1) != 48 || bytes[0] || bytes[47];
    }
    CHECK(!bad);
    expect_patched(ret_site, 1);
    long result;
    __asm__ volatile("call ret_site + 2" : "=a"(result) : "a"(4711) : "memory");
    CHECK(result == 4711);
    unsigned char *page = (unsigned char *)((uintptr_t)ret_site & ~4095ul);
    CHECK(!mprotect(page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC));
    CHECK(!memcmp(was, ret_site, sizeof was));
    CHECK(!mprotect(page, 8192, PROT_READ | PROT_EXEC));
    CHECK(ret_call(SYS_getppid, 0, 0, 0, 0) == getppid());
    close(zero);
}

// Reads and writes of every kind of descriptor by one site, and of none.
static void test_moves(void) {
    int ends[2], zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY);
    int path = open("/dev/zero", O_PATH), file = open("/tmp/moves", O_RDWR | O_CREAT, 0600);
    unsigned bad = 0;
    static char text[8]; // low, so that much fits above it
    CHECK(zero >= 0 && null >= 0 && path >= 0 && file >= 0 && !pipe(ends));
    for (int i = 0; i < TURNS; i++) {
        bad += call_by(site_edge, SYS_read, null, (long)text, 1) != -EBADF;
        bad += call_by(site_edge, SYS_write, zero, (long)text, 1) != -EBADF;
        bad += call_by(site_edge, SYS_read, path, (long)text, 1) != -EBADF;
        bad += call_by(site_edge, SYS_write, path, (long)text, 1) != -EBADF;
        bad += call_by(site_edge, SYS_read, ends[1], (long)text, 1) != -EBADF;
        bad += call_by(site_edge, SYS_read, 1000000, (long)text, 1) != -EBADF;
        bad += call_by(site_edge, SYS_read, -1, (long)text, 1) != -EBADF;
        bad += call_by(site_edge, SYS_read, zero, -8, 1) != -EFAULT;
        bad += call_by(site_edge, SYS_write, null, -8, 1) != -EFAULT;
        bad += call_by(site_edge, SYS_write, null, (long)text, 1l << 40) != 0x7ffff000;
        bad += call_by(site_edge, SYS_write, ends[1], (long)"pipe", 4) != 4;
        bad += call_by(site_edge, SYS_read, ends[0], (long)text, 8) != 4 || memcmp(text, "pipe", 4);
        bad += call_by(site_edge, SYS_write, file, (long)"0123", 4) != 4;
        bad += lseek(file, 0, SEEK_CUR) != (i + 1) * 4;
    }
    CHECK(!bad);
    CHECK(lseek(file, 4, SEEK_SET) == 4);
    CHECK(call_by(site_edge, SYS_read, file, (long)text, 3) == 3 && !memcmp(text, "012", 3));
    CHECK(call_by(site_edge, SYS_read, file, 8, 3) == -EFAULT);
    CHECK(lseek(file, 0, SEEK_CUR) == 7);
    unlink("/tmp/moves");
    int all[] = {zero, null, path, file, ends[0], ends[1]};
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
        close(all[i]);
}

// Long reads and writes, with faults on the way, leave the vector registers as they were. Children
// do the same at the same time.
static int has_avx(void) {
    return __builtin_cpu_supports("avx");
}
static void vectors_fill(unsigned char *values) {
    if (has_avx())
        __asm__ volatile("vmovups (%0), %%ymm0; vmovups 32(%0), %%ymm1; vmovups 64(%0), %%ymm2\n"
                         "vmovups 96(%0), %%ymm3; vmovups 128(%0), %%ymm15"
                         :
                         : "r"(values)
                         : "memory");
    else
        __asm__ volatile("movups (%0), %%xmm0; movups 32(%0), %%xmm1; movups 64(%0), %%xmm2\n"
                         "movups 96(%0), %%xmm3; movups 128(%0), %%xmm15"
                         :
                         : "r"(values)
                         : "memory");
}
static void vectors_store(unsigned char *values) {
    if (has_avx())
        __asm__ volatile("vmovups %%ymm0, (%0); vmovups %%ymm1, 32(%0); vmovups %%ymm2, 64(%0)\n"
                         "vmovups %%ymm3, 96(%0); vmovups %%ymm15, 128(%0); vzeroupper"
                         :
                         : "r"(values)
                         : "memory");
    else
        __asm__ volatile("movups %%xmm0, (%0); movups %%xmm1, 32(%0); movups %%xmm2, 64(%0)\n"
                         "movups %%xmm3, 96(%0); movups %%xmm15, 128(%0)"
                         :
                         : "r"(values)
                         : "memory");
}

#define LONG (5 * 4096)
static unsigned vectors_turn(int file, unsigned char seed) {
    unsigned char want[160], got[160], text[LONG];
    unsigned bad = 0;
    for (unsigned i = 0; i < LONG; i++)
        text[i] = (unsigned char)(i * 7 + i / 256 + seed);
    for (unsigned i = 0; i < sizeof want; i++)
        want[i] = (unsigned char)(seed * 31 + i);
    for (unsigned i = 0; !has_avx() && i < sizeof want; i++)
        want[i] = got[i] = i % 32 < 16 ? want[i] : 0;
    unsigned char *fresh =
        mmap(0, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bad += fresh == MAP_FAILED || mprotect(fresh + 4 * 4096, 4096, PROT_NONE);
    vectors_fill(want);
    long wrote = call_by(site_edge, SYS_pwrite64, file, (long)text, LONG);
    vectors_store(got);
    bad += wrote != LONG || memcmp(want, got, sizeof want);
    for (unsigned at = 0; at < 4096; at += 1365) {
        vectors_fill(want);
        long done = call_by(site_edge, SYS_pread64, file, (long)fresh + at, LONG);
        vectors_store(got);
        bad += done != 4 * 4096 - at || memcmp(fresh + at, text, (unsigned long)done);
        bad += memcmp(want, got, sizeof want) != 0;
    }
    munmap(fresh, 8 * 4096);
    return bad;
}
static void test_vectors(void) {
    char name[32];
    for (int child = 0; child < 3; child++)
        if (!fork()) {
            unsigned bad = 0;
            snprintf(name, sizeof name, "/tmp/vectors%d", child);
            int file = open(name, O_RDWR | O_CREAT, 0600);
            for (int i = 0; i < 150; i++)
                bad += vectors_turn(file, (unsigned char)(child * 64 + i));
            unlink(name);
            _exit(bad || file < 0 ? 1 : 0);
        }
    for (int child = 0; child < 3; child++) {
        int status = -1;
        CHECK(wait(&status) > 0 && !status);
    }
}

// --- signals ------------------------------------------------------------------------------------

static volatile unsigned signals, strange;
static void on_signal(int number, siginfo_t *info, void *context) {
    extern char __executable_start[], etext[];
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    char *rip = (char *)registers[REG_RIP];
    (void)number, (void)info;
    strange += rip < __executable_start || rip >= etext; // never in ExOS or a slot
    signals++;
}
static void handle(int number, int flags) {
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags};
    sigaction(number, &action, 0);
}

static void timer(long us) {
    struct itimerval value = {{0, us}, {0, us}};
    setitimer(ITIMER_REAL, &value, 0);
}

// A timer's signals while nothing but patched calls run: they come in the slot, on the way in and
// out.
static void test_timer(void) {
    int zero = open("/dev/zero", O_RDWR);
    unsigned bad = 0;
    char byte;
    signals = strange = 0;
    handle(SIGALRM, SA_RESTART);
    timer(300);
    for (unsigned i = 0; signals < 150 && i < 30000000; i++) {
        bad += call_by(site_edge, SYS_getppid, 1, 2, 3) != getppid();
        bad += call_by(site_edge, SYS_read, zero, (long)&byte, 1) != 1;
    }
    timer(0);
    CHECK(!bad);
    CHECK(!strange);
    CHECK(signals >= 150);
    expect_patched(site_edge_at, 1);
    close(zero);
}

static volatile int sender_stop;
static void *sender(void *argument) {
    long pid = getpid(), tid = (long)argument;
    while (!sender_stop) {
        syscall(SYS_tgkill, pid, tid, SIGUSR1);
        sched_yield();
    }
    return 0;
}
static void test_sender(void) {
    pthread_t thread;
    unsigned bad = 0;
    signals = strange = 0;
    sender_stop = 0;
    handle(SIGUSR1, SA_RESTART);
    CHECK(!pthread_create(&thread, 0, sender, (void *)syscall(SYS_gettid)));
    for (unsigned i = 0; signals < 500 && i < 200000000; i++)
        bad += call_by(site_edge, SYS_getppid, 1, 2, 3) != getppid();
    sender_stop = 1;
    pthread_join(thread, 0);
    CHECK(!bad);
    CHECK(!strange);
    CHECK(signals >= 500);
}

// A signal to oneself, from a patched call.
static void test_self(void) {
    handle(SIGUSR1, 0);
    signals = strange = 0;
    for (int i = 0; i < TURNS; i++)
        CHECK(call_by(site_edge, SYS_kill, getpid(), SIGUSR1, 0) == 0);
    CHECK(signals == TURNS && !strange);
}

// A call that sleeps is interrupted: again with SA_RESTART, EINTR without.
static void test_interrupted(void) {
    int ends[2];
    CHECK(!pipe(ends));
    for (int restart = 0; restart < 2; restart++) {
        char byte = 0;
        handle(SIGALRM, restart ? SA_RESTART : 0);
        signals = strange = 0;
        pid_t child = restart ? fork() : 0;
        if (restart && !child) {
            usleep(60000);
            write(ends[1], "x", 1);
            _exit(0);
        }
        struct itimerval once = {{0, 0}, {0, 20000}};
        setitimer(ITIMER_REAL, &once, 0);
        long result = call_by(site_edge, SYS_read, ends[0], (long)&byte, 1);
        CHECK(result == (restart ? 1 : -EINTR));
        CHECK(signals == 1 && !strange);
        if (restart)
            CHECK(byte == 'x' && waitpid(child, 0, 0) == child);
    }
    close(ends[0]);
    close(ends[1]);
    expect_patched(site_edge_at, 1);
}

static sigjmp_buf jump;
static void leave(int number) {
    siglongjmp(jump, number);
}
// The handler never returns into the call.
static void test_longjmp(void) {
    int ends[2];
    CHECK(!pipe(ends));
    signal(SIGALRM, leave);
    for (int i = 0; i < 3; i++) {
        char byte;
        if (!sigsetjmp(jump, 1)) {
            struct itimerval once = {{0, 0}, {0, 5000}};
            setitimer(ITIMER_REAL, &once, 0);
            call_by(site_edge, SYS_read, ends[0], (long)&byte, 1);
            CHECK(0);
        }
    }
    CHECK(call_by(site_edge, SYS_getppid, 0, 0, 0) == getppid());
    close(ends[0]);
    close(ends[1]);
}

// A program that steps through itself meets its own instructions only, and gets to the end.
static volatile unsigned steps, wild;
static void on_step(int number, siginfo_t *info, void *context) {
    extern char __executable_start[], etext[];
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    (void)number, (void)info;
    steps++;
    wild += (char *)registers[REG_RIP] < __executable_start || (char *)registers[REG_RIP] >= etext;
    if (steps > 4000)
        registers[REG_EFL] &= ~0x100;
}
static void test_steps(void) {
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    sigaction(SIGTRAP, &action, 0);
    steps = wild = 0;
    __asm__ volatile("pushfq; orq $0x100, (%rsp); popfq");
    long result = many_call(0, SYS_getppid, 0, 0, 0);
    __asm__ volatile("pushfq; andq $~0x100, (%rsp); popfq");
    CHECK(result == getppid());
    CHECK(steps > 5 && steps < 200 && !wild);
}

// --- processes ----------------------------------------------------------------------------------

static void test_fork(void) {
    for (int i = 0; i < 4; i++) {
        int status = -1;
        pid_t self = getpid(), child = (pid_t)many_call(0, SYS_fork, 0, 0, 0);
        if (!child) {
            unsigned bad = many_call(0, SYS_getppid, 0, 0, 0) != self || !gs_is_set();
            for (int j = 0; j < TURNS; j++) // both an old site and one that is new here
                bad += many_call(0, SYS_getppid, 0, 0, 0) != self ||
                       call_by(site_short, SYS_getppid, 1, 2, 3) != self;
            pid_t grandchild = (pid_t)many_call(0, SYS_fork, 0, 0, 0);
            if (!grandchild)
                _exit(many_call(0, SYS_getppid, 0, 0, 0) == 1);
            waitpid(grandchild, &status, 0);
            _exit(bad || status ? 1 : 7);
        }
        CHECK(child > 0 && waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7);
    }
}

static char child_stack[16384] __attribute__((aligned(16)));
static volatile int shared_word;
static void test_clone(void) {
    int status = -1;
    for (int i = 0; i < 3; i++) {
        shared_word = 0;
        long child;
        void **top = (void **)(child_stack + sizeof child_stack - 64);
        // CLONE_VM on a stack of its own, by a site that is patched.
        __asm__ volatile("lea 2f(%%rip), %%rdx; mov %%rdx, (%%rsi); mov %2, %%rdx\n"
                         "call many_start; 2: test %%eax, %%eax; jnz 1f\n"
                         "movl $42, %3; mov $60, %%eax; mov $5, %%edi; call many_start\n"
                         "1:"
                         : "=a"(child)
                         : "a"(SYS_clone), "r"(0l), "m"(shared_word), "D"(CLONE_VM | SIGCHLD),
                           "S"(top)
                         : "rcx", "rdx", "r11", "memory", "cc");
        CHECK(child > 0);
        CHECK(waitpid((pid_t)child, &status, 0) == child && WEXITSTATUS(status) == 5);
        CHECK(shared_word == 42);
    }
}

static int run_self(const char *what, char **environment, int by_vfork) {
    int status = -1;
    char *arguments[] = {"patched", (char *)what, 0};
    pid_t child = by_vfork ? vfork() : fork();
    if (!child) {
        execve("/proc/self/exe", arguments, environment);
        _exit(99);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 200;
}
static void test_exec(void) {
    char *off[] = {"EXOS_PATCH=0", 0}, *on[] = {"EXOS_PATCH=1", 0};
    for (int i = 0; i < 40; i++) // the sites of vfork and wait4 get patched on the way
        CHECK(run_self("--nothing", on, 1) == 0);
    CHECK(run_self("--is-patched", off, 0) == 0);
    CHECK(run_self("--is-patched", on, 1) == !on_linux);
    CHECK(run_self("--is-patched", on, 0) == !on_linux);
}

// --- programs that touch their text, or ExOS' slots, or GS ---------------------------------------

static void use_all(void) {
    unsigned bad = 0;
    for (int i = 0; i < TURNS; i++) {
        bad += call_by(site_cmp, SYS_getppid, 1, 2, 3) != getppid();
        bad += call_by(site_mov, SYS_getppid, 1, 2, 3) != getppid();
        bad += many_call(5, SYS_getpid, 0, 0, 0) != getpid();
    }
    CHECK(!bad);
}

static void test_gs(void) {
    static long words[64];
    unsigned long base = 1;
    CHECK(!syscall(SYS_arch_prctl, ARCH_GET_GS, &base) && base == 0);
    words[0] = 4242;
    CHECK(!syscall(SYS_arch_prctl, ARCH_SET_GS, words));
    use_all();
    CHECK(!syscall(SYS_arch_prctl, ARCH_GET_GS, &base) && base == (unsigned long)words);
    long value;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(value));
    CHECK(value == 4242);
    pid_t child = fork();
    if (!child) {
        __asm__ volatile("mov %%gs:0, %0" : "=r"(value));
        _exit(value == 4242 && call_by(site_cmp, SYS_getppid, 1, 2, 3) > 0 ? 3 : 4);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 3);
    unsigned long wild[] = {0, 8, 0x7fffffff0000ul, (unsigned long)&words[3]};
    for (unsigned i = 0; i < sizeof wild / sizeof *wild; i++) {
        __asm__ volatile(".byte 0xf3, 0x48, 0x0f, 0xae, 0xd8" : : "a"(wild[i])); // wrgsbase %rax
        use_all();
    }
    CHECK(!syscall(SYS_arch_prctl, ARCH_SET_GS, 0));
    use_all();
    CHECK(gs_is_set());
}

static void test_mprotect(void) {
    unsigned char *page = (unsigned char *)((uintptr_t)site_cmp_at & ~4095ul);
    CHECK(!mprotect(page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC));
    CHECK(site_cmp_at[0] == 0x0f && site_cmp_at[1] == 0x05 && site_cmp_at[2] == 0x48 &&
          site_cmp_at[3] == 0x3d);
    use_all();
    *(volatile unsigned char *)site_cmp_at = 0x0f; // its own page now
    use_all();
    CHECK(!mprotect(page, 8192, PROT_READ | PROT_EXEC));
    use_all();
    CHECK(!madvise(page, 8192, MADV_DONTNEED));
    use_all();
}

static void test_unmap(void) {
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned long start, end;
    char mode[8];
    unsigned removed = 0;
    struct {
        unsigned long start, end;
    } found[8];
    while (maps && fgets(line, sizeof line, maps))
        if (removed < 8 && sscanf(line, "%lx-%lx %7s", &start, &end, mode) == 3 &&
            !strcmp(mode, "r-xp") && end - start == 0x10000) {
            found[removed].start = start;
            found[removed++].end = end;
        }
    fclose(maps);
    CHECK(on_linux || removed > 0);
    for (unsigned i = 0; i < removed && !on_linux; i++)
        CHECK(!munmap((void *)found[i].start, found[i].end - found[i].start));
    use_all();
    CHECK(!patched(many_start + 5 * 16));
    signals = 0;
    test_self();
}

int main(int argc, char **argv) {
    setvbuf(stdout, 0, _IOLBF, 0);
    if (argc > 1 && !strcmp(argv[1], "--nothing"))
        return 0;
    if (argc > 1 && !strcmp(argv[1], "--is-patched")) {
        use_all();
        return failed ? 50 : patched(site_cmp_at);
    }
    on_linux = argc > 1 && !strcmp(argv[1], "--linux");
    CHECK(gs_is_set());
    test_shapes();
    test_file();
    test_threads();
    test_behind();
    test_ret();
    test_moves();
    test_vectors();
    test_many();
    test_timer();
    test_sender();
    test_self();
    test_interrupted();
    test_longjmp();
    test_steps();
    test_fork();
    test_clone();
    test_exec();
    test_gs();
    test_mprotect();
    test_unmap();
    printf("exos-patched: %u passed, %u failed\n", passed, failed);
    return failed ? 1 : 0;
}
