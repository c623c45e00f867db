// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// 1 of the handlers.

#include "bench/ext/field.h"

ON(15)
