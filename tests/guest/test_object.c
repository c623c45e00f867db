// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Counted objects of extensions, and references to objects of the kernel (abi/ext/object.h).

#include "tests/guest/counted.h"

OBJECT_FILE(objects);
OBJECT_FILE(objects_user);
OBJECT_FILE(objects_shower);

TEST(object_lives_while_it_is_held) {
    u64 frames = account_row(my_account())->frames;
    i64 ext = LOAD(objects);
    CHECK(ext > 0);
    CHECK_EQ(call(ext, "value", 3, 0, 0), ~0ul);
    CHECK_EQ(call(ext, "make", 3, 7, 0), 0);
    CHECK_EQ(row(ext)->objects, 1);
    CHECK_EQ(call(ext, "value", 3, 0, 0), 7);
    CHECK_EQ(call(ext, "counted_value", 3, 0, 0), 7);
    CHECK_EQ(call(ext, "value", 3, 0, 0), 8);
    CHECK_EQ(call(ext, "make", 3, 9, 0), 0); // takes its place
    CHECK_EQ(call(ext, "value", 3, 0, 0), 9);
    wait_for_objects(ext, 1);
    CHECK_EQ((i64)call(ext, "as_node", 3, 0, 0), -E_TYPE);
    CHECK_EQ((i64)call(ext, "counted_value", OBJECT_ROOTS, 0, 0), -E_RANGE);
    CHECK_EQ((i64)call(ext, "make", ~0ul, 1, 0), 0); // refused, and released
    CHECK_EQ(call(ext, "drop", 3, 0, 0), 0);
    CHECK_EQ(call(ext, "drop", 3, 0, 0), 0);
    wait_for_objects(ext, 0);
    unload(ext);
    wait_for_frames(frames);
}

TEST(object_is_lent_and_kept) {
    u64 frames = account_row(my_account())->frames;
    i64 owner = LOAD(objects), user = LOAD(objects_user), shower = LOAD(objects_shower);
    CHECK(owner > 0 && user > 0 && shower > 0);
    CHECK_EQ(call(owner, "make", 3, 7, 0), 0);
    CHECK_EQ(call(owner, "name", 3, 5, 0), 0);
    CHECK_EQ(call(shower, "show", 5, 0, 0), 1007);
    CHECK_EQ(call(owner, "drop", 3, 0, 0), 0);
    CHECK_EQ(call(user, "kept", 0, 0, 0), 7); // now it is the last that has it
    CHECK_EQ(row(owner)->objects, 1);
    CHECK_EQ(row(user)->objects, 0);
    CHECK_EQ(call(user, "let_go", 0, 0, 0), 1);
    CHECK_EQ(call(user, "let_go", 0, 0, 0), 0);
    wait_for_objects(owner, 0);
    unload(owner);
    unload(user);
    unload(shower);
    wait_for_frames(frames);
}

TEST(object_dies_with_its_owner) {
    u64 frames = account_row(my_account())->frames;
    i64 owner = LOAD(objects), user = LOAD(objects_user), shower = LOAD(objects_shower);
    CHECK_EQ(call(owner, "make", 3, 7, 0), 0);
    CHECK_EQ(call(owner, "name", 3, 5, 0), 0);
    CHECK_EQ(call(shower, "show", 5, 0, 0), 1007);
    CHECK_EQ(call(owner, "push", 20, 0, 0), 20);
    CHECK_EQ(call(owner, "cycle", 0, 0, 0), 0);
    CHECK_EQ(row(owner)->objects, 1 + 40 + 2);
    unload(owner); // all of them, those in a cycle, and those that others have
    CHECK_EQ((i64)call(user, "kept", 0, 0, 0), 0);
    CHECK_EQ(call(user, "let_go", 0, 0, 0), 0);
    CHECK_EQ((i64)call(shower, "show", 5, 0, 0), -E_STALE);
    unload(user);
    unload(shower);
    wait_for_frames(frames);
}

