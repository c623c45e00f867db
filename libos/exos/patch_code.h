// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The machine code of patched system calls (patch.h): which sites can be patched, and what is
// written there. Pure: it knows no process, and is tested on the host.
//
//     site:  syscall               site:  jmp slot             slot:  lea   back(%rip), %rcx
//            insn                         (rest of insn)              cmpl  $PATCH_MARK, %gs:...
//     next:  ...                   next:  ...                         jne   retry
//                                                                     cmp   $calls, %rax
//                                                                     jae   retry
//                                                                     mov   $table, %r11
//                                                                     jmp   *(%r11, %rax, 8)
//                                                              retry: syscall
//                                                              back:  insn
//                                                                     jmp   next
//
// What makes it safe is that nothing has to be guessed: `syscall` has just been executed, so
// instructions begin at the site and behind it. Control may come to two places among the five bytes
// that change. The site itself: that is the jump. The byte behind the old `syscall`, where threads
// and signal frames that were in a call go on: the slot is chosen such that this byte of the jump
// is an opcode that no 64-bit mode has (#UD), so ExOS gets to know and goes on at `back`. A jump
// into the middle of insn would go wrong; compilers make none. If insn is a `ret`, the rest of the
// five bytes must be padding: instructions that do nothing, or int3. The call may lose the status
// flags: insn, or one soon after it, sets them all, or leaves the function, before anything could
// read them.

#ifndef EXOS_PATCH_CODE_H
#define EXOS_PATCH_CODE_H

#include "abi/types.h"
#include <stdbool.h>

#define PATCH_SLOT_BYTES 64ul // and so aligned
#define PATCH_RETRY      43ul // offsets in a slot
#define PATCH_BACK       45ul
#define PATCH_JUMP_BYTES 5ul
#define PATCH_INSN_MAX   9ul
#define PATCH_SLOT_SITE  60ul // in a slot: how far before it the site is, 32 bits
#define PATCH_CODE_BYTES                                                                           \
    48ul // code that patch_decode wants to see from the site on; fewer at an end of a segment

// The word at PATCH_MARK_AT of what GS points at says whether GS is ExOS' (trap.h).
#define PATCH_MARK    0x5ec0de7au
#define PATCH_MARK_AT 48u

// Length of insn (3 .. PATCH_INSN_MAX; a ret counts with two bytes of padding) at a site (code[0]
// is its syscall), or 0: not to be patched.
u32 patch_decode(const u8 *code, u64 bytes);
// Is a slot one that the site can use?
bool patch_slot_fits(u64 site, u64 slot);
// Fills a slot. code: what is at the site; length: patch_decode's; table: where calls go, by number
// below calls.
void patch_slot_write(u8 *at, u64 slot, u64 site, const u8 *code, u32 length, u64 table, u32 calls);
// The jump, for the site.
void patch_jump_write(u8 jump[PATCH_JUMP_BYTES], u64 site, u64 slot);
// The program's own address for one in the slot (whose contents are at at): as if it were not
// patched.
u64 patch_slot_canonical(const u8 *at, u64 slot, u64 offset);

#endif
