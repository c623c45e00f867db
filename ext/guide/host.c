// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Of docs/extensions.md: handles the event, for one visitor.

#include "ext/guide/knock.h"

GUARD(welcome, is_seven, (const struct knock *knock)) {
    return knock->who == 7;
}

HANDLER(door_knocked, u64, welcome, (const struct knock *knock)) {
    return 100 * knock->who + knock->times;
}
