// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// More of the model's random calls: pins, revocation, moving mappings, capabilities for single
// frames. See model.h.

#include "abi/revoke.h"
#include "tests/guest/model.h"

#define CAPS(m) CAP_PAIR((m)->cap, (m)->cap)

// A random frame, space or account that there is, or MODEL_NONE.
static u32 some_frame(struct model *m) {
    u32 at = (u32)model_random(m, MODEL_FRAMES);
    for (u32 i = 0; i < MODEL_FRAMES; i++, at = (at + 1) % MODEL_FRAMES)
        if (m->frame[at].pfn)
            return at;
    return MODEL_NONE;
}
static u32 some_space(struct model *m) {
    u32 at = (u32)model_random(m, MODEL_SPACES);
    return m->space[at].id ? at : MODEL_NONE;
}
static u32 some_account(struct model *m) {
    u32 at = (u32)model_random(m, MODEL_ACCOUNTS);
    return m->account[at].id ? at : MODEL_NONE;
}

// Every page that maps a frame, given to each.
static void each_mapping(struct model *m, u32 frame,
                         void (*with)(struct model *, struct model_space *, u32, u32)) {
    for (u32 i = 0; i < MODEL_SPACES; i++)
        for (u32 r = 0; m->space[i].id && r < MODEL_REGIONS; r++)
            for (u32 p = 0; p < MODEL_PAGES; p++)
                if (m->space[i].page[r][p] == frame)
                    with(m, &m->space[i], r, p);
}
static void just_gone(struct model *m, struct model_space *space, u32 region, u32 page) {
    m->frame[space->page[region][page]].maps--;
    space->page[region][page] = MODEL_NONE;
}

// --- pins ----------------------------------------------------------------------------------------

static void op_pin(struct model *m) {
    u32 at = some_frame(m);
    if (at == MODEL_NONE)
        return;
    model_expect(m, "frame_pin", at, 0, 0, sys_frame_pin(m->cap, m->frame[at].pfn, 1), 0, 0);
    m->frame[at].pins++;
}

static void op_unpin(struct model *m) {
    u32 at = some_frame(m);
    if (at == MODEL_NONE)
        return;
    struct model_frame *frame = &m->frame[at];
    i64 got = sys_frame_unpin(m->cap, frame->pfn, 1), want = frame->pins ? 0 : -E_INVAL;
    model_expect(m, "frame_unpin", at, 0, 0, got, want, want);
    if (!got)
        model_unpinned(m, at);
}

// --- revocation ----------------------------------------------------------------------------------

static void op_revoke(struct model *m) {
    u32 at = some_frame(m);
    i64 got;
    if (at == MODEL_NONE)
        return;
    do
        got = sys_frame_revoke(m->cap, m->frame[at].pfn, 1);
    while (got == -E_AGAIN);
    model_expect(m, "frame_revoke", at, m->frame[at].maps, 0, got, 1, 1);
    each_mapping(m, at, model_unmap);
}

static void op_guarantee(struct model *m) {
    u32 at = some_account(m);
    if (at == MODEL_NONE)
        return;
    struct model_account *account = &m->account[at];
    u64 frames = model_random(m, account->quota + 4);
    i64 got = sys_account_guarantee(m->cap, account->id, frames, 0);
    i64 want = !at ? -E_RIGHTS : frames > account->quota ? -E_NOMEM : 0;
    model_expect(m, "account_guarantee", at, frames, 0, got, want, want);
    if (!got)
        account->minimum = frames;
}

// Quota that is not used goes to the parent, and no frame with it.
static void op_take_spare(struct model *m) {
    u32 at = some_account(m);
    if (at == MODEL_NONE || !at)
        return;
    struct model_account *account = &m->account[at];
    u64 keep = account->frames > account->minimum ? account->frames : account->minimum;
    u64 spare = account->quota > keep ? account->quota - keep : 0;
    u64 count = spare ? 1 + model_random(m, spare < 8 ? spare : 8) : 0;
    i64 got = sys_account_ask(m->cap, account->id, REVOKE_FRAMES, ABI_ANY, count, 0);
    model_expect(m, "account_ask", at, count, 0, got, 0, 0);
    if (!count)
        return;
    got = sys_account_take(CAPS(m), account->id, REVOKE_FRAMES, 0);
    model_expect(m, "account_take spare", at, count, spare, got, (i64)count, (i64)count);
    account->quota -= count;
    m->account[0].quota += count;
}

// A particular frame, taken by force for another account or for nobody.
static void op_take_frame(struct model *m) {
    u32 at = some_frame(m), to = some_account(m);
    if (at == MODEL_NONE || m->frame[at].pins)
        return;
    struct model_frame *frame = &m->frame[at];
    struct model_account *from = &m->account[frame->account];
    if (to == frame->account)
        to = MODEL_NONE;
    struct model_account *heir = to == MODEL_NONE ? 0 : &m->account[to];
    i64 got = sys_account_ask(m->cap, from->id, REVOKE_FRAMES, frame->pfn, 1, 0);
    model_expect(m, "account_ask frame", frame->account, at, 0, got, 0, 0);
    do
        got = sys_account_take(CAPS(m), from->id, REVOKE_FRAMES, heir ? heir->id : 0);
    while (got == -E_AGAIN);
    i64 want = from->frames <= from->minimum         ? 0
               : heir && heir->quota == heir->frames ? -E_NOMEM
                                                     : 1;
    model_expect(m, "account_take frame", frame->account, at, to, got, want, want);
    if (got < 0)
        model_expect(m, "account_ask nothing", frame->account, 0, 0,
                     sys_account_ask(m->cap, from->id, REVOKE_FRAMES, ABI_ANY, 0, 0), 0, 0);
    if (got != 1)
        return;
    each_mapping(m, at, just_gone);
    from->frames--;
    frame->is_auto = 0;
    frame->account = (u8)to;
    if (heir)
        heir->frames++;
    else
        frame->pfn = 0;
}

