// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// When an account is asked to give back frames, the extensions that it pays for choose first which:
// they may free some at once, by the services of memory, before anybody is told.

#include "abi/ext/watch.h"
#include "kernel/aegis/above.h"
#include "kernel/spin/event.h"
#include "kernel/spin/service.h"

#define ASKED_MAX 8 // extensions in one call

KERNEL_EVENT(phys_reclaim) = {.name = "phys_reclaim",
                              .prototype = "u64(struct ext_reclaim *)",
                              .each = 1,
                              .result = SERVICE_NUMBER,
                              .arguments = {EVENT_STRUCT_IN(struct ext_reclaim)},
                              .argument_count = 1};

void spin_account_asked(const struct abi_account *account) {
    u32 count = abi_info->table[ABI_TABLE_EXTENSIONS].count, asked = 0;
    struct ext_reclaim reclaim = {account->id, account->wanted, account->first, account->deadline};
    for (u32 i = 1; i < count && asked < ASKED_MAX; i++) {
        const struct ext *ext = ext_at(i);
        if (!ext || ext->memory.account != account->id || ext->row->state != EXT_LIVE)
            continue;
        u64 address = event_of_ext(ext, &phys_reclaim);
        if (!address)
            continue;
        struct ext_reclaim copy = reclaim;
        struct event_context context;
        struct engine_run *run = event_enter(&context, 0);
        (void)((engine_import_function *)address)((u64)&copy, 0, 0, 0, 0, run);
        event_leave(&context);
        asked++;
    }
}
