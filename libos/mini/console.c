// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Printing. The console is a stream of bytes that the launcher reads; byte 0xff starts a command of
// its protocol, of which mini needs one: 0xff 'X' and two bytes say that the program has ended, and
// how.

#include "base/format.h"
#include "libos/mini/mini.h"

static void write_all(const char *bytes, u64 count) {
    while (count && mini_start->cap_console) {
        i64 taken = sys_console_write(mini_start->cap_console, (u64)bytes, count);
        if (taken < 0)
            return;
        bytes += taken;
        count -= (u64)taken;
    }
}

void print(const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    u64 length = format_write_va(text, sizeof text, format, arguments);
    va_end(arguments);
    write_all(text, length < sizeof text ? length : sizeof text - 1);
}

void mini_exit(int status) {
    if (mini_start->cap_machine) {
        const char end[4] = {(char)0xff, 'X', (char)status, 0};
        write_all(end, sizeof end);
        sys_machine_exit(mini_start->cap_machine, MACHINE_EXIT_OK);
    }
    sys_env_destroy(CAP_SLOT_SELF, mini_start->env);
    for (;;)
        ;
}
