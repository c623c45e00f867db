// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See apic.h. Registers as in Intel SDM vol. 3, chapter 11, and the 82093AA data sheet.

#include "kernel/sal/x86_64/apic.h"
#include "kernel/sal/x86_64/boot.h"
#include "kernel/sal/x86_64/cpu.h"
#include "kernel/sal/x86_64/paging.h"
#include "kernel/sal/x86_64/vectors.h"
#include "kernel/sal/x86_64/x86.h"

enum lapic_register {
    LAPIC_ID = 0x20,
    LAPIC_VERSION = 0x30,
    LAPIC_TPR = 0x80,
    LAPIC_EOI = 0xb0,
    LAPIC_SVR = 0xf0,
    LAPIC_ESR = 0x280,
    LAPIC_ICR = 0x300,
    LAPIC_ICR_HIGH = 0x310,
    LAPIC_LVT_TIMER = 0x320,
    LAPIC_LVT_THERMAL = 0x330,
    LAPIC_LVT_PERF = 0x340,
    LAPIC_LVT_LINT0 = 0x350,
    LAPIC_LVT_LINT1 = 0x360,
    LAPIC_LVT_ERROR = 0x370,
    LAPIC_TIMER_INITIAL = 0x380,
    LAPIC_TIMER_CURRENT = 0x390,
    LAPIC_TIMER_DIVIDE = 0x3e0,
};

#define APIC_BASE_X2     (1ul << 10)
#define APIC_BASE_ON     (1ul << 11)
#define LVT_MASKED       (1u << 16)
#define LVT_NMI          (4u << 8)
#define LVT_TSC_DEADLINE (2u << 17)
#define DIVIDE_BY_1      0xbu
#define ICR_NMI          (4u << 8)
#define ICR_INIT         (5u << 8)
#define ICR_STARTUP      (6u << 8)
#define ICR_BUSY         (1u << 12)
#define ICR_ASSERT       (1u << 14)
#define ICR_OTHERS       (3u << 18)
#define ICR_WAIT         100000

static volatile u8 *registers; // null: x2APIC
static u8 tsc_deadline;

static u32 lapic_read(enum lapic_register r) {
    if (!registers)
        return (u32)x86_msr_read(MSR_X2APIC + r / 16);
    return *(volatile u32 *)(registers + r);
}

static void lapic_write(enum lapic_register r, u32 value) {
    if (!registers)
        x86_msr_write(MSR_X2APIC + r / 16, value);
    else
        *(volatile u32 *)(registers + r) = value;
}

u32 apic_id(void) {
    return registers ? lapic_read(LAPIC_ID) >> 24 : lapic_read(LAPIC_ID);
}

void apic_eoi(void) {
    lapic_write(LAPIC_EOI, 0);
}

// --- interrupts between processors ---------------------------------------------------------------

static void icr_send(u32 apic, u32 command) {
    if (!registers) {
        x86_msr_write(MSR_X2APIC + LAPIC_ICR / 16, (u64)apic << 32 | command);
        return;
    }
    for (u32 i = 0; i < ICR_WAIT && (lapic_read(LAPIC_ICR) & ICR_BUSY); i++)
        sal_pause();
    lapic_write(LAPIC_ICR_HIGH, apic << 24);
    lapic_write(LAPIC_ICR, command);
}

void apic_send_init(u32 apic) {
    icr_send(apic, ICR_INIT | ICR_ASSERT);
}

void apic_send_startup(u32 apic, u32 page) {
    icr_send(apic, ICR_STARTUP | ICR_ASSERT | page);
}

void apic_send_nmi_others(void) {
    icr_send(0, ICR_NMI | ICR_ASSERT | ICR_OTHERS);
}

void sal_ipi(u32 cpu, enum sal_interrupt what) {
    static const u8 vector[SAL_INTERRUPT_COUNT] = {[SAL_INTERRUPT_TIMER] = VECTOR_TIMER,
                                                   [SAL_INTERRUPT_RESCHEDULE] = VECTOR_RESCHEDULE,
                                                   [SAL_INTERRUPT_SHOOTDOWN] = VECTOR_SHOOTDOWN,
                                                   [SAL_INTERRUPT_CONSOLE] = VECTOR_CONSOLE};
    __atomic_thread_fence(__ATOMIC_SEQ_CST); // an x2APIC's MSRs are not ordered after stores
    icr_send(cpu_get(cpu)->apic, ICR_ASSERT | vector[what]);
}

// --- timer ---------------------------------------------------------------------------------------

int apic_timer_uses_tsc(void) {
    return tsc_deadline;
}

void apic_timer_arm(u64 value) {
    if (tsc_deadline)
        x86_msr_write(MSR_TSC_DEADLINE, value);
    else
        lapic_write(LAPIC_TIMER_INITIAL, (u32)value);
}

