// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Events and their handlers, as programs, extensions and the kernel know them.

#ifndef ABI_EVENT_H
#define ABI_EVENT_H

#include "abi/types.h"

// What a handler is: HANDLERS.kind, struct event_request.
#define HANDLER_FILTER  (1u << 0) // rewrites arguments for those behind it
#define HANDLER_ASYNC   (1u << 1) // runs later, on a copy of the arguments
#define HANDLER_DEFAULT (1u << 2) // runs if no other did, instead of the procedure itself
#define HANDLER_FIRST   (1u << 3)
#define HANDLER_LAST    (1u << 4)
#define HANDLER_BEFORE  (1u << 5) // another one
#define HANDLER_AFTER   (1u << 6)
#define HANDLER_TIMED   (1u << 8) // its calls are counted and timed, always

#define HANDLER_SETS 8 // of one extension

enum handler_state {
    HANDLER_FREE = 0,
    HANDLER_LIVE = 1,
    HANDLER_OUT = 2,      // its extension has taken it out of the event
    HANDLER_DETACHED = 3, // the kernel has: see status, line, trace
    HANDLER_GONE = 4,     // its event has ended
};

// EVENTS.flags
#define EVENT_COUNTED (1u << 0) // raises and handlers are counted and timed

// What an event's authoriser is asked, before a handler is installed. The first part says who and
// what; the second is the answer's.
struct event_request {
    u64 ext, env, account; // ext_id, env_id (0: it stays), account_id of who pays
    u64 closure;
    u32 kind;   // HANDLER_* (abi/extension.h)
    u32 budget; // what is asked for; the answer may lower it
    u32 force;  // HANDLER_ASYNC, HANDLER_FIRST or HANDLER_LAST, whatever was asked for
    u32 impose; // bit i: imposed guard number i must hold too
    u64 word;   // which that guard gets as its last argument
};

#endif