// --- moving --------------------------------------------------------------------------------------

static void op_move(struct model *m) {
    u32 at = some_space(m);
    if (at == MODEL_NONE)
        return;
    struct model_space *space = &m->space[at];
    u32 r = (u32)model_random(m, MODEL_REGIONS), p = (u32)model_random(m, MODEL_PAGES);
    u32 tr = (u32)model_random(m, MODEL_REGIONS), tp = (u32)model_random(m, MODEL_PAGES);
    u8 *from = &space->page[r][p], *to = &space->page[tr][tp];
    u64 missing = (u64)__builtin_popcount(model_tables_for(tr) & ~space->tables);
    const struct model_account *owner = &m->account[space->account];
    i64 got = sys_space_move(m->cap, space->id, model_va(r, p), model_va(tr, tp), 1);
    i64 want = from == to                               ? -E_INVAL
               : *from == MODEL_NONE                    ? 1
               : owner->quota - owner->frames < missing ? -E_NOMEM
               : *to != MODEL_NONE                      ? -E_EXIST
                                                        : 1;
    model_expect(m, "space_move", at, model_va(r, p), model_va(tr, tp), got, want, want);
    model_note_tables(m, space, tr);
    if (got != 1 || *from == MODEL_NONE)
        return;
    *to = *from;
    space->payer[tr][tp] = space->payer[r][p];
    space->fixed[tr][tp] = space->fixed[r][p];
    *from = MODEL_NONE;
}

// --- a capability for one frame ------------------------------------------------------------------

// Minted with some rights, and a copy of it; used, revoked, dropped. What it mapped stays.
static void op_mint(struct model *m) {
    u32 at = some_space(m), f = some_frame(m);
    if (at == MODEL_NONE || f == MODEL_NONE)
        return;
    struct model_space *space = &m->space[at];
    u32 r = (u32)model_random(m, MODEL_REGIONS), p = (u32)model_random(m, MODEL_PAGES);
    u64 rights = CAP_RIGHT_READ | CAP_RIGHT_MINT, self_caps = CAP_PAIR(m->cap, CAP_SLOT_SELF);
    u64 write = model_random(m, 2) ? ABI_PTE_W : 0;
    rights |= model_random(m, 2) ? CAP_RIGHT_WRITE : 0;
    i64 slot = sys_cap_mint(self_caps, self(), rights, m->frame[f].pfn, 1);
    model_expect(m, "cap_mint", f, rights, 0, slot > 0, 1, 1);
    if (slot <= 0)
        return;
    i64 copy = sys_cap_mint(CAP_PAIR(slot, CAP_SLOT_SELF), self(), rights, 0, 0);
    model_expect(m, "cap_mint copy", f, rights, 0, copy > 0, 1, 1);
    model_expect(
        m, "cap_mint more", f, 0, 0,
        sys_cap_mint(CAP_PAIR(slot, CAP_SLOT_SELF), self(), rights | CAP_RIGHT_DESTROY, 0, 0),
        -E_RIGHTS, -E_RIGHTS);
    model_expect(m, "frame_free without", f, 0, 0, sys_frame_free((u64)slot, m->frame[f].pfn, 1),
                 -E_RIGHTS, -E_RIGHTS);
    int simple = space->page[r][p] == MODEL_NONE && !(model_tables_for(r) & ~space->tables);
    if (simple) {
        i64 want = write && !(rights & CAP_RIGHT_WRITE) ? -E_RIGHTS : 1;
        i64 got = sys_space_map(CAP_PAIR(m->cap, copy), space->id, model_va(r, p), m->frame[f].pfn,
                                1, write | ABI_PTE_NX);
        model_expect(m, "space_map by it", at, model_va(r, p), f, got, want, want);
        if (got == 1) {
            space->page[r][p] = (u8)f;
            space->fixed[r][p] = !(rights & CAP_RIGHT_WRITE);
            m->frame[f].maps++;
        }
    }
    model_expect(m, "cap_revoke", (u64)slot, 0, 0, sys_cap_revoke((u64)slot), 1, 1);
    model_expect(m, "cap_drop copy", (u64)copy, 0, 0, sys_cap_drop((u64)copy), -E_CAP, -E_CAP);
    model_expect(m, "cap_drop", (u64)slot, 0, 0, sys_cap_drop((u64)slot), 0, 0);
}

void model_step_more(struct model *m) {
    static void (*const ops[])(struct model *) = {
        op_pin,        op_unpin,      op_unpin, op_revoke, op_guarantee,
        op_take_spare, op_take_frame, op_move,  op_move,   op_mint,
    };
    ops[model_random(m, sizeof ops / sizeof *ops)](m);
}
