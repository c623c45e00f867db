// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Keeps frames in reserve, and gives back the youngest of even number when the account is asked.

#include "abi/ext/memory.h"
#include "abi/ext/watch.h"

#define FRAMES 16

static u64 frames[FRAMES], count, asked, wanted;

ENTRY(u64, keep, (u64 account)) {
    i64 frame = phys_allocate(CAP_SLOT_ACCOUNT, account, ABI_ANY, 0);
    if (frame > 0 && count < FRAMES)
        frames[count++ % FRAMES] = (u64)frame;
    return (u64)frame;
}

ENTRY(u64, frame_at, (u64 index)) {
    return frames[index % FRAMES];
}

ENTRY(u64, times_asked, (void)) {
    return asked;
}

HANDLER(phys_reclaim, u64, give, (const struct ext_reclaim *reclaim)) {
    u64 given = 0;
    asked++;
    wanted = reclaim->frames;
    for (u32 i = 0; i < FRAMES; i++) {
        u64 at = FRAMES - 1 - i;
        if (given >= reclaim->frames || !frames[at] || at & 1)
            continue;
        if (!phys_deallocate(CAP_SLOT_ACCOUNT, frames[at])) {
            frames[at] = 0;
            given++;
        }
    }
    return given;
}
