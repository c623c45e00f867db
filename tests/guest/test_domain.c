// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Domains: who finds what, who is asked, resolving and unresolving, domains that are made of
// others, and live upgrades, alone and under load.

#include "abi/extension.h"
#include "base/string.h"
#include "tests/guest/guest.h"

#define OBJECT(name) extern const char object_##name[], object_##name##_end[]
OBJECT(hello);
OBJECT(exporter);
OBJECT(raiser);
OBJECT(handlers10);
OBJECT(cross_a);
OBJECT(cross_b);
OBJECT(asked);
OBJECT(asker);
OBJECT(eavesdrop);
OBJECT(judge1);
OBJECT(judge2);
OBJECT(judge3);
OBJECT(judged);
OBJECT(tally1);
OBJECT(shift1);
OBJECT(shift2);
OBJECT(shift_log);
OBJECT(bulk);
OBJECT(mail);
OBJECT(mail_sender);
OBJECT(bulk_endless);
OBJECT(later);
OBJECT(later_sender);
OBJECT(tally2);
OBJECT(tally_type);
OBJECT(tally_init);
OBJECT(tally_state);
OBJECT(teller);
OBJECT(entry_pointer);
OBJECT(ticker);

struct how {
    const char *name;
    u64 flags;
    ext_id replaces;
    ext_id source;
    account_id account;
};

static i64 load(const char *from, const char *end, struct how how) {
    struct ext_link link = {.replaces = how.replaces, .sources = {how.source}};
    struct ext_load request = {.object = (u64)from,
                               .bytes = (u64)(end - from),
                               .flags = how.flags,
                               .link = how.replaces || how.source ? (u64)&link : 0};
    string_copy(request.name, how.name ? how.name : "", sizeof request.name);
    return sys_ext_load(CAP_SLOT_ACCOUNT, how.account ? how.account : my_account(), (u64)&request,
                        0);
}
#define LOAD(object, ...) load(object_##object, object_##object##_end, (struct how){__VA_ARGS__})

static void unload(i64 ext) {
    i64 error;
    do
        error = sys_ext_unload(CAP_SLOT_ACCOUNT, (ext_id)ext);
    while (error == -E_AGAIN);
    CHECK(error == 0 || error == -E_STALE);
}

static u64 call(i64 ext, const char *name, u64 a) {
    struct ext_call c = {.function = ext_hash(name), .args = {a}};
    CHECK_EQ(sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)ext, (u64)&c), 0);
    return c.result;
}

static i64 resolve(i64 source, i64 target) {
    return sys_ext_resolve(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT), (ext_id)source,
                           (ext_id)target);
}
static i64 unresolve(i64 source, i64 target) {
    return sys_ext_unresolve(CAP_SLOT_ACCOUNT, (ext_id)source, (ext_id)target);
}

static u64 frames_now(void) {
    return account_row(my_account())->frames;
}

static void settle(u64 frames) {
    u64 until = tsc() + ms(20000);
    while (frames_now() != frames && tsc() < until)
        sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
    CHECK_EQ(frames_now(), frames);
}

// --- names and links -----------------------------------------------------------------------------

TEST(domain_private_is_found_by_those_who_are_told) {
    u64 frames = frames_now();
    i64 exporter = LOAD(exporter, .flags = EXT_PRIVATE);
    CHECK(exporter > 0);
    CHECK_EQ(LOAD(raiser), -E_REFUSED);
    CHECK_EQ(LOAD(handlers10), -E_STALE);
    i64 raiser = LOAD(raiser, .source = (ext_id)exporter);
    i64 ten = LOAD(handlers10, .source = (ext_id)exporter);
    CHECK(raiser > 0 && ten > 0);
    CHECK_EQ(call(raiser, "raise", 15), 1015);
    i64 other = LOAD(exporter); // public: the name is not taken
    CHECK(other > 0);
    CHECK_EQ(call(raiser, "raise", 9), 0);
    CHECK_EQ(call(exporter, "unclaimed_packets", 0), 1);
    CHECK_EQ(call(other, "unclaimed_packets", 0), 0);
    unload(ten);
    unload(raiser);
    unload(other);
    unload(exporter);
    settle(frames);
}

