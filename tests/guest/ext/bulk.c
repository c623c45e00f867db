// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors

#include "tests/guest/ext/bulk.h"

BULK_VERSION(0)
