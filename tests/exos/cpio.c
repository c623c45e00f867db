// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Tests of the archive reader and of filling the tree, with archives nobody should send.

#include "libos/exos/fs/cpio.h"
#include "libos/exos/fs/dentry.h"
#include "libos/exos/fs/fill.h"
#include "libos/exos/fs/memfile.h"
#include "libos/exos/fs/memfs.h"
#include "libos/exos/fs/path.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_errno.h"
#include "tests/exos/shim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static u8 archive[1 << 20];
static u64 used;

static void pad(void) {
    while (used & 3)
        archive[used++] = 0;
}

// Appends an entry; returns where its header is.
static u64 add(const char *name, u32 mode, const void *data, u64 size) {
    u64 at = used;
    used += (u64)sprintf((char *)archive + used,
                         "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 1, mode, 5,
                         6, 1, 99, (u32)size, 0, 0, 1, 3, (u32)strlen(name) + 1, 0);
    strcpy((char *)archive + used, name);
    used += strlen(name) + 1;
    pad();
    if (size)
        memcpy(archive + used, data, size);
    used += size;
    pad();
    return at;
}

static void start(void) {
    memset(archive, 0, sizeof(archive));
    used = 0;
}

static void put_field(u64 header, int field, const char *digits) {
    memcpy(archive + header + 6 + 8 * field, digits, 8);
}

enum { FIELD_SIZE = 6, FIELD_NAME = 11 };

static void test_reading(void) {
    struct cpio_entry e;
    start();
    add("root/a", 0100644, "hello", 5);
    add("dir", 040755, NULL, 0);
    add("TRAILER!!!", 0, NULL, 0);
    struct cpio c = cpio_open(archive, used);
    CHECK_EQ(cpio_next(&c, &e), CPIO_ENTRY);
    CHECK_EQ(e.name_length, 6);
    CHECK_EQ(e.mode, 0100644);
    CHECK_EQ(e.uid, 5);
    CHECK_EQ(e.gid, 6);
    CHECK_EQ(e.size, 5);
    CHECK(!memcmp(e.data, "hello", 5));
    CHECK_EQ(cpio_next(&c, &e), CPIO_ENTRY);
    CHECK_EQ(cpio_next(&c, &e), CPIO_END);
    CHECK_EQ(cpio_next(&c, &e), CPIO_END);
}

// Every truncation of a good archive, in memory of exactly that size.
static void test_truncated(void) {
    start();
    add("root/file", 0100644, "0123456789", 10);
    add("TRAILER!!!", 0, NULL, 0);
    for (u64 size = 0; size < used; size++) {
        u8 *copy = malloc(size ? size : 1);
        memcpy(copy, archive, size);
        struct cpio c = cpio_open(copy, size);
        struct cpio_entry e;
        int entries = 0;
        enum cpio_result result;
        while ((result = cpio_next(&c, &e)) == CPIO_ENTRY)
            entries++;
        CHECK(entries <= 1 && (result == CPIO_BROKEN || size == 0 || entries == 1));
        free(copy);
    }
}

static enum cpio_result first_of(void) {
    u8 *copy = malloc(used);
    struct cpio_entry e;
    memcpy(copy, archive, used);
    struct cpio c = cpio_open(copy, used);
    enum cpio_result result = cpio_next(&c, &e);
    free(copy);
    return result;
}

static void test_hostile(void) {
    static const char *const sizes[] = {"FFFFFFFF", "7FFFFFFF", "00001000", "0000000g", "-0000001"};
    for (u64 i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        start();
        put_field(add("root/x", 0100644, "abc", 3), FIELD_SIZE, sizes[i]);
        CHECK_EQ(first_of(), CPIO_BROKEN);
        start();
        put_field(add("root/x", 0100644, "abc", 3), FIELD_NAME, sizes[i]);
        CHECK_EQ(first_of(), CPIO_BROKEN);
    }
    start();
    put_field(add("root/x", 0100644, "abc", 3), FIELD_NAME, "00000000");
    CHECK_EQ(first_of(), CPIO_BROKEN);
    start();
    archive[add("root/x", 0100644, "abc", 3) + 5] = '7';
    CHECK_EQ(first_of(), CPIO_BROKEN);
    start();
    put_field(add("root/x", 0100644, "abc", 3), FIELD_NAME, "00000006"); // no NUL in it
    CHECK_EQ(first_of(), CPIO_BROKEN);
}

static const char *path_of(const char *text) {
    const char *path;
    if (path_copy(PATH_FIRST, text, &path))
        abort();
    return path;
}

static bool exists(const char *path) {
    struct dentry *d;
    if (path_lookup(LINUX_AT_FDCWD, path_of(path), 0, &d))
        return false;
    dentry_put(d);
    return true;
}

static void test_filling(void) {
    shim_boot();
    start();
    add("root", 040711, NULL, 0);
    add("boot/argv", 0100644, "x", 1);
    add("root/bin", 040755, NULL, 0);
    add("root/bin/prog", 0100755, "ELF", 3);
    add("root/bin/link", 0120777, "prog", 4);
    add("root/deep/er/file", 0100600, "data", 4);
    add("root/dev/extra", 020600, NULL, 0);
    static const char *const bad[] = {"root/../evil",    "root//evil",  "root/./evil",
                                      "root/bin/prog/x", "root/proc/x", "root/a/../evil"};
    for (u64 i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        add(bad[i], 0100644, "evil", 4);
    add("root/bin", 0100644, "not a directory any more", 24);
    add("root/sock", 0140644, NULL, 0);
    add("root/nolink", 0120777, NULL, 0);
    add("root/nul", 0120777, "a\0b", 3);
    add("TRAILER!!!", 0, NULL, 0);
    struct fill_result r = fill_from_archive(dentry_root, archive, used);
    CHECK_EQ(r.made, 6);
    CHECK_EQ(r.refused, 10);
    CHECK(!r.broken && !r.no_memory);
    CHECK_EQ(dentry_root->vnode->mode, 040711);
    CHECK(exists("/bin/prog") && exists("/bin/link") && exists("/deep/er/file"));
    CHECK(exists("/dev/extra") && !exists("/evil") && !exists("/a/evil") && !exists("/argv"));
    i64 fd = linux_openat(LINUX_AT_FDCWD, (u64) "/bin/link", 0, 0);
    char text[8] = {0};
    CHECK_EQ(linux_read((i32)fd, (u64)text, 8), 3);
    CHECK(!strcmp(text, "ELF"));
}

static void test_no_memory(void) {
    start();
    add("root/d/e/f", 0100644, "abc", 3);
    add("root/l", 0120777, "d/e/f", 5);
    for (u64 n = 1;; n++) {
        struct dentry *top;
        char name[16];
        u32 length = (u32)sprintf(name, "top%lu", n);
        CHECK_EQ(memfs_make(dentry_root, name, length, LINUX_S_IFDIR | 0755, 0, NULL, &top), 0);
        shim_alloc_fail_at = n;
        struct fill_result r = fill_from_archive(top, archive, used);
        bool failed = shim_alloc_fail_at == 0;
        shim_alloc_fail_at = 0;
        CHECK_EQ(r.no_memory, failed);
        if (!failed)
            break;
    }
}

int main(void) {
    test_reading();
    test_truncated();
    test_hostile();
    test_filling();
    test_no_memory();
    return check_finish("exos-cpio");
}
