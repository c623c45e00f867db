// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Shared by the steps of booting: the image's own places, and what they leave for one another.

#ifndef KERNEL_SAL_X86_64_BOOT_H
#define KERNEL_SAL_X86_64_BOOT_H

#include "kernel/sal/firmware.h"
#include "kernel/sal/sal.h"

// From kernel.ld.
extern char kernel_load_start[], kernel_load_end[]; // physical
extern char kernel_text_start[], kernel_text_end[];
extern char kernel_rodata_start[], kernel_rodata_end[];
extern char kernel_data_start[], kernel_data_end[];

static inline u64 boot_phys(const void *image) {
    return (u64)image - SAL_KERNEL_BASE;
}

// start.S
extern u64 boot_kernel_root; // CR3 of the kernel's own tables, once they exist
extern u64 boot_tsc;         // at entry
extern char boot_stack[], boot_stack_top[];
extern char boot_trampoline[], boot_trampoline_end[]; // linked low; position independent
extern u64 boot_ap_stack;                             // mailbox: taken by the processor that starts
extern u32 boot_ap_apic;                              // low 8 bits of the id it must have

void boot_stack_switch(u64 top, void (*function)(void)) __attribute__((noreturn));
void boot_main(u64 start_info) __attribute__((noreturn)); // called by start.S
void boot_ap_main(void) __attribute__((noreturn));

extern struct firmware_machine boot_firmware;

// memory.c: reads the loader's information (physical address) into sal_machine. Both run on
// start.S's page tables, which show the first 4 GiB only.
u64 boot_memory_init(u64 start_info); // returns ACPI's root, or 0
pfn_t boot_trampoline_frame(void);    // below 1 MiB; 0 if there is none

// Readable memory below 4 GiB, or null.
const void *boot_low(u64 physical, u64 size);

#endif
