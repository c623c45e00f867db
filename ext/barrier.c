// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The write barrier of a generational collector, by page protection: after a collection the old
// generation is made read-only; the first write to each page is noted as a dirty card, and the page
// made writable again, without an upcall. The collector looks at the dirty cards alone.

#include "abi/ext/memory.h"
#include "abi/ext/watch.h"

#define CARDS 4096 // pages of the old generation, at most
#define WORDS (CARDS / 64)
#define ARM   64 // pages in one call

static u64 dirty[WORDS];
static u64 space, low, pages, first_writes;

HANDLER(page_protected, u64, note, (struct ext_fault * fault)) {
    u64 card = (fault->address - low) / ABI_PAGE;
    if (!(fault->error & EXT_FAULT_WRITE) || card >= pages)
        return EXT_PASS;
    if (page_protect(CAP_SLOT_ACCOUNT, space, low + card * ABI_PAGE, 0, ABI_PTE_W) != 1)
        return EXT_PASS;
    dirty[card / 64 % WORDS] |= 1ul << (card % 64);
    first_writes++;
    return EXT_DONE;
}

// The old generation: pages of a space that the loader's account pays for.
ENTRY(u64, watch_pages, (u64 in, u64 va, u64 count)) {
    if (count > CARDS || va & (ABI_PAGE - 1))
        return 0;
    space = in;
    low = va;
    pages = count;
    return 1;
}

// Cards word * 64 to word * 64 + 63 are clean from now on; returns which were dirty.
ENTRY(u64, clean, (u64 word)) {
    u64 was = dirty[word % WORDS];
    dirty[word % WORDS] = 0;
    for (u64 i = 0; i < ARM; i++) {
        u64 card = word % WORDS * 64 + i;
        if (card < pages)
            page_protect(CAP_SLOT_ACCOUNT, space, low + card * ABI_PAGE, ABI_PTE_W, 0);
    }
    return was;
}

ENTRY(u64, dirty_cards, (u64 word)) {
    return dirty[word % WORDS];
}

ENTRY(u64, barriers, (void)) {
    return first_writes;
}
