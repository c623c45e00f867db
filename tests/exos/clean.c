// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A program whose memory is asked back while it sleeps (squeeze=). Most of it is clean: zeros that
// were mapped and never written. What was written, before or after a fork, by way of a protection
// or at another place, must be as it was; the rest must be zeros.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE  4096ul
#define PAGES 6000ul
#define SOME  1000ul // the pages in which things happen; the others stay clean

static volatile unsigned long *word(char *memory, unsigned long page) {
    return (volatile unsigned long *)(memory + page * PAGE + page % 64 * 8);
}

static char *map(unsigned long pages) {
    char *at = mmap(0, pages * PAGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (at == MAP_FAILED)
        _exit(9);
    return at;
}

static unsigned long expected(unsigned long page, int child) {
    if (page >= SOME)
        return 0;
    if (child && page % 5 == 1)
        return page + 7000000;
    return page % 3 == 0 ? page + 1000000 : 0;
}

static int check(char *memory, int child) {
    int wrong = 0;
    for (unsigned long page = 0; page < PAGES; page += page < SOME ? 1 : 41)
        wrong += *word(memory, page) != expected(page, child);
    return wrong;
}

int main(void) {
    static char data[5 * PAGE] = {1}; // of the program's file, partly written
    char *memory = map(PAGES), *other = map(64);
    for (unsigned long page = 0; page < SOME; page += 3)
        *word(memory, page) = page + 1000000;
    mprotect(memory, 200 * PAGE, PROT_READ);
    mprotect(memory + 100 * PAGE, 100 * PAGE, PROT_READ | PROT_WRITE);
    strcpy(other + 5 * PAGE, "moved");
    other = mremap(other, 64 * PAGE, 128 * PAGE, MREMAP_MAYMOVE);
    char *page = map(1), *place = map(3);
    strcpy(page, "one page");
    page = mremap(page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place + PAGE);
    data[2 * PAGE] = 2;
    int child = fork(), status = 0;
    if (!child) {
        mprotect(memory, 200 * PAGE, PROT_READ | PROT_WRITE);
        for (unsigned long page = 1; page < SOME; page += 5)
            *word(memory, page) = page + 7000000;
    }
    sleep(5);
    int wrong = check(memory, !child) + !!strcmp(other + 5 * PAGE, "moved") +
                (page == MAP_FAILED || strcmp(page, "one page")) +
                (data[0] != 1 || data[2 * PAGE] != 2 || data[3 * PAGE]);
    if (!child)
        _exit(wrong ? 1 : 0);
    if (waitpid(child, &status, 0) != child || status || wrong) {
        printf("%d wrong, the child: %x\n", wrong, status);
        return 1;
    }
    puts("whole");
    return 0;
}
