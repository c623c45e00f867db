// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Threads that come and go quickly, and those that race with the end of their process: what is kept
// of one for the next must not show, nor stay behind.

#include "tests/hostile/threads.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xmmintrin.h>

// --- nothing of a dead thread in the next one
// -----------------------------------------------------

static atomic_int last_tid;

static void *leave_traces(void *argument) {
    static char stack[1 << 16];
    sigset_t all;
    last_tid = (int)syscall(SYS_gettid);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, 0);
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, 0);
    _mm_setcsr(_mm_getcsr() ^ 0x6000); // rounding
    for (clock_t until = clock() + CLOCKS_PER_SEC / 50; clock() < until;)
        ;
    tgkill(getpid(), last_tid, SIGUSR1); // blocked: pending for ever
    return argument;
}

static void *look_for_traces(void *argument) {
    unsigned *found = argument;
    sigset_t mask, pending;
    stack_t stack;
    struct timespec ran;
    last_tid = (int)syscall(SYS_gettid);
    pthread_sigmask(SIG_SETMASK, 0, &mask);
    sigpending(&pending);
    sigaltstack(0, &stack);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ran);
    *found |= sigismember(&mask, SIGUSR2) ? 0 : 1; // the creator's, which blocks this one
    *found |= sigismember(&mask, SIGUSR1) ? 2 : 0;
    *found |= sigismember(&pending, SIGUSR1) ? 4 : 0;
    *found |= stack.ss_flags & SS_DISABLE ? 0 : 8;
    *found |= (_mm_getcsr() & 0x6000) == 0x2000 ? 0 : 16; // the creator's
    *found |= ran.tv_sec || ran.tv_nsec > 15000000 ? 32 : 0;
    return 0;
}

void thread_state(void) {
    unsigned found = 0;
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &one, 0);
    _mm_setcsr((_mm_getcsr() & ~0x6000u) | 0x2000);
    for (int i = 0; i < 10; i++) {
        pthread_t thread;
        pthread_create(&thread, 0, leave_traces, 0);
        pthread_join(thread, 0);
        int dead = last_tid;
        while (!tgkill(getpid(), dead, 0)) // the join may come a little before the end
            ;
        found |= errno == ESRCH ? 0 : 64;
        pthread_create(&thread, 0, look_for_traces, &found);
        pthread_join(thread, 0);
        found |= last_tid == dead ? 128 : 0;
        found |= tgkill(getpid(), dead, SIGUSR1) && errno == ESRCH ? 0 : 256;
    }
    printf("traces %u\n", found);
}

// --- churn
// ----------------------------------------------------------------------------------------

#define MAKERS 6
#define EACH   150

static atomic_int ran, ended, signalled;
static atomic_int tids[MAKERS];

static void on_signal(int number) {
    (void)number;
    signalled++;
}

static void *one_turn(void *argument) {
    intptr_t way = (intptr_t)argument;
    tids[way % MAKERS] = (int)syscall(SYS_gettid);
    ran++;
    if (way % 3 == 0)
        pthread_exit(argument);
    if (way % 3 == 1)
        sched_yield();
    return argument;
}

static void *make_threads(void *argument) {
    for (intptr_t i = 0; i < EACH; i++) {
        pthread_t thread;
        void *result = 0;
        if (pthread_create(&thread, 0, one_turn, (void *)i))
            break;
        int target = tids[i % MAKERS];
        if (target && tgkill(getpid(), target, SIGUSR1) && errno != ESRCH)
            printf("tgkill: %d\n", errno);
        pthread_join(thread, &result);
        ended += result == (void *)i;
    }
    return argument;
}

void thread_churn(void) {
    pthread_t maker[MAKERS];
    signal(SIGUSR1, on_signal);
    for (int i = 0; i < MAKERS; i++)
        pthread_create(&maker[i], 0, make_threads, 0);
    for (int i = 0; i < MAKERS; i++)
        pthread_join(maker[i], 0);
    printf("ran %d ended %d\n", ran, ended);
}

// --- the process ends while threads begin and end
// ----------------------------------------------------

static void *make_for_ever(void *argument) {
    for (;;) {
        pthread_t thread;
        if (!pthread_create(&thread, 0, one_turn, (void *)1))
            pthread_join(thread, 0);
    }
    return argument;
}

void thread_exit_race(void) {
    int right = 0;
    for (int round = 0; round < 30; round++) {
        pid_t child = fork();
        if (!child) {
            pthread_t maker;
            for (int i = 0; i < 4; i++)
                pthread_create(&maker, 0, make_for_ever, 0);
            usleep((useconds_t)(round * 200));
            if (round % 3 == 0)
                kill(getpid(), SIGKILL);
            if (round % 3 == 1)
                execl("/proc/self/exe", "hostile", "nothing", (char *)0);
            _exit(7);
        }
        int status = 0;
        waitpid(child, &status, 0);
        right += round % 3 == 0 ? WIFSIGNALED(status) : status == (round % 3 == 1 ? 0 : 7 << 8);
    }
    printf("right %d\n", right);
}

// A program that has kept envs of dead threads runs another, and forks.
void thread_exec(void) {
    pthread_t thread[12];
    for (int i = 0; i < 12; i++)
        pthread_create(&thread[i], 0, one_turn, (void *)2);
    for (int i = 0; i < 12; i++)
        pthread_join(thread[i], 0);
    pid_t child = fork();
    if (!child) {
        make_threads(0);
        _exit(ended == EACH ? 3 : 4);
    }
    int status;
    waitpid(child, &status, 0);
    printf("child %d\n", WEXITSTATUS(status));
    fflush(stdout);
    execl("/proc/self/exe", "hostile", "thread_state", (char *)0);
}

// --- as many as there can be
// -----------------------------------------------------------------------

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *at_the_gate(void *argument) {
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return argument;
}

void thread_bomb(void) {
    enum { MOST = 4000 };
    static pthread_t thread[MOST];
    pthread_attr_t small;
    int count[2], error[2];
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 1 << 15);
    for (int round = 0; round < 2; round++) {
        int n = 0;
        pthread_mutex_lock(&gate);
        while (n < MOST && !(error[round] = pthread_create(&thread[n], &small, at_the_gate, 0)))
            n++;
        count[round] = n;
        pthread_mutex_unlock(&gate);
        while (n--)
            pthread_join(thread[n], 0);
    }
    // As many the second time: what ended was given back, or used again.
    printf("%s %s\n", error[0] == EAGAIN && error[1] == EAGAIN ? "EAGAIN" : "other",
           count[0] > 50 && count[1] >= count[0] - 1 ? "as many" : "fewer");
}
