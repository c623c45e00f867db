// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Where things are in every address space. The lower half belongs to the program, all of it but its
// last page; the upper half to the kernel, which shows two windows of it to user space, read-only:
//
//   ABI_TABLES   the exposed tables (abi/tables.h), the same frames in every space
//   ABI_PTES     the space's own page table, as one linear array: the entry that maps va is
//   ABI_PTES[va >> 12]
//                (and ABI_PDES[va >> 21], and so on upwards). Reading an entry whose table does not
//                exist faults: look at the upper levels first.

#ifndef ABI_LAYOUT_H
#define ABI_LAYOUT_H

#include "abi/types.h"

#define ABI_PAGE       4096ul
#define ABI_PAGE_SHIFT 12
#define ABI_USER_END   0x00007ffffffff000ul

#define ABI_TABLES   0xffffa00000000000ul
#define ABI_SEQUENCE 0xffffa07fffff0000ul // counts changes of the tables (abi/tables.h)

#define ABI_PT_SLOT 321ul
#define ABI_PTES    ((const volatile u64 *)0xffffa08000000000ul)
#define ABI_PDES    ((const volatile u64 *)0xffffa0d040000000ul)
#define ABI_PDPTES  ((const volatile u64 *)0xffffa0d068200000ul)
#define ABI_PML4ES  ((const volatile u64 *)0xffffa0d068341000ul)

#endif
