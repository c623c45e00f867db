// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// How apps/first starts a library OS: it is entered at its ELF entry with rdi pointing at one
// read-only rt_start and with a small stack, as one env of a new account, charged with slices of
// its own. Everything the library OS may use is named here.

#ifndef RT_START_H
#define RT_START_H

#include "abi/types.h"

#define RT_START_MAGIC 0x54525453u // "STRT"

// Where first puts the start page and, above it, the stack.
#define RT_START_PAGE  0x00007ff800000000ul
#define RT_STACK_LOW   0x00007ff800001000ul
#define RT_STACK_PAGES 4ul

struct rt_start {
    u32 magic, version;
    account_id account;
    space_id space;
    env_id env;
    u64 stack_top;
    // The boot module's frames, readable and executable through the capability cap_module (0: not
    // given). The cpio archive begins archive_offset bytes into it.
    pfn_t module_first;
    u64 module_bytes, archive_offset, archive_bytes;
    u32 cap_module;
    u32 cap_console; // 0: the library OS has no console
    u32 cap_machine; // 0: it may not end the machine
    u32 reserved;
    char run[104]; // the program that it runs, by the boot configuration; empty: the launcher's
};
ABI_ASSERT_SIZE(struct rt_start, 192);

#endif
