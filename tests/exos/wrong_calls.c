// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A Linux program that makes file and memory calls with random and mostly wrong arguments: kernel
// and ExOS addresses, edges of pages, wrapping sizes, stale descriptors. Whatever they return, ExOS
// must live on: the last line printed says that it does.
//
//     wrong_calls SEED CALLS [memory]      "memory": calls on the address space too; processes may
//     then die by SIGSEGV or SIGBUS

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUND 500 // calls by one process
#define EXOS  0x7fc000000000ul

static const char *const paths[] = {
    "/tmp/a",          "/tmp/b",        "/tmp",     "/",           "",           "/dev/null",
    "/dev/zero",       "/dev/full",     "a/b/c",    "/tmp/dir",    "/tmp/dir/x", "/tmp/link",
    "/proc/self/stat", "/proc/self/fd", "..",       ".",           "/tmp/a/",    "/tmp/fifo",
    "/proc/self/exe",  "/proc/2/fd/0",  "/dev/tty", "/proc/1/cwd",
};

static const int file_calls[] = {
    SYS_read,      SYS_write,      SYS_open,        SYS_close,         SYS_stat,
    SYS_fstat,     SYS_lstat,      SYS_poll,        SYS_lseek,         SYS_ioctl,
    SYS_pread64,   SYS_pwrite64,   SYS_readv,       SYS_writev,        SYS_access,
    SYS_pipe,      SYS_select,     SYS_dup,         SYS_dup2,          SYS_sendfile,
    SYS_socket,    SYS_sendto,     SYS_recvfrom,    SYS_shutdown,      SYS_socketpair,
    SYS_fcntl,     SYS_flock,      SYS_fsync,       SYS_fdatasync,     SYS_truncate,
    SYS_ftruncate, SYS_getdents,   SYS_getcwd,      SYS_chdir,         SYS_fchdir,
    SYS_rename,    SYS_mkdir,      SYS_rmdir,       SYS_creat,         SYS_link,
    SYS_unlink,    SYS_symlink,    SYS_readlink,    SYS_chmod,         SYS_fchmod,
    SYS_chown,     SYS_fchown,     SYS_lchown,      SYS_umask,         SYS_utime,
    SYS_mknod,     SYS_statfs,     SYS_fstatfs,     SYS_mount,         SYS_umount2,
    SYS_readahead, SYS_getdents64, SYS_fadvise64,   SYS_epoll_wait,    SYS_epoll_ctl,
    SYS_utimes,    SYS_openat,     SYS_mkdirat,     SYS_mknodat,       SYS_fchownat,
    SYS_futimesat, SYS_newfstatat, SYS_unlinkat,    SYS_renameat,      SYS_linkat,
    SYS_symlinkat, SYS_readlinkat, SYS_fchmodat,    SYS_faccessat,     SYS_pselect6,
    SYS_ppoll,     SYS_utimensat,  SYS_epoll_pwait, SYS_eventfd,       SYS_fallocate,
    SYS_eventfd2,  SYS_pipe2,      SYS_dup3,        SYS_epoll_create1, SYS_preadv,
    SYS_pwritev,   SYS_syncfs,     SYS_renameat2,   SYS_memfd_create,  SYS_copy_file_range,
    SYS_preadv2,   SYS_pwritev2,   SYS_statx,       SYS_close_range,   SYS_faccessat2,
};

static const int memory_calls[] = {SYS_mmap,  SYS_mprotect, SYS_munmap,  SYS_mremap,
                                   SYS_msync, SYS_mincore,  SYS_madvise, SYS_brk};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static unsigned long state;
static char *page; // the next one is not mapped

static unsigned long next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static unsigned long argument(void) {
    switch (next() % 14) {
    case 0:
        return 0;
    case 1:
        return next() % 16;
    case 2:
        return ~0ul - next() % 2;
    case 3:
        return (unsigned long)page + next() % 4000;
    case 4:
    case 5:
        return (unsigned long)paths[next() % COUNT(paths)];
    case 6:
        return EXOS + next() % 3 * 4096;
    case 7:
        return EXOS - next() % 9;
    case 8:
        return 0xffff800000000000ul;
    case 9:
        return (unsigned long)page + 4096 - next() % 16;
    case 10:
        return (unsigned long)AT_FDCWD;
    case 11:
        return next() % 5000;
    case 12:
        return 1ul << next() % 64;
    default:
        return next();
    }
}

static void nothing(int signal) {
    (void)signal;
}

static void prepare(void) {
    struct itimerval tick = {{0, 20000}, {0, 20000}}; // whatever blocks goes on
    struct rlimit small = {1 << 20, 1 << 20};
    struct sigaction ignore = {.sa_handler = nothing};
    int ends[2];
    page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + 4096, 4096);
    for (int i = 0; i < 4096; i++)
        page[i] = (char)next();
    sigaction(SIGALRM, &ignore, 0);
    sigaction(SIGPIPE, &ignore, 0);
    sigaction(SIGXFSZ, &ignore, 0);
    setitimer(ITIMER_REAL, &tick, 0);
    setrlimit(RLIMIT_FSIZE, &small);
    for (int fd = 0; fd < 3; fd++) // nothing that is written reaches the test's own output
        close(fd);
    if (pipe(ends) || open("/tmp/a", O_RDWR | O_CREAT, 0666) < 0 || open("/tmp", O_RDONLY) < 0 ||
        open("/dev/zero", O_RDWR) < 0 || open("/proc/self/status", O_RDONLY) < 0)
        _exit(1);
}

static void make_calls(int memory) {
    for (int i = 0; i < ROUND; i++) {
        unsigned long a[6];
        unsigned long which = next() % (COUNT(file_calls) + (memory ? COUNT(memory_calls) : 0));
        int call =
            which < COUNT(file_calls) ? file_calls[which] : memory_calls[which - COUNT(file_calls)];
        for (int j = 0; j < 6; j++)
            a[j] = argument();
        if (next() % 2)
            a[0] = next() % 10;
        if ((call == SYS_close || call == SYS_close_range) && next() % 8)
            continue;
        syscall(call, a[0], a[1], a[2], a[3], a[4], a[5]);
    }
}

// The child's end. One that sleeps with its signals blocked (ppoll may do that) is killed, and must
// go then.
static int wait_for(pid_t pid, int *status) {
    for (int tenths = 0; tenths < 200; tenths++) {
        struct timespec pause = {0, tenths < 20 ? 5000000 : 100000000};
        if (waitpid(pid, status, WNOHANG) == pid)
            return tenths > 50 && WIFSIGNALED(*status) ? (*status = 0, 1) : 1;
        if (tenths == 50)
            kill(pid, SIGKILL);
        nanosleep(&pause, 0);
    }
    return 0;
}

int main(int argc, char **argv) {
    unsigned long seed = argc > 1 ? strtoul(argv[1], 0, 0) : 1;
    unsigned long rounds = (argc > 2 ? strtoul(argv[2], 0, 0) : 10000) / ROUND;
    int memory = argc > 3, bad = 0;
    for (unsigned long round = 0; round < rounds; round++) {
        int status = 0;
        pid_t pid = fork();
        if (pid == 0) {
            state = seed * 7919 + round * 104729 + 1;
            prepare();
            make_calls(memory);
            _exit(0);
        }
        int died = pid < 0 || !wait_for(pid, &status) ||
                   (WIFSIGNALED(status) &&
                    !(memory && (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS)));
        if (died)
            printf("seed %lu, round %lu: status %#x\n", seed, round, status);
        bad += died;
    }
    printf("wrong_calls: %lu rounds, %d bad\n", rounds, bad);
    return bad != 0;
}
