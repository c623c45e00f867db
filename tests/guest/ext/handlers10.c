// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// 10 of them (handlers.h).

#include "tests/guest/ext/handlers.h"

TEN(1)
