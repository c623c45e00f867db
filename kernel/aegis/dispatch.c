// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// From call numbers to handlers. Every handler but null runs with the kernel lock held; it either
// returns or gives the lock up with the processor.

#include "abi/calls.h"
#include "abi/caps.h"
#include "abi/pte.h"
#include "gen/syscalls.h"
#include "gen/syscalls_kernel.h"
#include "kernel/aegis/above.h"
#include "kernel/aegis/frame.h"
#include "kernel/aegis/lock.h"
#include "kernel/aegis/sched.h"
#include "kernel/aegis/space.h"
#include "kernel/aegis/trace.h"
#include "kernel/sal/sal.h"

typedef i64 handler(u64, u64, u64, u64, u64, u64);

#define LOCKED_0(name) sys_##name()
#define LOCKED_1(name) sys_##name(a)
#define LOCKED_2(name) sys_##name(a, b)
#define LOCKED_3(name) sys_##name(a, b, c)
#define LOCKED_4(name) sys_##name(a, b, c, d)
#define LOCKED_5(name) sys_##name(a, b, c, d, e)
#define LOCKED_6(name) sys_##name(a, b, c, d, e, f)
#define UNUSED_ARGS    (void)a, (void)b, (void)c, (void)d, (void)e, (void)f

// locked_NAME: with the lock; bare_NAME: for batch, which has it.
#define LOCKED(name, count)                                                                        \
    static i64 bare_##name(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {                             \
        UNUSED_ARGS;                                                                               \
        return LOCKED_##count(name);                                                               \
    }                                                                                              \
    static i64 locked_##name(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {                           \
        kernel_lock();                                                                             \
        i64 result = bare_##name(a, b, c, d, e, f);                                                \
        kernel_unlock();                                                                           \
        return result;                                                                             \
    }
SYSCALLS_IN_C(LOCKED)

// Long calls stop at preemption points and are made again: as they were, or for what is left, from
// argument number `at` on, with the count behind it.
#define AGAIN(name, at, piece)                                                                     \
    static i64 again_##name(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {                            \
        i64 result = locked_##name(a, b, c, d, e, f);                                              \
        if (result == CALL_AGAIN) {                                                                \
            u64 arguments[] = {a, b, c, d, e, f};                                                  \
            arguments[at] += (piece);                                                              \
            arguments[at + 1] -= (piece);                                                          \
            sal_call_again(SYS_##name, arguments);                                                 \
        }                                                                                          \
        return result;                                                                             \
    }
AGAIN(batch, 0, 0)
AGAIN(cap_mint, 0, 0)
AGAIN(frame_alloc, 0, 0)
AGAIN(frame_free, 1, FRAMES_PER_PIECE)
AGAIN(frame_unpin, 1, FRAMES_PER_PIECE)
AGAIN(slice_alloc, 2, SLICES_PER_PIECE)
AGAIN(slice_free, 1, SLICES_PER_PIECE)

// The short ways of env_yield and env_pass (x86_64/transfer.S), and where they end when they aren't
// any.
extern const char entry_yield[], entry_pass[], entry_null[], entry_in_c[];
i64 entry_yield_slow(u64 cap, env_id env);
i64 entry_yield_slow(u64 cap, env_id env) {
    return locked_env_yield(cap, env, 0, 0, 0, 0);
}
i64 entry_pass_slow(u64 cap, env_id env, u64 seen, u64 deadline);
i64 entry_pass_slow(u64 cap, env_id env, u64 seen, u64 deadline) {
    return locked_env_pass(cap, env, seen, deadline, 0, 0);
}
extern const char entry_message_call[], entry_message_return[], entry_message_send[];
static i64 null_call(void) {
    return 0;
}
i64 sys_null(void) {
    return 0;
}

// Where entry.S goes with a call: to a short way, or to entry_in_c, which calls what is in
// calls_in_c[], as entry_syscall_traced does with calls_traced[].
extern const void *const calls[], *const calls_in_c[], *const calls_traced[];
extern const char call_slow[], return_slow[], send_slow[]; // transfer.S
#define IN_C(name)       (const void *)entry_in_c,
#define SHORT(name)      (const void *)entry_##name,
#define entry_env_yield  entry_yield
#define entry_env_pass   entry_pass
#define entry_env_call   entry_message_call
#define entry_env_return entry_message_return
#define entry_env_send   entry_message_send
const void *const calls[] = {SYSCALL_DISPATCH(IN_C, SHORT, SHORT)};
#define HANDLER(name)      (const void *)locked_##name,
#define NONE(name)         (const void *)0,
#define locked_null        null_call
#define locked_env_yield   entry_yield_slow
#define locked_env_pass    entry_pass_slow
#define locked_frame_alloc again_frame_alloc
#define locked_frame_free  again_frame_free
#define locked_frame_unpin again_frame_unpin
#define locked_cap_mint    again_cap_mint
#define locked_slice_alloc again_slice_alloc
#define locked_slice_free  again_slice_free
#define locked_batch       again_batch
const void *const calls_in_c[] = {SYSCALL_DISPATCH(HANDLER, HANDLER, NONE)};
#define SLOW(name)      (const void *)slow_##name,
#define slow_env_call   call_slow
#define slow_env_return return_slow
#define slow_env_send   send_slow
const void *const calls_traced[] = {SYSCALL_DISPATCH(HANDLER, HANDLER, SLOW)};
#undef locked_null
#undef locked_env_yield
#undef locked_env_pass
#undef locked_frame_alloc
#undef locked_frame_free
#undef locked_frame_unpin
#undef locked_cap_mint
#undef locked_slice_alloc
#undef locked_slice_free
#undef locked_batch

// --- batch ---------------------------------------------------------------------------------------

