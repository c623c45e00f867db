// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What strands of shift.h report, for each version.

#include "abi/ext/extension.h"

static u64 wrong, ended[4];

EVENT(u64, shift_report, (u64 version, u64 what)) {
    wrong += what == 1;
    ended[version & 3] += what == 2;
    return 0;
}

// What is sent by post (mail.c, mail_sender.c).
EVENT(void, mail_sent, (u64 number)) {
    (void)number;
}

ENTRY(u64, ended_of, (u64 version)) {
    return ended[version & 3];
}

ENTRY(u64, wrongs, (void)) {
    return wrong;
}
