// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Pod memory, see pod.h.
//
// One region of virtual pages, behind the image. An index entry per page (the array POD_INDEX,
// itself pages of the pod) says which frame is behind it: 0 if none is, because the page was never
// used (from `bound` on) or because its frame was given back while it was free (trim). All
// processes share the page tables, so what is mapped or unmapped here is so for everybody.
//
// Small objects come from slabs: pages that begin with a slab header and hold objects of one class.
// Larger ones are runs of pages.

#include "libos/exos/pod.h"
#include "base/bits.h"
#include "base/string.h"
#include "libos/exos/kernel.h"
#include "libos/exos/pod_priv.h"
#include "libos/exos/process.h"
#include "libos/exos/vm.h"

#define HEAP_PAGES     ((POD_HEAP_END - EXOS_IMAGE) >> ABI_PAGE_SHIFT)
#define INDEX_PER_PAGE 512ul
#define GROW_PAGES     16ul
#define RUN_MAX        32ul // of one frame_alloc
#define RUN_EXACT      32   // runs up to this length are kept by length,
#define RUN_CLASSES    64   // longer ones by powers of two

// Free pages that keep their frames: at least so many, or a quarter of all.
#define KEEP_PAGES 1024ul
#define TRIM_PAGES 64ul // at once

#define MODULE_AROUND 64ul // pages of the boot module mapped by one fault

// An index entry: frame number; pages of the run (first page of an allocated run), or next free
// run's page + 1.
#define ENTRY_FRAME(e)      ((e)&0xffffffffful)
#define ENTRY_VALUE(e)      ((e) >> 36)
#define ENTRY(frame, value) ((u64)(frame) | (u64)(value) << 36)

struct slab {
    struct slab *next, **link; // slabs of the class with free objects; link NULL: full
    void *free;
    u16 class, used, fresh; // fresh: objects never used yet, from the end
    u16 reserved;
};
_Static_assert(sizeof(struct slab) == 32, "slab header");

static const u16 class_bytes[] = {16,  32,  48,  64,  96,   128,  160, 192,
                                  256, 320, 448, 672, 1008, 1344, 2032};
#define CLASSES (sizeof(class_bytes) / sizeof(class_bytes[0]))

static u64 *const entries = (u64 *)POD_INDEX;
static u64 carved, bound; // pages from carved on were never used, from bound on have no frame
static u64 free_runs[RUN_CLASSES];  // by run_class: page + 1
static u64 bare_runs[RUN_CLASSES];  // those whose frames were given back
static u64 free_pages, free_frames; // in both; and of these with a frame
static struct slab *partial[CLASSES];
static u64 stack_free; // first of the free stacks, linked through their second word; 0: none
static pfn_t frame_cursor;

account_id pod_account;

// --- frames
// --------------------------------------------------------------------------------------------------------------

// A run of count free frames, taken; 0 if the machine has none.
static pfn_t frames_take(u64 count) {
    u64 frames = ABI_INFO->frames, run = 0;
    for (u64 i = 0; i < frames; i++) {
        if (++frame_cursor >= frames) {
            frame_cursor = 1;
            run = 0;
        }
        run = kernel_frame(frame_cursor)->kind == FRAME_FREE ? run + 1 : 0;
        if (run == count) {
            pfn_t first = frame_cursor - count + 1;
            if (sys_frame_alloc(POD_CAP, pod_account, first, count, 0) == (i64)first)
                return first;
            run = 0;
        }
    }
    return 0;
}

bool pod_memory_low(u64 reserve) {
    const volatile struct abi_account *a = abi_row(ABI_TABLE_ACCOUNTS, ABI_INDEX(pod_account));
    return a->quota - a->frames < reserve + a->wanted;
}

static i64 map_shared(u64 va, pfn_t first, u64 count) {
    return rt_space_map(POD_CAPS, current_space(), va, first, count, ABI_PTE_W | ABI_PTE_NX);
}

// --- runs of pages
// -------------------------------------------------------------------------------------------------------

static u64 page_address(u64 page) {
    return EXOS_IMAGE + (page << ABI_PAGE_SHIFT);
}
static u64 page_number(u64 va) {
    return (va - EXOS_IMAGE) >> ABI_PAGE_SHIFT;
}

