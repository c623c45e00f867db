// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See report.h.

#include "apps/sched/report.h"

#include "abi/calls.h"
#include "abi/caps.h"
#include "abi/tables.h"
#include "base/format.h"
#include "base/string.h"
#include "gen/syscalls_user.h"

void report(const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    u64 length = format_write_va(text, sizeof text, format, arguments);
    va_end(arguments);
    sys_log_write(CAP_SLOT_CONSOLE, (u64)text, length < sizeof text ? length : sizeof text - 1);
}

void report_fail(const char *what, i64 value) {
    report("sched: %s: %ld\n", what, value);
    sys_machine_exit(CAP_SLOT_MACHINE, MACHINE_EXIT_TESTS_FAILED);
    for (;;)
        ;
}

u64 report_option(const char *name, u64 otherwise) {
    u64 length = strlen(name);
    for (const char *at = (const char *)ABI_INFO->command_line; *at; at++) {
        if (strncmp(at, name, length) || at[length] != '=')
            continue;
        u64 value = 0;
        for (at += length + 1; *at >= '0' && *at <= '9'; at++)
            value = value * 10 + (u64)(*at - '0');
        return value;
    }
    return otherwise;
}
