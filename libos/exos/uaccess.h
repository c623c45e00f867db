// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The program's memory. User addresses are below EXOS_USER_END (vm.h) and checked here; a fault is
// resolved like the program's own (demand zero, copy on write, file page), or ends the routine with
// -EFAULT. Pod lock held or not.

#ifndef EXOS_UACCESS_H
#define EXOS_UACCESS_H

#include "abi/types.h"
#include <stdbool.h>

bool user_range_ok(u64 address, u64 bytes);

// 0 or -EFAULT; part may have been copied.
i64 copy_from_user(void *to, u64 from, u64 bytes);
i64 copy_to_user(u64 to, const void *from, u64 bytes);
i64 clear_user(u64 to, u64 bytes);
// Bytes that could not be copied, from the end: 0 is all.
u64 copy_from_user_partial(void *to, u64 from, u64 bytes);
u64 copy_to_user_partial(u64 to, const void *from, u64 bytes);

// Length without NUL, -EFAULT, or -ENAMETOOLONG if there is no NUL in the first max bytes.
i64 strncpy_from_user(char *to, u64 from, u64 max);

i64 get_user_u32(u32 *value, u64 from);
i64 get_user_u64(u64 *value, u64 from);
i64 put_user_u32(u64 to, u32 value);
i64 put_user_u64(u64 to, u64 value);

#endif
