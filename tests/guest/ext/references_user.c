// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Gets a frame lent, by an event of its own, and keeps it.

#define LENT_TO
#include "tests/guest/ext/references.h"

EVENT(u64, frame_lent, (struct frame_ref * frame)) {
    u64 word = 0;
    struct frame_ref *mine = object_get(frame_ref, frame);
    if (mine)
        mine = object_swap(frame_ref, 0, mine);
    if (mine)
        object_put(frame_ref, mine);
    return (u64)(frame_ref_read(frame, 0, &word, sizeof word) ?: (i64)word);
}

ENTRY(u64, kept, (void)) {
    u64 word = 0;
    struct frame_ref *frame = object_load(frame_ref, 0);
    if (!frame)
        return ~0ul;
    i64 error = frame_ref_read(frame, 0, &word, sizeof word);
    object_put(frame_ref, frame);
    return error ? (u64)error : word;
}
