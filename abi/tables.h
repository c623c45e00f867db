// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The exposed tables: what the kernel knows, readable in every space without a call. They start at
// ABI_TABLES with one abi_info, which says where each table is, how long its rows are and which
// version they have. Read rows with the stride given there, not with sizeof: newer kernels may
// append fields.
//
// The kernel writes rows with single stores; a reader that needs several fields of one moment reads
// again until two readings agree. Rows of free objects are zero but for their use count.

#ifndef ABI_TABLES_H
#define ABI_TABLES_H

#include "abi/layout.h"
#include "abi/types.h"

#define ABI_VERSION  1
#define ABI_CPUS_MAX 64
#define ABI_SLICES   512 // positions in the slice vector of each processor

enum abi_table_number {
    ABI_TABLE_FRAMES,
    ABI_TABLE_ACCOUNTS,
    ABI_TABLE_SPACES,
    ABI_TABLE_ENVS,
    ABI_TABLE_SLICES,
    ABI_TABLE_CPUS,
    ABI_TABLE_COUNT = 16
};

struct abi_table {
    u64 address;
    u32 stride;
    u32 count;
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
    struct abi_table table[ABI_TABLE_COUNT];
    char command_line[2048];
};
ABI_ASSERT_OFFSET(struct abi_info, table, 104);
ABI_ASSERT_OFFSET(struct abi_info, command_line, 360);

#define ABI_INFO ((const volatile struct abi_info *)ABI_TABLES)

#define ABI_FEATURE_PKU    (1ul << 0)
#define ABI_FEATURE_XSAVE  (1ul << 1)
#define ABI_FEATURE_RDRAND (1ul << 2)

enum frame_kind {
    FRAME_ABSENT = 0, // no memory there, or the firmware's
    FRAME_FREE = 1,
    FRAME_USER = 2,   // owned by an account, to be mapped
    FRAME_TABLE = 3,  // a page table
    FRAME_ENV = 4,    // an env's kernel state
    FRAME_KERNEL = 5, // the kernel's own
    FRAME_MODULE = 6, // the boot module; owned by the first account
};

struct abi_frame {
    account_id owner; // who pays; of a free frame: who had it last
    u32 maps;  // page-table entries that name it; of a free frame: the one before it in the free
               // list
    u16 kind;  // enum frame_kind
    u16 pins;  // uses besides mappings that keep it from being freed
    u64 epoch; // counts allocations: a FRAMES capability is older than the frame's next life
    u32 flags; // FRAME_AUTO, FRAME_ZERO
    u32 next;  // free list
};
ABI_ASSERT_SIZE(struct abi_frame, 32);

#define FRAME_AUTO 1u // freed with its last mapping
#define FRAME_ZERO 2u // free and known to be zero

struct abi_account {
    account_id id;
    account_id parent;
    u64 quota;  // frames it may own
    u64 frames; // frames it owns
    u32 env_quota;
    u32 envs;
    u32 spaces;
    u32 children;
    u64 reserved[2];
};
ABI_ASSERT_SIZE(struct abi_account, 64);

struct abi_space {
    space_id id;
    account_id account;
    pfn_t root; // frame of the top-level page table
    u32 envs;   // envs that run in it
    u32 tables; // page-table frames
    u64 reserved[4];
};
ABI_ASSERT_SIZE(struct abi_space, 64);

struct abi_env {
    env_id id;
    account_id account;
    space_id space;
    u32 state;       // enum env_state
    u32 cpu;         // where it runs, or ran last
    u64 wakes;       // counts env_wake and env_notify: pass the value seen to env_sleep
    u64 ran;         // time-stamp ticks it ran
    u32 stop_reason; // enum env_stop_reason
    u32 stop_vector;
    u64 stop_rip;
    u64 stop_address;
    u32 upcalls; // delivered
    u32 forced;  // slices that ended by force
    u32 slices;  // positions assigned to it
    u32 caps;    // capability slots filled
    u64 reserved[5];
};
ABI_ASSERT_SIZE(struct abi_env, 128);

struct abi_slice {
    account_id owner; // 0: free
    env_id env;       // 0: nobody
};
ABI_ASSERT_SIZE(struct abi_slice, 16);

struct abi_cpu {
    u32 online;
    u32 apic;
    env_id env;    // running, 0 if idle
    u32 position;  // of the current slice in the vector
    u32 runnable;  // positions whose env could run
    u64 slice_end; // time-stamp counter
    u64 switches;
    u64 interrupts;
    u64 shootdowns;
    u64 idle; // time-stamp ticks
};
ABI_ASSERT_SIZE(struct abi_cpu, 64);

// Row i of table t.
static inline const volatile void *abi_row(enum abi_table_number t, u64 i) {
    return (const volatile char *)ABI_INFO->table[t].address + i * ABI_INFO->table[t].stride;
}

#endif
