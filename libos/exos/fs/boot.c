// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// How the tree comes up, and the figures of system.h.

#include "libos/exos/boot.h"

#include "abi/layout.h"
#include "base/string.h"
#include "libos/exos/fs/dentry.h"
#include "libos/exos/fs/dev.h"
#include "libos/exos/fs/file.h"
#include "libos/exos/fs/fill.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/memfile.h"
#include "libos/exos/fs/memfs.h"
#include "libos/exos/fs/proc.h"
#include "libos/exos/fs/root.h"
#include "libos/exos/fs/system.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/pod.h"
#include "libos/exos/process.h"
#include "libos/exos/tty/console.h"

i64 fs_boot(void) {
    struct process *init = current();
    i64 error = root_make();
    if (!error)
        error = console_init();
    if (error)
        return error;
    memfile_pages_max = system_memory().total >> ABI_PAGE_SHIFT >> 1;
    init->files = files_new();
    init->fs = fs_ctx_new();
    if (!init->files || !init->fs)
        return -ENOMEM;
    struct fill_result r =
        fill_from_archive(dentry_root, exos_boot.archive, exos_boot.archive_bytes);
    if (r.broken)
        console_message("the archive of files for the root is damaged");
    if (r.refused)
        pod_log("files: %u entries of the archive were refused\n", r.refused);
    return r.no_memory ? -ENOMEM : 0;
}

i64 fs_boot_stdio(struct process *p) {
    struct file *stdio[3];
    p->files = files_new();
    p->fs = fs_ctx_new();
    if (!p->files || !p->fs)
        return -ENOMEM;
    i64 error = console_open_stdio(p, stdio);
    for (int i = 0; !error && i < 3; i++)
        files_install(p->files, stdio[i], 0, false);
    return error;
}
