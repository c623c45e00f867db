// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Strands, for extensions: threads of control in the kernel, which run in the slices of the env
// that loaded the extension (docs/extensions.md). All are preemptive, and with several processors
// several run at once.
//
//     STRAND(worker, (u64 n)) { …; return result; }
//     …
//     i64 id = strand_fork(worker, 7);
//     if (strand_join(id, &result)) …
//
// An extension is its strands' scheduler if it handles their events, in kernel context:
//
//     HANDLER(Strand_Unblock, u64, f, (u64 id)) { … }     may run from now on; also when it is
//     forked HANDLER(Strand_Block, u64, f, (u64 id)) { … }       may not, or has ended
//     HANDLER(Strand_Checkpoint, u64, f, (u64 id)) { … }  lost the processor; may run again
//     HANDLER(Strand_Resume, u64, f, (u64 id)) { … }      which is to run next? id is the oldest
//
// Without an answer that names one of its strands that may run, and after a handler's fault, the
// oldest runs.
//
// Errors are negative numbers of abi/errors.def.

#ifndef ABI_EXT_STRAND_H
#define ABI_EXT_STRAND_H

#include "abi/ext/extension.h"

#define STRAND(name, arguments)                                                                    \
    u64 name arguments;                                                                            \
    EXT_SECTION("strand/" #name) u64 name arguments

#define STRANDS_MAX 128 // of an extension

// Where an extension's code may run: in kernel context (ENTRY, INIT, handlers), or on a strand.
// These are for both.

// A new strand runs function(argument). Its name. NOMEM, FULL, LIMIT (STRANDS_MAX, or the function
// needs too much stack), INVAL (not a STRAND), DEAD (the extension or its env is ending).
extern i64 strand_fork(u64 (*function)(u64), u64 argument);
// Lets it go on, or its next block return at once. STALE.
extern i64 strand_unblock(u64 id);
// Runs function(argument) while no other critical section runs, and nothing of extensions that are
// not CONCURRENT but strands' own code, on any processor; at most 8,000 instructions. ~0 if it was
// ended early.
extern u64 strand_critical(u64 (*function)(u64), u64 argument);
// The caller's name and its number among the strands of the extension (0..STRANDS_MAX - 1, no two
// have the same at one time). 0 and ~0 in kernel context.
extern u64 strand_self(void);
extern u64 strand_seat(void);
// Has a newer version taken the place of the one that calls (live upgrade)? Strands of the older
// one go on in its code until they end; one that would never end had better ask now and then.
extern u64 strand_replaced(void);

// These may switch. They are for a strand's own code: elsewhere they do nothing and return INVAL.

// Until somebody unblocks it, or the time-stamp counter reaches deadline (~0: never): then AGAIN.
extern i64 strand_block(u64 deadline);
// As unblock(id) and block(~0) in one: `id` goes on at once, on this processor, if it may.
extern i64 strand_pass(u64 id);
extern i64 strand_yield(void);
// Waits for the end of a strand; its result. Then the name is stale. STALE, INVAL (itself), BUSY
// (another waits for it).
extern i64 strand_join(u64 id, u64 *result);

#endif
