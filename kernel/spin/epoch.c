// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Epochs. See epoch.h.
//
// Why it is enough: a reader publishes its epoch before it reads any link; who frees has unlinked
// and advanced before it looks at the readers; both with full order. So either it sees the reader,
// in an epoch up to the one it wants to pass, or the reader sees what it unlinked.

#include "kernel/spin/epoch.h"

u64 epoch_now = 1;
static struct epoch_reader *readers;

void epoch_reader_add(struct epoch_reader *reader) {
    reader->since = 0;
    reader->next = readers;
    reader->link = &readers;
    if (readers)
        readers->link = &reader->next;
    readers = reader;
}

void epoch_reader_remove(struct epoch_reader *reader) {
    *reader->link = reader->next;
    if (reader->next)
        reader->next->link = reader->link;
}

u64 epoch_advance(void) {
    return __atomic_fetch_add(&epoch_now, 1, __ATOMIC_SEQ_CST);
}

int epoch_passed(u64 epoch) {
    for (const struct epoch_reader *reader = readers; reader; reader = reader->next) {
        u64 since = __atomic_load_n(&reader->since, __ATOMIC_SEQ_CST);
        if (since && since <= epoch)
            return 0;
    }
    return 1;
}
