// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The least, for what 5 divides.

#include "tests/guest/ext/judge.h"

JUDGE(<, 0, 0)
