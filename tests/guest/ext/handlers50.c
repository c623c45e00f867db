// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// 50 of them (handlers.h).

#include "tests/guest/ext/handlers.h"

TEN(1)
TEN(2)
TEN(3)
TEN(4)
TEN(5)
