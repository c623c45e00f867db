// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// tri-ext trace: runs a program with ext/tracer.c (or whatever has its entries) as watcher, and
// prints its system calls as strace does: a line when the result is known, or will never be. The
// program does not wait for us, so the notes may run over; what is lost is counted.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/caps.h"
#include "abi/errors.h"
#include "abi/tables.h"
#include "apps/tri-ext/tri-ext.h"
#include "gen/syscalls_user.h"

#define RESULT    (1ul << 63) // in number: this is the result of that call
#define DRAIN     32
#define CALLERS   64 // envs whose calls are under way, as far as we remember
#define ERROR_MAX 4095
// Linux' own: a signal has interrupted the call, which the program will not hear of.
#define ERESTART_FIRST 512
#define ERESTART_LAST  516

// As in ext/tracer.c.
struct note {
    u64 env, number, arguments[6];
};

static const struct linux_call {
    u32 number;
    const char *name, *parameters;
} linux_calls[] = {
#define LINUX_CALL(number, name, parameters) {number, #name, #parameters},
#include "libos/exos/linux/calls.def"
#undef LINUX_CALL
};

// Calls whose results have not come yet.
static struct note begun[CALLERS];

static struct note *begun_by(u64 env) {
    for (u32 i = 0; i < CALLERS; i++)
        if (begun[i].env == env)
            return &begun[i];
    return 0;
}

static u32 parameters_count(const char *parameters) {
    u32 count = 1;
    for (const char *at = parameters; *at; at++)
        count += *at == ',';
    return strcmp(parameters, "(void)") ? count : 0;
}

static void print_call(const struct note *call) {
    const struct linux_call *known = 0;
    for (u32 i = 0; i < sizeof linux_calls / sizeof *linux_calls; i++)
        if (linux_calls[i].number == call->number)
            known = &linux_calls[i];
    u32 count = known ? parameters_count(known->parameters) : 6;
    if (known)
        fprintf(stderr, "[%#lx] %s(", call->env, known->name);
    else
        fprintf(stderr, "[%#lx] syscall_%lu(", call->env, call->number);
    for (u32 i = 0; i < count; i++)
        fprintf(stderr, call->arguments[i] < 10 ? "%s%lu" : "%s%#lx", i ? ", " : "",
                call->arguments[i]);
    fputs(") = ", stderr);
}

static void print_result(u64 result) {
    if (result >= -(u64)ERESTART_LAST && result <= -(u64)ERESTART_FIRST)
        fputs("? (to be made again)\n", stderr);
    else if (result >= -(u64)ERROR_MAX)
        fprintf(stderr, "-1 %s (%s)\n", strerrorname_np((int)-result), strerror((int)-result));
    else
        fprintf(stderr, result < 1ul << 20 ? "%lu\n" : "%#lx\n", result);
}

// A call that has no result ended its thread, or has no program to tell.
static void print_unanswered(struct note *call) {
    if (!call || !call->env)
        return;
    print_call(call);
    fputs("?\n", stderr);
    call->env = 0;
}

static void note_take(const struct note *note) {
    struct note *call = begun_by(note->env);
    if (!(note->number & RESULT)) {
        print_unanswered(call);
        if (!call && !(call = begun_by(0)))
            print_unanswered(call = begun);
        *call = *note;
    } else if (call && call->number == (note->number & ~RESULT)) {
        print_call(call);
        print_result(note->arguments[0]);
        call->env = 0;
    }
}

static i64 entry(ext_id ext, const char *name, u64 a, u64 b, u64 *result) {
    struct ext_call call = {.function = ext_hash(name), .args = {a, b}};
    i64 error = sys_ext_call(CAP_SLOT_ACCOUNT, ext, (u64)&call);
    *result = call.result;
    return error;
}

// Prints what has been noted; an error if the extension has no such notes.
static i64 drain(ext_id ext) {
    static struct note notes[DRAIN] __attribute__((aligned(64)));
    u64 count;
    i64 error;
    do {
        memset(notes, 0, sizeof notes); // the pages are there, and not shared with the program
        error = entry(ext, "drain", (u64)notes, DRAIN, &count);
        for (u64 i = 0; !error && i < count && i < DRAIN; i++)
            note_take(&notes[i]);
    } while (!error && count == DRAIN);
    return error;
}

// The env that runs this consents to be watched. Which it is, nobody tells: the capability is for
// it alone.
static int watch_self(ext_id ext) {
    for (u32 tries = 0; tries < 1000; tries++)
        for (u64 cpu = 0; cpu < ABI_INFO->cpus; cpu++) {
            const volatile struct abi_cpu *row = abi_row(ABI_TABLE_CPUS, cpu);
            if (!sys_env_watch(CAP_PAIR(CAP_SLOT_SELF, CAP_SLOT_ACCOUNT), row->env, ext,
                               WATCH_CALLS | WATCH_RESULTS))
                return 1;
        }
    return 0;
}

int trace(ext_id ext, char **argv) {
    int status;
    i64 error = 0;
    u64 lost = 0;
    pid_t pid = fork(), ended;
    if (!pid) {
        if (watch_self(ext))
            execvp(argv[0], argv);
        perror("tri-ext: trace");
        _exit(127);
    }
    if (pid < 0)
        perror("tri-ext: fork");
    while ((ended = waitpid(pid, &status, WNOHANG)) == 0) {
        if (!error)
            error = drain(ext);
        usleep(1000);
    }
    if (!error)
        error = drain(ext);
    for (u32 i = 0; i < CALLERS; i++)
        print_unanswered(&begun[i]);
    if (error)
        fprintf(stderr, "tri-ext: this extension keeps no notes (error %ld)\n", error);
    else if (!entry(ext, "overflow", 0, 0, &lost) && lost)
        fprintf(stderr, "tri-ext: %lu notes were lost\n", lost);
    if (ended < 0 || error)
        return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