TEST(domain_names_are_of_one) {
    u64 frames = frames_now();
    i64 one = LOAD(hello, .name = "greeter");
    CHECK(one > 0);
    CHECK_EQ(LOAD(hello, .name = "greeter"), -E_EXIST);
    i64 other = LOAD(hello, .name = "greeter2");
    CHECK(other > 0);
    unload(one);
    one = LOAD(hello, .name = "greeter");
    CHECK(one > 0);
    unload(one);
    unload(other);
    settle(frames);
}

TEST(domain_two_that_call_each_other) {
    u64 frames = frames_now();
    CHECK_EQ(LOAD(cross_a), -E_REFUSED);
    i64 a = LOAD(cross_a, .flags = EXT_PARTIAL), b = LOAD(cross_b);
    CHECK(a > 0 && b > 0);
    CHECK_EQ(call(b, "serve", 1), 1001);
    CHECK_EQ(call(b, "serve", 2), 2); // what a imports answers 0 yet
    CHECK_EQ(resolve(b, a), 1);
    CHECK_EQ(resolve(b, a), 0);
    CHECK_EQ(call(b, "serve", 2), 2002);
    CHECK_EQ(call(a, "serve", 5), 2005);
    CHECK_EQ(unresolve(b, a), 1);
    CHECK_EQ(unresolve(b, a), 0);
    CHECK_EQ(call(a, "serve", 5), 1);
    CHECK_EQ(resolve((i64)DOMAIN_PUBLIC, a), 1);
    CHECK_EQ(call(a, "serve", 4), 1004);
    CHECK(call(a, "serve", 1000000) < 1000000); // ends with the stack
    unload(b);
    CHECK_EQ(call(a, "serve", 3), 1);
    b = LOAD(cross_b);
    CHECK_EQ(resolve(b, a), 1); // relinked to the new one
    CHECK_EQ(call(a, "serve", 3), 2003);
    unload(a);
    CHECK_EQ(call(b, "serve", 3), 1);
    unload(b);
    settle(frames);
}

TEST(domain_exporter_is_asked) {
    u64 frames = frames_now();
    i64 asked = LOAD(asked);
    CHECK(asked > 0);
    CHECK_EQ(LOAD(asker, .name = "stranger"), -E_REFUSED);
    CHECK_EQ(call(asked, "tell", 0), 1);
    CHECK_EQ(call(asked, "tell", 1), ext_hash("secret"));
    CHECK_EQ(call(asked, "tell", 2), EXT_LINK_CALL);
    CHECK_EQ(call(asked, "tell", 3), my_account());
    CHECK_EQ(LOAD(eavesdrop, .name = "stranger"), -E_RIGHTS);
    CHECK_EQ(call(asked, "tell", 2), EXT_LINK_HANDLE);
    call(asked, "befriend", ext_hash("friend"));
    i64 friend = LOAD(asker, .name = "friend");
    CHECK(friend > 0);
    CHECK_EQ(call(friend, "ask", 0), 42);
    CHECK_EQ(unresolve(asked, friend), 1);
    call(asked, "befriend", 0);
    CHECK_EQ(resolve(asked, friend), -E_REFUSED);
    CHECK_EQ(call(friend, "ask", 0), 0);
    unload(friend);
    unload(asked);
    settle(frames);
}

TEST(domain_entries_take_numbers) {
    CHECK_EQ(LOAD(entry_pointer), -E_REFUSED);
}

static i64 create(const struct domain_create *request) {
    return sys_domain_create(CAP_SLOT_ACCOUNT, my_account(), (u64)request);
}