TEST(object_lists_end_in_steps) {
    u64 frames = account_row(my_account())->frames;
    i64 ext = LOAD(objects);
    for (u32 i = 0; i < 50; i++)
        CHECK_EQ(call(ext, "push", 20, 0, 0), 20);
    CHECK_EQ(call(ext, "length", 0, 0, 0), 1000);
    CHECK_EQ(call(ext, "sum", 20, 0, 0), 190);
    CHECK_EQ(row(ext)->objects, 2000);
    CHECK_EQ(call(ext, "drop_list", 0, 0, 0), 1);
    CHECK(row(ext)->objects > 1000); // not in that call
    wait_for_objects(ext, 0);
    CHECK_EQ(call(ext, "push", 10, 0, 0), 10);
    unload(ext);
    wait_for_frames(frames);
}

TEST(object_names) {
    i64 owner = LOAD(objects), user = LOAD(objects_user);
    CHECK_EQ((i64)call(user, "find", 77, 0, 0), -E_STALE);
    CHECK_EQ(call(owner, "make", 3, 7, 0), 0);
    CHECK_EQ(call(owner, "make", 4, 8, 0), 0);
    CHECK_EQ(call(owner, "name", 3, 77, 0), 0);
    CHECK_EQ((i64)call(owner, "name", 4, 77, 0), -E_EXIST);
    CHECK_EQ((i64)call(owner, "name", 4, 77, 2), -E_INVAL);
    CHECK_EQ(call(owner, "name", 4, 78, OBJECT_NAME_PUBLIC), 0);
    CHECK_EQ(call(user, "find", 77, 0, 0), 7);
    CHECK_EQ(call(user, "find", 78, 0, 0), 8);
    CHECK_EQ(call(owner, "name", 3, 0, 0), 0);
    CHECK_EQ((i64)call(user, "find", 77, 0, 0), -E_STALE);
    CHECK_EQ(call(owner, "drop", 4, 0, 0), 0); // a name is no reference
    CHECK_EQ((i64)call(user, "find", 78, 0, 0) < 0, 1);
    wait_for_objects(owner, 1);
    CHECK_EQ(call(owner, "push", 1, 0, 0), 1); // in root 9
    for (u64 i = 0; i < OBJECT_ROOTS; i++) {
        CHECK_EQ(i == 9 ? 0 : call(owner, "make", i, i, 0), 0);
        CHECK_EQ(i == 9 ? 0 : call(owner, "name", i, 100 + i, 0), 0);
    }
    CHECK_EQ(call(user, "find", 163, 0, 0), 63);
    CHECK_EQ(call(owner, "name", 63, 200, 0), 0); // another one
    CHECK_EQ((i64)call(user, "find", 163, 0, 0), -E_STALE);
    CHECK_EQ(call(owner, "name_list", 300, 0, 0), 0);
    CHECK_EQ((i64)call(owner, "name_list", 301, 1, 0), -E_LIMIT); // a 65th
    unload(owner);
    CHECK_EQ((i64)call(user, "find", 162, 0, 0), -E_STALE);
    unload(user);
}

TEST(object_destructors) {
    u64 frames = account_row(my_account())->frames;
    i64 ext = LOAD(objects);
    for (u64 i = 0; i < 10; i++)
        CHECK_EQ(call(ext, "make", i, i, 0), 0);
    for (u64 i = 0; i < 10; i++)
        CHECK_EQ(call(ext, "drop", i, 0, 0), 0);
    wait_for_objects(ext, 0);
    CHECK_EQ(call(ext, "count_destroyed", 0, 0, 0), 10);
    CHECK_EQ(call(ext, "count_destroyed", 1, 0, 0), 45);
    CHECK_EQ(call(ext, "make", 1, 0, 0), 0);
    CHECK_EQ(call(ext, "set_extra", 1, 77, 0), 1);
    u64 faults = row(ext)->faults;
    CHECK_EQ(call(ext, "drop", 1, 0, 0), 0);
    wait_for_objects(ext, 0); // its destructor was ended
    CHECK_EQ(row(ext)->faults, faults + 1);
    CHECK_EQ(call(ext, "push", 20, 0, 0), 20);
    CHECK_EQ(call(ext, "drop_list", 0, 0, 0), 1);
    wait_for_objects(ext, 0);
    CHECK_EQ(call(ext, "count_destroyed", 0, 0, 0), 31);
    CHECK_EQ(call(ext, "make", 1, 0, 0), 0);
    unload(ext);
    wait_for_frames(frames);
}
