// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Answers every foreign call, as shortly as can be; and unprotects the page of every write fault.

#include "abi/ext/memory.h"
#include "abi/ext/watch.h"

HANDLER(foreign_call, u64, answer, (struct ext_foreign_call * call)) {
    return EXT_DONE;
}

static u64 space;

HANDLER(page_protected, u64, unprotect, (struct ext_fault * fault)) {
    page_protect(CAP_SLOT_SPACE, space, fault->address & ~(ABI_PAGE - 1), 0, ABI_PTE_W);
    return EXT_DONE;
}

ENTRY(u64, in_space, (u64 of)) {
    space = of;
    return of;
}
