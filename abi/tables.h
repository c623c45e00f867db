// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The exposed tables: what the kernel knows, readable in every space without a call. They start at
// ABI_TABLES with one abi_info, which says where each table is, how long its rows are and which
// version they have. Read rows with the stride given there, not with sizeof: newer kernels may
// append fields.
//
// The rows are defined in abi/tables.def; docs/tables.md shows them.
//
// The kernel writes each field with a single store. Fields, and rows, of one moment are read
// between abi_read_begin and abi_read_done, again until nothing has changed meanwhile. The short
// ways of yields, transfers and ends of slices are not counted there: what they change is state,
// cpu, ran, wakes and upcalls of envs, and the rows of cpus, each field right by itself. Rows of
// free objects are zero but for their use count.

#ifndef ABI_TABLES_H
#define ABI_TABLES_H

#include "abi/layout.h"
#include "abi/types.h"
#include "gen/tables.h"

#define ABI_VERSION  1
#define ABI_CPUS_MAX 64
#define ABI_SLICES   512 // positions in the slice vector of each processor

#define ABI_TABLES_MAX 16

struct abi_table {
    u64 address;
    u32 stride; // bytes from row to row
    u32 count;  // rows
    u32 version;
    u32 reserved;
};

struct abi_info {
    u32 version;
    u32 cpus;
    u64 frames;       // physical page numbers are below this
    u64 tsc_hz;       // time-stamp counter, ticks per second
    u64 tsc_boot;     // its value at kernel entry
    u64 wall_boot_ns; // nanoseconds since 1970 at tsc_boot
    u64 slice_ns;     // length of a slice
    u64 module_first; // boot module: first frame,
    u64 module_bytes; // and size
    u64 xsave_bytes;  // size of an XSAVE area for xcr0
    u64 xcr0;         // enabled processor state components
    u64 features;     // ABI_FEATURE_*
    u64 free_frames;  // now
    u64 free_first;   // the free list begins here; 0: none
    struct abi_table table[ABI_TABLES_MAX];
    char command_line[2048];
};
ABI_ASSERT_OFFSET(struct abi_info, table, 104);
ABI_ASSERT_OFFSET(struct abi_info, command_line, 488);

#define ABI_INFO ((const volatile struct abi_info *)ABI_TABLES)

#define ABI_FEATURE_PKU    (1ul << 0)
#define ABI_FEATURE_XSAVE  (1ul << 1)
#define ABI_FEATURE_RDRAND (1ul << 2)
#define ABI_FEATURE_GIGA   (1ul << 3) // mappings of 1 GiB (space_join)

enum frame_kind {
    FRAME_ABSENT = 0, // no memory there, or the firmware's
    FRAME_FREE = 1,
    FRAME_USER = 2,   // owned by an account, to be mapped
    FRAME_TABLE = 3,  // a page table
    FRAME_ENV = 4,    // an env's kernel state
    FRAME_KERNEL = 5, // the kernel's own
    FRAME_MODULE = 6, // the boot module; owned by the first account
    FRAME_EXT = 7,    // an extension's: code, memory, stacks of its strands
    FRAME_LOST = 8,   // owned, and being taken from those who map it: may not be mapped
    FRAME_TRACE = 9,  // what the kernel knows of a trace (abi/trace.h)
};

#define FRAME_AUTO  1u // freed with its last mapping
#define FRAME_ZERO  2u // free and known to be zero
#define FRAME_TAKEN 4u // freed with its last pin

// Reading what belongs together:   do s = abi_read_begin(); ... while (!abi_read_done(s));
// Keep it short: under load, the tables of one moment are a few rows of them.
static inline u64 abi_read_begin(void) {
    u64 sequence;
    while ((sequence = __atomic_load_n((const u64 *)ABI_SEQUENCE, __ATOMIC_ACQUIRE)) & 1)
        __asm__ volatile("pause");
    return sequence;
}
static inline int abi_read_done(u64 sequence) {
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return *(const volatile u64 *)ABI_SEQUENCE == sequence;
}

// Row i of table t.
static inline const volatile void *abi_row(enum abi_table_number t, u64 i) {
    return (const volatile char *)ABI_INFO->table[t].address + i * ABI_INFO->table[t].stride;
}

#endif
