// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A compressed pager. Pages of a watched process that were not used for a while, and that compress
// to a quarter, are kept in this extension's memory, and their frames given back; at the next
// access they are there again. The process, and its library OS, need not know. Watch it with
// WATCH_FAULTS | WATCH_CALLS | WATCH_RESULTS.
//
// A page that is out has the pager's own frame in its entry, without U: so it can't be accessed,
// and what the library OS does to the entry meanwhile (unmap, map another page there) undoes it.
// Calls that change the protection of pages, move or copy them (mprotect, mremap, fork) find all
// pages that they are about in memory: they are made again (EXT_AGAIN) until these are, and no page
// of that space goes out before the call is over. What does not fit into memory is ENOMEM.
//
// Compressed: a bit for each pair of words, whether it differs from the pair before; and those that
// do. One strand pages out; it changes what handlers look at in critical sections only.

#include "abi/ext/memory.h"
#include "abi/ext/strand.h"
#include "abi/ext/watch.h"

#define PAIRS  256
#define KEPT   64   // pairs of a page that may differ from the one before
#define SLOTS  1024 // a power of two
#define PROBES 8
#define CAPS   EXT_CAPS(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)
#define BITS   (ABI_PTE_NX | ABI_PTE_PKEY_MASK | ABI_PTE_SOFT | ABI_PTE_W | ABI_PTE_D)
#define BUSY   8  // envs in such a call at once
#define STEP   64 // slots that a call looks at in one go

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

// Envs in a call that is about pages.
static struct busy {
    u64 env, space; // 0: free
    u64 cursor;     // slots that were looked at
} busy[BUSY];

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

static int is_busy(u64 space) {
    for (u32 i = 0; i < BUSY; i++)
        if (busy[i].env && busy[i].space == space)
            return 1;
    return 0;
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

// Nobody can access the page while it is looked at, on any processor.
static u64 page_out(u64 space, u64 va) {
    u64 entry = page_examine(CAP_SLOT_ACCOUNT, space, va);
    if (is_busy(space) || !idle(space, va, entry))
        return 0;
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

// The page is back; 0: it was not out; or a negative error.
static i64 page_back(u64 account, u64 space, u64 va) {
    u64 entry = page_examine(CAP_SLOT_ACCOUNT, space, va), at = slot_find(space, va, space, va);
    if (EXT_FAILED(entry) || entry & ABI_PTE_U || ABI_PTE_FRAME(entry) != nothing || at == SLOTS)
        return 0;
    i64 frame =
        phys_allocate(CAP_SLOT_ACCOUNT, account, ABI_ANY, FRAME_ALLOC_AUTO | FRAME_ALLOC_DIRTY);
    if (frame < 0)
        return frame;
    expand(&slots[at % SLOTS]);
    i64 error = phys_write(CAP_SLOT_ACCOUNT, (u64)frame, 0, page, ABI_PAGE);
    if (error || page_map(CAPS, space, va, (u64)frame, (entry & BITS) | SPACE_MAP_REPLACE) != 1) {
        phys_deallocate(CAP_SLOT_ACCOUNT, (u64)frame);
        return -E_NOMEM;
    }
    slots[at % SLOTS].space = slots[at % SLOTS].va = 0;
    held--;
    ins++;
    return 1;
}

HANDLER(page_protected, u64, page_in, (struct ext_fault * fault)) {
    u64 space = env_space(fault->env), va = fault->address & ~(ABI_PAGE - 1);
    return page_back(env_account(fault->env), space, va) == 1 ? EXT_DONE : EXT_PASS;
}

// --- calls that are about pages ------------------------------------------------------------------

#define LINUX_MPROTECT      10
#define LINUX_MREMAP        25
#define LINUX_CLONE         56
#define LINUX_FORK          57
#define LINUX_PKEY_MPROTECT 329
#define LINUX_CLONE3        435
#define LINUX_CLONE_VM      0x100ul
#define LINUX_ENOMEM        12

static struct busy *busy_of(u64 env, u64 space) {
    struct busy *free = 0;
    for (u32 i = 0; i < BUSY; i++) {
        if (busy[i].env == env)
            return &busy[i];
        if (!busy[i].env || !env_space(busy[i].env))
            free = &busy[i];
    }
    if (free)
        *free = (struct busy){env, space, 0};
    return free;
}

HANDLER(foreign_call, u64, follow, (struct ext_foreign_call * call)) {
    u64 number = call->rax, start = 0, bytes = ~0ul, space = env_space(call->env);
    if (number == LINUX_MPROTECT || number == LINUX_MREMAP || number == LINUX_PKEY_MPROTECT) {
        start = call->rdi;
        bytes = call->rsi;
    } else if (number != LINUX_FORK && number != LINUX_CLONE3 &&
               (number != LINUX_CLONE || call->rdi & LINUX_CLONE_VM)) {
        return EXT_PASS;
    }
    struct busy *at = busy_of(call->env, space);
    for (u32 i = 0; at && at->cursor < SLOTS && i < STEP; i++) {
        const struct slot *slot = &slots[at->cursor++ % SLOTS];
        if (slot->space != space || slot->va - (start & ~(ABI_PAGE - 1)) >= bytes)
            continue;
        i64 back = page_back(env_account(call->env), space, slot->va);
        if (back >= 0)
            return EXT_AGAIN;
        at->env = 0;
        call->rax = -(u64)LINUX_ENOMEM;
        return EXT_DONE;
    }
    return at && at->cursor == SLOTS ? EXT_PASS : EXT_AGAIN;
}

HANDLER(foreign_result, u64, followed, (const struct ext_foreign_result *result)) {
    for (u32 i = 0; i < BUSY; i++)
        if (busy[i].env == result->env)
            busy[i].env = 0;
    return EXT_PASS;
}

// --- paging out ----------------------------------------------------------------------------------

static u64 sweep_space, sweep_at, sweep_end; // of the strand
static i64 sweeper_id;

STRAND(page_out_one, (u64 va)) {
    return page_out(sweep_space, va);
}

STRAND(sweeper, (u64 nothing_to_do)) {
    for (;;) {
        for (; sweep_at < sweep_end; sweep_at += ABI_PAGE) {
            u64 entry = page_examine(CAP_SLOT_ACCOUNT, sweep_space, sweep_at);
            if (idle(sweep_space, sweep_at, entry))
                strand_critical(page_out_one, sweep_at);
        }
        strand_block(~0ul);
    }
    return nothing_to_do;
}

// Looks at all those pages, and pages out what can go, in the background. 0: it is still at the
// last ones.
ENTRY(u64, sweep, (u64 space, u64 va, u64 pages)) {
    if (sweep_at < sweep_end)
        return 0;
    sweep_space = space;
    sweep_at = va;
    sweep_end = va + pages * ABI_PAGE;
    if (sweeper_id > 0)
        return strand_unblock((u64)sweeper_id) == 0;
    sweeper_id = strand_fork(sweeper, 0);
    if (sweeper_id > 0)
        return 1;
    sweep_end = sweep_at;
    return 0;
}

ENTRY(u64, sweeping, (void)) {
    return sweep_at < sweep_end;
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
