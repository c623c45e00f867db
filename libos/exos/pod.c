// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Pod memory, see pod.h.
//
// Two regions of virtual pages: the eager one (behind the image, in the 2 MiB that fork copies) and
// the heap. An index entry per page says which frame it is bound to, for good; a page beyond `next`
// has none yet. Small objects come from slabs: pages that begin with a slab header and hold objects
// of one class. Larger ones are runs of pages.
//
//   eager   entries in a static array
//   heap    entries in the array POD_INDEX, itself pages of the pod, bound to the frames in
//   index_frames

#include "libos/exos/pod.h"
#include "base/bits.h"
#include "base/string.h"
#include "libos/exos/kernel.h"
#include "libos/exos/pod_priv.h"
#include "libos/exos/process.h"
#include "libos/exos/vm.h"

#define HEAP_PAGES     ((POD_HEAP_END - POD_HEAP) >> ABI_PAGE_SHIFT)
#define EAGER_PAGES    512ul
#define INDEX_PER_PAGE 512ul
#define GROW_PAGES     16ul
#define RUN_MAX        32ul // of one frame_alloc
#define RUN_EXACT      32   // runs up to this length are kept by length,
#define RUN_CLASSES    64   // longer ones by powers of two

// An index entry: frame number; pages of the run (first page of an allocated run), or next free
// run's page + 1.
#define ENTRY_FRAME(e)      ((e)&0xffffffffful)
#define ENTRY_VALUE(e)      ((e) >> 36)
#define ENTRY(frame, value) ((u64)(frame) | (u64)(value) << 36)

struct region {
    u64 base, pages;  // virtual
    u64 carved, next; // pages from carved on were never used, from next on not even bound
    u64 *entries;
    u64 free_runs[RUN_CLASSES]; // by run_class: page + 1
    u64 free_pages;
};

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

static u64 eager_entries[EAGER_PAGES];
static u32 index_frames[HEAP_PAGES / INDEX_PER_PAGE];
static struct region eager = {EXOS_IMAGE, EAGER_PAGES - 1, 0, 0, eager_entries, {0}, 0};
static struct region heap = {POD_HEAP, HEAP_PAGES, 0, 0, (u64 *)POD_INDEX, {0}, 0};
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
    return a->quota - a->frames < reserve;
}

static i64 map_shared(u64 va, pfn_t first, u64 count) {
    return rt_space_map(POD_CAPS, current_space(), va, first, count,
                        ABI_PTE_W | ABI_PTE_NX | VM_SHARED);
}

// --- runs of pages
// -------------------------------------------------------------------------------------------------------

// Makes the index entries of heap pages first .. first + count - 1 usable.
static bool index_grow(u64 first, u64 count) {
    for (u64 p = first / INDEX_PER_PAGE; p <= (first + count - 1) / INDEX_PER_PAGE; p++) {
        if (index_frames[p])
            continue;
        pfn_t frame = frames_take(1);
        if (!frame || map_shared(POD_INDEX + (p << ABI_PAGE_SHIFT), frame, 1))
            return false;
        index_frames[p] = (u32)frame;
    }
    return true;
}

// Binds count more pages of a region at its end.
static bool region_bind(struct region *r, u64 count) {
    if (count > r->pages - r->next)
        return false;
    if (r == &heap && (pod_memory_low(POD_RESERVE_FILES + count) || !index_grow(r->next, count)))
        return false;
    for (u64 done = 0; done < count;) {
        u64 turn = count - done < RUN_MAX ? count - done : RUN_MAX;
        pfn_t first = frames_take(turn);
        if (!first && turn > 1)
            first = frames_take(turn = 1);
        if (!first || map_shared(r->base + ((r->next + done) << ABI_PAGE_SHIFT), first, turn))
            return false; // the frames stay unused: the machine is full
        for (u64 i = 0; i < turn; i++)
            r->entries[r->next + done + i] = ENTRY(first + i, 0);
        done += turn;
    }
    r->next += count;
    return true;
}

static u64 run_length(u64 pages) {
    return pages <= RUN_EXACT ? pages : 1ul << bits_log2_up(pages);
}
static unsigned run_class(u64 length) {
    return length <= RUN_EXACT ? (unsigned)length : RUN_EXACT + bits_log2(length) - 5;
}

static void run_free(struct region *r, u64 page, u64 length) {
    u64 *list = &r->free_runs[run_class(length)];
    r->entries[page] = ENTRY(ENTRY_FRAME(r->entries[page]), *list);
    *list = page + 1;
    r->free_pages += length;
}

// Takes never used pages from the end of a region: the first, or ~0.
static u64 run_carve(struct region *r, u64 length) {
    if (r->carved + length > r->next) {
        u64 missing = r->carved + length - r->next;
        if (!region_bind(r, missing < GROW_PAGES ? GROW_PAGES : missing) &&
            !region_bind(r, missing))
            return ~0ul;
    }
    u64 page = r->carved;
    r->carved += length;
    return page;
}

// A run of zeroed pages; 0 if there is none.
static u64 run_alloc(struct region *r, u64 pages) {
    u64 length = run_length(pages), *list = &r->free_runs[run_class(length)], page;
    if (*list) {
        page = *list - 1;
        *list = ENTRY_VALUE(r->entries[page]);
        r->free_pages -= length;
        memset((void *)(r->base + (page << ABI_PAGE_SHIFT)), 0, length << ABI_PAGE_SHIFT);
    } else {
        page = run_carve(r, length);
        if (page == ~0ul)
            return 0;
    }
    r->entries[page] = ENTRY(ENTRY_FRAME(r->entries[page]), length);
    return r->base + (page << ABI_PAGE_SHIFT);
}

