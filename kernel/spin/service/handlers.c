// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Services with which an extension installs and removes its own handlers while it lives.

#include "base/string.h"
#include "kernel/sal/sal.h"
#include "kernel/spin/event.h"
#include "kernel/spin/service.h"

#define NAME_MAX 64

// Installing asks the exporter, whose code needs stack.
static int may_go_on(const struct engine_run *run) {
    return (u64)__builtin_frame_address(0) >= run->stack_limit;
}

static u64 name_hash(u64 text, u64 length) {
    char name[NAME_MAX + 1];
    memcpy(name, (const void *)text, length);
    name[length] = 0;
    return ext_hash(name);
}

// The kernel's own work, which the meter does not see.
#define INSTALL_COST 1000

static u64 install(u64 text, u64 length, u64 closure, u64 d, u64 e, struct engine_run *run) {
    (void)d, (void)e;
    struct ext *ext = service_owner(run);
    u64 hash = name_hash(text, length);
    run->meter -= INSTALL_COST;
    i64 result = ext->row->state == EXT_DYING ? -E_DEAD
                 : may_go_on(run)             ? event_handler_install(ext, hash, closure)
                                              : -E_LIMIT;
    return (u64)result;
}

SERVICE(handler_install) = {
    {.name = "handler_install",
     .function = install,
     .result = SERVICE_NUMBER,
     .arguments = {SERVICE_BYTES_IN(1, NAME_MAX), SERVICE_LENGTH(NAME_MAX), SERVICE_NUMBER},
     .argument_count = 3,
     .prototype = "s64(void *,u64,u64)"},
    SERVICE_OWNER};

static u64 remove(u64 name, u64 b, u64 c, u64 d, u64 e, struct engine_run *run) {
    (void)b, (void)c, (void)d, (void)e;
    run->meter -= INSTALL_COST;
    i64 result = event_handler_remove(service_owner(run), name);
    return (u64)result;
}

SERVICE(handler_remove) = {{.name = "handler_remove",
                            .function = remove,
                            .result = SERVICE_NUMBER,
                            .arguments = {SERVICE_NUMBER},
                            .argument_count = 1,
                            .prototype = "s64(u64)"},
                           SERVICE_OWNER};

static u64 swap(u64 text, u64 length, u64 from, u64 to, u64 e, struct engine_run *run) {
    (void)e;
    struct ext *ext = service_owner(run);
    u64 hash = name_hash(text, length);
    run->meter -= INSTALL_COST;
    i64 result = ext->row->state == EXT_DYING ? -E_DEAD
                 : may_go_on(run)             ? event_handlers_swap(ext, hash, (u32)from, (u32)to)
                                              : -E_LIMIT;
    return (u64)result;
}

SERVICE(handlers_swap) = {{.name = "handlers_swap",
                           .function = swap,
                           .result = SERVICE_NUMBER,
                           .arguments = {SERVICE_BYTES_IN(1, NAME_MAX), SERVICE_LENGTH(NAME_MAX),
                                         SERVICE_NUMBER, SERVICE_NUMBER},
                           .argument_count = 4,
                           .prototype = "s64(void *,u64,u64,u64)"},
                          SERVICE_OWNER};
