// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See clock.h. The rate comes from CPUID or KVM where they tell, and otherwise from a short
// comparison with a counter of known rate: channel 0 of the 8254, or ACPI's timer. The local APIC's
// timer is compared at the same time.

#include "kernel/sal/x86_64/clock.h"
#include "kernel/sal/calendar.h"
#include "kernel/sal/x86_64/apic.h"
#include "kernel/sal/x86_64/boot.h"
#include "kernel/sal/x86_64/cpu.h"
#include "kernel/sal/x86_64/kvm_clock.h"
#include "kernel/sal/x86_64/x86.h"

#define COMPARE_US 300 // how long at least; at most about twice that
#define EDGE_POLLS 2000

static u64 lapic_ratio; // ticks of the APIC timer per tick of the TSC, 32.32 fixed point
static u64 us_ratio;    // microseconds per tick of the TSC, 0.64 fixed point

// --- counters of known rate ----------------------------------------------------------------------

struct counter {
    const char *name;
    u32 (*read)(void); // counts up
    u32 mask;
    u64 hz;
};

#define PIT_CHANNEL0 0x40
#define PIT_COMMAND  0x43

static void pit_start(void) {
    x86_out8(PIT_COMMAND, 0x34); // channel 0, both bytes, rate generator
    x86_out8(PIT_CHANNEL0, 0);
    x86_out8(PIT_CHANNEL0, 0);
}

static void pit_stop(void) {
    x86_out8(PIT_COMMAND, 0x30); // one-shot, waits for a count that never comes
}

static u32 pit_read(void) {
    x86_out8(PIT_COMMAND, 0); // latch channel 0
    u32 low = x86_in8(PIT_CHANNEL0);
    return ~(low | (u32)x86_in8(PIT_CHANNEL0) << 8);
}

static u32 pm_read(void) {
    return x86_in32(boot_firmware.pm_timer);
}

// A moment at which the counter has just changed.
struct moment {
    u64 tsc;
    u32 count;
    u32 lapic;
};

// One copy of the code, so that it is warm: see compare.
__attribute__((noinline)) static int moment_catch(const struct counter *counter,
                                                  struct moment *moment) {
    u32 before = counter->read() & counter->mask;
    for (u32 i = 0; i < EDGE_POLLS; i++) {
        moment->tsc = sal_tsc();
        moment->count = counter->read() & counter->mask;
        if (moment->count != before) {
            moment->lapic = apic_timer_current();
            return 1;
        }
    }
    return 0;
}

static void spin(u64 times) {
    for (u64 i = 0; i < times; i++)
        __asm__ volatile("" : : : "memory");
}

// Compares for COMPARE_US. Returns 0 if the counter does not count.
static int compare(const struct counter *counter, struct moment *start, struct moment *end,
                   u64 *ticks) {
    u64 wanted = counter->hz * COMPARE_US / 1000000;
    // Twice: the first time, code is fetched, or translated by an emulator.
    if (!moment_catch(counter, start) || !moment_catch(counter, start))
        return 0;
    for (u64 times = 1000;; times *= 2) { // each round as long as all before it
        spin(times);
        if (!moment_catch(counter, end))
            return 0;
        *ticks = (end->count - start->count) & counter->mask;
        if (*ticks >= wanted)
            return 1;
    }
}

// --- calibration ---------------------------------------------------------------------------------

