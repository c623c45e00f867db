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
#include "libos/exos/uaccess.h"
#include "libos/exos/vm.h"

static inline bool data_range_ok(u64 address, u64 bytes) {
#ifdef TRICOLOR_HOST
    return user_range_ok(address, bytes);
#else
    return address < EXOS_USER_END && bytes <= EXOS_USER_END - address; // the same, without a call
#endif
}

// Bytes copied: fewer than asked for when user memory faults.
static inline u64 data_put(u64 to, const void *from, u64 bytes) {
    if (to < EXOS_USER_END)
        return bytes - copy_to_user_partial(to, from, bytes);
    memcpy((void *)to, from, bytes);
    return bytes;
}

static inline u64 data_get(void *to, u64 from, u64 bytes) {
    if (from < EXOS_USER_END)
        return bytes - copy_from_user_partial(to, from, bytes);
    memcpy(to, (const void *)from, bytes);
    return bytes;
}

// Zeros, from one page of them.
u64 data_put_zeros(u64 to, u64 bytes);

#endif
