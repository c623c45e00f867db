// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Waiting for a word of memory, a deadline, or a message. See word.h.
//
// No wakeup is lost. The word is compared, and the env put into the list, in one hold of the kernel
// lock; who changes it stores first and calls word_wake then, which takes the lock. So either the
// comparison sees the new value, or word_wake finds the env.
//
// The right to wake is the right to write the word: a writable mapping of it. A word is named by
// its frame, wherever each of them maps it.

#include "kernel/aegis/word.h"

#include "abi/pte.h"
#include "gen/syscalls_kernel.h"
#include "kernel/aegis/frame.h"
#include "kernel/aegis/sched.h"
#include "kernel/aegis/space.h"
#include "kernel/aegis/trace.h"
#include "kernel/sal/sal.h"

static struct env *first_of(pfn_t pfn) {
    u32 first = frame_row(pfn)->waiters;
    return first ? env_at(first) : 0;
}

static u32 row_of(const struct env *env) {
    return ABI_INDEX(env->row->id);
}

void word_take_out(struct env *env) {
    struct abi_frame *row = frame_row(env->word_frame);
    struct env *next = env->word_next;
    next->word_before = env->word_before;
    env->word_before->word_next = next;
    if (row->waiters == row_of(env))
        row->waiters = next == env ? 0 : row_of(next);
    env->word_frame = 0;
}

// Last in the list. E_FULL.
static i64 put_in(struct env *env, pfn_t pfn, u32 offset) {
    struct env *first = first_of(pfn);
    u32 count = 0;
    for (struct env *at = first; at && (at != first || !count); at = at->word_next)
        if (++count == WORD_WAITERS)
            return -E_FULL;
    if (!first) {
        frame_row(pfn)->waiters = row_of(env);
        env->word_next = env->word_before = env;
    } else {
        env->word_next = first;
        env->word_before = first->word_before;
        first->word_before->word_next = env;
        first->word_before = env;
    }
    env->word_frame = pfn;
    env->word_offset = offset;
    return 0;
}

// Wakes at most `most` of those that wait for a word of a frame, ABI_ANY: for any.
static i64 wake(pfn_t pfn, u64 offset, u64 most) {
    struct env *waiting[WORD_WAITERS], *first = first_of(pfn), *at = first;
    const struct env *by = sched_current();
    u32 count = 0, woken = 0;
    if (first)
        do {
            waiting[count++] = at;
            at = at->word_next;
        } while (at != first);
    for (u32 i = 0; i < count && woken < most; i++)
        if (offset == ABI_ANY || waiting[i]->word_offset == offset) {
            waiting[i]->context.rax = 0;
            trace_env(waiting[i], TRACE_WAKE, by ? by->id : 0, 0, 0, 0);
            sched_ready(waiting[i]);
            woken++;
        }
    return woken;
}

void word_lost(pfn_t pfn) {
    wake(pfn, ABI_ANY, WORD_WAITERS);
}

// --- calls ---------------------------------------------------------------------------------------

// The word at an address of the caller's, that it may read and, with ABI_PTE_W, write. E_ALIGN,
// E_RANGE, E_FAULT.
static i64 word_find(u64 va, u64 bits, const volatile u32 **word, pfn_t *pfn) {
    if (va & 3)
        return -E_ALIGN;
    if (va >= ABI_USER_END)
        return -E_RANGE;
    *word = space_memory(va, bits);
    if (!*word)
        return -E_FAULT;
    *pfn = sal_phys((const void *)*word) >> ABI_PAGE_SHIFT;
    return frame_row(*pfn)->kind == FRAME_USER ? 0 : -E_FAULT;
}

i64 sys_env_wait(u64 va, u64 value, u64 seen, u64 deadline, u64 flags) {
    struct env *env = sched_current();
    const volatile u32 *word = 0;
    pfn_t pfn;
    u64 offset = va & (ABI_PAGE - 1);
    if (flags & ~(u64)ENV_WAIT_MESSAGE)
        return -E_INVAL;
    i64 error = va ? word_find(va, 0, &word, &pfn) : 0;
    if (error)
        return error;
    if (word && *word != (u32)value)
        return 1;
    if (env->notify || env->row->wakes != seen || sal_tsc() >= deadline)
        return 0;
    error = va ? put_in(env, pfn, (u32)offset) : 0;
    if (error)
        return error;
    env_save_switched(env, 0);
    env->waits = 1;
    if (flags & ENV_WAIT_MESSAGE)
        env_note_accept(env);
    env->row->state = flags & ENV_WAIT_MESSAGE ? ENV_ACCEPTING : ENV_SLEEPING;
    env->row->until = deadline;
    sched_unready_waiting(env);
    sched_sleep(&env->sleeper, deadline);
    sched_next();
}

i64 sys_word_wake(u64 va, u64 count) {
    const volatile u32 *word;
    pfn_t pfn;
    i64 error = word_find(va, ABI_PTE_W, &word, &pfn);
    return error ? error : wake(pfn, va & (ABI_PAGE - 1), count);
}
