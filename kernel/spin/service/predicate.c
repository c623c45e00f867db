// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Wakeup predicates (abi/predicate.h). Envs that sleep for one are ENV_WAITING, and in a ring of
// the processor where they went to sleep. The scheduler goes on with the ring a little each time
// that it chooses what runs: at most PREDICATE_WORK units, a sum of products being one and a
// program PROGRAM_WORK; and after looking for some time it does not look again for SHARE - 1 times
// as long. So what this takes is bounded however many sleep, and whatever for; and the sleeper
// pays, by its excess.
//
// Words of exposed tables are the kernel's own, and stay: their addresses are looked up once.
// Constant terms are folded at the same time. Words of the env's own memory are looked up each time
// (its space lives as long as itself), so that nothing need be pinned; one that is not there any
// more wakes it.

#include "abi/predicate.h"
#include "gen/syscalls_kernel.h"
#include "kernel/aegis/above.h"
#include "kernel/aegis/frame.h"
#include "kernel/aegis/sched.h"
#include "kernel/aegis/space.h"
#include "kernel/sal/sal.h"
#include "kernel/spin/service.h"

#define PREDICATE_WORK 8
#define PROGRAM_WORK   8
#define SHARE          8 // of a processor's time: one in so many ticks

static struct env *ring[ABI_CPUS_MAX]; // the next to be looked at
static u64 look_again[ABI_CPUS_MAX];   // not before
u32 spin_waiting;                      // in all rings

// --- the ring ------------------------------------------------------------------------------------

static void ring_put(struct env *env) {
    struct env **at = &ring[sal_cpu()], *first = *at;
    struct env_predicate *p = &env->predicate;
    p->cpu = sal_cpu();
    spin_waiting++;
    p->next = first ? first : env;
    p->previous = first ? first->predicate.previous : env;
    p->next->predicate.previous = env;
    p->previous->predicate.next = env;
    if (!first)
        *at = env;
}

void spin_predicate_drop(struct env *env) {
    struct env_predicate *p = &env->predicate;
    if (!p->next)
        return;
    spin_waiting--;
    if (ring[p->cpu] == env)
        ring[p->cpu] = p->next == env ? 0 : p->next;
    p->next->predicate.previous = p->previous;
    p->previous->predicate.next = p->next;
    p->next = p->previous = 0;
}

int spin_predicates_wait(void) {
    return ring[sal_cpu()] != 0;
}

// --- looking -------------------------------------------------------------------------------------

// Where the word is; null: not in memory of the program's.
static const void *word_at(const struct env *env, const struct predicate_word *term) {
    if (!term->own)
        return (const void *)term->word;
    const void *word = space_memory_in(space_find(env->row->space), term->word, 0);
    u64 pfn = word ? sal_phys(word) >> ABI_PAGE_SHIFT : frame_count;
    return pfn < frame_count && frame_row(pfn)->kind == FRAME_USER ? word : 0;
}

static int relation_holds(const struct predicate_word *term, u64 word) {
    word &= term->mask;
    return term->relation == PREDICATE_EQ      ? word == term->value
           : term->relation == PREDICATE_NE    ? word != term->value
           : term->relation == PREDICATE_BELOW ? word < term->value
                                               : word >= term->value;
}

// 1, 0, or E_FAULT.
static i64 term_holds(const struct env *env, const struct predicate_word *term) {
    const void *at = word_at(env, term);
    if (!at)
        return -E_FAULT;
    return relation_holds(term,
                          term->bytes == 8 ? *(const volatile u64 *)at : *(const volatile u32 *)at);
}

// Returns whether it is to wake, with which result.
static int sum_holds(const struct env *env, i64 *result) {
    const struct env_predicate *p = &env->predicate;
    i64 product = 1;
    *result = 0;
    for (u32 i = 0; i < p->count; i++) {
        i64 holds = product ? term_holds(env, &p->term[i]) : 0;
        if (holds < 0) {
            *result = holds;
            return 1;
        }
        if (p->term[i].last && holds)
            return 1;
        product = holds || p->term[i].last;
    }
    return 0;
}

// Returns whether it is to wake, with which result.
static int program_holds(const struct env_predicate *p, i64 *result) {
    struct ext *ext = ext_find(p->ext);
    u64 arguments[ENGINE_ARGS] = {p->args[0], p->args[1]}, value = 0;
    *result = -E_DEAD;
    if (!ext || ext->row->state != EXT_LIVE)
        return 1;
    *result = -E_CANCELLED;
    if (ext_run(ext, p->function, arguments, 0, &value))
        return 1;
    *result = 0;
    return value != 0;
}

static int holds(const struct env *env, i64 *result) {
    return env->predicate.count ? sum_holds(env, result) : program_holds(&env->predicate, result);
}

void spin_predicates_look(void) {
    struct env **at = &ring[sal_cpu()];
    struct env *env = 0, *last = *at ? (*at)->predicate.previous : 0;
    u64 begin = sal_tsc(), now = begin, work = PREDICATE_WORK;
    if (begin < look_again[sal_cpu()])
        return;
    while (env != last && work) { // each goes behind the others, or away
        env = *at;
        i64 result = 0;
        u64 from = now, cost = env->predicate.count ? 1 : PROGRAM_WORK;
        int wakes = holds(env, &result);
        *at = env->predicate.next;
        now = sal_tsc();
        env->row->ran += now - from;
        env->row->excess += now - from;
        work -= cost < work ? cost : work;
        if (!wakes)
            continue;
        env->context.rax = (u64)result;
        env_unplain(env);
        sched_ready(env); // and so out of the ring
    }
    look_again[sal_cpu()] = now + (now - begin) * (SHARE - 1);
}

