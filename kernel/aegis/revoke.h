// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Visible revocation, abort and repossession: abi/revoke.h says what programs see.
//
// What is asked of an account stands in its exposed row; beside each row the kernel keeps who
// asked, the vector of losses, and how far the search for frames has come.
//
// Rule: what is taken goes through the same steps in the same order: every mapping and upcall stack
// broken and flushed, the contents copied if the program said where to, the loss recorded, the
// frame given away.

#ifndef KERNEL_AEGIS_REVOKE_H
#define KERNEL_AEGIS_REVOKE_H

#include "kernel/aegis/object.h"

void revoke_init(u32 accounts);
// An account is made, or comes to its end: nothing is asked, there is no vector.
void revoke_reset(account_id account);
// The account's vector of losses is unpinned.
void revoke_drop_vector(account_id account);
// Notifies the env that listens for the account, with a reason (NOTIFY_*).
void revoke_tell(const struct abi_account *account, u32 reason);
// A position changes hands.
void revoke_count_slice(account_id from, account_id to);

#endif
