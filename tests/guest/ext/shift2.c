// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors

#include "tests/guest/ext/shift.h"

SHIFT_VERSION(2)

// Not before it has the other's place.
INIT(begin) {
    return strand_fork(worker, 1) > 0;
}
