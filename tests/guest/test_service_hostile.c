// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Extensions that want more than their loader may, and handlers of faults that do harm: each gets
// an error, or what it did to the env that agreed to it; all else goes on.

#include "tests/guest/service.h"

#define RW   (ABI_PTE_W | ABI_PTE_NX)
#define AT   SCRATCH
#define CAPS (CAP_SLOT_SPACE | (u64)CAP_SLOT_ACCOUNT << 32)

enum { PASS, DONE, END, WRITE_ABSENT, UNMAP_CODE, GARBAGE };

static i64 probe;

static i64 ask(const char *name, u64 a, u64 b, u64 c, u64 d, u64 e) {
    struct ext_call made = {.function = ext_hash(name), .args = {a, b, c, d, e}};
    CHECK_EQ(sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)probe, (u64)&made), 0);
    return (i64)made.result;
}

static void frames_begin(u64 *frames) {
    CHECK_EQ(sys_space_map(CAPS, my_space(), AT, ABI_ANY, 1, RW), 1);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), AT, 1), 1);
    *frames = account_row(my_account())->frames;
}

// What the loader may, and nothing else, is what each service does.
TEST(service_does_what_its_loader_may) {
    u64 frames;
    frames_begin(&frames);
    probe = LOAD(memory_probe);
    CHECK(probe > 0);
    i64 frame = ask("allocate", CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 0, 0);
    CHECK(frame > 0);
    CHECK_EQ(ask("write_frame", CAP_SLOT_ACCOUNT, (u64)frame, 8, 77, 0), 0);
    CHECK_EQ(ask("read_frame", CAP_SLOT_ACCOUNT, (u64)frame, 8, 0, 0), 77);
    CHECK_EQ(ask("read_frame", CAP_SLOT_ACCOUNT, (u64)frame, ABI_PAGE - 4, 0, 0), -E_RANGE);
    CHECK_EQ(ask("read_frame", CAP_SLOT_ACCOUNT, (u64)frame, ~0ul, 0, 0), -E_RANGE);
    CHECK_EQ(ask("map", CAPS, my_space(), AT, (u64)frame, RW), 1);
    CHECK_EQ(*(volatile u64 *)(AT + 8), 77);
    CHECK_EQ(ask("map", CAPS, my_space(), AT, (u64)frame, RW), -E_EXIST);
    CHECK_EQ(ask("read_space", CAP_SLOT_SPACE, my_space(), AT + 8, 0, 0), 77);
    CHECK_EQ(ask("write_space", CAP_SLOT_SPACE, my_space(), AT + 16, 78, 0), 0);
    CHECK_EQ(*(volatile u64 *)(AT + 16), 78);
    CHECK_EQ(ask("protect", CAP_SLOT_SPACE, my_space(), AT, ABI_PTE_W, 0), 1);
    CHECK_EQ(ask("write_space", CAP_SLOT_SPACE, my_space(), AT, 1, 0), -E_FAULT);
    CHECK_EQ((u64)ask("examine", CAP_SLOT_SPACE, my_space(), AT, 0, 0), ABI_PTES[AT >> 12]);
    CHECK_EQ(ask("deallocate", CAP_SLOT_ACCOUNT, (u64)frame, 0, 0, 0), -E_BUSY);
    CHECK_EQ(ask("unmap", CAP_SLOT_SPACE, my_space(), AT, 0, 0), 1);
    CHECK_EQ(ask("deallocate", CAP_SLOT_ACCOUNT, (u64)frame, 0, 0, 0), 0);
    unload(probe);
    settle(frames);
}

