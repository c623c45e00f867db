// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Rows on pipes, sockets and files.

#include "bench/linux/rows.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// --- pipes and sockets --------------------------------------------------------------------------

static int to[2], from[2];
static pid_t child;
static char byte;

static void echo(int in, int out) {
    while (read(in, &byte, 1) == 1 && write(out, &byte, 1) == 1)
        ;
    _exit(0);
}
static void start_pipes(void) {
    MUST(!pipe(to) && !pipe(from));
    MUST((child = fork()) >= 0);
    if (!child) {
        close(to[1]);
        close(from[0]);
        echo(to[0], from[1]);
    }
    close(to[0]);
    close(from[1]);
}
static void stop_pipes(void) {
    close(to[1]);
    close(from[0]);
    MUST(waitpid(child, 0, 0) == child);
}
static void run_pipes(unsigned count) {
    for (unsigned i = 0; i < count; i++)
        MUST(write(to[1], &byte, 1) == 1 && read(from[0], &byte, 1) == 1);
}
ROW(pipe_rtt, 100, start_pipes, 0, run_pipes, stop_pipes);

#define BLOCK 65536
static char block[BLOCK];

static void start_sink(void) {
    MUST(!pipe(to) && !pipe(from));
    MUST((child = fork()) >= 0);
    if (!child) {
        uint64_t left = 0;
        close(to[1]);
        for (ssize_t n; (n = read(to[0], block, BLOCK)) > 0;) {
            left += (uint64_t)n;
            if (left % (16 * BLOCK) == 0 &&
                write(from[1], &byte, 1) != 1) // every MiB is acknowledged
                break;
        }
        _exit(0);
    }
    close(to[0]);
    close(from[1]);
}
static void run_sink(unsigned count) { // count in KiB, a multiple of 1024
    for (unsigned done = 0; done < count; done += 64) {
        for (size_t at = 0; at < BLOCK;) {
            ssize_t n = write(to[1], block + at, BLOCK - at);
            MUST(n > 0);
            at += (size_t)n;
        }
        if ((done + 64) % 1024 == 0)
            MUST(read(from[0], &byte, 1) == 1);
    }
}
ROW(pipe_bw, 4096, start_sink, 0, run_sink, stop_pipes); // ticks for a KiB

static int pair[2];
static void start_pair(void) {
    MUST(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    MUST((child = fork()) >= 0);
    if (!child) {
        close(pair[0]);
        echo(pair[1], pair[1]);
    }
    close(pair[1]);
}
static void stop_pair(void) {
    close(pair[0]);
    MUST(waitpid(child, 0, 0) == child);
}
static void run_pair(unsigned count) {
    for (unsigned i = 0; i < count; i++)
        MUST(write(pair[0], &byte, 1) == 1 && read(pair[0], &byte, 1) == 1);
}
ROW(unix_rtt, 100, start_pair, 0, run_pair, stop_pair);

// --- files --------------------------------------------------------------------------------------

static int file;

static void make_file(void) {
    MUST((file = open("/tmp/file", O_RDWR | O_CREAT | O_TRUNC, 0600)) >= 0);
    MUST(write(file, block, BLOCK) == BLOCK);
}
static void remove_file(void) {
    close(file);
    MUST(!unlink("/tmp/file"));
}
static void run_open(unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        int fd = open("/tmp/file", O_RDONLY);
        MUST(fd >= 0 && !close(fd));
    }
}
ROW(open_close, 200, make_file, 0, run_open, remove_file);

static void run_stat(unsigned count) {
    struct stat s;
    for (unsigned i = 0; i < count; i++)
        MUST(!stat("/tmp/file", &s) && s.st_size == BLOCK);
}
ROW(stat, 200, make_file, 0, run_stat, remove_file);

static void run_pread(unsigned count) {
    for (unsigned i = 0; i < count; i++)
        MUST(pread(file, block, 4096, (off_t)(i % 16) * 4096) == 4096);
}
ROW(pread4k, 200, make_file, 0, run_pread, remove_file);

static void create_delete(unsigned count, size_t size) {
    for (unsigned i = 0; i < count; i++) {
        int fd = open("/tmp/new", O_WRONLY | O_CREAT | O_EXCL, 0600);
        MUST(fd >= 0);
        if (size)
            MUST(write(fd, block, size) == (ssize_t)size);
        MUST(!close(fd) && !unlink("/tmp/new"));
    }
}
static void run_create(unsigned count) {
    create_delete(count, 0);
}
ROW(create_delete, 100, 0, 0, run_create, 0);
static void run_create1k(unsigned count) {
    create_delete(count, 1024);
}
ROW(create1k_delete, 100, 0, 0, run_create1k, 0);
