// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// 10 of the handlers.

#include "bench/ext/field.h"

TEN(1)
