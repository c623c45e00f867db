// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Tests of the file calls as a program makes them, each error included where it is cheap to reach.

#include "libos/exos/fs/data.h"
#include "libos/exos/fs/dentry.h"
#include "libos/exos/fs/file.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/lock.h"
#include "libos/exos/fs/memfile.h"
#include "libos/exos/fs/path.h"
#include "libos/exos/fs/pipe.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_errno.h"
#include "tests/exos/shim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CWD    LINUX_AT_FDCWD
#define CREATE (LINUX_O_CREAT | LINUX_O_RDWR)

static u64 S(const char *text) {
    return (u64)text;
}

static i64 do_open(const char *path, u32 flags, u32 mode) {
    return linux_openat(CWD, S(path), flags, mode);
}

static i64 make_file(const char *path, const char *text) {
    i64 fd = do_open(path, CREATE | LINUX_O_TRUNC, 0666);
    if (fd < 0)
        return fd;
    i64 done = linux_write((i32)fd, S(text), strlen(text));
    linux_close((i32)fd);
    return done == (i64)strlen(text) ? 0 : -EIO;
}

static const char *contents(const char *path) {
    static char text[256];
    i64 fd = do_open(path, 0, 0);
    if (fd < 0)
        return "<none>";
    i64 got = linux_read((i32)fd, (u64)text, sizeof(text) - 1);
    text[got > 0 ? got : 0] = 0;
    linux_close((i32)fd);
    return text;
}

static struct linux_stat stat_of(const char *path) {
    struct linux_stat s;
    memset(&s, 0xaa, sizeof(s));
    CHECK_EQ(linux_newfstatat(CWD, S(path), (u64)&s, LINUX_AT_SYMLINK_NOFOLLOW), 0);
    return s;
}

static i64 be(u32 uid) {
    shim_process.uid = shim_process.euid = shim_process.fsuid = uid;
    shim_process.gid = shim_process.egid = shim_process.fsgid = uid;
    return 0;
}

// --- paths -----------------------------------------------------------------------------------

static void test_paths(void) {
    char path[5000];
    CHECK_EQ(linux_mkdir(S("/p"), 0755), 0);
    CHECK_EQ(linux_mkdir(S("/p/q/"), 0755), 0);
    CHECK_EQ(make_file("/p/q/f", "x"), 0);
    CHECK_EQ(do_open("", 0, 0), -ENOENT);
    CHECK_EQ(do_open("/p/none", 0, 0), -ENOENT);
    CHECK_EQ(do_open("/p/q/f/", 0, 0), -ENOTDIR);
    CHECK_EQ(do_open("/p/q/f/x", 0, 0), -ENOTDIR);
    CHECK_EQ(do_open("/p//q/.././q/f", 0, 0), 3 - 3);
    linux_close(0);
    CHECK_EQ(do_open("/../../p/q/f", 0, 0), 0);
    linux_close(0);
    memset(path, 'n', sizeof(path));
    path[0] = '/';
    path[256] = 0; // 255 is the longest name
    CHECK_EQ(do_open(path, 0, 0), -ENOENT);
    CHECK_EQ(make_file(path, "long"), 0);
    CHECK(!strcmp(contents(path), "long"));
    CHECK_EQ(linux_unlink(S(path)), 0);
    path[256] = 'n', path[257] = 0;
    CHECK_EQ(do_open(path, 0, 0), -ENAMETOOLONG);
    CHECK_EQ(linux_mkdir(S(path), 0755), -ENAMETOOLONG);
    memset(path, '/', sizeof(path));
    path[4095] = 0;
    CHECK_EQ(linux_chdir(S(path)), 0);
    path[4095] = '/', path[4096] = 0;
    CHECK_EQ(linux_chdir(S(path)), -ENAMETOOLONG);
    CHECK_EQ(linux_chdir(S("/p/q")), 0);
    CHECK_EQ(linux_getcwd((u64)path, 100), 5);
    CHECK(!strcmp(path, "/p/q"));
    CHECK_EQ(linux_getcwd((u64)path, 4), -ERANGE);
    CHECK_EQ(do_open("f", 0, 0), 0);
    CHECK_EQ(linux_openat(0, S("f"), 0, 0), -ENOTDIR);
    CHECK_EQ(linux_openat(50, S("f"), 0, 0), -EBADF);
    linux_close(0);
    CHECK_EQ(linux_chdir(S("f")), -ENOTDIR);
    CHECK_EQ(linux_chdir(S("/")), 0);
}

static void test_links(void) {
    char text[64], name[24], target[24];
    CHECK_EQ(linux_symlink(S("q/f"), S("/p/l")), 0);
    CHECK_EQ(linux_symlink(S("q/f"), S("/p/l")), -EEXIST);
    CHECK_EQ(linux_symlink(S(""), S("/p/m")), -ENOENT);
    CHECK(!strcmp(contents("/p/l"), "x"));
    CHECK_EQ(linux_readlink(S("/p/l"), (u64)text, 64), 3);
    CHECK_EQ(linux_readlink(S("/p/l"), (u64)text, 2), 2);
    CHECK_EQ(linux_readlink(S("/p/l"), (u64)text, 0), -EINVAL);
    CHECK_EQ(linux_readlink(S("/p/q"), (u64)text, 64), -EINVAL);
    CHECK_EQ(do_open("/p/l", LINUX_O_NOFOLLOW, 0), -ELOOP);
    CHECK_EQ(stat_of("/p/l").size, 3);
    CHECK_EQ(linux_symlink(S("."), S("/p/here")), 0);
    CHECK(!strcmp(contents("/p/here/here/q/f"), "x"));
    CHECK_EQ(linux_symlink(S("loop"), S("/p/loop")), 0);
    CHECK_EQ(do_open("/p/loop", 0, 0), -ELOOP);
    CHECK_EQ(do_open("/p/loop/x", 0, 0), -ELOOP);
    CHECK_EQ(do_open("/p/loop", CREATE, 0600), -ELOOP);
    // A link to what is not there yet makes it.
    CHECK_EQ(linux_symlink(S("made"), S("/p/dangling")), 0);
    CHECK_EQ(do_open("/p/dangling", 0, 0), -ENOENT);
    CHECK_EQ(do_open("/p/dangling", CREATE | LINUX_O_EXCL, 0600), -EEXIST);
    CHECK_EQ(make_file("/p/dangling", "new"), 0);
    CHECK(!strcmp(contents("/p/made"), "new"));
    CHECK_EQ(linux_mkdir(S("/p/dangling2"), 0755), 0);
    // 40 links are followed, 41 are not.
    for (int i = 0; i <= 41; i++) {
        sprintf(name, "/p/c%d", i);
        sprintf(target, i ? "c%d" : "q/f", i - 1);
        CHECK_EQ(linux_symlink(S(target), S(name)), 0);
    }
    CHECK(!strcmp(contents("/p/c39"), "x"));
    CHECK_EQ(do_open("/p/c40", 0, 0), -ELOOP);
}

