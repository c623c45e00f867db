// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The integer types of the contract. Every structure in abi/ is made of these, has explicit
// padding, and pins its offsets by static assertion, so that kernel, library OSes and host tools
// agree whatever compiler built them.

#ifndef ABI_TYPES_H
#define ABI_TYPES_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef signed char i8;
typedef short i16;
typedef int i32;
typedef long i64;

// Names of kernel objects. Accounts, spaces, envs and extensions are named by a number whose low
// ABI_INDEX_BITS bits are the row in the exposed table and whose other bits count the row's uses,
// so that a stale name never means a newer object. Frames are named by their physical page number,
// slices by cpu * ABI_SLICES + position.
typedef u64 account_id;
typedef u64 space_id;
typedef u64 env_id;
typedef u64 pfn_t;
typedef u64 ext_id;

#define ABI_INDEX_BITS 20
#define ABI_INDEX(id)  ((u32)((id) & ((1u << ABI_INDEX_BITS) - 1)))

// "Any will do", where a call takes the number of a frame.
#define ABI_ANY (~0ul)

#define ABI_ASSERT_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
#define ABI_ASSERT_OFFSET(type, field, at)                                                         \
    _Static_assert(__builtin_offsetof(type, field) == (at), #type "." #field)

#endif