#define BATCH_BARE(name, number, args, batch) [number] = BARE_##batch(name),
#define BARE_1(name)                          bare_##name
#define BARE_0(name)                          (handler *)0
static handler *const batchable[SYS_COUNT] = {SYSCALLS(BATCH_BARE)};

// Work of one batch, in units of about 15 instructions; an operation counts for 16 beside what its
// pages, frames or slices do. One that would go beyond is left to the next batch, unless it is the
// first.
#define BATCH_WORK 1024
#define UNIT_CLEAR 32 // a page that is filled
#define UNIT_ENTRY 10 // a mapping that comes or goes
#define UNIT_FRAME 4
#define UNIT_SLICE 8

static i64 is_range(u32 call) {
    return call == SYS_space_map || call == SYS_space_unmap || call == SYS_space_protect ||
           call == SYS_space_copy || call == SYS_space_move;
}

// The pages of a range operation: done in part, it ends the batch.
static u64 batch_pages(const struct batch_op *op) {
    return op->call == SYS_space_map || op->call == SYS_space_move ? op->args[4] : op->args[3];
}

// The work that an operation was told to do.
static u64 batch_work(const struct batch_op *op) {
    switch (op->call) {
    case SYS_frame_free:
    case SYS_frame_pin:
    case SYS_frame_unpin:
        return op->args[2] * UNIT_FRAME;
    case SYS_slice_free:
        return op->args[2] * UNIT_SLICE;
    case SYS_slice_alloc:
        return op->args[3] * UNIT_SLICE;
    case SYS_frame_alloc:
        return op->args[3] * UNIT_CLEAR;
    case SYS_space_protect:
        return op->args[3];
    case SYS_space_unmap:
    case SYS_space_copy:
        return op->args[3] * UNIT_ENTRY;
    case SYS_space_map:
        return op->args[4] * (op->args[3] == ABI_ANY ? UNIT_CLEAR : UNIT_ENTRY);
    case SYS_space_move:
        return op->args[4] * UNIT_ENTRY;
    case SYS_cap_drop:
    case SYS_cap_revoke:
    case SYS_env_create:
    case SYS_space_create:
        return 128;
    case SYS_cap_mint:
        return op->args[4] < CAP_MINT_ACCOUNT ? op->args[4] : 0;
    default:
        return 0;
    }
}

// Where the operation at a user address can be read and written, or null if its page is not mapped
// so or it crosses pages. *entry is that of the page *page, looked up when the page changes, but
// read anew every time: an operation may change it.
static struct batch_op *batch_at(u64 at, u64 *page, const u64 **entry) {
    if (at >> ABI_PAGE_SHIFT != *page) {
        *page = at >> ABI_PAGE_SHIFT;
        *entry = at < ABI_USER_END ? space_entry(space_current(), at) : 0;
    }
    u64 offset = at & (ABI_PAGE - 1);
    const u64 need = ABI_PTE_P | ABI_PTE_W | ABI_PTE_U;
    if (!*entry || (**entry & need) != need || offset > ABI_PAGE - sizeof(struct batch_op))
        return 0;
    return (struct batch_op *)((u8 *)sal_frame(ABI_PTE_FRAME(**entry)) + offset);
}

static i64 batch_one(struct batch_op *op) {
    if (op->call >= SYS_COUNT || !batchable[op->call])
        return -E_NOSYS;
    u32 call = op->call;
    if (((call == SYS_frame_free || call == SYS_frame_unpin) && op->args[2] > FRAMES_PER_PIECE) ||
        (call == SYS_slice_free && op->args[2] > SLICES_PER_PIECE) ||
        (call == SYS_slice_alloc && op->args[3] > SLICES_PER_PIECE))
        return -E_LIMIT; // it cannot be made again for what is left
    if (sched_current()->traced & TRACED_WATCHED &&
        spin_own_call(sal_entry_rip(), op->call, op->args))
        return -E_NOSYS;
    trace_env(sched_current(), TRACE_CALL, op->call, op->args[0], op->args[1], op->args[2]);
    return batchable[op->call](op->args[0], op->args[1], op->args[2], op->args[3], op->args[4],
                               op->args[5]);
}

// The operation at a user address; *user: in place, or null if it crosses pages or its page is not
// writable. E_FAULT, E_RANGE.
static i64 batch_read(u64 at, u64 *page, const u64 **entry, struct batch_op **user,
                      struct batch_op *op) {
    *user = batch_at(at, page, entry);
    if (!*user)
        return space_copy_in(op, at, sizeof *op);
    *op = **user;
    return 0;
}

i64 sys_batch(u64 vector, u64 count) {
    if (count > ABI_BATCH_MAX)
        return -E_LIMIT;
    if (vector & 7)
        return -E_ALIGN;
    u64 done = 0, work = 0, page = ~0ul;
    const u64 *entry = 0;
    for (; done < count; done++) {
        struct batch_op op, *user;
        u64 at = vector + done * sizeof op;
        i64 error = batch_read(at, &page, &entry, &user, &op);
        if (error)
            return done ? (i64)done : error;
        work += 16 + batch_work(&op);
        if (done && work > BATCH_WORK)
            break;
        op.result = batch_one(&op);
        if (op.result == CALL_AGAIN)
            return done ? (i64)done : CALL_AGAIN;
        if (user && (user = batch_at(at, &page, &entry)))
            user->result = op.result;
        else
            error = space_copy_out(at + __builtin_offsetof(struct batch_op, result), &op.result,
                                   sizeof op.result);
        if (error)
            return done ? (i64)done : error;
        if (op.result < 0 || (is_range(op.call) && (u64)op.result != batch_pages(&op)))
            break;
    }
    return (i64)done;
}