// --- names -----------------------------------------------------------------------------------

static void test_names(void) {
    CHECK_EQ(linux_mkdir(S("/n"), 0755), 0);
    CHECK_EQ(linux_mkdir(S("/n"), 0755), -EEXIST);
    CHECK_EQ(linux_mkdir(S("/"), 0755), -EEXIST);
    CHECK_EQ(linux_mkdir(S("/n/."), 0755), -EEXIST);
    CHECK_EQ(linux_mkdir(S("/none/d"), 0755), -ENOENT);
    CHECK_EQ(make_file("/n/f", "1"), 0);
    CHECK_EQ(linux_link(S("/n/f"), S("/n/g")), 0);
    CHECK_EQ(stat_of("/n/g").nlink, 2);
    CHECK_EQ(stat_of("/n/g").ino, stat_of("/n/f").ino);
    CHECK_EQ(linux_link(S("/n"), S("/n/d")), -EPERM);
    CHECK_EQ(linux_link(S("/n/f"), S("/n/g")), -EEXIST);
    CHECK_EQ(linux_link(S("/n/f"), S("/dev/f")), -EXDEV);
    CHECK_EQ(linux_unlink(S("/n/f")), 0);
    CHECK_EQ(stat_of("/n/g").nlink, 1);
    CHECK(!strcmp(contents("/n/g"), "1"));
    CHECK_EQ(linux_unlink(S("/n")), -EISDIR);
    CHECK_EQ(linux_unlink(S("/n/g/")), -ENOTDIR);
    CHECK_EQ(linux_unlink(S("/n/none")), -ENOENT);
    CHECK_EQ(linux_unlink(S("/")), -EISDIR);
    CHECK_EQ(linux_rmdir(S("/n")), -ENOTEMPTY);
    CHECK_EQ(linux_rmdir(S("/n/g")), -ENOTDIR);
    CHECK_EQ(linux_rmdir(S("/n/.")), -EINVAL);
    CHECK_EQ(linux_rmdir(S("/n/..")), -ENOTEMPTY);
    CHECK_EQ(linux_rmdir(S("/")), -EBUSY);
    CHECK_EQ(linux_rmdir(S("/proc")), -EBUSY);
    CHECK_EQ(linux_unlinkat(CWD, S("/n/g"), 0x123), -EINVAL);
    CHECK_EQ(linux_mknod(S("/n/g"), LINUX_S_IFIFO | 0666, 0), -EEXIST);
    CHECK_EQ(linux_mknod(S("/n/d"), LINUX_S_IFDIR | 0666, 0), -EPERM);
    // What is removed while open stays until it is closed.
    i64 fd = do_open("/n/g", LINUX_O_RDWR, 0);
    CHECK_EQ(linux_unlink(S("/n/g")), 0);
    char byte = 0;
    CHECK_EQ(linux_pread64((i32)fd, (u64)&byte, 1, 0), 1);
    CHECK_EQ(byte, '1');
    linux_close((i32)fd);
    // A removed working directory is nowhere, and takes nothing new.
    CHECK_EQ(linux_mkdir(S("/n/gone"), 0755), 0);
    CHECK_EQ(linux_chdir(S("/n/gone")), 0);
    CHECK_EQ(linux_rmdir(S("/n/gone")), 0);
    char text[64];
    CHECK_EQ(linux_getcwd((u64)text, 64), -ENOENT);
    CHECK_EQ(do_open("x", CREATE, 0600), -ENOENT);
    CHECK_EQ(linux_chdir(S("..")), 0);
    CHECK_EQ(linux_getcwd((u64)text, 64), 3);
    CHECK_EQ(linux_chdir(S("/")), 0);
    CHECK_EQ(linux_rmdir(S("/n")), 0);
}

static i64 do_rename(const char *from, const char *to) {
    return linux_rename(S(from), S(to));
}

static void test_rename(void) {
    CHECK_EQ(linux_mkdir(S("/r"), 0755), 0);
    CHECK_EQ(linux_mkdir(S("/r/d"), 0755), 0);
    CHECK_EQ(linux_mkdir(S("/r/d/e"), 0755), 0);
    CHECK_EQ(make_file("/r/a", "A"), 0);
    CHECK_EQ(make_file("/r/b", "B"), 0);
    CHECK_EQ(do_rename("/r/none", "/r/x"), -ENOENT);
    CHECK_EQ(do_rename("/r/a", "/r/b"), 0);
    CHECK(!strcmp(contents("/r/b"), "A"));
    CHECK_EQ(do_rename("/r/b", "/r/d"), -EISDIR);
    CHECK_EQ(do_rename("/r/d", "/r/b"), -ENOTDIR);
    CHECK_EQ(do_rename("/r/d", "/r/d/e/f"), -EINVAL);
    CHECK_EQ(do_rename("/r/d/e", "/r/d"), -ENOTEMPTY);
    CHECK_EQ(do_rename("/r/b", "/r/c/"), -ENOTDIR);
    CHECK_EQ(do_rename("/r/b", "/dev/b"), -EXDEV);
    CHECK_EQ(do_rename("/r/.", "/r/x"), -EBUSY);
    CHECK_EQ(do_rename("/proc", "/x"), -EBUSY);
    CHECK_EQ(linux_link(S("/r/b"), S("/r/bb")), 0);
    CHECK_EQ(do_rename("/r/b", "/r/bb"), 0); // the same file: nothing happens
    CHECK_EQ(stat_of("/r/b").nlink, 2);
    u64 top = stat_of("/r").nlink;
    CHECK_EQ(
        do_rename("/r/d/e", "/r/a-directory-with-a-rather-long-name-to-outgrow-the-inline-one"), 0);
    CHECK_EQ(stat_of("/r").nlink, top + 1);
    CHECK_EQ(stat_of("/r/d").nlink, 2);
    CHECK_EQ(do_rename("/r/a-directory-with-a-rather-long-name-to-outgrow-the-inline-one", "/r/d"),
             0);
    CHECK_EQ(stat_of("/r").nlink, top);
    CHECK_EQ(linux_renameat2(CWD, S("/r/b"), CWD, S("/r/d"), LINUX_RENAME_NOREPLACE), -EEXIST);
    CHECK_EQ(linux_renameat2(CWD, S("/r/b"), CWD, S("/r/d"), 3), -EINVAL);
    CHECK_EQ(linux_renameat2(CWD, S("/r/b"), CWD, S("/r/d"), LINUX_RENAME_EXCHANGE), 0);
    CHECK(!strcmp(contents("/r/d"), "A"));
    CHECK_EQ(do_rename("/r/b", "/r/a/"), 0); // a directory may have the slash
    CHECK_EQ(linux_rmdir(S("/r/a")), 0);
}

