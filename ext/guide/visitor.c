// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Of docs/extensions.md: raises the event, by calling it.

#include "ext/guide/knock.h"

ENTRY(u64, visit, (u64 who)) {
    struct knock knock = {(u32)who, 3};
    return door_knocked(&knock);
}
