// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See tri.h.

#include "apps/tri/tri.h"

#include "base/format.h"
#include "base/string.h"

#define LINUX_WRITE      1
#define LINUX_NANOSLEEP  35
#define LINUX_EXIT_GROUP 231

static const struct rt_start *native; // null: ExOS
static char text[8192];
static u64 length;

static i64 linux_call(u64 number, u64 a, u64 b, u64 c) {
    i64 result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
}

void tri_flush(void) {
    for (u64 done = 0; done < length;) {
        i64 n = native ? sys_console_write(native->cap_console, (u64)text + done, length - done)
                       : linux_call(LINUX_WRITE, 1, (u64)text + done, length - done);
        if (n < 0)
            break;
        done += (u64)n;
    }
    length = 0;
}

void tri_print(const char *format, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    u64 n = format_write_va(line, sizeof line, format, arguments);
    va_end(arguments);
    n = n < sizeof line ? n : sizeof line - 1;
    if (length + n > sizeof text)
        tri_flush();
    memcpy(text + length, line, n);
    length += n;
}

static const volatile struct abi_env *native_row(void) {
    return abi_row(ABI_TABLE_ENVS, ABI_INDEX(native->env));
}

void tri_exit(int status) {
    tri_flush();
    if (!native)
        linux_call(LINUX_EXIT_GROUP, (u64)status, 0, 0);
    else
        sys_env_destroy(CAP_SLOT_SELF, native->env);
    for (;;)
        ;
}

void tri_sleep(u64 ms) {
    tri_flush();
    u64 until = tri_now() + ABI_INFO->tsc_hz / 1000 * ms;
    u64 time[2] = {ms / 1000, ms % 1000 * 1000000};
    if (!native)
        linux_call(LINUX_NANOSLEEP, (u64)time, 0, 0);
    while (native && tri_now() < until)
        sys_env_sleep(native_row()->wakes, until);
}

space_id tri_space(void) {
    pfn_t root = ABI_PML4ES[ABI_PT_SLOT] >> ABI_PAGE_SHIFT & ((1ul << 40) - 1);
    for (u32 i = 1; i < ABI_INFO->table[ABI_TABLE_SPACES].count; i++) {
        const volatile struct abi_space *row = abi_row(ABI_TABLE_SPACES, i);
        if (row->id && row->root == root)
            return row->id;
    }
    return 0;
}

account_id tri_account(void) {
    const volatile struct abi_space *row = abi_row(ABI_TABLE_SPACES, ABI_INDEX(tri_space()));
    return row->account;
}

int tri_has(int argc, char **argv, const char *option) {
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], option))
            return i;
    return 0;
}

u64 tri_number(int argc, char **argv, const char *option, u64 otherwise) {
    int i = tri_has(argc, argv, option);
    if (!i)
        return otherwise;
    const char *at = i + 1 < argc ? argv[i + 1] : "";
    u64 value = 0;
    do {
        if (*at < '0' || *at > '9' || value > 1ul << 40) {
            tri_print("%s: %s wants a number\n", argv[0], option);
            tri_exit(2);
        }
        value = value * 10 + (u64)(*at - '0');
    } while (*++at);
    return value;
}

const char *tri_state(u32 state) {
    static const char *const names[] = {"free",     "stopped",   "ready",   "running",
                                        "sleeping", "accepting", "calling", "dying"};
    return state < sizeof names / sizeof *names ? names[state] : "?";
}

const char *tri_kind(u32 kind) {
    static const char *const names[FRAME_KINDS] = {
        "absent", "free", "user", "table", "env", "kernel", "module", "extension", "lost", "trace"};
    return kind < FRAME_KINDS ? names[kind] : "?";
}

void tri_start(const struct rt_start *start, u64 *stack);
void tri_start(const struct rt_start *start, u64 *stack) {
    static char name[] = "tri", *nothing[] = {name, 0};
    native = start && start->magic == RT_START_MAGIC ? start : 0;
    if (native)
        tri_exit(tri_main(1, nothing));
    tri_exit(tri_main((int)stack[0], (char **)(stack + 1)));
}
