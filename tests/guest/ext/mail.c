// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Asynchronous handlers of an extension that is replaced while calls of them wait.

#include "abi/ext/strand.h"

extern u64 shift_report(u64 version, u64 what);

HANDLER_AT(mail_sent, async, void, deliver, (u64 number)) {
    (void)number;
    strand_yield();
    shift_report(3, 2);
}
