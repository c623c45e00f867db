// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Memory of extensions. See memory.h.
//
// Invariants: every frame in a window is FRAME_EXT, charged, and mapped once (the first page of an
// arena twice); a bit of windows[].bits[k] is a free block of 2^k pages whose buddy is not free;
// what is in `resting` is neither mapped nor free.

#include "kernel/spin/memory.h"

#include "base/bits.h"
#include "base/string.h"
#include "kernel/aegis/account.h"
#include "kernel/aegis/frame.h"
#include "kernel/aegis/inside.h"
#include "kernel/aegis/space.h"
#include "kernel/sal/sal.h"

#define AREA_PAGES_MAX 65536u // 256 MiB
#define CODE_PAGES     ((u32)((SAL_CODE_END - SAL_CODE) >> ABI_PAGE_SHIFT))
#define ORDERS         17
#define RESTING_MAX    32
#define PAGES_PER_STEP 8 // that inside work takes or gives with the lock held

struct window {
    u64 base;
    u32 orders;
    u32 free[ORDERS]; // blocks
    u32 hint[ORDERS]; // word to look at first
    u64 *bits[ORDERS];
};

static struct window areas, codes;

static struct {
    u64 va;
    u32 order;
} resting[RESTING_MAX];
static u32 resting_count;

// --- windows -------------------------------------------------------------------------------------

static void window_free(struct window *w, u32 index, u32 order) {
    while (order + 1 < w->orders && w->bits[order][(index ^ 1) / 64] >> ((index ^ 1) % 64) & 1) {
        w->bits[order][(index ^ 1) / 64] ^= 1ul << ((index ^ 1) % 64);
        w->free[order]--;
        index /= 2;
        order++;
    }
    w->bits[order][index / 64] |= 1ul << (index % 64);
    w->free[order]++;
    w->hint[order] = index / 64;
}

static void window_init(struct window *w, u64 base, u32 pages) {
    w->base = base;
    w->orders = bits_log2(pages) + 1;
    ASSERT(w->orders <= ORDERS);
    u64 words = 0;
    for (u32 k = 0; k < w->orders; k++)
        words += (pages >> k) / 64 + 1;
    u64 *at = sal_frame(sal_boot_alloc((words * 8 + ABI_PAGE - 1) >> ABI_PAGE_SHIFT));
    for (u32 k = 0; k < w->orders; k++) {
        w->bits[k] = at;
        at += (pages >> k) / 64 + 1;
    }
    window_free(w, 0, w->orders - 1);
    sal_area_prepare(base, pages);
}

// A free block; the caller knows that there is one.
static u32 window_find(struct window *w, u32 order) {
    u32 words = (1u << (w->orders - 1 - order)) / 64 + 1, at = w->hint[order];
    while (!w->bits[order][at])
        at = at + 1 < words ? at + 1 : 0;
    w->hint[order] = at;
    return at * 64 + (u32)__builtin_ctzl(w->bits[order][at]);
}

static u64 window_try(struct window *w, u32 order) {
    u32 k = order;
    while (k < w->orders && !w->free[k])
        k++;
    if (k >= w->orders)
        return 0;
    u32 index = window_find(w, k);
    w->bits[k][index / 64] ^= 1ul << (index % 64);
    w->free[k]--;
    while (k > order) {
        k--;
        index *= 2;
        window_free(w, index + 1, k);
    }
    return w->base + ((u64)index << order << ABI_PAGE_SHIFT);
}

// Pages come to be free only here.
static void resting_end(void) {
    if (!resting_count)
        return;
    tlb_flush_everywhere();
    for (; resting_count; resting_count--) {
        u64 va = resting[resting_count - 1].va;
        u32 order = resting[resting_count - 1].order;
        struct window *w = va >= SAL_CODE ? &codes : &areas;
        window_free(w, (u32)((va - w->base) >> ABI_PAGE_SHIFT >> order), order);
    }
}

static u64 window_take(struct window *w, u32 order) {
    u64 va = window_try(w, order);
    if (va || !resting_count)
        return va;
    resting_end();
    return window_try(w, order);
}

static void window_give(u64 va, u32 order) {
    if (resting_count == RESTING_MAX)
        resting_end();
    resting[resting_count].va = va;
    resting[resting_count++].order = order;
}

