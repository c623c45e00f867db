// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Services that every extension has: the kernel's log and the clock.

#include "kernel/sal/sal.h"
#include "kernel/spin/service.h"

#define TEXT_MAX 256

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
