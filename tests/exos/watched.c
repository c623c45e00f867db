// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Linux programs on ExOS, watched by extensions that know nothing of ExOS, and ExOS nothing of
// them: each system call is seen, although ExOS patches call sites elsewhere; the nth call fails;
// memory is compressed and comes back. The program loads the extensions with system calls of
// Tricolor, forks, and the child runs this program again: `watched NAME` is what the child does.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/calls.h"
#include "abi/caps.h"
#include "abi/errors.h"
#include "abi/extension.h"
#include "abi/tables.h"
#include "gen/syscalls_user.h"

#define PAGES  1024ul
#define MEMORY ((volatile u64 *)0x700000000000ul)
#define CALLS  100

static unsigned passed, failed;
#define CHECK(condition) check(!!(condition), #condition, __LINE__)
static void check(int ok, const char *what, int line) {
    passed += ok;
    failed += !ok;
    if (!ok)
        printf("watched: line %d: %s (errno %d)\n", line, what, errno);
}

// --- system calls of Tricolor --------------------------------------------------------------------

// It loses all registers but the stack pointer, and the bases of FS and GS.
__attribute__((noinline)) static i64 native_load(u64 account, const struct ext_load *request,
                                                 struct ext_report *report) {
    register u64 r10 __asm__("r10") = (u64)report;
    u64 rax = ABI_SYSCALL_BASE + SYS_ext_load, rdi = CAP_SLOT_ACCOUNT, rsi = account;
    u64 rdx = (u64)request;
    __asm__ volatile("push %%rbx\n push %%rbp\n push %%r12\n push %%r13\n push %%r14\n push %%r15\n"
                     "rdfsbase %%rbx\n push %%rbx\n rdgsbase %%rbx\n push %%rbx\n"
                     "syscall\n"
                     "pop %%rbx\n wrgsbase %%rbx\n pop %%rbx\n wrfsbase %%rbx\n"
                     "pop %%r15\n pop %%r14\n pop %%r13\n pop %%r12\n pop %%rbp\n pop %%rbx\n"
                     : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10)
                     :
                     : "rcx", "r8", "r9", "r11", "memory");
    return (i64)rax;
}

static account_id account(void) {
    for (u64 cpu = 0; cpu < ABI_INFO->cpus; cpu++) {
        const volatile struct abi_cpu *row = abi_row(ABI_TABLE_CPUS, cpu);
        const volatile struct abi_env *env = abi_row(ABI_TABLE_ENVS, ABI_INDEX(row->env));
        if (row->env && env->account)
            return env->account; // the pod's: nobody else is here
    }
    return 0;
}

static u8 object[1 << 20];

static i64 load(const char *path) {
    int fd = open(path, O_RDONLY);
    ssize_t bytes = read(fd, object, sizeof object);
    struct ext_load request = {.object = (u64)object, .bytes = (u64)bytes};
    struct ext_report report = {0};
    close(fd);
    i64 ext = native_load(account(), &request, &report);
    if (ext < 0)
        printf("watched: %s: %ld, reason %u, line %u: %s\n", path, ext, report.code, report.line,
               report.words);
    return ext;
}

static void unload(i64 ext) {
    while (sys_ext_unload(CAP_SLOT_ACCOUNT, (ext_id)ext) == -E_AGAIN)
        ;
}

static u64 call(i64 ext, const char *name, u64 a, u64 b, u64 c, u64 d) {
    struct ext_call made = {.function = ext_hash(name), .args = {a, b, c, d}};
    CHECK(!sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)ext, (u64)&made));
    return made.result;
}

// Whichever env runs this: the capability is for it alone.
static int watch_self(i64 ext, u64 what) {
    for (int tries = 0; tries < 1000; tries++)
        for (u64 cpu = 0; cpu < ABI_INFO->cpus; cpu++) {
            const volatile struct abi_cpu *row = abi_row(ABI_TABLE_CPUS, cpu);
            if (!sys_env_watch(CAP_PAIR(CAP_SLOT_SELF, CAP_SLOT_ACCOUNT), row->env, (ext_id)ext,
                               what))
                return 1;
        }
    return 0;
}

