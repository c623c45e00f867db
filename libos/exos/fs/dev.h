// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Character devices by number: memory devices here, terminals in tty/.

#ifndef EXOS_FS_DEV_H
#define EXOS_FS_DEV_H

#include "libos/exos/fs/vnode.h"

// Gives a file over a character device its operations. -ENXIO: no such device.
i64 dev_open(struct file *file);

// The entries of /dev. 0 or -ENOMEM.
i64 dev_populate(struct dentry *dev);

#endif