// Makes the index entries of pages first .. first + count - 1 usable.
static bool index_grow(u64 first, u64 count) {
    for (u64 p = first / INDEX_PER_PAGE; p <= (first + count - 1) / INDEX_PER_PAGE; p++) {
        u64 va = POD_INDEX + (p << ABI_PAGE_SHIFT);
        if (kernel_pte(va))
            continue;
        pfn_t frame = frames_take(1);
        if (!frame || map_shared(va, frame, 1))
            return false;
    }
    return true;
}

// Puts zeroed frames behind pages that have none. What was done before a failure stays.
static bool pages_bind(u64 page, u64 count) {
    for (u64 done = 0; done < count;) {
        u64 turn = count - done < RUN_MAX ? count - done : RUN_MAX;
        pfn_t first = frames_take(turn);
        if (!first && turn > 1)
            first = frames_take(turn = 1);
        if (!first || map_shared(page_address(page + done), first, turn))
            return false; // the frames stay unused: the machine is full
        for (u64 i = 0; i < turn; i++)
            entries[page + done + i] += first + i;
        done += turn;
    }
    return true;
}

// Binds count more pages at the end.
static bool region_grow(u64 count) {
    if (count > HEAP_PAGES - bound || pod_memory_low(POD_RESERVE_FILES + count) ||
        !index_grow(bound, count) || !pages_bind(bound, count))
        return false;
    bound += count;
    return true;
}

static u64 run_length(u64 pages) {
    return pages <= RUN_EXACT ? pages : 1ul << bits_log2_up(pages);
}
static unsigned run_class(u64 length) {
    return length <= RUN_EXACT ? (unsigned)length : RUN_EXACT + bits_log2(length) - 5;
}

// How many pages of a free run have frames.
static u64 run_frames(u64 page, u64 length) {
    u64 frames = 0;
    for (u64 i = 0; i < length; i++)
        frames += ENTRY_FRAME(entries[page + i]) != 0;
    return frames;
}

static void run_put(u64 page, u64 length) {
    u64 *list = &free_runs[run_class(length)];
    entries[page] = ENTRY(ENTRY_FRAME(entries[page]), *list);
    *list = page + 1;
    free_pages += length;
}

// Takes never used pages from the end: the first, or ~0.
static u64 run_carve(u64 length) {
    if (carved + length > bound) {
        u64 missing = carved + length - bound;
        if (!region_grow(missing < GROW_PAGES ? GROW_PAGES : missing) && !region_grow(missing))
            return ~0ul;
    }
    u64 page = carved;
    carved += length;
    return page;
}

// Puts frames behind all pages of a free run, and makes them zero if asked to.
static bool run_ready(u64 page, u64 length, bool zero) {
    for (u64 i = 0, n; i < length; i += n) {
        bool has = ENTRY_FRAME(entries[page + i]);
        for (n = 1; i + n < length && !ENTRY_FRAME(entries[page + i + n]) == !has;)
            n++;
        if (has && zero)
            memset((void *)page_address(page + i), 0, n << ABI_PAGE_SHIFT);
        else if (!has && (pod_memory_low(POD_RESERVE_FILES + n) || !pages_bind(page + i, n)))
            return false;
    }
    return true;
}

// A run of pages; 0 if there is none.
static u64 run_alloc(u64 pages, bool zero) {
    u64 length = run_length(pages), page;
    u64 *list = &free_runs[run_class(length)];
    if (!*list)
        list = &bare_runs[run_class(length)];
    if (*list) {
        page = *list - 1;
        u64 next = ENTRY_VALUE(entries[page]), frames = run_frames(page, length);
        if (!run_ready(page, length, zero)) {
            free_frames += run_frames(page, length) - frames;
            return 0;
        }
        *list = next;
        free_pages -= length;
        free_frames -= frames;
    } else {
        page = run_carve(length);
        if (page == ~0ul)
            return 0;
    }
    entries[page] = ENTRY(ENTRY_FRAME(entries[page]), length);
    return page_address(page);
}

// May all frames of a run be given back? Not while a program still maps one, or it is pinned.
static bool run_trimmable(u64 page, u64 length) {
    for (u64 i = 0; i < length; i++) {
        pfn_t frame = ENTRY_FRAME(entries[page + i]);
        if (frame && (kernel_frame(frame)->maps != 1 || kernel_frame(frame)->pins))
            return false;
    }
    return true;
}

// Consecutive numbers gathered for one call.
struct range {
    u64 first, count;
};

