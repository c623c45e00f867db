// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Local remote procedure calls: a procedure of another address space, called by protected control
// transfer (env_call). The message is registers: a procedure's number, three arguments, a result.
//
//  * lrpc_call does not trust the server: what C expects to live across a call is kept by the
//    client, and isn't shown to the server. Vector registers are, and come back changed.
//  * tlrpc_call trusts the server to keep the registers that a procedure keeps, and to return; that
//    is what makes it cheaper. If the call ends otherwise (the server was destroyed, the call
//    recalled), they are lost, and the binding's `broken` is entered instead of returning.
//
// Memory goes along as frames that are lent for one call: lrpc_lend gives the server a capability
// for them, which the server maps, unmaps and drops (lrpc_map, lrpc_unmap). The client can take
// them back at any time by frame_revoke. What is used often is better lent once, and mapped as long
// as both live: then a message only says where in it.
//
// A server is an env whose call_entry is lrpc_entry or tlrpc_entry and whose rip is lrpc_accept,
// with a call_stack that ends on 16 bytes; lrpc_service names its procedures. It serves one call at
// a time (a second caller gets -E_BUSY), in the time of its caller.

#ifndef RT_LRPC_H
#define RT_LRPC_H

#include "abi/types.h"

struct lrpc {
    u64 cap; // with CALL on the server, and GRANT if frames are lent
    env_id server;
    void (*broken)(i64 error) __attribute__((noreturn)); // tlrpc_call: -E_DEAD or -E_RECALLED
};

// What the procedure returns; or -E_NOSYS: there is no such procedure; or an error of env_call. A
// procedure that returns such a number can't be told from it.
i64 lrpc_call(const struct lrpc *binding, u64 procedure, u64 a, u64 b, u64 c);
i64 tlrpc_call(const struct lrpc *binding, u64 procedure, u64 a, u64 b, u64 c);

// The server's side. Procedures are ordinary functions without vector registers. Whoever is called
// by lrpc_entry runs with the segment bases and control words that are named here, not with its
// caller's.
typedef i64 lrpc_procedure(u64 a, u64 b, u64 c, env_id caller);
struct lrpc_service {
    u64 count;
    lrpc_procedure *const *procedures;
    u64 fs_base, gs_base;
    u32 mxcsr, pkru; // 0x1f80, 0
    u16 control;     // of x87: 0x37f
};
extern const struct lrpc_service lrpc_service; // the program defines it
extern const char lrpc_entry[], tlrpc_entry[], lrpc_accept[];

// Lends count frames from first on to the server: needs MINT and `rights` on them by the capability
// `frames`. Two words for the message, or an error of cap_mint.
struct lrpc_loan {
    u64 first;
    u64 count_slot; // count, and the slot in the server's table above bit 32
};
i64 lrpc_lend(const struct lrpc *binding, u64 frames, pfn_t first, u64 count, u64 rights,
              struct lrpc_loan *loan);

// The server: where it maps what it is lent. The words of a loan come from the client and may be
// anything; so slots below first_slot, which are the server's own, are never touched, and frames
// are mapped only if they are of the account of the caller, whom the kernel names.
struct lrpc_window {
    space_id space; // the server's own, by CAP_SLOT_SPACE
    u64 va, pages;  // nothing else is there
    u32 first_slot; // at least CAP_SLOT_FREE
};

// Maps what was lent at the window's start, with ABI_PTE_W or without. 0; -E_CAP: no such slot;
// -E_RANGE: more than the window; -E_RIGHTS: not the caller's; an error of space_map. When it can't
// be mapped the capability is dropped, unless E_CAP.
i64 lrpc_map(const struct lrpc_window *window, const struct lrpc_loan *loan, env_id caller,
             u64 bits);
// Takes it away again, and drops the capability. 0, or an error of space_unmap or cap_drop.
i64 lrpc_unmap(const struct lrpc_window *window, const struct lrpc_loan *loan);

#endif
