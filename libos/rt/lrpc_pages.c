// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Frames that go along with a call, see lrpc.h.

#include "libos/rt/lrpc.h"

#include "abi/calls.h"
#include "abi/caps.h"
#include "abi/errors.h"
#include "abi/layout.h"
#include "abi/pte.h"
#include "abi/tables.h"
#include "gen/syscalls_user.h"

static u64 loan_count(const struct lrpc_loan *loan) {
    return (u32)loan->count_slot;
}
static u64 loan_slot(const struct lrpc_loan *loan) {
    return loan->count_slot >> 32;
}

i64 lrpc_lend(const struct lrpc *binding, u64 frames, pfn_t first, u64 count, u64 rights,
              struct lrpc_loan *loan) {
    if (!count || count > ~0u)
        return -E_RANGE;
    i64 slot = sys_cap_mint(CAP_PAIR(frames, binding->cap), binding->server, rights, first, count);
    if (slot < 0)
        return slot;
    *loan = (struct lrpc_loan){first, count | (u64)slot << 32};
    return 0;
}

// The whole window: what a space_map that failed has mapped stays mapped. 0 or an error.
static i64 window_clear(space_id own, u64 va, u64 pages) {
    for (u64 done = 0; done < pages;) {
        i64 n = sys_space_unmap(CAP_SLOT_SPACE, own, va + (done << ABI_PAGE_SHIFT), pages - done);
        if (n <= 0)
            return n ? n : -E_AGAIN;
        done += (u64)n;
    }
    return 0;
}

// Whether all of them are the caller's, whom the kernel named: what a loan says may be a lie.
static int is_of(const struct lrpc_loan *loan, env_id caller) {
    const volatile struct abi_env *env = abi_row(ABI_TABLE_ENVS, ABI_INDEX(caller));
    u64 frames = ABI_INFO->table[ABI_TABLE_FRAMES].count;
    if (env->id != caller || loan->first >= frames || frames - loan->first < loan_count(loan))
        return 0;
    for (u64 i = 0; i < loan_count(loan); i++) {
        const volatile struct abi_frame *frame = abi_row(ABI_TABLE_FRAMES, loan->first + i);
        if (frame->owner != env->account)
            return 0;
    }
    return 1;
}

static i64 window_fill(const struct lrpc_window *window, const struct lrpc_loan *loan, u64 flags) {
    u64 count = loan_count(loan);
    for (u64 done = 0; done < count;) {
        i64 n = sys_space_map(CAP_PAIR(CAP_SLOT_SPACE, loan_slot(loan)), window->space,
                              window->va + (done << ABI_PAGE_SHIFT), loan->first + done,
                              count - done, flags);
        if (n <= 0) {
            window_clear(window->space, window->va, count);
            return n ? n : -E_AGAIN;
        }
        done += (u64)n;
    }
    return 0;
}

i64 lrpc_map(const struct lrpc_window *window, const struct lrpc_loan *loan, env_id caller,
             u64 bits) {
    u64 slot = loan_slot(loan);
    if (slot < CAP_SLOT_FREE || slot < window->first_slot)
        return -E_CAP;
    i64 error = loan_count(loan) > window->pages ? -E_RANGE
                : is_of(loan, caller)            ? window_fill(window, loan, bits | ABI_PTE_NX)
                                                 : -E_RIGHTS;
    if (error)
        sys_cap_drop(slot);
    return error;
}

i64 lrpc_unmap(const struct lrpc_window *window, const struct lrpc_loan *loan) {
    i64 error = window_clear(window->space, window->va, loan_count(loan));
    i64 dropped = sys_cap_drop(loan_slot(loan));
    return error ? error : dropped;
}
