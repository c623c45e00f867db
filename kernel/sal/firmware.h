// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the firmware's tables say about the machine: ACPI, or else the older MP table (or, where
// neither is, QEMU's configuration device: x86_64/fw_cfg.c). Pure: also built on the host, where
// tests feed it hostile tables.
//
// Nothing in a table is believed before it was checked: places, lengths, checksums, counts. A table
// that fails is as good as absent, an entry that fails is skipped, entries beyond the limits below
// are ignored.

#ifndef KERNEL_SAL_FIRMWARE_H
#define KERNEL_SAL_FIRMWARE_H

#include "abi/tables.h"
#include "abi/types.h"

#define FIRMWARE_IOAPICS_MAX 8
#define FIRMWARE_ISA_IRQS    16

// How a physical range is looked at: a pointer to size bytes, or null if they cannot be read. The
// bytes may lie unaligned.
struct firmware_view {
    const u8 *(*at)(void *context, u64 physical, u64 size);
    void *context;
};

struct firmware_ioapic {
    u64 address;
    u32 gsi_base;
    u8 id;
};

// How an ISA interrupt reaches an I/O APIC.
struct firmware_irq {
    u32 gsi;
    u8 level;      // level triggered
    u8 active_low; // polarity
};

struct firmware_reset {
    u8 present;
    u8 space; // 0 memory, 1 I/O port
    u8 value;
    u64 address;
};

enum firmware_source { FIRMWARE_NONE, FIRMWARE_ACPI, FIRMWARE_MP, FIRMWARE_QEMU };

struct firmware_machine {
    enum firmware_source source;
    u32 cpus; // usable processors
    u32 cpus_ignored;
    u32 apic[ABI_CPUS_MAX]; // their local APIC ids, without doubles
    u32 ioapics;
    struct firmware_ioapic ioapic[FIRMWARE_IOAPICS_MAX];
    struct firmware_irq isa[FIRMWARE_ISA_IRQS];
    u16 pm_timer; // I/O port of the ACPI timer, 0 if none
    u8 pm_timer_32;
    struct firmware_reset reset;
};

// Fills machine from what there is. rsdp is where the boot loader found ACPI's root, or 0 to
// search, or FIRMWARE_NO_ACPI.
#define FIRMWARE_NO_ACPI (~0ul)
void firmware_read(const struct firmware_view *view, u64 rsdp, struct firmware_machine *machine);

// Each fills machine and returns 1, or returns 0 when there is no usable table.
int acpi_read(const struct firmware_view *view, u64 rsdp, struct firmware_machine *machine);
int mp_table_read(const struct firmware_view *view, struct firmware_machine *machine);

// --- for the two readers -------------------------------------------------------------------------

int firmware_checksum(const u8 *bytes, u64 size); // do they add up to 0?
void firmware_add_cpu(struct firmware_machine *machine, u32 apic);
void firmware_add_ioapic(struct firmware_machine *machine, u8 id, u64 address, u32 gsi_base);

// First 16-byte aligned place in [from, from + size) that begins with text; 0 if none.
u64 firmware_search(const struct firmware_view *view, u64 from, u64 size, const char *text);

// Where the extended BIOS data area starts, 0 if it is not plausible.
u64 firmware_ebda(const struct firmware_view *view);

#endif
