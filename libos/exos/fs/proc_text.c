// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What stands in /proc beside processes: the machine, as Linux programs want to read about it.

#include "abi/tables.h"
#include "base/string.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/proc.h"
#include "libos/exos/fs/proc_priv.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/fs/system.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/linux/uapi_time.h"
#include "libos/exos/pod.h"
#include "libos/exos/random.h"
#include "libos/exos/time.h"

#define TICK_NS (TIME_SECOND / LINUX_CLK_TCK)

static void text_self(struct format_text *to, struct process *p, u32 number) {
    (void)p, (void)number;
    format_append(to, "%u", self()->pid);
}

static i64 follow_self(struct process *p, u32 number, struct dentry **target) {
    (void)p, (void)number;
    return proc_pid_dentry(self()->pid, target);
}

static void text_meminfo(struct format_text *to, struct process *p, u32 number) {
    struct system_memory m = system_memory();
    (void)p, (void)number;
    format_append(to,
                  "MemTotal:       %8lu kB\nMemFree:        %8lu kB\nMemAvailable:   %8lu kB\n"
                  "Buffers:        %8u kB\nCached:         %8lu kB\nSwapCached:     %8u kB\n"
                  "Active:         %8u kB\nInactive:       %8u kB\nSwapTotal:      %8u kB\n"
                  "SwapFree:       %8u kB\nDirty:          %8u kB\nWriteback:      %8u kB\n"
                  "AnonPages:      %8u kB\nMapped:         %8u kB\nShmem:          %8lu kB\n"
                  "KReclaimable:   %8u kB\nSlab:           %8u kB\nSReclaimable:   %8u kB\n"
                  "SUnreclaim:     %8u kB\n",
                  m.total >> 10, m.free >> 10, m.free >> 10, 0, m.files >> 10, 0, 0, 0, 0, 0, 0, 0,
                  0, 0, m.files >> 10, 0, 0, 0, 0);
}

struct cpu_time {
    u64 user, system, idle;
};

static void cpu_line(struct format_text *to, const char *name, u64 busy, u64 idle) {
    format_append(to, "%s %lu 0 0 %lu 0 0 0 0 0 0\n", name, busy / TICK_NS, idle / TICK_NS);
}

static void text_stat(struct format_text *to, struct process *p, u32 number) {
    u64 now = time_monotonic(), idle = 0, switches = 0, interrupts = 0;
    u32 running = 0, count = 0, cpus = ABI_INFO->cpus;
    char name[16];
    (void)p, (void)number;
    for (u32 i = 0; i < cpus; i++) {
        idle += system_cpu_idle_ns(i);
        const volatile struct abi_cpu *cpu = abi_row(ABI_TABLE_CPUS, i);
        switches += cpu->switches;
        interrupts += cpu->interrupts;
    }
    cpu_line(to, "cpu ", now * cpus > idle ? now * cpus - idle : 0, idle);
    for (u32 i = 0; i < cpus; i++) {
        u64 cpu_idle = system_cpu_idle_ns(i);
        format_write(name, sizeof(name), "cpu%u", i);
        cpu_line(to, name, now > cpu_idle ? now - cpu_idle : 0, cpu_idle);
    }
    PROCESS_FOR_EACH(q) {
        count++;
        running += process_state_letter(q) == 'R';
    }
    format_append(to,
                  "intr %lu\nctxt %lu\nbtime %lu\nprocesses %u\nprocs_running %u\n"
                  "procs_blocked 0\n",
                  interrupts, switches, (time_realtime() - now) / TIME_SECOND, count, running);
}

static void text_uptime(struct format_text *to, struct process *p, u32 number) {
    u64 now = time_monotonic(), idle = 0;
    (void)p, (void)number;
    for (u32 i = 0; i < ABI_INFO->cpus; i++)
        idle += system_cpu_idle_ns(i);
    format_append(to, "%lu.%02lu %lu.%02lu\n", now / TIME_SECOND, now % TIME_SECOND / 10000000,
                  idle / TIME_SECOND, idle % TIME_SECOND / 10000000);
}

static void text_loadavg(struct format_text *to, struct process *p, u32 number) {
    u32 running = 0, count = 0, last = 0;
    (void)p, (void)number;
    PROCESS_FOR_EACH(q) {
        count++;
        running += process_state_letter(q) == 'R';
        last = q->pid > last ? q->pid : last;
    }
    // No averages are kept: the number of programs that run now stands in their place.
    format_append(to, "%u.00 %u.00 %u.00 %u/%u %u\n", running, running, running, running, count,
                  last);
}