// What CPUID says of the rates of TSC and APIC timer; 0 where it is silent.
static void rates_from_cpuid(u64 *tsc_hz, u64 *lapic_hz) {
    *tsc_hz = *lapic_hz = 0;
    if (x86_cpuid(1, 0).ecx & 1u << 31) { // a hypervisor, with the leaf that several share
        u32 max = x86_cpuid(0x40000000, 0).eax;
        if (max >= 0x40000010 && max < 0x40010000) {
            struct x86_cpuid r = x86_cpuid(0x40000010, 0);
            *tsc_hz = r.eax * 1000ul;
            *lapic_hz = r.ebx * 1000ul;
        }
    }
    u32 max = x86_cpuid(0, 0).eax;
    if (*tsc_hz == 0 && max >= 0x15) {
        struct x86_cpuid r = x86_cpuid(0x15, 0);
        u64 crystal = r.ecx;
        if (crystal == 0 && r.eax && r.ebx && max >= 0x16)
            crystal = (x86_cpuid(0x16, 0).eax & 0xffff) * 1000000ul * r.eax / r.ebx;
        if (r.eax && r.ebx && crystal) {
            *tsc_hz = crystal * r.ebx / r.eax;
            *lapic_hz = r.ecx;
        }
    }
    if (*tsc_hz < 100000000ul) // not plausible
        *tsc_hz = *lapic_hz = 0;
}

static int calibrate_by(const struct counter *counter, u64 *tsc_hz, u64 *lapic_hz) {
    struct moment start, end;
    u64 ticks;
    if (!compare(counter, &start, &end, &ticks))
        return 0;
    u64 tsc = end.tsc - start.tsc, lapic = start.lapic - end.lapic;
    *tsc_hz = x86_multiply_divide(tsc, counter->hz, ticks);
    *lapic_hz = x86_multiply_divide(lapic, counter->hz, ticks);
    log_print("clock: TSC %lu kHz, APIC timer %lu kHz, by %s", *tsc_hz / 1000, *lapic_hz / 1000,
              counter->name);
    return *tsc_hz != 0;
}

static void calibrate(u64 *tsc_hz, u64 *lapic_hz) {
    const struct counter pit = {"8254", pit_read, 0xffff, 1193182};
    const struct counter pm = {"ACPI timer", pm_read, boot_firmware.pm_timer_32 ? ~0u : 0xffffff,
                               3579545};
    pit_start();
    int done = calibrate_by(&pit, tsc_hz, lapic_hz);
    pit_stop();
    if (!done && boot_firmware.pm_timer)
        done = calibrate_by(&pm, tsc_hz, lapic_hz);
    if (!done)
        panic("clock: nothing tells the rate of the time-stamp counter");
}

// --- wall clock ----------------------------------------------------------------------------------

#define CMOS_INDEX 0x70
#define CMOS_DATA  0x71
#define CMOS_TRIES 2000

enum cmos_register {
    CMOS_SECOND = 0,
    CMOS_MINUTE = 2,
    CMOS_HOUR = 4,
    CMOS_DAY = 7,
    CMOS_MONTH = 8,
    CMOS_YEAR = 9,
    CMOS_A = 10,
    CMOS_B = 11,
};
#define CMOS_A_UPDATING 0x80
#define CMOS_B_BINARY   4
#define CMOS_B_24       2

static u8 cmos_read(u8 index) {
    x86_out8(CMOS_INDEX, 0x80 | index);
    return x86_in8(CMOS_DATA);
}

static u32 from_bcd(u32 value) {
    return (value >> 4) * 10 + (value & 15);
}

// Seconds since 1970, to the second; 0 if there is no clock.
static u64 cmos_seconds(void) {
    static const u8 index[6] = {CMOS_SECOND, CMOS_MINUTE, CMOS_HOUR,
                                CMOS_DAY,    CMOS_MONTH,  CMOS_YEAR};
    u32 now[6];
    for (u32 tries = 0;; tries++) {
        if (tries == CMOS_TRIES)
            return 0;
        if (cmos_read(CMOS_A) & CMOS_A_UPDATING)
            continue;
        for (int i = 0; i < 6; i++)
            now[i] = cmos_read(index[i]);
        if (!(cmos_read(CMOS_A) & CMOS_A_UPDATING) && cmos_read(CMOS_SECOND) == now[0])
            break;
    }
    u8 format = cmos_read(CMOS_B);
    u32 afternoon = !(format & CMOS_B_24) && (now[2] & 0x80);
    now[2] &= format & CMOS_B_24 ? 0xff : 0x7f;
    for (int i = 0; i < 6 && !(format & CMOS_B_BINARY); i++)
        now[i] = from_bcd(now[i]);
    if (!(format & CMOS_B_24))
        now[2] = now[2] % 12 + (afternoon ? 12 : 0);
    if (now[0] > 60 || now[1] > 59 || now[2] > 23 || now[3] < 1 || now[3] > 31 || now[4] < 1 ||
        now[4] > 12 || now[5] > 99)
        return 0;
    u32 year = now[5] + (now[5] < 70 ? 2000 : 1900);
    return calendar_seconds(year, now[4], now[3], now[2], now[1], now[0]);
}

