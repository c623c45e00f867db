// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The ground under the file layer in host tests, see shim.h.

#include "tests/exos/shim.h"

#include "libos/exos/boot.h"
#include "libos/exos/fs/breathe.h"
#include "libos/exos/fs/dentry.h"
#include "libos/exos/fs/file.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/root.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/fs/system.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/linux/uapi_time.h"
#include "libos/exos/pod.h"
#include "libos/exos/random.h"
#include "libos/exos/signal_priv.h"
#include "libos/exos/time.h"
#include "libos/exos/tty/console.h"
#include "libos/exos/tty/tty.h"
#include "libos/exos/uaccess.h"
#include "libos/exos/vm.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct process shim_process, *self_for_test = &shim_process, *process_first = &shim_process;
u64 shim_now = 1000000000ul * 1000000, shim_alloc_fail_at, shim_objects, shim_fault_at;
u32 shim_signals[65], shim_signalled_pgrp;
i64 (*shim_sleep)(u64 deadline);
struct exos_boot exos_boot;
u32 check_passed, check_failed;

// --- memory ----------------------------------------------------------------------------------

static bool allocation_fails(void) {
    return shim_alloc_fail_at && --shim_alloc_fail_at == 0;
}

void *pod_alloc(u64 bytes) {
    if (allocation_fails())
        return NULL;
    shim_objects++;
    return calloc(1, bytes ? bytes : 1);
}

void pod_free(void *p) {
    shim_objects -= p != NULL;
    free(p);
}

void *pod_page_alloc(void) {
    if (allocation_fails())
        return NULL;
    void *page = aligned_alloc(4096, 4096);
    memset(page, 0, 4096);
    shim_objects++;
    return page;
}

void pod_page_free(void *page) {
    pod_free(page);
}

pfn_t pod_page_frame(const void *p) {
    return (u64)p >> 12;
}

u64 pod_pages_total(void) {
    return 1000;
}
u64 pod_pages_free(void) {
    return 500;
}

void pod_log(const char *format, ...) {
    (void)format;
}

void pod_panic(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    abort();
}

// --- user memory -----------------------------------------------------------------------------

bool user_range_ok(u64 address, u64 bytes) {
    return address + bytes >= address;
}

static u64 copyable(u64 address, u64 bytes) {
    if (!shim_fault_at || address + bytes <= shim_fault_at)
        return bytes;
    return address < shim_fault_at ? shim_fault_at - address : 0;
}

u64 copy_from_user_partial(void *to, u64 from, u64 bytes) {
    u64 n = copyable(from, bytes);
    memcpy(to, (const void *)from, n);
    return bytes - n;
}

u64 copy_to_user_partial(u64 to, const void *from, u64 bytes) {
    u64 n = copyable(to, bytes);
    memcpy((void *)to, from, n);
    return bytes - n;
}

i64 copy_from_user(void *to, u64 from, u64 bytes) {
    return copy_from_user_partial(to, from, bytes) ? -EFAULT : 0;
}
i64 copy_to_user(u64 to, const void *from, u64 bytes) {
    return copy_to_user_partial(to, from, bytes) ? -EFAULT : 0;
}
i64 clear_user(u64 to, u64 bytes) {
    memset((void *)to, 0, bytes);
    return 0;
}
i64 strncpy_from_user(char *to, u64 from, u64 max) {
    u64 length = strnlen((const char *)from, max);
    memcpy(to, (const char *)from, length < max ? length + 1 : max);
    return length == max ? -ENAMETOOLONG : (i64)length;
}
i64 get_user_u32(u32 *value, u64 from) {
    return copy_from_user(value, from, 4);
}
i64 get_user_u64(u64 *value, u64 from) {
    return copy_from_user(value, from, 8);
}
i64 put_user_u32(u64 to, u32 value) {
    return copy_to_user(to, &value, 4);
}
i64 put_user_u64(u64 to, u64 value) {
    return copy_to_user(to, &value, 8);
}

// --- time, waiting, signals ------------------------------------------------------------------

u64 time_monotonic(void) {
    return shim_now;
}
u64 time_realtime(void) {
    return shim_now;
}
u64 time_from_tsc_delta(u64 ticks) {
    return ticks;
}

