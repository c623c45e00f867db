// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Extensions over and over: loaded and unloaded while events are raised, and loaded from objects
// that are damaged at random. Frames are counted before and after. Short here; by hand as long as
// one likes:
//
// make test-kernel GUEST_ARGS='--smp 4 --test extensions_come_and_go --append cycles=100000'
// make test-kernel GUEST_ARGS='--smp 4 --test extension_fuzz --append objects=1000000'
//
// (with --timeout 3600).

#include "abi/extension.h"
#include "base/string.h"
#include "tests/guest/damage.h"
#include "tests/guest/guest.h"

#define OBJECT(name) extern const char object_##name[], object_##name##_end[]
OBJECT(hello);
OBJECT(exporter);
OBJECT(raiser);
OBJECT(handlers1);
OBJECT(handlers10);
OBJECT(cross_a);
OBJECT(asked);
OBJECT(tally1);
OBJECT(tally2);
OBJECT(ticker);
OBJECT(recursive);
OBJECT(sums);
OBJECT(adders);
OBJECT(strands);
OBJECT(watch_probe);
OBJECT(predicates);

// The number behind name= in the command line.
static u64 option(const char *name, u64 otherwise) {
    const char *line = (const char *)ABI_INFO->command_line;
    u64 length = strlen(name), value = 0;
    for (; *line; line++)
        if (!strncmp(line, name, length) && line[length] == '=') {
            for (line += length + 1; *line >= '0' && *line <= '9'; line++)
                value = value * 10 + (u64)(*line - '0');
            return value;
        }
    return otherwise;
}

static i64 load(const void *bytes, u64 size, u64 flags, ext_id replaces) {
    struct ext_link link = {.replaces = replaces};
    struct ext_load request = {
        .object = (u64)bytes, .bytes = size, .flags = flags, .link = replaces ? (u64)&link : 0};
    return sys_ext_load(CAP_SLOT_ACCOUNT, my_account(), (u64)&request, 0);
}
#define LOAD(name, flags) load(object_##name, (u64)(object_##name##_end - object_##name), flags, 0)

static void unload(i64 ext) {
    i64 error;
    do
        error = sys_ext_unload(CAP_SLOT_ACCOUNT, (ext_id)ext);
    while (error == -E_AGAIN);
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

// --- come and go ---------------------------------------------------------------------------------

static volatile u32 stop;
static i64 raiser;
static volatile u64 cycles_left, raises;

static void raise_for_ever(void *nothing) {
    (void)nothing;
    while (!stop) {
        struct ext_call c = {.function = ext_hash("raise"), .args = {10}};
        CHECK_EQ(sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)raiser, (u64)&c), 0);
        CHECK(c.result == 0 || c.result == 1010);
        __atomic_add_fetch(&raises, 1, __ATOMIC_SEQ_CST);
    }
}

static int cycle_take(void) {
    u64 left = cycles_left;
    while (left && !__atomic_compare_exchange_n(&cycles_left, &left, left - 1, 0, __ATOMIC_SEQ_CST,
                                                __ATOMIC_SEQ_CST))
        ;
    return left != 0;
}

// Every other one handles the event that is being raised.
static void come_and_go(void *nothing) {
    (void)nothing;
    while (cycle_take()) {
        i64 ext = cycles_left & 1 ? LOAD(ticker, 0) : LOAD(handlers1, 0);
        CHECK(ext > 0);
        unload(ext);
        if (cycles_left && cycles_left % 10000 == 0)
            say("extensions: about %lu cycles to go\n", cycles_left);
    }
}

TEST(extensions_come_and_go) {
    u64 frames = frames_now(), cycles = option("cycles", 100);
    env_id worker[8];
    u32 loaders = cpus() < 4 ? cpus() : 4;
    i64 exporter = LOAD(exporter, 0);
    raiser = LOAD(raiser, 0);
    CHECK(exporter > 0 && raiser > 0);
    stop = 0;
    raises = 0;
    cycles_left = cycles;
    for (u32 i = 0; i < loaders; i++)
        worker[i] = worker_start(i % cpus(), come_and_go, 0);
    for (u32 i = 0; i < 2; i++)
        worker[loaders + i] = worker_start((cpus() - 1 + i) % cpus(), raise_for_ever, 0);
    for (u32 i = 0; i < loaders; i++)
        worker_wait(worker[i]);
    stop = 1;
    for (u32 i = 0; i < 2; i++)
        worker_wait(worker[loaders + i]);
    unload(raiser);
    unload(exporter);
    settle(frames);
    say("extensions: %lu cycles of load and unload, %lu raises, %ld frames lost\n", cycles, raises,
        (i64)(frames_now() - frames));
}

// --- damaged objects -----------------------------------------------------------------------------

