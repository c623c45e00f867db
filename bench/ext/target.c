// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Exports the event.

#include "bench/ext/field.h"

EVENT(u64, field_event, (const struct field *field)) {
    return field->value;
}
