// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Trees of capabilities that reach through several envs, at random: chains of mints from worker to
// worker, parts of ranges, drops in the middle, revocations of what is below in as many steps as it
// takes, and names that are used after their objects have ended and their rows have others. One
// model of all trees says what each call must return; who makes a call holds the model's lock, from
// whatever processor. The command line word rounds=N makes it longer.

#include "base/string.h"
#include "libos/rt/frames.h"
#include "tests/guest/model.h"

#define WORKERS 4
#define ROUNDS  12
#define STEPS   250
#define FRAMES  16               // in a row, that capabilities are made for
#define OBJECTS 4                // envs that come and go
#define TO_ALL  CAP_SLOT_ACCOUNT // covers every env and frame of the test

struct node {
    u32 type; // CAP_NONE: the slot is empty
    u32 rights, first, count;
    u64 object; // of an ENV capability
    u64 epoch;  // of a FRAMES capability: it covers frames allocated before
    struct node *parent;
};

static struct {
    volatile u32 lock;
    struct model calls;
    u64 clock;
    env_id worker[WORKERS];
    u32 slots[WORKERS]; // filled, that the model does not know
    pfn_t frames;
    u64 allocated[FRAMES];
    env_id object[OBJECTS];
    struct node root; // the capability that all begin with, in every worker
    struct node node[WORKERS][CAP_SLOTS];
} caps;

static void lock(void) {
    for (u32 i = 1; __atomic_exchange_n(&caps.lock, 1, __ATOMIC_ACQUIRE); i++)
        if (cpus() == 1 || i % 256 == 0)
            sys_env_yield(0, 0);
}
static void unlock(void) {
    __atomic_store_n(&caps.lock, 0, __ATOMIC_RELEASE);
}
static u64 pick(u64 below) {
    return model_random(&caps.calls, below);
}
static void expect(const char *name, u64 a, u64 b, u64 c, i64 got, i64 want) {
    model_expect(&caps.calls, name, a, b, c, got, want, want);
}

// --- the model -----------------------------------------------------------------------------------

static int is_below(const struct node *node, const struct node *above) {
    for (node = node->parent; node; node = node->parent)
        if (node == above)
            return 1;
    return 0;
}

// With each live node and what it is given.
#define EACH(n)                                                                                    \
    for (struct node *n = &caps.node[0][0]; n < &caps.node[0][0] + WORKERS * CAP_SLOTS; n++)       \
        if (n->type)

static u32 live_of(u32 worker) {
    u32 live = 0;
    for (u32 i = 0; i < CAP_SLOTS; i++)
        live += caps.node[worker][i].type != CAP_NONE;
    return live;
}

static void check(void) {
    for (u32 i = 0; i < WORKERS; i++)
        model_same(&caps.calls, "filled slots", env_row(caps.worker[i])->caps,
                   caps.slots[i] + live_of(i));
}

// A slot of a worker: often one that was minted far down, at times an empty one.
static u32 some_slot(u32 worker) {
    u32 best = CAP_SLOT_FREE + (u32)pick(CAP_SLOTS - CAP_SLOT_FREE), depth = 0;
    for (u32 i = CAP_SLOT_FREE, deep = (u32)pick(2); deep && i < CAP_SLOTS; i++) {
        u32 n = 0;
        for (const struct node *at = &caps.node[worker][i]; at->type && at->parent; at = at->parent)
            n++;
        if (n > depth) {
            depth = n;
            best = i;
        }
    }
    return best;
}

// --- minting -------------------------------------------------------------------------------------

// What is asked of a mint, and what comes of it.
struct request {
    struct node made;
    u64 first, count;
    i64 error;
};

static struct request part_of(const struct node *from) {
    struct request request = {.made = *from};
    u32 first = (u32)pick(FRAMES), count = 1 + (u32)pick(FRAMES - first + 1), object;
    if (from->type == CAP_ENV || pick(2))
        return request; // a copy
    if (from->type == CAP_ACCOUNT && pick(3) == 0) {
        object = (u32)pick(OBJECTS);
        request.made.type = CAP_ENV;
        request.made.object = request.first = caps.object[object];
        request.count = CAP_MINT_ENV;
        return request;
    }
    request.first = caps.frames + first;
    request.count = count;
    if (first + count > FRAMES ||
        (from->type == CAP_FRAMES &&
         (first < from->first || first + count > from->first + from->count)))
        request.error = -E_RANGE;
    if (from->type == CAP_ACCOUNT)
        request.made.epoch = caps.clock;
    request.made.type = CAP_FRAMES;
    request.made.first = first;
    request.made.count = count;
    return request;
}

