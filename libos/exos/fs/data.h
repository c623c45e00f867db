// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Where the bytes of a read or write are: at a user address, which system calls check by
// data_range_ok first, or, above EXOS_USER_END, in ExOS' own memory (exec, sendfile). Both kinds go
// through one path.

#ifndef EXOS_FS_DATA_H
#define EXOS_FS_DATA_H

#include "abi/types.h"
#include "base/string.h"
#include "libos/exos/fs/uapi.h"
#include "libos/exos/trap.h"
#include "libos/exos/uaccess.h"
#include "libos/exos/vm.h"

static inline bool data_range_ok(u64 address, u64 bytes) {
#ifdef TRICOLOR_HOST
    return user_range_ok(address, bytes);
#else
    return address < EXOS_USER_END && bytes <= EXOS_USER_END - address; // the same, without a call
#endif
}

#ifdef TRICOLOR_HOST
#define data_copy_to   copy_to_user_partial
#define data_copy_from copy_from_user_partial
#define data_string    strncpy_from_user
#else
// data_range_ok has been asked. user_copy, of which the compiler knows what it changes.
static inline u64 data_copy(u64 to, u64 from, u64 bytes) {
    u64 left;
    __asm__ volatile("call user_copy"
                     : "=a"(left), "+D"(to), "+S"(from), "+d"(bytes)
                     :
                     : "rcx", "memory", "cc");
    return left;
}
// strncpy_from_user of max bytes that lie in user space; other than a length says that something is
// wrong.
static inline i64 data_string(char *to, u64 from, u64 max) {
    i64 length;
    u64 left = max;
    __asm__ volatile("call user_string"
                     : "=a"(length), "+d"(left)
                     : "D"(to), "S"(from)
                     : "rcx", "r8", "r9", "r10", "memory", "cc");
    return length;
}
#define data_copy_to(to, from, bytes)   data_copy(to, (u64)(from), bytes)
#define data_copy_from(to, from, bytes) data_copy((u64)(to), from, bytes)
#endif

// Is a call of so many bytes at address plainly right: in user space, and not above Linux's limit?
static inline bool data_range_plain(u64 address, u64 bytes) {
    return bytes <= LINUX_RW_MAX && address < EXOS_USER_END - LINUX_RW_MAX;
}

// Bytes copied: fewer than asked for when user memory faults.
static inline u64 data_put(u64 to, const void *from, u64 bytes) {
    if (to < EXOS_USER_END)
        return bytes - data_copy_to(to, from, bytes);
    memcpy((void *)to, from, bytes);
    return bytes;
}

static inline u64 data_get(void *to, u64 from, u64 bytes) {
    if (from < EXOS_USER_END)
        return bytes - data_copy_from(to, from, bytes);
    memcpy(to, (const void *)from, bytes);
    return bytes;
}

// Eight bytes; whether they could be copied.
static inline bool data_put_u64(u64 to, u64 value) {
#ifndef TRICOLOR_HOST
    if (to < EXOS_USER_END)
        return !user_store64((void *)to, value);
#endif
    return data_put(to, &value, 8) == 8;
}

static inline bool data_get_u64(u64 *value, u64 from) {
#ifndef TRICOLOR_HOST
    if (from < EXOS_USER_END)
        return !user_load64(value, (const void *)from);
#endif
    return data_get(value, from, 8) == 8;
}

// Zeros, from one page of them.
u64 data_put_zeros(u64 to, u64 bytes);

#endif
