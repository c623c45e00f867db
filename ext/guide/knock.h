// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Of docs/extensions.md: the interface of door.c.

#ifndef EXT_GUIDE_KNOCK_H
#define EXT_GUIDE_KNOCK_H

#include "abi/ext/extension.h"

struct knock {
    u32 who;
    u32 times;
};

#ifndef KNOCK_EXPORTER
extern u64 door_knocked(const struct knock *knock);
#endif

#endif