TEST(domain_made_of_others) {
    u64 frames = frames_now();
    i64 a = LOAD(tally1, .flags = EXT_PRIVATE), b = LOAD(exporter, .flags = EXT_PRIVATE);
    u64 names[2] = {ext_hash("count_one"), ext_hash("old_only")};
    struct domain_create both = {.sources = {(ext_id)a, (ext_id)b}, .flags = EXT_PRIVATE};
    struct domain_create one = {.sources = {(ext_id)a}, .names = (u64)names, .name_count = 1};
    one.flags = EXT_PRIVATE;
    i64 all = create(&both), interface = create(&one);
    CHECK(all > 0 && interface > 0);
    i64 teller = LOAD(teller, .source = (ext_id)all), raiser = LOAD(raiser, .source = (ext_id)all);
    CHECK(teller > 0 && raiser > 0);
    CHECK_EQ(call(teller, "count_many", 5), 1);
    CHECK_EQ(call(a, "counted", 0), 5);
    CHECK_EQ(LOAD(teller, .source = (ext_id)interface), -E_REFUSED); // it lacks old_only
    i64 part = LOAD(teller, .source = (ext_id)interface, .flags = EXT_PARTIAL);
    CHECK(part > 0);
    CHECK_EQ(call(part, "ask_old", 0), 0);
    CHECK_EQ(call(part, "count_many", 1), 1);
    CHECK_EQ(resolve(all, part), 1);
    CHECK_EQ(call(part, "ask_old", 0), 1);
    unload(a);
    CHECK_EQ(call(part, "count_many", 1), 0);
    CHECK_EQ(LOAD(teller, .source = (ext_id)all), -E_REFUSED);
    unload(all);
    CHECK_EQ(LOAD(raiser, .source = (ext_id)all), -E_STALE);
    unload(interface);
    unload(part);
    unload(teller);
    unload(raiser);
    unload(b);
    settle(frames);
}

TEST(domain_sealed_gets_what_it_is_given) {
    u64 frames = frames_now();
    u64 name = ext_hash("clock_ticks");
    struct domain_create clock = {
        .sources = {DOMAIN_KERNEL}, .names = (u64)&name, .name_count = 1, .name = "clock"};
    i64 interface = create(&clock);
    CHECK(interface > 0);
    CHECK_EQ(LOAD(ticker, .flags = EXT_SEALED), -E_REFUSED);
    i64 ticker = LOAD(ticker, .flags = EXT_SEALED, .source = (ext_id)interface);
    CHECK(ticker > 0);
    CHECK(call(ticker, "now", 0) > 0);
    CHECK_EQ(LOAD(hello, .flags = EXT_SEALED, .source = (ext_id)interface), -E_REFUSED);
    unload(ticker);
    unload(interface);
    settle(frames);
}

// --- what a hostile caller gets ------------------------------------------------------------------

TEST(domain_needs_rights) {
    u64 frames = frames_now();
    struct domain_create request = {.sources = {DOMAIN_KERNEL}}, bad = request;
    i64 weak = sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env(),
                            CAP_RIGHTS_ALL & ~(CAP_RIGHT_EXTEND | CAP_RIGHT_CALL), 0, 0);
    CHECK(weak > 0);
    i64 a = LOAD(cross_a, .flags = EXT_PARTIAL | EXT_PRIVATE),
        b = LOAD(cross_b, .flags = EXT_PRIVATE, .source = (ext_id)a);
    CHECK_EQ(sys_ext_resolve(CAP_PAIR(weak, CAP_SLOT_ACCOUNT), (ext_id)b, (ext_id)a), -E_RIGHTS);
    CHECK_EQ(sys_ext_resolve(CAP_PAIR(CAP_SLOT_ACCOUNT, weak), (ext_id)b, (ext_id)a), -E_RIGHTS);
    CHECK_EQ(sys_ext_resolve(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_CONSOLE), (ext_id)b, (ext_id)a),
             -E_TYPE);
    CHECK_EQ(sys_ext_resolve(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOTS), (ext_id)b, (ext_id)a), -E_CAP);
    CHECK_EQ(sys_ext_unresolve((u64)weak, (ext_id)b, (ext_id)a), -E_RIGHTS);
    CHECK_EQ(resolve(b, a + (1l << ABI_INDEX_BITS)), -E_STALE);
    CHECK_EQ(resolve(b + (1l << ABI_INDEX_BITS), a), -E_STALE);
    CHECK_EQ(sys_domain_create((u64)weak, my_account(), (u64)&request), -E_RIGHTS);
    CHECK_EQ(sys_domain_create(CAP_SLOT_ACCOUNT, my_account(), (u64)&request + 4), -E_ALIGN);
    CHECK_EQ(sys_domain_create(CAP_SLOT_ACCOUNT, my_account(), SCRATCH), -E_FAULT);
    CHECK_EQ(sys_domain_create(CAP_SLOT_ACCOUNT, my_account(), ABI_TABLES), -E_RANGE);
