// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Domains: finding, linking, unlinking. See domain.h.
//
// Invariants: every event that can be found is in the bucket of its name; a link with an event is
// in that event's list, and in its importer's; a stub leads where its link says.

#include "kernel/spin/domain.h"

#include "base/string.h"
#include "engine/btf.h"
#include "engine/counted.h"
#include "engine/signature.h"
#include "gen/syscalls_kernel.h"
#include "kernel/aegis/account.h"
#include "kernel/aegis/inside.h"
#include "kernel/spin/domain_priv.h"

#define BUCKETS 256
#define SOURCES (sizeof((struct ext_link *)0)->sources / sizeof(ext_id))
#define STEP    16 // links changed by one call

static struct event *buckets[BUCKETS]; // by name

static u64 event_gone(u64 a, u64 b, u64 c, u64 d, u64 e, struct engine_run *run) {
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)run;
    return 0;
}

// --- names ---------------------------------------------------------------------------------------

// Some are imported with a type behind the name.
static int service_is(const struct service *service, const char *name) {
    size_t length = strlen(service->import.name);
    if (service->flags & SERVICE_COUNTED)
        return !strncmp(service->import.name, name, length) && !strncmp(name + length, "__", 2);
    return string_equal(service->import.name, name);
}

const struct service *domain_service(const char *name) {
    for (const struct service *const *at = spin_services_start; at < spin_services_end; at++)
        if (service_is(*at, name))
            return *at;
    return NULL;
}

int domain_is_public(const struct ext *ext) {
    return !(ext->request.flags & EXT_PRIVATE);
}

int domain_exports(ext_id domain, const struct event *event) {
    if (!event->owner)
        return domain == DOMAIN_KERNEL || domain == DOMAIN_PUBLIC;
    if (event->owner->id == domain || (domain == DOMAIN_PUBLIC && domain_is_public(event->owner)))
        return 1;
    for (const struct domain_entry *entry = event->entries; entry; entry = entry->next_of_event)
        if (entry->domain->id == domain ||
            (domain == DOMAIN_PUBLIC && domain_is_public(entry->domain)))
            return 1;
    return 0;
}

struct event *domain_event(ext_id domain, const char *name, u64 hash) {
    struct event *event = buckets[hash % BUCKETS];
    while (event && (event->hash != hash || !string_equal(event->name, name) ||
                     !domain_exports(domain, event)))
        event = event->next;
    return event;
}

const struct service *domain_offers(ext_id domain, const char *name) {
    if (domain == DOMAIN_KERNEL)
        return domain_service(name);
    const struct ext *made = ext_find(domain);
    for (const struct domain_entry *at = made ? made->entries : NULL; at; at = at->next)
        if (at->service && service_is(at->service, name))
            return at->service;
    return NULL;
}

// In the order of domain.h; an extension's own events come first. What is loaded to replace another
// one sees that one's as its own.
struct event *domain_find(const struct ext *ext, const char *name) {
    u64 hash = ext_hash(name);
    struct event *event =
        domain_event(ext->link.replaces ? ext->link.replaces : ext->id, name, hash);
    for (u32 i = 0; i < SOURCES && !event; i++)
        if (ext->link.sources[i])
            event = domain_event(ext->link.sources[i], name, hash);
    if (!event && !(ext->request.flags & EXT_SEALED))
        event = domain_event(DOMAIN_PUBLIC, name, hash);
    return event;
}

static const struct service *service_for(const struct ext *ext, const char *name) {
    const struct service *service =
        ext->request.flags & EXT_SEALED ? NULL : domain_offers(DOMAIN_KERNEL, name);
    for (u32 i = 0; i < SOURCES && !service; i++)
        if (ext->link.sources[i])
            service = domain_offers(ext->link.sources[i], name);
    return service;
}

int domain_taken(const struct ext *ext, const char *name) {
    u64 hash = ext_hash(name);
    return domain_event(ext->id, name, hash) ||
           (domain_is_public(ext) && domain_event(DOMAIN_PUBLIC, name, hash));
}

void domain_publish(struct event *event) {
    struct event **bucket = &buckets[event->hash % BUCKETS];
    while (*bucket) // the oldest is found first
        bucket = &(*bucket)->next;
    event->next = NULL;
    *bucket = event;
}

// --- links ---------------------------------------------------------------------------------------

static void stub_point(const struct event_link *link, u64 address) {
    u64 at = link->importer->code_pages.va + (u64)link->index * EXT_STUB_BYTES;
    if (link->importer->code_pages.count) // its stubs have been made
        memory_code_store(at + EXT_STUB_WORD, address);
}

void domain_retarget(struct event *event) {
    for (const struct event_link *link = event->links; link; link = link->next_of_event)
        stub_point(link, event->target);
}

static void link_make(struct event_link *link, struct event *event) {
    link->event = event;
    link->next_of_event = event->links;
    event->links = link;
}

static void link_drop(struct event_link *link) {
    struct event_link **at = &link->event->links;
    while (*at != link)
        at = &(*at)->next_of_event;
    *at = link->next_of_event;
    link->event = NULL;
}

