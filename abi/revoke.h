// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Visible revocation. Who has REVOKE over an account asks it for frames or slices (account_ask):
// what is wanted and until when stands in the account's row, and the env that the account named
// (account_listen) is notified with NOTIFY_ASKED. The library OS chooses what to give back. From
// the deadline on, what is missing is taken by force (account_take), down to the account's minimum
// (account_guarantee), and NOTIFY_TAKEN is raised.
//
// What was taken is recorded in the vector of losses: pages of the account's memory, pinned, that
// the kernel and the program share. The program prepares entries, the kernel fills them:
//
//   LOSS_FREE      the kernel may record a loss here
//   LOSS_OFFERED   "take frame `what` first"; if `to` is not 0, the contents go to that frame of
//   the
//                  account before it is taken
//   LOSS_FRAME     frame `what` was taken at time-stamp `when`; its contents are in `to`, if not 0
//   LOSS_SLICE     slice `what` was taken
//
// A loss that finds no free entry happens all the same, and is counted as unrecorded.

#ifndef ABI_REVOKE_H
#define ABI_REVOKE_H

#include "abi/types.h"

enum loss_state {
    LOSS_FREE = 0,
    LOSS_OFFERED = 1,
    LOSS_FRAME = 2,
    LOSS_SLICE = 3,
};

struct loss {
    u64 what;
    pfn_t to;
    u64 when;
    u32 state; // enum loss_state; written last
    u32 tag;   // the program's own
};
ABI_ASSERT_SIZE(struct loss, 32);

#define LOSS_PAGES 4 // at most, of 128 entries each

enum revoke_kind {
    REVOKE_FRAMES = 0,
    REVOKE_SLICES = 1,
};

#endif
