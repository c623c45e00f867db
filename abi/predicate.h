// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Wakeup predicates: what an env sleeps for (env_sleep_until), said so that the kernel can look
// itself. Either a sum of products over words of the exposed tables (abi/tables.h) and of the
// program's own memory, or an entry of an extension, that holds when it returns something else
// than 0.
//
// The kernel looks where it chooses what runs next, on the processor where the env went to sleep: a
// few predicates each time, in turn, and never for more than an eighth of a processor's time; one
// that idles looks every PREDICATE_POLL_US. The time is charged to the sleeper, who pays with
// slices, as for excess time. A predicate that holds for a shorter time may never be seen to. (For
// one word of memory that somebody changes on purpose, env_wait and word_wake are immediate.)

#ifndef ABI_PREDICATE_H
#define ABI_PREDICATE_H

#include "abi/types.h"

#define PREDICATE_TERMS   6
#define PREDICATE_POLL_US 200

enum predicate_relation {
    PREDICATE_EQ,
    PREDICATE_NE,
    PREDICATE_BELOW, // unsigned
    PREDICATE_NOT_BELOW,
    PREDICATE_RELATIONS
};

// (word & mask) RELATION value. Terms up to one with `last` are a product: all of them hold. The
// predicate is the sum: any product holds.
struct predicate_term {
    u64 address; // of the word, where the program sees it, aligned to its size
    u64 mask;
    u64 value;
    u32 bytes; // 4 or 8
    u16 relation;
    u16 last;
};
ABI_ASSERT_SIZE(struct predicate_term, 32);

struct predicate {
    u64 terms;    // 1 .. PREDICATE_TERMS, or 0: an extension's entry
    ext_id ext;   // of which the capability allows CALL; the entry must be proved to end
    u64 function; // ext_hash of its name
    u64 args[2];
    u64 reserved;
    struct predicate_term term[PREDICATE_TERMS];
};
ABI_ASSERT_SIZE(struct predicate, 240);

#endif
