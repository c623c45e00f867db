// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// 50 of the handlers.

#include "bench/ext/field.h"

TEN(1)
TEN(2)
TEN(3)
TEN(4)
TEN(5)
