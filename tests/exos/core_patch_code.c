// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Tests of the code of patched calls: which shapes are taken and how long they are; where slots
// fit; that a written slot and jump lead where they should; random bytes.

#include "libos/exos/patch_code.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static u64 passed, failed;

static void check(bool ok, const char *what, u64 value) {
    if (ok)
        passed++;
    else if (failed++ < 20)
        printf("patch_code: %s %lx\n", what, value);
}

// Behind the syscall, as hex; the length that patch_decode gives.
static const struct {
    const char *code;
    u32 length;
} shapes[] = {
    {"483d01f0ffff 7301 c3", 6},          // cmp $-4095, %rax
    {"4883f8ff 7401 c3", 4},              // cmp $-1, %rax
    {"3d00f0ffff 7701 c3", 5},            // cmp $-4096, %eax
    {"4885c0 7801 c3", 3},                // test %rax, %rax
    {"4889c7 483d01f0ffff c3", 3},        // mov %rax, %rdi; cmp
    {"4889442408 85c0 c3909090", 5},      // mov %rax, 8(%rsp); test
    {"0f1f8000000000 4881ec48010000", 7}, // nop; sub
    {"64890425100000 00 85c0 c3", 8},     // mov %eax, %fs:16; test
    {"4889842480000000 39c3 9090", 8},    // mov %rax, 128(%rsp); cmp
    {"4981c400100000 9090", 7},           // add
    {"48c7c001000000 31d2 9090", 7},      // mov $1, %rax; xor
    {"f7d8 c3 909090909090", 0},          // neg: two bytes
    {"c3 90909090909090", 3},             // ret, padding
    {"c3 662e0f1f840000000000", 3},       // the same by long ones
    {"c3 0f1f00 5589e5", 3},              //
    {"c3 cccccc55 4889", 3},              //
    {"c3 90 554889e5 9090", 0},           // ret, one byte of padding
    {"c3 554889e5 909090", 0},            // ret, a function
    {"c3 660f1f", 0},                     // cut off
    {"4889c7 5b c3 909090", 3},           // mov, pop, ret
    {"4889c7 5b 7801 c390", 0},           // mov, pop, flags read
    {"5b c3 909090909090", 0},            // pop: one byte
    {"85c0 7801 c3909090", 0},            // test: two bytes
    {"89c2 483d01f0ffff", 0},             // mov: two bytes
    {"7301 c3 9090909090", 0},            // reads the carry
    {"480fb6c0 85c0 9090", 4},            // movzx; test
    {"480fbec0 7801 9090", 0},            // movsx; flags read
    {"480fafc0 85c0 9090", 0},            // imul: unknown
    {"488d0d10000000 85c0", 0},           // lea of rip
    {"8b0510000000 85c0 90", 0},          // mov of rip
    {"4811c0 85c0 909090", 0},            // adc
    {"4883d000 85c0 9090", 0},            // adc $0
    {"4889c7 7801 c3909090", 0},          // flags read before they are set
    {"4889c7 e800000000", 3},             // and call
    {"e800000000 909090", 0},             // call: depends on its address
    {"4889c7 e900000000", 0},             // and jump
    {"48b8010203040506 0708 85c0", 0},    // mov of 64 bits: too long
    {"483d01f0ff", 0},                    // cut off
    {"4889c7", 0},
    {"66 89c2 85c0 909090", 0},
};

static u64 bytes_of(const char *hex, u8 *to) {
    u64 n = 0;
    for (; *hex; hex++) {
        unsigned value;
        if (*hex == ' ')
            continue;
        sscanf(hex++, "%2x", &value);
        to[n++] = (u8)value;
    }
    return n;
}

static u64 get32(const u8 *at) {
    int value;
    memcpy(&value, at, 4);
    return (u64)(long)value;
}

// What must hold of an accepted site.
static void check_site(const u8 *code, u32 length) {
    u64 site = 0x401000 + (u64)rand() % 0x200000, slot, base = 0x3f0000;
    u8 at[PATCH_SLOT_BYTES], jump[PATCH_JUMP_BYTES];
    u32 fitting = 0;
    for (u64 i = 0; i < 0x10000 / PATCH_SLOT_BYTES; i++) {
        slot = base + i * PATCH_SLOT_BYTES;
        if (!patch_slot_fits(site, slot))
            continue;
        fitting++;
        patch_slot_write(at, slot, site, code, length, 0x7fc000001000, 462);
        patch_jump_write(jump, site, slot);
        bool to_slot = jump[0] == 0xe9 && site + 5 + get32(jump + 1) == slot;
        const u8 *back = at + PATCH_BACK;
        bool copied =
            !memcmp(back, code + 2, length) && at[PATCH_RETRY] == 0x0f && at[PATCH_RETRY + 1] == 5;
        u64 end = slot + PATCH_BACK + length + 5;
        bool returns = back[length] == 0xe9 && end + get32(back + length + 1) == site + 2 + length;
        check(to_slot && copied && returns, "slot", slot);
        check(slot + 7 + get32(at + 3) == slot + PATCH_BACK, "rcx", slot);
        u64 table;
        memcpy(&table, at + 31, 8);
        check(table == 0x7fc000001000 && get32(at + 23) == 462, "table", table);
        check(get32(at + 11) == PATCH_MARK_AT && (u32)get32(at + 15) == PATCH_MARK, "mark", slot);
        check(21 + at[20] == PATCH_RETRY && 29 + at[28] == PATCH_RETRY, "ways out", slot);
        check(patch_slot_canonical(at, slot, 0) == site &&
                  patch_slot_canonical(at, slot, 7) == site &&
                  patch_slot_canonical(at, slot, PATCH_RETRY) == site &&
                  patch_slot_canonical(at, slot, PATCH_BACK) == site + 2 &&
                  patch_slot_canonical(at, slot, PATCH_BACK + length) == site + 2 + length,
              "canonical", slot);
    }
    check(fitting == 64, "slots of a region that fit", fitting);
}

int main(void) {
    u8 code[64];
    srand(1);
    for (u64 i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        code[0] = 0x0f, code[1] = 0x05;
        u64 n = 2 + bytes_of(shapes[i].code, code + 2);
        u32 length = patch_decode(code, n);
        check(length == shapes[i].length, shapes[i].code, length);
        if (length)
            check_site(code, length);
    }
    code[1] = 0x34;
    check(!patch_decode(code, 64), "no syscall", 0);
    for (int i = 0; i < 300000; i++) { // never beyond the end, never an unexpected length
        u64 n = (u64)rand() % 49;
        u8 *exact = malloc(n + 1);
        for (u64 j = 0; j < n; j++)
            exact[j] = (u8)rand();
        if (n > 1)
            exact[0] = 0x0f, exact[1] = 0x05;
        u32 length = n ? patch_decode(exact, n) : 0;
        if (length && (length < 3 || length > 15 || length + 2 > n))
            check(false, "length", length);
        free(exact);
    }
    passed++;
    check(!patch_slot_fits(0x401000, 0x401000 + 0x80000000ul + 0x606), "too far", 0);
    printf("patch_code: %lu passed, %lu failed\n", passed, failed);
    return failed != 0;
}
