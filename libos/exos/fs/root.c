// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The empty root, see root.h.

#include "libos/exos/fs/root.h"

#include "libos/exos/fs/dentry.h"
#include "libos/exos/fs/dev.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/memfs.h"
#include "libos/exos/fs/proc.h"
#include "libos/exos/linux/uapi_errno.h"

static i64 make_root_itself(void) {
    struct vnode *v = memfs_vnode(LINUX_S_IFDIR | 0755, 0, 0, FS_DEV_ROOT, 0, NULL);
    if (!v)
        return -ENOMEM;
    dentry_root = dentry_made_up(NULL, "", 0, v);
    if (!dentry_root)
        return -ENOMEM;
    dentry_root->mounted = true;
    v->nlink = 2;
    v->dir.next_cookie = 3;
    return 0;
}

static i64 mount_at(const char *name, u32 length, struct vnode *v, struct dentry **d) {
    if (!v)
        return -ENOMEM;
    *d = dentry_link(dentry_root, name, length, v);
    if (!*d) {
        vnode_put(v);
        return -ENOMEM;
    }
    (*d)->mounted = true;
    return 0;
}

i64 root_make(void) {
    struct dentry *d;
    i64 error = dentry_init();
    if (!error)
        error = make_root_itself();
    if (!error)
        error =
            mount_at("dev", 3, memfs_vnode(LINUX_S_IFDIR | 0755, 0, 0, FS_DEV_DEV, 0, NULL), &d);
    if (!error)
        error = dev_populate(d);
    if (!error)
        error = mount_at("proc", 4, proc_root(), &d);
    if (!error)
        error = memfs_make(dentry_root, "tmp", 3, LINUX_S_IFDIR | 01777, 0, NULL, &d);
    return error;
}
