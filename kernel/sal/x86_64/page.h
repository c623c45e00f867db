// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Clearing and copying pages: sal.h has the calls.

#ifndef KERNEL_SAL_X86_64_PAGE_H
#define KERNEL_SAL_X86_64_PAGE_H

// Chooses how; XCR0 is written. Whether the processor says that its string instructions are fast.
void page_init(int fast_strings);

#endif
