// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Capability types, rights, and the slots an env is born with. The lists are in abi/caps.def.

#ifndef ABI_CAPS_H
#define ABI_CAPS_H

#include "abi/types.h"

enum cap_type {
#define CAP_TYPE(name, number, text) CAP_##name = number,
#include "abi/caps.def"
#undef CAP_TYPE
};

enum cap_right {
#define CAP_RIGHT(name, bit, text) CAP_RIGHT_##name = 1 << bit,
#include "abi/caps.def"
#undef CAP_RIGHT
};

#define CAP_RIGHTS_ALL 0xffffu

// Slots of a capability table. The first three are filled when an env is created; the rest of the
// named ones are given to the first env only, which hands them on as it likes.
enum cap_slot {
    CAP_SLOT_NONE = 0,
    CAP_SLOT_ACCOUNT =
        1, // the account the env is charged to, with the rights that its creator presented
    CAP_SLOT_SELF = 2,  // the env itself
    CAP_SLOT_SPACE = 3, // the space it was created in
    CAP_SLOT_SLICES = 4,
    CAP_SLOT_CONSOLE = 5,
    CAP_SLOT_MACHINE = 6,
    CAP_SLOT_FREE = 8, // cap_mint fills slots from here on
    CAP_SLOTS = 64,
};

// cap_mint: counts that stand for a type. An ACCOUNT capability makes one for a single object that
// it covers.
#define CAP_MINT_ENV     (~0ul)
#define CAP_MINT_SPACE   (~1ul)
#define CAP_MINT_ACCOUNT (~2ul)

// Two slots in one argument, for calls that need two capabilities.
#define CAP_PAIR(lo, hi) ((u64)(u32)(lo) | (u64)(u32)(hi) << 32)

#endif