// --- going to sleep ------------------------------------------------------------------------------

// The kernel's address of a word of a table; 0 if it is none.
static u64 table_word_at(u64 address, u32 bytes) {
    for (u32 i = 0; i < ABI_TABLES_MAX; i++) {
        const struct abi_table *table = &abi_info->table[i];
        u64 size = (u64)table->stride * table->count;
        if (table->address && address - table->address < size)
            return address & (bytes - 1) ? 0 : (u64)table_rows(i) + (address - table->address);
    }
    return 0;
}

// Terms whose mask is 0 are constants: a true one is left out, with a false one its whole product;
// a product of nothing is true. Returns whether the predicate holds anyway. E_INVAL, E_RANGE.
static i64 terms_take(struct env_predicate *to, const struct predicate *from) {
    u32 begin = 0; // of the product
    int possible = 1, always = 0;
    to->count = 0;
    for (u32 i = 0; i < from->terms; i++) {
        const struct predicate_term *term = &from->term[i];
        struct predicate_word word = {.word = table_word_at(term->address, term->bytes),
                                      .mask = term->mask,
                                      .value = term->value,
                                      .bytes = (u8)term->bytes,
                                      .relation = (u8)term->relation};
        if ((term->bytes != 4 && term->bytes != 8) || term->relation >= PREDICATE_RELATIONS ||
            term->last > 1)
            return -E_INVAL;
        if (term->mask && !word.word) {
            word.own = 1;
            word.word = term->address;
            if (term->address >= ABI_USER_END || term->address & (term->bytes - 1))
                return -E_RANGE;
        }
        if (term->mask)
            to->term[to->count++] = word;
        else
            possible &= relation_holds(&word, 0);
        if (!term->last && i + 1 < from->terms)
            continue;
        always |= possible && to->count == begin;
        if (!possible)
            to->count = begin;
        else if (to->count > begin)
            to->term[to->count - 1].last = 1;
        begin = to->count;
        possible = 1;
    }
    return always;
}

static i64 program_take(u64 cap, struct env_predicate *to, const struct predicate *from) {
    struct ext *ext;
    i64 error = ext_check(cap, from->ext, CAP_RIGHT_CALL, &ext);
    if (error)
        return error;
    if (ext->row->state != EXT_LIVE)
        return ext->row->state == EXT_LOADING ? -E_BUSY : -E_DEAD;
    for (u32 i = 0; i < ext->function_count; i++) {
        const struct ext_function *function = &ext->functions[i];
        if (function->role != EXT_ROLE_ENTRY || function->hash != from->function)
            continue;
        if (function->entry.metered || function->entry.recurses)
            return -E_INVAL;
        to->count = 0;
        to->ext = from->ext;
        to->function = function->function;
        to->args[0] = from->args[0];
        to->args[1] = from->args[1];
        return 0;
    }
    return -E_INVAL;
}

i64 sys_env_sleep_until(u64 cap, u64 at, u64 seen, u64 deadline) {
    struct predicate asked;
    struct env *env = sched_current();
    struct env_predicate *p = &env->predicate;
    i64 result = 0;
    if (at & 7)
        return -E_ALIGN;
    i64 error = space_copy_in(&asked, at, sizeof asked);
    if (error)
        return error;
    if (asked.terms > PREDICATE_TERMS || asked.reserved)
        return -E_INVAL;
    error = asked.terms ? terms_take(p, &asked) : program_take(cap, p, &asked);
    if (error)
        return error < 0 ? error : 0;     // it holds always
    int never = asked.terms && !p->count; // others wake it, or nobody
    if (!never && holds(env, &result))
        return result;
    if (env->notify || env->row->wakes != seen || sal_tsc() >= deadline)
        return 0;
    env_save_switched(env, 0);
    env->row->state = never ? ENV_SLEEPING : ENV_WAITING;
    sched_unready(env);
    env->row->until = deadline;
    sched_sleep(&env->sleeper, deadline);
    if (!never)
        ring_put(env);
    sched_next();
}

// --- for programs --------------------------------------------------------------------------------

// 8 bytes of a row; 0 if there are none.
static u64 table_word(u64 number, u64 row, u64 offset, u64 d, u64 e, struct engine_run *run) {
    (void)d, (void)e, (void)run;
    if (number >= ABI_TABLES_MAX || offset & 7)
        return 0;
    const struct abi_table *table = &abi_info->table[number];
    if (!table->address || row >= table->count || offset >= table->stride)
        return 0;
    return *(const volatile u64 *)((const u8 *)table_rows((u32)number) + row * table->stride +
                                   offset);
}
SERVICE(table_word) = {{.name = "table_word",
                        .function = table_word,
                        .result = SERVICE_NUMBER,
                        .arguments = {SERVICE_NUMBER, SERVICE_NUMBER, SERVICE_NUMBER},
                        .argument_count = 3,
                        .flags = ENGINE_IMPORT_PURE,
                        .prototype = "u64(u64,u64,u64)"},
                       SERVICE_ANYWHERE};
