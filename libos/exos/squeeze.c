// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See squeeze.h.

#include "libos/exos/squeeze.h"

#include "abi/tables.h"
#include "libos/exos/kernel.h"
#include "libos/exos/linux/uapi_signal.h"
#include "libos/exos/mm.h"
#include "libos/exos/pod.h"
#include "libos/exos/pod_priv.h"
#include "libos/exos/process.h"
#include "libos/exos/process_priv.h"
#include "libos/exos/signal.h"

static u32 killed; // that process; until it is gone nobody else is

static const volatile struct abi_account *row(void) {
    return abi_row(ABI_TABLE_ACCOUNTS, ABI_INDEX(pod_account));
}

void squeeze_listen(env_id env) {
    i64 error = sys_account_listen(POD_CAPS, pod_account, env, 0, 0);
    if (error)
        pod_log("exos: account_listen: %ld", error);
}

static u64 missing(void) {
    u64 spare = row()->quota - row()->frames, wanted = row()->wanted;
    return spare < wanted ? wanted - spare : 0;
}

static struct process *largest(void) {
    struct process *found = NULL;
    u64 most = 0;
    PROCESS_FOR_EACH(p) {
        u64 pages = p == process_init() ? 0 : process_resident_pages(p);
        if (pages > most) {
            most = pages;
            found = p;
        }
    }
    return found;
}

void squeeze_answer(void) {
    if (!row()->wanted || row()->first != ABI_ANY || !missing())
        return;
    pod_trim(missing());
    if (missing())
        thread_reclaim();
    PROCESS_FOR_EACH(p) {
        if (missing() && p->mm)
            mm_drop_clean(p->mm);
    }
    struct process *p = missing() && !(killed && process_find(killed)) ? largest() : NULL;
    if (!p)
        return;
    killed = p->pid;
    pod_log("exos: %lu frames are wanted: killing process %u", row()->wanted, p->pid);
    signal_send(p, SIGKILL);
}