// --- permissions -----------------------------------------------------------------------------

static void test_permissions(void) {
    CHECK_EQ(linux_mkdir(S("/perm"), 0711), 0);
    CHECK_EQ(make_file("/perm/mine", "x"), 0);
    CHECK_EQ(linux_chmod(S("/perm/mine"), 0600), 0);
    CHECK_EQ(linux_mkdir(S("/perm/sticky"), 0777), 0);
    CHECK_EQ(linux_chmod(S("/perm/sticky"), 01777), 0);
    CHECK_EQ(make_file("/perm/sticky/f", "x"), 0);
    CHECK_EQ(linux_access(S("/perm/mine"), LINUX_X_OK), -EACCES); // not even root
    be(1000);
    CHECK_EQ(do_open("/perm/mine", 0, 0), -EACCES);
    CHECK_EQ(do_open("/perm/new", CREATE, 0600), -EACCES);
    CHECK_EQ(do_open("/perm", LINUX_O_DIRECTORY, 0), -EACCES);
    CHECK_EQ(linux_unlink(S("/perm/mine")), -EACCES);
    CHECK_EQ(linux_unlink(S("/perm/sticky/f")), -EPERM);
    CHECK_EQ(linux_rename(S("/perm/sticky/f"), S("/perm/sticky/g")), -EPERM);
    CHECK_EQ(linux_chmod(S("/perm/mine"), 0777), -EPERM);
    CHECK_EQ(linux_chown(S("/perm/mine"), 1000, 1000), -EPERM);
    CHECK_EQ(linux_utimensat(CWD, S("/perm/mine"), 0, 0), -EACCES);
    CHECK_EQ(linux_mknod(S("/perm/sticky/dev"), LINUX_S_IFCHR | 0666, 0x103), -EPERM);
    CHECK_EQ(linux_chroot(S("/perm/sticky")), -EPERM);
    CHECK_EQ(make_file("/perm/sticky/own", "x"), 0);
    CHECK_EQ(stat_of("/perm/sticky/own").uid, 1000);
    CHECK_EQ(linux_chown(S("/perm/sticky/own"), 1000, 5), -EPERM);
    shim_process.groups[0] = 5;
    shim_process.group_count = 1;
    CHECK_EQ(linux_chown(S("/perm/sticky/own"), ~0u, 5), 0);
    CHECK_EQ(linux_chmod(S("/perm/sticky/own"), 0040), 0);
    be(2000);
    CHECK_EQ(linux_access(S("/perm/sticky/own"), LINUX_R_OK), 0); // by the group
    CHECK_EQ(linux_access(S("/perm/sticky/own"), LINUX_W_OK), -EACCES);
    shim_process.group_count = 0;
    be(0);
    CHECK_EQ(linux_umask(0027), 022);
    CHECK_EQ(make_file("/perm/masked", ""), 0);
    CHECK_EQ(stat_of("/perm/masked").mode, LINUX_S_IFREG | 0640);
    CHECK_EQ(linux_umask(022), 0027);
    CHECK_EQ(linux_chmod(S("/perm/sticky"), 02777), 0);
    be(1000);
    CHECK_EQ(linux_mkdir(S("/perm/sticky/sub"), 0755), 0);
    be(0);
    CHECK_EQ(stat_of("/perm/sticky/sub").gid, 0);
    CHECK_EQ(stat_of("/perm/sticky/sub").mode, LINUX_S_IFDIR | 02755);
}

// --- contents --------------------------------------------------------------------------------

static void test_contents(void) {
    static u8 big[300000], back[300000];
    for (u64 i = 0; i < sizeof(big); i++)
        big[i] = (u8)(i * 7 + (i >> 9));
    i32 fd = (i32)do_open("/big", CREATE, 0600);
    CHECK_EQ(linux_write(fd, (u64)big, sizeof(big)), sizeof(big));
    CHECK_EQ(linux_lseek(fd, 0, LINUX_SEEK_SET), 0);
    CHECK_EQ(linux_read(fd, (u64)back, sizeof(back)), sizeof(back));
    CHECK(!memcmp(big, back, sizeof(big)));
    CHECK_EQ(linux_read(fd, (u64)back, 1), 0);
    CHECK_EQ(stat_of("/big").blocks, (sizeof(big) + 4095) / 4096 * 8);
    for (u64 i = 0; i < 2000; i++) {
        u64 at = (u64)rand() % sizeof(big), n = (u64)rand() % 9000;
        u64 want = at + n > sizeof(big) ? sizeof(big) - at : n;
        if (linux_pread64(fd, (u64)back, n, (i64)at) != (i64)want || memcmp(back, big + at, want)) {
            CHECK(!"pread");
            break;
        }
    }
    // Truncation makes zeros of what comes back.
    CHECK_EQ(linux_ftruncate(fd, 5000), 0);
    CHECK_EQ(linux_ftruncate(fd, 9000), 0);
    CHECK_EQ(linux_pread64(fd, (u64)back, 9999, 0), 9000);
    CHECK(!memcmp(back, big, 5000));
    bool zero = true;
    for (u64 i = 5000; i < 9000; i++)
        zero &= back[i] == 0;
    CHECK(zero);
    CHECK_EQ(stat_of("/big").blocks, 16);
    CHECK_EQ(linux_ftruncate(fd, -1), -EINVAL);
    CHECK_EQ(linux_ftruncate(fd, 1l << 62), -EFBIG);
    // Holes.
    CHECK_EQ(linux_pwrite64(fd, (u64) "end", 3, 1l << 40), 3);
    CHECK_EQ(stat_of("/big").size, (1l << 40) + 3);
    CHECK_EQ(stat_of("/big").blocks, 24);
    CHECK_EQ(linux_pread64(fd, (u64)back, 8, (1l << 40) - 4), 7);
    CHECK(!memcmp(back, "\0\0\0\0end", 7));
    CHECK_EQ(linux_lseek(fd, 0, LINUX_SEEK_HOLE), 8192);
    CHECK_EQ(linux_lseek(fd, 1l << 40, LINUX_SEEK_DATA), 1l << 40);
    CHECK_EQ(linux_lseek(fd, (1l << 40) + 9, LINUX_SEEK_DATA), -ENXIO);
    CHECK_EQ(linux_lseek(fd, -1, LINUX_SEEK_SET), -EINVAL);
    CHECK_EQ(linux_lseek(fd, 1, 9), -EINVAL);
    CHECK_EQ(linux_ftruncate(fd, 0), 0);
    CHECK_EQ(stat_of("/big").blocks, 0);
    linux_close(fd);
    CHECK_EQ(linux_unlink(S("/big")), 0);
}