void memory_init(void) {
    u32 pages = 1024;
    while (pages < sal_machine.frames && pages < AREA_PAGES_MAX)
        pages *= 2;
    window_init(&areas, SAL_AREA, pages);
    window_init(&codes, SAL_CODE, CODE_PAGES);
}

// --- pages ---------------------------------------------------------------------------------------

static void lock(const struct memory *m) {
    if (m->inside)
        inside_lock();
}

static void unlock(const struct memory *m) {
    if (m->inside)
        inside_unlock();
}

// Between two steps others may have the lock.
static void pause(const struct memory *m, u32 i) {
    if (i % PAGES_PER_STEP == PAGES_PER_STEP - 1 && m->inside) {
        inside_unlock();
        inside_lock();
    }
}

// Maps frames from `first` on until *count of them are; with the lock, but others may have it
// between two pages, and the owner may die there: so *count always says what there is.
static int pages_grow(struct memory *m, u64 first, u32 *count, u64 want, int dirty) {
    while (*count < want) {
        pfn_t pfn = frame_take_for(account_find(m->account), FRAME_EXT, 0, dirty);
        if (!pfn)
            return 0;
        sal_area_map(first + ((u64)*count << ABI_PAGE_SHIFT), pfn);
        m->frames++;
        (*count)++;
        pause(m, *count);
    }
    return 1;
}

// The last of count pages at va, with the lock.
static void frame_drop(struct memory *m, u64 va, u32 count) {
    frame_give(sal_area_unmap(va + ((u64)(count - 1) << ABI_PAGE_SHIFT)));
    m->frames--;
}

static u64 pages_first(const struct memory_pages *pages) {
    return pages->va + ((u64)pages->skip << ABI_PAGE_SHIFT);
}

u32 memory_pages_tear(struct memory *m, struct memory_pages *pages, u32 budget) {
    if (!pages->va)
        return budget;
    u64 first = pages_first(pages);
    if (pages->alias)
        (void)sal_area_unmap(first + ((u64)pages->count << ABI_PAGE_SHIFT));
    pages->alias = 0;
    for (; pages->count && budget; budget--) {
        frame_drop(m, first, pages->count);
        pages->count--;
    }
    if (pages->count)
        return 0;
    window_give(pages->va, pages->order);
    pages->va = 0;
    return budget;
}

int memory_arena_take(struct memory *m, u32 size_log2, struct memory_pages *arena) {
    u32 order = size_log2 - ABI_PAGE_SHIFT;
    if (order + 1 >= areas.orders)
        return 0;
    lock(m);
    *arena = (struct memory_pages){.va = window_take(&areas, order + 1), .order = order + 1};
    int ok = arena->va && pages_grow(m, arena->va, &arena->count, 1ul << order, 0);
    if (ok) {
        arena->alias = 1;
        sal_area_map(arena->va + (1ul << size_log2), sal_area_frame(arena->va));
    }
    unlock(m);
    return ok;
}

int memory_stack_take(struct memory *m, u32 order, struct memory_pages *stack, u64 *top) {
    lock(m);
    *stack = (struct memory_pages){
        .va = window_take(&areas, order + 1), .order = order + 1, .skip = 1u << order};
    int ok = stack->va && pages_grow(m, pages_first(stack), &stack->count, 1ul << order, 1);
    unlock(m);
    *top = stack->va + (2ul << order << ABI_PAGE_SHIFT);
    return ok;
}

int memory_code_reserve(struct memory *m, u64 bytes, struct memory_pages *code) {
    u32 order = bits_log2_up((bytes + ABI_PAGE - 1) >> ABI_PAGE_SHIFT);
    *code = (struct memory_pages){.order = order};
    lock(m);
    code->va = order < codes.orders ? window_take(&codes, order) : 0;
    unlock(m);
    return code->va != 0;
}

int memory_code_take(struct memory *m, struct memory_pages *code, u64 bytes) {
    u64 want = (bytes + ABI_PAGE - 1) >> ABI_PAGE_SHIFT;
    if (want > 1ul << code->order)
        return 0;
    lock(m);
    int ok = pages_grow(m, code->va, &code->count, want, 1);
    unlock(m);
    return ok;
}

