// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What hostile extensions get from counted objects, references and their arena (docs/hostile.md).

#include "engine/program.h"
#include "tests/guest/counted.h"

// --- what cannot be loaded -----------------------------------------------------------------------

// By an object of tests/guest/ext/wrong_object.c each; the source says what it does.
#define WRONG(CASE)                                                                                \
    CASE(leak, RELEASED_SOMETIMES)                                                                 \
    CASE(lost, UNRELEASED)                                                                         \
    CASE(global, POINTER_LEAK)                                                                     \
    CASE(field, POINTER_LEAK)                                                                      \
    CASE(forged, ARGUMENT)                                                                         \
    CASE(forged_field, ARGUMENT)                                                                   \
    CASE(arithmetic, POINTER_ARITHMETIC)                                                           \
    CASE(next, ARGUMENT)                                                                           \
    CASE(after, DEAD)                                                                              \
    CASE(twice, DEAD)                                                                              \
    CASE(type, ARGUMENT)                                                                           \
    CASE(kernel_type, ARGUMENT)                                                                    \
    CASE(id, WRITE_RIGHT)                                                                          \
    CASE(slot_word, CONTEXT_BOUNDS)                                                                \
    CASE(new_kind, IMPORT_TYPE)                                                                    \
    CASE(null, NULL)                                                                               \
    CASE(header, CONTEXT_BOUNDS)                                                                   \
    CASE(slot, CONTEXT_BOUNDS)                                                                     \
    CASE(beyond, CONTEXT_BOUNDS)                                                                   \
    CASE(lent, NOT_OWNED)                                                                          \
    CASE(event, NOT_OWNED)                                                                         \
    CASE(given, DEAD)                                                                              \
    CASE(many, HELD_MANY)                                                                          \
    CASE(result, DEAD)                                                                             \
    CASE(log, POINTER_PART)                                                                        \
    CASE(guard, NOT_DETERMINISTIC)                                                                 \
    CASE(const, IMPORT_TYPE)

#define CASE(name, code)                                                                           \
    extern const char object_wrong_object_##name[], object_wrong_object_##name##_end[];
WRONG(CASE)
#undef CASE

TEST(object_misuse_is_refused) {
    static const struct {
        const char *name, *from, *end;
        u32 code;
    } cases[] = {
#define CASE(name, code)                                                                           \
    {#name, object_wrong_object_##name, object_wrong_object_##name##_end, ENGINE_REFUSED_##code},
        WRONG(CASE)
#undef CASE
    };
    u64 frames = account_row(my_account())->frames;
    for (u32 i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ext_report report = {0};
        i64 error = load_for(my_account(), cases[i].from, cases[i].end, &report);
        if (error != -E_REFUSED || report.code != cases[i].code)
            say("  WRONG_%s: error %ld, reason %u, want %u: %s", cases[i].name, error, report.code,
                cases[i].code, report.words);
        CHECK_EQ(error, -E_REFUSED);
        CHECK_EQ(report.code, cases[i].code);
    }
    wait_for_frames(frames);
}

// --- what is contained ---------------------------------------------------------------------------

OBJECT_FILE(objects);
OBJECT_FILE(objects_user);
OBJECT_FILE(objects_shower);
OBJECT_FILE(heap);
OBJECT_FILE(objects_strands);

TEST(object_held_by_what_is_cancelled) {
    u64 result, frames = account_row(my_account())->frames;
    i64 ext = LOAD(objects);
    CHECK_EQ(call(ext, "make", 3, 7, 0), 0);
    for (u32 i = 0; i < 40; i++) // more than a run can hold
        CHECK_EQ(try(ext, "hold_and_spin", 3, 0, 0, &result), -E_CANCELLED);
    CHECK_EQ(call(ext, "counted_value", 3, 0, 0), 7);
    CHECK_EQ(call(ext, "drop", 3, 0, 0), 0);
    wait_for_objects(ext, 0); // the references were given back
    unload(ext);
    wait_for_frames(frames);
}

#define POOR 120 // frames: loading takes most, and gives them back

// Without frames: an error, and all that there is stays as it is.
TEST(object_exhaustion_is_the_makers) {
    u64 made[2] = {0, 0};
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), POOR, 0);
    i64 poor = load_for((account_id)account, object_objects, object_objects_end, 0);
    CHECK(poor > 0);
    for (u32 round = 0; round < 2 && poor > 0; round++) {
        u64 until = tsc() + ms(10000), more;
        do { // memory comes back some time after the objects have ended
            more = call(poor, "push", 20, 0, 0);
            made[round] += more;
            if (more < 20)
                sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
        } while (more == 20 || (made[round] < made[0] && tsc() < until));
        CHECK_EQ(call(poor, "length", 0, 0, 0), made[round]);
        CHECK_EQ(account_row((account_id)account)->frames, POOR);
        u64 root = 10;
        while (root < OBJECT_ROOTS && !call(poor, "make", root, 1, 0))
            root++;
        CHECK_EQ((i64)call(poor, "make", root, 1, 0), -E_NOMEM);
        CHECK_EQ(call(poor, "length", 0, 0, 0), made[round]);
        while (root-- > 10)
            CHECK_EQ(call(poor, "drop", root, 0, 0), 0);
        CHECK_EQ(call(poor, "drop_list", 0, 0, 0), 1);
        wait_for_objects(poor, 0);
    }
    CHECK(made[0] > 100);
    CHECK(made[1] >= made[0]); // as many again
    unload(poor);
    account_free((account_id)account);
}