static void test_punch(void) {
    static u8 text[20000], back[20000];
    i32 fd = (i32)do_open("/punch", CREATE, 0600);
    memset(text, 'x', sizeof(text));
    for (int rom = 0; rom < 2; rom++) {
        struct vnode *v = files_at(shim_process.files, fd)->vnode;
        CHECK_EQ(linux_ftruncate(fd, 0), 0);
        if (rom) { // contents of the archive
            v->reg.rom = text;
            v->reg.rom_size = v->size = sizeof(text);
        } else {
            linux_pwrite64(fd, (u64)text, sizeof(text), 0);
        }
        CHECK_EQ(linux_fallocate(fd, 3, 3000, 10000), 0);
        CHECK_EQ(linux_pread64(fd, (u64)back, sizeof(back), 0), sizeof(back));
        bool good = true;
        for (u64 i = 0; i < sizeof(back); i++)
            good &= back[i] == (i >= 3000 && i < 13000 ? 0 : 'x');
        CHECK(good);
        CHECK_EQ(linux_pwrite64(fd, (u64) "y", 1, 100), 1);
        CHECK_EQ(linux_pread64(fd, (u64)back, 2, 99), 2);
        CHECK(!memcmp(back, "xy", 2));
    }
    CHECK_EQ(text[100], 'x'); // the archive is never written
    CHECK_EQ(linux_fallocate(fd, 0, 0, 30000), 0);
    CHECK_EQ(stat_of("/punch").size, 30000);
    CHECK_EQ(linux_fallocate(fd, 1, 0, 90000), 0);
    CHECK_EQ(stat_of("/punch").size, 30000);
    CHECK_EQ(linux_fallocate(fd, 2, 0, 1), -ENOTSUP);
    CHECK_EQ(linux_fallocate(fd, 0, 0, 0), -EINVAL);
    linux_close(fd);
    CHECK_EQ(linux_unlink(S("/punch")), 0);
}

static void test_pages(void) {
    pfn_t a, b;
    i32 fd = (i32)do_open("/pages", CREATE, 0600);
    struct vnode *v = files_at(shim_process.files, fd)->vnode;
    CHECK_EQ(linux_pwrite64(fd, (u64) "page", 4, 4096), 4);
    CHECK_EQ(vnode_get_pages(v, 1, 1, 0, &a), 1);
    CHECK_EQ(vnode_get_pages(v, 1, 1, 1, &b), 1);
    CHECK_EQ(a, b);
    CHECK(!memcmp((void *)(a << 12), "page", 4));
    CHECK_EQ(vnode_get_pages(v, 0, 1, 1, &b), 1); // the hole gets a page
    memcpy((void *)(b << 12), "hole", 4);
    char text[5] = {0};
    CHECK_EQ(linux_pread64(fd, (u64)text, 4, 0), 4);
    CHECK(!strcmp(text, "hole"));
    CHECK_EQ(vnode_get_pages(v, 2, 1, 0, &b), -EFAULT);
    // A page that is mapped outlives its place.
    vnode_map_get(v);
    CHECK_EQ(linux_ftruncate(fd, 0), 0);
    CHECK(!memcmp((void *)(a << 12), "page", 4));
    vnode_map_put(v);
    linux_close(fd);
    CHECK_EQ(linux_unlink(S("/pages")), 0);
}

static void test_full(void) {
    static u8 data[5 * 4096];
    i32 fd = (i32)do_open("/full", CREATE, 0600);
    u64 before = memfile_pages;
    memfile_pages_max = before + 3;
    CHECK_EQ(linux_write(fd, (u64)data, sizeof(data)), 3 * 4096);
    CHECK_EQ(linux_write(fd, (u64)data, 1), -ENOSPC);
    CHECK_EQ(linux_pwrite64(fd, (u64)data, 100, 0), 100);
    CHECK_EQ(linux_fallocate(fd, 0, 0, 5 * 4096), -ENOSPC);
    CHECK_EQ(linux_ftruncate(fd, 4096), 0);
    CHECK_EQ(linux_pwrite64(fd, (u64)data, 4096, 4096), 4096);
    linux_close(fd);
    CHECK_EQ(linux_unlink(S("/full")), 0);
    CHECK_EQ(memfile_pages, before);
    memfile_pages_max = ~0ul;
}

