// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Rows of kernel objects. See object.h.

#include "kernel/aegis/object.h"

#include "base/bits.h"
#include "kernel/sal/sal.h"

struct abi_info *abi_info;
static u64 window_next = ABI_TABLES;

#define VERSION(name, number, type, version) [number] = version,
static const u32 versions[] = {ABI_TABLES_LIST(VERSION)};

// Room for the exposed tables is taken from the window upwards, page by page, abi_info first.
static void *rows_of[ABI_TABLES_MAX];

void *table_create(enum abi_table_number number, u32 stride, u64 count) {
    if (!abi_info) {
        pfn_t pfn = sal_boot_alloc(1);
        abi_info = sal_frame(pfn);
        sal_window_map(window_next, pfn, 1);
        window_next += ABI_PAGE;
    }
    u64 pages = (stride * count + ABI_PAGE - 1) >> ABI_PAGE_SHIFT;
    pfn_t pfn = sal_boot_alloc(pages);
    sal_window_map(window_next, pfn, pages);
    abi_info->table[number] =
        (struct abi_table){window_next, stride, (u32)count, versions[number], 0};
    window_next += (pages + 1) << ABI_PAGE_SHIFT; // one page of nothing between tables
    rows_of[number] = sal_frame(pfn);
    return rows_of[number];
}

void *table_rows(u32 number) {
    return rows_of[number];
}

void object_table_init(struct object_table *table, enum abi_table_number number, u32 stride,
                       u32 count) {
    table->rows = table_create(number, stride, count);
    u64 bytes = (sizeof(u64) + sizeof(u32)) * (u64)count;
    table->uses = sal_frame(sal_boot_alloc((bytes + ABI_PAGE - 1) >> ABI_PAGE_SHIFT));
    table->next = (u32 *)(table->uses + count);
    ASSERT(bits_is_power2(stride));
    table->stride = stride;
    table->shift = bits_log2(stride);
    table->count = count;
    table->free = 1;
    for (u32 i = 1; i < count; i++)
        table->next[i] = i + 1 < count ? i + 1 : 0;
}

i64 object_take(struct object_table *table, u64 *id) {
    u32 index = table->free;
    if (!index)
        return -E_FULL;
    table->free = table->next[index];
    *id = ++table->uses[index] << ABI_INDEX_BITS | index;
    *(u64 *)object_row(table, *id) = *id;
    return 0;
}

void object_release(struct object_table *table, u64 id) {
    u32 index = ABI_INDEX(id);
    u64 *row = object_row(table, id);
    for (u32 i = 0; i < table->stride / sizeof(u64); i++)
        row[i] = 0;
    table->next[index] = table->free;
    table->free = index;
}
