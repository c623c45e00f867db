// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See patch.h.
//
// Writing while other threads may run the site: the page is replaced as a whole, and the kernel's
// TLB shootdown is over before the next step. What each step changes is either a single byte at
// which an instruction begins, or bytes that nobody can be executing: (1) int3 at the site, and the
// invalid opcode behind it; (2) the rest of the jump; (3) the jump's opcode. Whoever meets an
// intermediate state takes an exception, waits for the pod lock, and goes on in the slot.

#include "libos/exos/patch.h"
#include "base/string.h"
#include "libos/exos/kernel.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_mman.h"
#include "libos/exos/mm.h"
#include "libos/exos/patch_code.h"
#include "libos/exos/pod.h"
#include "libos/exos/process.h"
#include "libos/exos/trap.h"
#include "libos/exos/uaccess.h"
#include "libos/exos/vm.h"

// To patch a site costs about as much as this many traps more than as many procedure calls.
#define PATCH_AFTER 32

#define REGION_PAGES 16ul
#define REGION_BYTES (REGION_PAGES << ABI_PAGE_SHIFT)
#define REGIONS_MAX  3
#define PATCHES_MAX  224                           // of a process
#define SLOTS        (ABI_PAGE / PATCH_SLOT_BYTES) // of a page
#define NEAR         0x70000000ul

struct region {
    u64 base;
    u64 used[REGION_PAGES]; // a bit for each slot
};

struct patch {
    u64 site, slot; // slot | PATCH_UNDONE: the site has its own bytes again
};
#define PATCH_UNDONE 1ul

struct patches {
    u32 users, count, capacity, regions;
    struct region region[REGIONS_MAX];
    struct patch list[]; // by site
};

// Capacities that fill what pod_alloc gives.
#define CAPACITY(bytes) ((u32)(((bytes) - sizeof(struct patches)) / sizeof(struct patch)))

// --- which sites
// ---------------------------------------------------------------------------------

// Counts of traps, shared by all processes of the pod. Two sites that meet in an entry disturb each
// other, and a lost update delays a patch; no harm is done.
static struct {
    u64 key;
    u32 count;
} traps[256];

bool patch_wanted(const struct trap_frame *tf) {
    const struct process *p = current();
    u64 rip = tf->frame.rip, key = rip + ((u64)p->pid << 47);
    u32 i = (u32)(rip ^ rip >> 8 ^ p->pid * 37) % 256;
    if (traps[i].key != key) {
        traps[i].key = key;
        traps[i].count = 1;
        return false;
    }
    return ++traps[i].count % PATCH_AFTER == 0 && !p->mm->patch_off && !p->mm->patch_watched &&
           !(current_thread()->row->watch & WATCH_CALLS);
}