static void test_faults(void) {
    static u8 buffer[8192];
    i32 fd = (i32)do_open("/fault", CREATE, 0600);
    memset(buffer, 'f', sizeof(buffer));
    shim_fault_at = (u64)buffer + 100;
    CHECK_EQ(linux_write(fd, (u64)buffer, 200), 100); // what came before the fault counts
    CHECK_EQ(linux_write(fd, (u64)buffer + 100, 10), -EFAULT);
    CHECK_EQ(linux_pread64(fd, (u64)buffer + 100, 10, 0), -EFAULT);
    shim_fault_at = 0;
    CHECK_EQ(stat_of("/fault").size, 100);
    CHECK_EQ(linux_ftruncate(fd, 200), 0);
    CHECK_EQ(linux_pread64(fd, (u64)buffer, 200, 0), 200);
    bool zero = true;
    for (int i = 100; i < 200; i++)
        zero &= buffer[i] == 0;
    CHECK(zero);
    shim_process.limits[RLIMIT_FSIZE].soft = 150;
    CHECK_EQ(linux_pwrite64(fd, (u64)buffer, 100, 100), 50);
    CHECK_EQ(linux_pwrite64(fd, (u64)buffer, 100, 150), -EFBIG);
    CHECK_EQ(shim_signals[SIGXFSZ], 1);
    shim_process.limits[RLIMIT_FSIZE].soft = ~0ul;
    linux_close(fd);
    CHECK_EQ(linux_unlink(S("/fault")), 0);
}

// --- descriptors -----------------------------------------------------------------------------

static void test_descriptors(void) {
    i32 a = (i32)do_open("/p/q/f", 0, 0);
    CHECK_EQ(a, 0);
    CHECK_EQ(linux_write(a, S("x"), 1), -EBADF);
    CHECK_EQ(linux_dup(a), 1);
    CHECK_EQ(linux_dup2(a, 200), 200);
    CHECK_EQ(linux_dup2(a, 1024), -EBADF);
    CHECK_EQ(linux_dup2(99, 5), -EBADF);
    CHECK_EQ(linux_dup3(a, a, 0), -EINVAL);
    CHECK_EQ(linux_dup3(a, 4, LINUX_O_CLOEXEC), 4);
    CHECK_EQ(linux_fcntl(4, LINUX_F_GETFD, 0), 1);
    CHECK_EQ(linux_fcntl(a, LINUX_F_DUPFD_CLOEXEC, 10), 10);
    CHECK_EQ(linux_fcntl(a, LINUX_F_DUPFD, 5000), -EINVAL);
    CHECK_EQ(linux_fcntl(a, 9999, 0), -EINVAL);
    CHECK_EQ(linux_fcntl(77, LINUX_F_GETFL, 0), -EBADF);
    CHECK_EQ(linux_lseek(200, 1, LINUX_SEEK_SET), 1);
    CHECK_EQ(linux_lseek(a, 0, LINUX_SEEK_CUR), 1); // one open file, one position
    struct files *copy = files_clone(shim_process.files);
    CHECK_EQ(copy->capacity >= 201, 1);
    CHECK(files_at(copy, 200) == files_at(shim_process.files, a));
    files_close_on_exec(copy);
    CHECK(!files_at(copy, 4) && !files_at(copy, 10) && files_at(copy, 200));
    files_put(copy);
    CHECK_EQ(linux_close_range(4, 300, 0), 0);
    CHECK_EQ(linux_close(200), -EBADF);
    CHECK_EQ(linux_close_range(3, 2, 0), -EINVAL);
    CHECK_EQ(linux_close(1), 0);
    shim_process.limits[RLIMIT_NOFILE].soft = 2;
    CHECK_EQ(linux_dup(0), 1);
    CHECK_EQ(linux_dup(0), -EMFILE);
    CHECK_EQ(do_open("/p/q/f", 0, 0), -EMFILE);
    shim_process.limits[RLIMIT_NOFILE].soft = 1024;
    CHECK_EQ(linux_close(0), 0);
    CHECK_EQ(linux_close(1), 0);
}

static void test_open_rules(void) {
    CHECK_EQ(do_open("/p", LINUX_O_WRONLY, 0), -EISDIR);
    CHECK_EQ(do_open("/p", CREATE, 0), -EISDIR);
    CHECK_EQ(do_open("/p/q/f", LINUX_O_DIRECTORY, 0), -ENOTDIR);
    CHECK_EQ(do_open("/p/q/f", CREATE | LINUX_O_EXCL, 0), -EEXIST);
    CHECK_EQ(do_open("/p/newfile/", CREATE, 0600), -EISDIR);
    CHECK_EQ(do_open("/p/x", CREATE | LINUX_O_DIRECTORY, 0600), -EINVAL);
    CHECK_EQ(do_open("/proc/x", CREATE, 0600), -ENOENT);
    i32 fd = (i32)do_open("/p", 0, 0);
    char byte;
    CHECK_EQ(linux_read(fd, (u64)&byte, 1), -EISDIR);
    linux_close(fd);
    fd = (i32)do_open("/p/q/f", LINUX_O_PATH, 0);
    CHECK_EQ(linux_read(fd, (u64)&byte, 1), -EBADF);
    linux_close(fd);
    fd = (i32)do_open("/p", LINUX_O_TMPFILE | LINUX_O_RDWR, 0600);
    CHECK_EQ(linux_write(fd, S("tmp"), 3), 3);
    linux_close(fd);
    // Appending goes to the end, whatever the position.
    CHECK_EQ(make_file("/p/app", "one"), 0);
    fd = (i32)do_open("/p/app", LINUX_O_WRONLY | LINUX_O_APPEND, 0);
    CHECK_EQ(linux_write(fd, S("two"), 3), 3);
    linux_close(fd);
    CHECK(!strcmp(contents("/p/app"), "onetwo"));
    // A file that is written cannot be run, and one without x neither.
    struct vnode *v;
    char where[64];
    CHECK_EQ(fs_open_exec(CWD, "/p/app", 0, &v, where, sizeof(where)), -EACCES);
    CHECK_EQ(linux_chmod(S("/p/app"), 0755), 0);
    CHECK_EQ(fs_open_exec(CWD, "/p/../p/app", 0, &v, where, sizeof(where)), 0);
    CHECK(!strcmp(where, "/p/app"));
    vnode_put(v);
    fd = (i32)do_open("/p/app", LINUX_O_WRONLY, 0);
    CHECK_EQ(fs_open_exec(CWD, "/p/app", 0, &v, where, sizeof(where)), -ETXTBSY);
    linux_close(fd);
    CHECK_EQ(fs_open_exec(CWD, "/p", 0, &v, where, sizeof(where)), -EACCES);
}

// --- directories -----------------------------------------------------------------------------

