// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Accounts: who pays. Every frame, space, env and slice is charged to one. Accounts form a tree; a
// capability for an account covers what is charged to the accounts below it.
//
// Invariants: frames <= quota; the quotas of all accounts add up to the machine's frames.

#ifndef KERNEL_AEGIS_ACCOUNT_H
#define KERNEL_AEGIS_ACCOUNT_H

#include "kernel/aegis/object.h"

#define ACCOUNT_DEPTH_MAX 8

void account_init(u32 count);
struct abi_account *account_find(account_id id);
// The row that a name that was valid once belongs to.
static inline struct abi_account *account_row(account_id id) {
    extern struct abi_account *account_rows;
    return account_rows + ABI_INDEX(id);
}
account_id account_first(void);

// Whether account is top or below it.
int account_is_under(account_id account, account_id top);

// Charges frames. E_NOMEM.
i64 account_charge(account_id id, u64 frames);
void account_refund(account_id id, u64 frames);

#endif