static struct region *region_of(u64 va) {
    return va < EXOS_EAGER_END ? &eager : &heap;
}

static void pages_free(u64 va) {
    struct region *r = region_of(va);
    u64 page = (va - r->base) >> ABI_PAGE_SHIFT, length = ENTRY_VALUE(r->entries[page]);
    POD_ASSERT(page < r->carved && length);
    run_free(r, page, length);
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
    struct slab *s = (struct slab *)run_alloc(&eager, 1);
    if (!s)
        s = (struct slab *)run_alloc(&heap, 1);
    if (!s)
        return NULL;
    s->class = (u16) class;
    s->fresh = (u16)((ABI_PAGE - sizeof(*s)) / class_bytes[class]);
    slab_link(s);
    return s;
}

static void *small_alloc(unsigned class) {
    struct slab *s = partial[class];
    if (!s && !(s = slab_new(class)))
        return NULL;
    u64 bytes = class_bytes[class];
    void *p = s->free;
    if (p) {
        s->free = *(void **)p;
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

void *pod_alloc(u64 bytes) {
    if (bytes > class_bytes[CLASSES - 1]) {
        if (bytes > (u64)HEAP_PAGES << ABI_PAGE_SHIFT)
            return NULL;
        return (void *)run_alloc(&heap, (bytes + ABI_PAGE - 1) >> ABI_PAGE_SHIFT);
    }
    unsigned class = 0;
    while (class_bytes[class] < bytes)
        class ++;
    return small_alloc(class);
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
    return (void *)run_alloc(&heap, 1);
}
void pod_page_free(void *page) {
    pages_free((u64)page);
}

pfn_t pod_page_frame(const void *p) {
    struct region *r = region_of((u64)p);
    return ENTRY_FRAME(r->entries[((u64)p - r->base) >> ABI_PAGE_SHIFT]);
}

u64 pod_pages_total(void) {
    return eager.next + heap.next;
}
u64 pod_pages_free(void) {
    return eager.free_pages + heap.free_pages + eager.next - eager.carved + heap.next - heap.carved;
}

// --- thread stacks
// -------------------------------------------------------------------------------------------------------------

#define STACK_PAGES (THREAD_STACK >> ABI_PAGE_SHIFT)

static u64 stack_carve(struct region *r) {
    while (r->carved % STACK_PAGES) {
        u64 page = run_carve(r, 1);
        if (page == ~0ul)
            return 0;
        run_free(r, page, 1);
    }
    u64 page = run_carve(r, STACK_PAGES);
    return page == ~0ul ? 0 : r->base + (page << ABI_PAGE_SHIFT);
}

void *pod_stack_alloc(void) {
    u64 stack = stack_free;
    if (stack)
        stack_free = ((u64 *)stack)[1];
    else if (!(stack = stack_carve(&eager)))
        stack = stack_carve(&heap);
    return (void *)stack;
}

void pod_stack_free(void *stack) {
    ((u64 *)stack)[1] = stack_free;
    stack_free = (u64)stack;
}

// --- faults and boot
// -----------------------------------------------------------------------------------------------------------

// The boot module, read-only, up to 16 pages at a time.
static bool module_fault(u64 va) {
    u64 page = (va - POD_MODULE) >> ABI_PAGE_SHIFT;
    u64 pages = (ABI_INFO->module_bytes + ABI_PAGE - 1) >> ABI_PAGE_SHIFT;
    if (page >= pages)
        return false;
    u64 count = pages - page < 16 ? pages - page : 16;
    i64 n = sys_space_map(CAP_PAIR(POD_CAP, exos_boot.cap_module), current_space(),
                          va & ~(ABI_PAGE - 1), ABI_INFO->module_first + page, count,
                          ABI_PTE_NX | VM_SHARED);
    return n > 0 || (n == -E_EXIST && kernel_pte(va));
}

// Maps the page of pod memory at va, and those after it whose frames follow, if the pod has bound
// it.
bool pod_fault(u64 va) {
    if (va >= POD_INDEX && va < POD_INDEX + HEAP_PAGES * sizeof(u64)) {
        pfn_t frame = index_frames[(va - POD_INDEX) >> ABI_PAGE_SHIFT];
        return frame && map_shared(va & ~(ABI_PAGE - 1), frame, 1) == 0;
    }
    if (va >= POD_MODULE && va < POD_MODULE_END)
        return module_fault(va);
    if (va < EXOS_IMAGE || va >= POD_HEAP_END)
        return false;
    struct region *r = region_of(va);
    u64 page = (va - r->base) >> ABI_PAGE_SHIFT;
    if (page >= r->next)
        return false;
    pfn_t frame = ENTRY_FRAME(r->entries[page]);
    u64 count = 1;
    while (count < 16 && page + count < r->next &&
           ENTRY_FRAME(r->entries[page + count]) == frame + count)
        count++;
    i64 n = sys_space_map(POD_CAPS, current_space(), va & ~(ABI_PAGE - 1), frame, count,
                          ABI_PTE_W | ABI_PTE_NX | VM_SHARED);
    return n > 0 || (n == -E_EXIST && kernel_pte(va));
}

// The image's pages are mapped; the eager region goes on behind them.
void pod_boot(account_id account, u64 image_end) {
    pod_account = account;
    frame_cursor = ABI_INFO->frames / 4;
    eager.carved = eager.next = (image_end - EXOS_IMAGE + ABI_PAGE - 1) >> ABI_PAGE_SHIFT;
}