static void test_listing(void) {
    char name[32];
    u8 buffer[400];
    CHECK_EQ(linux_mkdir(S("/list"), 0755), 0);
    for (int i = 0; i < 500; i++) {
        sprintf(name, "/list/%d", i);
        CHECK_EQ(make_file(name, ""), 0);
    }
    static bool seen[500];
    u32 count = 0, dots = 0;
    i32 fd = (i32)do_open("/list", LINUX_O_DIRECTORY, 0);
    CHECK_EQ(linux_getdents64(fd, (u64)buffer, 10), -EINVAL);
    for (i64 got; (got = linux_getdents64(fd, (u64)buffer, sizeof(buffer))) > 0;) {
        for (i64 at = 0; at < got;) {
            struct linux_dirent64 *d = (struct linux_dirent64 *)(buffer + at);
            at += d->reclen;
            if (d->name[0] == '.') {
                dots++;
                continue;
            }
            int i = atoi(d->name);
            CHECK(!seen[i]);
            seen[i] = true;
            count++;
            sprintf(name, "/list/%d", i);
            // Removing while listing must not lose others.
            CHECK_EQ(linux_unlink(S(name)), 0);
        }
    }
    CHECK_EQ(count, 500);
    CHECK_EQ(dots, 2);
    CHECK_EQ(linux_rmdir(S("/list")), 0);
    CHECK_EQ(linux_getdents64(fd, (u64)buffer, sizeof(buffer)), -ENOENT);
    linux_close(fd);
    fd = (i32)do_open("/p/q/f", 0, 0);
    CHECK_EQ(linux_getdents64(fd, (u64)buffer, sizeof(buffer)), -ENOTDIR);
    linux_close(fd);
}

static void test_proc(void) {
    char text[200];
    i32 fd = (i32)do_open("/p/q/f", 0, 0);
    CHECK_EQ(linux_readlink(S("/proc/self"), (u64)text, 200), 1);
    CHECK_EQ(text[0], '7');
    CHECK_EQ(linux_readlink(S("/proc/self/fd/0"), (u64)text, 200), 6);
    CHECK(!memcmp(text, "/p/q/f", 6));
    CHECK(!strcmp(contents("/proc/self/fd/0"), "x"));
    CHECK(!strcmp(contents("/dev/stdin"), "x"));
    CHECK(!strcmp(contents("/proc/7/comm"), "test\n"));
    CHECK_EQ(strncmp(contents("/proc/self/stat"), "7 (test) R 0 7 7 0 -1 ", 22), 0);
    CHECK_EQ(do_open("/proc/8", 0, 0), -ENOENT);
    CHECK_EQ(do_open("/proc/07", 0, 0), -ENOENT);
    CHECK_EQ(linux_chdir(S("/proc/self/cwd/p")), 0);
    CHECK_EQ(linux_getcwd((u64)text, 64), 3);
    CHECK_EQ(linux_chdir(S("/proc/self/task/7")), 0);
    CHECK(!strcmp(contents("comm"), "test\n"));
    CHECK_EQ(linux_chdir(S("/")), 0);
    CHECK_EQ(linux_unlink(S("/proc/version")), -EPERM);
    CHECK_EQ(linux_chmod(S("/proc/version"), 0777), -EPERM);
    linux_close(fd);
}

// --- pipes -----------------------------------------------------------------------------------

static i32 fds[2];
static u8 drained[70000];
static u64 drained_count, drain_part;

// The other side of a pipe, when this side would sleep.
static i64 drain(u64 deadline) {
    (void)deadline;
    i64 got = linux_read(fds[0], (u64)drained + drained_count, drain_part);
    if (got <= 0)
        return -ERESTARTSYS;
    drained_count += (u64)got;
    return 0;
}

static void test_pipes(void) {
    static u8 data[70000];
    u8 byte = 'b';
    struct linux_pollfd poll;
    for (u64 i = 0; i < sizeof(data); i++)
        data[i] = (u8)(i * 13);
    CHECK_EQ(linux_pipe2((u64)fds, LINUX_O_NONBLOCK), 0);
    CHECK_EQ(linux_read(fds[0], (u64)&byte, 1), -EAGAIN);
    CHECK_EQ(linux_read(fds[1], (u64)&byte, 1), -EBADF);
    CHECK_EQ(linux_write(fds[1], (u64)data, sizeof(data)), 65536);
    CHECK_EQ(linux_write(fds[1], (u64)data, 1), -EAGAIN);
    CHECK_EQ(linux_read(fds[0], (u64)drained, 1000), 1000);
    CHECK_EQ(linux_write(fds[1], (u64)data, 4096), -EAGAIN); // all or nothing
    CHECK_EQ(linux_write(fds[1], (u64)data, 5000), 1000);
    CHECK_EQ(linux_lseek(fds[0], 0, 0), -ESPIPE);
    CHECK_EQ(linux_pread64(fds[0], (u64)data, 1, 0), -ESPIPE);
    poll = (struct linux_pollfd){fds[0], LINUX_POLLIN, 0};
    CHECK_EQ(linux_poll((u64)&poll, 1, 0), 1);
    poll = (struct linux_pollfd){fds[1], LINUX_POLLOUT, 0};
    CHECK_EQ(linux_poll((u64)&poll, 1, 0), 0);
    CHECK_EQ(linux_close(fds[1]), 0);
    u64 total = 0;
    for (i64 got; (got = linux_read(fds[0], (u64)drained, sizeof(drained))) > 0;)
        total += (u64)got;
    CHECK_EQ(total, 65536);
    poll = (struct linux_pollfd){fds[0], LINUX_POLLIN, 0};
    CHECK_EQ(linux_poll((u64)&poll, 1, 0), 1);
    CHECK_EQ(poll.revents, LINUX_POLLHUP);
    CHECK_EQ(linux_close(fds[0]), 0);
    // Blocking: the reader takes odd parts whenever the writer sleeps.
    CHECK_EQ(linux_pipe((u64)fds), 0);
    shim_sleep = drain;
    drain_part = 777;
    CHECK_EQ(linux_write(fds[1], (u64)data, sizeof(data)), sizeof(data));
    while (drained_count < sizeof(data) && !drain(0))
        ;
    shim_sleep = NULL;
    CHECK_EQ(drained_count, sizeof(data));
    CHECK(!memcmp(drained, data, sizeof(data)));
    CHECK_EQ(linux_read(fds[0], (u64)&byte, 1), -ERESTARTSYS);
    CHECK_EQ(linux_read(fds[0], (u64)&byte, 0), 0);
    CHECK_EQ(linux_close(fds[0]), 0);
    shim_signals[SIGPIPE] = 0;
    CHECK_EQ(linux_write(fds[1], (u64)data, 1), -EPIPE);
    CHECK_EQ(shim_signals[SIGPIPE], 1);
    CHECK_EQ(linux_close(fds[1]), 0);
}