// The index of the first patch at or above site.
static u32 patch_search(const struct patches *ps, u64 site) {
    u32 low = 0, high = ps->count;
    while (low < high) {
        u32 middle = (low + high) / 2;
        if (ps->list[middle].site < site)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct patch *patch_find(const struct mm *mm, u64 site) {
    const struct patches *ps = mm->patches;
    u32 i = ps ? patch_search(ps, site) : 0;
    return ps && i < ps->count && ps->list[i].site == site ? &ps->list[i] : NULL;
}

static bool in_regions(const struct patches *ps, u64 address) {
    for (u32 i = 0; ps && i < ps->regions; i++) {
        if (address - ps->region[i].base < REGION_BYTES)
            return true;
    }
    return false;
}

// --- ownership
// -----------------------------------------------------------------------------------

static void patches_put(struct patches *ps) {
    if (ps && !--ps->users)
        pod_free(ps);
}

static u64 patches_bytes(u32 capacity) {
    return sizeof(struct patches) + capacity * sizeof(struct patch);
}

// The mm's own, to be changed, with room for so many more; NULL: no memory, or there are enough.
static struct patches *patches_own(struct mm *mm, u32 more) {
    struct patches *old = mm->patches;
    u32 count = old ? old->count : 0, want = count + more;
    if (old && old->users == 1 && want <= old->capacity)
        return old;
    u32 capacity = want <= CAPACITY(1008)   ? CAPACITY(1008)
                   : want <= CAPACITY(2032) ? CAPACITY(2032)
                                            : PATCHES_MAX;
    struct patches *ps = want <= PATCHES_MAX ? pod_alloc(patches_bytes(capacity)) : NULL;
    if (!ps)
        return NULL;
    if (old)
        memcpy(ps, old, patches_bytes(count));
    ps->users = 1;
    ps->capacity = capacity;
    patches_put(old);
    return mm->patches = ps;
}

void patch_fork(struct mm *to, const struct mm *from) {
    to->patch_off = from->patch_off;
    to->patch_watched = from->patch_watched;
    to->patches = from->patches;
    to->patch_low = from->patch_low;
    to->patch_high = from->patch_high;
    if (to->patches)
        to->patches->users++;
}

void patch_drop(struct mm *mm) {
    patches_put(mm->patches);
    mm->patches = NULL;
    mm->patch_low = mm->patch_high = 0;
}

// --- slots
// ---------------------------------------------------------------------------------------

static u64 slot_in_page(struct region *r, u64 page, u64 site) {
    for (u64 i = 0; i < SLOTS && ~r->used[page]; i++) {
        u64 slot = r->base + (page << ABI_PAGE_SHIFT) + i * PATCH_SLOT_BYTES;
        if (!(r->used[page] >> i & 1) && patch_slot_fits(site, slot)) {
            r->used[page] |= 1ul << i;
            return slot;
        }
    }
    return 0;
}

// Pages that are in use already come first.
static u64 slot_in_region(struct region *r, u64 site) {
    for (int fresh = 0; fresh < 2; fresh++) {
        for (u64 page = 0; page < REGION_PAGES; page++) {
            u64 slot = fresh == !r->used[page] ? slot_in_page(r, page, site) : 0;
            if (slot)
                return slot;
        }
    }
    return 0;
}

static void patches_reach(struct mm *mm, u64 start, u64 end) {
    if (!mm->patch_high || start < mm->patch_low)
        mm->patch_low = start;
    if (end > mm->patch_high)
        mm->patch_high = end;
}

static struct region *region_add(struct mm *mm, struct patches *ps, u64 site) {
    if (ps->regions == REGIONS_MAX || areas_reserve(&mm->areas, 1))
        return NULL;
    u64 page = site & ~(ABI_PAGE - 1);
    u64 low = page > NEAR + EXOS_USER_START ? page - NEAR : EXOS_USER_START;
    u64 high = page + NEAR < mm->mmap_top ? page + NEAR : mm->mmap_top;
    u64 base = areas_gap(&mm->areas, REGION_BYTES, low, page);
    if (!base)
        base = areas_gap(&mm->areas, REGION_BYTES, page, high);
    if (!base)
        return NULL;
    areas_insert(&mm->areas, &(struct area){base, base + REGION_BYTES, NULL, 0,
                                            PROT_READ | PROT_EXEC, AREA_PATCH});
    struct region *r = &ps->region[ps->regions++];
    *r = (struct region){.base = base};
    patches_reach(mm, base, base + REGION_BYTES);
    return r;
}

static u64 slot_alloc(struct mm *mm, struct patches *ps, u64 site) {
    for (u32 i = 0; i < ps->regions; i++) {
        u64 slot = slot_in_region(&ps->region[i], site);
        if (slot)
            return slot;
    }
    struct region *r = region_add(mm, ps, site);
    return r ? slot_in_region(r, site) : 0;
}

// --- writing
// -------------------------------------------------------------------------------------

// A page of the calling process gets bytes at address, in one step: a private copy takes its place.
static bool text_write(struct mm *mm, u64 address, const u8 *bytes, u64 count) {
    u64 page = address & ~(ABI_PAGE - 1);
    char *copy = mm_page_edit(mm, page);
    if (!copy)
        return false;
    memcpy(copy + (address - page), bytes, count);
    return mm_page_place(mm, page, PROT_READ | PROT_EXEC) == 0;
}

static bool others_may_run(const struct mm *mm) {
    return mm->users > 1 || current()->thread_count > 1;
}

// Changes a site from one of its two states to the other; jump is that of the patched one. Once the
// first step is done the site does the right thing, whatever becomes of the others.
static bool site_write(struct mm *mm, u64 site, const u8 *from, const u8 *to, const u8 *jump) {
    u8 step[PATCH_JUMP_BYTES];
    if (others_may_run(mm)) {
        memcpy(step, from, sizeof(step));
        step[0] = 0xcc;
        step[2] = jump[2];
        if (!text_write(mm, site, step, sizeof(step)))
            return false;
        memcpy(step, to, sizeof(step));
        step[0] = 0xcc;
        step[2] = jump[2];
        if (!text_write(mm, site, step, sizeof(step)))
            return true;
    }
    return text_write(mm, site, to, PATCH_JUMP_BYTES);
}

static void patch_insert(struct patches *ps, u64 site, u64 slot) {
    u32 i = patch_search(ps, site);
    memmove(&ps->list[i + 1], &ps->list[i], (ps->count - i) * sizeof(ps->list[0]));
    ps->list[i] = (struct patch){site, slot};
    ps->count++;
}

static void patch_remove(struct patches *ps, u32 i) {
    ps->count--;
    memmove(&ps->list[i], &ps->list[i + 1], (ps->count - i) * sizeof(ps->list[0]));
}

// Text that is only read and executed, from a file, and private. Code that a program makes or
// changes is none.
static u64 code_at(const struct mm *mm, u64 site, u8 *code) {
    const struct area *a = areas_find(&mm->areas, site);
    u64 left = a ? a->end - site : 0, bytes = left < PATCH_CODE_BYTES ? left : PATCH_CODE_BYTES;
    if (!a || !a->vnode || a->flags & AREA_SHARED || a->prot != (PROT_READ | PROT_EXEC) ||
        (site & (ABI_PAGE - 1)) > ABI_PAGE - PATCH_JUMP_BYTES || copy_from_user(code, site, bytes))
        return 0;
    return bytes;
}

void patch_site(struct trap_frame *tf) {
    struct mm *mm = current()->mm;
    u64 site = tf->frame.rip - 2;
    u8 code[PATCH_CODE_BYTES], content[PATCH_SLOT_BYTES];
    u64 bytes = code_at(mm, site, code);
    u32 length = bytes ? patch_decode(code, bytes) : 0;
    if (!length || patch_find(mm, site))
        return;
    struct patches *ps = patches_own(mm, 1);
    u64 slot = ps ? slot_alloc(mm, ps, site) : 0;
    if (!slot)
        return;
    patch_slot_write(content, slot, site, code, length, (u64)called_table, LINUX_CALLS_MAX);
    if (!text_write(mm, slot, content, sizeof(content)))
        return;
    patch_insert(ps, site, slot);
    patches_reach(mm, site, site + PATCH_JUMP_BYTES);
    u8 jump[PATCH_JUMP_BYTES];
    patch_jump_write(jump, site, slot);
    if (site_write(mm, site, code, jump, jump))
        tf->frame.rip = slot + PATCH_BACK;
    else
        patch_remove(ps, patch_search(ps, site));
}

// --- running
// -------------------------------------------------------------------------------------

bool patch_exception(struct upcall_frame *f) {
    const struct mm *mm = current()->mm;
    const struct patch *p;
    if (!mm || !mm->patches)
        return false;
    if (f->vector == UPCALL_BP && (p = patch_find(mm, f->rip - 1)))
        f->rip = (p->slot & ~PATCH_UNDONE) + PATCH_RETRY;
    else if (f->vector == UPCALL_UD && (p = patch_find(mm, f->rip - 2)))
        f->rip = (p->slot & ~PATCH_UNDONE) + PATCH_BACK;
    else if (f->vector == UPCALL_DB && in_regions(mm->patches, f->rip) &&
             f->rip % PATCH_SLOT_BYTES == 0)
        f->rip += PATCH_RETRY; // a program that steps through itself sees its own instructions
    else if ((f->vector == UPCALL_PF || f->vector == UPCALL_GP) &&
             in_regions(mm->patches, f->rip) && f->rip % PATCH_SLOT_BYTES < PATCH_RETRY)
        f->rip += PATCH_RETRY - f->rip % PATCH_SLOT_BYTES; // GS is the program's, and wild
    else
        return false;
    return true;
}

u64 patch_canonical(const struct mm *mm, u64 rip) {
    u64 offset = rip % PATCH_SLOT_BYTES;
    if (!mm->patches || !in_regions(mm->patches, rip) || !kernel_pte(rip))
        return rip;
    return patch_slot_canonical((const u8 *)(rip - offset), rip - offset, offset);
}

u64 patch_resume(const struct mm *mm, u64 rip) {
    const struct patch *p = patch_find(mm, rip - 2);
    return p && !(p->slot & PATCH_UNDONE) ? p->slot + PATCH_BACK : rip;
}

// --- undoing
// -------------------------------------------------------------------------------------

// The site gets its own bytes back: a syscall, and insn, of which the slot has a copy. The entry
// stays, for threads that are about to report an exception there.
static void site_restore(struct mm *mm, struct patch *p) {
    u8 code[PATCH_JUMP_BYTES] = {0x0f, 0x05}, jump[PATCH_JUMP_BYTES];
    u64 slot = p->slot & ~PATCH_UNDONE;
    if (p->slot & PATCH_UNDONE)
        return;
    memcpy(code + 2, (const u8 *)slot + PATCH_BACK, PATCH_JUMP_BYTES - 2);
    patch_jump_write(jump, p->site, slot);
    site_write(mm, p->site, jump, code, jump);
    p->slot |= PATCH_UNDONE;
}

// All of them, and never again; calls that are under way return to where they came from.
static void patch_retire(struct mm *mm, struct patches *ps) {
    for (u32 i = 0; i < ps->count; i++)
        site_restore(mm, &ps->list[i]);
    PROCESS_FOR_EACH(p) {
        for (struct thread *t = p->mm == mm ? p->threads : NULL; t; t = t->next) {
            struct upcall_frame *f = &thread_trap_frame(t)->frame;
            f->rip = patch_canonical(mm, f->rip);
            f->reserved[TRAP_AFTER] = patch_canonical(mm, f->reserved[TRAP_AFTER]);
        }
    }
    mm->patch_off = true;
    patch_drop(mm);
}

static bool mm_is_watched(const struct mm *mm) {
    PROCESS_FOR_EACH(p) {
        for (const struct thread *t = p->mm == mm ? p->threads : NULL; t; t = t->next) {
            if (t->row->watch & WATCH_CALLS)
                return true;
        }
    }
    return false;
}

void patch_look(const struct thread *t) {
    struct mm *mm = t->process->mm;
    bool watched = t->row->watch & WATCH_CALLS;
    if (!mm || watched == mm->patch_watched)
        return;
    mm->patch_watched = watched || mm_is_watched(mm);
    struct patches *ps = watched && mm->patches ? patches_own(mm, 0) : NULL;
    for (u32 i = 0; ps && i < ps->count; i++)
        site_restore(mm, &ps->list[i]);
}

static bool regions_touch(const struct patches *ps, u64 start, u64 end) {
    for (u32 i = 0; i < ps->regions; i++) {
        if (ps->region[i].base < end && start < ps->region[i].base + REGION_BYTES)
            return true;
    }
    return false;
}

bool patch_forget_some(struct mm *mm, u64 start, u64 end, bool gone) {
    const struct patches *shared = mm->patches;
    if (!shared)
        return true;
    bool all = regions_touch(shared, start, end);
    u32 i = patch_search(shared, start);
    if (!all && (i == shared->count || shared->list[i].site >= end))
        return true;
    struct patches *ps = patches_own(mm, 0);
    if (!ps)
        return false;
    if (all) {
        patch_retire(mm, ps);
        return true;
    }
    while (i < ps->count && ps->list[i].site < end) {
        if (gone)
            patch_remove(ps, i);
        else
            site_restore(mm, &ps->list[i++]);
    }
    return true;
}
