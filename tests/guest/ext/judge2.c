// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The greatest, for what leaves 1.

#include "tests/guest/ext/judge.h"

JUDGE(>, 1, 100)
