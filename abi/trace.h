// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Tracing: trace_set asks for the events of all envs of an account, and of the accounts below it.
// They are written to a ring in memory of whoever asked, who reads them without a call:
//
//   struct trace_ring, then capacity events; event number n is in place n % capacity.
//   Events tail .. head - 1 are there. The kernel adds to head; the reader adds to tail when it has
//   read. When the ring is full events are counted in lost, and nothing waits.
//
// What the reader writes into the ring besides is nothing to the kernel. The env that asked is not
// traced itself.

#ifndef ABI_TRACE_H
#define ABI_TRACE_H

#include "abi/types.h"

enum trace_point {
#define TRACE_POINT(name, number, when, a, b, c, d) TRACE_##name = number,
#include "abi/trace.def"
#undef TRACE_POINT
    TRACE_POINTS,
};

#define TRACE_VERSION 1
#define TRACE_ALL     ((1ul << TRACE_POINTS) - 1)
#define TRACE_PAGES   32 // of a ring, at most

enum trace_state {
    TRACE_ON = 1,
    TRACE_ENDED = 2, // by trace_set, with the account, or because a page of the ring was taken
};

struct trace_ring {
    u32 version;
    u32 state; // enum trace_state
    u64 capacity;
    u64 head; // events written since it began
    u64 tail; // the reader's: those that it has read
    u64 lost; // events that found no room
    u64 reserved[3];
};
ABI_ASSERT_SIZE(struct trace_ring, 64);

struct trace_event {
    u64 time;   // time-stamp counter
    u64 number; // of this event
    env_id env;
    u16 point; // enum trace_point
    u16 cpu;
    u32 reserved;
    u64 a, b, c, d; // as trace.def says
};
ABI_ASSERT_SIZE(struct trace_event, 64);

#endif
