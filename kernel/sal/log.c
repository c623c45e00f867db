// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See sal.h and log.h. Each log_print is one line: "[seconds processor] text".

#include "kernel/sal/log.h"
#include "base/format.h"
#include "kernel/sal/lock.h"
#include "kernel/sal/x86_64/clock.h"
#include "kernel/sal/x86_64/x86.h"

#define DEBUG_PORT 0xe9
#define LINE_BYTES 512
#define RANK_LOG   ~0u // taken last, whatever else is held

char log_ring[LOG_RING_BYTES];
u64 log_end;

static struct lock lock = LOCK_INIT("log", RANK_LOG);
static u8 port_present, unlocked;

void log_init(void) {
    port_present = x86_in8(DEBUG_PORT) == DEBUG_PORT; // which is what it reads as
}

int log_has_port(void) {
    return port_present;
}

void log_unlock(void) {
    unlocked = 1;
}

static void write(const char *bytes, u64 count) {
    for (u64 i = 0; i < count; i++)
        log_ring[log_end++ % LOG_RING_BYTES] = bytes[i];
    if (port_present)
        x86_out8_many(DEBUG_PORT, bytes, count);
}

void log_write(const char *bytes, u64 count) {
    if (unlocked) {
        write(bytes, count);
        return;
    }
    lock_take(&lock);
    write(bytes, count);
    lock_release(&lock);
}

void log_print(const char *format, ...) {
    char text[LINE_BYTES];
    u64 us = clock_us();
    struct format_text line = {text, sizeof(text) - 1, 0};
    format_append(&line, "[%3lu.%06lu %u] ", us / 1000000, us % 1000000, sal_cpu());
    va_list arguments;
    va_start(arguments, format);
    line.length +=
        format_write_va(text + line.length, sizeof(text) - 1 - line.length, format, arguments);
    va_end(arguments);
    u64 length = line.length < sizeof(text) - 2 ? line.length : sizeof(text) - 2;
    if (length && text[length - 1] != '\n')
        text[length++] = '\n';
    log_write(text, length);
}
