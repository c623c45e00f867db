// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Programs that misbehave: an ordinary static Linux program whose first argument says how. What it
// prints and how it ends must be the same on Linux and on ExOS (tests/hostile/run.py compares);
// afterwards the machine must have all that it had before, which "count" reads from Tricolor's
// exposed tables.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "abi/tables.h"
#include "tests/hostile/threads.h"

static volatile int zero;
static char page[8192] __attribute__((aligned(4096)));

#define KERNEL  ((void *)0xffffffff80200000ul)
#define DIRECT  ((void *)0xffff800000100000ul)
#define MOON    ((void *)0x0000800000000000ul)
#define TOP     ((void *)0x00007ffffffff000ul)
#define NOWHERE ((void *)0x10ul)

static void jump(void *where) {
    ((void (*)(void))where)();
}

// --- dying --------------------------------------------------------------------------------------

static void jump_null(void) {
    jump(0);
}
static void jump_moon(void) {
    jump(MOON);
}
static void jump_kernel(void) {
    jump(KERNEL);
}
static void jump_data(void) {
    page[0] = (char)0xc3;
    jump(page);
}
static void divide(void) {
    __asm__ volatile("divl %0" : : "m"(zero), "a"(1), "d"(0));
}
static int recurse_down(int n) {
    volatile char frame[4096];
    frame[n & 4095] = (char)n;
    return recurse_down(n + 1) + frame[(n + 1) & 4095];
}
static void recurse(void) {
    exit(recurse_down(0));
}
static void illegal(void) {
    __asm__ volatile("ud2");
}
static void halt(void) {
    __asm__ volatile("hlt");
}
static void out(void) {
    __asm__ volatile("outb %%al, %%dx" : : "a"(0), "d"(0xf4));
}
static void load_cr3(void) {
    __asm__ volatile("mov %0, %%cr3" : : "r"(0ul));
}
static void swap_gs(void) {
    __asm__ volatile("swapgs");
}
static void breakpoint(void) {
    __asm__ volatile("int3");
}
static void interrupt_timer(void) {
    __asm__ volatile("int $0x40");
}
static void read_kernel(void) {
    exit(*(volatile char *)KERNEL);
}
static void write_kernel(void) {
    *(volatile char *)DIRECT = 1;
}
static void write_text(void) {
    *(volatile char *)(uintptr_t)divide = 1;
}
static void prot_none(void) {
    page[0] = 1;
    if (!mprotect(page, 4096, PROT_NONE) && write(1, page, 1) < 0) // EFAULT
        exit(page[0]);
}
static void bad_stack(void) { // a fault with no stack to speak of
    __asm__ volatile("mov $0x10, %rsp\n push %rax");
}
static void bad_stack_moon(void) {
    __asm__ volatile("mov $0x800000000000, %rsp\n push %rax");
}
static void bad_stack_divide(void) {
    __asm__ volatile("xor %eax, %eax\n mov %rax, %rsp\n div %al");
}
static void direction_flag(void) {
    __asm__ volatile("std\n ud2");
}
static void self_kill(void) {
    kill(getpid(), SIGKILL);
}
static void abort_now(void) {
    abort();
}
static void fault_in_handler_go(int number) {
    (void)number;
    *(volatile char *)NOWHERE = 1;
}
static void fault_in_handler(void) {
    signal(SIGSEGV, fault_in_handler_go);
    *(volatile char *)NOWHERE = 1;
}
static void no_sigreturn_frame(void) { // rt_sigreturn out of the blue, with garbage for a frame
    __asm__ volatile("lea -0x400(%rsp), %rsp\n mov $15, %eax\n syscall");
}

// --- wrong arguments ----------------------------------------------------------------------------

static void tell(const char *what, long result) {
    printf("%s %ld %s\n", what, result < 0 ? -1 : result, result < 0 ? strerrorname_np(errno) : "");
}
#define TELL(call) tell(#call, (long)(call))

