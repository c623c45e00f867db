// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Memory services (abi/ext/memory.h): physical pages, virtual ranges, translations. Each names its
// objects and a capability slot of the env that loaded the extension.

#include "kernel/spin/service/pages.h"
#include "abi/calls.h"
#include "abi/pte.h"
#include "base/string.h"
#include "gen/syscalls_kernel.h"
#include "kernel/aegis/cap.h"
#include "kernel/aegis/frame.h"
#include "kernel/aegis/space.h"
#include "kernel/spin/service/act.h"

#define FUNCTION(f) .name = #f, .function = f, .result = SERVICE_NUMBER
#define ARGUMENTS   u64 a, u64 b, u64 c, u64 d, u64 e, struct engine_run *run

#define PAGE_SERVICE(service_name, count, text, ...)                                               \
    SERVICE(service_name) = {{FUNCTION(service_name), .arguments = {__VA_ARGS__},                  \
                              .argument_count = (count), .prototype = text},                       \
                             SERVICE_OWNER}
#define N SERVICE_NUMBER

// --- physical pages ------------------------------------------------------------------------------

static u64 phys_allocate(ARGUMENTS) {
    i64 result;
    (void)e;
    ACT(run, result, sys_frame_alloc(a, b, c, 1, d));
    return (u64)result;
}
PAGE_SERVICE(phys_allocate, 4, "s64(u64,u64,u64,u64)", N, N, N, N);

static u64 phys_deallocate(ARGUMENTS) {
    i64 result;
    (void)c, (void)d, (void)e;
    ACT(run, result, sys_frame_free(a, b, 1));
    return (u64)result;
}
PAGE_SERVICE(phys_deallocate, 2, "s64(u64,u64)", N, N);

i64 pages_frame_bytes(u64 slot, pfn_t pfn, u64 offset, u8 *buffer, u64 bytes, int write) {
    const struct cap *cap;
    i64 error = cap_check_frames(slot, write ? CAP_RIGHT_WRITE : CAP_RIGHT_READ, &cap);
    if (error)
        return error;
    if (pfn >= frame_count || offset > ABI_PAGE || ABI_PAGE - offset < bytes)
        return -E_RANGE;
    if (!cap_covers_frame(cap, pfn))
        return -E_RIGHTS;
    u8 *frame = (u8 *)sal_frame(pfn) + offset;
    memcpy(write ? frame : buffer, write ? buffer : frame, bytes);
    return 0;
}

static u64 phys_read(ARGUMENTS) {
    i64 result;
    ACT(run, result, pages_frame_bytes(a, b, c, (u8 *)d, e, 0));
    return (u64)result;
}
PAGE_SERVICE(phys_read, 5, "s64(u64,u64,u64,void *,u64)", N, N, N, SERVICE_BYTES_OUT(4, ABI_PAGE),
             SERVICE_LENGTH(ABI_PAGE));

static u64 phys_write(ARGUMENTS) {
    i64 result;
    ACT(run, result, pages_frame_bytes(a, b, c, (u8 *)d, e, 1));
    return (u64)result;
}
PAGE_SERVICE(phys_write, 5, "s64(u64,u64,u64,void *,u64)", N, N, N, SERVICE_BYTES_IN(4, ABI_PAGE),
             SERVICE_LENGTH(ABI_PAGE));

static i64 copy(u64 slot, pfn_t to, pfn_t from) {
    const struct cap *cap;
    i64 error = cap_check_frames(slot, CAP_RIGHT_READ | CAP_RIGHT_WRITE, &cap);
    if (error)
        return error;
    if (to >= frame_count || from >= frame_count)
        return -E_RANGE;
    if (!cap_covers_frame(cap, to) || !cap_covers_frame(cap, from))
        return -E_RIGHTS;
    frame_copy(to, from);
    return 0;
}

static u64 phys_copy(ARGUMENTS) {
    i64 result;
    (void)d, (void)e;
    ACT(run, result, copy(a, b, c));
    return (u64)result;
}
PAGE_SERVICE(phys_copy, 3, "s64(u64,u64,u64)", N, N, N);

// --- translations --------------------------------------------------------------------------------

static u64 page_map(ARGUMENTS) {
    i64 result;
    ACT(run, result, sys_space_map(a, b, c, d, 1, e));
    return (u64)result;
}
PAGE_SERVICE(page_map, 5, "s64(u64,u64,u64,u64,u64)", N, N, N, N, N);

static u64 page_unmap(ARGUMENTS) {
    i64 result;
    (void)d, (void)e;
    ACT(run, result, sys_space_unmap(a, b, c, 1));
    return (u64)result;
}
PAGE_SERVICE(page_unmap, 3, "s64(u64,u64,u64)", N, N, N);

// A space that may be read, or changed, and an address in it.
static i64 entry_of(u64 slot, space_id id, u32 rights, u64 va, u64 *entry) {
    struct abi_space *space;
    i64 error = cap_check_space(slot, id, rights, &space);
    if (error)
        return error;
    if (va >= ABI_USER_END)
        return -E_RANGE;
    const u64 *at = space_entry(space, va);
    *entry = at ? *at : 0;
    return 0;
}

static i64 examine(u64 slot, space_id id, u64 va) {
    u64 entry = 0;
    i64 error = entry_of(slot, id, CAP_RIGHT_READ, va, &entry);
    return error ? error : (i64)entry;
}

