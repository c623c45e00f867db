// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Raises the event many times; and calls a procedure of its own that does the same.

#include "bench/ext/field.h"

extern u64 field_event(const struct field *field);

__attribute__((noinline)) static u64 direct(const struct field *field) {
    __asm__ volatile("" : : "r"(field) : "memory"); // not to be folded into the caller
    return field->value;
}

ENTRY(u64, raise_many, (u64 count)) {
    struct field field = {15, 1};
    u64 sum = 0;
    for (u64 i = 0; i < count; i++)
        sum += field_event(&field);
    return sum;
}

// The turns of these loops, and nothing else.
ENTRY(u64, turn_many, (u64 count)) {
    struct field field = {15, 1};
    u64 sum = 0;
    for (u64 i = 0; i < count; i++) {
        __asm__ volatile("" : : "r"(&field) : "memory");
        sum += field.value;
    }
    return sum;
}

ENTRY(u64, call_many, (u64 count)) {
    struct field field = {15, 1};
    u64 sum = 0;
    for (u64 i = 0; i < count; i++)
        sum += direct(&field);
    return sum;
}
