// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// tri-trace: streams the kernel's trace points of the envs of an account, a line an event.
//
//   tri-trace [-a ACCOUNT] [-e ENV] [-p POINT[,POINT...]] [-n EVENTS] [-t MILLISECONDS]
//
// ACCOUNT and ENV are rows of the tables, as tri-top shows them; the account is that of this
// program if none is named. POINT is a name in abi/trace.def. Ends after so many events, or so
// long; 0, or neither: when it is stopped. The program itself is not traced.

#include "abi/trace.h"
#include "apps/tri/tri.h"
#include "base/string.h"

#define PAGES 32

static struct trace_ring ring[PAGES * ABI_PAGE / sizeof(struct trace_ring)]
    __attribute__((aligned(4096)));

static const char *const calls[] = {
#define CALL_NAME(name, number, arguments, batch) [number] = #name,
    SYSCALLS(CALL_NAME)
#undef CALL_NAME
};

static const struct point {
    const char *name, *field[4];
} points[] = {
#define TRACE_POINT(name, number, when, a, b, c, d) [number] = {#name, {a, b, c, d}},
#include "abi/trace.def"
#undef TRACE_POINT
};

static int fail(const char *what, i64 error) {
    static const char *const names[] = {
#define ERROR(name, number, text) [number] = text,
#include "abi/errors.def"
#undef ERROR
    };
    u64 n = (u64)-error;
    tri_print("tri-trace: %s: %s\n", what, n < sizeof names / sizeof *names ? names[n] : "?");
    return 1;
}

// --- printing ------------------------------------------------------------------------------------

static void print_field(const char *name, u64 value) {
    if (!*name)
        return;
    if (!strcmp(name, "call"))
        tri_print(" %s", value < SYS_COUNT ? calls[value] : "?");
    else if (!strcmp(name, "state"))
        tri_print(" %s", tri_state((u32)value));
    else if (!strcmp(name, "by") || !strcmp(name, "into") || !strcmp(name, "account") ||
             !strcmp(name, "space"))
        tri_print(" %s=%u", name, ABI_INDEX(value));
    else if (!strcmp(name, "result"))
        tri_print(" = %ld", (i64)value);
    else if (value < 4096)
        tri_print(" %s=%lu", name, value);
    else
        tri_print(" %s=%#lx", name, value);
}

static void print_event(const struct trace_event *event, u64 from) {
    u64 us = tri_us(event->time - from);
    tri_print("%4lu.%06lu  cpu %u  env %3u  ", us / 1000000, us % 1000000, event->cpu,
              ABI_INDEX(event->env));
    if (event->point >= TRACE_POINTS)
        return;
    const struct point *point = &points[event->point];
    tri_print("%-9s", point->name);
    const u64 values[] = {event->a, event->b, event->c, event->d};
    for (u32 i = 0; i < 4; i++)
        print_field(point->field[i], values[i]);
    tri_print("\n");
}

// --- what is asked for ---------------------------------------------------------------------------

// The bits of a list of names; 0 if one is not known.
static u64 points_of(const char *list) {
    u64 bits = 0;
    while (*list) {
        u64 n = 0, known = 0;
        while (list[n] && list[n] != ',')
            n++;
        for (u32 i = 0; i < TRACE_POINTS; i++)
            if (strlen(points[i].name) == n && !strncmp(points[i].name, list, n))
                known = 1ul << i;
        if (!known)
            return 0;
        bits |= known;
        list += n + (list[n] == ',');
    }
    return bits;
}

static i64 begin(account_id account, u64 bits) {
    i64 error;
    for (u64 i = 0; i < PAGES; i++) // the pages come when they are written
        ((volatile struct trace_ring *)ring)[i * ABI_PAGE / sizeof *ring].tail = 0;
    do
        error = sys_trace_set(CAP_SLOT_ACCOUNT, account, (u64)ring, PAGES, bits);
    while (error == -E_AGAIN);
    return error;
}

int tri_main(int argc, char **argv) {
    u64 bits = TRACE_ALL, left = tri_number(argc, argv, "-n", 0);
    u64 ms = tri_number(argc, argv, "-t", 0), env = tri_number(argc, argv, "-e", 0);
    u64 row = tri_number(argc, argv, "-a", ABI_INDEX(tri_account()));
    int p = tri_has(argc, argv, "-p");
    if (tri_has(argc, argv, "--help")) {
        tri_print("usage: tri-trace [-a ACCOUNT] [-e ENV] [-p POINT[,POINT...]] [-n EVENTS] "
                  "[-t MILLISECONDS]\n");
        return 0;
    }
    if (p && (p + 1 == argc || !(bits = points_of(argv[p + 1])))) {
        tri_print("tri-trace: -p wants names of trace points\n");
        return 2;
    }
    if (row >= ABI_INFO->table[ABI_TABLE_ACCOUNTS].count) {
        tri_print("tri-trace: there is no account %lu\n", row);
        return 2;
    }
    account_id account =
        ((const volatile struct abi_account *)abi_row(ABI_TABLE_ACCOUNTS, row))->id;
    i64 error = begin(account, bits);
    if (error)
        return fail("can't trace that account", error);
    const struct trace_event *events = (const struct trace_event *)(ring + 1);
    u64 from = tri_now(), until = ms ? from + ABI_INFO->tsc_hz / 1000 * ms : ~0ul, lost = 0;
    int all = !left;
    while ((all || left) && tri_now() < until) {
        u64 head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
        for (; ring->tail < head && (all || left); ring->tail++) {
            const struct trace_event *event = &events[ring->tail % ring->capacity];
            if (env && ABI_INDEX(event->env) != env)
                continue;
            print_event(event, from);
            left -= !all;
        }
        if (ring->lost != lost)
            tri_print("tri-trace: %lu events found no room\n", ring->lost - lost);
        lost = ring->lost;
        if (ring->state != TRACE_ON)
            break;
        tri_sleep(5);
    }
    sys_trace_set(CAP_SLOT_ACCOUNT, account, 0, 0, 0);
    return 0;
}
