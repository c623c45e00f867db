// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See firmware.h: what both kinds of tables share.

#include "kernel/sal/firmware.h"
#include "base/bits.h"
#include "base/string.h"

int firmware_checksum(const u8 *bytes, u64 size) {
    u8 sum = 0;
    for (u64 i = 0; i < size; i++)
        sum += bytes[i];
    return sum == 0;
}

void firmware_add_cpu(struct firmware_machine *machine, u32 apic) {
    for (u32 i = 0; i < machine->cpus; i++)
        if (machine->apic[i] == apic)
            return;
    if (machine->cpus < ABI_CPUS_MAX)
        machine->apic[machine->cpus++] = apic;
    else
        machine->cpus_ignored++;
}

void firmware_add_ioapic(struct firmware_machine *machine, u8 id, u64 address, u32 gsi_base) {
    if (address == 0 || (address & (ABI_PAGE - 1) & ~0xc00ul) || address >> 46)
        return;
    for (u32 i = 0; i < machine->ioapics; i++)
        if (machine->ioapic[i].address == address)
            return;
    if (machine->ioapics < FIRMWARE_IOAPICS_MAX)
        machine->ioapic[machine->ioapics++] =
            (struct firmware_ioapic){.address = address, .gsi_base = gsi_base, .id = id};
}

u64 firmware_search(const struct firmware_view *view, u64 from, u64 size, const char *text) {
    u64 length = strlen(text);
    const u8 *bytes = view->at(view->context, from, size);
    if (!bytes)
        return 0;
    for (u64 i = 0; i + 16 <= size; i += 16)
        if (memcmp(bytes + i, text, length) == 0)
            return from + i;
    return 0;
}

u64 firmware_ebda(const struct firmware_view *view) {
    const u8 *segment = view->at(view->context, 0x40e, 2);
    u64 address = segment ? (u64)bits_load16(segment) << 4 : 0;
    return address >= 0x80000 && address < 0xa0000 - 1024 ? address : 0;
}

static void machine_clear(struct firmware_machine *machine) {
    memset(machine, 0, sizeof(*machine));
    for (u32 i = 0; i < FIRMWARE_ISA_IRQS; i++)
        machine->isa[i].gsi = i;
}

void firmware_read(const struct firmware_view *view, u64 rsdp, struct firmware_machine *machine) {
    machine_clear(machine);
    if (rsdp != FIRMWARE_NO_ACPI && acpi_read(view, rsdp, machine)) {
        machine->source = FIRMWARE_ACPI;
        return;
    }
    // What ACPI said besides processors (timer, reset) stays; the rest comes from the older table.
    if (mp_table_read(view, machine))
        machine->source = FIRMWARE_MP;
}
