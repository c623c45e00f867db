// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See paging.h.

#include "kernel/sal/x86_64/paging.h"
#include "base/string.h"
#include "kernel/sal/x86_64/boot.h"
#include "kernel/sal/x86_64/x86.h"

#define ENTRIES 512
#define SIZE_4K ABI_PAGE
#define SIZE_2M (1ul << 21)
#define SIZE_1G (1ul << 30)

#define RW (ABI_PTE_P | ABI_PTE_A | ABI_PTE_D | ABI_PTE_W | ABI_PTE_NX | PAGING_PTE_G)
#define RO (ABI_PTE_P | ABI_PTE_A | ABI_PTE_NX | PAGING_PTE_G)
#define RX (ABI_PTE_P | ABI_PTE_A | PAGING_PTE_G)

static u64 *root; // direct map
static u64 page_size_max;
static u64 devices_used;
// The kernel's slots of a top-level table; none are added once there are spaces.
static u16 kernel_slots[ENTRIES / 2];
static u32 kernel_slot_count;

static u64 *table_of(u64 entry) {
    return sal_virt(entry & ABI_PTE_FRAME_MASK);
}

static u64 *table_new(void) {
    return sal_frame(sal_boot_alloc(1));
}

// The table below an entry, made if there is none. Upper levels allow what lower ones may decide.
static u64 *table_below(u64 *entry, u64 user) {
    if (!(*entry & ABI_PTE_P))
        *entry = sal_phys(table_new()) | ABI_PTE_P | ABI_PTE_W | ABI_PTE_A | user;
    ASSERT(!(*entry & ABI_PTE_PS));
    return table_of(*entry);
}

// The entry for va whose page has that size; tables above it are made.
static u64 *entry_at(u64 va, u64 size, u64 user) {
    ASSERT(!kernel_slot_count || root[va >> 39 & (ENTRIES - 1)]);
    u64 *table = table_below(&root[va >> 39 & (ENTRIES - 1)], user);
    u64 *entry = &table[va >> 30 & (ENTRIES - 1)];
    if (size == SIZE_1G)
        return entry;
    entry = &table_below(entry, user)[va >> 21 & (ENTRIES - 1)];
    if (size == SIZE_2M)
        return entry;
    return &table_below(entry, user)[va >> 12 & (ENTRIES - 1)];
}

void paging_map(u64 va, u64 physical, u64 bytes, u64 flags) {
    ASSERT(((va | physical | bytes) & (ABI_PAGE - 1)) == 0);
    while (bytes) {
        u64 size = page_size_max;
        while (size > SIZE_4K && (((va | physical) & (size - 1)) || size > bytes))
            size = size == SIZE_1G ? SIZE_2M : SIZE_4K;
        u64 *entry = entry_at(va, size, flags & ABI_PTE_U);
        ASSERT(!(*entry & ABI_PTE_P));
        *entry = physical | flags | (size > SIZE_4K ? ABI_PTE_PS : 0);
        va += size;
        physical += size;
        bytes -= size;
    }
}

// RAM at its place in the direct map; the part that is the kernel's text and read-only data is
// read-only.
static void map_ram(u64 start, u64 end) {
    u64 ro_start = boot_phys(kernel_text_start), ro_end = boot_phys(kernel_rodata_end);
    u64 cut[4] = {start, ro_start, ro_end, end};
    if (ro_end <= start || ro_start >= end) {
        paging_map(SAL_DIRECT_MAP + start, start, end - start, RW);
        return;
    }
    ASSERT(start <= ro_start && ro_end <= end);
    for (int i = 0; i < 3; i++)
        paging_map(SAL_DIRECT_MAP + cut[i], cut[i], cut[i + 1] - cut[i], i == 1 ? RO : RW);
}

static void map_image(const char *start, const char *end, u64 flags) {
    paging_map((u64)start, boot_phys(start), (u64)(end - start), flags);
}

void paging_init(void) {
    page_size_max = x86_cpuid(0x80000001, 0).edx & (1u << 26) ? SIZE_1G : SIZE_2M;
    root = table_new();
    // Every slot that will ever be used.
    table_below(&root[ABI_TABLES >> 39 & (ENTRIES - 1)], ABI_PTE_U);
    table_below(&root[PAGING_STACKS >> 39 & (ENTRIES - 1)], 0);
    table_below(&root[PAGING_DEVICES >> 39 & (ENTRIES - 1)], 0);
    table_below(&root[SAL_STRANDS >> 39 & (ENTRIES - 1)], 0);
    for (u32 i = 0; i < sal_machine.ram_count; i++) {
        u64 start = sal_machine.ram[i].first << ABI_PAGE_SHIFT;
        map_ram(start, start + (sal_machine.ram[i].count << ABI_PAGE_SHIFT));
    }
    map_image(kernel_text_start, kernel_text_end, RX);
    map_image(kernel_rodata_start, kernel_rodata_end, RO);
    map_image(kernel_data_start, kernel_data_end, RW);
    boot_kernel_root = sal_phys(root);
}

