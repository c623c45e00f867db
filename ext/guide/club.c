// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Of docs/extensions.md: asks who wants to link to it.

#include "abi/ext/extension.h"

static u64 members[4];
static u64 count;

MAY_LINK(members_only) {
    for (u32 i = 0; i < 4; i++)
        if (members[i] && members[i] == importer->name)
            return 1;
    return 0;
}

// Names are told by their hash (ext_hash), which `tri-ext hash` prints.
ENTRY(u64, admit, (u64 name)) {
    members[count++ & 3] = name;
    return count;
}

EVENT(u64, club_secret, (void)) {
    return 42;
}