// Adds to a range what continues it at either end; false: it does not.
static bool range_add(struct range *r, u64 first, u64 count) {
    if (r->count && r->count + count <= 512 && first == r->first + r->count) {
        r->count += count;
        return true;
    }
    if (r->count && r->count + count <= 512 && first + count == r->first) {
        r->first = first;
        r->count += count;
        return true;
    }
    return false;
}

static void range_unmap(struct range *r, u64 page, u64 count) {
    if (range_add(r, page, count))
        return;
    if (r->count)
        rt_space_unmap(POD_CAP, current_space(), page_address(r->first), r->count);
    *r = (struct range){page, count};
}

static void range_give(struct range *r, pfn_t frame, u64 count) {
    if (range_add(r, frame, count))
        return;
    if (r->count && sys_frame_free(POD_CAP, r->first, r->count))
        pod_panic("exos: %lu frames at %lu cannot be given back", r->count, r->first);
    *r = (struct range){frame, count};
}

// Gives back the frames of some free runs of a length, those freed last. Neighbours go together:
// files are freed page by page.
static void trim(u64 length) {
    u64 *from = &free_runs[run_class(length)], *to = &bare_runs[run_class(length)], moved = 0;
    struct range range = {0, 0};
    while (*from && moved * length < TRIM_PAGES && run_trimmable(*from - 1, length)) {
        u64 page = *from - 1;
        *from = ENTRY_VALUE(entries[page]);
        entries[page] = ENTRY(ENTRY_FRAME(entries[page]), *to);
        *to = page + 1;
        range_unmap(&range, page, length);
        moved++;
    }
    range_unmap(&range, 0, 0);
    for (u64 at = *to; moved; at = ENTRY_VALUE(entries[at - 1]), moved--) {
        for (u64 i = 0; i < length; i++) {
            pfn_t frame = ENTRY_FRAME(entries[at - 1 + i]);
            if (!frame)
                continue;
            range_give(&range, frame, 1);
            entries[at - 1 + i] -= frame;
            free_frames--;
        }
    }
    range_give(&range, 0, 0);
}

void pod_trim(u64 frames) {
    u64 until = free_frames > frames ? free_frames - frames : 0;
    for (u32 class = 0; class < RUN_CLASSES && free_frames > until; class ++) {
        u64 length = class <= RUN_EXACT ? class : 1ul << (class - RUN_EXACT + 5), before;
        do {
            before = free_frames;
            trim(length);
        } while (free_frames < before && free_frames > until);
    }
}

static void pages_free(u64 va) {
    u64 page = page_number(va), length = ENTRY_VALUE(entries[page]);
    POD_ASSERT(page < carved && length);
    run_put(page, length);
    free_frames += length;
    if (free_frames > KEEP_PAGES && free_frames > bound / 4)
        trim(length);
}

// --- small objects
// ---------------------------------------------------------------------------------------------------------

static void slab_link(struct slab *s) {
    s->next = partial[s->class];
    s->link = &partial[s->class];
    if (s->next)
        s->next->link = &s->next;
    partial[s->class] = s;
}

static void slab_unlink(struct slab *s) {
    *s->link = s->next;
    if (s->next)
        s->next->link = s->link;
    s->link = NULL;
}

static struct slab *slab_new(unsigned class) {
    struct slab *s = (struct slab *)run_alloc(1, true);
    if (!s)
        return NULL;
    s->class = (u16) class;
    s->fresh = (u16)((ABI_PAGE - sizeof(*s)) / class_bytes[class]);
    slab_link(s);
    return s;
}

static void *small_alloc(unsigned class, bool zero) {
    struct slab *s = partial[class];
    if (!s && !(s = slab_new(class)))
        return NULL;
    u64 bytes = class_bytes[class];
    void *p = s->free;
    if (p) {
        s->free = *(void **)p;
        if (zero)
            memset(p, 0, bytes);
    } else {
        p = (char *)(s + 1) + --s->fresh * bytes;
    }
    s->used++;
    if (!s->free && !s->fresh)
        slab_unlink(s);
    return p;
}

static void small_free(void *p) {
    struct slab *s = (struct slab *)((u64)p & ~(ABI_PAGE - 1));
    POD_ASSERT(s->used && s->class < CLASSES);
    *(void **)p = s->free;
    s->free = p;
    s->used--;
    if (!s->link)
        slab_link(s);
    if (!s->used && (s->next || partial[s->class] != s)) {
        slab_unlink(s);
        pages_free((u64)s);
    }
}

