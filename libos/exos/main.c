// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The beginning of a pod, and process 1: it has no program, but runs the console's input, takes in
// orphans, and ends the machine when the program it was started for has ended.

#include "base/format.h"
#include "base/string.h"
#include "libos/exos/boot.h"
#include "libos/exos/fs/cpio.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/kernel.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/linux/uapi_sched.h"
#include "libos/exos/mm.h"
#include "libos/exos/pod.h"
#include "libos/exos/pod_priv.h"
#include "libos/exos/process_priv.h"
#include "libos/exos/signal_priv.h"
#include "libos/exos/squeeze.h"
#include "libos/exos/time.h"
#include "libos/exos/trap.h"
#include "libos/exos/tty/console.h"
#include "libos/exos/vm.h"
#include "libos/rt/start.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define PATH_BYTES   1024ul
#define AT_FDCWD     (-100)
#define XCR0_AVX     4ul

struct exos_boot exos_boot;
char exos_init_stack[THREAD_STACK] __attribute__((aligned(16384)));
extern char exos_image_end[];

void exos_main(const struct rt_start *start) __attribute__((noreturn));

// --- boot
// --------------------------------------------------------------------------------------------------------------------

i64 exos_boot_word(const char *name, char *to, u64 size) {
    const char *line = (const char *)ABI_INFO->command_line;
    u64 n = strlen(name);
    for (const char *p = line; *p; p++) {
        if ((p != line && p[-1] != ' ') || strncmp(p, name, n) || p[n] != '=')
            continue;
        u64 length = 0;
        for (p += n + 1; *p && *p != ' '; p++) {
            if (length + 1 < size)
                to[length++] = *p;
        }
        to[length] = 0;
        return (i64)length;
    }
    return -1;
}

// An entry of the archive outside the root, by name; bytes 0: not there.
static struct cpio_entry boot_entry(const char *name) {
    struct cpio archive = cpio_open(exos_boot.archive, exos_boot.archive_bytes);
    struct cpio_entry e;
    u64 n = strlen(name);
    while (cpio_next(&archive, &e) == CPIO_ENTRY) {
        if (e.name_length == n && !memcmp(e.name, name, n))
            return e;
        if (e.name_length >= 5 && !memcmp(e.name, "root/", 5))
            break; // they come before the root
    }
    return (struct cpio_entry){0};
}

static i64 add_boot_strings(struct exec_strings *s, const char *name, u32 *count) {
    struct cpio_entry e = boot_entry(name);
    for (u64 at = 0; at < e.size;) {
        const char *text = (const char *)e.data + at;
        u64 length = strnlen(text, e.size - at);
        if (length == e.size - at)
            break;
        i64 error = exec_strings_add(s, text);
        if (error)
            return error;
        ++*count;
        at += length + 1;
    }
    return 0;
}

static void init_thread_make(const struct rt_start *start) {
    struct thread *t = current_thread();
    t->uarea = (struct env_uarea *)exos_init_stack;
    t->uarea->masked = 1;
    t->env = start->env;
    t->row = kernel_env(t->env);
    t->space = start->space;
    t->slice = ABI_ANY;
    t->process = &init_process;
    t->tid = 1;
    thread_link(t, &init_process);
}

static void kernel_enter(const struct rt_start *start) {
    struct env_setup setup = {.upcall_entry = (u64)upcall_entry,
                              .foreign_entry = (u64)foreign_entry,
                              .upcall_stack = (u64)exos_init_stack,
                              .upcall_pages = THREAD_STACK >> ABI_PAGE_SHIFT,
                              .flags = ENV_TELL_WATCH};
    i64 error = sys_env_set(POD_CAP, start->env, (u64)&setup);
    if (error)
        pod_panic("exos: env_set: %ld", error);
}