// Runs `watched NAME` watched.
static pid_t start(const char *self, const char *name, i64 ext, u64 what) {
    pid_t pid = fork();
    if (pid)
        return pid;
    if (!watch_self(ext, what))
        _exit(101);
    execl(self, self, name, (char *)0);
    _exit(102);
}

static int end(pid_t pid) {
    int status = -1;
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

// --- what children do ----------------------------------------------------------------------------

static int child_calls(void) {
    pid_t parent = getppid();
    for (int i = 1; i < CALLS; i++)
        if (getppid() != parent)
            return 1;
    return 0;
}

static int child_opens(void) {
    int result = 0;
    for (int i = 0; i < 4; i++) {
        int fd = open("/dev/null", O_RDONLY);
        result |= (fd < 0 && errno == ENOSPC) << i;
        if (fd >= 0)
            close(fd);
    }
    return result;
}

static u64 word_of(u64 page, u64 word, u64 round) {
    return page * 100 + word / 32 + round;
}

static int child_memory(void) {
    if (mmap((void *)MEMORY, PAGES * 4096, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MEMORY)
        return 1;
    u64 random = 1;
    for (u64 round = 0; round < 3; round++) {
        for (u64 page = 0; page < PAGES; page++)
            for (u64 word = 0; word < 512; word++)
                MEMORY[page * 512 + word] = word_of(page, word, round);
        for (u32 i = 0; i < 3000; i++) {
            random = random * 6364136223846793005ul + 1442695040888963407ul;
            u64 page = (random >> 33) % PAGES, word = (random >> 20) % 512;
            if (MEMORY[page * 512 + word] != word_of(page, word, round))
                return 2;
            if (i % 300 == 0)
                usleep(10000);
        }
    }
    for (u64 i = 0; i < PAGES * 512; i++)
        if (MEMORY[i] != word_of(i / 512, i % 512, 2))
            return 3;
    return 0;
}

// Memory that is protected, moved and copied while it is out.
#define CHANGED 96ul

static volatile u64 *map_changed(volatile u64 *at) {
    volatile u64 *got = mmap((void *)at, CHANGED * 4096, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    for (u64 i = 0; got == at && i < CHANGED * 512; i++)
        at[i] = word_of(i / 512, i % 512, 1);
    return got;
}

static int is_changed(const volatile u64 *at, u64 from, u64 to, u64 round) {
    for (u64 i = from * 512; i < to * 512; i++)
        if (at[i] != word_of(i / 512, i % 512, round))
            return 0;
    return 1;
}

// The child sees what was there, and what it writes stays with it.
static int fork_and_look(volatile u64 *at) {
    int status;
    pid_t pid = fork();
    if (!pid) {
        usleep(20000);
        int ok = is_changed(at, 0, CHANGED, 1);
        for (u64 i = 0; i < CHANGED * 512; i++)
            at[i] = word_of(i / 512, i % 512, 7);
        usleep(20000);
        _exit(ok && is_changed(at, 0, CHANGED, 7) ? 0 : 1);
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status) &&
           is_changed(at, 0, CHANGED, 1);
}

static int child_changes(void) {
    volatile u64 *at = MEMORY, *other = MEMORY + PAGES * 512;
    for (u32 round = 0; round < 6; round++) {
        if (map_changed(at) != at)
            return 1;
        usleep(30000);
        if (mprotect((void *)at, CHANGED * 2048, PROT_READ) || !is_changed(at, 0, CHANGED / 2, 1))
            return 2;
        usleep(30000);
        if (mprotect((void *)at, CHANGED * 4096, PROT_NONE) ||
            mprotect((void *)at, CHANGED * 4096, PROT_READ | PROT_WRITE) ||
            !is_changed(at, 0, CHANGED, 1))
            return 3;
        usleep(30000);
        if (mremap((void *)at, CHANGED * 4096, CHANGED * 4096, MREMAP_MAYMOVE | MREMAP_FIXED,
                   (void *)other) != other ||
            !is_changed(other, 0, CHANGED, 1))
            return 4;
        usleep(30000);
        if (!fork_and_look(other))
            return 5;
        usleep(30000);
        for (u64 i = 0; i < CHANGED * 512; i++)
            other[i] = word_of(i / 512, i % 512, 2);
        usleep(30000);
        if (!is_changed(other, 0, CHANGED, 2) || munmap((void *)other, CHANGED * 4096))
            return 6;
    }
    return 0;
}

// --- tests ---------------------------------------------------------------------------------------

#define RESULT (1ul << 63)
struct note {
    u64 env, number, arguments[6];
};
static struct note notes[32] __attribute__((aligned(64)));

static void test_tracer(const char *self) {
    i64 ext = load("/tracer.o");
    unsigned seen = 0, opens = 0, results = 0;
    CHECK(ext > 0);
    CHECK(end(start(self, "calls", ext, WATCH_CALLS | WATCH_RESULTS)) == 0);
    memset(notes, 1, sizeof notes); // pages of our own again: fork shared them
    for (u64 n; (n = call(ext, "drain", (u64)notes, 32, 0, 0)) && n <= 32;)
        for (u64 i = 0; i < n; i++) {
            seen += notes[i].number == SYS_getppid;
            results +=
                notes[i].number == (SYS_getppid | RESULT) && notes[i].arguments[0] == (u64)getpid();
            opens += notes[i].number == (SYS_execve | RESULT) && !notes[i].arguments[0];
        }
    CHECK(seen == CALLS);
    CHECK(results == CALLS);
    CHECK(opens == 1);
    CHECK(call(ext, "overflow", 0, 0, 0, 0) == 0);
    unload(ext);
    printf("watched: traced %u calls of getppid\n", seen);
}

// So often that its site is patched.
__attribute__((noinline)) static pid_t parent_of(void) {
    return (pid_t)syscall(SYS_getppid);
}

// Call sites that were patched before are seen too, by two watchers, in this process itself; in
// what it forks; and when nobody watches any more, nothing is broken.
static void test_patched(void) {
    i64 tracer = load("/tracer.o"), sandbox = load("/sandbox.o");
    pid_t parent = getppid();
    unsigned seen = 0;
    for (u64 number = 0; number < 400; number++)
        call(sandbox, "allow", number, 0, 0, 0);
    for (int i = 0; i < 2 * CALLS; i++)
        CHECK(parent_of() == parent);
    CHECK(watch_self(tracer, WATCH_CALLS));
    CHECK(watch_self(sandbox, WATCH_CALLS));
    for (int i = 0; i < CALLS; i++)
        CHECK(parent_of() == parent);
    call(sandbox, "answer", SYS_getppid, EPERM, 0, 0);
    for (int i = 0; i < CALLS; i++)
        CHECK(parent_of() == -1 && errno == EPERM);
    call(sandbox, "allow", SYS_getppid, 0, 0, 0);
    pid_t child = fork();
    if (!child) {
        for (int i = 0; i < CALLS; i++)
            if (parent_of() == 0)
                _exit(1);
        _exit(0);
    }
    CHECK(end(child) == 0);
    CHECK(watch_self(0, 0));
    for (int i = 0; i < CALLS; i++)
        CHECK(parent_of() == parent);
    memset(notes, 1, sizeof notes);
    for (u64 n; (n = call(tracer, "drain", (u64)notes, 32, 0, 0)) && n <= 32;)
        for (u64 i = 0; i < n; i++)
            seen += notes[i].number == SYS_getppid;
    CHECK(seen == 3 * CALLS);
    CHECK(call(tracer, "overflow", 0, 0, 0, 0) == 0);
    printf("watched: %u calls of getppid by a site that had been patched\n", seen);
    unload(tracer);
    unload(sandbox);
}

static void test_injector(const char *self) {
    i64 ext = load("/inject.o");
    CHECK(ext > 0);
    call(ext, "fail", SYS_openat, 2, 2, ENOSPC);
    CHECK(end(start(self, "opens", ext, WATCH_CALLS)) == (1 << 1 | 1 << 2));
    CHECK(call(ext, "failed", 0, 0, 0, 0) == 2);
    unload(ext);
}

static void test_sandbox(const char *self) {
    i64 ext = load("/sandbox.o");
    CHECK(ext > 0);
    for (u64 number = 0; number < 400; number++)
        call(ext, "allow", number, 0, 0, 0);
    call(ext, "answer", SYS_openat, EPERM, 0, 0);
    CHECK(end(start(self, "opens", ext, WATCH_CALLS | WATCH_STRICT)) == 0);
    CHECK(call(ext, "violations", 0, 0, 0, 0) == 0);
    unload(ext);
}

// Spaces of the envs that the extension watches, each once.
static unsigned spaces_of(i64 ext, space_id *spaces, unsigned most) {
    unsigned count = 0;
    for (u64 i = 1; i < ABI_INFO->table[ABI_TABLE_ENVS].count; i++) {
        const volatile struct abi_env *env = abi_row(ABI_TABLE_ENVS, i);
        space_id space = env->space;
        int is_new = env->id && space && env->watcher == ABI_INDEX(ext);
        for (unsigned k = 0; is_new && k < count; k++)
            is_new = spaces[k] != space;
        if (is_new && count < most)
            spaces[count++] = space;
    }
    return count;
}

// All pages that were not used lately go out, again and again, until the child ends.
static int sweep_until_end(i64 ext, pid_t pid) {
    int status = -1;
    for (unsigned turn = 0; waitpid(pid, &status, WNOHANG) == 0; turn++) {
        space_id spaces[8];
        unsigned count = spaces_of(ext, spaces, 8);
        if (count)
            call(ext, "sweep", spaces[turn % count], (u64)MEMORY, 2 * PAGES, 0);
        usleep(1000);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

#define PAGED (WATCH_FAULTS | WATCH_CALLS | WATCH_RESULTS)

static void test_pager(const char *self) {
    i64 ext = load("/pager.o");
    CHECK(ext > 0);
    CHECK(sweep_until_end(ext, start(self, "memory", ext, PAGED)) == 0);
    u64 most = call(ext, "most_held", 0, 0, 0, 0);
    CHECK(most > PAGES / 2);
    CHECK(call(ext, "pages_in", 0, 0, 0, 0) > PAGES);
    printf("watched: up to %lu of %lu pages were compressed, %lu came back\n", most, PAGES,
           call(ext, "pages_in", 0, 0, 0, 0));
    unload(ext);
}

// The same for one that protects, moves and copies what is out.
static void test_pager_changes(const char *self) {
    i64 ext = load("/pager.o");
    CHECK(ext > 0);
    CHECK(sweep_until_end(ext, start(self, "changes", ext, PAGED)) == 0);
    CHECK(call(ext, "pages_in", 0, 0, 0, 0) > CHANGED);
    printf("watched: %lu pages came back while they were protected, moved and copied\n",
           call(ext, "pages_in", 0, 0, 0, 0));
    unload(ext);
}

int main(int argc, char **argv) {
    if (argc > 1)
        return !strcmp(argv[1], "calls")     ? child_calls()
               : !strcmp(argv[1], "opens")   ? child_opens()
               : !strcmp(argv[1], "changes") ? child_changes()
                                             : child_memory();
    test_tracer(argv[0]);
    test_patched();
    test_injector(argv[0]);
    test_sandbox(argv[0]);
    test_pager(argv[0]);
    test_pager_changes(argv[0]);
    printf("watched: %u passed, %u failed\n", passed, failed);
    return failed != 0;
}
