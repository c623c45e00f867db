// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// References of extensions to objects of the kernel: what they are good for, and for how long.

#include "tests/guest/counted.h"

OBJECT_FILE(references);
OBJECT_FILE(references_user);
OBJECT_FILE(heap);

static i64 user, ext;

static u64 begin(void) {
    u64 frames = account_row(my_account())->frames;
    user = LOAD(references_user);
    ext = LOAD(references);
    CHECK(user > 0 && ext > 0);
    return frames;
}

static void end(u64 frames) {
    unload(ext);
    unload(user);
    wait_for_frames(frames);
}

static i64 use(const char *name, u64 a, u64 b) {
    return (i64)call(ext, name, a, b, 0);
}

static void sleep_for_ever(void *argument) {
    (void)argument;
    for (;;)
        sys_env_sleep(env_row(self())->wakes, ~0ul);
}

TEST(reference_to_an_env) {
    u64 frames = begin();
    env_id worker = worker_start(cpus() - 1, sleep_for_ever, 0);
    u64 wakes = __builtin_offsetof(struct abi_env, wakes);
    CHECK_EQ(use("keep_env", CAP_SLOT_ACCOUNT, worker), 0);
    CHECK_EQ(row(ext)->objects, 1);
    u64 before = (u64)use("env_word", wakes, 0);
    CHECK_EQ(use("env_wake", 0, 0), 0);
    CHECK_EQ(use("env_word", wakes, 0), before + 1);
    CHECK_EQ(use("env_name", 0, 0), worker);
    CHECK_EQ(use("env_word", 4, 0), -E_RANGE);
    CHECK_EQ(use("env_word", 1 << 20, 0), -E_RANGE);
    CHECK_EQ(use("env_as_space", 0, 0), -E_TYPE);
    worker_destroy(worker);
    CHECK_EQ(use("env_wake", 0, 0), -E_STALE); // it is gone, the reference is not
    CHECK_EQ(use("env_word", wakes, 0), -E_STALE);
    CHECK_EQ(use("keep_env", CAP_SLOT_ACCOUNT, worker), -E_STALE);
    CHECK_EQ(use("keep_env", CAP_SLOTS - 1, worker), -E_CAP);
    CHECK_EQ(use("keep_env", CAP_SLOT_CONSOLE, my_env()), -E_TYPE);
    CHECK_EQ(use("watched", my_env(), 0), -E_RIGHTS);
    end(frames);
}

TEST(reference_has_the_rights_of_its_slot) {
    u64 frames = begin();
    i64 weak = sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env(),
                            CAP_RIGHTS_ALL & ~(CAP_RIGHT_WAKE | CAP_RIGHT_READ), 0, 0);
    CHECK(weak > 0);
    CHECK_EQ(use("keep_env", (u64)weak, my_env()), 0);
    CHECK_EQ(use("env_wake", 0, 0), -E_RIGHTS);
    CHECK_EQ(use("keep_space", (u64)weak, my_space()), 0);
    CHECK_EQ(use("space_get", (u64)&user, 0), -E_RIGHTS);
    CHECK_EQ(sys_cap_drop((u64)weak), 0);
    CHECK_EQ(use("env_wake", 0, 0), -E_CAP); // what the env has lost the extension has lost
    CHECK_EQ(use("keep_space", CAP_SLOT_ACCOUNT, my_space()), 0);
    CHECK_EQ(use("space_get", (u64)&user, 0), user);
    CHECK_EQ(use("space_set", (u64)&frames, 1), 0);
    CHECK_EQ(use("space_get", (u64)&frames, 0), 1);
    CHECK_EQ(use("space_get", ABI_USER_END, 0), -E_RANGE);
    frames = account_row(my_account())->frames;
    frames -= row(ext)->frames + row(user)->frames;
    end(frames);
}

TEST(reference_to_a_frame) {
    u64 frames = begin();
    i64 frame = sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 1, 0);
    CHECK(frame > 0);
    CHECK_EQ(use("keep_frame", CAP_SLOT_ACCOUNT, (u64)frame), 0);
    CHECK_EQ(use("frame_set", 0, 4711), 0);
    CHECK_EQ(use("frame_get", 0, 0), 4711);
    CHECK_EQ(use("frame_get", ABI_PAGE - 4, 0), -E_RANGE);
    CHECK_EQ(use("frame_account", 0, 0), my_account());
    CHECK_EQ(use("frame_lend", 0, 0), 4711); // with the right of whoever lends it
    CHECK_EQ(call(user, "kept", 0, 0, 0), 4711);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, (pfn_t)frame, 1), 0);
    CHECK_EQ(use("frame_get", 0, 0), -E_STALE);
    CHECK_EQ((i64)call(user, "kept", 0, 0, 0), -E_STALE);
    CHECK_EQ(sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), (u64)frame, 1, 0), frame);
    CHECK_EQ(use("frame_set", 0, 1), -E_STALE); // another life of the same page
    CHECK_EQ(use("frame_account", 0, 0), 0);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, (pfn_t)frame, 1), 0);
    CHECK_EQ(use("keep_frame", CAP_SLOT_ACCOUNT, ~0ul), -E_RANGE);
    unload(ext); // what it lent is gone with it
    CHECK_EQ(call(user, "kept", 0, 0, 0), ~0ul);
    end(frames);
}

TEST(reference_to_a_slice_and_an_extension) {
    u64 frames = begin();
    env_id worker = worker_start(cpus() - 1, sleep_for_ever, 0);
    u64 slice = ABI_SLICES / 2; // of the first processor
    CHECK_EQ(sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), my_account(), slice, 1),
             0);
    CHECK_EQ(use("keep_slice", CAP_SLOT_ACCOUNT, slice), 0);
    CHECK_EQ(use("keep_env", CAP_SLOT_ACCOUNT, worker), 0);
    CHECK_EQ(use("slice_assign", 0, 0), 0);
    CHECK_EQ(slice_row(slice)->env, worker);
    worker_destroy(worker); // and its slices
    CHECK_EQ(use("slice_assign", 0, 0), -E_RIGHTS);
    CHECK_EQ(use("keep_slice", CAP_SLOT_ACCOUNT, 1ul << 40), -E_RANGE);
    i64 other = LOAD(heap);
    CHECK_EQ(use("keep_ext", CAP_SLOT_ACCOUNT, (u64)other), 0);
    CHECK_EQ(use("ext_state", 0, 0), EXT_LIVE);
    unload(other);
    CHECK_EQ(use("ext_state", 0, 0), EXT_FREE);
    CHECK_EQ(use("keep_ext", CAP_SLOT_ACCOUNT, (u64)other), -E_STALE);
    end(frames);
}
