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

static const struct {
    const char *from, *end;
} objects[] = {
#define KNOWN(name)                                                                                \
    { object_##name, object_##name##_end }
    KNOWN(hello), KNOWN(exporter), KNOWN(raiser), KNOWN(handlers10), KNOWN(cross_a),
    KNOWN(asked), KNOWN(tally1),   KNOWN(tally2), KNOWN(ticker),     KNOWN(recursive),
};
#define OBJECTS (sizeof objects / sizeof *objects)

#define DAMAGED_BYTES 32768
static u8 damaged[DAMAGED_BYTES] __attribute__((aligned(8)));

static u64 below(u64 n) {
    return guest_random() % n;
}

static u64 copy_of(u64 which) {
    u64 bytes = (u64)(objects[which].end - objects[which].from);
    bytes = bytes < DAMAGED_BYTES ? bytes : DAMAGED_BYTES;
    memcpy(damaged, objects[which].from, bytes);
    return bytes;
}

// One of: some bytes changed; a word made extreme; cut; a piece of another one; noise.
static u64 damage(void) {
    static const u64 words[] = {0, 1, ~0ul, 1ul << 31, 1ul << 32, 0x7fffffff, 1ul << 63, 4096};
    u64 bytes = copy_of(below(OBJECTS));
    switch (below(8)) {
    case 0:
        return below(bytes);
    case 1: {
        u64 other = below(OBJECTS), size = (u64)(objects[other].end - objects[other].from);
        u64 at = below(bytes), part = below(256) + 1, from = below(size);
        part = part < bytes - at ? part : bytes - at;
        part = part < size - from ? part : size - from;
        memcpy(damaged + at, objects[other].from + from, part);
        return bytes;
    }
    case 2:
        for (u64 i = 0; i < bytes; i++)
            damaged[i] = (u8)guest_random();
        if (below(2))
            memcpy(damaged, objects[0].from, 64);
        return bytes;
    case 3:
        for (u64 i = below(4) + 1; i; i--) {
            u64 word = words[below(sizeof words / sizeof *words)], size = 1ul << below(4);
            memcpy(damaged + below(bytes - 8), &word, size);
        }
        return bytes;
    default:
        for (u64 i = below(8) + 1; i; i--)
            damaged[below(bytes)] ^= (u8)(1u << below(8));
        return bytes;
    }
}

// Calls whatever it still has; the results mean nothing.
static void use(i64 ext) {
    static const char *const names[] = {
        "add",  "count", "spin",    "raise",    "serve",
        "tell", "now",   "counted", "befriend", "unclaimed_packets"};
    for (u32 i = 0; i < sizeof names / sizeof *names; i++) {
        struct ext_call c = {.function = ext_hash(names[i]), .args = {guest_random(), below(64)}};
        (void)sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)ext, (u64)&c);
    }
}

TEST(extension_fuzz) {
    u64 frames = frames_now(), count = option("objects", 200), loaded = 0, replaced = 0;
    i64 exporter = LOAD(exporter, 0), tally = LOAD(tally1, 0);
    CHECK(exporter > 0 && tally > 0);
    for (u64 i = 0; i < count; i++) {
        u64 bytes = damage(), upgrade = below(8) == 0;
        i64 ext = load(damaged, bytes, below(4) && !upgrade ? EXT_PARTIAL : 0,
                       upgrade ? (ext_id)tally : 0);
        CHECK(ext > 0 || ext == -E_REFUSED || ext == -E_LIMIT || ext == -E_INVAL ||
              ext == -E_STALE || ext == -E_CANCELLED || ext == -E_RIGHTS);
        if (ext <= 0)
            continue;
        use(ext);
        loaded++;
        replaced += ext == tally;
        if (ext != tally)
            unload(ext);
    }
    unload(tally);
    unload(exporter);
    settle(frames);
    say("extensions: %lu damaged objects, %lu taken, %lu of them as an upgrade, %ld frames lost\n",
        count, loaded, replaced, (i64)(frames_now() - frames));
    CHECK(loaded > 0 && loaded < count);
}
