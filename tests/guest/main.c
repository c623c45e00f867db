// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Runs the tests: chosen by the command line word test=PATTERN (a * matches anything), in an order
// shuffled by seed=N; traced=1: with all envs but one traced.

#include "base/format.h"
#include "base/string.h"
#include "tests/guest/guest_priv.h"

extern const struct guest_test __start_guest_tests[], __stop_guest_tests[];

#define TESTS_MAX 1024

static u32 failures;
static u64 random_state;

void say(const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    u64 length = format_write_va(text, sizeof text, format, arguments);
    va_end(arguments);
    sys_log_write(CAP_SLOT_CONSOLE, (u64)text, length < sizeof text ? length : sizeof text - 1);
}

void check_failed(const char *file, int line, const char *what, i64 got, i64 want) {
    __atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
    say("  %s:%d: %s: got %ld, want %ld\n", file, line, what, got, want);
}

u64 guest_random(void) { // xorshift64*
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 2685821657736338717ul;
}

// --- command line --------------------------------------------------------------------------------

static const char *option(const char *name, char *value, u64 size) {
    const char *line = (const char *)ABI_INFO->command_line;
    u64 length = strlen(name);
    for (const char *at = line; *at; at++) {
        if ((at == line || at[-1] == ' ') && !memcmp(at, name, length) && at[length] == '=') {
            u64 i = 0;
            for (at += length + 1; *at && *at != ' ' && i + 1 < size; at++)
                value[i++] = *at;
            value[i] = 0;
            return value;
        }
    }
    return 0;
}

static int matches(const char *pattern, const char *text) {
    if (!*pattern)
        return !*text;
    if (*pattern == '*')
        return matches(pattern + 1, text) || (*text && matches(pattern, text + 1));
    return *pattern == *text && matches(pattern + 1, text + 1);
}

static u64 number(const char *text) {
    u64 n = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        n = n * 10 + (u64)(*text - '0');
    return n;
}

// --- counting ------------------------------------------------------------------------------------

struct counts {
    u64 free_frames, owned_frames, envs, spaces, accounts, slices, caps;
};

static u64 live_rows(enum abi_table_number table) {
    u64 live = 0;
    for (u32 i = 0; i < ABI_INFO->table[table].count; i++)
        live += *(const volatile u64 *)abi_row(table, i) != 0;
    return live;
}

static struct counts count(void) {
    return (struct counts){ABI_INFO->free_frames,         account_row(my_account())->frames,
                           live_rows(ABI_TABLE_ENVS),     live_rows(ABI_TABLE_SPACES),
                           live_rows(ABI_TABLE_ACCOUNTS), live_rows(ABI_TABLE_SLICES),
                           env_row(my_env())->caps};
}

static void compare(const struct counts *before, const struct counts *after) {
    CHECK_EQ(after->free_frames, before->free_frames);
    CHECK_EQ(after->owned_frames, before->owned_frames);
    CHECK_EQ(after->envs, before->envs);
    CHECK_EQ(after->spaces, before->spaces);
    CHECK_EQ(after->accounts, before->accounts);
    CHECK_EQ(after->slices, before->slices);
    CHECK_EQ(after->caps, before->caps);
}

// --- running -------------------------------------------------------------------------------------

static int run_one(const struct guest_test *test) {
    u32 failures_before = failures;
    // Page tables of the scratch area, and those of the test program's own, stay: a first run is
    // not counted.
    say("%s\n", test->name);
    struct counts before = count();
    u64 tables = space_row(my_space())->tables;
    test->run();
    set_upcall_handler(0);
    struct counts after = count();
    u64 grown = space_row(my_space())->tables - tables;
    after.free_frames += grown;
    after.owned_frames -= grown;
    compare(&before, &after);
    if (failures != failures_before)
        say("%s: FAILED\n", test->name);
    return failures == failures_before;
}

void rt_main(u64 argument);
void rt_main(u64 argument) {
    (void)argument;
    const struct guest_test *tests[TESTS_MAX];
    char pattern[128] = "*", seed[32];
    u32 chosen = 0, passed = 0;
    option("test", pattern, sizeof pattern);
    random_state = option("seed", seed, sizeof seed) ? number(seed) | 1 : tsc() | 1;
    u64 printed = random_state;
    int traced = option("traced", seed, sizeof seed) != 0;
    guest_init();
    if (traced)
        trace_everything();
    if (__stop_guest_tests - __start_guest_tests > TESTS_MAX) {
        say("more than %u tests\n", TESTS_MAX);
        sys_machine_exit(CAP_SLOT_MACHINE, MACHINE_EXIT_TESTS_FAILED);
    }
    for (const struct guest_test *t = __start_guest_tests; t < __stop_guest_tests; t++)
        if (matches(pattern, t->name) && !(traced && trace_excludes(t->name)))
            tests[chosen++] = t;
    for (u32 i = chosen; i > 1; i--) {
        u32 j = (u32)(guest_random() % i);
        const struct guest_test *t = tests[i - 1];
        tests[i - 1] = tests[j];
        tests[j] = t;
    }
    say("guest tests: %u chosen, %u cpus, seed=%lu\n", chosen, cpus(), printed);
    for (u32 i = 0; i < chosen; i++)
        passed += (u32)run_one(tests[i]);
    say("guest: %u passed, %u failed\n", passed, chosen - passed);
    sys_machine_exit(CAP_SLOT_MACHINE, chosen && passed == chosen ? MACHINE_EXIT_TESTS_PASSED
                                                                  : MACHINE_EXIT_TESTS_FAILED);
    for (;;)
        ;
}
