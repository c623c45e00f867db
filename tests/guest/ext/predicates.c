// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Predicates: a flag of its own and a word of a table; one that is not proved to end.

#include "abi/ext/memory.h"
#include "abi/tables.h"

static u64 flag, looked, turns = 1ul << 40;

// Set, and the env in that row has been woken often enough.
ENTRY(u64, ready, (u64 row, u64 wakes)) {
    looked++;
    return flag && table_word(ABI_TABLE_ENVS, row, 32) >= wakes;
}

ENTRY(u64, set, (u64 to)) {
    flag = to;
    return looked;
}

// As dear as an entry may be.
ENTRY(u64, costly, (u64 row)) {
    u64 sum = row;
    looked++;
    for (u32 i = 0; i < 900; i++)
        sum = sum * 3 + flag;
    return sum == ~0ul;
}

ENTRY(u64, endless, (u64 row)) {
    u64 sum = row;
    for (u64 i = 0; i < turns; i++)
        sum = sum * 3 + turns;
    return sum;
}

ENTRY(u64, outside, (u64 table, u64 row, u64 offset)) {
    return table_word(table, row, offset);
}