// Other objects, other slots, addresses and frames of the kernel.
TEST(service_refuses_what_its_loader_may_not) {
    u64 frames;
    frames_begin(&frames);
    probe = LOAD(memory_probe);
    pfn_t root = space_row(my_space())->root;
    const u64 no_slot = CAP_SLOT_SPACE | 40ul << 32;
    CHECK_EQ(ask("map", CAPS, my_space() + 1, AT, ABI_ANY, RW) < 0, 1);
    CHECK_EQ(ask("map", no_slot, my_space(), AT, ABI_ANY, RW), -E_CAP);
    CHECK_EQ(ask("map", ~0ul, my_space(), AT, ABI_ANY, RW), -E_CAP);
    CHECK_EQ(ask("map", CAPS, my_space(), AT + 1, ABI_ANY, RW), -E_ALIGN);
    CHECK_EQ(ask("map", CAPS, my_space(), ABI_TABLES, ABI_ANY, RW), -E_RANGE);
    CHECK_EQ(ask("map", CAPS, my_space(), AT, root, RW), -E_RIGHTS);
    CHECK_EQ(ask("map", CAPS, my_space(), AT, ABI_INFO->frames, RW), -E_RANGE);
    CHECK_EQ(ask("map", CAPS, my_space(), AT, ABI_ANY, SPACE_MAP_UNCACHED | SPACE_MAP_COMBINING),
             -E_INVAL);
    CHECK_EQ(ask("map", CAPS, my_space(), AT, ABI_ANY, SPACE_MAP_LARGE), -E_INVAL);
    CHECK_EQ(ask("protect", CAP_SLOT_SPACE, my_space(), ~0xffful, 0, ABI_PTE_W), -E_RANGE);
    CHECK_EQ(ask("protect", CAP_SLOT_SPACE, my_space(), AT, 0, ABI_PTE_P), -E_INVAL);
    CHECK_EQ(ask("unmap", CAP_SLOT_CONSOLE, my_space(), AT, 0, 0), -E_TYPE);
    CHECK_EQ(ask("read_frame", CAP_SLOT_ACCOUNT, root, 0, 0, 0), -E_RIGHTS);
    CHECK_EQ(ask("write_frame", CAP_SLOT_ACCOUNT, root, 0, 0, 0), -E_RIGHTS);
    CHECK_EQ(ask("write_frame", CAP_SLOT_ACCOUNT, ~0ul, 0, 0, 0), -E_RANGE);
    CHECK_EQ(ask("copy_frame", CAP_SLOT_ACCOUNT, root, root, 0, 0), -E_RIGHTS);
    CHECK_EQ(ask("copy_frame", CAP_SLOT_ACCOUNT, 0, ABI_INFO->frames, 0, 0), -E_RANGE);
    CHECK_EQ(ask("read_space", CAP_SLOT_SPACE, my_space(), ABI_USER_END, 0, 0), -E_RANGE);
    CHECK_EQ(ask("read_space", CAP_SLOT_SPACE, my_space(), AT, 0, 0), -E_FAULT);
    CHECK_EQ(ask("read_space", CAP_SLOT_SPACE, my_space(), AT + ABI_PAGE - 4, 0, 0), -E_RANGE);
    CHECK_EQ(ask("deallocate", CAP_SLOT_ACCOUNT, root, 0, 0, 0) < 0, 1);
    CHECK_EQ(ask("allocate", CAP_SLOT_ACCOUNT, my_account(), root, 0, 0) < 0, 1);
    for (u64 i = 0; i < 16; i++)
        CHECK_EQ(ask("claim", my_space(), AT + i * ABI_PAGE, 1, 0, 0), 0);
    CHECK_EQ(ask("claim", my_space(), AT, 1, 0, 0), -E_FULL);
    CHECK_EQ(ask("release", my_space(), AT + 99 * ABI_PAGE, 0, 0, 0), -E_STALE);
    CHECK_EQ(ask("release", my_space(), AT, 0, 0, 0), 0);
    CHECK_EQ(ask("claim", my_space(), AT, ~0ul, 0, 0), -E_RANGE);
    CHECK_EQ(ask("claim", my_space(), AT, 0, 0, 0), -E_RANGE);
    CHECK_EQ(ask("claim", my_space(), AT + 8, 1, 0, 0), -E_ALIGN);
    unload(probe);
    settle(frames);
}

static void load_and_drop(void *argument) {
    (void)argument;
    probe = LOAD(memory_probe);
    CHECK_EQ(sys_cap_drop(CAP_SLOT_ACCOUNT), 0);
    CHECK_EQ(sys_cap_drop(CAP_SLOT_SPACE), 0);
    __atomic_store_n((u64 *)argument, 1, __ATOMIC_RELEASE);
    for (;;)
        sys_env_sleep(env_row(self())->wakes, ABI_ANY);
}

