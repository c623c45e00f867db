// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Texts that both /proc and /proc/PID have.

#ifndef EXOS_FS_PROC_PRIV_H
#define EXOS_FS_PROC_PRIV_H

#include "libos/exos/fs/proc.h"

void proc_text_mounts(struct format_text *to, struct process *p, u32 number);
void proc_text_mountinfo(struct format_text *to, struct process *p, u32 number);

#endif
