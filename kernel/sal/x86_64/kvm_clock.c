// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See kvm_clock.h; the layout is the kernel's Documentation/virt/kvm/x86/msr.rst.

#include "kernel/sal/x86_64/kvm_clock.h"
#include "kernel/sal/x86_64/boot.h"
#include "kernel/sal/x86_64/x86.h"

#define MSR_WALL_CLOCK  0x4b564d00u
#define MSR_SYSTEM_TIME 0x4b564d01u
#define SYSTEM_TIME_ON  1u
#define FEATURE_CLOCK   (1u << 3)

struct wall_clock {
    volatile u32 version, seconds, nanoseconds;
};

// Nanoseconds since the host started it: system_time + ((tsc - tsc_timestamp) << shift) *
// multiplier / 2^32.
struct system_time {
    volatile u32 version, pad;
    volatile u64 tsc_timestamp, system_time;
    volatile u32 multiplier;
    volatile i8 shift;
    volatile u8 flags, pad2[2];
};
ABI_ASSERT_SIZE(struct system_time, 32);

static struct wall_clock wall __attribute__((aligned(64)));
static struct system_time system __attribute__((aligned(64)));

static int present(void) {
    if (!(x86_cpuid(1, 0).ecx & 1u << 31))
        return 0;
    struct x86_cpuid r = x86_cpuid(0x40000000, 0);
    if (r.ebx != 0x4b4d564b || r.ecx != 0x564b4d56 || r.edx != 0x4d) // "KVMKVMKVM"
        return 0;
    return (x86_cpuid(0x40000001, 0).eax & FEATURE_CLOCK) != 0;
}

// The host fills the structure when the register is written; it must not do so later.
static int system_time_read(void) {
    if (!present())
        return 0;
    if (system.version == 0) {
        x86_msr_write(MSR_SYSTEM_TIME, boot_phys(&system) | SYSTEM_TIME_ON);
        x86_msr_write(MSR_SYSTEM_TIME, 0);
    }
    return system.version != 0 && !(system.version & 1) && system.multiplier != 0;
}

u64 kvm_clock_tsc_hz(void) {
    if (!system_time_read())
        return 0;
    u64 hz = (1000000000ul << 32) / system.multiplier;
    return system.shift < 0 ? hz << -system.shift : hz >> system.shift;
}

u64 kvm_clock_wall_ns(u64 tsc) {
    if (!system_time_read())
        return 0;
    x86_msr_write(MSR_WALL_CLOCK, boot_phys(&wall));
    if (wall.version == 0 || wall.version & 1)
        return 0;
    i64 ticks = (i64)(tsc - system.tsc_timestamp);
    u64 size = ticks < 0 ? (u64)-ticks : (u64)ticks;
    size = system.shift < 0 ? size >> -system.shift : size << system.shift;
    u64 ns = x86_multiply_divide(size, system.multiplier, 1ul << 32);
    u64 start = wall.seconds * 1000000000ul + wall.nanoseconds + system.system_time;
    return ticks < 0 ? start - ns : start + ns;
}
