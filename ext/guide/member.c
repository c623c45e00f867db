// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Of docs/extensions.md: wants what club.c exports.

#include "abi/ext/extension.h"

extern u64 club_secret(void);

ENTRY(u64, ask, (void)) {
    return club_secret();
}