static void text_mounts(struct format_text *to, struct process *p, u32 number) {
    (void)p, (void)number;
    format_append(to, "tmpfs / tmpfs rw 0 0\nproc /proc proc rw 0 0\ndev /dev devtmpfs rw 0 0\n");
}

static void text_mountinfo(struct format_text *to, struct process *p, u32 number) {
    (void)p, (void)number;
    format_append(to,
                  "1 0 0:%u / / rw - tmpfs tmpfs rw\n2 1 0:%u / /proc rw - proc proc rw\n"
                  "3 1 0:%u / /dev rw - devtmpfs dev rw\n",
                  FS_DEV_ROOT, FS_DEV_PROC, FS_DEV_DEV);
}

static void cpuid(u32 leaf, u32 out[4]) {
    __asm__ volatile("cpuid"
                     : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
                     : "a"(leaf), "c"(0));
}

static void text_cpuinfo(struct format_text *to, struct process *p, u32 number) {
    u32 vendor[4], model[4], brand[12] = {0}, extended[4];
    char name[13] = {0};
    (void)p, (void)number;
    cpuid(0, vendor);
    memcpy(name, &vendor[1], 4);
    memcpy(name + 4, &vendor[3], 4);
    memcpy(name + 8, &vendor[2], 4);
    cpuid(1, model);
    cpuid(0x80000000u, extended);
    for (u32 i = 0; extended[0] >= 0x80000004u && i < 3; i++)
        cpuid(0x80000002u + i, brand + 4 * i);
    u64 hz = ABI_INFO->tsc_hz;
    for (u32 i = 0; i < ABI_INFO->cpus; i++)
        format_append(to,
                      "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n"
                      "model name\t: %.48s\nstepping\t: %u\ncpu MHz\t\t: %lu.%03lu\n"
                      "cpu cores\t: %u\nbogomips\t: %lu.00\n\n",
                      i, name, model[0] >> 8 & 15, (model[0] >> 4 & 15) | (model[0] >> 12 & 0xf0),
                      (const char *)brand, model[0] & 15, hz / 1000000, hz / 1000 % 1000,
                      ABI_INFO->cpus, hz / 500000);
}

static void text_version(struct format_text *to, struct process *p, u32 number) {
    const struct linux_utsname *u = system_name();
    (void)p, (void)number;
    format_append(to, "%s version %s (tricolor) %s\n", u->sysname, u->release, u->version);
}

static void text_filesystems(struct format_text *to, struct process *p, u32 number) {
    (void)p, (void)number;
    format_append(to, "nodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\n");
}

static void text_cmdline(struct format_text *to, struct process *p, u32 number) {
    (void)p, (void)number;
    for (u32 i = 0; i < sizeof(ABI_INFO->command_line) && ABI_INFO->command_line[i]; i++)
        format_append(to, "%c", ABI_INFO->command_line[i]);
    format_append(to, "\n");
}

static void text_devices(struct format_text *to, struct process *p, u32 number) {
    (void)p, (void)number;
    format_append(to, "Character devices:\n  1 mem\n  4 tty\n  5 /dev/tty\n  5 /dev/console\n\n"
                      "Block devices:\n");
}