void paging_load(void) {
    x86_cr3_write(boot_kernel_root);
}

volatile void *paging_map_device(u64 physical, u64 bytes) {
    u64 offset = physical & (ABI_PAGE - 1);
    u64 size = (offset + bytes + ABI_PAGE - 1) & ~(ABI_PAGE - 1);
    u64 va = PAGING_DEVICES + devices_used;
    devices_used += size + ABI_PAGE; // and a hole
    for (u64 at = 0; at < size; at += ABI_PAGE)
        paging_map(va + at, physical - offset + at, ABI_PAGE, RW | ABI_PTE_PCD | ABI_PTE_PWT);
    return (volatile void *)(va + offset);
}

void sal_window_map(u64 va, pfn_t first, u64 count) {
    ASSERT(va >= ABI_TABLES && va + (count << ABI_PAGE_SHIFT) <= (u64)ABI_PTES);
    paging_map(va, first << ABI_PAGE_SHIFT, count << ABI_PAGE_SHIFT, RO | ABI_PTE_U);
}

u64 *sal_window_reserve(u64 va, u64 pages) {
    ASSERT((va & (SIZE_2M - 1)) == 0);
    u64 count = (pages + ENTRIES - 1) / ENTRIES;
    u64 *tables = sal_frame(sal_boot_alloc(count)); // in one piece, so that the entries are
    for (u64 i = 0; i < count; i++, va += SIZE_2M) {
        u64 *entry = entry_at(va, SIZE_2M, 0);
        ASSERT(!*entry);
        *entry = sal_phys(tables + i * ENTRIES) | ABI_PTE_P | ABI_PTE_W | ABI_PTE_A;
    }
    return tables;
}

// --- memory that comes and goes ------------------------------------------------------------------

// Not global: a processor forgets them whenever it loads a space.
#define AREA (ABI_PTE_P | ABI_PTE_A | ABI_PTE_D | ABI_PTE_W | ABI_PTE_NX)
#define CODE (ABI_PTE_P | ABI_PTE_A)

void sal_area_prepare(u64 va, u64 pages) {
    for (u64 i = 0; i < pages; i += ENTRIES)
        (void)entry_at(va + (i << ABI_PAGE_SHIFT), SIZE_4K, 0);
}

static u64 *area_entry(u64 va) {
    const u64 *table = root;
    for (u32 shift = 39; shift > ABI_PAGE_SHIFT; shift -= 9)
        table = table_of(table[va >> shift & (ENTRIES - 1)]);
    return (u64 *)&table[va >> ABI_PAGE_SHIFT & (ENTRIES - 1)];
}

void sal_area_map(u64 va, pfn_t pfn) {
    u64 *entry = area_entry(va);
    ASSERT(!*entry);
    *entry = pfn << ABI_PAGE_SHIFT | (va >= SAL_CODE ? CODE : AREA);
}

pfn_t sal_area_frame(u64 va) {
    return ABI_PTE_FRAME(*area_entry(va));
}

pfn_t sal_area_unmap(u64 va) {
    u64 *entry = area_entry(va);
    pfn_t pfn = ABI_PTE_FRAME(*entry);
    *entry = 0;
    return pfn;
}

void sal_space_init(pfn_t frame) {
    u64 *table = sal_frame(frame);
    if (!kernel_slot_count) {
        for (u32 i = ENTRIES / 2; i < ENTRIES; i++)
            if (root[i])
                kernel_slots[kernel_slot_count++] = (u16)i;
    }
    for (u32 i = 0; i < kernel_slot_count; i++)
        table[kernel_slots[i]] = root[kernel_slots[i]];
    table[ABI_PT_SLOT] =
        (frame << ABI_PAGE_SHIFT) | ABI_PTE_P | ABI_PTE_U | ABI_PTE_A | ABI_PTE_D | ABI_PTE_NX;
}

void sal_space_end(pfn_t frame) {
    u64 *table = sal_frame(frame);
    for (u32 i = 0; i < kernel_slot_count; i++)
        table[kernel_slots[i]] = 0;
    table[ABI_PT_SLOT] = 0;
}

pfn_t sal_kernel_root(void) {
    return boot_kernel_root >> ABI_PAGE_SHIFT;
}

void sal_space_load(pfn_t frame) {
    x86_cr3_write(frame << ABI_PAGE_SHIFT);
}

void sal_tlb_flush_page(u64 va) {
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

void sal_tlb_flush_all(void) {
    x86_cr3_write(x86_cr3_read());
}
