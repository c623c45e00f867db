// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Contents of regular files in memory: trees of page frames that programs can map, over bytes of
// the boot archive that are copied when first written (or mapped, if the archive does not have them
// on a page of their own). See struct page_tree and vnode.reg in vnode.h.
//
// Invariants: bytes of a page beyond the file's size are 0; no page lies wholly beyond the size;
// rom_size <= size at all times.

#ifndef EXOS_FS_MEMFILE_H
#define EXOS_FS_MEMFILE_H

#include "libos/exos/fs/vnode.h"

// Largest file: what six levels of 64 pages hold.
#define MEMFILE_MAX (1ul << 46)

extern const struct file_ops memfile_ops;

// Pages of all files, and how many there may be: files must not take the memory that programs live
// on. Writing beyond gives -ENOSPC.
extern u64 memfile_pages, memfile_pages_max;

// Reads at position into address (data.h); bytes, 0 at the end, -EFAULT.
i64 memfile_read_at(struct vnode *v, u64 position, u64 to, u64 bytes);
// Bytes written (fewer: memory ran out or a fault, after some), -EFAULT, -ENOSPC.
i64 memfile_write_at(struct vnode *v, u64 position, u64 from, u64 bytes);
i64 memfile_truncate(struct vnode *v, u64 size);
// Pages for [from, to) so that writing there cannot fail; does not change the size.
i64 memfile_reserve(struct vnode *v, u64 from, u64 to);
// Makes [from, to) zero; pages wholly inside are given back.
i64 memfile_punch(struct vnode *v, u64 from, u64 to);
// First position >= position in data (hole: not in data); -ENXIO beyond the end.
i64 memfile_seek(const struct vnode *v, u64 position, bool hole);
// All contents go.
void memfile_free(struct vnode *v);
// 512-byte blocks in use.
u64 memfile_blocks(const struct vnode *v);

#endif
