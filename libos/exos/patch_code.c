// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See patch_code.h. The decoder knows what compilers and C libraries put behind a system call;
// whatever else it meets ends the matter.

#include "libos/exos/patch_code.h"
#include "base/string.h"

#define SLOT_LENGTH 59ul // of insn

// How an instruction treats the status flags.
enum effect {
    UNKNOWN, // cannot be decoded, reads them, jumps, or depends on its address
    KEEPS,
    SETS,   // all of them
    LEAVES, // the function: nobody expects flags of a call or a return
};

struct insn {
    enum effect effect;
    u32 length;
};

// Bytes of ModRM, SIB and displacement; 0: relative to rip, or cut off.
static u32 modrm_bytes(const u8 *p, u64 left) {
    u32 mod = p[0] >> 6, rm = p[0] & 7, bytes = 1;
    if (mod == 3)
        return 1;
    if (mod == 0 && rm == 5)
        return 0;
    if (rm == 4) {
        if (left < 2)
            return 0;
        bytes++;
        if (mod == 0 && (p[1] & 7) == 5)
            bytes += 4;
    }
    return bytes + (mod == 1 ? 1 : mod == 2 ? 4 : 0);
}

// add, or, adc, sbb, and, sub, xor, cmp by their number: adc and sbb read the carry.
static enum effect arithmetic(u32 operation) {
    return operation == 2 || operation == 3 ? UNKNOWN : SETS;
}

// Opcodes with a ModRM byte: the effect, and in *immediate the bytes behind it.
static enum effect modrm_opcode(u8 opcode, u8 modrm, u32 *immediate) {
    u32 operation = modrm >> 3 & 7;
    *immediate = 0;
    if (opcode < 0x40 && (opcode & 7) < 4)
        return arithmetic(opcode >> 3);
    switch (opcode) {
    case 0x80:
    case 0x83:
        *immediate = 1;
        return arithmetic(operation);
    case 0x81:
        *immediate = 4;
        return arithmetic(operation);
    case 0x84:
    case 0x85: // test
        return SETS;
    case 0x88:
    case 0x89:
    case 0x8a:
    case 0x8b: // mov
    case 0x8d: // lea
        return KEEPS;
    case 0xc7: // mov
        *immediate = 4;
        return operation == 0 ? KEEPS : UNKNOWN;
    case 0xf7: // test, neg
        *immediate = operation == 0 ? 4 : 0;
        return operation == 0 || operation == 3 ? SETS : UNKNOWN;
    default:
        return UNKNOWN;
    }
}

// Opcodes of one byte.
static enum effect short_opcode(u8 opcode) {
    if ((opcode & 0xf0) == 0x50 || opcode == 0x90) // push, pop, nop
        return KEEPS;
    return opcode == 0xc3 ? LEAVES : UNKNOWN; // ret
}

// Behind 0x0f: nop, movzx, movsx; all with a ModRM byte.
static bool long_keeps(u8 opcode) {
    return opcode == 0x1f || opcode == 0xb6 || opcode == 0xb7 || opcode == 0xbe || opcode == 0xbf;
}

static struct insn insn_at(const u8 *p, u64 left) {
    static const struct insn none = {UNKNOWN, 0};
    u32 at = 0, immediate = 0;
    bool fs = left && p[0] == 0x64;
    at += fs;
    bool rex = at < left && (p[at] & 0xf0) == 0x40, wide = rex && p[at] & 8;
    at += rex;
    if (at < left && !fs && short_opcode(p[at]) != UNKNOWN)
        return (struct insn){short_opcode(p[at]), at + 1};
    if (at + 2 > left)
        return none;
    u8 opcode = p[at++];
    enum effect effect;
    if (opcode == 0xe8) {
        effect = LEAVES; // call
        at += 4;
    } else if (opcode < 0x40 && (opcode & 7) == 5) { // operation on eax with imm32
        effect = arithmetic(opcode >> 3);
        at += 4;
    } else if ((opcode & 0xf8) == 0xb8) { // mov of a constant
        effect = KEEPS;
        at += wide ? 8 : 4;
    } else {
        bool two = opcode == 0x0f && long_keeps(p[at]);
        at += two;
        u32 bytes = at < left ? modrm_bytes(p + at, left - at) : 0;
        if (!bytes)
            return none;
        effect = two ? KEEPS : modrm_opcode(opcode, p[at], &immediate);
        at += bytes + immediate;
    }
    return effect == UNKNOWN || at > left || at > 15 ? none : (struct insn){effect, at};
}

