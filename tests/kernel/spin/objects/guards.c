// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Guards as people write them. tests/kernel/spin/guard.c says for each what it must be understood
// as.

typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned char u8;

struct packet {
    u32 length;
    u16 port;
    u8 protocol;
    u8 flags;
    u64 stamp;
    int level;
    u8 address[6];
};

#define GUARD(name)                                                                                \
    __attribute__((section("guard"))) u64 name(const struct packet *p, u64 number, u32 small,      \
                                               int sign)

GUARD(always) {
    return 1;
}
GUARD(never) {
    u16 port = p->port;
    return port + 1 == 80 && port == 81;
}
GUARD(one_field) {
    return p->port == 80;
}
GUARD(one_byte) {
    return p->protocol == 0x91;
}
GUARD(two_fields) {
    return p->protocol == 17 && p->port == 80;
}
GUARD(network_order) {
    return __builtin_bswap16(p->port) == 443 && __builtin_bswap32(p->length) == 0x12345678;
}
GUARD(masked) {
    return (p->flags & 3) == 2;
}
GUARD(bit) {
    return p->flags & 4;
}
GUARD(shifted) {
    return p->flags >> 4 == 6;
}
GUARD(range) {
    return p->length >= 20 && p->length < 1500;
}
GUARD(wide) {
    return p->stamp == 0x123456789abcdef0;
}
GUARD(scalar) {
    return number == 7;
}
GUARD(scalar_wide) {
    return number == 0xfedcba9876543210;
}
GUARD(small_scalar) {
    return small == 0x80000001;
}
GUARD(negative) {
    return sign == -3;
}
GUARD(signed_range) {
    return p->level > -10 && p->level < 10;
}
GUARD(mixed) {
    return p->protocol == 6 && (p->flags & 0x12) == 2 && number >= 5 && small != 9 &&
           p->level != -1;
}
GUARD(early) {
    if (p->protocol != 6)
        return 0;
    if (p->flags & 1)
        return 0;
    return p->port == 22;
}
GUARD(array) {
    return p->address[0] == 1 && p->address[5] == 0xff;
}
GUARD(either) {
    return p->port == 80 || p->port == 443;
}
GUARD(fields) {
    return p->port == p->length;
}
GUARD(sum) {
    return p->port + p->flags == 80;
}
GUARD(loop) {
    u32 sum = 0;
    for (u32 i = 0; i < 6; i++)
        sum += p->address[i];
    return sum == 100;
}