#define BAD(change, error)                                                                         \
    do {                                                                                           \
        bad = request;                                                                             \
        change;                                                                                    \
        CHECK_EQ(create(&bad), error);                                                             \
    } while (0)
    BAD(bad.flags = EXT_SEALED, -E_INVAL);
    BAD(bad.reserved = 1, -E_INVAL);
    BAD(bad.name[0] = '/', -E_INVAL);
    BAD(bad.name_count = DOMAIN_NAMES + 1, -E_LIMIT);
    BAD((bad.name_count = 1, bad.names = SCRATCH), -E_FAULT);
    BAD((bad.name_count = 1, bad.names = 4), -E_ALIGN);
    BAD((bad.name_count = 1, bad.names = (u64)&request), -E_STALE);
    BAD(bad.sources[7] = DOMAIN_PUBLIC, -E_INVAL);
    BAD(bad.sources[7] = 12345, -E_STALE);
    unload(b);
    unload(a);
    CHECK_EQ(sys_cap_drop((u64)weak), 0);
    settle(frames);
}

// --- live upgrade --------------------------------------------------------------------------------

TEST(upgrade_hands_state_over) {
    u64 frames = frames_now();
    i64 tally = LOAD(tally1, .name = "tally"), teller = LOAD(teller);
    CHECK(tally > 0 && teller > 0);
    CHECK_EQ(call(teller, "count_many", 10), 1);
    CHECK_EQ(LOAD(tally2, .replaces = (ext_id)tally), tally);
    CHECK_EQ(call(tally, "version", 0), 2);
    CHECK_EQ(call(tally, "counted", 0), 10);
    CHECK_EQ(call(tally, "upgraded", 0), 1);
    CHECK_EQ(call(teller, "count_many", 5), 2); // it was not linked anew
    CHECK_EQ(call(tally, "summed", 0), 45);
    CHECK_EQ(call(teller, "ask_old", 0), 0); // the second version has it no more
    CHECK_EQ(LOAD(tally1, .replaces = (ext_id)tally), tally);
    CHECK_EQ(call(tally, "counted", 0), 15);
    CHECK_EQ(call(teller, "ask_old", 0), 0);
    CHECK_EQ(resolve(tally, teller), 1);
    CHECK_EQ(call(teller, "ask_old", 0), 1);
    // However often: nothing is left behind.
    u64 before = 0;
    for (u32 i = 0; i < 20; i++) {
        CHECK_EQ(LOAD(tally2, .replaces = (ext_id)tally), tally);
        CHECK_EQ(LOAD(tally1, .replaces = (ext_id)tally), tally);
        if (i == 3 || i == 19) {
            u64 until = tsc() + ms(200);
            while (tsc() < until && (!before || frames_now() != before))
                sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
            CHECK(!before || frames_now() == before);
            before = frames_now();
        }
    }
    CHECK_EQ(call(tally, "counted", 0), 15);
    CHECK_EQ(call(tally, "upgraded", 0), 42);
    unload(teller);
    unload(tally);
    settle(frames);
}

TEST(upgrade_that_does_not_fit_changes_nothing) {
    u64 frames = frames_now();
    i64 tally = LOAD(tally1), teller = LOAD(teller);
    CHECK_EQ(call(teller, "count_many", 10), 1);
    CHECK_EQ(LOAD(tally_type, .replaces = (ext_id)tally), -E_INVAL);
    CHECK_EQ(LOAD(tally_init, .replaces = (ext_id)tally), -E_INVAL);
    CHECK_EQ(LOAD(tally_state, .replaces = (ext_id)tally), -E_INVAL);
    CHECK_EQ(LOAD(hello, .replaces = (ext_id)tally), -E_INVAL); // takes no state
    CHECK_EQ(LOAD(tally2, .replaces = (ext_id)tally, .name = "x"), -E_INVAL);
    CHECK_EQ(LOAD(tally2, .replaces = (ext_id)tally, .flags = EXT_PRIVATE), -E_INVAL);
    CHECK_EQ(LOAD(tally2, .replaces = (ext_id)tally + (1ul << ABI_INDEX_BITS)), -E_STALE);
    CHECK_EQ(call(teller, "count_many", 10), 1);
    CHECK_EQ(call(tally, "counted", 0), 20);
    unload(teller);
    unload(tally);
    settle(frames);
}

