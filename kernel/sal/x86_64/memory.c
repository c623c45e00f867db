// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the boot loader says (PVH start info): memory map, boot module, command line. And frames for
// the kernel's own tables, taken from there until aegis manages memory.
//
// free is what sal_boot_alloc may still take, taken is what it gave away; kernel image and module
// are in neither.

#include "base/string.h"
#include "kernel/sal/memory_map.h"
#include "kernel/sal/x86_64/boot.h"
#include "kernel/sal/x86_64/paging.h"
#include "kernel/sal/x86_64/x86.h"

#define START_MAGIC     0x336ec578u
#define ENTRIES_MAX     256u
#define LOW_END         (1ul << 20 >> ABI_PAGE_SHIFT)
#define BOOT_TABLES_END (1ul << 32)

struct start_info {
    u32 magic;
    u32 version;
    u32 flags;
    u32 modules;
    u64 module_list;
    u64 command_line;
    u64 rsdp;
    u64 memory_map; // from version 1
    u32 memory_entries;
    u32 reserved;
};

struct start_module {
    u64 address;
    u64 size;
    u64 command_line;
    u64 reserved;
};

static struct memory_list free, taken;
static u8 sealed;
static pfn_t trampoline;

const void *boot_low(u64 physical, u64 size) {
    u64 end;
    if (__builtin_add_overflow(physical, size, &end) || end > BOOT_TABLES_END)
        return 0;
    return sal_virt(physical);
}

static const struct start_info *start_open(u64 address) {
    const struct start_info *info = address & 7 ? 0 : boot_low(address, sizeof(*info));
    if (!info || info->magic != START_MAGIC)
        panic("boot: no PVH start information at %#lx", address);
    if (info->version < 1 || info->memory_entries == 0)
        panic("boot: the loader gives no memory map (PVH version %u)", info->version);
    return info;
}

static void read_memory(const struct start_info *info) {
    u32 count = info->memory_entries < ENTRIES_MAX ? info->memory_entries : ENTRIES_MAX;
    const struct memory_entry *entries = boot_low(info->memory_map, count * sizeof(*entries));
    if (!entries)
        panic("boot: memory map at %#lx cannot be read", info->memory_map);
    if (count < info->memory_entries)
        log_print("memory map: only %u of %u entries read", count, info->memory_entries);
    u32 bits =
        x86_cpuid(0x80000000, 0).eax >= 0x80000008 ? x86_cpuid(0x80000008, 0).eax & 0xff : 36;
    u64 limit = bits < 45 ? 1ul << bits : PAGING_RAM_LIMIT;
    sal_machine.ram_count = memory_map_normalise(entries, count, limit >> ABI_PAGE_SHIFT,
                                                 sal_machine.ram, SAL_RANGES_MAX);
    for (u32 i = 0; i < sal_machine.ram_count; i++) {
        struct sal_range *r = &sal_machine.ram[i];
        sal_machine.frames = r->first + r->count;
        (void)memory_list_add(&free, *r); // as many as fit
    }
}

// Evidence for the panic that follows.
static void show_memory(const struct start_info *info) {
    const struct memory_entry *entries =
        boot_low(info->memory_map, info->memory_entries * sizeof(*entries));
    for (u32 i = 0; entries && i < info->memory_entries && i < ENTRIES_MAX; i++)
        log_print("memory map: %#14lx + %#14lx type %u", entries[i].address, entries[i].size,
                  entries[i].type);
}

static void read_kernel(const struct start_info *info) {
    pfn_t first = (u64)kernel_load_start >> ABI_PAGE_SHIFT;
    sal_machine.kernel =
        (struct sal_range){first, ((u64)kernel_load_end >> ABI_PAGE_SHIFT) - first};
    if (memory_map_contains(sal_machine.ram, sal_machine.ram_count, sal_machine.kernel))
        return;
    show_memory(info);
    panic("boot: the memory map does not cover the kernel");
}

static void read_module(const struct start_info *info) {
    if (info->modules == 0)
        return;
    const struct start_module *module = boot_low(info->module_list, sizeof(*module));
    if (!module || module->size == 0)
        panic("boot: the loader's module list cannot be read");
    if (module->address & (ABI_PAGE - 1) || module->size > ~0ul - ABI_PAGE)
        panic("boot: module at %#lx + %#lx is not page aligned", module->address, module->size);
    struct sal_range range = {module->address >> ABI_PAGE_SHIFT,
                              (module->size + ABI_PAGE - 1) >> ABI_PAGE_SHIFT};
    pfn_t kernel_end = sal_machine.kernel.first + sal_machine.kernel.count;
    if (!memory_map_contains(sal_machine.ram, sal_machine.ram_count, range) ||
        (range.first < kernel_end && range.first + range.count > sal_machine.kernel.first)) {
        show_memory(info);
        panic("boot: module at %#lx + %#lx is not in free memory", module->address, module->size);
    }
    sal_machine.module = range;
    sal_machine.module_bytes = module->size;
    if (info->modules > 1)
        log_print("boot: %u modules ignored", info->modules - 1);
}

static void read_command_line(const struct start_info *info) {
    if (info->command_line == 0)
        return;
    const char *text = boot_low(info->command_line, sizeof(sal_machine.command_line));
    if (text && !string_copy(sal_machine.command_line, text, sizeof(sal_machine.command_line)))
        log_print("boot: the command line was cut");
}

// A page where processors can start, for good: one that comes late must still find it.
static void reserve_trampoline(void) {
    trampoline = memory_list_take(&free, 1, 1, LOW_END);
    if (trampoline)
        (void)memory_list_add(&taken, (struct sal_range){trampoline, 1});
}

u64 boot_memory_init(u64 start_info) {
    const struct start_info *info = start_open(start_info);
    read_memory(info);
    read_kernel(info);
    read_module(info);
    read_command_line(info);
    if (memory_list_remove(&free, sal_machine.kernel) != 0 ||
        memory_list_remove(&free, sal_machine.module) != 0)
        panic("boot: memory in too many pieces");
    reserve_trampoline();
    return info->rsdp;
}

pfn_t boot_trampoline_frame(void) {
    return trampoline;
}

pfn_t sal_boot_alloc(u64 count) {
    ASSERT(!sealed && count > 0);
    // Until the kernel's own tables are loaded, memory above 4 GiB cannot be seen.
    u64 limit = boot_kernel_root ? ~0ul : BOOT_TABLES_END >> ABI_PAGE_SHIFT;
    pfn_t first = memory_list_take(&free, count, LOW_END, limit);
    if (!first || memory_list_add(&taken, (struct sal_range){first, count}) != 0)
        panic("boot: no room for %lu frames of kernel tables", count);
    memset(sal_frame(first), 0, count << ABI_PAGE_SHIFT);
    return first;
}

u32 sal_boot_seal(struct sal_range *ranges, u32 max) {
    sealed = 1;
    ASSERT(taken.count <= max);
    memcpy(ranges, taken.range, taken.count * sizeof(*ranges));
    return taken.count;
}
