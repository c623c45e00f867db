// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Domains: who exports what to whom. Every extension is one; it exports its events. The kernel's
// services are one (DOMAIN_KERNEL), and what every public domain exports, together, is another
// (DOMAIN_PUBLIC). More are made from these: some of the names of one, or those of several, without
// code (sys_domain_create).
//
// An import is looked for among the services, in the domains that the loader named, in their order,
// and among what is public. A sealed extension has only what its loader named. Names and types must
// agree. The exporter's authoriser, if it has one, is asked for each link with the importer's
// identity, before the extension runs.
//
// What is not found, or ends, or is unresolved, leads to a procedure that answers 0, until it is
// resolved again: a word in the importer's code pages, changed by one store.
//
// Everything here is called with the kernel lock, unless it says otherwise.

#ifndef KERNEL_SPIN_DOMAIN_H
#define KERNEL_SPIN_DOMAIN_H

#include "engine/engine.h"
#include "kernel/spin/ext.h"
#include "kernel/spin/service.h"

struct event;
struct event_link;

const struct service *domain_service(const char *name); // or null

// Inside work: what an import is. 0: a service, copied; or linked to an event, or left open.
// E_STALE: nobody offers it; E_INVAL: its type differs; E_NOMEM.
i64 domain_import(struct ext *ext, const struct engine_symbol *symbol, const struct engine_btf *btf,
                  struct engine_import *import);
// Where the stub of that import is to lead; 0 if the import is a service.
u64 domain_import_target(const struct ext *ext, u32 index);

// The event of that name that the extension can see; null if there is none.
struct event *domain_find(const struct ext *ext, const char *name);
// Does its exporter agree? how: EXT_LINK_*. On a processor's own stack.
int domain_authorise(const struct event *event, const struct ext *importer, u64 how);
// Asks for all links of an extension that is about to live; the name of the first that is denied.
const char *domain_denied(const struct ext *ext);

void domain_retarget(struct event *event); // its raises begin elsewhere now
void domain_publish(struct event *event);  // from now on it can be found
void domain_withdraw(struct event *event); // and no more; links to it are open again
u32 domain_forget(struct ext *ext); // returns how many links and entries it had       // its links,
                                    // or its entries

// Is there a second public event of that name, or one of the same extension?
int domain_taken(const struct ext *ext, const char *name);
// May that capability be used to link to that domain?
i64 domain_check_source(u64 cap, ext_id source);

#endif