// May a call that was proved for `import` reach a procedure that was proved for the event's types?
static int types_fit(const struct ext *importer, const struct engine_import *import,
                     const struct event *event) {
    if (import->argument_count != event->argument_count ||
        import->result.kind != event->result->kind)
        return 0;
    for (u32 i = 0; i < event->argument_count; i++) {
        const struct engine_type *from = &import->arguments[i], *to = &event->arguments[i];
        if (from->kind != to->kind || from->size != to->size || to->flags & ~from->flags)
            return 0;
        if (from->kind == ENGINE_REFERENCE &&
            !ext_types_equal(importer, from->layout, event->owner, to->layout))
            return 0;
    }
    return 1;
}

static int names_fit(const struct event_link *link, const struct event *event) {
    return string_equal(event->prototype, link->prototype) &&
           (!event->shape || event->shape == link->shape);
}

static int link_fits(const struct event_link *link, const struct event *event) {
    return names_fit(link, event) &&
           types_fit(link->importer, &link->importer->interface.imports[link->index], event);
}

static const char *keep_text(struct ext *ext, const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = memory_alloc(&ext->memory, size);
    return copy ? memcpy(copy, text, size) : NULL;
}

// Events of the kernel are handled, and raised by it alone.
static struct event *callable(struct event *event) {
    return event && event->owner ? event : NULL;
}

// What the importer declares goes for structures that are references, whose types are numbered
// otherwise in each extension; for the rest the exporter's word does.
static int declaration_fits(const struct ext *ext, struct engine_import *import, int declared,
                            const struct event *event) {
    struct engine_type own[ENGINE_ARGS];
    memcpy(own, import->arguments, sizeof own);
    memcpy(import->arguments, event->arguments, event->argument_count * sizeof *event->arguments);
    for (u32 i = 0; i < event->argument_count; i++) {
        if (event->arguments[i].kind != ENGINE_REFERENCE)
            continue;
        if (!declared || import->argument_count != event->argument_count ||
            own[i].kind != ENGINE_REFERENCE ||
            !ext_types_equal(ext, own[i].layout, event->owner, event->arguments[i].layout))
            return 0;
        import->arguments[i] = own[i];
    }
    import->result = *event->result;
    import->argument_count = event->argument_count;
    return 1;
}

// The import is as declared, if that could be read.
static i64 link_first(struct event_link *link, struct engine_import *import, int declared) {
    struct ext *ext = link->importer;
    struct event *event = callable(domain_find(ext, link->name));
    if (!event)
        return !(ext->request.flags & EXT_PARTIAL) ? -E_STALE : declared ? 0 : -E_INVAL;
    if (!names_fit(link, event) || !declaration_fits(ext, import, declared, event))
        return -E_INVAL;
    link_make(link, event);
    return 0;
}

static i64 import_event(struct ext *ext, const struct engine_symbol *symbol,
                        const struct engine_btf *btf, struct engine_import *import) {
    char prototype[256];
    if (!symbol->btf ||
        engine_btf_print(btf, symbol->btf, prototype, sizeof prototype) >= sizeof prototype)
        return -E_INVAL;
    struct event_link *link = memory_alloc(&ext->memory, sizeof *link);
    if (!link)
        return -E_NOMEM;
    *link = (struct event_link){.importer = ext,
                                .index = ext->interface.import_count,
                                .name = keep_text(ext, symbol->name),
                                .prototype = keep_text(ext, prototype),
                                .hash = ext_hash(symbol->name),
                                .shape = ext_type_shape(btf, symbol->btf)};
    if (!link->name || !link->prototype)
        return -E_NOMEM;
    *import = (struct engine_import){.name = link->name, .prototype = link->prototype};
    struct engine_references references = ext_references(ext);
    int declared = engine_signature_read(btf, symbol->btf, &references, &import->result,
                                         import->arguments, &import->argument_count);
    inside_lock();
    i64 error = link_first(link, import, declared);
    if (!error) {
        link->next_of_ext = ext->links;
        ext->links = link;
    }
    inside_unlock();
    return error;
}

i64 domain_import(struct ext *ext, const struct engine_symbol *symbol, const struct engine_btf *btf,
                  struct engine_import *import) {
    inside_lock();
    const struct service *service = service_for(ext, symbol->name);
    inside_unlock();
    if (!service)
        return import_event(ext, symbol, btf, import);
    *import = service->import;
    if (service->flags & SERVICE_COUNTED && !ext_import_counted(ext, symbol, btf, import))
        return -E_INVAL;
    if (!ext_import_references(ext, import))
        return -E_NOMEM;
    ext->strands |= (service->flags & (SERVICE_SWITCHES | SERVICE_STRANDS)) != 0;
    return 0;
}

u64 domain_import_target(const struct ext *ext, u32 index) {
    const struct event_link *link = ext->links;
    while (link && link->index != index)
        link = link->next_of_ext;
    if (!link)
        return 0;
    return link->event ? link->event->target : (u64)event_gone;
}

