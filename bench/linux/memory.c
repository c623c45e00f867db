// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Rows of Appel and Li, and what else concerns memory, by Linux's means: mprotect and SIGSEGV.

#include "bench/linux/rows.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGES 100u
#define PAGE  4096u

static char *pages;
static unsigned
    extra; // pages around, so that protecting one splits a large region, as figures.md says
static volatile unsigned faults;

static void map_pages(void) {
    extra = 412;
    MUST((pages = mmap(0, (PAGES + extra) * PAGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) != MAP_FAILED);
    for (unsigned i = 0; i < PAGES + extra; i++)
        pages[i * PAGE] = 1;
}
static void unmap_pages(void) {
    signal(SIGSEGV, SIG_DFL);
    MUST(!munmap(pages, (PAGES + extra) * PAGE));
}
static void protect(unsigned first, unsigned count, int prot) {
    MUST(!mprotect(pages + first * PAGE, count * PAGE, prot));
}
static void all_writable(void) {
    protect(0, PAGES, PROT_READ | PROT_WRITE);
}
static void all_read_only(void) {
    protect(0, PAGES, PROT_READ);
}

static void run_prot1(unsigned count) {
    for (unsigned i = 0; i < count; i++)
        protect(i, 1, PROT_READ);
}
ROW(prot1, PAGES, map_pages, all_writable, run_prot1, unmap_pages);

static void run_prot100(unsigned count) {
    for (unsigned i = 0; i < count; i++)
        protect(0, PAGES, PROT_READ);
}
ROW(prot100, 1, map_pages, all_writable, run_prot100, unmap_pages);

static void run_unprot100(unsigned count) {
    for (unsigned i = 0; i < count; i++)
        protect(0, PAGES, PROT_READ | PROT_WRITE);
}
ROW(unprot100, 1, map_pages, all_read_only, run_unprot100, unmap_pages);

// trap: a write to a protected page, until the handler has been entered. What is timed is the
// handler's return by a jump too, about 40 instructions.
static sigjmp_buf back;

static void trapped(int number) {
    (void)number;
    siglongjmp(back, 1);
}
static void prepare_trap(void) {
    map_pages();
    all_read_only();
    struct sigaction action = {.sa_handler = trapped, .sa_flags = SA_NODEFER};
    sigaction(SIGSEGV, &action, 0);
}
static volatile unsigned turn;
static void run_trap(unsigned count) {
    for (turn = 0; turn < count; turn++)
        if (!sigsetjmp(back, 0))
            *(volatile char *)pages = 1;
}
ROW(trap, 100, prepare_trap, 0, run_trap, unmap_pages);

static void map_there(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    char *page = (char *)((uintptr_t)info->si_addr & ~(uintptr_t)(PAGE - 1));
    MUST(!mprotect(page, PAGE, PROT_READ | PROT_WRITE));
    faults++;
}
static void prepare_handler(void) {
    map_pages();
    struct sigaction action = {.sa_sigaction = map_there, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSEGV, &action, 0);
}
static void none_accessible(void) {
    protect(0, PAGES, PROT_NONE);
}
static void run_touch_each(unsigned count) {
    unsigned before = faults;
    for (unsigned i = 0; i < count; i++)
        *(volatile char *)(pages + i * PAGE) = 1;
    MUST(faults == before + count);
}
ROW(fault, PAGES, prepare_handler, none_accessible, run_touch_each, unmap_pages);

static void run_appel1(unsigned count) {
    unsigned before = faults;
    for (unsigned i = 0; i < count; i++) {
        protect(i, 1, PROT_READ);
        *(volatile char *)(pages + i * PAGE) = 1;
    }
    MUST(faults == before + count);
}
ROW(appel1, PAGES, prepare_handler, all_writable, run_appel1, unmap_pages);

static void run_appel2(unsigned count) {
    unsigned before = faults;
    if (!count)
        return;
    protect(0, PAGES, PROT_READ);
    for (unsigned i = 0; i < count; i++)
        *(volatile char *)(pages + i * PAGE) = 1;
    MUST(faults == before + count);
}
ROW(appel2, PAGES, prepare_handler, all_writable, run_appel2, unmap_pages);

// --- userfaultfd --------------------------------------------------------------------------------

static int uffd;
static pthread_t server;

// Gives each missing page that the kernel reports a zeroed frame; ends when the region goes.
static void *serve_faults(void *argument) {
    struct uffd_msg message;
    while (read(uffd, &message, sizeof message) == sizeof message &&
           message.event == UFFD_EVENT_PAGEFAULT) {
        struct uffdio_zeropage zero = {
            .range = {message.arg.pagefault.address & ~(PAGE - 1ul), PAGE}};
        faults++;
        MUST(!ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
    }
    return argument;
}
static void prepare_uffd(void) {
    map_pages();
    MUST((uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC)) >= 0);
    struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_EVENT_UNMAP};
    struct uffdio_register all = {.range = {(uintptr_t)pages, PAGES * PAGE},
                                  .mode = UFFDIO_REGISTER_MODE_MISSING};
    MUST(!ioctl(uffd, UFFDIO_API, &api) && !ioctl(uffd, UFFDIO_REGISTER, &all));
    MUST(!pthread_create(&server, 0, serve_faults, 0));
}
static void drop_pages(void) {
    MUST(!madvise(pages, PAGES * PAGE, MADV_DONTNEED));
}
static void finish_uffd(void) {
    unmap_pages(); // which ends the server
    MUST(!pthread_join(server, 0));
    close(uffd);
}
ROW(fault_uffd, PAGES, prepare_uffd, drop_pages, run_touch_each, finish_uffd);