static u64 page_examine(ARGUMENTS) {
    i64 result;
    (void)d, (void)e;
    ACT(run, result, examine(a, b, c));
    return (u64)result;
}
PAGE_SERVICE(page_examine, 3, "u64(u64,u64,u64)", N, N, N);

// Within one page. Writing asks for what mapping the frame elsewhere would need.
i64 pages_space_bytes(u64 slot, space_id id, u64 va, u8 *buffer, u64 bytes, int write) {
    const u64 need = ABI_PTE_P | ABI_PTE_U | (write ? ABI_PTE_W : 0);
    u64 entry = 0, offset = va & (ABI_PAGE - 1);
    i64 error =
        entry_of(slot, id, write ? CAP_RIGHT_MAP | CAP_RIGHT_WRITE : CAP_RIGHT_READ, va, &entry);
    if (error)
        return error;
    if (ABI_PAGE - offset < bytes)
        return -E_RANGE;
    if ((entry & need) != need)
        return -E_FAULT;
    u8 *memory = (u8 *)sal_frame(ABI_PTE_FRAME(entry)) + offset;
    memcpy(write ? memory : buffer, write ? buffer : memory, bytes);
    return 0;
}

static u64 space_read(ARGUMENTS) {
    i64 result;
    ACT(run, result, pages_space_bytes(a, b, c, (u8 *)d, e, 0));
    return (u64)result;
}
PAGE_SERVICE(space_read, 5, "s64(u64,u64,u64,void *,u64)", N, N, N, SERVICE_BYTES_OUT(4, ABI_PAGE),
             SERVICE_LENGTH(ABI_PAGE));

static u64 space_write(ARGUMENTS) {
    i64 result;
    ACT(run, result, pages_space_bytes(a, b, c, (u8 *)d, e, 1));
    return (u64)result;
}
PAGE_SERVICE(space_write, 5, "s64(u64,u64,u64,void *,u64)", N, N, N, SERVICE_BYTES_IN(4, ABI_PAGE),
             SERVICE_LENGTH(ABI_PAGE));

// --- virtual ranges ------------------------------------------------------------------------------

static i64 claim(struct ext *ext, space_id space, u64 va, u64 pages) {
    if (va & (ABI_PAGE - 1))
        return -E_ALIGN;
    if (va >= ABI_USER_END || !pages || (ABI_USER_END - va) >> ABI_PAGE_SHIFT < pages)
        return -E_RANGE;
    if (ext->range_count == EXT_RANGES)
        return -E_FULL;
    ext->ranges[ext->range_count++] = (struct ext_range){space, va, pages << ABI_PAGE_SHIFT};
    watch_ranges_changed(ext);
    return 0;
}

// It says something about what the extension itself will hear, so it needs no capability.
static u64 virt_claim(ARGUMENTS) {
    (void)d, (void)e;
    return (u64)claim(service_owner(run), a, b, c);
}
PAGE_SERVICE(virt_claim, 3, "s64(u64,u64,u64)", N, N, N);

static u64 virt_release(ARGUMENTS) {
    struct ext *ext = service_owner(run);
    (void)c, (void)d, (void)e;
    for (u32 i = 0; i < ext->range_count; i++)
        if (ext->ranges[i].space == a && ext->ranges[i].va == b) {
            ext->ranges[i] = ext->ranges[--ext->range_count];
            watch_ranges_changed(ext);
            return 0;
        }
    return (u64)-E_STALE;
}
PAGE_SERVICE(virt_release, 2, "s64(u64,u64)", N, N);

// --- who is where --------------------------------------------------------------------------------

static u64 env_space(ARGUMENTS) {
    (void)b, (void)c, (void)d, (void)e, (void)run;
    const struct env *env = env_find(a);
    return env ? env->row->space : 0;
}
SERVICE(env_space) = {
    {FUNCTION(env_space), .arguments = {N}, .argument_count = 1, .prototype = "u64(u64)"}, 0};

static u64 env_account(ARGUMENTS) {
    (void)b, (void)c, (void)d, (void)e, (void)run;
    const struct env *env = env_find(a);
    return env ? env->row->account : 0;
}
SERVICE(env_account) = {
    {FUNCTION(env_account), .arguments = {N}, .argument_count = 1, .prototype = "u64(u64)"}, 0};

// Table FRAMES says it to everybody.
static u64 phys_maps(ARGUMENTS) {
    (void)b, (void)c, (void)d, (void)e, (void)run;
    return a < frame_count ? frame_row(a)->maps : 0;
}
SERVICE(phys_maps) = {
    {FUNCTION(phys_maps), .arguments = {N}, .argument_count = 1, .prototype = "u64(u64)"}, 0};

static u64 phys_pins(ARGUMENTS) {
    (void)b, (void)c, (void)d, (void)e, (void)run;
    return a < frame_count ? frame_row(a)->pins : 0;
}
SERVICE(phys_pins) = {
    {FUNCTION(phys_pins), .arguments = {N}, .argument_count = 1, .prototype = "u64(u64)"}, 0};

// The one that the extension acts for; 0: none.
static u64 env_loader(ARGUMENTS) {
    (void)a, (void)b, (void)c, (void)d, (void)e;
    const struct env *env = service_owner(run)->env;
    return env ? env->id : 0;
}
PAGE_SERVICE(env_loader, 0, "u64()");