void memory_code_write(u64 to, const void *from, size_t bytes) {
    const u8 *at = from;
    while (bytes) {
        u64 offset = to & (ABI_PAGE - 1), part = ABI_PAGE - offset;
        part = part < bytes ? part : bytes;
        memcpy((u8 *)sal_frame(sal_area_frame(to)) + offset, at, part);
        to += part;
        at += part;
        bytes -= part;
    }
}

void memory_code_store(u64 to, u64 word) {
    u64 *at = (u64 *)((u8 *)sal_frame(sal_area_frame(to)) + (to & (ABI_PAGE - 1)));
    __atomic_store_n(at, word, __ATOMIC_SEQ_CST);
}

// --- blocks --------------------------------------------------------------------------------------

// At the start of its pages.
struct memory_run {
    struct memory_run *next, *previous;
    u32 order, count;
    u64 unused;
};

#define SMALL_MAX (16u << (MEMORY_CLASSES - 1))

// With the lock, but for pauses: the run stays in the list, as long as it is.
static void run_drop(struct memory *m, struct memory_run *run) {
    for (; run->count > 1; pause(m, run->count)) {
        frame_drop(m, (u64)run, run->count);
        run->count--;
    }
    if (run->previous)
        run->previous->next = run->next;
    else
        m->runs = run->next;
    if (run->next)
        run->next->previous = run->previous;
    u32 order = run->order;
    frame_drop(m, (u64)run, 1);
    window_give((u64)run, order);
}

static struct memory_run *run_make(struct memory *m, u32 order, u32 count) {
    u64 va = order < areas.orders ? window_take(&areas, order) : 0;
    u32 first = 0;
    if (!va)
        return NULL;
    if (!pages_grow(m, va, &first, 1, 1)) {
        window_give(va, order);
        return NULL;
    }
    struct memory_run *run = (struct memory_run *)va;
    *run = (struct memory_run){.next = m->runs, .order = order, .count = 1};
    if (run->next)
        run->next->previous = run;
    m->runs = run;
    if (pages_grow(m, va, &run->count, count, 1))
        return run;
    run_drop(m, run);
    return NULL;
}

static struct memory_run *run_new(struct memory *m, u64 bytes) {
    u64 count = (bytes + sizeof(struct memory_run) + ABI_PAGE - 1) >> ABI_PAGE_SHIFT;
    if (count > AREA_PAGES_MAX / 2)
        return NULL;
    lock(m);
    struct memory_run *run = run_make(m, bits_log2_up(count), (u32)count);
    unlock(m);
    return run;
}

static void run_free(struct memory *m, struct memory_run *run) {
    lock(m);
    run_drop(m, run);
    unlock(m);
}

void *memory_alloc(struct memory *m, size_t bytes) {
    if (bytes > SMALL_MAX) {
        struct memory_run *large = bytes < 1ul << 40 ? run_new(m, bytes) : NULL;
        return large ? large + 1 : NULL;
    }
    u32 class = bytes <= 16 ? 0 : bits_log2_up(bytes) - 4, size = 16u << class;
    void *block = m->of[class].free;
    if (block) {
        m->of[class].free = *(void **)block;
        return block;
    }
    if (m->of[class].end - m->of[class].at < size) {
        struct memory_run *run = run_new(m, ABI_PAGE - sizeof *run);
        if (!run)
            return NULL;
        m->of[class].at = (u64)(run + 1);
        m->of[class].end = (u64)run + ABI_PAGE;
    }
    block = (void *)m->of[class].at;
    m->of[class].at += size;
    return block;
}

void memory_free(struct memory *m, void *block, size_t bytes) {
    if (!block)
        return;
    if (bytes > SMALL_MAX) {
        run_free(m, (struct memory_run *)block - 1);
        return;
    }
    u32 class = bytes <= 16 ? 0 : bits_log2_up(bytes) - 4;
    *(void **)block = m->of[class].free;
    m->of[class].free = block;
}

void memory_drop(struct memory *m) {
    while (m->runs)
        run_free(m, m->runs);
}

u32 memory_tear(struct memory *m, u32 budget) {
    while (m->runs) {
        struct memory_run *run = m->runs;
        u32 order = run->order;
        for (; run->count > 1 && budget; budget--) {
            frame_drop(m, (u64)run, run->count);
            run->count--;
        }
        if (!budget)
            return 0;
        m->runs = run->next;
        frame_drop(m, (u64)run, 1);
        window_give((u64)run, order);
        budget--;
    }
    return budget;
}
