// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// tri-ext: the commands. See tri-ext.h.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/caps.h"
#include "abi/errors.h"
#include "abi/tables.h"
#include "apps/tri-ext/tri-ext.h"
#include "gen/syscalls_user.h"

static int usage(void) {
    fputs(
        "usage: tri-ext COMMAND ...\n"
        "  load [--name NAME] [--private] [--partial] [--sealed] [--from EXT] [--replace EXT] "
        "FILE.o\n"
        "                    put an extension into the kernel; prints its id\n"
        "  unload EXT        EXT is an id or a name\n"
        "  call EXT FUNCTION [NUMBER ...]    call an ENTRY\n"
        "  trace TRACER.o PROGRAM [ARG ...]  run a program and print its system calls "
        "(ext/tracer.c)\n"
        "  resolve SOURCE TARGET   link what TARGET still misses to what SOURCE exports\n"
        "  list              extensions; events: events and their handlers; stats: counts and "
        "times\n"
        "  explain FILE.o    say whether the kernel will take it, and if not, why and what to do\n",
        stderr);
    return 2;
}

static const char *error_text(i64 error) {
    static const char *const texts[] = {
#define ERROR(name, number, text) [number] = #name ": " text,
#include "abi/errors.def"
#undef ERROR
    };
    u64 number = (u64)-error;
    return number < sizeof texts / sizeof *texts && texts[number] ? texts[number] : "?";
}

static int fail(const char *what, i64 error) {
    fprintf(stderr, "tri-ext: %s: %s\n", what, error_text(error));
    return 1;
}

