// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The machine code of patched system calls (patch.h): which sites can be patched, and what is
// written there. Pure: it knows no process, and is tested on the host.
//
//     site:  syscall                     site:  jmp slot                 slot:  lea back(%rip),
//     %rcx
//            insn      (3 bytes or more)        (rest of insn)                  jmp *entry(%rip)
//     next:  ...                         next:  ...                     retry:  syscall
//                                                                        back:  insn
//                                                                               jmp next
//
// What makes it safe is that nothing has to be guessed: `syscall` has just been executed, so
// instructions begin at the site and behind it. Control may come to two places among the five bytes
// that change. The site itself: that is the jump. The byte behind the old `syscall`, where threads
// and signal frames that were in a call go on: the slot is chosen such that this byte of the jump
// is an opcode that no 64-bit mode has (#UD), so ExOS gets to know and goes on at `back`. A jump
// into the middle of insn would go wrong; compilers make none. The call may lose the status flags:
// insn, or one soon after it, sets them all before anything could read them.

#ifndef EXOS_PATCH_CODE_H
#define EXOS_PATCH_CODE_H

#include "abi/types.h"
#include <stdbool.h>

#define PATCH_SLOT_BYTES 64ul // and so aligned
#define PATCH_RETRY      13ul // offsets in a slot
#define PATCH_BACK       15ul
#define PATCH_JUMP_BYTES 5ul
#define PATCH_CODE_BYTES                                                                           \
    48ul // code that patch_decode wants to see from the site on; fewer at an end of a segment

// Length of insn (3 .. 15) at a site (code[0] is its syscall), or 0: not to be patched.
u32 patch_decode(const u8 *code, u64 bytes);
// Is a slot one that the site can use?
bool patch_slot_fits(u64 site, u64 slot);
// Fills a slot. code: what is at the site; length: patch_decode's; entry: where calls go.
void patch_slot_write(u8 *at, u64 slot, u64 site, const u8 *code, u32 length, u64 entry);
// The jump, for the site.
void patch_jump_write(u8 jump[PATCH_JUMP_BYTES], u64 site, u64 slot);
// The program's own address for one in a slot (whose contents are at at): as if it were not
// patched.
u64 patch_slot_canonical(const u8 *at, u64 offset);

#endif
