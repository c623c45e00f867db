// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Memory services for extensions. They do what the system calls of the same kind do
// (docs/syscalls.md), for the env that loaded the extension: `cap` is a slot of its table, `caps`
// two of them, low and high half. All return 0 or more, or a negative error; E_CAP too if the
// extension outlives its env (EXT_STAYS).

#ifndef ABI_EXT_MEMORY_H
#define ABI_EXT_MEMORY_H

#include "abi/calls.h"
#include "abi/caps.h"
#include "abi/errors.h"
#include "abi/ext/extension.h"
#include "abi/layout.h"
#include "abi/pte.h"

// The account that pays for the env, and its space, in low and high half: as most mappings want it.
#define EXT_CAPS(low, high) ((u64)(low) | (u64)(high) << 32)

// PhysAddr. first: a frame, or ABI_ANY; flags: FRAME_ALLOC_*. Returns the frame.
extern i64 phys_allocate(u64 cap, u64 account, u64 first, u64 flags);
extern i64 phys_deallocate(u64 cap, u64 frame);
// Contents; they need READ, or WRITE, for the frame. Within one page.
extern i64 phys_read(u64 cap, u64 frame, u64 offset, void *to, u64 bytes);
extern i64 phys_write(u64 cap, u64 frame, u64 offset, const void *from, u64 bytes);
extern i64 phys_copy(u64 cap, u64 to, u64 from);

// Translation: one page. flags: ABI_PTE_PROT, SPACE_MAP_*.
extern i64 page_map(u64 caps, u64 space, u64 va, u64 frame, u64 flags);
extern i64 page_unmap(u64 cap, u64 space, u64 va);
extern i64 page_protect(u64 cap, u64 space, u64 va, u64 clear, u64 set);
// The entry, 0 if there is none; or an error. Needs READ for the space.
#define EXT_FAILED(result) ((u64)(result) > -4096ul)
extern u64 page_examine(u64 cap, u64 space, u64 va);

// What a space maps, within one page, as programs there could read or write it. Need READ, or MAP
// and WRITE, for the space.
extern i64 space_read(u64 cap, u64 space, u64 va, void *to, u64 bytes);
extern i64 space_write(u64 cap, u64 space, u64 va, const void *from, u64 bytes);

// VirtAddr: pages of a space that can be absent without a mistake. As long as an extension has said
// nothing, all pages can; afterwards, faults elsewhere are page_bad (watch.h). At most 16 ranges.
extern i64 virt_claim(u64 space, u64 va, u64 pages);
extern i64 virt_release(u64 space, u64 va);

// 8 bytes of a row of an exposed table (abi/tables.h), at an offset; 0 if there are none.
extern u64 table_word(u64 table, u64 row, u64 offset);
extern u64 env_space(u64 env); // 0: no such env
extern u64 env_account(u64 env);
extern u64 phys_maps(u64 frame); // how many entries name it
extern u64 phys_pins(u64 frame); // other uses: upcall stacks, devices
extern u64 env_loader(void);     // for which the extension acts

#endif
