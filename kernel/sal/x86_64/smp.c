// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See smp.h. A processor starts in the trampoline page and takes its stack out of a mailbox
// (start.S): one that comes after its time, or that is not the one that was called, finds nothing
// and halts.

#include "kernel/sal/x86_64/smp.h"
#include "base/string.h"
#include "kernel/sal/x86_64/apic.h"
#include "kernel/sal/x86_64/boot.h"
#include "kernel/sal/x86_64/clock.h"
#include "kernel/sal/x86_64/processor.h"
#include "kernel/sal/x86_64/x86.h"

#define WAIT_AFTER_INIT_US 10
#define TIMER_NEAR_US      50
#define WAIT_STARTUP_US    200
#define WAIT_ONLINE_US     100000

static volatile u32 released;

void smp_name(void) {
    struct cpu *first = cpu_get(0);
    first->apic = apic_id();
    first->online = 1;
    u32 count = 1;
    for (u32 i = 0; i < boot_firmware.cpus && count < ABI_CPUS_MAX; i++)
        if (boot_firmware.apic[i] != first->apic) {
            struct cpu *cpu = cpu_get(count);
            cpu->number = count++;
            cpu->apic = boot_firmware.apic[i];
        }
    if (boot_firmware.cpus_ignored)
        log_print("smp: %u processors above %u ignored", boot_firmware.cpus_ignored, ABI_CPUS_MAX);
    sal_machine.cpus = count;
}

static int wait_online(const struct cpu *cpu, u64 us) {
    u64 end = clock_us() + us;
    while (!cpu->online && clock_us() < end)
        sal_pause();
    return cpu->online != 0;
}

static int start(struct cpu *cpu, pfn_t page) {
    boot_ap_apic = cpu->apic & 0xff;
    __atomic_store_n(&boot_ap_stack, cpu->kernel_stack_top, __ATOMIC_SEQ_CST);
    // QEMU's icount charges an INIT with all instructions up to the next timer event: let that be
    // near. The interrupt is ignored later (clock_timer_due).
    sal_timer_set(sal_tsc() + sal_machine.tsc_hz / 1000000 * TIMER_NEAR_US);
    apic_send_init(cpu->apic);
    clock_wait_us(WAIT_AFTER_INIT_US);
    apic_send_startup(cpu->apic, (u32)page);
    if (wait_online(cpu, WAIT_STARTUP_US))
        return 1;
    if (__atomic_load_n(&boot_ap_stack, __ATOMIC_SEQ_CST))
        apic_send_startup(cpu->apic, (u32)page);
    if (wait_online(cpu, WAIT_ONLINE_US))
        return 1;
    // Takes the stack back; if it is gone, the processor has it and is on its way.
    if (__atomic_exchange_n(&boot_ap_stack, 0, __ATOMIC_SEQ_CST))
        return 0;
    return wait_online(cpu, WAIT_ONLINE_US);
}

// Numbers must stay dense: the last processor takes the place of one that did not come.
static void forget(u32 number) {
    u32 last = --sal_machine.cpus;
    cpu_get(number)->apic = cpu_get(last)->apic;
}

void smp_start(void) {
    pfn_t page = boot_trampoline_frame();
    if (!page && sal_machine.cpus > 1) {
        log_print("smp: no memory below 1 MiB, one processor only");
        sal_machine.cpus = 1;
    }
    if (sal_machine.cpus > 1)
        memcpy(sal_frame(page), sal_virt((u64)boot_trampoline),
               (u64)(boot_trampoline_end - boot_trampoline));
    for (u32 i = 1; i < sal_machine.cpus;) {
        struct cpu *cpu = cpu_get(i);
        if (!cpu->kernel_stack_top)
            processor_stacks_map(cpu);
        if (start(cpu, page)) {
            i++;
            continue;
        }
        log_print("smp: the processor with APIC id %u does not start", cpu->apic);
        forget(i);
    }
    sal_timer_set(~0ul);
}

void smp_release(void) {
    __atomic_store_n(&released, 1, __ATOMIC_SEQ_CST);
    for (u32 i = 1; i < sal_machine.cpus; i++)
        sal_ipi(i, SAL_INTERRUPT_RESCHEDULE);
}

int smp_released(void) {
    return released != 0;
}

void boot_ap_main(void) {
    u64 here = (u64)__builtin_frame_address(0);
    struct cpu *cpu = cpu_get((u32)processor_of_stack(here));
    processor_init(cpu);
    apic_cpu_init();
    cpu->timer_deadline = ~0ul;
    __atomic_store_n(&cpu->online, 1, __ATOMIC_SEQ_CST);
    while (!released)
        sal_idle();
    aegis_cpu_run(cpu->number);
}