// Its loader's capabilities are those that it has now. Whoever calls it lends it none.
TEST(service_loses_what_its_loader_loses) {
    u64 frames, ready = 0;
    frames_begin(&frames);
    env_id loader = worker_start(cpus() - 1, load_and_drop, &ready);
    while (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
        sys_env_yield(0, 0);
    CHECK_EQ(ask("allocate", CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 0, 0), -E_CAP);
    CHECK_EQ(ask("map", CAPS, my_space(), AT, ABI_ANY, RW), -E_CAP);
    CHECK_EQ(ask("examine", CAP_SLOT_SPACE, my_space(), AT, 0, 0), -E_CAP);
    CHECK_EQ(ask("read_frame", CAP_SLOT_ACCOUNT, 1, 0, 0, 0), -E_CAP);
    CHECK_EQ(watch(self(), probe, WATCH_FAULTS), 0);
    worker_destroy(loader); // and the extension with it, and the watch
    CHECK_EQ(env_row(self())->watcher, 0);
    settle(frames);
}

// --- handlers ------------------------------------------------------------------------------------

static volatile u32 upcalls;

static void map_it(struct upcall_frame *frame) {
    upcalls++;
    u64 page = frame->address & ~(ABI_PAGE - 1);
    CHECK_EQ(sys_space_map(CAPS, my_space(), page, ABI_ANY, 1, RW), 1);
}

TEST(service_claims_tell_absent_from_bad) {
    u64 frames;
    frames_begin(&frames);
    probe = LOAD(memory_probe);
    CHECK_EQ(watch(self(), probe, WATCH_FAULTS), 0);
    set_upcall_handler(map_it);
    upcalls = 0;
    *(volatile u64 *)AT = 1;
    CHECK_EQ(ask("last_seen", 0, 0, 0, 0, 0), 1);
    CHECK_EQ(ask("claim", my_space(), AT, 2, 0, 0), 0);
    *(volatile u64 *)(AT + ABI_PAGE) = 1;
    CHECK_EQ(ask("last_seen", 0, 0, 0, 0, 0), 1);
    *(volatile u64 *)(AT + 2 * ABI_PAGE) = 1;
    CHECK_EQ(ask("last_seen", 0, 0, 0, 0, 0), 3);
    CHECK_EQ(ask("release", my_space(), AT, 0, 0, 0), 0);
    *(volatile u64 *)(AT + 3 * ABI_PAGE) = 1;
    CHECK_EQ(ask("last_seen", 0, 0, 0, 0, 0), 1);
    CHECK_EQ(upcalls, 4);
    // A service that meets an absent page says so; it does not fault.
    CHECK_EQ(ask("set_mode", WRITE_ABSENT, 0, 0, 0, 0), 4);
    *(volatile u64 *)(AT + 4 * ABI_PAGE) = 1;
    CHECK_EQ(ask("last_seen", 0, 0, 0, 0, 0), -E_FAULT);
    CHECK_EQ(upcalls, 5);
    set_upcall_handler(0);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), AT, 5), 5);
    unload(probe);
    settle(frames);
}

static volatile u64 turns;

static void fault_once(void *argument) {
    (void)argument;
    turns++;
    *(volatile u64 *)(AT + 64 * ABI_PAGE) = 1;
    turns += 100;
}

// It says that all is well, and nothing is: the env spins, as if by itself.
TEST(service_handler_that_mends_nothing) {
    u64 frames;
    frames_begin(&frames);
    probe = LOAD(memory_probe);
    (void)ask("set_mode", DONE, 0, 0, 0, 0);
    CHECK_EQ(watch(self(), probe, WATCH_FAULTS), 0);
    turns = 0;
    env_id worker = worker_start(cpus() - 1, fault_once, 0);
    CHECK_EQ(watch(self(), 0, 0), 0);
    u64 until = tsc() + ms(5000);
    while (ask("set_mode", DONE, 0, 0, 0, 0) < 100 && tsc() < until)
        sys_env_yield(0, 0);
    CHECK(ask("set_mode", DONE, 0, 0, 0, 0) >= 100);
    CHECK_EQ(turns, 1);
    worker_destroy(worker); // in the midst of it
    unload(probe);
    settle(frames);
}

TEST(service_handler_ends_the_env) {
    u64 frames;
    frames_begin(&frames);
    for (u64 mode = END; mode <= GARBAGE; mode += GARBAGE - END) {
        probe = LOAD(memory_probe);
        (void)ask("set_mode", mode, 0, 0, 0, 0);
        CHECK_EQ(watch(self(), probe, WATCH_FAULTS), 0);
        turns = 0;
        env_id worker = worker_start(cpus() - 1, fault_once, 0);
        CHECK_EQ(watch(self(), 0, 0), 0);
        gone(worker);
        CHECK_EQ(turns, 1);
        worker_destroy(worker);
        unload(probe);
    }
    settle(frames);
}

// Its handler takes the code away from the env that faults: that stops, as if it had done it
// itself.
TEST(service_handler_unmaps_the_code) {
    static const u8 store[] = {0xc6, 0x04, 0x25, 0, 0, 0x60, 0, 1, 0xeb, 0xfe}; // at 0x600000
    struct child child;
    u64 frames;
    frames_begin(&frames);
    probe = LOAD(memory_probe);
    (void)ask("set_mode", UNMAP_CODE, 0, 0, 0, 0);
    CHECK_EQ(child_make(&child, my_account(), store, sizeof store, ABI_ANY), 0);
    CHECK_EQ(watch(child.env, probe, WATCH_FAULTS), 0);
    (void)sys_env_start(CAP_SLOT_ACCOUNT, child.env);
    u64 until = tsc() + ms(5000);
    while (env_row(child.env)->state == ENV_READY && tsc() < until)
        (void)sys_env_yield(CAP_SLOT_ACCOUNT, child.env);
    worker_wait_state(child.env, ENV_STOPPED);
    CHECK_EQ(env_row(child.env)->stop_vector, UPCALL_PF);
    CHECK_EQ(env_row(child.env)->stop_address, 0x600000);
    CHECK_EQ(ask("examine", CAP_SLOT_ACCOUNT, child.space, CODE_VA, 0, 0), 0);
    child_free(&child);
    unload(probe);
    settle(frames);
}

