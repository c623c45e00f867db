// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What mmap asks of files (vm.h); the pages come from memfile.c.

#include "abi/layout.h"
#include "libos/exos/fs/file.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/memfile.h"
#include "libos/exos/fs/memfs.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/linux/uapi_mman.h"
#include "libos/exos/vm.h"

struct vnode *vnode_shmem(u64 bytes) {
    struct vnode *v = memfs_vnode(LINUX_S_IFREG | 0600, 0, 0, FS_DEV_ANON, 0, NULL);
    if (!v)
        return NULL;
    v->nlink = 0;
    v->size = (bytes + ABI_PAGE - 1) & ~(ABI_PAGE - 1);
    return v;
}

static bool is_zero_device(const struct vnode *v) {
    return vnode_type(v) == LINUX_S_IFCHR && v->rdev == LINUX_DEV(1, 5);
}

i64 file_mmap(int fd, int prot, int flags, u64 offset, struct vnode **vnode) {
    struct file *f = files_at(self()->files, fd);
    bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;
    if (!f || (f->flags & LINUX_O_PATH))
        return -EBADF;
    if (!file_may_read(f))
        return -EACCES;
    if (shared && (prot & PROT_WRITE) && !file_may_write(f))
        return -EACCES;
    if ((i64)offset < 0)
        return -EOVERFLOW;
    if (is_zero_device(f->vnode)) {
        *vnode = NULL;
        return 0;
    }
    if (!vnode_is_reg(f->vnode) || f->vnode->ops->file != &memfile_ops)
        return -ENODEV;
    vnode_map_get(f->vnode);
    *vnode = f->vnode;
    return 0;
}
