// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Runs rows and prints a line each: "row ID centiticks N MEDIAN MIN MAX", or "absent ID WHY". Each
// row runs in a process of its own, so that one that fails, crashes or hangs costs only itself.
//
//   linux-rows [ROW...]   names of rows, with * for anything; none stands for all
//   linux-rows --boot     only says when it was reached: the time-stamp counter since kernel entry
//
// As /init of a bare Linux it mounts what the rows need, reads its arguments from the kernel's
// command line (rows=a,b; or boot) and powers the machine off.

#include "bench/linux/rows.h"

#include "abi/tables.h"

#include <errno.h>
#include <fnmatch.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS    11
#define SECONDS 20 // for a row; a thousand times what it takes

static const char *current; // the row that runs

extern const struct row __start_bench_rows[], __stop_bench_rows[];

void fail(const char *what) {
    printf("absent %s %s: %s\n", current, what, strerror(errno));
    fflush(stdout);
    _exit(1);
}

static uint64_t time_run(const struct row *row, unsigned count) {
    if (row->reset)
        row->reset();
    uint64_t from = ticks();
    row->run(count);
    return ticks() - from;
}

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void measure(const struct row *row) {
    uint64_t values[RUNS];
    if (row->prepare)
        row->prepare();
    time_run(row, row->count); // warm
    for (unsigned i = 0; i < RUNS; i++) {
        uint64_t none = time_run(row, 0), all = time_run(row, row->count);
        values[i] = all > none ? (all - none) * 100 / row->count : 0;
    }
    if (row->finish)
        row->finish();
    qsort(values, RUNS, sizeof *values, compare);
    printf("row %s centiticks %d %llu %llu %llu\n", row->id, RUNS,
           (unsigned long long)values[RUNS / 2], (unsigned long long)values[0],
           (unsigned long long)values[RUNS - 1]);
    fflush(stdout);
}

// Runs a row in a child, and says so if that didn't get to the end.
static void measure_apart(const struct row *row) {
    int status = 0;
    current = row->id;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        alarm(SECONDS);
        measure(row);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        printf("absent %s the process could not be made\n", row->id);
    else if (WIFSIGNALED(status))
        printf("absent %s signal %d\n", row->id, WTERMSIG(status));
    fflush(stdout);
    kill(-pid, SIGKILL); // what the row may have left behind
}

static void print_tsc_hz(void) {
    struct timespec from, now;
    clock_gettime(CLOCK_MONOTONIC, &from);
    uint64_t ticks_from = ticks(), ns;
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
        ns = (uint64_t)(now.tv_sec - from.tv_sec) * 1000000000u +
             (uint64_t)(now.tv_nsec - from.tv_nsec);
    } while (ns < 5000000);
    printf("tsc_hz %llu\n", (unsigned long long)((ticks() - ticks_from) * 1000000000.0 / ns));
}

// --- how long the way to here was ---------------------------------------------------------------

static sigjmp_buf no_tables;
static void on_fault(int number) {
    (void)number;
    siglongjmp(no_tables, 1);
}

// Where the kernel shows its tables it says when it was entered. Elsewhere this is since the
// machine's start, firmware included.
static uint64_t kernel_entry(void) {
    volatile uint64_t entry = 0;
    void (*before)(int) = signal(SIGSEGV, on_fault);
    if (!sigsetjmp(no_tables, 1))
        entry = ABI_INFO->tsc_boot;
    signal(SIGSEGV, before);
    return entry;
}

static void print_boot(uint64_t now) {
    struct sysinfo info = {0};
    uint64_t passed = (now - kernel_entry()) * 100;
    printf("row boot_prompt centiticks 1 %llu %llu %llu\n", (unsigned long long)passed,
           (unsigned long long)passed, (unsigned long long)passed);
    if (!sysinfo(&info))
        printf("value memory_free KiB %llu\n",
               (unsigned long long)info.freeram * (info.mem_unit ? info.mem_unit : 1) / 1024);
}

// --- choosing -----------------------------------------------------------------------------------

// A bare Linux: file systems, and arguments from the command line.
static int be_init(char **patterns, int most) {
    static char line[4096];
    mkdir("/proc", 0755);
    mkdir("/dev", 0755);
    mkdir("/tmp", 01777);
    mount("proc", "/proc", "proc", 0, 0);
    mount("dev", "/dev", "devtmpfs", 0, 0);
    mount("tmp", "/tmp", "tmpfs", 0, 0);
    FILE *file = fopen("/proc/cmdline", "r");
    int count = 0;
    char *at = file && fgets(line, sizeof line, file) ? strstr(line, "rows=") : 0;
    if (!at)
        return 0;
    for (char *word = strtok(at + 5, ", \n"); word && count < most && !strchr(word, '=');
         word = strtok(0, ", \n"))
        patterns[count++] = word;
    return count;
}

static int wanted(const char *id, char **patterns, int count) {
    for (int i = 0; i < count; i++)
        if (!fnmatch(patterns[i], id, 0))
            return 1;
    return count == 0;
}

int main(int argc, char **argv) {
    uint64_t start = ticks();
    char *own[64], **patterns = argv + 1;
    int count = argc - 1;
    if (argc > 1 && !strcmp(argv[1], "--exit")) // what fork_exec executes
        _exit(0);
    if (getpid() == 1) {
        patterns = own;
        count = be_init(own, 64);
    }
    print_tsc_hz();
    if (count && !strcmp(patterns[0], "--boot"))
        print_boot(start);
    else
        for (const struct row *row = __start_bench_rows; row < __stop_bench_rows; row++)
            if (wanted(row->id, patterns, count))
                measure_apart(row);
    printf("bench: end\n");
    fflush(stdout);
    if (getpid() == 1)
        reboot(RB_POWER_OFF);
    return 0;
}
