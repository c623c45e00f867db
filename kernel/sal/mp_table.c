// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The MP table (Intel MultiProcessor Specification 1.4, chapter 4): what machines without ACPI
// have.

#include "base/bits.h"
#include "base/string.h"
#include "kernel/sal/firmware.h"

#define FLOATING_SIZE 16u
#define HEADER_SIZE   44u
#define PINS_ASSUMED  24u // interrupt numbers per I/O APIC, as the table gives none

enum mp_entry { MP_PROCESSOR, MP_BUS, MP_IOAPIC, MP_INTERRUPT, MP_LOCAL };
enum mp_interrupt_type { MP_INT = 0 };

static u64 floating_open(const struct firmware_view *view, u64 address) {
    const u8 *bytes = address ? view->at(view->context, address, FLOATING_SIZE) : 0;
    if (!bytes || bytes[8] != 1 || !firmware_checksum(bytes, FLOATING_SIZE))
        return 0;
    return bits_load32(bytes + 4);
}

static u64 floating_search(const struct firmware_view *view) {
    u64 ebda = firmware_ebda(view), found = 0;
    if (ebda)
        found = floating_open(view, firmware_search(view, ebda, 1024, "_MP_"));
    if (!found)
        found = floating_open(view, firmware_search(view, 639 * 1024, 1024, "_MP_"));
    if (!found)
        found = floating_open(view, firmware_search(view, 0xf0000, 0x10000, "_MP_"));
    return found;
}

struct mp_reader {
    struct firmware_machine *machine;
    u8 isa_bus[32]; // bit set of bus ids
};

static void read_interrupt(struct mp_reader *reader, const u8 *e) {
    struct firmware_machine *machine = reader->machine;
    u8 bus = e[4], irq = e[5], ioapic = e[6], pin = e[7];
    u16 flags = bits_load16(e + 2);
    if (e[1] != MP_INT || irq >= FIRMWARE_ISA_IRQS || !(reader->isa_bus[bus / 8] & 1u << bus % 8))
        return;
    for (u32 i = 0; i < machine->ioapics; i++)
        if (machine->ioapic[i].id == ioapic || ioapic == 0xff) {
            machine->isa[irq] = (struct firmware_irq){.gsi = machine->ioapic[i].gsi_base + pin,
                                                      .active_low = (flags & 3) == 3,
                                                      .level = (flags >> 2 & 3) == 3};
            return;
        }
}

static void read_entry(struct mp_reader *reader, const u8 *e) {
    struct firmware_machine *machine = reader->machine;
    switch (e[0]) {
    case MP_PROCESSOR:
        if (e[3] & 1)
            firmware_add_cpu(machine, e[1]);
        break;
    case MP_BUS:
        if (memcmp(e + 2, "ISA", 3) == 0)
            reader->isa_bus[e[1] / 8] |= (u8)(1u << e[1] % 8);
        break;
    case MP_IOAPIC:
        if (e[3] & 1)
            firmware_add_ioapic(machine, e[1], bits_load32(e + 4), machine->ioapics * PINS_ASSUMED);
        break;
    case MP_INTERRUPT:
        read_interrupt(reader, e);
        break;
    }
}

int mp_table_read(const struct firmware_view *view, struct firmware_machine *machine) {
    u64 address = floating_search(view);
    const u8 *header = address ? view->at(view->context, address, HEADER_SIZE) : 0;
    if (!header || memcmp(header, "PCMP", 4) != 0)
        return 0;
    u16 size = bits_load16(header + 4), count = bits_load16(header + 34);
    const u8 *bytes = size >= HEADER_SIZE ? view->at(view->context, address, size) : 0;
    if (!bytes || !firmware_checksum(bytes, size))
        return 0;
    struct mp_reader reader = {.machine = machine};
    for (u32 at = HEADER_SIZE; count-- > 0;) {
        u32 step = at < size && bytes[at] == MP_PROCESSOR ? 20 : 8;
        if (at + step > size || bytes[at] > MP_LOCAL)
            break;
        read_entry(&reader, bytes + at);
        at += step;
    }
    return machine->cpus != 0;
}
