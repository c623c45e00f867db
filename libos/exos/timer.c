// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Timers of the pod, see timer.h: a skew heap. link is the pointer that points at a timer, so that
// any can be taken out.

#include "libos/exos/timer.h"

#include "libos/exos/process_priv.h"
#include "libos/exos/time.h"
#include "libos/exos/wait.h"

static struct pod_timer *first;
static u64 watched; // process 1 sleeps until then; 0: it is up

static void put(struct pod_timer **link, struct pod_timer *t) {
    *link = t;
    if (t)
        t->link = link;
}

// Puts the union of two heaps where link says.
static void merge(struct pod_timer **link, struct pod_timer *a, struct pod_timer *b) {
    while (a && b) {
        if (b->at < a->at) {
            struct pod_timer *swap = a;
            a = b;
            b = swap;
        }
        struct pod_timer *rest = a->right;
        put(link, a);
        put(&a->right, a->left);
        link = &a->left;
        a = rest;
    }
    put(link, a ? a : b);
}

void pod_timer_set(struct pod_timer *t, u64 at) {
    if (t->at)
        merge(t->link, t->left, t->right);
    t->at = at;
    t->left = t->right = NULL;
    if (!at)
        return;
    merge(&first, first, t);
    if (at < watched)
        wait_wake_thread(process_init()->threads);
}

u64 pod_timer_first(void) {
    return first ? first->at : WAIT_FOREVER;
}

void pod_timer_run(void) {
    u64 now = time_monotonic();
    while (first && first->at <= now) {
        struct pod_timer *t = first;
        pod_timer_set(t, 0);
        t->fire(t);
    }
}

void pod_timer_watched(bool asleep) {
    watched = asleep ? pod_timer_first() : 0;
}
