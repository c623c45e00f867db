// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Rows on calls, processes, signals, threads.

#include "bench/linux/rows.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// --- calls --------------------------------------------------------------------------------------

static void run_getppid(unsigned count) {
    for (unsigned i = 0; i < count; i++)
        MUST(syscall(SYS_getppid) > 0);
}
ROW(getppid, 1000, 0, 0, run_getppid, 0);

static void run_clock(unsigned count) {
    struct timespec now;
    for (unsigned i = 0; i < count; i++)
        MUST(!clock_gettime(CLOCK_MONOTONIC, &now));
}
ROW(clock_vdso, 1000, 0, 0, run_clock, 0);

static int fd = -1;
static char byte;

static void close_fd(void) {
    close(fd);
}
static void open_zero(void) {
    MUST((fd = open("/dev/zero", O_RDONLY)) >= 0);
}
static void run_read(unsigned count) {
    for (unsigned i = 0; i < count; i++)
        MUST(read(fd, &byte, 1) == 1);
}
ROW(read_zero, 1000, open_zero, 0, run_read, close_fd);

static void open_null(void) {
    MUST((fd = open("/dev/null", O_WRONLY)) >= 0);
}
static void run_write(unsigned count) {
    for (unsigned i = 0; i < count; i++)
        MUST(write(fd, &byte, 1) == 1);
}
ROW(write_null, 1000, open_null, 0, run_write, close_fd);

// --- exceptions and signals ---------------------------------------------------------------------

static volatile unsigned signals;

static void on_signal(int number) {
    (void)number;
    signals++;
}
static void prepare_signal(void) {
    signal(SIGUSR1, on_signal);
}
static void run_signal(unsigned count) {
    unsigned before = signals;
    pid_t self = getpid();
    for (unsigned i = 0; i < count; i++)
        kill(self, SIGUSR1);
    MUST(signals == before + count);
}
ROW(signal_self, 200, prepare_signal, 0, run_signal, 0);

static void skip_instruction(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    if (((unsigned char *)*rip)[0] == 0x0f || ((unsigned char *)*rip)[0] == 0xf6)
        *rip += 2;
    signals++;
}
static void prepare_exceptions(void) {
    struct sigaction action = {.sa_sigaction = skip_instruction, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &action, 0);
    sigaction(SIGTRAP, &action, 0);
    sigaction(SIGFPE, &action, 0);
}
static void run_ud(unsigned count) {
    unsigned before = signals;
    for (unsigned i = 0; i < count; i++)
        __asm__ volatile("ud2" : : : "memory");
    MUST(signals == before + count);
}
ROW(exc_ud, 200, prepare_exceptions, 0, run_ud, 0);

static void run_bp(unsigned count) {
    unsigned before = signals;
    for (unsigned i = 0; i < count; i++)
        __asm__ volatile("int3" : : : "memory");
    MUST(signals == before + count);
}
ROW(exc_bp, 200, prepare_exceptions, 0, run_bp, 0);

static void run_de(unsigned count) {
    unsigned before = signals;
    for (unsigned i = 0; i < count; i++)
        __asm__ volatile("div %%cl" : : "a"(1), "c"(0) : "memory"); // f6 f1
    MUST(signals == before + count);
}
ROW(exc_de, 200, prepare_exceptions, 0, run_de, 0);

// --- processes ----------------------------------------------------------------------------------

static void run_fork(unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        pid_t pid = fork();
        int status;
        if (!pid)
            _exit(7);
        MUST(pid > 0 && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
    }
}
ROW(fork_exit, 10, 0, 0, run_fork, 0);

#define BIG (16u << 20)
static char *big;
static void map_big(void) {
    MUST((big = mmap(0, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) !=
         MAP_FAILED);
    for (unsigned i = 0; i < BIG; i += 4096)
        big[i] = 1;
}
static void unmap_big(void) {
    munmap(big, BIG);
}
ROW(fork16m_exit, 2, map_big, 0, run_fork, unmap_big);

static void exec_child(pid_t (*make)(void), unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        pid_t pid = make();
        int status;
        if (!pid) {
            execl("/proc/self/exe", "bench", "--exit", (char *)0);
            _exit(1);
        }
        MUST(pid > 0 && waitpid(pid, &status, 0) == pid && !status);
    }
}
static void run_fork_exec(unsigned count) {
    exec_child(fork, count);
}
ROW(fork_exec, 5, 0, 0, run_fork_exec, 0);

static void run_vfork_exec(unsigned count) {
    for (volatile unsigned i = 0; i < count; i++) {
        pid_t pid = vfork();
        int status;
        if (!pid) {
            execl("/proc/self/exe", "bench", "--exit", (char *)0);
            _exit(1);
        }
        MUST(pid > 0 && waitpid(pid, &status, 0) == pid && !status);
    }
}
ROW(vfork_exec, 5, 0, 0, run_vfork_exec, 0);

