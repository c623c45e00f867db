// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// epoll: a file that watches others. Each look asks every watched file; there is no list of ready
// ones.

#ifndef EXOS_FS_EPOLL_H
#define EXOS_FS_EPOLL_H

#include "libos/exos/fs/vnode.h"

// A watched file is closed for good: nobody watches it any more.
void epoll_file_closed(struct file *file);

#endif
