// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Who pays for what handlers of an event share (the dispatcher's tables, their entries, the frames
// in them): the exporter for those of his own account; each other account for its own handlers,
// out of a memory that these have at this exporter. It comes with the first of them, and goes when
// the last is out and nobody can be in its code, whether exporter or installers live or not.
//
// The structure lies in its own memory, in the first run of pages, which goes last.

#include "base/string.h"
#include "kernel/aegis/above.h"
#include "kernel/aegis/account.h"
#include "kernel/spin/event_priv.h"

struct event_share {
    struct memory memory;
    struct dispatch_memory dispatch;
    struct engine_host host;
    struct event_share **list; // of the exporter that it is in; null: it ends
    struct event_share *next;
    u32 handlers;
};

static struct event_share *of_kernel, *ending;

static struct event_share *share_make(struct event_share **list, account_id account) {
    struct memory memory = {.account = account};
    struct event_share *share = memory_alloc(&memory, sizeof *share);
    if (!share)
        return 0;
    memset(share, 0, sizeof *share);
    share->memory = memory;
    event_memory_host(&share->memory, &share->host);
    share->dispatch.host = &share->host;
    share->list = list;
    share->next = *list;
    *list = share;
    ext_pays(account, 1);
    return share;
}

static void unlink(struct event_share *share) {
    struct event_share **at = share->list;
    while (*at != share)
        at = &(*at)->next;
    *at = share->next;
}

i64 event_share_join(struct event_handler *handler, const struct event *event) {
    struct event_share **list = event->owner ? &event->owner->shares : &of_kernel;
    account_id account = handler->ext->memory.account;
    if (account == (event->owner ? event->owner->memory.account : account_first()))
        return 0;
    struct event_share *share = *list;
    while (share && share->memory.account != account)
        share = share->next;
    if (!share)
        share = share_make(list, account);
    if (!share)
        return -E_NOMEM;
    share->handlers++;
    handler->share = share;
    handler->binding.shared = &share->dispatch;
    return 0;
}

void event_share_leave(struct event_handler *handler) {
    struct event_share *share = handler->share;
    handler->share = 0;
    handler->binding.shared = 0;
    if (!share || --share->handlers || !share->list)
        return;
    unlink(share);
    share->list = 0;
    share->next = ending;
    ending = share;
    spin_work = 1;
}

int event_shares_ending(void) {
    return ending != 0;
}

// Some pages of those that end; returns what is left of the budget.
u32 event_shares_reap(u32 budget) {
    for (struct event_share **at = &ending; *at && budget;) {
        struct event_share *share = *at, *next = share->next;
        if (share->dispatch.blocks) {
            at = &share->next;
            continue;
        }
        struct memory memory = share->memory; // it goes with it
        budget = memory_tear(&memory, budget);
        if (memory.runs) {
            share->memory = memory;
            break;
        }
        *at = next;
        ext_pays(memory.account, -1);
    }
    return budget;
}
