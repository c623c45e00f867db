// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// ACPI (specification 6.4, chapter 5.2): root pointer, root tables, MADT and FADT.

#include "base/bits.h"
#include "base/string.h"
#include "kernel/sal/firmware.h"

#define HEADER_SIZE 36u
#define TABLE_MAX   (1u << 20) // no table that is needed here is larger
#define TABLES_MAX  256u       // root entries looked at

// A checked table: header and checksum are good, size bytes can be read.
struct table {
    const u8 *bytes;
    u32 size;
};

static int table_open(const struct firmware_view *view, u64 address, const char *signature,
                      struct table *table) {
    const u8 *header = view->at(view->context, address, HEADER_SIZE);
    if (!header || memcmp(header, signature, 4) != 0)
        return 0;
    table->size = bits_load32(header + 4);
    if (table->size < HEADER_SIZE || table->size > TABLE_MAX)
        return 0;
    table->bytes = view->at(view->context, address, table->size);
    return table->bytes && firmware_checksum(table->bytes, table->size);
}

// The root pointer at that place: address of the root table, and the size of its entries; 0 if it
// is no root pointer.
static u64 root_open(const struct firmware_view *view, u64 address, u32 *entry) {
    const u8 *bytes = address ? view->at(view->context, address, 20) : 0;
    if (!bytes || memcmp(bytes, "RSD PTR ", 8) != 0 || !firmware_checksum(bytes, 20))
        return 0;
    *entry = 4;
    u64 root = bits_load32(bytes + 16);
    if (bytes[15] < 2)
        return root;
    const u8 *more = view->at(view->context, address, 36);
    if (more && bits_load32(more + 20) >= 36 && firmware_checksum(more, 36) &&
        bits_load64(more + 24) != 0) {
        *entry = 8;
        root = bits_load64(more + 24);
    }
    return root;
}

static u64 root_search(const struct firmware_view *view, u64 hint, u32 *entry) {
    u64 root = root_open(view, hint, entry);
    if (root)
        return root;
    u64 ebda = firmware_ebda(view);
    if (ebda)
        root = root_open(view, firmware_search(view, ebda, 1024, "RSD PTR "), entry);
    if (!root)
        root = root_open(view, firmware_search(view, 0xe0000, 0x20000, "RSD PTR "), entry);
    return root;
}

// --- MADT ----------------------------------------------------------------------------------------

enum madt_entry {
    MADT_LAPIC = 0,
    MADT_IOAPIC = 1,
    MADT_OVERRIDE = 2,
    MADT_X2APIC = 9,
};

static void madt_override(struct firmware_machine *machine, const u8 *e) {
    u8 bus = e[2], irq = e[3];
    u16 flags = bits_load16(e + 8);
    if (bus != 0 || irq >= FIRMWARE_ISA_IRQS)
        return;
    machine->isa[irq] = (struct firmware_irq){
        .gsi = bits_load32(e + 4), .active_low = (flags & 3) == 3, .level = (flags >> 2 & 3) == 3};
}

static void madt_entry(struct firmware_machine *machine, const u8 *e, u8 size) {
    switch (e[0]) {
    case MADT_LAPIC:
        if (size >= 8 && (bits_load32(e + 4) & 1) && e[3] != 0xff)
            firmware_add_cpu(machine, e[3]);
        break;
    case MADT_IOAPIC:
        if (size >= 12)
            firmware_add_ioapic(machine, e[2], bits_load32(e + 4), bits_load32(e + 8));
        break;
    case MADT_OVERRIDE:
        if (size >= 10)
            madt_override(machine, e);
        break;
    case MADT_X2APIC:
        if (size >= 16 && (bits_load32(e + 8) & 1) && bits_load32(e + 4) != ~0u)
            firmware_add_cpu(machine, bits_load32(e + 4));
        break;
    }
}

static void madt_read(const struct table *table, struct firmware_machine *machine) {
    u32 at = HEADER_SIZE + 8;
    while (at + 2 <= table->size) {
        const u8 *e = table->bytes + at;
        u8 size = e[1];
        if (size < 2 || size > table->size - at)
            break;
        madt_entry(machine, e, size);
        at += size;
    }
}

// --- FADT ----------------------------------------------------------------------------------------

#define FADT_PM_TIMER        76
#define FADT_FLAGS           112
#define FADT_RESET           116
#define FADT_RESET_VALUE     128
#define FADT_FLAG_TIMER_32   (1u << 8)
#define FADT_FLAG_RESET      (1u << 10)
#define FADT_FLAG_HW_REDUCED (1u << 20)

static void fadt_read(const struct table *table, struct firmware_machine *machine) {
    if (table->size < FADT_FLAGS + 4)
        return;
    u32 flags = bits_load32(table->bytes + FADT_FLAGS);
    u32 port = bits_load32(table->bytes + FADT_PM_TIMER);
    if (port && port <= 0xfffc && !(flags & FADT_FLAG_HW_REDUCED)) {
        machine->pm_timer = (u16)port;
        machine->pm_timer_32 = (flags & FADT_FLAG_TIMER_32) != 0;
    }
    if (!(flags & FADT_FLAG_RESET) || table->size < FADT_RESET_VALUE + 1)
        return;
    const u8 *reset = table->bytes + FADT_RESET;
    u64 address = bits_load64(reset + 4);
    if (reset[0] == 1 ? address > 0xffff : reset[0] != 0 || address == 0)
        return;
    machine->reset = (struct firmware_reset){.present = 1,
                                             .space = reset[0],
                                             .value = table->bytes[FADT_RESET_VALUE],
                                             .address = address};
}

int acpi_read(const struct firmware_view *view, u64 rsdp, struct firmware_machine *machine) {
    u32 entry;
    struct table root, table;
    u64 address = root_search(view, rsdp, &entry);
    if (!address || !table_open(view, address, entry == 8 ? "XSDT" : "RSDT", &root))
        return 0;
    u32 count = (root.size - HEADER_SIZE) / entry, madts = 0;
    for (u32 i = 0; i < count && i < TABLES_MAX; i++) {
        const u8 *e = root.bytes + HEADER_SIZE + (u64)i * entry;
        address = entry == 8 ? bits_load64(e) : bits_load32(e);
        if (table_open(view, address, "FACP", &table))
            fadt_read(&table, machine);
        else if (madts == 0 && table_open(view, address, "APIC", &table)) {
            madt_read(&table, machine);
            madts++;
        }
    }
    return machine->cpus != 0;
}
