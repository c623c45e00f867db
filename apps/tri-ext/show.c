// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What there is, from the exposed tables.

#include <stdio.h>
#include <string.h>

#include "abi/event.h"
#include "abi/tables.h"
#include "apps/tri-ext/tri-ext.h"

static double milliseconds(u64 ticks) {
    return (double)ticks * 1000 / (double)ABI_INFO->tsc_hz;
}

// A copy: rows may change while they are read.
static int row_read(enum abi_table_number table, u64 i, void *row, u64 bytes) {
    u64 stride = ABI_INFO->table[table].stride;
    memset(row, 0, bytes);
    memcpy(row, (const void *)abi_row(table, i), bytes < stride ? bytes : stride);
    return *(u64 *)row != 0;
}

#define FOR_ROWS(number, row)                                                                      \
    for (u64 i_ = 1; i_ < ABI_INFO->table[number].count; i_++)                                     \
        if (row_read(number, i_, &(row), sizeof(row)))

static const char *ext_name(ext_id id) {
    static struct abi_extension row;
    if (!id)
        return "(kernel)";
    if (!row_read(ABI_TABLE_EXTENSIONS, ABI_INDEX(id), &row, sizeof row) || row.id != id)
        return "(gone)";
    return row.name[0] ? row.name : "-";
}

int show_extensions(void) {
    static const char *const states[] = {"free", "loading", "live", "dying"};
    struct abi_extension row;
    printf("%-12s %-16s %-8s %10s %7s %8s %7s %9s %8s %s\n", "ID", "NAME", "STATE", "ACCOUNT",
           "FRAMES", "CODE", "DATA", "FUNCTIONS", "IMPORTS", "OWNER");
    FOR_ROWS(ABI_TABLE_EXTENSIONS, row) {
        printf("%#-12lx %-16s %-8s %#10lx %7u %8u %7lu %9u %8u ", row.id,
               row.name[0] ? row.name : "-", row.state < 4 ? states[row.state] : "?", row.account,
               row.frames, row.code, row.arena ? 1ul << row.arena : 0, row.functions, row.imports);
        if (row.env)
            printf("env %#lx\n", row.env);
        else
            puts("its account");
    }
    return 0;
}

static const char *event_name(u64 id) {
    static struct abi_event row;
    if (!row_read(ABI_TABLE_EVENTS, ABI_INDEX(id), &row, sizeof row) || row.id != id)
        return "(gone)";
    return row.name;
}

int show_events(void) {
    static const char *const states[] = {"free", "live", "out", "detached", "gone"};
    struct abi_event event;
    struct abi_handler handler;
    printf("%-24s %-16s %8s %10s %12s\n", "EVENT", "EXPORTER", "HANDLERS", "RAISES", "UNHANDLED");
    FOR_ROWS(ABI_TABLE_EVENTS, event)
    printf("%-24.32s %-16.32s %8u %10lu %12lu\n", event.name, ext_name(event.ext), event.handlers,
           event.raises, event.unhandled);
    printf("\n%-24s %-24s %-16s %-9s %8s\n", "HANDLER", "OF EVENT", "EXTENSION", "STATE", "BUDGET");
    FOR_ROWS(ABI_TABLE_HANDLERS, handler)
    printf("%-24.32s %-24.32s %-16.32s %-9s %8u\n", handler.name, event_name(handler.event),
           ext_name(handler.ext), handler.state < 5 ? states[handler.state] : "?", handler.budget);
    return 0;
}

int show_statistics(void) {
    struct abi_extension ext;
    struct abi_handler handler;
    printf("%-16s %10s %12s %12s %7s  %s\n", "EXTENSION", "CALLS", "MS", "WORST MS", "FAULTS",
           "LAST FAULT");
    FOR_ROWS(ABI_TABLE_EXTENSIONS, ext) {
        printf("%-16.32s %10lu %12.3f %12.6f %7u  ", ext.name[0] ? ext.name : "-", ext.calls,
               milliseconds(ext.ticks), milliseconds(ext.worst), ext.faults);
        if (ext.faults)
            printf("status %u at instruction %u, line %u", ext.status, ext.fault_slot,
                   ext.fault_line);
        putchar('\n');
    }
    printf("\n%-24s %-16s %10s %12s %12s %7s  %s\n", "HANDLER", "EXTENSION", "CALLS", "MS",
           "WORST MS", "FAULTS", "LAST FAULT");
    FOR_ROWS(ABI_TABLE_HANDLERS, handler) {
        printf("%-24.32s %-16.32s %10lu %12.3f %12.6f %7u  ", handler.name, ext_name(handler.ext),
               handler.calls, milliseconds(handler.ticks), milliseconds(handler.worst),
               handler.faults);
        if (handler.faults)
            printf("line %u: %.128s", handler.line, handler.trace);
        putchar('\n');
    }
    return 0;
}