// --- has this page been written? ----------------------------------------------------------------

static int pagemap = -1;

#define SOFT_DIRTY (1ul << 55)
static int page_is_dirty(unsigned i) {
    uint64_t entry;
    MUST(pread(pagemap, &entry, 8, (off_t)((uintptr_t)(pages + i * PAGE) / PAGE * 8)) == 8);
    return !!(entry & SOFT_DIRTY);
}
static void prepare_dirty(void) {
    map_pages();
    int clear = open("/proc/self/clear_refs", O_WRONLY);
    MUST(clear >= 0 && write(clear, "4", 1) == 1 && !close(clear));
    MUST((pagemap = open("/proc/self/pagemap", O_RDONLY)) >= 0);
    for (unsigned i = 0; i < PAGES; i += 2)
        ((volatile char *)pages)[i * PAGE] = 2;
}
static void run_dirty(unsigned count) {
    for (unsigned i = 0; i < count; i++)
        MUST(page_is_dirty(i) == !(i & 1));
}
// All of them by one call, which costs Linux less: it looks at the whole page table anyway.
static void run_dirty_all(unsigned count) {
    uint64_t entries[PAGES];
    off_t at = (off_t)((uintptr_t)pages / PAGE * 8);
    MUST(pread(pagemap, entries, count * 8, at) == (ssize_t)(count * 8));
    for (unsigned i = 0; i < count; i++)
        MUST(!!(entries[i] & SOFT_DIRTY) == !(i & 1));
}
static void finish_dirty(void) {
    close(pagemap);
    unmap_pages();
}
ROW(dirty, PAGES, prepare_dirty, 0, run_dirty, finish_dirty);
ROW(dirty_all, PAGES, prepare_dirty, 0, run_dirty_all, finish_dirty);

// --- touching -----------------------------------------------------------------------------------

static void map_fresh(void) {
    if (pages)
        munmap(pages, PAGES * PAGE);
    extra = 0;
    MUST((pages = mmap(0, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                       0)) != MAP_FAILED);
}
static void no_pages(void) {
    pages = 0;
}
static void finish_fresh(void) {
    munmap(pages, PAGES * PAGE);
    pages = 0;
}
static void run_touch(unsigned count) {
    for (unsigned i = 0; i < count; i++)
        *(volatile char *)(pages + i * PAGE) = 1;
}
ROW(touch_anon, PAGES, no_pages, map_fresh, run_touch, finish_fresh);

// Copy on write: pages of a private file mapping that have been read are written.
static int file = -1;
static void make_file(void) {
    static char block[PAGE];
    MUST((file = open("/tmp/cow", O_RDWR | O_CREAT | O_TRUNC, 0600)) >= 0);
    for (unsigned i = 0; i < PAGES; i++)
        MUST(write(file, block, PAGE) == PAGE);
    pages = 0;
}
static void map_file(void) {
    if (pages)
        munmap(pages, PAGES * PAGE);
    MUST((pages = mmap(0, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0)) !=
         MAP_FAILED);
    for (unsigned i = 0; i < PAGES; i++)
        (void)*(volatile char *)(pages + i * PAGE);
}
static void finish_file(void) {
    munmap(pages, PAGES * PAGE);
    pages = 0;
    close(file);
    unlink("/tmp/cow");
}
ROW(touch_cow, PAGES, make_file, map_file, run_touch, finish_file);

static void run_mmap(unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        char *page = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        MUST(page != MAP_FAILED);
        *(volatile char *)page = 1;
        MUST(!munmap(page, PAGE));
    }
}
ROW(mmap_munmap, 100, 0, 0, run_mmap, 0);

// --- computing ----------------------------------------------------------------------------------

#define N 150
static int a[N][N], b[N][N], c[N][N];

static void run_matmul(unsigned count) {
    for (int i = 0; i < N; i++) // twice the identity
        a[i][i] = 2, b[i][N - 1 - i] = i;
    for (; count; count--) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                int sum = 0;
                for (int k = 0; k < N; k++)
                    sum += a[i][k] * b[k][j];
                ((volatile int *)c[i])[j] = sum;
            }
        MUST(c[7][N - 1 - 7] == 14 && c[7][7] == 0);
    }
}
ROW(matmul150, 1, 0, 0, run_matmul, 0);
