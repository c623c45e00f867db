// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Services that every extension has: the kernel's log and the clock; and the console, for those
// whose env may write it.

#include "kernel/aegis/cap.h"
#include "kernel/sal/sal.h"
#include "kernel/spin/service/act.h"

#define TEXT_MAX    256
#define CONSOLE_MAX 64 // the processor waits for the UART

static u64 log_text(u64 text, u64 length, u64 c, u64 d, u64 e, struct engine_run *run) {
    (void)c, (void)d, (void)e, (void)run;
    log_write((const char *)text, length);
    return 0;
}

SERVICE(log_text) = {{.name = "log_text",
                      .function = log_text,
                      .result = {.kind = ENGINE_VOID},
                      .arguments = {SERVICE_BYTES_IN(1, TEXT_MAX), SERVICE_LENGTH(TEXT_MAX)},
                      .argument_count = 2,
                      .prototype = "void(void *,u64)"},
                     0};

static u64 clock_ticks(u64 a, u64 b, u64 c, u64 d, u64 e, struct engine_run *run) {
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)run;
    return sal_tsc();
}

SERVICE(clock_ticks) = {{.name = "clock_ticks",
                         .function = clock_ticks,
                         .result = SERVICE_NUMBER,
                         .flags = ENGINE_IMPORT_PURE,
                         .prototype = "u64()"},
                        SERVICE_ANYWHERE};

static u64 clock_hz(u64 a, u64 b, u64 c, u64 d, u64 e, struct engine_run *run) {
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)run;
    return sal_machine.tsc_hz;
}

SERVICE(clock_hz) = {{.name = "clock_hz",
                      .function = clock_hz,
                      .result = SERVICE_NUMBER,
                      .flags = ENGINE_IMPORT_PURE,
                      .prototype = "u64()"},
                     SERVICE_ANYWHERE};

static u64 clock_wall_ns(u64 a, u64 b, u64 c, u64 d, u64 e, struct engine_run *run) {
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)run;
    u64 ticks = sal_tsc() - sal_machine.tsc_boot, hz = sal_machine.tsc_hz;
    return sal_machine.wall_boot_ns + ticks / hz * 1000000000 + ticks % hz * 1000000000 / hz;
}

SERVICE(clock_wall_ns) = {{.name = "clock_wall_ns",
                           .function = clock_wall_ns,
                           .result = SERVICE_NUMBER,
                           .flags = ENGINE_IMPORT_PURE,
                           .prototype = "u64()"},
                          SERVICE_ANYWHERE};

static u64 console_text(u64 cap, u64 text, u64 length, u64 d, u64 e, struct engine_run *run) {
    i64 error;
    (void)d, (void)e;
    ACT(run, error, cap_check_kind(cap, CAP_CONSOLE, CAP_RIGHT_WRITE));
    if (!error)
        sal_console_put((const u8 *)text, length);
    return error ? (u64)error : length;
}

SERVICE(console_text) = {
    {.name = "console_text",
     .function = console_text,
     .result = SERVICE_NUMBER,
     .arguments = {SERVICE_NUMBER, SERVICE_BYTES_IN(2, CONSOLE_MAX), SERVICE_LENGTH(CONSOLE_MAX)},
     .argument_count = 3,
     .prototype = "s64(u64,void *,u64)"},
    SERVICE_OWNER};
