// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The program's memory, see uaccess.h; the instructions that touch it are in entry.S.

#include "libos/exos/uaccess.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/trap.h"
#include "libos/exos/vm.h"

bool user_range_ok(u64 address, u64 bytes) {
    return address < EXOS_USER_END && bytes <= EXOS_USER_END - address;
}

u64 copy_from_user_partial(void *to, u64 from, u64 bytes) {
    return user_range_ok(from, bytes) ? user_copy(to, (const void *)from, bytes) : bytes;
}

u64 copy_to_user_partial(u64 to, const void *from, u64 bytes) {
    return user_range_ok(to, bytes) ? user_copy((void *)to, from, bytes) : bytes;
}

i64 copy_from_user(void *to, u64 from, u64 bytes) {
    return copy_from_user_partial(to, from, bytes) ? -EFAULT : 0;
}

i64 copy_to_user(u64 to, const void *from, u64 bytes) {
    return copy_to_user_partial(to, from, bytes) ? -EFAULT : 0;
}

i64 clear_user(u64 to, u64 bytes) {
    return user_range_ok(to, bytes) && !user_fill((void *)to, bytes) ? 0 : -EFAULT;
}

i64 strncpy_from_user(char *to, u64 from, u64 max) {
    if (from >= EXOS_USER_END)
        return -EFAULT;
    u64 room = EXOS_USER_END - from, n = max < room ? max : room;
    i64 length = user_string(to, (const char *)from, n);
    if (length < 0)
        return -EFAULT;
    return (u64)length == n ? (n == max ? -ENAMETOOLONG : -EFAULT) : length;
}

i64 get_user_u32(u32 *value, u64 from) {
    return user_range_ok(from, 4) && !user_load32(value, (const void *)from) ? 0 : -EFAULT;
}

i64 get_user_u64(u64 *value, u64 from) {
    return user_range_ok(from, 8) && !user_load64(value, (const void *)from) ? 0 : -EFAULT;
}

i64 put_user_u32(u64 to, u32 value) {
    return user_range_ok(to, 4) && !user_store32((void *)to, value) ? 0 : -EFAULT;
}

i64 put_user_u64(u64 to, u64 value) {
    return user_range_ok(to, 8) && !user_store64((void *)to, value) ? 0 : -EFAULT;
}
