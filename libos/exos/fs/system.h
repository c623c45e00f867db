// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Figures about machine and pod that /proc and statfs show.

#ifndef EXOS_FS_SYSTEM_H
#define EXOS_FS_SYSTEM_H

#include "abi/types.h"

struct linux_utsname;

struct system_memory {
    u64 total, free; // bytes: the machine's frames
    u64 files;       // in pages of files
};

struct system_memory system_memory(void);
u64 system_cpu_idle_ns(u32 cpu);
// What uname says.
const struct linux_utsname *system_name(void);

#endif
