// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A version that has nothing of what handlers call.

#include "abi/ext/extension.h"

EVENT(u64, judged, (u64 a)) {
    return a;
}
