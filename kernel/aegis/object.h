// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Rows of kernel objects: accounts, spaces, envs. Each kind has an exposed table (abi/tables.h)
// whose rows have ids that count their uses, so that a name once stale stays stale.
//
// Rule: everything in aegis is called with the kernel lock held, unless it says otherwise.

#ifndef KERNEL_AEGIS_OBJECT_H
#define KERNEL_AEGIS_OBJECT_H

#include "abi/errors.h"
#include "abi/tables.h"
#include "abi/types.h"

// Beyond all errors: the call has done what may be done with interrupts off, and is to be made
// again at once (sal_call_again).
#define CALL_AGAIN (-4096l)

struct object_table {
    u8 *rows; // exposed; the first field of a row is its id, 0 if free
    u64 *uses;
    u32 *next;
    u32 stride;
    u32 shift;
    u32 count;
    u32 free; // first free row, 0 if none; row 0 is never used
};

// The exposed table of that number, of count rows; boot only.
void object_table_init(struct object_table *table, enum abi_table_number number, u32 stride,
                       u32 count);

// Takes a row and writes its id. E_FULL.
i64 object_take(struct object_table *table, u64 *id);
// Clears the row.
void object_release(struct object_table *table, u64 id);

// Rows are powers of two long, so that finding one is a shift.
static inline void *object_row(const struct object_table *table, u64 id) {
    return table->rows + ((u64)ABI_INDEX(id) << table->shift);
}
// The live row of that name, or null.
static inline void *object_find(const struct object_table *table, u64 id) {
    if (ABI_INDEX(id) >= table->count || !id)
        return 0;
    void *row = object_row(table, id);
    return *(u64 *)row == id ? row : 0;
}

// Boot: room for an exposed table; mapped in the ABI_TABLES window and entered in abi_info.
void *table_create(enum abi_table_number number, u32 stride, u64 count);
extern struct abi_info *abi_info;
// Where the kernel itself sees it.
void *table_rows(u32 number);

#endif