// Whatever frame is the one that can't be had: the old version goes on.
TEST(upgrade_every_frame_fails) {
    u64 frames = frames_now();
    i64 done = 0;
    for (u64 quota = 20; quota < 300 && !done; quota++) {
        i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), quota, 0);
        i64 tally = LOAD(tally1, .account = (account_id)account);
        if (tally > 0) {
            i64 teller = LOAD(teller);
            CHECK(teller > 0);
            i64 upgrade = LOAD(tally2, .account = (account_id)account, .replaces = (ext_id)tally);
            CHECK(upgrade == tally || upgrade == -E_NOMEM);
            done = upgrade == tally;
            CHECK_EQ(call(teller, "count_many", 3), done ? 2 : 1);
            CHECK_EQ(call(tally, "counted", 0), 3);
            unload(teller);
            unload(tally);
        } else {
            CHECK_EQ(tally, -E_NOMEM);
        }
        account_free((account_id)account);
    }
    CHECK(done);
    settle(frames);
}

static volatile u32 stop;
static i64 loaded_teller;
static volatile u64 raised[8];

static void tell_for_ever(void *number) {
    u64 me = (u64)number;
    while (!stop) {
        struct ext_call c = {.function = ext_hash("count_many"), .args = {20}};
        CHECK_EQ(sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)loaded_teller, (u64)&c), 0);
        CHECK(c.result == 1 || c.result == 2);
        raised[me] += 20;
    }
}

// Every raise is counted by one version or the other.
TEST(upgrade_under_load_loses_nothing) {
    u64 frames = frames_now(), all = 0;
    env_id worker[8];
    u32 count = cpus() * 2 < 8 ? cpus() * 2 : 8;
    i64 tally = LOAD(tally1);
    loaded_teller = LOAD(teller);
    stop = 0;
    memset((void *)raised, 0, sizeof raised);
    for (u32 i = 0; i < count; i++)
        worker[i] = worker_start(i % cpus(), tell_for_ever, (void *)(u64)i);
    u32 turns = 0;
    for (u32 busy = 0; turns < 30 || (busy < count && turns < 3000); turns++) {
        CHECK_EQ(LOAD(tally2, .replaces = (ext_id)tally), tally);
        CHECK_EQ(LOAD(tally1, .replaces = (ext_id)tally), tally);
        for (busy = 0; busy < count && raised[busy];)
            busy++;
    }
    stop = 1;
    for (u32 i = 0; i < count; i++) {
        worker_wait(worker[i]);
        CHECK(raised[i] > 0);
        all += raised[i];
    }
    CHECK_EQ(call(tally, "counted", 0), all);
    CHECK_EQ(call(tally, "summed", 0), 3 * all);
    CHECK_EQ(call(tally, "upgraded", 0), 2 * turns);
    unload(loaded_teller);
    unload(tally);
    settle(frames);
}

// 200 KB, in parts of 2; one that gives without end is stopped, and goes on.
TEST(upgrade_hands_much_over) {
    u64 frames = frames_now();
    i64 bulk = LOAD(bulk);
    for (u64 part = 0; part < 100; part++)
        CHECK_EQ(call(bulk, "fill", part), 0);
    CHECK_EQ(LOAD(bulk_endless, .replaces = (ext_id)bulk), bulk);
    CHECK_EQ(LOAD(bulk, .replaces = (ext_id)bulk), -E_LIMIT);
    for (u64 part = 0; part < 100; part++)
        CHECK_EQ(call(bulk, "wrong_words", part), 0);
    unload(bulk);
    settle(frames);
}

static u64 wait_call(i64 ext, const char *name, u64 argument, u64 least) {
    u64 until = tsc() + ms(10000), result;
    while ((result = call(ext, name, argument)) < least && tsc() < until)
        sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
    return result;
}