// --- interface -----------------------------------------------------------------------------------

static u64 ratio_scale(u64 ticks, u64 ratio) {
    return (u64)((unsigned __int128)ticks * ratio >> 32);
}

static void wall_init(void) {
    sal_machine.wall_boot_ns = kvm_clock_wall_ns(boot_tsc);
    if (sal_machine.wall_boot_ns)
        return;
    u64 seconds = cmos_seconds();
    if (seconds)
        sal_machine.wall_boot_ns = seconds * 1000000000ul - clock_us() * 1000;
    else
        log_print("clock: no wall clock");
}

void clock_init(void) {
    u64 tsc_hz, lapic_hz;
    apic_timer_arm(apic_timer_uses_tsc() ? 0 : ~0u);
    rates_from_cpuid(&tsc_hz, &lapic_hz);
    if (!tsc_hz)
        tsc_hz = kvm_clock_tsc_hz();
    if (tsc_hz && (lapic_hz || apic_timer_uses_tsc()))
        log_print("clock: TSC %lu kHz by the processor or its host", tsc_hz / 1000);
    else
        calibrate(&tsc_hz, &lapic_hz);
    apic_timer_arm(0);
    if (!apic_timer_uses_tsc() && lapic_hz == 0)
        panic("clock: the APIC timer does not count");
    sal_machine.tsc_hz = tsc_hz;
    lapic_ratio = x86_multiply_divide(lapic_hz, 1ul << 32, tsc_hz);
    us_ratio = x86_multiply_divide(1ul << 63, 2 * 1000000, tsc_hz);
    sal_machine.tsc_boot = boot_tsc;
    wall_init();
}

u32 sal_timer_count(u64 ticks) {
    u64 count = apic_timer_uses_tsc() ? 0 : ratio_scale(ticks, lapic_ratio) + 1;
    return count < ~0u ? (u32)count : ~0u;
}

void sal_timer_set(u64 tsc) {
    struct cpu *cpu = cpu_this();
    cpu->timer_deadline = tsc;
    if (tsc == ~0ul) {
        apic_timer_arm(0);
        return;
    }
    if (apic_timer_uses_tsc()) {
        apic_timer_arm(tsc ? tsc : 1);
        return;
    }
    u64 now = sal_tsc();
    u64 ticks = tsc > now ? ratio_scale(tsc - now, lapic_ratio) + 1 : 1;
    apic_timer_arm(ticks < ~0u ? ticks : ~0u); // clock_timer_due arms again
}

int clock_timer_due(void) {
    u64 deadline = cpu_this()->timer_deadline;
    if (deadline == ~0ul)
        return 0;
    if (sal_tsc() < deadline) {
        sal_timer_set(deadline);
        return 0;
    }
    cpu_this()->timer_deadline = ~0ul;
    return 1;
}

u64 clock_us(void) {
    return (u64)((unsigned __int128)(sal_tsc() - boot_tsc) * us_ratio >> 64);
}

void clock_wait_us(u64 us) {
    u64 end = sal_tsc() + sal_machine.tsc_hz / 1000000 * (us < 1000000 ? us : 1000000);
    while (sal_tsc() < end)
        sal_pause();
}
