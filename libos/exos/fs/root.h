// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The tree before anything is put into it.

#ifndef EXOS_FS_ROOT_H
#define EXOS_FS_ROOT_H

#include "abi/types.h"

// Makes dentry_root with /dev, /proc and /tmp. 0 or -ENOMEM.
i64 root_make(void);

#endif