// Strands of the old version go on in its code, as long as they want; what they raise and fork is
// right; and then it goes.
TEST(upgrade_lets_strands_end) {
    u64 frames = frames_now();
    i64 log = LOAD(shift_log), shift = LOAD(shift1, .name = "shift");
    CHECK(log > 0 && shift > 0);
    for (u32 i = 0; i < 3; i++)
        CHECK_EQ(call(shift, "start", 0), 0);
    CHECK(wait_call(shift, "turns_made", 0, 5) >= 5);
    CHECK_EQ(LOAD(shift2, .replaces = (ext_id)shift), shift);
    CHECK_EQ(call(shift, "version", 0), 2);
    CHECK_EQ(call(shift, "start", 0), 0);
    CHECK_EQ(wait_call(log, "ended_of", 1, 3), 3);
    CHECK(wait_call(shift, "turns_made", 0, 5) >= 5);
    CHECK_EQ(LOAD(shift1, .replaces = (ext_id)shift), shift);
    CHECK_EQ(wait_call(log, "ended_of", 2, 1), 1);
    CHECK_EQ(call(log, "wrongs", 0), 0);
    unload(shift);
    unload(log);
    settle(frames);
}

// Those that never end keep their version, until the extension is unloaded, in each of the states
// that they can be in.
TEST(upgrade_strands_die_with_the_extension) {
    u64 frames = frames_now();
    i64 log = LOAD(shift_log);
    for (u32 i = 0; i < 6; i++) {
        i64 shift = LOAD(shift1);
        CHECK(shift > 0);
        for (u32 k = 0; k < 4; k++) {
            CHECK_EQ(call(shift, "start", 1), 0);
            if (k & 1)
                CHECK(wait_call(shift, "turns_made", 0, 1) >= 1);
            CHECK_EQ(k & 1 ? LOAD(shift1, .replaces = (ext_id)shift)
                           : LOAD(shift2, .replaces = (ext_id)shift),
                     shift);
        }
        unload(shift);
    }
    CHECK_EQ(call(log, "wrongs", 0), 0);
    CHECK_EQ(call(log, "ended_of", 1) + call(log, "ended_of", 2), 0);
    unload(log);
    settle(frames);
}

// Calls of asynchronous handlers that wait are not lost either.
TEST(upgrade_inherits_what_waits) {
    u64 frames = frames_now(), sent = 0;
    i64 log = LOAD(shift_log), sender = LOAD(mail_sender), mail = LOAD(mail);
    CHECK(log > 0 && sender > 0 && mail > 0);
    for (u32 i = 0; i < 20; i++) {
        CHECK_EQ(call(sender, "post", 16), 16);
        CHECK_EQ(LOAD(mail, .replaces = (ext_id)mail), mail);
        CHECK_EQ(call(sender, "post", 16), 16);
        sent += 32;
        CHECK_EQ(wait_call(log, "ended_of", 3, sent), sent);
    }
    unload(mail);
    unload(sender);
    unload(log);
    settle(frames);
}

static u64 handler_row(i64 ext, u32 *state) {
    const volatile struct abi_table *table = &ABI_INFO->table[ABI_TABLE_HANDLERS];
    for (u32 i = 1; i < table->count; i++) {
        const struct abi_handler *row =
            (const struct abi_handler *)(table->address + (u64)i * table->stride);
        if (row->id && row->ext == (ext_id)ext) {
            *state = row->state;
            return row->lost;
        }
    }
    return ~0ul;
}

static volatile u32 later_told;

static void later_note(struct upcall_frame *frame) {
    later_told += frame->vector == UPCALL_NOTIFY;
}