static void bad_pointers(void) {
    static void *const bad[] = {NOWHERE, KERNEL,       DIRECT,          MOON,
                                TOP,     (void *)-1ul, (void *)-4096ul, (void *)-8ul};
    int fd[2];
    if (pipe(fd) || write(fd[1], page, 64) != 64)
        return;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *p = bad[i];
        printf("pointer %u\n", i);
        TELL(read(fd[0], p, 8));
        TELL(write(fd[1], p, 8));
        TELL(open(p, O_RDONLY));
        TELL(stat(p, (struct stat *)page));
        TELL(stat("/", (struct stat *)p));
        TELL(pipe((int *)p));
        TELL(getcwd(p, 100) ? 0 : -1);
        TELL(chdir(p));
        TELL(unlink(p));
        TELL(readv(fd[0], (struct iovec *)p, 1));
        TELL(poll((struct pollfd *)p, 1, 0));
        TELL(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, p));
        TELL(syscall(SYS_nanosleep, p, 0));
        TELL(syscall(SYS_rt_sigaction, SIGUSR1, p, 0, 8));
        TELL(syscall(SYS_rt_sigprocmask, SIG_BLOCK, p, 0, 8));
        TELL(syscall(SYS_uname, p));
        TELL(syscall(SYS_getrandom, p, 16, 0));
        TELL(syscall(SYS_getdents64, 0, p, 100) >= 0);
        TELL(syscall(SYS_execve, p, 0, 0));
        TELL(syscall(SYS_execve, "/bin/busybox", p, 0));
        TELL(syscall(SYS_wait4, -1, p, WNOHANG, 0));
        TELL(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, p));
        TELL(syscall(SYS_futex, p, 0, 0, 0, 0, 0));
        TELL(syscall(SYS_rename, p, "/tmp/x"));
        TELL(ioctl(0, FIONREAD, p) >= 0 || errno == ENOTTY || errno == EFAULT ? 0 : -1);
    }
}

static void bad_numbers(void) {
    TELL(read(-1, page, 1));
    TELL(read(1000000, page, 1));
    TELL(write(0x7fffffff, page, 1));
    TELL(close(-1));
    TELL(dup2(0, -1));
    TELL(dup2(0, 1 << 30));
    TELL(lseek(0, 0, 99));
    TELL(open("/tmp", O_WRONLY));
    TELL(open("/nonexistent/x", O_RDONLY));
    TELL(kill(-12345678, SIGTERM));
    TELL(kill(getpid(), 65));
    TELL(syscall(SYS_rt_sigaction, SIGKILL, page, 0, 8));
    TELL(syscall(SYS_rt_sigaction, 0, page, 0, 8));
    TELL(syscall(SYS_rt_sigaction, SIGUSR1, 0, 0, 4));
    TELL(waitpid(99999999, 0, 0));
    TELL(syscall(9999));
    TELL(syscall(-1));
    TELL(syscall(0x7fffffff));
    TELL(setpgid(0, -5));
    TELL(mkdir("", 0700));
    TELL(rmdir("/tmp/../tmp/nothing"));
    TELL(fcntl(0, 9999, 0));
    TELL(syscall(SYS_clock_gettime, 9999, page));
    TELL(nanosleep(&(struct timespec){0, 2000000000}, 0));
    TELL(setrlimit(99, (struct rlimit *)page));
}