static void op_mint(u32 worker) {
    int fresh = pick(4) == 0;
    u32 slot = fresh ? TO_ALL : some_slot(worker), to = (u32)pick(WORKERS), free = CAP_SLOT_FREE;
    struct node *from = fresh ? &caps.root : &caps.node[worker][slot];
    struct request request = part_of(from);
    u32 rights = pick(4) ? from->rights & ~(1u << pick(16)) : (u32)pick(CAP_RIGHTS_ALL + 1);
    while (free < CAP_SLOTS && caps.node[to][free].type)
        free++;
    i64 want = !from->type                                                  ? -E_CAP
               : !(from->rights & CAP_RIGHT_MINT) || rights & ~from->rights ? -E_RIGHTS
               : request.error                                              ? request.error
               : free == CAP_SLOTS                                          ? -E_FULL
                                                                            : (i64)free;
    if (want == -E_RANGE && from->type == CAP_ACCOUNT)
        return; // the frame behind may be the account's too
    i64 got =
        sys_cap_mint(CAP_PAIR(slot, TO_ALL), caps.worker[to], rights, request.first, request.count);
    expect("cap_mint", slot, to, rights, got, want);
    if (want < 0)
        return;
    struct node *node = &caps.node[to][free];
    *node = request.made;
    node->rights = rights;
    node->parent = from;
}

// --- removing ------------------------------------------------------------------------------------

static void op_drop(u32 worker) {
    u32 slot = some_slot(worker);
    struct node *node = &caps.node[worker][slot];
    i64 got;
    do
        got = sys_cap_drop(slot);
    while (got == -E_AGAIN);
    expect("cap_drop", worker, slot, 0, got, node->type ? 0 : -E_CAP);
    EACH(below)
    if (below->parent == node)
        below->parent = node->parent;
    node->type = CAP_NONE;
}

static void op_revoke(u32 worker) {
    u32 slot = CAP_SLOT_FREE + (u32)pick(CAP_SLOTS - CAP_SLOT_FREE), below = 0, steps = 0;
    struct node *node = &caps.node[worker][slot];
    u32 dead[WORKERS] = {0};
    i64 got;
    EACH(at)
    if (node->type && is_below(at, node)) {
        dead[(at - &caps.node[0][0]) / CAP_SLOTS]++;
        below++;
    }
    if (below > 40 && pick(4))
        return; // let them grow
    for (; (got = sys_cap_revoke(slot)) == -E_AGAIN; steps++)
        ;
    // Steps but for the last don't say how many they removed.
    if (!node->type || !steps)
        expect("cap_revoke", worker, slot, steps, got, node->type ? (i64)below : -E_CAP);
    else
        expect("cap_revoke in steps", worker, slot, steps, got >= 0 && got <= below, 1);
    for (u32 w = 0; node->type && w < WORKERS; w++)
        for (u32 i = 0; i < CAP_SLOTS; i++) // those above are still linked: nothing is moved
            if (caps.node[w][i].type && is_below(&caps.node[w][i], node))
                caps.node[w][i].rights |= 1u << 31;
    EACH(at)
    if (at->rights >> 31)
        at->type = CAP_NONE;
    for (u32 w = 0; w < WORKERS; w++)
        model_same(&caps.calls, "slots after a revocation", env_row(caps.worker[w])->caps,
                   caps.slots[w] + live_of(w));
}

// --- using ---------------------------------------------------------------------------------------

static i64 want_for(const struct node *node, u32 type, u32 right, int covers) {
    return !node->type                                       ? -E_CAP
           : node->type != type && node->type != CAP_ACCOUNT ? -E_TYPE
           : !covers || (node->rights & right) != right      ? -E_RIGHTS
                                                             : 0;
}

static void op_use_frame(u32 worker) {
    u32 slot = some_slot(worker), frame = (u32)pick(FRAMES);
    const struct node *node = &caps.node[worker][slot];
    int covers = node->type == CAP_ACCOUNT ||
                 (frame - node->first < node->count && caps.allocated[frame] <= node->epoch);
    i64 got = sys_frame_pin(slot, caps.frames + frame, 1);
    expect("frame_pin", worker, slot, frame, got,
           want_for(node, CAP_FRAMES, CAP_RIGHT_PIN, covers));
    if (!got)
        expect("frame_unpin", frame, 0, 0, sys_frame_unpin(TO_ALL, caps.frames + frame, 1), 0);
}