// Asynchronous handlers of an extension with strands are its strands' work: preemptible, charged,
// and ended like others when they take too long.
TEST(later_handlers_run_on_strands) {
    u64 frames = frames_now();
    u32 state = 0;
    i64 later = LOAD(later), sender = LOAD(later_sender);
    CHECK(later > 0 && sender > 0);
    u64 sent = 0;
    for (u32 i = 0; i < 10; i++) {
        CHECK_EQ(call(sender, "post", 20), 20);
        sent += 20;
        u64 lost = handler_row(later, &state);
        CHECK_EQ(wait_call(later, "arrived", 0, sent - lost), sent - lost);
    }
    CHECK_EQ(call(later, "not_by_strands", 0), 0);
    CHECK_EQ(state, HANDLER_LIVE);
    later_told = 0;
    set_upcall_handler(later_note);
    CHECK_EQ(call(sender, "post_heavy", 3000000), 3000000);
    for (u64 until = tsc() + ms(5000); state == HANDLER_LIVE && tsc() < until;) {
        sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
        (void)handler_row(later, &state);
    }
    CHECK_EQ(state, HANDLER_DETACHED);
    for (u64 until = tsc() + ms(1000); !later_told && tsc() < until;)
        sys_env_yield(0, 0);
    CHECK_EQ(later_told, 1);
    set_upcall_handler(0);
    unload(sender);
    unload(later);
    // Unloaded while some wait.
    for (u32 i = 0; i < 6; i++) {
        later = LOAD(later);
        sender = LOAD(later_sender);
        CHECK_EQ(call(sender, "post", 32), 32);
        for (u32 k = 0; k < i; k++)
            sys_env_yield(0, 0);
        unload(later);
        unload(sender);
    }
    settle(frames);
}

// Who replaces it, while its owner unloads it.
static i64 victim;
static void replace_for_ever(void *nothing) {
    (void)nothing;
    while (!stop) {
        i64 error = LOAD(tally2, .replaces = (ext_id)victim);
        CHECK(error > 0 || error == -E_STALE || error == -E_DEAD || error == -E_INVAL ||
              error == -E_BUSY);
    }
}

TEST(upgrade_races_with_unload) {
    u64 frames = frames_now();
    stop = 0;
    victim = LOAD(tally1);
    env_id worker = worker_start(cpus() - 1, replace_for_ever, 0);
    for (u32 i = 0; i < 30; i++) {
        u64 until = tsc() + ms(1) * (guest_random() % 16) / 4;
        while (tsc() < until)
            sys_env_sleep(env_row(my_env())->wakes, until);
        unload(victim);
        victim = LOAD(tally1);
        CHECK(victim > 0);
    }
    stop = 1;
    worker_wait(worker);
    unload(victim);
    settle(frames);
}

// Handlers call guards and a merger of the exporter, and a default handler stands before its
// procedure: all of them are the new version's afterwards.
TEST(upgrade_changes_guards_mergers_and_what_waits) {
    u64 frames = frames_now();
    i64 judge = LOAD(judge1), judged = LOAD(judged);
    CHECK(judge > 0 && judged > 0);
    i64 two = sys_handler_install(CAP_SLOT_ACCOUNT, (ext_id)judged, ext_hash("twice"), 0);
    i64 three = sys_handler_install(CAP_SLOT_ACCOUNT, (ext_id)judged, ext_hash("thrice"), 0);
    CHECK(two > 0 && three > 0);
    for (u32 i = 0; i < 3; i++) {
        CHECK_EQ(call(judged, "judge", 10), 20);
        CHECK_EQ(call(judged, "judge", 11), 18);
        CHECK_EQ(LOAD(judge3, .replaces = (ext_id)judge), -E_BUSY);
        CHECK_EQ(call(judged, "judge", 10), 20);
        CHECK_EQ(LOAD(judge2, .replaces = (ext_id)judge), judge);
        CHECK_EQ(call(judged, "judge", 10), 17);
        CHECK_EQ(call(judged, "judge", 11), 33);
        CHECK_EQ(LOAD(judge1, .replaces = (ext_id)judge), judge);
    }
    CHECK_EQ(sys_handler_remove(CAP_SLOT_ACCOUNT, (ext_id)judged, 1), 0);
    CHECK_EQ(call(judged, "judge", 11), 11);
    CHECK_EQ(LOAD(judge2, .replaces = (ext_id)judge), judge);
    CHECK_EQ(call(judged, "judge", 10), 110);
    CHECK_EQ(call(judged, "judge", 11), 33);
    CHECK_EQ(sys_handler_remove(CAP_SLOT_ACCOUNT, (ext_id)judged, (u64)two), 0);
    CHECK_EQ(call(judged, "judge", 11), 33);
    unload(judge);
    CHECK_EQ(call(judged, "judge", 11), 0);
    unload(judged);
    settle(frames);
}
