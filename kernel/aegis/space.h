// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Spaces: page-table trees. The tree caches bindings that the library OS made; the kernel checks
// each when it is made.
//
// Invariants: each present leaf entry of the lower half is counted in its frame's maps; tables are
// FRAME_TABLE frames of the space's account; a frame leaves a space only after every processor that
// has it loaded has flushed it.
//
// Spaces of one account may share all tables of a 512 GiB slot (space_share): what is done to a
// shared slot by one is done to all, so translations of such a slot are flushed wherever a space
// that has it is loaded.

#ifndef KERNEL_AEGIS_SPACE_H
#define KERNEL_AEGIS_SPACE_H

#include "kernel/aegis/object.h"

void space_init(u32 count);
struct abi_space *space_find(space_id id);
// The row that a valid or stale name belongs to.
static inline struct abi_space *space_row(space_id id) {
    extern struct abi_space *space_rows;
    return space_rows + ABI_INDEX(id);
}
struct abi_space *space_find_row(u32 index); // live, or null
i64 space_make(account_id account, struct abi_space **space);
// Frees the mappings and tables of a space that no processor has loaded: E_AGAIN while some are
// left.
i64 space_tear(struct abi_space *space);

// The entry that maps a user address, or null if there is no table.
u64 *space_entry(const struct abi_space *space, u64 va);
// That of the running env.
struct abi_space *space_current(void);

// Copies between kernel and the running env's memory, through its page table. E_RANGE, E_FAULT.
// The direct-map address behind a user address of the running env, if it is mapped with these bits;
// else null.
void *space_memory(u64 va, u64 bits);
void *space_memory_in(const struct abi_space *space, u64 va, u64 bits);
i64 space_copy_in(void *to, u64 va, u64 bytes);
i64 space_copy_out(u64 va, const void *from, u64 bytes);

// Maps one frame; boot only.
i64 space_map_first(struct abi_space *space, u64 va, pfn_t pfn, u64 bits);

// The other processors that may hold translations of a range of it, as a bit set.
u64 tlb_users(const struct abi_space *space, u64 va, u64 pages);
// Flushes translations of a range of a space on every processor that has it, or one that shares
// tables of the range, loaded, and waits.
void tlb_flush(struct abi_space *space, u64 va, u64 pages);
// Flushes everything, tables included, on every processor that may have walked the space's tables
// of a range.
void tlb_flush_tables(struct abi_space *space, u64 va, u64 pages);
// The same as tlb_flush for a part of what a table maps, in every space that has the table.
void tlb_flush_table(pfn_t table, u64 va, u64 pages);
// The same on all processors, of all that is not global.
void tlb_flush_everywhere(void);
// Answers a request of another processor; no lock needed.
void tlb_answer(void);

#endif