void *file_read(const char *path, u64 *bytes) {
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *data = NULL;
    if (fd >= 0 && !fstat(fd, &info) && (data = malloc((size_t)info.st_size + 1))) {
        ssize_t n;
        for (*bytes = 0; *bytes < (u64)info.st_size; *bytes += (u64)n)
            if ((n = read(fd, data + *bytes, (size_t)info.st_size - *bytes)) <= 0)
                break;
    }
    if (!data)
        fprintf(stderr, "tri-ext: %s: %s\n", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return data;
}

// The account that an env of this library OS is charged to: that of the frame behind our own
// memory, whose number is in our page table.
static account_id own_account(void) {
    static volatile u64 word;
    word = 1;
    u64 pfn = ABI_PTES[(u64)&word >> ABI_PAGE_SHIFT] >> ABI_PAGE_SHIFT & 0xffffffffff;
    return ((const volatile struct abi_frame *)abi_row(ABI_TABLE_FRAMES, pfn))->owner;
}

// An id, or the name of a live extension; 0: says that there is none.
static ext_id ext_named(const char *text) {
    char *end;
    u64 id = strtoul(text, &end, 0);
    if (*text && !*end)
        return id;
    if (!strcmp(text, "kernel"))
        return DOMAIN_KERNEL;
    if (!strcmp(text, "public"))
        return DOMAIN_PUBLIC;
    for (u64 i = 1; i < ABI_INFO->table[ABI_TABLE_EXTENSIONS].count; i++) {
        const volatile struct abi_extension *row = abi_row(ABI_TABLE_EXTENSIONS, i);
        if (row->id && row->state == EXT_LIVE && !strncmp((const char *)row->name, text, 32))
            return row->id;
    }
    fprintf(stderr, "tri-ext: there is no extension %s\n", text);
    return 0;
}

// --- commands ------------------------------------------------------------------------------------

static int load(int argc, char **argv) {
    struct ext_link link = {0};
    struct ext_load request = {.flags = EXT_STAYS};
    struct ext_report report = {0};
    u32 sources = 0;
    int i = 2;
    for (; i < argc && argv[i][0] == '-'; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--private"))
            request.flags |= EXT_PRIVATE;
        else if (!strcmp(argv[i], "--partial"))
            request.flags |= EXT_PARTIAL;
        else if (!strcmp(argv[i], "--sealed"))
            request.flags |= EXT_SEALED;
        else if (!strcmp(argv[i], "--name") && strlen(value) < sizeof request.name)
            memcpy(request.name, argv[++i], strlen(value));
        else if (!strcmp(argv[i], "--from") && sources < 7) {
            if (!(link.sources[sources++] = ext_named(argv[++i])))
                return 1;
        } else if (!strcmp(argv[i], "--replace")) {
            if (!(link.replaces = ext_named(argv[++i])))
                return 1;
            request.flags &= ~(u64)EXT_STAYS;
        } else
            return usage();
    }
    if (i + 1 != argc)
        return usage();
    void *object = file_read(argv[i], &request.bytes);
    if (!object)
        return 1;
    request.object = (u64)object;
    request.link = (u64)&link;
    i64 ext = sys_ext_load(CAP_SLOT_ACCOUNT, own_account(), (u64)&request, (u64)&report);
    if (ext == -E_REFUSED)
        explain_report(argv[i], &report);
    if (ext < 0)
        return fail(argv[i], ext);
    printf("%#lx\n", ext);
    return 0;
}

static int unload(const char *name) {
    ext_id ext = ext_named(name);
    if (!ext)
        return 1;
    i64 error = sys_ext_unload(CAP_SLOT_ACCOUNT, ext);
    // Once it is going, its pages come back by and by.
    for (u32 i = 0; error == -E_AGAIN; i++) {
        if (i % 64 == 63)
            usleep(1000);
        error = sys_ext_unload(CAP_SLOT_ACCOUNT, ext);
        if (error == -E_STALE)
            error = 0;
    }
    return error ? fail(name, error) : 0;
}

// FUNCTION [NUMBER ...]; waits as long as the result is ~0, up to so many milliseconds.
static int call(ext_id ext, int argc, char **argv, u32 patience) {
    struct ext_call c = {.function = ext_hash(argv[0])};
    for (int i = 1; i < argc && i < 6; i++)
        c.args[i - 1] = strtoul(argv[i], NULL, 0);
    i64 error = sys_ext_call(CAP_SLOT_ACCOUNT, ext, (u64)&c);
    for (; !error && c.result == ~0ul && patience; patience--) {
        usleep(1000);
        error = sys_ext_call(CAP_SLOT_ACCOUNT, ext, (u64)&c);
    }
    if (error == -E_CANCELLED)
        fprintf(stderr, "tri-ext: ended at instruction %u, status %u\n", c.slot, c.status);
    if (error)
        return fail(argv[0], error);
    printf("%ld\n", c.result);
    return 0;
}

// One that goes with this program; 0: says why not.
static ext_id load_own(const char *path) {
    struct ext_load request = {0};
    struct ext_report report = {0};
    void *object = file_read(path, &request.bytes);
    if (!object)
        return 0;
    request.object = (u64)object;
    i64 ext = sys_ext_load(CAP_SLOT_ACCOUNT, own_account(), (u64)&request, (u64)&report);
    if (ext == -E_REFUSED)
        explain_report(path, &report);
    if (ext < 0)
        fail(path, ext);
    return ext < 0 ? 0 : (ext_id)ext;
}

static void unload_own(ext_id ext) {
    while (sys_ext_unload(CAP_SLOT_ACCOUNT, ext) == -E_AGAIN)
        ;
}

static int run(int argc, char **argv) {
    int bad = 0;
    ext_id ext = load_own(argv[2]);
    if (!ext)
        return 1;
    for (int i = 3, end; i < argc && !bad; i = end + 1) {
        for (end = i; end < argc && strcmp(argv[end], ","); end++)
            ;
        if (end > i)
            bad = call(ext, end - i, argv + i, 10000);
    }
    unload_own(ext);
    return bad;
}

static int trace_with(char **argv) {
    ext_id ext = load_own(argv[2]);
    if (!ext)
        return 1;
    int status = trace(ext, argv + 3);
    unload_own(ext);
    return status;
}

static int resolve(const char *source, const char *target) {
    ext_id from = ext_named(source), to = ext_named(target);
    i64 linked, all = 0;
    if (!from || !to)
        return 1;
    while ((linked = sys_ext_resolve(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT), from, to)) > 0)
        all += linked;
    if (linked < 0)
        return fail(target, linked);
    printf("%ld\n", all);
    return 0;
}

int main(int argc, char **argv) {
    const char *command = argc > 1 ? argv[1] : "";
    setvbuf(stdout, NULL, _IOLBF, 0); // in order with what goes to stderr
    if (!strcmp(command, "load"))
        return load(argc, argv);
    if (!strcmp(command, "unload") && argc == 3)
        return unload(argv[2]);
    if (!strcmp(command, "call") && argc >= 4) {
        ext_id ext = ext_named(argv[2]);
        return ext ? call(ext, argc - 3, argv + 3, 0) : 1;
    }
    if (!strcmp(command, "run") && argc >= 4)
        return run(argc, argv);
    if (!strcmp(command, "trace") && argc >= 4)
        return trace_with(argv);
    if (!strcmp(command, "hash") && argc == 3)
        return printf("%lu\n", ext_hash(argv[2])) < 0;
    if (!strcmp(command, "resolve") && argc == 4)
        return resolve(argv[2], argv[3]);
    if (!strcmp(command, "explain") && argc == 3)
        return explain(argv[2]);
    if (!strcmp(command, "list") && argc == 2)
        return show_extensions();
    if (!strcmp(command, "events") && argc == 2)
        return show_events();
    if (!strcmp(command, "stats") && argc == 2)
        return show_statistics();
    return usage();
}
