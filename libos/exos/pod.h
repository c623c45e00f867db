// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Memory and mutual exclusion of a pod: the processes of one account that share a Unix.
//
// ExOS is one image, mapped at the same address in every process of the pod; its data and all
// memory from here are shared by all of them, page tables included, so a pointer into either means
// the same everywhere, thread stacks included. Freed pages are used again inside the pod; when many
// are free, their frames go back to the kernel.
//
// The pod lock. Every Linux system call handler, fault handler and signal decision runs with it
// held; wait_sleep gives it up while it sleeps, and nothing else does. While it is held, slice ends
// and notifications are deferred (env_uarea.masked). A waiter gives its slice to the holder by
// name. Touching user memory under it is allowed: faults are handled in place.

#ifndef EXOS_POD_H
#define EXOS_POD_H

#include "abi/types.h"
#include <stdbool.h>
#include <stddef.h>

// Zeroed memory, aligned to 16 (to the page from 2048 bytes on); NULL if the pod's memory is used
// up.
void *pod_alloc(u64 bytes);
// The same with anything in it, for what is written before it is read.
void *pod_alloc_dirty(u64 bytes);
// p from pod_alloc, or NULL.
void pod_free(void *p);

// One zeroed page, and back. For file contents.
void *pod_page_alloc(void);
void pod_page_free(void *page);
// The frame behind an address in pod memory (any page of it, the image excluded).
pfn_t pod_page_frame(const void *p);

// Pages of the pod that have a frame, and of these free.
u64 pod_pages_total(void);
u64 pod_pages_free(void);

void pod_lock(void);
void pod_unlock(void);
bool pod_locked_by_me(void);

// A text for whoever runs the pod: to the kernel's log if that is allowed. printf-like
// (base/format.h).
void pod_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
// A broken invariant of ExOS itself: logs, and ends the machine or the env.
void pod_panic(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#define POD_ASSERT(x)                                                                              \
    do {                                                                                           \
        if (!(x))                                                                                  \
            pod_panic("%s:%d: %s", __FILE__, __LINE__, #x);                                        \
    } while (0)

#endif