// --- may they? -----------------------------------------------------------------------------------

int domain_authorise(const struct event *event, const struct ext *importer, u64 how) {
    struct ext *owner = event->owner;
    struct ext_function *ask = owner ? ext_function_of_role(owner, EXT_ROLE_MAY_LINK) : NULL;
    if (!ask || owner == importer->self)
        return 1;
    const struct ext *self = importer->self;
    struct ext_importer who = {.ext = self->id,
                               .account = self->row->account,
                               .env = self->row->env,
                               .name = ext_hash(self->row->name),
                               .symbol = event->hash,
                               .how = how};
    const u64 arguments[ENGINE_ARGS] = {(u64)&who};
    u64 result = 0;
    return !ext_run(owner, ask->function, arguments, EXT_BUDGET, &result) && result;
}

const char *domain_denied(const struct ext *ext) {
    for (const struct event_link *link = ext->links; link; link = link->next_of_ext)
        if (link->event && !domain_authorise(link->event, ext, EXT_LINK_CALL))
            return link->name;
    return NULL;
}

i64 domain_check_source(u64 cap, ext_id source) {
    struct ext *ext;
    if (source == DOMAIN_PUBLIC || source == DOMAIN_KERNEL)
        return 0;
    ext = ext_find(source);
    if (!ext)
        return -E_STALE;
    return domain_is_public(ext) ? 0 : ext_check(cap, source, CAP_RIGHT_CALL, &ext);
}

// --- the end -------------------------------------------------------------------------------------

void domain_withdraw(struct event *event) {
    struct event **at = &buckets[event->hash % BUCKETS];
    while (*at && *at != event) // one that an extension has for itself isn't there
        at = &(*at)->next;
    if (*at)
        *at = event->next;
    while (event->links) {
        struct event_link *link = event->links;
        event->links = link->next_of_event;
        link->event = NULL;
        stub_point(link, (u64)event_gone);
    }
    for (; event->entries; event->entries = event->entries->next_of_event)
        event->entries->event = NULL;
}

static void entry_drop(struct domain_entry *entry) {
    struct domain_entry **at = entry->event ? &entry->event->entries : NULL;
    while (at && *at != entry)
        at = &(*at)->next_of_event;
    if (at)
        *at = entry->next_of_event;
}

u32 domain_forget(struct ext *ext) {
    u32 count = 0;
    for (struct event_link *link = ext->links; link; link = link->next_of_ext, count++)
        if (link->event)
            link_drop(link);
    for (struct domain_entry *entry = ext->entries; entry; entry = entry->next, count++)
        entry_drop(entry);
    ext->links = NULL;
    ext->entries = NULL;
    return count;
}

void domain_entry_add(struct ext *domain, struct domain_entry *entry, struct event *event,
                      const struct service *service) {
    *entry = (struct domain_entry){domain, event, service, domain->entries, NULL};
    domain->entries = entry;
    if (event) {
        entry->next_of_event = event->entries;
        event->entries = entry;
    }
}

// --- resolving -----------------------------------------------------------------------------------

static i64 check_target(u64 cap, ext_id id, struct ext **target) {
    i64 error = ext_check(cap, id, CAP_RIGHT_EXTEND, target);
    return error ? error : (*target)->row->state == EXT_LIVE ? 0 : -E_DEAD;
}

static i64 link_resolve(struct event_link *link, ext_id source) {
    struct event *event = callable(domain_event(source, link->name, link->hash));
    if (!event)
        return 0;
    if (!link_fits(link, event))
        return -E_INVAL;
    if (!domain_authorise(event, link->importer, EXT_LINK_CALL))
        return -E_REFUSED;
    link_make(link, event);
    stub_point(link, event->target);
    return 1;
}

i64 sys_ext_resolve(u64 caps, ext_id source, ext_id id) {
    struct ext *target;
    i64 error = check_target((u32)caps, id, &target), linked = 0;
    if (!error)
        error = domain_check_source(caps >> 32, source);
    if (error)
        return error;
    const struct ext *from =
        source == DOMAIN_PUBLIC || source == DOMAIN_KERNEL ? NULL : ext_find(source);
    if (from && from->row->state != EXT_LIVE)
        return -E_DEAD;
    for (struct event_link *link = target->links; link && linked < STEP; link = link->next_of_ext) {
        i64 result = link->event ? 0 : link_resolve(link, source);
        if (result > 0)
            linked++;
        else if (result < 0)
            error = result;
    }
    return linked ? linked : error;
}

i64 sys_ext_unresolve(u64 cap, ext_id source, ext_id id) {
    struct ext *target;
    i64 error = check_target(cap, id, &target), unlinked = 0;
    if (error)
        return error;
    for (struct event_link *link = target->links; link && unlinked < STEP; link = link->next_of_ext)
        if (link->event && domain_exports(source, link->event)) {
            link_drop(link);
            stub_point(link, (u64)event_gone);
            unlinked++;
        }
    return unlinked;
}