// --- what others call
// ----------------------------------------------------------------------------------------------------------

static void *alloc(u64 bytes, bool zero) {
    if (bytes > class_bytes[CLASSES - 1]) {
        if (bytes > (u64)HEAP_PAGES << ABI_PAGE_SHIFT)
            return NULL;
        return (void *)run_alloc((bytes + ABI_PAGE - 1) >> ABI_PAGE_SHIFT, zero);
    }
    unsigned class = 0;
    while (class_bytes[class] < bytes)
        class ++;
    return small_alloc(class, zero);
}

void *pod_alloc(u64 bytes) {
    return alloc(bytes, true);
}
void *pod_alloc_dirty(u64 bytes) {
    return alloc(bytes, false);
}

void pod_free(void *p) {
    if (!p)
        return;
    if ((u64)p & (ABI_PAGE - 1))
        small_free(p);
    else
        pages_free((u64)p);
}

void *pod_page_alloc(void) {
    return (void *)run_alloc(1, true);
}
void pod_page_free(void *page) {
    pages_free((u64)page);
}

pfn_t pod_page_frame(const void *p) {
    return ENTRY_FRAME(entries[page_number((u64)p)]);
}

u64 pod_pages_total(void) {
    return bound - free_pages + free_frames;
}
u64 pod_pages_free(void) {
    return free_frames + bound - carved;
}

// --- thread stacks
// -------------------------------------------------------------------------------------------------------------

#define STACK_PAGES (THREAD_STACK >> ABI_PAGE_SHIFT)

static u64 stack_carve(void) {
    while (carved % STACK_PAGES) {
        u64 page = run_carve(1);
        if (page == ~0ul)
            return 0;
        run_put(page, 1);
        free_frames++;
    }
    u64 page = run_carve(STACK_PAGES);
    return page == ~0ul ? 0 : page_address(page);
}

void *pod_stack_alloc(void) {
    u64 stack = stack_free;
    if (stack)
        stack_free = ((u64 *)stack)[1];
    else
        stack = stack_carve();
    return (void *)stack;
}

void pod_stack_free(void *stack) {
    ((u64 *)stack)[1] = stack_free;
    stack_free = (u64)stack;
}

// --- faults and boot
// -----------------------------------------------------------------------------------------------------------

// The boot module, read-only, some pages at a time.
static bool module_fault(u64 va) {
    u64 page = (va - POD_MODULE) >> ABI_PAGE_SHIFT;
    u64 pages = (ABI_INFO->module_bytes + ABI_PAGE - 1) >> ABI_PAGE_SHIFT;
    if (page >= pages)
        return false;
    u64 count = pages - page < MODULE_AROUND ? pages - page : MODULE_AROUND;
    i64 n = sys_space_map(CAP_PAIR(POD_CAP, exos_boot.cap_module), current_space(),
                          va & ~(ABI_PAGE - 1), ABI_INFO->module_first + page, count, ABI_PTE_NX);
    return n > 0 || (n == -E_EXIST && kernel_pte(va));
}

// A free page whose frame was given back: who reads a field of what was freed at this moment, as
// calls without the lock may, finds zeros.
static bool free_page_fault(u64 page) {
    bool locked = pod_locked_by_me();
    if (!locked)
        pod_lock();
    bool free = page < carved && !ENTRY_FRAME(entries[page]) && pages_bind(page, 1);
    free_frames += free;
    if (!locked)
        pod_unlock();
    return free || kernel_pte(page_address(page));
}

// Maps what may be missing at va in ExOS' part of the address space. False: nothing may.
bool pod_fault(u64 va) {
    if (va >= POD_MODULE && va < POD_MODULE_END)
        return module_fault(va);
    return va >= EXOS_IMAGE && va < POD_HEAP_END && free_page_fault(page_number(va));
}

// The image's pages are mapped; the pod's go on behind them.
void pod_boot(account_id account, u64 image_end) {
    pod_account = account;
    frame_cursor = ABI_INFO->frames / 4;
    carved = bound = page_number(image_end + ABI_PAGE - 1);
    if (!index_grow(0, bound))
        pod_panic("exos: no memory for the index of pod memory");
}