void wait_add(struct wait_queue *queue, struct wait_entry *entry) {
    entry->next = queue->first;
    entry->link = &queue->first;
    if (queue->first)
        queue->first->link = &entry->next;
    queue->first = entry;
}
void wait_remove(struct wait_entry *entry) {
    if (!entry->link)
        return;
    *entry->link = entry->next;
    if (entry->next)
        entry->next->link = entry->link;
    entry->link = NULL;
}
i64 wait_sleep(u64 deadline) {
    return shim_sleep ? shim_sleep(deadline) : -ERESTARTSYS;
}
i64 wait_sleep_killable(u64 deadline) {
    return wait_sleep(deadline);
}
void wait_wake_queue(struct wait_queue *queue) {
    (void)queue;
}
void wait_wake_one(struct wait_queue *queue) {
    (void)queue;
}

i64 signal_send(struct process *process, int signal) {
    (void)process;
    shim_signals[signal]++;
    return 0;
}
i64 signal_send_pgrp(u32 pgrp, int signal) {
    shim_signalled_pgrp = pgrp;
    shim_signals[signal]++;
    return 0;
}
bool signal_pending(void) {
    return false;
}
bool signal_blocked_or_ignored(int signal) {
    (void)signal;
    return false;
}
bool pgrp_is_orphaned(u32 pgrp) {
    (void)pgrp;
    return false;
}
bool fs_breathe(void) {
    return false;
}
void signal_set_blocked(u64 mask) {
    (void)mask;
}

// --- processes -------------------------------------------------------------------------------

struct process *process_find(u32 pid) {
    return pid == shim_process.pid ? &shim_process : NULL;
}
u64 process_cpu_ns(const struct process *p) {
    (void)p;
    return 0;
}
u64 process_vm_bytes(const struct process *p) {
    (void)p;
    return 8192;
}
u64 process_resident_pages(const struct process *p) {
    (void)p;
    return 2;
}
char process_state_letter(const struct process *p) {
    (void)p;
    return 'R';
}
u64 process_maps_text(const struct process *p, char *text, u64 size) {
    (void)p, (void)text, (void)size;
    return 0;
}
void vm_vnode_truncated(struct vnode *vnode, u64 first_page) {
    (void)vnode, (void)first_page;
}
void random_bytes(void *to, u64 bytes) {
    memset(to, 4, bytes);
}
struct tty *console_tty(void) {
    return NULL;
}
struct system_memory system_memory(void) {
    return (struct system_memory){1 << 20, 1 << 19, 1 << 18};
}
u64 system_cpu_idle_ns(u32 cpu) {
    return cpu;
}
const struct linux_utsname *system_name(void) {
    static const struct linux_utsname name = {.sysname = "Linux", .release = "6"};
    return &name;
}

void shim_boot(void) {
    static struct exec_info info = {.users = 1};
    static struct signal_actions actions = {.users = 1};
    if (dentry_root)
        return;
    memset(&shim_process, 0, sizeof(shim_process));
    shim_process.pid = shim_process.pgrp = shim_process.session = 7;
    shim_process.exec = &info;
    shim_process.actions = &actions;
    memcpy(shim_process.comm, "test", 5);
    for (int i = 0; i < LINUX_RLIMITS; i++)
        shim_process.limits[i] = (struct rlimit){~0ul, ~0ul};
    shim_process.limits[RLIMIT_NOFILE].soft = 1024;
    if (root_make())
        abort();
    shim_process.files = files_new();
    shim_process.fs = fs_ctx_new();
}

// --- checks ----------------------------------------------------------------------------------

void check_report(bool ok, const char *file, int line, const char *text) {
    if (ok) {
        check_passed++;
        return;
    }
    check_failed++;
    printf("%s:%d: failed: %s\n", file, line, text);
}

void check_equal(i64 got, i64 want, const char *file, int line, const char *text) {
    if (got != want)
        printf("%s:%d: %s is %ld, not %ld\n", file, line, text, got, want);
    if (got == want)
        check_passed++;
    else
        check_failed++;
}

int check_finish(const char *name) {
    printf("%s: %u passed, %u failed\n", name, check_passed, check_failed);
    return check_failed != 0;
}