static void bad_mappings(void) {
    TELL(mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
    TELL(mmap(KERNEL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED
             ? -1
             : 0);
    TELL(mmap((void *)0x7ffffffff000, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
              0) == MAP_FAILED
             ? -1
             : 0);
    TELL(mmap((void *)4097, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
                 MAP_FAILED
             ? -1
             : 0);
    TELL(mmap(0, -4096ul, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
    TELL(mmap(0, 1ul << 60, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
    TELL(mmap(0, 4096, PROT_READ, 0, -1, 0) == MAP_FAILED ? -1 : 0);
    TELL(mmap(0, 4096, PROT_READ, MAP_PRIVATE, 99, 0) == MAP_FAILED ? -1 : 0);
    TELL(munmap(page + 1, 4096));
    TELL(munmap(KERNEL, 4096));
    TELL(munmap(page, 0));
    TELL(mprotect(page + 1, 4096, PROT_READ));
    TELL(mprotect(KERNEL, 4096, PROT_READ));
    TELL(mprotect((void *)0x10000, 4096, PROT_READ));
    TELL(mprotect(page, 4096, 0x1000));
    TELL(mremap(page + 1, 4096, 8192, 0) == MAP_FAILED ? -1 : 0);
    TELL(madvise(page + 1, 4096, MADV_DONTNEED));
    TELL(brk(KERNEL));
}

// --- exhausting ---------------------------------------------------------------------------------

static void fork_bomb(void) {
    struct rlimit limit = {64, 64};
    setrlimit(RLIMIT_NPROC, &limit);
    setuid(12345); // root has no limit
    int made = 0, refused = 0;
    for (int i = 0; i < 200; i++) {
        pid_t pid = fork();
        if (!pid) {
            pause();
            _exit(0);
        }
        if (pid < 0)
            refused += errno == EAGAIN;
        else
            made++;
    }
    printf("refused some: %d, made some: %d\n", refused > 0, made > 0 && made <= 64);
    fflush(stdout);
    signal(SIGTERM, SIG_IGN);
    kill(0, SIGTERM);
    while (wait(0) > 0)
        ;
}

static void wild_fork_bomb(void) { // every child forks too, until the group is killed
    pid_t bomb = fork();
    if (!bomb) {
        struct rlimit limit = {48, 48};
        setpgid(0, 0);
        setrlimit(RLIMIT_NPROC, &limit);
        setuid(12346);
        for (;;)
            fork();
    }
    setpgid(bomb, bomb);
    usleep(300000);
    for (int i = 0; i < 100 && !kill(-bomb, SIGKILL); i++) {
        usleep(10000);
        waitpid(bomb, 0, WNOHANG);
    }
}

static void file_hog(void) {
    struct rlimit limit = {100, 100};
    setrlimit(RLIMIT_NOFILE, &limit);
    int n = 0;
    while (open("/dev/null", O_RDONLY) >= 0)
        n++;
    printf("%d %s\n", n > 90 && n < 100, strerrorname_np(errno));
}

static void pipe_hog(void) {
    int fd[2], n = 0;
    while (n < 100000 && !pipe(fd))
        n++;
    printf("%s\n", strerrorname_np(errno));
}

static void memory_hog_limited(void) {
    struct rlimit limit = {64 << 20, 64 << 20};
    setrlimit(RLIMIT_AS, &limit);
    int n = 0;
    while (n < 1000) {
        char *p = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            break;
        memset(p, 1, 1 << 20);
        n++;
    }
    printf("%d %s\n", n > 10 && n < 64, strerrorname_np(errno));
}

// On Tricolor only: takes all memory that there is. It may die or be refused; the shell must live.
static void memory_hog(void) {
    for (int n = 0; n < 100000; n++) {
        char *p = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            exit(0);
        for (int i = 0; i < 1 << 20; i += 4096)
            p[i] = 1;
    }
}

static void many_mappings(void) {
    int n = 0;
    while (n < 5000) {
        if (mmap(0, 4096, n & 1 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
            MAP_FAILED)
            break;
        n++;
    }
    printf("%d\n", n > 1000);
}

static void zombies(void) {
    for (int i = 0; i < 50; i++)
        if (!fork())
            _exit(0);
    usleep(50000);
}

static void orphans(void) {
    for (int i = 0; i < 20; i++)
        if (!fork()) {
            usleep(20000);
            _exit(0);
        }
}

// --- executing ----------------------------------------------------------------------------------

static int exec_file(const char *path) {
    alarm(5); // what a damaged program does is its own business, for so long
    execl(path, path, (char *)0);
    printf("%s\n", strerrorname_np(errno));
    return 0;
}

// --- Tricolor's calls, from a Linux program -----------------------------------------------------

static long tricolor(unsigned number, unsigned long a, unsigned long b, unsigned long c) {
    unsigned long rax = 0x80000000ul + number;
    __asm__ volatile("syscall"
                     : "+a"(rax), "+D"(a), "+S"(b), "+d"(c)
                     :
                     : "rcx", "r11", "r8", "r9", "r10", "memory");
    return (long)rax;
}

// The console, the machine and the slices of others are not this program's, whatever slot it names.
// Call numbers are given by run.py from abi/syscalls.def.
static void forge(unsigned machine_exit, unsigned log_write, unsigned slice_free) {
    int got = 0;
    for (unsigned slot = 0; slot < 200; slot++) {
        got += tricolor(machine_exit, slot, 0x10, 0) >= 0;
        got += tricolor(log_write, slot, (unsigned long)page, 1) >= 0;
        got += tricolor(slice_free, slot, 0, 1) >= 0;
    }
    printf("got %d\n", got);
}

static void nothing(void) {}

static unsigned long rows(unsigned table) {
    unsigned long live = 0;
    for (unsigned i = 0; i < ABI_INFO->table[table].count; i++)
        live += *(const volatile u64 *)abi_row(table, i) != 0;
    return live;
}

static void count(void) {
    unsigned long caps = 0, assigned = 0;
    for (unsigned i = 0; i < ABI_INFO->table[ABI_TABLE_ENVS].count; i++)
        caps += ((const volatile struct abi_env *)abi_row(ABI_TABLE_ENVS, i))->caps;
    for (unsigned i = 0; i < ABI_INFO->table[ABI_TABLE_SLICES].count; i++)
        assigned += ((const volatile struct abi_slice *)abi_row(ABI_TABLE_SLICES, i))->env != 0;
    printf("frames %lu envs %lu spaces %lu slices %lu caps %lu\n",
           (unsigned long)ABI_INFO->free_frames, rows(ABI_TABLE_ENVS), rows(ABI_TABLE_SPACES),
           assigned, caps);
}

static const struct {
    const char *name;
    void (*run)(void);
} ways[] = {
#define WAY(name)                                                                                  \
    { #name, name }
    WAY(jump_null),
    WAY(jump_moon),
    WAY(jump_kernel),
    WAY(jump_data),
    WAY(divide),
    WAY(recurse),
    WAY(illegal),
    WAY(halt),
    WAY(out),
    WAY(load_cr3),
    WAY(swap_gs),
    WAY(breakpoint),
    WAY(interrupt_timer),
    WAY(read_kernel),
    WAY(write_kernel),
    WAY(write_text),
    WAY(prot_none),
    WAY(bad_stack),
    WAY(bad_stack_moon),
    WAY(bad_stack_divide),
    WAY(direction_flag),

    WAY(self_kill),
    WAY(abort_now),
    WAY(fault_in_handler),
    WAY(no_sigreturn_frame),
    WAY(bad_pointers),
    WAY(bad_numbers),
    WAY(bad_mappings),
    WAY(fork_bomb),
    WAY(wild_fork_bomb),
    WAY(file_hog),
    WAY(pipe_hog),
    WAY(memory_hog_limited),
    WAY(memory_hog),
    WAY(many_mappings),
    WAY(zombies),
    WAY(orphans),
    WAY(thread_state),
    WAY(thread_churn),
    WAY(thread_exit_race),
    WAY(thread_exec),
    WAY(thread_bomb),
    WAY(nothing),
    WAY(count),
};

int main(int argc, char **argv) {
    if (argc == 3 && !strcmp(argv[1], "exec"))
        return exec_file(argv[2]);
    if (argc == 5 && !strcmp(argv[1], "forge")) {
        forge((unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]));
        return 0;
    }
    for (unsigned i = 0; argc > 1 && i < sizeof ways / sizeof *ways; i++)
        if (!strcmp(argv[1], ways[i].name)) {
            ways[i].run();
            return 0;
        }
    for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++)
        puts(ways[i].name);
    return 2;
}