TEST(arena_corrupted_by_its_owner) {
    u64 frames = account_row(my_account())->frames, result;
    i64 wild = LOAD(heap), good = LOAD(heap);
    u64 block = call(good, "allocate", 0, 0, 0);
    for (u32 i = 0; i < 200; i++) {
        CHECK_EQ(try(wild, "corrupt", guest_random(), 0, 0, &result), 0);
        (void)try(wild, "allocate", 0, 0, 0, &result);
        (void)try(wild, "give_back", guest_random(), 0, 0, &result);
        (void)try(wild, "count", 0, 0, 0, &result); // may go on for ever, and is ended
        CHECK_EQ(call(wild, "cell_value", 0, 0, 0), 0x5ca1ab1e);
        CHECK_EQ(call(good, "cell_value", 0, 0, 0), 0x5ca1ab1e);
        CHECK_EQ(call(good, "count", 0, 0, 0), 255);
    }
    CHECK_EQ(call(good, "give_back", block, 0, 0), 0);
    CHECK_EQ(call(good, "count", 0, 0, 0), 256);
    unload(wild);
    unload(good);
    wait_for_frames(frames);
}

TEST(arena_exhausted_by_its_owner) {
    i64 greedy = LOAD(heap), good = LOAD(heap);
    u64 n = 0;
    while (call(greedy, "allocate", 0, 0, 0) != ~0ul && n < 1000)
        n++;
    CHECK_EQ(n, 256);
    CHECK_EQ(call(good, "count", 0, 0, 0), 256);
    CHECK_EQ(row(greedy)->frames, row(good)->frames);
    unload(greedy);
    unload(good);
}

TEST(object_held_by_strands) {
    u64 frames = account_row(my_account())->frames;
    i64 owner = LOAD(objects);
    CHECK_EQ(call(owner, "make", 3, 7, 0), 0);
    CHECK_EQ(call(owner, "name", 3, 5, 0), 0);
    for (u32 round = 0; round < 4; round++) {
        i64 ext = LOAD(objects_strands);
        CHECK(ext > 0);
        CHECK_EQ(call(ext, "hold", 10, 0, 0), 10);
        CHECK((i64)call(ext, "take", 5, 0, 0) > 0);
        u64 until = tsc() + ms(5000);
        while (((i64)call(ext, "took", 0, 0, 0) == 1 || row(ext)->objects < 11) && tsc() < until)
            sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
        CHECK_EQ((i64)call(ext, "took", 0, 0, 0), -E_RIGHTS);
        CHECK_EQ(row(ext)->objects, 11);
        CHECK(call(ext, "turned", 0, 0, 0) > 10);
        u64 ticks = guest_random() % ms(2);
        sys_env_sleep(env_row(my_env())->wakes, tsc() + ticks);
        unload(ext);
    }
    unload(owner);
    wait_for_frames(frames);
}

// --- races ---------------------------------------------------------------------------------------

static volatile i64 race_user, race_shower;
static volatile u32 race_over;
static volatile u64 race_rounds;

// Takes, keeps and releases what the owner makes, while the owner comes and goes.
static void race_use(void *argument) {
    u64 result;
    (void)argument;
    while (!race_over) {
        (void)try(race_shower, "show", 5, 0, 0, &result);
        (void)try(race_user, "kept", 0, 0, 0, &result);
        (void)try(race_user, "find", 5, 0, 0, &result);
        (void)try(race_user, "let_go", 0, 0, 0, &result);
        race_rounds++;
    }
}

TEST(object_release_races_the_owners_death) {
    u64 frames = account_row(my_account())->frames, result;
    env_id worker[4];
    u32 workers = cpus() < 2 ? 1 : cpus() < 5 ? cpus() - 1 : 4;
    i64 first = LOAD(objects); // whose event it is
    race_user = LOAD(objects_user);
    race_shower = LOAD(objects_shower);
    race_over = 0;
    race_rounds = 0;
    for (u32 i = 0; i < workers; i++)
        worker[i] = worker_start((i + 1) % cpus(), race_use, 0);
    u64 until = tsc() + ms(3000);
    u32 rounds = 0;
    for (; rounds < 300 && tsc() < until; rounds++) {
        struct ext_load request = {.object = (u64)object_objects,
                                   .bytes = (u64)(object_objects_end - object_objects),
                                   .flags = EXT_PRIVATE};
        i64 owner = sys_ext_load(CAP_SLOT_ACCOUNT, my_account(), (u64)&request, 0);
        CHECK(owner > 0);
        CHECK_EQ(call(owner, "push", 5, 0, 0), 5);
        CHECK_EQ(call(owner, "make", 3, rounds, 0), 0);
        (void)try(owner, "name", 3, 5, 0, &result);
        sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
        unload(owner);
    }
    CHECK(rounds > 1);
    CHECK(race_rounds > 0);
    race_over = 1;
    for (u32 i = 0; i < workers; i++)
        worker_wait(worker[i]);
    CHECK_EQ(call(first, "push", 1, 0, 0), 1);
    unload((i64)race_user);
    unload((i64)race_shower);
    unload(first);
    wait_for_frames(frames);
}
