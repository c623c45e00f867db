// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the rest of ExOS needs of files: start-up, descriptor tables, exec, and the references that
// mappings hold (those are in vm.h). Everything here runs under the pod lock.

#ifndef EXOS_FS_FS_H
#define EXOS_FS_FS_H

#include "abi/types.h"

struct file;
struct files;
struct fs_ctx;
struct process;
struct vnode;

// Once per pod, in init: the root from exos_boot's archive (entries under root/), /dev, /proc, the
// console. 0 or -ENOMEM.
i64 fs_boot(void);
// Gives a process without files its tables, and descriptors 0, 1 and 2 as the words stdin=,
// stdout=, stderr= say.
i64 fs_boot_stdio(struct process *process);

// Descriptor tables. clone: for fork (NULL: no memory); put: the process ends or execs away from a
// shared table.
struct files *files_new(void);
struct files *files_get(struct files *files);
struct files *files_clone(struct files *files);
void files_put(struct files *files);
// exec: closes what has FD_CLOEXEC. A table shared with other processes must be cloned before.
void files_close_on_exec(struct files *files);

// Root, working directory, umask.
struct fs_ctx *fs_ctx_new(void);
struct fs_ctx *fs_ctx_get(struct fs_ctx *fs);
struct fs_ctx *fs_ctx_clone(struct fs_ctx *fs);
void fs_ctx_put(struct fs_ctx *fs);

// exec. path is a terminated string in ExOS' memory; dirfd and flags as of execveat (flags:
// AT_SYMLINK_NOFOLLOW 0x100, AT_EMPTY_PATH 0x1000). Checks for a regular file with x permission
// (-EACCES). *vnode gets a reference; its absolute path goes to absolute[size] (cut).
i64 fs_open_exec(int dirfd, const char *path, u32 flags, struct vnode **vnode, char *absolute,
                 u64 size);
// Reads into ExOS' memory: bytes, fewer only at the end of the file.
i64 vnode_read(struct vnode *vnode, u64 position, void *to, u64 bytes);
u64 vnode_size(const struct vnode *vnode);
u32 vnode_mode(const struct vnode *vnode); // S_ISUID and so on
u32 vnode_uid(const struct vnode *vnode);
u32 vnode_gid(const struct vnode *vnode);
u64 vnode_ino(const struct vnode *vnode);
u32 vnode_dev(const struct vnode *vnode);
void vnode_get(struct vnode *vnode);
void vnode_put(struct vnode *vnode);

// A session leader ends: hang-up of its terminal, which no process of the session keeps.
void tty_session_exit(struct process *leader);

// The console's input: takes what has arrived, as far as there is room. In init, when
// console_bind's wakeup comes or now and then. Returns whether anything came.
int console_pump(void);

#endif
