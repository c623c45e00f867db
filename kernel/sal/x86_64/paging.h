// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The kernel half of every address space, as top-level slots:
//
//   256 ..  SAL_DIRECT_MAP   all RAM; writable, except the kernel's text and read-only data; never
//                            executable
//   320     ABI_TABLES       exposed tables; the only part, with 321, that user mode can read
//   321     ABI_PTES         the space's own tables, through a top-level entry that names itself
//   384     PAGING_STACKS    kernel and interrupt stacks, a guard page below each
//   385     PAGING_DEVICES   device registers, uncached
//   386     SAL_AREA         extensions' memory, never executable; their code is at SAL_CODE in 511
//   387     SAL_STRANDS      stacks of strands, a guard page below each
//   511     SAL_KERNEL_BASE  the kernel's image: text RX, read-only data R, data RW
//
// All slots exist before the first space is made, so that their tables are shared and never change
// at the top level. The kernel half is global and identical in all spaces but for slot 321.

#ifndef KERNEL_SAL_X86_64_PAGING_H
#define KERNEL_SAL_X86_64_PAGING_H

#include "abi/pte.h"
#include "kernel/sal/sal.h"

#define PAGING_STACKS  0xffffc00000000000ul
#define PAGING_DEVICES 0xffffc08000000000ul
#define PAGING_PTE_G   (1ul << 8)

// Where the direct map must end: at the window.
#define PAGING_RAM_LIMIT (ABI_TABLES - SAL_DIRECT_MAP)

// Builds the kernel's tables from sal_machine's memory and loads them. Takes frames by
// sal_boot_alloc.
void paging_init(void);

// Loads the kernel's tables on this processor, after cpu_init turned on what they need.
void paging_load(void);

// Maps frames in the kernel half; flags are ABI_PTE_*. Boot only.
void paging_map(u64 va, u64 physical, u64 bytes, u64 flags);

// Device registers at a physical address, uncached. Boot only.
volatile void *paging_map_device(u64 physical, u64 bytes);

#endif