static void test_fifo(void) {
    CHECK_EQ(linux_mknod(S("/fifo"), LINUX_S_IFIFO | 0600, 0), 0);
    CHECK_EQ(do_open("/fifo", LINUX_O_WRONLY | LINUX_O_NONBLOCK, 0), -ENXIO);
    CHECK_EQ(do_open("/fifo", LINUX_O_RDONLY, 0), -ERESTARTSYS); // nobody writes: it sleeps
    i32 r = (i32)do_open("/fifo", LINUX_O_RDONLY | LINUX_O_NONBLOCK, 0);
    CHECK_EQ(r, 0);
    char byte;
    CHECK_EQ(linux_read(r, (u64)&byte, 1), 0); // no writer: end
    struct linux_pollfd poll = {r, LINUX_POLLIN, 0};
    CHECK_EQ(linux_poll((u64)&poll, 1, 0), 0); // but no hang-up before the first one
    i32 w = (i32)do_open("/fifo", LINUX_O_WRONLY, 0);
    CHECK_EQ(w, 1);
    CHECK_EQ(linux_write(w, S("z"), 1), 1);
    CHECK_EQ(linux_read(r, (u64)&byte, 1), 1);
    CHECK_EQ(linux_read(r, (u64)&byte, 1), -EAGAIN);
    linux_close(r);
    i32 late = (i32)do_open("/fifo", LINUX_O_RDONLY, 0);
    linux_close(w);
    poll = (struct linux_pollfd){late, LINUX_POLLIN, 0};
    CHECK_EQ(linux_poll((u64)&poll, 1, 0), 1); // its writer was there before it, and went
    CHECK_EQ(poll.revents, LINUX_POLLHUP);
    linux_close(late);
    CHECK_EQ(linux_unlink(S("/fifo")), 0);
}

static void test_vectors(void) {
    char one[4] = "one", two[4] = "two", a[3], b[10] = {0};
    struct linux_iovec out[2] = {{(u64)one, 3}, {(u64)two, 3}}, in[2] = {{(u64)a, 2}, {(u64)b, 9}};
    i32 fd = (i32)do_open("/vector", CREATE, 0600);
    CHECK_EQ(linux_writev(fd, (u64)out, 2), 6);
    CHECK_EQ(linux_preadv(fd, (u64)in, 2, 0), 6);
    CHECK(!memcmp(a, "on", 2) && !memcmp(b, "etwo", 4));
    CHECK_EQ(linux_writev(fd, (u64)out, 1025), -EINVAL);
    out[1].bytes = ~0ul;
    CHECK_EQ(linux_writev(fd, (u64)out, 2), -EINVAL);
    i32 other = (i32)do_open("/vector2", CREATE, 0600);
    u64 at = 1;
    CHECK_EQ(linux_sendfile(other, fd, (u64)&at, 100), 5);
    CHECK_EQ(at, 6);
    CHECK(!strcmp(contents("/vector2"), "netwo"));
    u64 from = 0, to = 10;
    CHECK_EQ(linux_copy_file_range(fd, (u64)&from, other, (u64)&to, 3, 0), 3);
    CHECK_EQ(stat_of("/vector2").size, 13);
    linux_close(fd);
    linux_close(other);
}

static void test_locks(void) {
    struct linux_flock l = {.type = LINUX_F_WRLCK, .start = 10, .length = 10};
    i32 a = (i32)do_open("/vector", LINUX_O_RDWR, 0), b = (i32)do_open("/vector", LINUX_O_RDWR, 0);
    CHECK_EQ(linux_flock(a, LINUX_LOCK_EX), 0);
    CHECK_EQ(linux_flock(b, LINUX_LOCK_SH | LINUX_LOCK_NB), -EAGAIN);
    CHECK_EQ(linux_flock(a, LINUX_LOCK_SH), 0);
    CHECK_EQ(linux_flock(b, LINUX_LOCK_SH | LINUX_LOCK_NB), 0);
    CHECK_EQ(linux_flock(a, 99), -EINVAL);
    CHECK_EQ(linux_fcntl(a, LINUX_F_SETLK, (u64)&l), 0);
    // Another process.
    struct files *mine = shim_process.files;
    shim_process.files = files_clone(mine);
    l.start = 15;
    CHECK_EQ(linux_fcntl(b, LINUX_F_SETLK, (u64)&l), -EAGAIN);
    CHECK_EQ(linux_fcntl(b, LINUX_F_GETLK, (u64)&l), 0);
    CHECK_EQ(l.start, 10);
    CHECK_EQ(l.pid, 7);
    l = (struct linux_flock){.type = LINUX_F_RDLCK, .start = 20, .length = 0};
    CHECK_EQ(linux_fcntl(b, LINUX_F_SETLK, (u64)&l), 0);
    files_put(shim_process.files);
    shim_process.files = mine;
    // Unlocking the middle leaves both ends.
    l = (struct linux_flock){.type = LINUX_F_UNLCK, .start = 13, .length = 2};
    CHECK_EQ(linux_fcntl(a, LINUX_F_SETLK, (u64)&l), 0);
    struct files *other = files_clone(mine);
    shim_process.files = other;
    l = (struct linux_flock){.type = LINUX_F_WRLCK, .start = 13, .length = 2};
    CHECK_EQ(linux_fcntl(b, LINUX_F_SETLK, (u64)&l), 0);
    l = (struct linux_flock){.type = LINUX_F_WRLCK, .start = 12, .length = 1};
    CHECK_EQ(linux_fcntl(b, LINUX_F_SETLK, (u64)&l), -EAGAIN);
    l = (struct linux_flock){.type = LINUX_F_WRLCK, .start = 15, .length = 1};
    CHECK_EQ(linux_fcntl(b, LINUX_F_SETLK, (u64)&l), -EAGAIN);
    files_put(other);
    shim_process.files = mine;
    linux_close(b); // POSIX: any close drops the process's record locks
    CHECK(files_at(mine, a)->vnode->locks && !files_at(mine, a)->vnode->locks->next);
    linux_close(a);
}