static void text_swaps(struct format_text *to, struct process *p, u32 number) {
    (void)p, (void)number;
    format_append(to, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
}

static void text_partitions(struct format_text *to, struct process *p, u32 number) {
    (void)p, (void)number;
    format_append(to, "major minor  #blocks  name\n\n");
}

static void text_nothing(struct format_text *to, struct process *p, u32 number) {
    (void)to, (void)p, (void)number;
}

// --- sys/kernel ------------------------------------------------------------------------------

static void text_hostname(struct format_text *to, struct process *p, u32 number) {
    (void)p, (void)number;
    format_append(to, "%s\n", system_name()->nodename);
}
static void text_domainname(struct format_text *to, struct process *p, u32 number) {
    (void)p, (void)number;
    format_append(to, "%s\n", system_name()->domainname);
}
static void text_ostype(struct format_text *to, struct process *p, u32 number) {
    (void)p, (void)number;
    format_append(to, "%s\n", system_name()->sysname);
}
static void text_osrelease(struct format_text *to, struct process *p, u32 number) {
    (void)p, (void)number;
    format_append(to, "%s\n", system_name()->release);
}
static void text_os_version(struct format_text *to, struct process *p, u32 number) {
    (void)p, (void)number;
    format_append(to, "%s\n", system_name()->version);
}
static void text_pid_max(struct format_text *to, struct process *p, u32 number) {
    (void)p, (void)number;
    format_append(to, "32768\n");
}
static void text_ngroups_max(struct format_text *to, struct process *p, u32 number) {
    (void)p, (void)number;
    format_append(to, "%u\n", (u32)PROCESS_GROUPS_MAX);
}
static void text_cap_last(struct format_text *to, struct process *p, u32 number) {
    (void)p, (void)number;
    format_append(to, "40\n");
}

static void text_uuid(struct format_text *to, struct process *p, u32 number) {
    u8 b[16];
    (void)p, (void)number;
    random_bytes(b, sizeof(b));
    b[6] = (u8)((b[6] & 0x0f) | 0x40);
    b[8] = (u8)((b[8] & 0x3f) | 0x80);
    for (u32 i = 0; i < 16; i++)
        format_append(to, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
    format_append(to, "\n");
}

static const struct proc_entry random_entries[] = {
    {.name = "uuid", .kind = PROC_TEXT, .mode = 0444, .text = text_uuid},
    {.name = NULL},
};

static const struct proc_entry kernel_entries[] = {
    {.name = "hostname", .kind = PROC_TEXT, .mode = 0444, .text = text_hostname},
    {.name = "domainname", .kind = PROC_TEXT, .mode = 0444, .text = text_domainname},
    {.name = "ostype", .kind = PROC_TEXT, .mode = 0444, .text = text_ostype},
    {.name = "osrelease", .kind = PROC_TEXT, .mode = 0444, .text = text_osrelease},
    {.name = "version", .kind = PROC_TEXT, .mode = 0444, .text = text_os_version},
    {.name = "pid_max", .kind = PROC_TEXT, .mode = 0444, .text = text_pid_max},
    {.name = "ngroups_max", .kind = PROC_TEXT, .mode = 0444, .text = text_ngroups_max},
    {.name = "cap_last_cap", .kind = PROC_TEXT, .mode = 0444, .text = text_cap_last},
    {.name = "random", .kind = PROC_DIR, .mode = 0555, .entries = random_entries},
    {.name = NULL},
};

static const struct proc_entry sys_entries[] = {
    {.name = "kernel", .kind = PROC_DIR, .mode = 0555, .entries = kernel_entries},
    {.name = NULL},
};

const struct proc_entry proc_root_entries[] = {
    {.name = "self", .kind = PROC_LINK, .mode = 0777, .text = text_self, .follow = follow_self},
    {.name = "cmdline", .kind = PROC_TEXT, .mode = 0444, .text = text_cmdline},
    {.name = "cpuinfo", .kind = PROC_TEXT, .mode = 0444, .text = text_cpuinfo},
    {.name = "devices", .kind = PROC_TEXT, .mode = 0444, .text = text_devices},
    {.name = "diskstats", .kind = PROC_TEXT, .mode = 0444, .text = text_nothing},
    {.name = "filesystems", .kind = PROC_TEXT, .mode = 0444, .text = text_filesystems},
    {.name = "loadavg", .kind = PROC_TEXT, .mode = 0444, .text = text_loadavg},
    {.name = "meminfo", .kind = PROC_TEXT, .mode = 0444, .text = text_meminfo},
    {.name = "modules", .kind = PROC_TEXT, .mode = 0444, .text = text_nothing},
    {.name = "mounts", .kind = PROC_TEXT, .mode = 0444, .text = text_mounts},
    {.name = "partitions", .kind = PROC_TEXT, .mode = 0444, .text = text_partitions},
    {.name = "stat", .kind = PROC_TEXT, .mode = 0444, .text = text_stat},
    {.name = "swaps", .kind = PROC_TEXT, .mode = 0444, .text = text_swaps},
    {.name = "sys", .kind = PROC_DIR, .mode = 0555, .entries = sys_entries},
    {.name = "uptime", .kind = PROC_TEXT, .mode = 0444, .text = text_uptime},
    {.name = "version", .kind = PROC_TEXT, .mode = 0444, .text = text_version},
    {.name = NULL},
};

void proc_text_mounts(struct format_text *to, struct process *p, u32 number) {
    text_mounts(to, p, number);
}
void proc_text_mountinfo(struct format_text *to, struct process *p, u32 number) {
    text_mountinfo(to, p, number);
}
