// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// One handler, installed any number of times, each for another value of the field.

#include "bench/ext/field.h"

GUARD(handle, is_kind, (const struct field *field, u64 kind)) {
    return field->kind == kind;
}

HANDLER_AT(field_event, later, u64, handle, (const struct field *field, u64 kind)) {
    return field->value;
}
