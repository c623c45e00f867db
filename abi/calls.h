// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Arguments of system calls that are more than a number: flags and structures. The list of calls is
// abi/syscalls.def.

#ifndef ABI_CALLS_H
#define ABI_CALLS_H

#include "abi/pte.h"
#include "abi/types.h"

#define ABI_SYSCALL_BASE 0x80000000u

// frame_alloc
#define FRAME_ALLOC_DIRTY 1u // contents may be what the account left there
#define FRAME_ALLOC_AUTO  2u // freed with the last mapping

// space_map, beside ABI_PTE_PROT; these bits are not part of the entry
#define SPACE_MAP_REPLACE (1ul << 3) // replace present mappings
#define SPACE_MAP_DIRTY   (1ul << 4) // new frames as by FRAME_ALLOC_DIRTY
#define SPACE_MAP_COPY                                                                             \
    (1ul << 13) // new frames hold what the caller's own pages at these addresses do

#define SPACE_MAP_LARGE (1ul << 16) // by entries for 2 MiB: va, first frame, count multiples of it

// Memory types. They need PIN beside the other rights: a frame that is mapped with two types at
// once is a matter of the device's driver.
#define SPACE_MAP_UNCACHED  (1ul << 14)
#define SPACE_MAP_COMBINING (1ul << 15) // writes are combined, reads uncached

// space_copy, in share: soft bits S0 .. S2; entries that have one of them and were not accessed (A)
// are left out
#define SPACE_COPY_UNUSED(bits) ((bits) << 16)

// env_watch
#define WATCH_CALLS   1u  // foreign system calls
#define WATCH_FAULTS  2u  // page faults
#define WATCH_STRICT  4u  // the env ends where the extension, or a handler, is gone
#define WATCH_RESULTS 8u  // what foreign system calls returned
#define WATCH_OWN     16u // system calls of Tricolor
#define WATCHERS_MAX  8   // of an env

#define ABI_RANGE_PAGES (1ul << 27)

// batch
struct batch_op {
    u32 call; // number, without ABI_SYSCALL_BASE
    u32 reserved;
    u64 args[6];
    i64 result;
};
ABI_ASSERT_SIZE(struct batch_op, 64);

#define ABI_BATCH_MAX 256

// machine_exit; what isa-debug-exit is given
enum machine_exit_code {
    MACHINE_EXIT_OK = 0x10,
    MACHINE_EXIT_PANIC = 0x11,
    MACHINE_EXIT_TESTS_FAILED = 0x12,
    MACHINE_EXIT_TESTS_PASSED = 0x13,
};

#endif