static const struct damage_object objects[] = {
#define KNOWN(name)                                                                                \
    { object_##name, object_##name##_end }
    KNOWN(hello), KNOWN(exporter), KNOWN(raiser),  KNOWN(handlers10),  KNOWN(cross_a),
    KNOWN(asked), KNOWN(tally1),   KNOWN(tally2),  KNOWN(ticker),      KNOWN(recursive),
    KNOWN(sums),  KNOWN(adders),   KNOWN(strands), KNOWN(watch_probe), KNOWN(predicates),
};
#define OBJECTS (sizeof objects / sizeof *objects)

static u8 damaged[DAMAGE_BYTES] __attribute__((aligned(8)));

static u64 below(u64 n) {
    return guest_random() % n;
}

// Calls whatever it still has; the results mean nothing.
static void use(i64 ext) {
    static const char *const names[] = {
        "add",     "count",    "spin",  "raise",  "serve", "tell",          "now",
        "counted", "befriend", "ready", "filter", "fork",  "set_mode",      "sum",
        "refuse",  "remove",   "last",  "start",  "share", "install_again", "unclaimed_packets"};
    for (u32 i = 0; i < sizeof names / sizeof *names; i++) {
        struct ext_call c = {.function = ext_hash(names[i]), .args = {guest_random(), below(64)}};
        (void)sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)ext, (u64)&c);
    }
}

// Meanwhile, on other processors: events are raised, which the damaged ones may handle, and an
// extension that has nothing to do with them goes on as it must.
static i64 bystander;

static void go_on(void *nothing) {
    (void)nothing;
    while (!stop) {
        struct ext_call c = {.function = ext_hash("raise"), .args = {below(12)}};
        CHECK_EQ(sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)raiser, (u64)&c), 0);
        c = (struct ext_call){.function = ext_hash("add"), .args = {2, 40}};
        CHECK_EQ(sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)bystander, (u64)&c), 0);
        CHECK_EQ(c.result, 42);
        __atomic_add_fetch(&raises, 1, __ATOMIC_SEQ_CST);
    }
}

static struct { u64 made, taken; } tried[DAMAGE_KINDS];

static void load_damaged(enum damage kind, i64 tally) {
    u64 bytes = damage_make(damaged, kind, objects, OBJECTS), upgrade = below(8) == 0;
    if (!bytes && kind != DAMAGE_CUT)
        return;
    i64 ext =
        load(damaged, bytes, below(4) && !upgrade ? EXT_PARTIAL : 0, upgrade ? (ext_id)tally : 0);
    if (ext != -E_REFUSED && ext != -E_LIMIT && ext != -E_INVAL && ext != -E_STALE &&
        ext != -E_CANCELLED && ext != -E_RIGHTS && ext != -E_BUSY && ext != -E_NOMEM)
        CHECK_EQ(ext < 0 ? ext : 0, 0);
    tried[kind].made++;
    if (ext <= 0)
        return;
    tried[kind].taken++;
    use(ext);
    if (ext != tally)
        unload(ext);
}

// One name for two functions: what would be called with numbers that a program chooses is not what
// was proved, for a pointer that the kernel gives. And two names for one.
TEST(extension_names_are_of_one_function) {
    u64 frames = frames_now(), bytes = (u64)(object_watch_probe_end - object_watch_probe);
    for (u32 place = 0; place < 2; place++) {
        memcpy(damaged, object_watch_probe, bytes);
        damage_symbol(damaged, "presence", place ? "install_again" : "returned", place);
        CHECK_EQ(load(damaged, bytes, 0, 0), -E_REFUSED);
    }
    settle(frames);
}

TEST(extension_fuzz) {
    u64 frames = frames_now(), count = option("objects", 240), loaded = 0;
    i64 exporter = LOAD(exporter, 0), tally = LOAD(tally1, 0);
    env_id worker[3];
    u32 others = cpus() < 4 ? cpus() - 1 : 3;
    raiser = LOAD(raiser, 0);
    bystander = LOAD(hello, 0);
    CHECK(exporter > 0 && tally > 0 && raiser > 0 && bystander > 0);
    stop = 0;
    raises = 0;
    memset(tried, 0, sizeof tried);
    for (u32 i = 0; i < others; i++)
        worker[i] = worker_start(i + 1, go_on, 0);
    for (u64 i = 0; i < count; i++) {
        load_damaged((enum damage)(i % DAMAGE_KINDS), tally);
        if (i && i % 5000 == 0)
            say("extensions: %lu damaged objects so far\n", i);
    }
    stop = 1;
    for (u32 i = 0; i < others; i++)
        worker_wait(worker[i]);
    unload(bystander);
    unload(raiser);
    unload(tally);
    unload(exporter);
    settle(frames);
    for (u32 kind = 0; kind < DAMAGE_KINDS; kind++) {
        say("extensions: %lu with damage to %s, %lu taken\n", tried[kind].made, damage_names[kind],
            tried[kind].taken);
        CHECK(tried[kind].made > 0); // not every object has what is to be damaged
        loaded += tried[kind].taken;
    }
    say("extensions: %lu damaged objects, %lu taken, %lu rounds of others meanwhile, %ld frames "
        "lost\n",
        count, loaded, raises, (i64)(frames_now() - frames));
    CHECK(loaded > 0 && loaded < count);
    CHECK(!others || raises);
}