// It is not let in; or, where handlers have budgets, ended, and the env hears of the fault itself.
TEST(service_handler_that_spins) {
    u64 frames;
    frames_begin(&frames);
    i64 spinning = LOAD(spinning_fault);
    if (spinning < 0) {
        CHECK_EQ(spinning, -E_INVAL);
    } else {
        CHECK_EQ(watch(self(), spinning, WATCH_FAULTS), 0);
        set_upcall_handler(map_it);
        upcalls = 0;
        *(volatile u64 *)AT = 1;
        CHECK_EQ(upcalls, 1);
        set_upcall_handler(0);
        CHECK_EQ(watch(self(), 0, 0), 0);
        unload(spinning);
        CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), AT, 1), 1);
    }
    settle(frames);
}

TEST(service_clock_and_console) {
    u64 frames;
    frames_begin(&frames);
    probe = LOAD(memory_probe);
    CHECK_EQ(ask("ticks_a_second", 0, 0, 0, 0, 0), ABI_INFO->tsc_hz);
    u64 now = ABI_INFO->wall_boot_ns / 1000000000 + (tsc() - ABI_INFO->tsc_boot) / ABI_INFO->tsc_hz;
    u64 seconds = (u64)ask("seconds", 0, 0, 0, 0, 0);
    CHECK(seconds - now <= 2 || now - seconds <= 2);
    CHECK_EQ(ask("tell", CAP_SLOT_CONSOLE, 0, 0, 0, 0), 20);
    CHECK_EQ(ask("tell", CAP_SLOT_SPACE, 0, 0, 0, 0), -E_TYPE);
    CHECK_EQ(ask("tell", 60, 0, 0, 0, 0), -E_CAP);
    unload(probe);
    settle(frames);
}

// --- races ---------------------------------------------------------------------------------------

static volatile u32 stop;

// Its own page, written and protected again for ever.
static void fault_for_ever(void *argument) {
    u64 page = AT + (u64)argument * ABI_PAGE;
    while (!stop) {
        if (sys_space_protect(CAP_SLOT_SPACE, my_space(), page, 1, ABI_PTE_W, 0) != 1)
            break;
        *(volatile u64 *)page += 1;
    }
}

static void unprotect_it(struct upcall_frame *frame) {
    u64 page = frame->address & ~(ABI_PAGE - 1);
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), page, 1, 0, ABI_PTE_W), 1);
}

static void fault_with_handler(void *argument) {
    set_upcall_handler(unprotect_it);
    fault_for_ever(argument);
    set_upcall_handler(0);
}

// The extension comes and goes; each fault is mended by it, or by the env.
TEST(service_unloaded_while_faults_are_handled) {
    u64 frames;
    frames_begin(&frames);
    CHECK_EQ(sys_space_map(CAPS, my_space(), AT, ABI_ANY, 4, RW), 4);
    env_id worker[3];
    u32 count = cpus() > 2 ? 3 : cpus();
    stop = 0;
    for (u32 i = 0; i < count; i++)
        worker[i] = worker_start(i % cpus(), fault_with_handler, (void *)(u64)i);
    for (u32 i = 0; i < 8; i++) {
        i64 barrier = LOAD(barrier);
        CHECK_EQ(call4(barrier, "watch_pages", my_space(), AT, 4, 0), 1);
        for (u32 w = 0; w < count; w++)
            CHECK_EQ(watch(worker[w], barrier, WATCH_FAULTS), 0);
        sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(2));
        unload(barrier);
    }
    stop = 1;
    for (u32 i = 0; i < count; i++)
        worker_wait(worker[i]);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), AT, 4), 4);
    settle(frames);
}

// Envs are destroyed while their faults are handled.
TEST(service_env_dies_in_its_fault) {
    u64 frames;
    frames_begin(&frames);
    CHECK_EQ(sys_space_map(CAPS, my_space(), AT, ABI_ANY, 1, RW), 1);
    i64 barrier = LOAD(barrier);
    CHECK_EQ(call4(barrier, "watch_pages", my_space(), AT, 1, 0), 1);
    stop = 0;
    for (u32 i = 0; i < 5; i++) {
        CHECK_EQ(watch(self(), barrier, WATCH_FAULTS | WATCH_STRICT), 0);
        env_id worker = worker_start(cpus() - 1, fault_for_ever, 0);
        CHECK_EQ(watch(self(), 0, 0), 0);
        sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1 + i % 3));
        worker_destroy(worker);
    }
    CHECK(call(barrier, "barriers", 0, 0) > 10);
    unload(barrier);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), AT, 1), 1);
    settle(frames);
}
