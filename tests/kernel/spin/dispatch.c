// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The dispatcher against a plain one: random handlers with random guards, order, filters, mergers;
// each raise's log must be what a list of handlers could have produced. Also with each allocation
// failing in turn, with a second thread raising meanwhile, and its cost in instructions.

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/spin/dispatch/priv.h"
#include "tests/kernel/spin/dispatch_host.h"

static unsigned passed, failed;

static bool check_at(int line, bool ok, const char *what) {
    passed += ok;
    failed += !ok;
    if (!ok && failed < 20)
        printf("%s:%d: %s\n", __FILE__, line, what);
    return ok;
}
#define CHECK(condition) check_at(__LINE__, condition, #condition)

static u64 random_state = 0x9e3779b97f4a7c15;
static u64 rnd(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

struct packet {
    u32 length;
    u16 port;
    u8 protocol, flags;
    u64 stamp;
};

enum { HANDLERS = 400, LOG_MAX = 4 * HANDLERS };

struct handler {
    struct dispatch_binding binding;
    bool installed, cancels, anchored;
    u64 fired, value; // calls counted by itself; result
};
static struct handler handlers[HANDLERS];

static struct {
    u32 count;
    u64 who[LOG_MAX];
    u64 arguments[LOG_MAX][DISPATCH_ARGS];
} record;
static u32 argument_count;
static bool guards_say; // what opaque guards answer is a function of their number and arguments

static u64 mix(u64 v) {
    v *= 0x9e3779b97f4a7c15;
    return v ^ v >> 29;
}

// A filter's effect: it moves the scalar arguments.
static void filter_apply(u64 id, u64 *arguments) {
    for (u32 i = 1; i < argument_count; i++)
        arguments[i] = mix(arguments[i] + id) % 6;
}

static struct sim_result handler_run(u64 a, u64 b, u64 c, u64 d, u64 e, struct sim_run *run) {
    struct handler *h = &handlers[run->id];
    u64 arguments[DISPATCH_ARGS] = {a, b, c, d, e}, *seen = arguments;
    if (h->binding.flags & DISPATCH_FILTER)
        seen = (u64 *)a;
    h->fired++;
    if (record.count < LOG_MAX) {
        record.who[record.count] = run->id;
        memcpy(record.arguments[record.count++], seen, argument_count * 8);
    }
    if (h->cancels)
        return (struct sim_result){0x0bad, 1};
    if (h->binding.flags & DISPATCH_FILTER)
        filter_apply(run->id, seen);
    return (struct sim_result){h->value, 0};
}

static bool opaque_says(u64 id, u64 b) {
    return mix(id * 977 + b) % 3 != 0;
}
static struct sim_result guard_run(u64 a, u64 b, u64 c, u64 d, u64 e, struct sim_run *run) {
    (void)a, (void)c, (void)d, (void)e;
    return (struct sim_result){guards_say && opaque_says(run->id, argument_count > 1 ? b : 0), 7};
}

// Associative, not commutative: affine maps x -> p x + q on 32 bits.
static struct sim_result merger_run(u64 a, u64 b, u64 c, u64 d, u64 e, struct sim_run *run) {
    (void)c, (void)d, (void)e, (void)run;
    u32 p = (u32)(a >> 32) * (u32)(b >> 32), q = (u32)(b >> 32) * (u32)a + (u32)b;
    return (struct sim_result){(u64)p << 32 | q, 0};
}

static u64 merge(const struct dispatch_event *event, u64 so_far, u64 next, bool first) {
    switch ((enum dispatch_merge)event->merge) {
    case DISPATCH_MERGE_LAST:
        return next;
    case DISPATCH_MERGE_FIRST:
        return first ? next : so_far;
    case DISPATCH_MERGE_OR:
        return so_far | next;
    case DISPATCH_MERGE_AND:
        return so_far & next;
    case DISPATCH_MERGE_SUM:
        return so_far + next;
    case DISPATCH_MERGE_CUSTOM:
        return first ? next : merger_run(so_far, next, 0, 0, 0, NULL).value;
    }
    return 0;
}

// ---- The meaning of guards

static bool holds(const struct dispatch_binding *b, const u64 *arguments) {
    for (u32 i = 0; i < b->test_count; i++) {
        const struct dispatch_field *f = &b->tests[i].field;
        u64 raw = arguments[f->argument];
        if (f->memory) {
            u64 word = 0;
            memcpy(&word, (const u8 *)raw + f->offset, f->bytes);
            unsigned unused = 64 - 8 * f->bytes;
            raw = f->sign ? (u64)((i64)(word << unused) >> unused) : word;
        }
        if (!dispatch_test_holds(&b->tests[i], dispatch_field_finish(f, raw)))
            return false;
    }
    for (u32 i = 0; i < b->opaque_count; i++)
        if (!opaque_says((u64)(b - &handlers[0].binding) * sizeof(*b) / sizeof(struct handler),
                         argument_count > 1 ? arguments[1] : 0))
            return false;
    return true;
}

static struct dispatch_test random_test(void) {
    static const struct { u8 bytes, offset; } words[] = {{4, 0}, {2, 4}, {1, 6}, {1, 7}, {8, 8}};
    struct dispatch_test test = {.relation = DISPATCH_EQ, .value = rnd() % 5};
    struct dispatch_field *f = &test.field;
    f->sure = 1;
    if (argument_count > 1 && rnd() % 3 == 0) {
        f->argument = (u8)(1 + rnd() % (argument_count - 1));
        f->bytes = 8;
        f->mask = ~0ul;
    } else {
        u64 w = rnd() % 5;
        f->memory = 1;
        f->bytes = words[w].bytes;
        f->offset = words[w].offset;
        f->mask = f->bytes == 8 ? ~0ul : (1ul << 8 * f->bytes) - 1;
    }
    switch (rnd() % 12) {
    case 0:
        test.relation = (u8)(rnd() % 10);
        break;
    case 1:
        f->mask &= 3;
        test.value &= 3;
        break;
    case 2:
        f->add = rnd() % 4;
        f->narrow = rnd() % 2;
        test.relation = (u8)(rnd() % 10);
        break;
    case 3:
        if (f->memory && f->bytes > 1) {
            f->swap = f->bytes;
            test.value = rnd() % 5 << (8 * (f->bytes - 1));
        }
        break;
    case 4:
        if (f->memory)
            f->sign = 1, f->mask = ~0ul, test.relation = DISPATCH_LESS + (u8)(rnd() % 4);
        break;
    case 5:
        f->shift = 1;
        test.value /= 2;
        break;
    case 6:
        if (f->bytes == 8) // a constant that fits no immediate
            test.value = rnd() % 3 ? 0x1234567800000001 : 0xffffffff;
        break;
    default:
        break;
    }
    dispatch_test_normalise(&test);
    return test;
}

static u64 random_argument(void) {
    u64 v = rnd() % 6;
    return rnd() % 16 ? v : rnd() % 2 ? 0x1234567800000001 : (u64)-1;
}

static void random_packet(struct packet *p) {
    *p = (struct packet){(u32)rnd() % 6, (u16)(rnd() % 6), (u8)(rnd() % 6), (u8)(rnd() % 6),
                         random_argument()};
    if (rnd() % 8 == 0)
        p->port = (u16)(p->port << 8), p->length <<= 24;
}

// ---- Handlers

#define PAYERS 2
static struct dispatch_memory event_memory, handler_memory, payer_memory[PAYERS];
static struct sim_memory event_sim, handler_sim, payer_sim[PAYERS];
static struct dispatch_event event;

static void random_handler(u32 id) {
    struct handler *h = &handlers[id];
    u64 code = h->binding.handler, guard = h->binding.opaques[0];
    *h = (struct handler){0};
    struct dispatch_binding *b = &h->binding;
    u64 payer = rnd() % (PAYERS + 1);
    b->memory = &handler_memory;
    b->shared = payer < PAYERS ? &payer_memory[payer] : NULL;
    b->handler = code ? code : sim_code(handler_run, id);
    b->opaques[0] = guard ? guard : sim_code(guard_run, id);
    b->counter = 2 + id;
    b->test_count = rnd() % 8 ? (u32)(rnd() % 4) : (u32)(rnd() % (DISPATCH_TESTS + 1));
    for (u32 i = 0; i < b->test_count; i++)
        b->tests[i] = random_test();
    b->opaque_count = rnd() % 8 == 0;
    if (rnd() % 16 == 0)
        b->flags |= DISPATCH_FILTER;
    else if (rnd() % 8 == 0)
        b->flags |= DISPATCH_ASYNC;
    if (rnd() % 8 == 0)
        b->flags |= DISPATCH_CANCELLABLE;
    if (rnd() % 8 == 0)
        b->flags |= DISPATCH_CHECKED;
    h->cancels = (b->flags & DISPATCH_CANCELLABLE) && rnd() % 3 == 0;
    b->order = rnd() % 3 ? DISPATCH_ORDER_NONE : (u8)(rnd() % 5);
    if (b->order >= DISPATCH_ORDER_BEFORE) {
        u32 anchor = (u32)(rnd() % HANDLERS);
        if (handlers[anchor].installed && anchor != id)
            b->anchor = &handlers[anchor].binding;
        else
            b->order = DISPATCH_ORDER_NONE;
    }
    h->anchored = b->anchor;
    h->value = event.merge == DISPATCH_MERGE_CUSTOM ? rnd() | 1ul << 32 : rnd() % 1024;
    if (b->flags & DISPATCH_ASYNC)
        h->value = dispatch_identity(&event);
}

static u32 handler_id(const struct dispatch_binding *b) {
    return (u32)((const struct handler *)b - handlers);
}

// Section that a binding is certainly in, or -1.
static int section_of(const struct handler *h) {
    const struct dispatch_binding *b = &h->binding;
    if (h->anchored) // though its anchor may have gone
        return -1;
    switch (b->order) {
    case DISPATCH_ORDER_FIRST:
        return 0;
    case DISPATCH_ORDER_LAST:
        return 2;
    case DISPATCH_ORDER_NONE:
        return b->flags & DISPATCH_FILTER ? 0 : 1;
    default:
        return -1;
    }
}

// ---- One raise, checked

static bool check_log(const u64 *initial, u64 *expected, bool *none) {
    u64 arguments[DISPATCH_ARGS], position[HANDLERS];
    bool ever[HANDLERS], always[HANDLERS];
    bool ok = true, first = true;
    memcpy(arguments, initial, sizeof(arguments));
    memset(position, 0xff, sizeof(position));
    for (u32 i = 0; i < HANDLERS; i++)
        ever[i] = always[i] = handlers[i].installed && holds(&handlers[i].binding, arguments);
    *expected = dispatch_identity(&event);
    *none = true;
    int section = 0;
    for (u32 i = 0; i < record.count; i++) {
        u32 id = (u32)record.who[i];
        const struct handler *h = &handlers[id];
        if (&h->binding == event.default_binding)
            continue;
        ok &= CHECK(h->installed) && CHECK(position[id] == ~0ul);
        ok &= CHECK(holds(&h->binding, arguments));
        ok &= CHECK(memcmp(record.arguments[i], arguments, argument_count * 8) == 0);
        position[id] = i;
        int mine = section_of(h);
        if (mine >= 0) {
            ok &= CHECK(mine >= section);
            section = mine;
        }
        if (h->cancels)
            continue;
        if (h->binding.flags & DISPATCH_FILTER) {
            filter_apply(id, arguments);
            for (u32 j = 0; j < HANDLERS; j++) {
                bool now = handlers[j].installed && holds(&handlers[j].binding, arguments);
                ever[j] |= now;
                always[j] &= now;
            }
            continue;
        }
        *none = false;
        if (h->binding.flags & DISPATCH_ASYNC)
            continue;
        *expected = merge(&event, *expected, h->value, first);
        first = false;
    }
    for (u32 i = 0; i < HANDLERS; i++) {
        const struct dispatch_binding *b = &handlers[i].binding;
        ok &= CHECK(!always[i] || position[i] != ~0ul);
        ok &= CHECK(ever[i] || position[i] == ~0ul);
        if (!handlers[i].installed || !b->anchor || position[i] == ~0ul)
            continue;
        u64 other = position[handler_id(b->anchor)];
        if (other != ~0ul)
            ok &= CHECK((b->order == DISPATCH_ORDER_BEFORE) == (position[i] < other));
    }
    return ok;
}

static u64 raised, cancelled;
static u64 counters[SIM_COUNTERS];

static void raise_checked(void) {
    struct packet p;
    struct sim_run run = {0};
    random_packet(&p);
    u64 arguments[DISPATCH_ARGS] = {(u64)&p, random_argument(), random_argument(),
                                    random_argument(), random_argument()};
    record.count = 0;
    guards_say = true;
    u64 result = sim_raise(&event, arguments, &run), expected;
    raised++;
    for (u32 i = 0; i < record.count; i++) {
        struct handler *h = &handlers[record.who[i]];
        cancelled += h->cancels && !(h->binding.flags & DISPATCH_FILTER) &&
                     &h->binding != event.default_binding;
    }
    bool none;
    if (!check_log(arguments, &expected, &none))
        return;
    struct dispatch_binding *fallback = event.default_binding;
    bool fell = record.count && fallback && record.who[record.count - 1] == handler_id(fallback);
    CHECK(fell == (none && fallback));
    if (none)
        expected = fallback && !handlers[handler_id(fallback)].cancels
                       ? handlers[handler_id(fallback)].value
                       : event.none;
    CHECK(result == expected);
}

static u64 removed_calls;

static u64 raises_counted(void) {
    u64 calls = removed_calls;
    for (struct dispatch_binding *b = event.handlers; b; b = b->next)
        if (!(b->flags & DISPATCH_FILTER))
            calls += counters[b->counter];
    return dispatch_raises(counters[0], calls, counters[1], cancelled);
}

static void check_counters(void) {
    CHECK(raises_counted() == raised);
    for (u32 i = 0; i < HANDLERS; i++)
        if (handlers[i].installed)
            CHECK(counters[2 + i] == handlers[i].fired);
}

static void forget(struct handler *h) {
    if (!(h->binding.flags & DISPATCH_FILTER) && &h->binding != event.default_binding)
        removed_calls += counters[h->binding.counter];
    counters[h->binding.counter] = 0;
    h->installed = false;
}

static void reclaim(void) {
    dispatch_release(dispatch_retired(&event));
}

// ---- Random histories

static void history_open(void) {
    memset(counters, 0, sizeof(counters));
    raised = cancelled = removed_calls = 0;
    argument_count = 1 + (u32)(rnd() % DISPATCH_ARGS);
    event = (struct dispatch_event){.memory = &event_memory,
                                    .layout = &sim_layout,
                                    .arguments = (u8)argument_count,
                                    .merge = (u8)(rnd() % 6),
                                    .none = rnd(),
                                    .merger = sim_code(merger_run, 0),
                                    .counter_misses = 0,
                                    .counter_adjust = 1};
    CHECK(dispatch_event_open(&event) == DISPATCH_OK);
    memset(record.who, 0, sizeof(record.who));
    for (u32 i = 0; i < HANDLERS; i++)
        handlers[i].installed = false;
}

static void history_swap(bool may_fail) {
    struct dispatch_binding *out[8], *in[8];
    u32 outs = 0, ins = 0;
    for (u32 tries = 0; tries < 12; tries++) {
        u32 id = (u32)(rnd() % HANDLERS);
        struct handler *h = &handlers[id];
        bool listed = &h->binding == event.default_binding;
        for (u32 i = 0; i < outs; i++)
            listed |= out[i] == &h->binding;
        for (u32 i = 0; i < ins; i++)
            listed |= in[i] == &h->binding;
        if (listed)
            continue;
        if (h->installed && outs < 8) {
            out[outs++] = &h->binding;
        } else if (!h->installed && ins < 8) {
            random_handler(id);
            for (u32 i = 0; i < outs; i++)
                if (h->binding.anchor == out[i])
                    h->binding.anchor = NULL, h->binding.order = DISPATCH_ORDER_NONE;
            in[ins++] = &h->binding;
        }
    }
    for (u32 i = 0; i < ins; i++) // nothing that leaves is an anchor
        for (u32 j = 0; j < outs; j++)
            if (in[i]->anchor == out[j])
                in[i]->anchor = NULL, in[i]->order = DISPATCH_ORDER_NONE;
    int error = dispatch_swap(&event, out, outs, in, ins);
    if (!error || !may_fail)
        CHECK(error == DISPATCH_OK);
    if (error)
        return;
    for (u32 i = 0; i < outs; i++)
        forget((struct handler *)out[i]);
    for (u32 i = 0; i < ins; i++)
        ((struct handler *)in[i])->installed = true;
}

static void history_step(u32 target, bool may_fail) {
    u32 id = (u32)(rnd() % HANDLERS), installed = 0;
    struct handler *h = &handlers[id];
    for (u32 i = 0; i < HANDLERS; i++)
        installed += handlers[i].installed;
    if (&h->binding == event.default_binding) {
        counters[h->binding.counter] = 0;
        dispatch_remove(&h->binding);
    } else if (rnd() % 64 == 0) {
        history_swap(may_fail);
    } else if (h->installed && (installed > target || rnd() % 3 == 0)) {
        dispatch_remove(&h->binding);
        forget(h);
    } else if (!h->installed && rnd() % 40 == 0) {
        random_handler(id);
        h->binding.flags &= ~(DISPATCH_FILTER | DISPATCH_ASYNC);
        struct dispatch_binding *old = event.default_binding;
        if (dispatch_default(&event, &h->binding) == DISPATCH_OK && old)
            counters[old->counter] = 0;
    } else if (!h->installed) {
        random_handler(id);
        int error = dispatch_install(&event, &h->binding);
        h->installed = !error;
        if (!may_fail)
            CHECK(error == DISPATCH_OK);
    }
}

// Nothing is in use of a payer without handlers; and of the event's, if all are of others, what
// does not grow with them: the stub and what it leads to, the procedure, and a frame.
static void check_payers(void) {
    u32 of[PAYERS + 1] = {0};
    for (u32 i = 0; i < HANDLERS; i++) {
        const struct dispatch_memory *shared = handlers[i].binding.shared;
        of[shared ? shared - payer_memory : PAYERS] += handlers[i].installed;
    }
    for (u32 i = 0; i < PAYERS; i++)
        CHECK(of[i] || (payer_memory[i].blocks == 0 && payer_sim[i].outstanding == 0));
    CHECK(of[PAYERS] || event_memory.blocks <= 7);
}

static void history_close(void) {
    dispatch_event_close(&event);
    reclaim();
    CHECK(event_memory.blocks == 0 && event_memory.heap_bytes == 0 && event_memory.code_bytes == 0);
    CHECK(handler_memory.blocks == 0 && handler_memory.heap_bytes == 0);
    CHECK(event_sim.outstanding == 0 && handler_sim.outstanding == 0);
    for (u32 i = 0; i < PAYERS; i++)
        CHECK(payer_memory[i].blocks == 0 && payer_sim[i].outstanding == 0);
}

static void test_histories(u32 rounds) {
    for (u32 round = 0; round < rounds; round++) {
        history_open();
        u32 target = (u32)(rnd() % (rnd() % 4 ? 20 : HANDLERS));
        for (u32 i = 0; i < 300; i++) {
            history_step(target, false);
            if (rnd() % 4 == 0) {
                reclaim();
                check_payers();
            }
            for (u32 j = 0; j < 3; j++)
                raise_checked();
        }
        check_counters();
        history_close();
    }
}

// Every allocation of some step fails; nothing changes then.
static void test_failing(u32 rounds) {
    for (u32 round = 0; round < rounds; round++) {
        history_open();
        for (u32 i = 0; i < 60; i++) {
            if (rnd() % 2)
                event_sim.fail_at = event_sim.count + 1 + rnd() % 12;
            if (rnd() % 2)
                handler_sim.fail_at = handler_sim.count + 1 + rnd() % 6;
            u64 payer = rnd() % PAYERS;
            payer_sim[payer].fail_at = rnd() % 3 ? 0 : payer_sim[payer].count + 1 + rnd() % 6;
            history_step(25, true);
            event_sim.fail_at = handler_sim.fail_at = payer_sim[payer].fail_at = 0;
            reclaim();
            raise_checked();
        }
        check_counters();
        history_close();
    }
}

// ---- A thread that raises while handlers come and go

enum { RACE_STATIC = 8 };
static volatile u64 race_turns;
static volatile bool race_over;
static u64 race_counters[SIM_COUNTERS], race_bad;

static struct sim_result race_run(u64 a, u64 b, u64 c, u64 d, u64 e, struct sim_run *run) {
    (void)a, (void)b, (void)c, (void)d, (void)e;
    return (struct sim_result){run->id < RACE_STATIC ? 1ul << 32 : 1, 0};
}

static void *race_thread(void *unused) {
    (void)unused;
    struct sim_run run = {0};
    struct packet p = {0};
    sim_thread(race_counters);
    while (!race_over) {
        p.port = (u16)(race_turns % 3);
        u64 arguments[DISPATCH_ARGS] = {(u64)&p, race_turns % 50};
        u64 result = sim_raise(&event, arguments, &run);
        // The static handlers of that port, each once, whatever else happens.
        race_bad += result >> 32 != (p.port == 1 ? RACE_STATIC : 0);
        race_turns++;
    }
    return NULL;
}

static void race_wait(void) {
    u64 turns = race_turns;
    while (race_turns < turns + 2)
        ;
}

static void test_race(u32 steps) {
    static struct dispatch_binding bindings[RACE_STATIC + 120];
    pthread_t thread;
    argument_count = 2;
    event = (struct dispatch_event){.memory = &event_memory,
                                    .layout = &sim_layout,
                                    .arguments = 2,
                                    .merge = DISPATCH_MERGE_SUM,
                                    .counter_adjust = 1};
    CHECK(dispatch_event_open(&event) == DISPATCH_OK);
    static const struct dispatch_field port = {
        .memory = 1, .bytes = 2, .sure = 1, .offset = 4, .mask = 0xffff};
    static const struct dispatch_field number = {
        .argument = 1, .bytes = 8, .sure = 1, .mask = ~0ul};
    for (u32 i = 0; i < RACE_STATIC + 120; i++) {
        struct dispatch_binding *b = &bindings[i];
        *b = (struct dispatch_binding){
            .memory = &handler_memory, .handler = sim_code(race_run, i), .counter = 2 + i};
        bool fixed = i < RACE_STATIC;
        b->order = i % 4 == 1   ? DISPATCH_ORDER_FIRST
                   : i % 4 == 2 ? DISPATCH_ORDER_LAST
                                : DISPATCH_ORDER_NONE;
        if (fixed || rnd() % 2)
            b->tests[b->test_count++] =
                (struct dispatch_test){port, DISPATCH_EQ, fixed ? 1 : rnd() % 3};
        if (!fixed && rnd() % 8)
            b->tests[b->test_count++] = (struct dispatch_test){number, DISPATCH_EQ, rnd() % 50};
        if (fixed)
            CHECK(dispatch_install(&event, b) == DISPATCH_OK);
    }
    pthread_create(&thread, NULL, race_thread, NULL);
    race_wait();
    for (u32 i = 0; i < steps; i++) {
        struct dispatch_binding *b = &bindings[RACE_STATIC + rnd() % 120];
        if (rnd() % 50 == 0)
            CHECK(dispatch_swap(&event, &b, b->event != NULL, &b, b->event == NULL) == 0);
        else if (b->event)
            dispatch_remove(b);
        else
            CHECK(dispatch_install(&event, b) == DISPATCH_OK);
        if (rnd() % 3 == 0) {
            struct dispatch_block *retired = dispatch_retired(&event);
            race_wait();
            dispatch_release(retired);
        }
    }
    race_over = true;
    pthread_join(thread, NULL);
    CHECK(race_bad == 0);
    history_close();
}

// ---- Recursion, and cost

static void test_refusal(void) {
    argument_count = 1;
    event = (struct dispatch_event){
        .memory = &event_memory, .layout = &sim_layout, .arguments = 1, .none = 5};
    event.counter_adjust = 1;
    CHECK(dispatch_event_open(&event) == DISPATCH_OK);
    struct dispatch_binding b = {
        .memory = &handler_memory, .handler = sim_leaf(9), .flags = DISPATCH_CHECKED, .counter = 2};
    u64 arguments[DISPATCH_ARGS] = {0};
    CHECK(dispatch_install(&event, &b) == DISPATCH_OK);
    struct sim_run run = {.stack_limit = 4096};
    CHECK(sim_raise(&event, arguments, &run) == 9);
    run.stack_limit = ~0ul;
    CHECK(sim_raise(&event, arguments, &run) == 5);
    dispatch_remove(&b);
    CHECK(dispatch_default(&event, &b) == DISPATCH_OK);
    CHECK(sim_raise(&event, arguments, &run) == 5);
    run.stack_limit = 0;
    CHECK(sim_raise(&event, arguments, &run) == 9);
    history_close();
}

static void test_cost(u32 count, u64 limit) {
    static struct dispatch_binding bindings[10000];
    argument_count = 1;
    event = (struct dispatch_event){
        .memory = &event_memory, .layout = &sim_layout, .arguments = 1, .counter_adjust = 1};
    CHECK(dispatch_event_open(&event) == DISPATCH_OK);
    u64 leaf = sim_leaf(1), most = 0, sum = 0, allocations = 0;
    for (u32 i = 0; i < count; i++) {
        struct dispatch_field port = {
            .memory = 1, .bytes = 2, .sure = 1, .offset = 4, .mask = 0xffff};
        bindings[i] = (struct dispatch_binding){.memory = &handler_memory,
                                                .handler = leaf,
                                                .counter = 2 + i,
                                                .test_count = 1,
                                                .tests = {{port, DISPATCH_EQ, i * 5 + 80}}};
        u64 before = event_sim.count;
        CHECK(dispatch_install(&event, &bindings[i]) == DISPATCH_OK);
        reclaim();
        if (event_sim.count - before > allocations)
            allocations = event_sim.count - before;
    }
    for (u32 i = 0; i < 8; i++) {
        struct packet p = {.port = (u16)(rnd() % count * 5 + 80)};
        u64 arguments[DISPATCH_ARGS] = {(u64)&p};
        u64 steps = sim_steps(&event, arguments);
        sum += steps;
        most = steps > most ? steps : most;
    }
    printf("  %5u handlers: %lu.%lu instructions, at most %lu; %lu bytes each\n", count, sum / 8,
           sum * 10 / 8 % 10, most, (event_sim.outstanding + handler_sim.outstanding) / count);
    CHECK(sum <= 8 * limit);
    CHECK(allocations <= 24); // of one install, however many are there
    history_close();
}

// Constants that share their bucket at three levels: a node gets all of them at once, again and
// again, and at the end they are one chain.
static void test_collisions(void) {
    enum { COUNT = 24, LEVELS = 3 };
    static struct dispatch_binding bindings[COUNT];
    u32 values[COUNT], found = 0;
    for (u32 v = 0; found < COUNT && v < ~0u; v++) {
        bool same = true;
        for (u32 level = 0; level < LEVELS && same; level++)
            same = v * hash_multiplier(&sim_layout, level) >> 26 == 7;
        if (same)
            values[found++] = v;
    }
    argument_count = 1;
    event = (struct dispatch_event){
        .memory = &event_memory, .layout = &sim_layout, .arguments = 1, .counter_adjust = 1};
    CHECK(dispatch_event_open(&event) == DISPATCH_OK);
    static const struct dispatch_field length = {
        .memory = 1, .bytes = 4, .sure = 1, .mask = 0xffffffff};
    for (u32 step = 0; step < 2 * COUNT; step++) {
        struct dispatch_binding *b = &bindings[step % COUNT];
        if (step < COUNT) {
            *b = (struct dispatch_binding){.memory = &handler_memory,
                                           .handler = sim_leaf(step + 1),
                                           .counter = 2 + step,
                                           .test_count = 1,
                                           .tests = {{length, DISPATCH_EQ, values[step]}}};
            CHECK(dispatch_install(&event, b) == DISPATCH_OK);
        } else {
            dispatch_remove(b);
        }
        reclaim();
        for (u32 i = 0; i < COUNT; i++) {
            struct packet p = {.length = values[i]};
            u64 arguments[DISPATCH_ARGS] = {(u64)&p};
            struct sim_run run = {0};
            CHECK(sim_raise(&event, arguments, &run) == (bindings[i].event ? i + 1 : 0));
        }
    }
    history_close();
}

int main(void) {
    sim_memory_init(&event_sim);
    sim_memory_init(&handler_sim);
    event_memory.host = &event_sim.host;
    handler_memory.host = &handler_sim.host;
    for (u32 i = 0; i < PAYERS; i++) {
        sim_memory_init(&payer_sim[i]);
        payer_memory[i].host = &payer_sim[i].host;
    }
    sim_thread(counters);
    test_refusal();
    test_collisions();
    test_histories(40);
    test_failing(100);
    test_race(20000);
    // With the handler's two instructions and the call: as the rows raise_* count them.
    test_cost(1, 9);
    test_cost(10, 19);
    test_cost(50, 19);
    test_cost(1000, 24);
    test_cost(10000, 29);
    printf("spin-dispatch: %u passed, %u failed\n", passed, failed);
    return failed != 0;
}