// Length of an instruction that only fills space, prefixes 0x66 and CS included; 0: something else.
static u64 padding_at(const u8 *p, u64 left) {
    u64 at = 0;
    if (left && p[0] == 0xcc)
        return 1;
    while (at < left && (p[at] == 0x66 || p[at] == 0x2e))
        at++;
    if (at < left && p[at] == 0x90)
        return at + 1;
    if (at + 3 > left || p[at] != 0x0f || p[at + 1] != 0x1f)
        return 0;
    u64 bytes = modrm_bytes(p + at + 2, left - at - 2);
    return bytes && at + 2 + bytes <= left ? at + 2 + bytes : 0;
}

// A ret, and what the jump covers behind it is nobody's.
static bool ret_padded(const u8 *code, u64 bytes) {
    u64 at = 3;
    while (at < PATCH_JUMP_BYTES) {
        u64 length = padding_at(code + at, bytes - at);
        if (!length)
            return false;
        at += length;
    }
    return true;
}

u32 patch_decode(const u8 *code, u64 bytes) {
    if (bytes < 8 || code[0] != 0x0f || code[1] != 0x05)
        return 0;
    if (code[2] == 0xc3)
        return ret_padded(code, bytes) ? PATCH_JUMP_BYTES - 2 : 0;
    struct insn first = insn_at(code + 2, bytes - 2);
    if (first.length < 3 || first.length > PATCH_INSN_MAX || first.effect == LEAVES)
        return 0;
    u64 at = 2 + first.length;
    for (struct insn i = first; i.effect < SETS; at += i.length) {
        i = insn_at(code + at, bytes - at);
        if (i.effect == UNKNOWN)
            return 0;
    }
    return first.length;
}

// One-byte opcodes without any meaning in 64-bit mode, whatever follows.
static bool invalid_opcode(u8 byte) {
    static const u8 list[] = {0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27,
                              0x2f, 0x37, 0x3f, 0x60, 0x61, 0x9a, 0xce, 0xea};
    for (u32 i = 0; i < sizeof(list); i++) {
        if (list[i] == byte)
            return true;
    }
    return false;
}

#define REACH 0x7fff0000ul

bool patch_slot_fits(u64 site, u64 slot) {
    u64 distance = slot - (site + PATCH_JUMP_BYTES);
    // The jump is its opcode, then the distance: its second byte takes the place of insn's first.
    return distance + REACH < 2 * REACH && invalid_opcode((u8)(distance >> 8));
}

static void put32(u8 *at, u64 value) {
    u32 low = (u32)value;
    memcpy(at, &low, 4);
}

void patch_slot_write(u8 *at, u64 slot, u64 site, const u8 *code, u32 length, u64 table,
                      u32 calls) {
    static const u8 head[] = {
        0x48, 0x8d,
        0x0d, PATCH_BACK - 7,
        0,    0,
        0, // lea back(%rip), %rcx
        0x65, 0x81,
        0x3c, 0x25,
        0,    0,
        0,    0,
        0,    0,
        0,    0,                // cmpl $, %gs:
        0x75, PATCH_RETRY - 21, // jne retry
        0x48, 0x3d,
        0,    0,
        0,    0,                // cmp $, %rax
        0x73, PATCH_RETRY - 29, // jae retry
        0x49, 0xbb,
        0,    0,
        0,    0,
        0,    0,
        0,    0, // mov $, %r11
        0x41, 0xff,
        0x24, 0xc3, // jmp *(%r11, %rax, 8)
        0x0f, 0x05,
    };
    _Static_assert(sizeof(head) == PATCH_BACK, "a slot's head");
    memset(at, 0xcc, PATCH_SLOT_BYTES);
    memcpy(at, head, sizeof(head));
    put32(at + 11, PATCH_MARK_AT);
    put32(at + 15, PATCH_MARK);
    put32(at + 23, calls);
    memcpy(at + 31, &table, 8);
    memcpy(at + PATCH_BACK, code + 2, length);
    u8 *jump = at + PATCH_BACK + length;
    u64 end = slot + PATCH_BACK + length + PATCH_JUMP_BYTES;
    jump[0] = 0xe9;
    put32(jump + 1, site + 2 + length - end);
    at[SLOT_LENGTH] = (u8)length;
    put32(at + PATCH_SLOT_SITE, slot - site);
}

void patch_jump_write(u8 jump[PATCH_JUMP_BYTES], u64 site, u64 slot) {
    jump[0] = 0xe9;
    put32(jump + 1, slot - (site + PATCH_JUMP_BYTES));
}

u64 patch_slot_canonical(const u8 *at, u64 slot, u64 offset) {
    i32 before;
    memcpy(&before, at + PATCH_SLOT_SITE, 4);
    u64 site = slot - (u64)(i64)before;
    if (offset < PATCH_BACK)
        return site;
    return offset == PATCH_BACK ? site + 2 : site + 2 + at[SLOT_LENGTH];
}