static void test_epoll(void) {
    struct {
        u32 events;
        u64 data;
    } __attribute__((packed)) ev = {LINUX_POLLIN, 42}, got[4];
    i32 ep = (i32)linux_epoll_create1(0);
    CHECK_EQ(linux_pipe((u64)fds), 0);
    CHECK_EQ(linux_epoll_ctl(ep, 1, fds[0], (u64)&ev), 0);
    CHECK_EQ(linux_epoll_ctl(ep, 1, fds[0], (u64)&ev), -EEXIST);
    CHECK_EQ(linux_epoll_ctl(ep, 1, ep, (u64)&ev), -EINVAL);
    CHECK_EQ(linux_epoll_wait(ep, (u64)got, 4, 0), 0);
    CHECK_EQ(linux_write(fds[1], S("xy"), 2), 2);
    CHECK_EQ(linux_epoll_wait(ep, (u64)got, 4, 0), 1);
    CHECK_EQ(got[0].data, 42);
    CHECK_EQ(linux_epoll_wait(ep, (u64)got, 4, 0), 1); // level: again
    ev.events |= 1u << 31;
    CHECK_EQ(linux_epoll_ctl(ep, 3, fds[0], (u64)&ev), 0);
    CHECK_EQ(linux_epoll_wait(ep, (u64)got, 4, 0), 1);
    CHECK_EQ(linux_epoll_wait(ep, (u64)got, 4, 0), 0); // edge: not again
    CHECK_EQ(linux_write(fds[1], S("z"), 1), 1);
    CHECK_EQ(linux_epoll_wait(ep, (u64)got, 4, 0), 1);
    linux_close(fds[0]);
    CHECK_EQ(linux_epoll_wait(ep, (u64)got, 4, 0), 0);
    linux_close(fds[1]);
    linux_close(ep);
    i32 e = (i32)linux_eventfd2(3, LINUX_O_NONBLOCK);
    u64 value = 2;
    CHECK_EQ(linux_write(e, (u64)&value, 8), 8);
    CHECK_EQ(linux_read(e, (u64)&value, 8), 8);
    CHECK_EQ(value, 5);
    CHECK_EQ(linux_read(e, (u64)&value, 8), -EAGAIN);
    linux_close(e);
}

static void test_socketpair(void) {
    char text[8] = {0};
    CHECK_EQ(linux_socketpair(2, 1, 0, (u64)fds), -EAFNOSUPPORT);
    CHECK_EQ(linux_socketpair(1, 1 | LINUX_O_NONBLOCK, 0, (u64)fds), 0);
    CHECK_EQ(linux_read(fds[0], (u64)text, 8), -EAGAIN);
    CHECK_EQ(linux_write(fds[0], S("ab"), 2), 2);
    CHECK_EQ(linux_sendto(fds[1], S("cd"), 2, 0, 0, 0), 2);
    CHECK_EQ(linux_recvfrom(fds[0], (u64)text, 8, 0, 0, 0), 2);
    CHECK(!strcmp(text, "cd"));
    CHECK_EQ(linux_shutdown(fds[0], 1), 0);
    CHECK_EQ(linux_read(fds[1], (u64)text, 8), 2);
    CHECK_EQ(linux_read(fds[1], (u64)text, 8), 0);
    CHECK_EQ(linux_sendto(0x77, S("x"), 1, 0, 0, 0), -EBADF);
    CHECK_EQ(linux_close(fds[0]), 0);
    CHECK_EQ(linux_sendto(fds[1], S("x"), 1, 0x4000, 0, 0), -EPIPE);
    CHECK_EQ(linux_close(fds[1]), 0);
}

static void test_devices(void) {
    char text[8] = "unread";
    i32 fd = (i32)do_open("/dev/null", LINUX_O_RDWR, 0);
    CHECK_EQ(linux_read(fd, (u64)text, 8), 0);
    CHECK_EQ(linux_write(fd, (u64)text, 8), 8);
    linux_close(fd);
    fd = (i32)do_open("/dev/zero", 0, 0);
    CHECK_EQ(linux_read(fd, (u64)text, 8), 8);
    CHECK_EQ(text[0] | text[7], 0);
    linux_close(fd);
    fd = (i32)do_open("/dev/full", LINUX_O_RDWR, 0);
    CHECK_EQ(linux_write(fd, (u64)text, 1), -ENOSPC);
    CHECK_EQ(linux_ioctl(fd, 0x5401, (u64)text), -ENOTTY);
    linux_close(fd);
    CHECK_EQ(do_open("/dev/tty", 0, 0), -ENXIO);
}

// Each allocation made to fail, one after another: the call fails cleanly, and nothing is lost.
static void test_no_memory(void) {
    u64 before = shim_objects;
    for (u64 n = 1; n < 60; n++) {
        shim_alloc_fail_at = n;
        i64 fd = do_open("/nomem", CREATE, 0600);
        if (fd >= 0) {
            linux_write((i32)fd, S("data"), 4);
            linux_close((i32)fd);
        }
        linux_symlink(S("/nomem"), S("/a-long-name-for-a-link-that-needs-memory-of-its-own"));
        i32 pair[2];
        if (!linux_pipe((u64)pair)) {
            linux_write(pair[1], S("x"), 1);
            linux_close(pair[0]);
            linux_close(pair[1]);
        }
        linux_rename(S("/nomem"), S("/another-name-that-is-longer-than-the-inline-part"));
        contents("/proc/self/status");
        shim_alloc_fail_at = 0;
        linux_unlink(S("/nomem"));
        linux_unlink(S("/another-name-that-is-longer-than-the-inline-part"));
        linux_unlink(S("/a-long-name-for-a-link-that-needs-memory-of-its-own"));
        CHECK_EQ(shim_objects, before);
        before = shim_objects;
    }
}

int main(void) {
    shim_boot();
    test_paths();
    test_links();
    test_names();
    test_rename();
    test_permissions();
    test_contents();
    test_punch();
    test_pages();
    test_full();
    test_faults();
    test_descriptors();
    test_open_rules();
    test_listing();
    test_proc();
    test_pipes();
    test_fifo();
    test_vectors();
    test_locks();
    test_epoll();
    test_socketpair();
    test_devices();
    test_no_memory();
    return check_finish("exos-files");
}
