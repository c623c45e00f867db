// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The assembler: text to wire slots, for tests and triv. One instruction a line, in the syntax that
// engine_insn_print writes:
//
//     again:  ldxw r3, [r1+4]      # a label; comments begin with #, ; or //
//             add r2, r3           add32, and so on for 32-bit operations; second operand register
//             or number jgt r2, 10, again    targets: label, @slot, +n or -n (relative to the next
//             slot) lddw r4, 0x123456789abcdef0 lddw r5, function again stw [r10-8], 7       stx*
//             for registers, st* for numbers; atomics: afadd64 [r1+0], r2 callf again local
//             function; `call 3`: import by number; `callx r4` exit .slot 0x95           a raw
//             slot, 64 bits

#ifndef TOOLS_ENGINE_ASM_H
#define TOOLS_ENGINE_ASM_H

#include <stddef.h>
#include <stdint.h>

// Assembles text into malloc'ed *slots of *size bytes. Returns 0, or the line (from 1) that is
// wrong, with a message.
unsigned asm_assemble(const char *text, uint8_t **slots, size_t *size, char *message,
                      size_t message_size);

#endif
