// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Runs the rows and prints, to the kernel's log, lines for bench/run: "row ID ticks N MEDIAN MIN
// MAX".

#include "base/format.h"
#include "base/string.h"
#include "bench/native/native.h"

#define RUNS 21

extern const struct row __start_bench_rows[], __stop_bench_rows[];

account_id my_account;
space_id my_space;
env_id my_env;

static u8 upcall_stack[2 * ABI_PAGE] __attribute__((aligned(4096)));

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    u64 length = format_write_va(text, sizeof text, format, arguments);
    va_end(arguments);
    sys_log_write(CAP_SLOT_CONSOLE, (u64)text, length < sizeof text ? length : sizeof text - 1);
}

void fail(const char *what, i64 result) {
    say("bench: %s: %ld\n", what, result);
    sys_machine_exit(CAP_SLOT_MACHINE, MACHINE_EXIT_TESTS_FAILED);
}

void set_upcall(const char *entry) {
    struct env_setup setup = {
        .upcall_entry = (u64)entry, .upcall_stack = (u64)upcall_stack, .upcall_pages = 2};
    must(sys_env_set(CAP_SLOT_SELF, my_env, (u64)&setup), 0, "env_set");
}

static inline u64 ticks(void) {
    u32 lo, hi;
    __asm__ volatile("lfence\n rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
    return (u64)hi << 32 | lo;
}

static u64 time_run(const struct row *row, u64 count) {
    if (row->sample)
        return count ? row->sample() : 0;
    if (row->reset)
        row->reset();
    u64 from = ticks();
    row->run(count);
    return ticks() - from;
}

static void sort(u64 *values, u32 count) {
    for (u32 i = 1; i < count; i++)
        for (u32 j = i; j && values[j] < values[j - 1]; j--) {
            u64 value = values[j];
            values[j] = values[j - 1];
            values[j - 1] = value;
        }
}

// Ticks for an operation, in hundredths: (time for count - time for none) / count.
static void measure(const struct row *row) {
    u64 values[RUNS];
    if (row->prepare)
        row->prepare();
    time_run(row, row->count); // warm
    for (u32 i = 0; i < RUNS; i++) {
        u64 none = time_run(row, 0), all = time_run(row, row->count);
        values[i] = all > none ? (all - none) * 100 / row->count : 0;
    }
    if (row->finish)
        row->finish();
    sort(values, RUNS);
    say("row %s centiticks %u %lu %lu %lu\n", row->id, RUNS, values[RUNS / 2], values[0],
        values[RUNS - 1]);
}

static int wanted(const char *id) { // rows=a,b,c or nothing for all
    const char *at = (const char *)ABI_INFO->command_line, *list = 0;
    for (; *at; at++)
        if (!memcmp(at, "rows=", 5))
            list = at + 5;
    if (!list)
        return 1;
    u64 length = strlen(id);
    while (*list && *list != ' ') {
        if (!memcmp(list, id, length) &&
            (list[length] == ',' || list[length] == ' ' || !list[length]))
            return 1;
        while (*list && *list != ' ' && *list++ != ',')
            ;
    }
    return 0;
}

void rt_main(u64 argument);
void rt_main(u64 argument) {
    (void)argument;
    my_env = ((const volatile struct abi_slice *)abi_row(ABI_TABLE_SLICES, 0))->env;
    const volatile struct abi_env *row = abi_row(ABI_TABLE_ENVS, ABI_INDEX(my_env));
    my_account = row->account;
    my_space = row->space;
    u64 now = ticks();
    say("tsc_hz %lu\n", ABI_INFO->tsc_hz);
    say("value first_program ticks %lu\n", now - ABI_INFO->tsc_boot);
    for (const struct row *r = __start_bench_rows; r < __stop_bench_rows; r++)
        if (wanted(r->id))
            measure(r);
    say("bench: end\n");
    sys_machine_exit(CAP_SLOT_MACHINE, MACHINE_EXIT_OK);
    for (;;)
        ;
}
