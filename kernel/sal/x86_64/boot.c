// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The order in which the machine is brought up, and the way of interrupts to the layer above.

#include "kernel/sal/x86_64/boot.h"
#include "base/string.h"
#include "kernel/sal/log.h"
#include "kernel/sal/x86_64/apic.h"
#include "kernel/sal/x86_64/clock.h"
#include "kernel/sal/x86_64/context.h"
#include "kernel/sal/x86_64/fw_cfg.h"
#include "kernel/sal/x86_64/interrupt.h"
#include "kernel/sal/x86_64/paging.h"
#include "kernel/sal/x86_64/processor.h"
#include "kernel/sal/x86_64/smp.h"
#include "kernel/sal/x86_64/uart.h"
#include "kernel/sal/x86_64/vectors.h"

struct sal_machine sal_machine;
struct firmware_machine boot_firmware;

static const u8 *firmware_at(void *context, u64 physical, u64 size) {
    (void)context;
    return boot_low(physical, size);
}

// Is word one of the command line's words?
static int asked(const char *word) {
    u64 length = strlen(word);
    for (const char *at = sal_machine.command_line; *at;) {
        const char *end = strchr(at, ' ');
        u64 size = end ? (u64)(end - at) : strlen(at);
        if (size == length && memcmp(at, word, size) == 0)
            return 1;
        at += size + (end != 0);
    }
    return 0;
}

u64 sal_option(const char *name, u64 otherwise) {
    u64 length = strlen(name), value = 0;
    for (const char *at = sal_machine.command_line; at; at = strchr(at, ' ')) {
        at += *at == ' ';
        if (strncmp(at, name, length) || at[length] != '=')
            continue;
        for (at += length + 1; *at >= '0' && *at <= '9' && value < 1ul << 32; at++)
            value = value * 10 + (u64)(*at - '0');
        return value;
    }
    return otherwise;
}

static void read_firmware(u64 rsdp) {
    static const char *const source[] = {"none", "ACPI", "MP table", "QEMU"};
    const struct firmware_view view = {firmware_at, 0};
    firmware_read(&view, asked("acpi=off") ? FIRMWARE_NO_ACPI : rsdp, &boot_firmware);
    if (boot_firmware.source == FIRMWARE_NONE)
        fw_cfg_read(&boot_firmware);
    log_print("firmware: %s, %u processors, %u I/O APICs", source[boot_firmware.source],
              boot_firmware.cpus, boot_firmware.ioapics);
}

static u64 memory_mib(void) {
    u64 frames = 0;
    for (u32 i = 0; i < sal_machine.ram_count; i++)
        frames += sal_machine.ram[i].count;
    return frames >> (20 - ABI_PAGE_SHIFT);
}

// On the first processor's own stack, with the kernel's own tables.
static void boot_rest(void) {
    apic_init();
    apic_cpu_init();
    clock_init();
    cpu_get(0)->timer_deadline = ~0ul;
    smp_name();
    uart_init();
    smp_start();
    u64 ready = clock_us();
    log_print("sal: %u processors, %lu MiB below frame %#lx, XCR0 %#lx, features %#lx, %lu us",
              sal_machine.cpus, memory_mib(), sal_machine.frames, sal_machine.xcr0,
              sal_machine.features, ready);
    aegis_start();
    smp_release();
    aegis_cpu_run(0);
}

void boot_main(u64 start_info) {
    processor_early_init();
    log_init();
    processor_check();
    u64 rsdp = boot_memory_init(start_info);
    read_firmware(rsdp);
    paging_init();
    paging_load();
    struct cpu *cpu = cpu_get(0);
    processor_stacks_map(cpu);
    processor_init(cpu);
    boot_stack_switch(cpu->kernel_stack_top, boot_rest);
}

// --- interrupts ----------------------------------------------------------------------------------

void sal_idle(void) {
    __asm__ volatile("sti; hlt; cli" : : : "memory");
}

void sal_interrupt_dispatch(u32 vector) {
    if (vector == VECTOR_SPURIOUS)
        return;
    apic_eoi();
    if (!smp_released())
        return;
    switch (vector) {
    case VECTOR_TIMER:
        if (clock_timer_due())
            aegis_interrupt(SAL_INTERRUPT_TIMER);
        break;
    case VECTOR_RESCHEDULE:
        aegis_interrupt(SAL_INTERRUPT_RESCHEDULE);
        break;
    case VECTOR_SHOOTDOWN:
        aegis_interrupt(SAL_INTERRUPT_SHOOTDOWN);
        break;
    case VECTOR_CONSOLE:
        aegis_interrupt(SAL_INTERRUPT_CONSOLE);
        break;
    default:
        log_print("interrupt: vector %u is nobody's", vector);
    }
}