static void op_use_env(u32 worker) {
    u32 slot = some_slot(worker);
    const struct node *node = &caps.node[worker][slot];
    u64 name = node->type == CAP_ENV && pick(3) ? node->object : caps.object[pick(OBJECTS)];
    int lives = 0;
    for (u32 i = 0; i < OBJECTS; i++)
        lives |= caps.object[i] == name;
    i64 want =
        want_for(node, CAP_ENV, CAP_RIGHT_WAKE, node->type == CAP_ACCOUNT || node->object == name);
    if (!lives && (!want || want == -E_RIGHTS))
        want = -E_STALE;
    expect("env_wake", worker, slot, name, sys_env_wake(slot, name), want);
}

// A frame ends, and another one begins with its number: no capability from before is for that.
static void op_new_frame(u32 worker) {
    u32 frame = (u32)pick(FRAMES);
    (void)worker;
    expect("frame_free", frame, 0, 0, sys_frame_free(TO_ALL, caps.frames + frame, 1), 0);
    i64 got = sys_frame_alloc(TO_ALL, my_account(), caps.frames + frame, 1, FRAME_ALLOC_DIRTY);
    expect("frame_alloc", frame, 0, 0, got, (i64)(caps.frames + frame));
    caps.allocated[frame] = ++caps.clock;
}

static env_id object_make(void) {
    struct env_setup setup = {.rip = 0x1000, .rsp = 0x2000};
    i64 env =
        sys_env_create(CAP_PAIR(TO_ALL, TO_ALL), my_account(), my_space(), (u64)&setup, ABI_ANY);
    expect("env_create", 0, 0, 0, env > 0, 1);
    return env > 0 ? (env_id)env : 0;
}

static void op_new_object(u32 worker) {
    u32 at = (u32)pick(OBJECTS);
    env_id old = caps.object[at];
    (void)worker;
    expect("env_destroy", old, 0, 0, model_retry(SYS_env_destroy, TO_ALL, old), 0);
    expect("env_start of the dead", old, 0, 0, sys_env_start(TO_ALL, old), -E_STALE);
    caps.object[at] = object_make();
    expect("a name again", old, 0, 0, caps.object[at] != old, 1);
}

static void run(void *argument) {
    static void (*const ops[])(u32) = {op_mint,      op_mint,    op_mint,      op_mint,
                                       op_mint,      op_mint,    op_mint,      op_drop,
                                       op_use_frame, op_use_env, op_use_frame, op_use_env,
                                       op_new_frame, op_revoke,  op_new_object};
    u32 worker = (u32)(u64)argument;
    for (u64 step = 0, end = model_rounds(ROUNDS) * STEPS; step < end; step++) {
        lock();
        if (!caps.calls.failed)
            ops[pick(sizeof ops / sizeof *ops)](worker);
        if (!caps.calls.failed && step % 16 == 0)
            check();
        unlock();
    }
}

TEST(random_trees_of_capabilities_are_what_the_model_says) {
    memset(&caps, 0, sizeof caps);
    caps.calls.random = guest_random() | 1;
    caps.root = (struct node){.type = CAP_ACCOUNT, .rights = CAP_RIGHTS_ALL};
    caps.lock = 1;
    i64 first = rt_frame_run(CAP_SLOT_ACCOUNT, my_account(), 4, 0);
    CHECK(first > 0);
    caps.frames = (pfn_t)first;
    for (u32 i = 0; i < OBJECTS; i++)
        caps.object[i] = object_make();
    for (u32 i = 0; i < WORKERS; i++) {
        caps.worker[i] = worker_start(i % cpus(), run, (void *)(u64)i);
        caps.slots[i] = env_row(caps.worker[i])->caps;
    }
    unlock();
    for (u32 i = 0; i < WORKERS; i++)
        while (!worker_ended(caps.worker[i]))
            sys_env_yield(0, 0);
    for (u32 i = 0; i < WORKERS; i++) {
        worker_wait(caps.worker[i]);
        // What it had minted is its parents' now.
        EACH(node)
        if (node->type && node >= caps.node[i] && node < caps.node[i] + CAP_SLOTS)
            node->type = CAP_NONE;
        for (u32 w = i + 1; w < WORKERS && !caps.calls.failed; w++)
            model_same(&caps.calls, "slots after an end", env_row(caps.worker[w])->caps,
                       caps.slots[w] + live_of(w));
    }
    for (u32 i = 0; i < OBJECTS; i++)
        CHECK_EQ(model_retry(SYS_env_destroy, CAP_SLOT_ACCOUNT, caps.object[i]), 0);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, caps.frames, FRAMES), 0);
    model_report(&caps.calls);
}
