// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A compressed pager. Pages of a watched process (WATCH_FAULTS) that were not used for a while, and
// that compress to a quarter, are kept in this extension's memory, and their frames given back; at
// the next access they are there again. The process, and its library OS, need not know.
//
// A page that is out has the pager's own frame in its entry, without U: so it can't be accessed,
// and what the library OS does to the entry meanwhile (unmap, map another page there) undoes it. A
// process that changes the protection of, moves or shares such pages (mprotect, mremap, fork) must
// not be managed.
//
// Compressed: a bit for each pair of words, whether it differs from the pair before; and those that
// do.

#include "abi/ext/memory.h"
#include "abi/ext/watch.h"

#define PAIRS  256
#define KEPT   64   // pairs of a page that may differ from the one before
#define SLOTS  1024 // a power of two
#define PROBES 8
#define LOOK   16 // pages in one call of sweep
#define CAPS   EXT_CAPS(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)
#define BITS   (ABI_PTE_NX | ABI_PTE_PKEY_MASK | ABI_PTE_SOFT | ABI_PTE_W)

struct pair {
    u64 a, b;
};

struct slot {
    u64 space, va; // 0: free
    u64 changes[PAIRS / 64];
    struct pair pairs[KEPT];
};

static struct slot slots[SLOTS];
static struct pair page[PAIRS];
static u64 nothing; // the frame behind pages that are out
static u64 held, most, outs, ins;

static u64 place(u64 space, u64 va, u64 probe) {
    return ((va >> ABI_PAGE_SHIFT) * 0x9e3779b1 + space + probe) % SLOTS;
}

static u64 slot_find(u64 space, u64 va, u64 wanted_space, u64 wanted_va) {
    for (u64 i = 0; i < PROBES; i++) {
        u64 at = place(space, va, i);
        if (slots[at].space == wanted_space && slots[at].va == wanted_va)
            return at;
    }
    return SLOTS;
}

static int compress(struct slot *to) {
    struct pair before = {0, 0};
    u64 count = 0;
    for (u32 i = 0; i < PAIRS / 64; i++) {
        u64 changes = 0;
        for (u32 j = 0; j < 64; j++) {
            struct pair pair = page[i * 64 + j];
            changes >>= 1;
            if (pair.a == before.a && pair.b == before.b)
                continue;
            to->pairs[count++ % KEPT] = before = pair;
            changes |= 1ul << 63;
        }
        to->changes[i] = changes;
    }
    return count <= KEPT;
}

static void expand(const struct slot *from) {
    struct pair pair = {0, 0};
    u64 count = 0;
    for (u32 i = 0; i < PAIRS / 64; i++) {
        u64 changes = from->changes[i];
        for (u32 j = 0; j < 64; j++, changes >>= 1) {
            if (changes & 1)
                pair = from->pairs[count++ % KEPT];
            page[i * 64 + j] = pair;
        }
    }
}

// Nobody can access the page while it is looked at, on any processor.
static u64 page_out(u64 space, u64 va, u64 entry) {
    u64 at = slot_find(space, va, space, va); // of a page that was unmapped while it was out
    if (at != SLOTS)
        held--;
    else
        at = slot_find(space, va, 0, 0);
    if (at == SLOTS || page_protect(CAP_SLOT_ACCOUNT, space, va, ABI_PTE_U, 0) != 1)
        return 0;
    struct slot *slot = &slots[at % SLOTS];
    slot->space = slot->va = 0;
    if (phys_read(CAP_SLOT_ACCOUNT, ABI_PTE_FRAME(entry), 0, page, ABI_PAGE) || !compress(slot) ||
        page_map(CAPS, space, va, nothing, (entry & BITS) | SPACE_MAP_REPLACE) != 1) {
        page_protect(CAP_SLOT_ACCOUNT, space, va, 0, ABI_PTE_U);
        return 0;
    }
    page_protect(CAP_SLOT_ACCOUNT, space, va, ABI_PTE_U, 0);
    slot->space = space;
    slot->va = va;
    outs++;
    held++;
    most = held > most ? held : most;
    return 1;
}

HANDLER(page_protected, u64, page_in, (struct ext_fault * fault)) {
    u64 space = env_space(fault->env), va = fault->address & ~(ABI_PAGE - 1);
    u64 entry = page_examine(CAP_SLOT_ACCOUNT, space, va), at = slot_find(space, va, space, va);
    if (EXT_FAILED(entry) || entry & ABI_PTE_U || ABI_PTE_FRAME(entry) != nothing || at == SLOTS)
        return EXT_PASS;
    i64 frame = phys_allocate(CAP_SLOT_ACCOUNT, env_account(fault->env), ABI_ANY,
                              FRAME_ALLOC_AUTO | FRAME_ALLOC_DIRTY);
    if (frame < 0)
        return EXT_PASS;
    expand(&slots[at % SLOTS]);
    if (phys_write(CAP_SLOT_ACCOUNT, (u64)frame, 0, page, ABI_PAGE) ||
        page_map(CAPS, space, va, (u64)frame, (entry & BITS) | SPACE_MAP_REPLACE) != 1) {
        phys_deallocate(CAP_SLOT_ACCOUNT, (u64)frame);
        return EXT_PASS;
    }
    slots[at % SLOTS].space = slots[at % SLOTS].va = 0;
    held--;
    ins++;
    return EXT_DONE;
}

// Private, writable, and not used since it was last looked at?
static int idle(u64 space, u64 va, u64 entry) {
    const u64 need = ABI_PTE_P | ABI_PTE_U | ABI_PTE_W;
    u64 frame = ABI_PTE_FRAME(entry);
    if (EXT_FAILED(entry) || (entry & need) != need || phys_maps(frame) != 1 || phys_pins(frame))
        return 0;
    if (!(entry & ABI_PTE_A))
        return 1;
    page_protect(CAP_SLOT_ACCOUNT, space, va, ABI_PTE_A, 0);
    return 0;
}

// Looks at pages from va on, until one is found that can go, or at 16. Returns at how many.
ENTRY(u64, sweep, (u64 space, u64 va, u64 pages)) {
    u64 entry = 0, found = 0, looked = 0;
    for (u64 i = 0; i < LOOK; i++) {
        if (i >= pages || found)
            break;
        u64 at = va + i * ABI_PAGE;
        looked++;
        entry = page_examine(CAP_SLOT_ACCOUNT, space, at);
        if (idle(space, at, entry))
            found = at;
    }
    if (found)
        page_out(space, found, entry);
    return looked;
}

// What is kept of a space is not wanted any more: its process has ended. From slot `from` on;
// returns where to go on.
ENTRY(u64, forget, (u64 space, u64 from)) {
    for (u64 i = 0; i < 64; i++, from++)
        if (slots[from % SLOTS].space == space) {
            slots[from % SLOTS].space = slots[from % SLOTS].va = 0;
            held--;
        }
    return from;
}

ENTRY(u64, pages_out, (void)) {
    return outs;
}
ENTRY(u64, pages_in, (void)) {
    return ins;
}
ENTRY(u64, most_held, (void)) {
    return most;
}

INIT(pager_init) {
    i64 frame = phys_allocate(CAP_SLOT_ACCOUNT, env_account(env_loader()), ABI_ANY, 0);
    nothing = (u64)frame;
    return frame < 0;
}

FINI(pager_fini) {
    phys_deallocate(CAP_SLOT_ACCOUNT, nothing);
}
