// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors

#include "tests/guest/ext/shift.h"

SHIFT_VERSION(1)
