// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// References to objects of the kernel (abi/ext/object.h): counted objects of kinds of the kernel's,
// which hold a name and the capability slot that it was acquired with. What is done through one is
// the system call of whoever acquired it, with its capabilities as they are then: so one that is
// lent to another extension carries that right with it, and what is gone, or taken back, is
// refused. Both are words of the object that no extension can write.

#include "abi/pte.h"
#include "gen/syscalls_kernel.h"
#include "kernel/aegis/cap.h"
#include "kernel/aegis/frame.h"
#include "kernel/spin/service/act.h"
#include "kernel/spin/service/pages.h"

#define ARGUMENTS u64 a, u64 b, u64 c, u64 d, u64 e, struct engine_run *run
#define UNUSED    (void)a, (void)b, (void)c, (void)d, (void)e, (void)run
#define N         SERVICE_NUMBER

enum { ID, SLOT, EPOCH }; // words of a reference

static const struct engine_layout acquired = {.name = "reference", .release = counted_release};

#define ACQUIRE(service_name, kind_of, count, text, ...)                                           \
    SERVICE(service_name) = {{.name = #service_name,                                               \
                              .function = service_name,                                            \
                              .result = {.kind = ENGINE_REFERENCE,                                 \
                                         .flags = ENGINE_TYPE_ACQUIRE | ENGINE_TYPE_NULLABLE,      \
                                         .layout = OBJECT_##kind_of - 1},                          \
                              .arguments = {__VA_ARGS__},                                          \
                              .argument_count = (count),                                           \
                              .prototype = text,                                                   \
                              .acquired = &acquired},                                              \
                             SERVICE_OWNER}
#define REF(kind_of)                                                                               \
    { .kind = ENGINE_REFERENCE, .layout = OBJECT_##kind_of - 1 }
#define REFERENCE_SERVICE(service_name, count, text, ...)                                          \
    SERVICE(service_name) = {{.name = #service_name,                                               \
                              .function = service_name,                                            \
                              .result = SERVICE_NUMBER,                                            \
                              .arguments = {__VA_ARGS__},                                          \
                              .argument_count = (count),                                           \
                              .prototype = text},                                                  \
                             0}

// --- acquiring -----------------------------------------------------------------------------------

#define ACQUIRE_COST 60 // the kernel's own work, which the meter does not see

static u64 make(struct engine_run *run, i64 error, enum object_kind kind, u64 id, u64 slot) {
    struct ext *ext = service_owner(run);
    const struct counted_type type = {.ext = ext,
                                      .shape = kind,
                                      .size = sizeof(struct counted) + COUNTED_KIND_BYTES,
                                      .kind = (u8)kind};
    run->meter -= ACQUIRE_COST;
    ext->room.error = error;
    struct counted *reference = error ? NULL : counted_make(ext, &type);
    if (!reference)
        return 0;
    reference->id[ID] = id;
    reference->id[SLOT] = slot;
    if (kind == OBJECT_FRAME)
        reference->id[EPOCH] = frame_row(id)->epoch;
    return (u64)reference;
}

static u64 env_acquire(ARGUMENTS) {
    UNUSED;
    struct env *env;
    i64 error;
    ACT(run, error, cap_check_env(a, b, 0, &env));
    return make(run, error, OBJECT_ENV, b, a);
}
ACQUIRE(env_acquire, ENV, 2, "struct env_ref *(u64,u64)", N, N);

// What an event of a watched env says is enough; it carries no right to change anything.
static u64 env_acquire_watched(ARGUMENTS) {
    UNUSED;
    const struct env *env = env_find(a);
    int watched = env && watch_has(service_owner(run), env);
    return make(run, watched ? 0 : -E_RIGHTS, OBJECT_ENV, a, ~0ul);
}
ACQUIRE(env_acquire_watched, ENV, 1, "struct env_ref *(u64)", N);

static u64 space_acquire(ARGUMENTS) {
    UNUSED;
    struct abi_space *space;
    i64 error;
    ACT(run, error, cap_check_space(a, b, 0, &space));
    return make(run, error, OBJECT_SPACE, b, a);
}
ACQUIRE(space_acquire, SPACE, 2, "struct space_ref *(u64,u64)", N, N);

static i64 frame_check(u64 slot, pfn_t pfn) {
    const struct cap *cap;
    i64 error = cap_check_frames(slot, 0, &cap);
    if (error)
        return error;
    return pfn >= frame_count ? -E_RANGE : cap_covers_frame(cap, pfn) ? 0 : -E_RIGHTS;
}

static u64 frame_acquire(ARGUMENTS) {
    UNUSED;
    i64 error;
    ACT(run, error, frame_check(a, b));
    return make(run, error, OBJECT_FRAME, b, a);
}
ACQUIRE(frame_acquire, FRAME, 2, "struct frame_ref *(u64,u64)", N, N);

static u64 slice_acquire(ARGUMENTS) {
    UNUSED;
    i64 error;
    ACT(run, error, b < ABI_SLICES ? cap_check_slices(a, b, 1, 0) : -E_RANGE);
    return make(run, error, OBJECT_SLICE, b, a);
}
ACQUIRE(slice_acquire, SLICE, 2, "struct slice_ref *(u64,u64)", N, N);

static u64 ext_acquire(ARGUMENTS) {
    UNUSED;
    struct ext *ext;
    i64 error;
    ACT(run, error, ext_check(a, b, 0, &ext));
    return make(run, error, OBJECT_EXT, b, a);
}
ACQUIRE(ext_acquire, EXT, 2, "struct ext_ref *(u64,u64)", N, N);

// --- using ---------------------------------------------------------------------------------------

// expression, as whoever acquired the reference. E_DEAD: that extension, or its env, is ending.
#define ACT_THROUGH(reference, result, expression)                                                 \
    do {                                                                                           \
        struct act act_;                                                                           \
        (result) = -E_DEAD;                                                                        \
        if (act_begin_for(&act_, (reference)->owner)) {                                            \
            (result) = (expression);                                                               \
            act_end(&act_);                                                                        \
        }                                                                                          \
    } while (0)

static const struct counted *reference(u64 word) {
    return (const struct counted *)word;
}

static u64 env_ref_wake(ARGUMENTS) {
    UNUSED;
    const struct counted *env = reference(a);
    i64 error;
    ACT_THROUGH(env, error, sys_env_wake(env->id[SLOT], env->id[ID]));
    return (u64)error;
}
REFERENCE_SERVICE(env_ref_wake, 1, "s64(struct env_ref *)", REF(ENV));

static u64 env_ref_word(ARGUMENTS) {
    UNUSED;
    const struct env *env = env_find(reference(a)->id[ID]);
    if (!env)
        return (u64)-E_STALE;
    if (b % 8 || b >= sizeof *env->row)
        return (u64)-E_RANGE;
    *(u64 *)c = *(const u64 *)((const u8 *)env->row + b);
    return 0;
}
REFERENCE_SERVICE(env_ref_word, 3, "s64(struct env_ref *,u64,void *)", REF(ENV), N,
                  {.kind = ENGINE_BUFFER, .flags = ENGINE_TYPE_WRITE, .size = 8});

static u64 space_ref_read(ARGUMENTS) {
    UNUSED;
    const struct counted *space = reference(a);
    i64 error;
    ACT_THROUGH(space, error, pages_space_bytes(space->id[SLOT], space->id[ID], b, (u8 *)c, d, 0));
    return (u64)error;
}
REFERENCE_SERVICE(space_ref_read, 4, "s64(struct space_ref *,u64,void *,u64)", REF(SPACE), N,
                  SERVICE_BYTES_OUT(3, ABI_PAGE), SERVICE_LENGTH(ABI_PAGE));

static u64 space_ref_write(ARGUMENTS) {
    UNUSED;
    const struct counted *space = reference(a);
    i64 error;
    ACT_THROUGH(space, error, pages_space_bytes(space->id[SLOT], space->id[ID], b, (u8 *)c, d, 1));
    return (u64)error;
}
REFERENCE_SERVICE(space_ref_write, 4, "s64(struct space_ref *,u64,void *,u64)", REF(SPACE), N,
                  SERVICE_BYTES_IN(3, ABI_PAGE), SERVICE_LENGTH(ABI_PAGE));

// The frame may have been freed, and be somebody's again: also who acquired the reference.
static i64 frame_bytes(const struct counted *frame, u64 offset, u8 *buffer, u64 bytes, int write) {
    const struct abi_frame *row = frame_row(frame->id[ID]);
    i64 error;
    if (row->epoch != frame->id[EPOCH] || row->kind == FRAME_FREE)
        return -E_STALE;
    ACT_THROUGH(frame, error,
                pages_frame_bytes(frame->id[SLOT], frame->id[ID], offset, buffer, bytes, write));
    return error;
}

static u64 frame_ref_read(ARGUMENTS) {
    UNUSED;
    return (u64)frame_bytes(reference(a), b, (u8 *)c, d, 0);
}
REFERENCE_SERVICE(frame_ref_read, 4, "s64(struct frame_ref *,u64,void *,u64)", REF(FRAME), N,
                  SERVICE_BYTES_OUT(3, ABI_PAGE), SERVICE_LENGTH(ABI_PAGE));

static u64 frame_ref_write(ARGUMENTS) {
    UNUSED;
    return (u64)frame_bytes(reference(a), b, (u8 *)c, d, 1);
}
REFERENCE_SERVICE(frame_ref_write, 4, "s64(struct frame_ref *,u64,void *,u64)", REF(FRAME), N,
                  SERVICE_BYTES_IN(3, ABI_PAGE), SERVICE_LENGTH(ABI_PAGE));

static u64 frame_ref_owner(ARGUMENTS) {
    UNUSED;
    const struct abi_frame *row = frame_row(reference(a)->id[ID]);
    return row->epoch == reference(a)->id[EPOCH] && row->kind != FRAME_FREE ? row->owner : 0;
}
REFERENCE_SERVICE(frame_ref_owner, 1, "u64(struct frame_ref *)", REF(FRAME));

static u64 slice_ref_assign(ARGUMENTS) {
    UNUSED;
    const struct counted *slice = reference(a), *env = reference(b);
    i64 error;
    if (slice->owner != env->owner || env->id[SLOT] >> 32)
        return (u64)-E_RIGHTS; // the slots are of two tables
    ACT_THROUGH(
        slice, error,
        sys_slice_assign(CAP_PAIR(slice->id[SLOT], env->id[SLOT]), slice->id[ID], env->id[ID]));
    return (u64)error;
}
REFERENCE_SERVICE(slice_ref_assign, 2, "s64(struct slice_ref *,struct env_ref *)", REF(SLICE),
                  REF(ENV));

static u64 ext_ref_state(ARGUMENTS) {
    UNUSED;
    const struct ext *ext = ext_find(reference(a)->id[ID]);
    return ext ? ext->row->state : EXT_FREE;
}
REFERENCE_SERVICE(ext_ref_state, 1, "u64(struct ext_ref *)", REF(EXT));
