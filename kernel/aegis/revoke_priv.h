// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What revoke.c and take.c share.

#ifndef KERNEL_AEGIS_REVOKE_PRIV_H
#define KERNEL_AEGIS_REVOKE_PRIV_H

#include "abi/revoke.h"
#include "kernel/aegis/revoke.h"

#define LOSSES_PER_PAGE (ABI_PAGE / sizeof(struct loss))

struct revoke {
    account_id by[2];         // who asked, by enum revoke_kind
    u64 seen[2];              // rows looked at since something was found, of any frames or slices
    pfn_t vector[LOSS_PAGES]; // pinned
    u32 pages;
    u32 space; // row of the space, and address, where frames are looked for
    u64 va;
    u32 next;    // where the next free entry is looked for
    u32 offered; // likewise the next offered one
};

struct revoke *revoke_of(account_id account);
struct loss *revoke_entry(const struct revoke *revoke, u32 i);

#endif