static void limits_default(struct process *p) {
    for (u32 i = 0; i < LINUX_RLIMITS; i++)
        p->limits[i] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    const volatile struct abi_account *a = abi_row(ABI_TABLE_ACCOUNTS, ABI_INDEX(pod_account));
    u32 processes = a->env_quota - a->env_quota / 8;
    p->limits[RLIMIT_STACK] = (struct rlimit){8ul << 20, RLIM_INFINITY};
    p->limits[RLIMIT_CORE] = (struct rlimit){0, RLIM_INFINITY};
    p->limits[RLIMIT_NPROC] = (struct rlimit){processes, processes};
    p->limits[RLIMIT_NOFILE] = (struct rlimit){1024, 4096};
    p->limits[RLIMIT_MEMLOCK] = (struct rlimit){8ul << 20, 8ul << 20};
    p->limits[RLIMIT_SIGPENDING] = (struct rlimit){processes, processes};
    p->limits[RLIMIT_MSGQUEUE] = (struct rlimit){819200, 819200};
    p->limits[RLIMIT_NICE] = (struct rlimit){0, 0};
    p->limits[RLIMIT_RTPRIO] = (struct rlimit){0, 0};
}

static void init_process_make(void) {
    static struct exec_info info = {.users = 1};
    static struct signal_actions actions = {.users = 1};
    struct process *p = &init_process;
    p->pid = p->pgrp = p->session = pid_new();
    process_link(p);
    p->state = PROCESS_RUNNING;
    p->exec = &info;
    p->actions = &actions;
    p->start_ns = time_monotonic();
    string_copy(p->comm, "init", sizeof(p->comm));
    limits_default(p);
}

// --- the program
// -----------------------------------------------------------------------------------------------------------------

// exec_prepare, along PATH if the name has no slash.
static i64 find_program(struct exec_strings *strings, struct exec_plan **plan) {
    const char *name = strings->text, *list = DEFAULT_PATH;
    u64 at = 0, n = strlen(name);
    for (u32 i = 0; i < strings->argc + strings->envc; i++) {
        const char *s = strings->text + at;
        if (i >= strings->argc && !strncmp(s, "PATH=", 5))
            list = s + 5;
        at += strlen(s) + 1;
    }
    char path[PATH_BYTES];
    if (n >= PATH_BYTES)
        return -ENAMETOOLONG;
    if (strchr(name, '/')) {
        string_copy(path, name, sizeof(path));
        return exec_prepare(AT_FDCWD, path, strings, plan);
    }
    i64 result = -ENOENT;
    while (*list) {
        u64 part = 0;
        while (list[part] && list[part] != ':')
            part++;
        if (part && part + n + 2 <= sizeof(path)) {
            memcpy(path, list, part);
            path[part] = '/';
            memcpy(path + part + 1, name, n + 1);
            struct exec_strings copy = *strings;
            copy.text = pod_alloc(strings->capacity);
            if (!copy.text)
                return -ENOMEM;
            memcpy(copy.text, strings->text, strings->bytes);
            i64 error = exec_prepare(AT_FDCWD, path, &copy, plan);
            exec_strings_free(&copy);
            if (!error) {
                exec_strings_free(strings);
                return 0;
            }
            if (error != -ENOENT && error != -ENOTDIR)
                result = error;
        }
        list += part + (list[part] == ':');
    }
    return result;
}

static i64 program_strings(struct exec_strings *s) {
    i64 error = *exos_boot.run ? 0 : add_boot_strings(s, "boot/argv", &s->argc);
    if (!error && !s->argc) {
        error = exec_strings_add(s, *exos_boot.run ? exos_boot.run : "/bin/sh");
        s->argc = 1;
    }
    if (!error)
        error = add_boot_strings(s, "boot/env", &s->envc);
    return error;
}

