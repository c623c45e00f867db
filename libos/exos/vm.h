// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Address space of a process: the areas a program has mapped, and the faults that fill them. What
// is where:
//
//     0x10000 .. EXOS_USER_END    the program's: ELF image, heap, mmap area (top-down), stack
//     EXOS_SCRATCH                one page of each process, where a page for it can be made
//     EXOS_SLOT .. ABI_USER_END   ExOS: one set of page tables that all processes of the pod share
//       EXOS_IMAGE ..               text, data, and behind them pod memory, up to POD_HEAP_END
//       POD_INDEX ..                which frame is behind each page of the pod
//       POD_MODULE ..               the boot module, read-only, mapped at first touch
//
// Soft bits of page-table entries: S0 copy-on-write, S1 shared (never copied), S2 of a file, and
// can be mapped again (fork leaves it out if it was not accessed), S3 a private page that a fault
// would make again as it is, while D is not set: who writes to it otherwise than by this entry
// clears S3. Private anonymous frames are FRAME_AUTO; frames of files and of the pod are not, which
// is how copy-on-write knows what it may take over.

#ifndef EXOS_VM_H
#define EXOS_VM_H

#include "abi/layout.h"
#include "abi/pte.h"
#include "abi/types.h"
#include <stdbool.h>

#define EXOS_USER_START 0x10000ul
#define EXOS_USER_END   0x00007f7ffffff000ul
#define EXOS_SCRATCH    EXOS_USER_END
#define EXOS_SLOT       0x00007f8000000000ul
#define EXOS_IMAGE      0x00007fc000000000ul
#define POD_HEAP_END    0x00007fc200000000ul
#define POD_INDEX       0x00007fc800000000ul
#define POD_MODULE      0x00007fd000000000ul
#define POD_MODULE_END  0x00007fe000000000ul

#define VM_COW    ABI_PTE_S0
#define VM_SHARED ABI_PTE_S1
#define VM_FILE   ABI_PTE_S2
#define VM_CLEAN  ABI_PTE_S3

struct vnode;

// What vm needs of a file; FILES implements them.
//
// Frames for mapping: *pfn is that of page first, and those of the pages after it, up to the result
// (1 .. count), follow it. write: a shared writable mapping wants them. -EFAULT beyond the end
// (SIGBUS), -ENOMEM.
i64 vnode_get_pages(struct vnode *vnode, u64 first, u64 count, int write, pfn_t *pfn);
// References of mappings: pages stay valid while there is one.
void vnode_map_get(struct vnode *vnode);
void vnode_map_put(struct vnode *vnode);
// A new nameless memory file, for MAP_SHARED | MAP_ANONYMOUS: one reference, or NULL.
struct vnode *vnode_shmem(u64 bytes);
// mmap of a descriptor: *vnode gets a map reference (NULL: private zero pages, /dev/zero). -EBADF,
// -EACCES, -ENODEV.
i64 file_mmap(int fd, int prot, int flags, u64 offset, struct vnode **vnode);

// Called by FILES when a file with mappings shrinks: removes the pages from all processes of the
// pod.
void vm_vnode_truncated(struct vnode *vnode, u64 first_page);

#endif