// --- threads ------------------------------------------------------------------------------------

static void *nothing(void *argument) {
    return argument;
}
static void run_threads(unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        pthread_t thread;
        void *result = 0;
        MUST(!pthread_create(&thread, 0, nothing, &byte) && !pthread_join(thread, &result) &&
             result == &byte);
    }
}
ROW(thread_create_join, 20, 0, 0, run_threads, 0);

static int turn; // futex: 0 ours, 1 the partner's, 2 end
static pthread_t partner;

static void futex(int operation, int value) {
    syscall(SYS_futex, &turn, operation | FUTEX_PRIVATE_FLAG, value, 0, 0, 0);
}
static void wait_for(int value, int not_value) {
    while (__atomic_load_n(&turn, __ATOMIC_SEQ_CST) == not_value)
        futex(FUTEX_WAIT, not_value);
    (void)value;
}
static void *pong(void *argument) {
    for (;;) {
        wait_for(1, 0);
        if (turn == 2)
            return argument;
        __atomic_store_n(&turn, 0, __ATOMIC_SEQ_CST);
        futex(FUTEX_WAKE, 1);
    }
}
static void start_pong(void) {
    turn = 0;
    MUST(!pthread_create(&partner, 0, pong, 0));
}
static void stop_pong(void) {
    __atomic_store_n(&turn, 2, __ATOMIC_SEQ_CST);
    futex(FUTEX_WAKE, 1);
    pthread_join(partner, 0);
}
static void run_futex(unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        __atomic_store_n(&turn, 1, __ATOMIC_SEQ_CST);
        futex(FUTEX_WAKE, 1);
        wait_for(0, 1);
    }
}
ROW(futex_pingpong, 100, start_pong, 0, run_futex, stop_pong);

static int events[2];
static void *event_pong(void *argument) {
    uint64_t value;
    while (read(events[0], &value, 8) == 8 && value < 1000)
        if (write(events[1], &(uint64_t){1}, 8) != 8)
            break;
    return argument;
}
static void start_events(void) {
    MUST((events[0] = eventfd(0, 0)) >= 0 && (events[1] = eventfd(0, 0)) >= 0);
    MUST(!pthread_create(&partner, 0, event_pong, 0));
}
static void stop_events(void) {
    MUST(write(events[0], &(uint64_t){1000}, 8) == 8);
    pthread_join(partner, 0);
    close(events[0]);
    close(events[1]);
}
static void run_events(unsigned count) {
    uint64_t value;
    for (unsigned i = 0; i < count; i++)
        MUST(write(events[0], &(uint64_t){1}, 8) == 8 && read(events[1], &value, 8) == 8);
}
ROW(eventfd_pingpong, 100, start_events, 0, run_events, stop_events);

// --- yield --------------------------------------------------------------------------------------

// Two processes of the same real-time priority yield to each other in turn. The other one counts
// its turns in shared memory.
static pid_t child;
static volatile unsigned *turns;

static void start_yielder(void) {
    turns = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(turns != MAP_FAILED);
    sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
    MUST((child = fork()) >= 0);
    if (!child)
        for (;; ++*turns)
            sched_yield();
    while (!*turns)
        sched_yield();
}
static void stop_yielder(void) {
    kill(child, SIGKILL);
    waitpid(child, 0, 0);
}
static void run_yield(unsigned count) {
    unsigned before = *turns;
    for (unsigned i = 0; i < count; i++)
        sched_yield();
    MUST(*turns - before >= count);
}
ROW(yield_to, 200, start_yielder, 0, run_yield, stop_yielder);

// The same between two processes by futex: the fastest way to wait on Linux.
static void shared_futex(volatile unsigned *word, int operation, unsigned value) {
    syscall(SYS_futex, word, operation, value, 0, 0, 0);
}
static void await(volatile unsigned *word, unsigned value) {
    for (unsigned now; (now = *word) != value;)
        shared_futex(word, FUTEX_WAIT, now);
}
static void start_futex_process(void) {
    turns = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(turns != MAP_FAILED);
    MUST((child = fork()) >= 0);
    if (!child)
        for (;;) {
            await(turns, 1);
            *turns = 0;
            shared_futex(turns, FUTEX_WAKE, 1);
        }
}
static void run_futex_process(unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        *turns = 1;
        shared_futex(turns, FUTEX_WAKE, 1);
        await(turns, 0);
    }
}
ROW(futex_processes, 100, start_futex_process, 0, run_futex_process, stop_yielder);