static struct process *program_process(void) {
    struct process *p = process_new();
    if (!p || !(p->actions = pod_alloc(sizeof(*p->actions))))
        return NULL;
    p->actions->users = 1;
    memcpy(p->limits, init_process.limits, sizeof(p->limits));
    p->pgrp = p->session = p->pid;
    p->state = PROCESS_RUNNING;
    p->exit_signal = SIGCHLD;
    p->start_ns = time_monotonic();
    p->exec = exec_info_get(init_process.exec);
    process_adopt(&init_process, p);
    return p;
}

// Starts the program as process 2. 0 or an error.
static i64 program_start(struct process *p) {
    struct exec_strings strings = {0};
    struct exec_plan *plan;
    i64 error = program_strings(&strings);
    if (!error)
        error = find_program(&strings, &plan);
    if (error)
        return error;
    struct thread *t = thread_new(p);
    if (!t || !(p->mm = mm_new(&error)) || (error = mm_map_exos(p->mm->space)))
        return error ? error : -ENOMEM;
    t->tid = p->pid;
    t->start = exec_finish;
    t->start_argument = plan;
    thread_link(t, p);
    return thread_launch(t, p->mm->space);
}

// What a shell would say and return of a program that cannot be started.
static u32 program_failed(i64 error) {
    struct exec_strings s = {0};
    char text[300];
    struct format_text out = {text, sizeof(text), 0};
    program_strings(&s);
    format_append(&out, "%.200s: %s", s.text,
                  error == -ENOENT    ? "not found"
                  : error == -EACCES  ? "permission denied"
                  : error == -ENOEXEC ? "not a program"
                  : error == -ENOMEM  ? "no memory"
                                      : "cannot be started");
    console_message(text);
    return (error == -ENOENT ? 127u : 126u) << 8;
}

// --- process 1
// -------------------------------------------------------------------------------------------------------------------

static void init_run(struct process *program) {
    struct thread *me = current_thread();
    u32 pid = program->pid;
    for (;;) {
        u64 seen = kernel_env(me->env)->wakes;
        while (console_pump())
            ;
        pod_timer_run();
        squeeze_answer();
        u32 status;
        for (i64 ended; (ended = process_wait_any(&status)) > 0;) {
            if (ended == pid)
                console_exit(status);
        }
        if (pod_broken[0]) {
            console_message(pod_broken);
            console_exit(SIGABRT);
        }
        process_bury_all();
        wait_pay(me);
        me->sleeping = true;
        u64 first = pod_timer_first();
        pod_timer_watched(true);
        pod_unlock();
        sys_env_sleep(seen, time_to_tsc(first));
        pod_lock();
        pod_timer_watched(false);
        me->sleeping = false;
    }
}

void exos_main(const struct rt_start *start) {
    init_thread_make(start);
    exos_boot.cap_module = start->cap_module;
    exos_boot.cap_console = start->cap_console;
    exos_boot.cap_machine = start->cap_machine;
    exos_boot.beside = !start->cap_machine;
    memcpy(exos_boot.run, start->run, sizeof(exos_boot.run));
    exos_boot.archive = (const u8 *)POD_MODULE + start->archive_offset;
    exos_boot.archive_bytes = start->archive_bytes;
    pod_has_xsave = ABI_INFO->features & ABI_FEATURE_XSAVE;
    pod_has_avx = ABI_INFO->xcr0 & XCR0_AVX;
    pod_boot(start->account, (u64)exos_image_end);
    kernel_enter(start);
    slice_boot();
    squeeze_listen(start->env);
    trap_boot();
    pod_lock();
    init_process_make();
    i64 error = fs_boot();
    if (error)
        pod_panic("exos: fs_boot: %ld", error);
    if (exos_boot.cap_console && !exos_boot.beside)
        sys_console_bind(CAP_PAIR(exos_boot.cap_console, POD_CAP), start->env);
    struct process *p = program_process();
    if (!p || fs_boot_stdio(p))
        pod_panic("exos: no memory for the first process");
    error = program_start(p);
    if (error)
        console_exit(program_failed(error));
    init_run(p);
    __builtin_unreachable();
}
