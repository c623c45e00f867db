// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Domains that are made of others: an interface (some names of one), or the union of several. They
// are extensions without code, so that they have names, owners and ends.

#include "base/string.h"
#include "gen/syscalls_kernel.h"
#include "kernel/aegis/above.h"
#include "kernel/aegis/account.h"
#include "kernel/aegis/sched.h"
#include "kernel/aegis/space.h"
#include "kernel/spin/domain_priv.h"

#define SOURCES (sizeof((struct domain_create *)0)->sources / sizeof(ext_id))

static i64 request_read(u64 at, struct domain_create *request, u64 *names) {
    if (at & 7)
        return -E_ALIGN;
    i64 error = space_copy_in(request, at, sizeof *request);
    if (error)
        return error;
    if (request->flags & ~(u64)(EXT_STAYS | EXT_PRIVATE) || request->reserved ||
        !ext_name_is_valid(request->name))
        return -E_INVAL;
    if (request->name_count > DOMAIN_NAMES)
        return -E_LIMIT;
    if (request->names & 7)
        return -E_ALIGN;
    return request->name_count
               ? space_copy_in(names, request->names, request->name_count * sizeof *names)
               : 0;
}

// Entries are added to the domain; one that is wanted by several names or sources comes once.
struct filling {
    struct ext *domain;
    const u64 *names; // wanted; null: all
    u64 count;
    u64 found; // bit set of names
    u32 entries;
};

static i64 entry_offer(struct filling *f, u64 hash, struct event *event,
                       const struct service *service) {
    u64 index = 0;
    while (index < f->count && f->names[index] != hash)
        index++;
    if (f->count && (index == f->count || f->found >> index & 1))
        return 0;
    for (const struct domain_entry *at = f->domain->entries; at; at = at->next)
        if (at->event == event && at->service == service)
            return 0;
    if (f->entries == DOMAIN_NAMES)
        return -E_LIMIT;
    struct domain_entry *entry = memory_alloc(&f->domain->lasting, sizeof *entry);
    if (!entry)
        return -E_NOMEM;
    domain_entry_add(f->domain, entry, event, service);
    f->entries++;
    f->found |= f->count ? 1ul << index : 0;
    return 0;
}

static i64 source_add(struct filling *f, ext_id source) {
    i64 error = 0;
    if (source == DOMAIN_KERNEL) {
        for (const struct service *const *at = spin_services_start;
             at < spin_services_end && !error; at++)
            error = entry_offer(f, ext_hash((*at)->import.name), NULL, *at);
        return error;
    }
    struct ext *ext = ext_find(source);
    for (struct event *event = ext->events; event && !error; event = event->next_of_ext)
        error = event->kernel ? 0 : entry_offer(f, event->hash, event, NULL);
    for (struct domain_entry *at = ext->entries; at && !error; at = at->next) {
        if (at->service)
            error = entry_offer(f, ext_hash(at->service->import.name), NULL, at->service);
        else if (at->event)
            error = entry_offer(f, at->event->hash, at->event, NULL);
    }
    return error;
}

static i64 sources_check(u64 cap, const struct domain_create *request) {
    i64 error = 0;
    for (u32 i = 0; i < SOURCES && !error; i++)
        if (request->sources[i])
            error = request->sources[i] == DOMAIN_PUBLIC
                        ? -E_INVAL
                        : domain_check_source(cap, request->sources[i]);
    return error;
}

i64 sys_domain_create(u64 cap, account_id payer, u64 at) {
    struct abi_account *account;
    struct domain_create request;
    struct ext *domain;
    u64 names[DOMAIN_NAMES];
    struct env *env = sched_current();
    i64 error = cap_check_account(cap, payer, CAP_RIGHT_EXTEND, &account);
    if (!error)
        error = request_read(at, &request, names);
    if (!error)
        error = sources_check(cap, &request);
    struct ext_load load = {.flags = request.flags};
    if (!error) {
        memcpy(load.name, request.name, sizeof load.name);
        error = ext_make(env, payer, &load, &domain);
    }
    if (error)
        return error;
    struct filling filling = {domain, names, request.name_count, 0, 0};
    for (u32 i = 0; i < SOURCES && !error; i++)
        if (request.sources[i])
            error = source_add(&filling, request.sources[i]);
    u64 all = request.name_count ? ~0ul >> (64 - request.name_count) : 0;
    if (!error && filling.found != all)
        error = -E_STALE;
    domain->row->state = EXT_LIVE;
    domain->row->functions = (u16)filling.entries;
    domain->row->frames = domain->lasting.frames;
    domain->loader = NULL;
    if (!error && request.flags & EXT_STAYS) {
        ext_leave_env(domain);
        domain->row->env = 0;
    }
    if (!error)
        return (i64)domain->id;
    ext_kill(domain, EXT_DETACHED_FAULT);
    spin_reap(32);
    return error;
}
