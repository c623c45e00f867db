// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Leaving the machine.

#include "kernel/sal/x86_64/apic.h"
#include "kernel/sal/x86_64/boot.h"
#include "kernel/sal/x86_64/x86.h"

#define DEBUG_EXIT_PORT  0xf4
#define RESET_PORT       0xcf9
#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_RESET   0xfe

// QEMU's isa-debug-exit; where it is not, a reset: ACPI's, the chipset's, the keyboard
// controller's, a triple fault.
void sal_exit(u64 code) {
    x86_interrupts_off();
    x86_out32(DEBUG_EXIT_PORT, (u32)code);
    const struct firmware_reset *reset = &boot_firmware.reset;
    if (reset->present && reset->space == 1)
        x86_out8((u16)reset->address, reset->value);
    x86_out8(RESET_PORT, 0x02);
    x86_out8(RESET_PORT, 0x06);
    x86_out8(KEYBOARD_COMMAND, KEYBOARD_RESET);
    static const struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) no_idt = {0, 0};
    __asm__ volatile("lidt %0; int3" : : "m"(no_idt));
    x86_halt_forever();
}
