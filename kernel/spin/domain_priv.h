// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What domain.c and domain_made.c share.

#ifndef KERNEL_SPIN_DOMAIN_PRIV_H
#define KERNEL_SPIN_DOMAIN_PRIV_H

#include "kernel/spin/domain.h"
#include "kernel/spin/event_priv.h"

// An export of a domain that was made: an event of another one, or a service. In the domain's list
// and, if it is an event, in the event's.
struct domain_entry {
    struct ext *domain;
    struct event *event; // null: a service, or it is gone
    const struct service *service;
    struct domain_entry *next, *next_of_event;
};

void domain_entry_add(struct ext *domain, struct domain_entry *entry, struct event *event,
                      const struct service *service);

int domain_is_public(const struct ext *ext);
// Does that domain export the event?
int domain_exports(ext_id domain, const struct event *event);
// An event of that name that the domain exports.
struct event *domain_event(ext_id domain, const char *name, u64 hash);
const struct service *domain_offers(ext_id domain, const char *name);

#endif
