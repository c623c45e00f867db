// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors

#include "abi/ext/extension.h"

extern void mail_sent(u64 number);

ENTRY(u64, post, (u64 count)) {
    for (u64 i = 0; i < count; i++)
        mail_sent(i);
    return count;
}
