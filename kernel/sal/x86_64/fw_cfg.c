// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See fw_cfg.h; QEMU's docs/specs/fw_cfg.

#include "kernel/sal/x86_64/fw_cfg.h"
#include "base/string.h"
#include "kernel/sal/x86_64/x86.h"

#define SELECT_PORT    0x510
#define DATA_PORT      0x511
#define ITEM_SIGNATURE 0
#define ITEM_APIC_IDS  0x0f // all local APIC ids are below
#define IOAPIC_ADDRESS 0xfec00000ul

static void item_read(u16 item, void *to, u32 size) {
    x86_out16(SELECT_PORT, item);
    for (u32 i = 0; i < size; i++)
        ((u8 *)to)[i] = x86_in8(DATA_PORT);
}

void fw_cfg_read(struct firmware_machine *machine) {
    char signature[4];
    u16 limit;
    item_read(ITEM_SIGNATURE, signature, sizeof(signature));
    if (memcmp(signature, "QEMU", 4) != 0)
        return;
    item_read(ITEM_APIC_IDS, &limit, sizeof(limit));
    for (u32 i = 0; i < limit && i < 255; i++)
        firmware_add_cpu(machine, i);
    firmware_add_ioapic(machine, 0, IOAPIC_ADDRESS, 0);
    machine->source = FIRMWARE_QEMU;
}
