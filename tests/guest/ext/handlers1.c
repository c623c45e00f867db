// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// 1 of them (handlers.h).

#include "tests/guest/ext/handlers.h"

ON(10)
