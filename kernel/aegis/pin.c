// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Pins for devices: a frame that a device may write is not given to anybody else. A frame that its
// account loses while it is pinned is FRAME_TAKEN: unmapped, and freed with the last pin.

#include "gen/syscalls_kernel.h"
#include "kernel/aegis/cap.h"
#include "kernel/aegis/frame.h"

// Whether the capability allows it for all of them.
static i64 pin_check(u64 slot, pfn_t first, u64 count) {
    const struct cap *cap;
    i64 error = cap_check_frames(slot, CAP_RIGHT_PIN, &cap);
    if (!error)
        error = frame_check_range(first, count);
    return error ? error : frame_check_covered(cap, first, count);
}

i64 sys_frame_pin(u64 slot, pfn_t first, u64 count) {
    i64 error = pin_check(slot, first, count);
    for (u64 i = 0; !error && i < count; i++) {
        if (frame_row(first + i)->kind == FRAME_LOST)
            error = -E_STALE;
        else if (frame_row(first + i)->pins >= FRAME_PINS_MAX)
            error = -E_LIMIT;
    }
    for (u64 i = 0; !error && i < count; i++) {
        frame_row(first + i)->pins++;
        frame_row(first + i)->dma++;
    }
    return error;
}

i64 sys_frame_unpin(u64 slot, pfn_t first, u64 count) {
    i64 error = pin_check(slot, first, count);
    for (u64 i = 0; !error && i < count; i++)
        if (!frame_row(first + i)->dma)
            error = -E_INVAL;
    u64 piece = count < FRAMES_PER_PIECE ? count : FRAMES_PER_PIECE;
    for (u64 i = 0; !error && i < piece; i++) {
        struct abi_frame *row = frame_row(first + i);
        row->dma--;
        if (--row->pins == 0 && !row->maps && row->flags & (FRAME_AUTO | FRAME_TAKEN))
            frame_give(first + i);
    }
    return !error && piece < count ? CALL_AGAIN : error;
}
