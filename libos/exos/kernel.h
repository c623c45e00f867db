// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The pod's view of the kernel: the names and capability slots that ExOS uses in its calls, and
// readings of exposed tables. All slots are the same in every process: 1 is the account (it covers
// every object of the pod); the module's and the console's capabilities are minted into each new
// env in this order.

#ifndef EXOS_KERNEL_H
#define EXOS_KERNEL_H

#include "abi/caps.h"
#include "abi/errors.h"
#include "abi/layout.h"
#include "abi/pte.h"
#include "abi/tables.h"
#include "gen/syscalls_batch.h"
#include "gen/syscalls_user.h"
#include "libos/exos/boot.h"
#include "libos/rt/batch.h"
#include <stdbool.h>
#include <stddef.h>

#define POD_CAP  CAP_SLOT_ACCOUNT
#define POD_CAPS CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)

extern account_id pod_account;

// The entry that maps va in the calling space, 0 if there is none.
static inline u64 kernel_pte(u64 va) {
    if (!(ABI_PML4ES[va >> 39] & ABI_PTE_P) || !(ABI_PDPTES[va >> 30] & ABI_PTE_P) ||
        !(ABI_PDES[va >> 21] & ABI_PTE_P))
        return 0;
    u64 pte = ABI_PTES[va >> ABI_PAGE_SHIFT];
    return pte & ABI_PTE_P ? pte : 0;
}

static inline const volatile struct abi_frame *kernel_frame(pfn_t pfn) {
    return abi_row(ABI_TABLE_FRAMES, pfn);
}
// The capabilities to map a frame with: frames of the boot module have one of their own.
static inline u64 kernel_frame_caps(pfn_t pfn) {
    bool module =
        pfn - ABI_INFO->module_first < (ABI_INFO->module_bytes + ABI_PAGE - 1) >> ABI_PAGE_SHIFT;
    return module ? CAP_PAIR(POD_CAP, exos_boot.cap_module) : POD_CAPS;
}
static inline const volatile struct abi_env *kernel_env(env_id env) {
    return abi_row(ABI_TABLE_ENVS, ABI_INDEX(env));
}
static inline const volatile struct abi_space *kernel_space(space_id space) {
    return abi_row(ABI_TABLE_SPACES, ABI_INDEX(space));
}
static inline const volatile struct abi_slice *kernel_slice(u64 slice) {
    return abi_row(ABI_TABLE_SLICES, slice);
}

#endif