u32 apic_timer_current(void) {
    return lapic_read(LAPIC_TIMER_CURRENT);
}

// --- set up --------------------------------------------------------------------------------------

void apic_cpu_init(void) {
    u64 base = x86_msr_read(MSR_APIC_BASE) | APIC_BASE_ON;
    x86_msr_write(MSR_APIC_BASE, base);
    cpu_this()->apic_registers = tsc_deadline ? 0 : (void *)registers;
    if (!registers)
        x86_msr_write(MSR_APIC_BASE, base | APIC_BASE_X2);
    lapic_write(LAPIC_TPR, 0);
    lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
    lapic_write(LAPIC_LVT_LINT1,
                LVT_NMI); // the machine's NMI button: panic shows where all processors are
    lapic_write(LAPIC_LVT_ERROR, LVT_MASKED);
    if ((lapic_read(LAPIC_VERSION) >> 16 & 0xff) >= 4)
        lapic_write(LAPIC_LVT_PERF, LVT_MASKED);
    lapic_write(LAPIC_ESR, 0);
    lapic_write(LAPIC_SVR, 0x100 | VECTOR_SPURIOUS);
    lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
    lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER | (tsc_deadline ? LVT_TSC_DEADLINE : 0));
    // The mode must be set before a deadline is.
    __asm__ volatile("mfence" : : : "memory");
}

#define PIC1 0x20
#define PIC2 0xa0

// Moved away from the exceptions' vectors, as masked ones still raise spurious interrupts.
static void pic_silence(void) {
    x86_out8(PIC1, 0x11);
    x86_out8(PIC2, 0x11);
    x86_out8(PIC1 + 1, 0x20);
    x86_out8(PIC2 + 1, 0x28);
    x86_out8(PIC1 + 1, 4);
    x86_out8(PIC2 + 1, 2);
    x86_out8(PIC1 + 1, 1);
    x86_out8(PIC2 + 1, 1);
    x86_out8(PIC1 + 1, 0xff);
    x86_out8(PIC2 + 1, 0xff);
}

// --- I/O APICs -----------------------------------------------------------------------------------

#define IOAPIC_VERSION 1
#define IOAPIC_PIN(n)  (0x10 + 2 * (n))
#define PIN_LOW        (1u << 13)
#define PIN_LEVEL      (1u << 15)
#define PIN_MASKED     (1u << 16)

struct ioapic {
    volatile u32 *registers; // [0] selects, [4] is the data
    u32 gsi_base, pins;
};
static struct ioapic ioapics[FIRMWARE_IOAPICS_MAX];

static u32 ioapic_read(const struct ioapic *ioapic, u32 index) {
    ioapic->registers[0] = index;
    return ioapic->registers[4];
}

static void ioapic_write(const struct ioapic *ioapic, u32 index, u32 value) {
    ioapic->registers[0] = index;
    ioapic->registers[4] = value;
}

static void ioapic_init(struct ioapic *ioapic, const struct firmware_ioapic *found) {
    ioapic->registers = paging_map_device(found->address, 0x20);
    ioapic->gsi_base = found->gsi_base;
    u32 version = ioapic_read(ioapic, IOAPIC_VERSION);
    if (version == ~0u)
        return; // nothing there
    ioapic->pins = (version >> 16 & 0xff) + 1;
    for (u32 i = 0; i < ioapic->pins; i++)
        if (!(ioapic_read(ioapic, IOAPIC_PIN(i)) & PIN_MASKED))
            ioapic_write(ioapic, IOAPIC_PIN(i), PIN_MASKED);
}

int apic_route_isa(u32 irq, u8 vector) {
    const struct firmware_irq *route = &boot_firmware.isa[irq];
    for (u32 i = 0; i < boot_firmware.ioapics; i++) {
        const struct ioapic *ioapic = &ioapics[i];
        u32 pin = route->gsi - ioapic->gsi_base;
        if (route->gsi < ioapic->gsi_base || pin >= ioapic->pins)
            continue;
        ioapic_write(ioapic, IOAPIC_PIN(pin) + 1, cpu_get(0)->apic << 24);
        ioapic_write(ioapic, IOAPIC_PIN(pin),
                     vector | (route->active_low ? PIN_LOW : 0) | (route->level ? PIN_LEVEL : 0));
        return 1;
    }
    return 0;
}

void apic_init(void) {
    struct x86_cpuid features = x86_cpuid(1, 0);
    u64 base = x86_msr_read(MSR_APIC_BASE);
    if (!(base & APIC_BASE_X2) && !(features.ecx & 1u << 21))
        registers = paging_map_device(base & ABI_PTE_FRAME_MASK, ABI_PAGE);
    tsc_deadline = (features.ecx >> 24 & 1) != 0;
    pic_silence();
    for (u32 i = 0; i < boot_firmware.ioapics; i++)
        ioapic_init(&ioapics[i], &boot_firmware.ioapic[i]);
}
