// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A page-table entry as the processor defines it (Intel SDM vol. 3, 4.5; AMD APM vol. 2, 5.4),
// which is also how mapping calls name protection: the program sees what the hardware sees.
//
// The bits in ABI_PTE_PROT are the program's to choose. ABI_PTE_SOFT are free for its own
// bookkeeping (copy-on-write marks and the like); the kernel keeps them and gives them no meaning.
// MAY_W and MAY_X are the kernel's: what the capability that made the mapping allowed, hence how
// far space_protect may go.

#ifndef ABI_PTE_H
#define ABI_PTE_H

#include "abi/types.h"

#define ABI_PTE_P         (1ul << 0)
#define ABI_PTE_W         (1ul << 1)
#define ABI_PTE_U         (1ul << 2)
#define ABI_PTE_PWT       (1ul << 3)
#define ABI_PTE_PCD       (1ul << 4)
#define ABI_PTE_A         (1ul << 5)
#define ABI_PTE_D         (1ul << 6)
#define ABI_PTE_PS        (1ul << 7)
#define ABI_PTE_S0        (1ul << 9)
#define ABI_PTE_S1        (1ul << 10)
#define ABI_PTE_S2        (1ul << 11)
#define ABI_PTE_S3        (1ul << 52)
#define ABI_PTE_S4        (1ul << 53)
#define ABI_PTE_S5        (1ul << 54)
#define ABI_PTE_MAY_W     (1ul << 57)
#define ABI_PTE_MAY_X     (1ul << 58)
#define ABI_PTE_PKEY(k)   ((u64)(k) << 59)
#define ABI_PTE_PKEY_MASK (0xful << 59)
#define ABI_PTE_NX        (1ul << 63)

#define ABI_PTE_FRAME_MASK 0x000ffffffffff000ul
#define ABI_PTE_FRAME(pte) (((pte)&ABI_PTE_FRAME_MASK) >> 12)

#define ABI_PTE_SOFT (ABI_PTE_S0 | ABI_PTE_S1 | ABI_PTE_S2 | ABI_PTE_S3 | ABI_PTE_S4 | ABI_PTE_S5)
#define ABI_PTE_PROT                                                                               \
    (ABI_PTE_W | ABI_PTE_NX | ABI_PTE_A | ABI_PTE_D | ABI_PTE_PKEY_MASK | ABI_PTE_SOFT)
// What space_protect may change: without U a page stays mapped and no access is allowed.
#define ABI_PTE_PROTECT (ABI_PTE_PROT | ABI_PTE_U)

#endif
