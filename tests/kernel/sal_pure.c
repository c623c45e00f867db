// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Host tests of SAL's pure parts: memory map, firmware tables, symbols, calendar. Built with
// sanitizers; every look at a firmware table gets a copy of exactly the bytes asked for, so that
// reading past them is caught.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/sal/calendar.h"
#include "kernel/sal/firmware.h"
#include "kernel/sal/memory_map.h"
#include "kernel/sal/symbols.h"

static int passed, failed;

#define CHECK(condition) check((condition) != 0, __LINE__, #condition)

static void check(int good, int line, const char *text) {
    if (good) {
        passed++;
        return;
    }
    if (failed++ < 20)
        printf("tests/kernel/sal_pure.c:%d: %s\n", line, text);
}

static u64 random_state = 0x243f6a8885a308d3;

static u64 random_next(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

// --- memory map
// -----------------------------------------------------------------------------------------------------

#define MODEL_FRAMES 64u

static int overlaps(const struct memory_entry *e, u64 frame, int wholly) {
    u64 start = frame * ABI_PAGE, end = start + ABI_PAGE, e_end;
    if (e->size == 0)
        return 0;
    if (__builtin_add_overflow(e->address, e->size, &e_end)) {
        if (wholly)
            return 0;
        e_end = ~0ul;
    }
    return wholly ? e->address <= start && end <= e_end : e->address < end && start < e_end;
}

// Frame by frame, what normalisation must say.
static int model_usable(const struct memory_entry *entries, u32 count, u64 frame) {
    int usable = 0;
    for (u32 i = 0; i < count; i++)
        if (entries[i].type == MEMORY_USABLE)
            usable |= overlaps(&entries[i], frame, 1);
        else if (overlaps(&entries[i], frame, 0))
            return 0;
    return usable && frame != 0;
}

static int well_formed(const struct sal_range *ranges, u32 count, pfn_t limit) {
    pfn_t end = 0;
    for (u32 i = 0; i < count; i++) {
        if (ranges[i].count == 0 || ranges[i].first <= end || ranges[i].first >= limit ||
            ranges[i].count > limit - ranges[i].first)
            return 0;
        end = ranges[i].first + ranges[i].count;
    }
    return 1;
}

static struct memory_entry random_entry(void) {
    u64 fine = random_next() % 4 ? ~(ABI_PAGE - 1) : ~0ul;
    struct memory_entry e = {.address = random_next() % (MODEL_FRAMES * ABI_PAGE) & fine,
                             .size = random_next() % (16 * ABI_PAGE) & fine,
                             .type = random_next() % 3 ? MEMORY_USABLE : (u32)(random_next() % 8)};
    if (random_next() % 16 == 0)
        e.size = ~0ul - random_next() % (32 * ABI_PAGE);
    if (random_next() % 32 == 0)
        e.address = ~0ul - random_next() % (4 * ABI_PAGE);
    return e;
}

static void test_map_random(void) {
    int good = 1;
    for (int round = 0; round < 20000; round++) {
        struct memory_entry entries[12];
        struct sal_range ranges[SAL_RANGES_MAX];
        u32 count = (u32)(random_next() % 12);
        for (u32 i = 0; i < count; i++)
            entries[i] = random_entry();
        u32 n = memory_map_normalise(entries, count, MODEL_FRAMES, ranges, SAL_RANGES_MAX);
        good &= well_formed(ranges, n, MODEL_FRAMES);
        for (u64 f = 0; f < MODEL_FRAMES; f++)
            good &= model_usable(entries, count, f) ==
                    memory_map_contains(ranges, n, (struct sal_range){f, 1});
    }
    CHECK(good);
}

// More pieces than fit: some memory is lost, but what is left is good.
static void test_map_many(void) {
    enum { PIECES = 200 };
    struct memory_entry entries[PIECES + 1];
    struct sal_range ranges[SAL_RANGES_MAX];
    for (u32 i = 0; i < PIECES; i++)
        entries[i] = (struct memory_entry){
            .address = (2ul * i + 1) * ABI_PAGE, .size = ABI_PAGE, .type = MEMORY_USABLE};
    CHECK(memory_map_normalise(entries, PIECES, 1000, ranges, SAL_RANGES_MAX) == SAL_RANGES_MAX);
    CHECK(well_formed(ranges, SAL_RANGES_MAX, 1000));
    CHECK(memory_map_normalise(entries, PIECES, 1000, ranges, 3) == 3);
    // One range with more holes than fit.
    for (u32 i = 0; i < PIECES; i++)
        entries[i].type = 2;
    entries[PIECES] =
        (struct memory_entry){.address = 0, .size = 1000 * ABI_PAGE, .type = MEMORY_USABLE};
    u32 n = memory_map_normalise(entries, PIECES + 1, 1000, ranges, SAL_RANGES_MAX);
    CHECK(n > 0 && n <= SAL_RANGES_MAX && well_formed(ranges, n, 1000));
    int good = 1;
    for (u64 f = 0; f < 1000; f++)
        if (memory_map_contains(ranges, n, (struct sal_range){f, 1}))
            good &= model_usable(entries, PIECES + 1, f);
    CHECK(good);
}

static void test_list(void) {
    struct memory_list list = {.count = 0};
    CHECK(memory_list_add(&list, (struct sal_range){10, 100}) == 0);
    CHECK(memory_list_add(&list, (struct sal_range){200, 100}) == 0);
    CHECK(memory_list_take(&list, 5, 0, 1000) == 10);
    CHECK(memory_list_take(&list, 5, 50, 1000) == 50);
    CHECK(memory_list_take(&list, 100, 0, 1000) == 200);
    CHECK(memory_list_take(&list, 100, 0, 1000) == 0);
    CHECK(memory_list_take(&list, 20, 0, 30) == 0); // 15 .. 29 are too few
    CHECK(list.count == 2 && list.range[0].first == 15 && list.range[0].count == 35);
    CHECK(list.range[1].first == 55 && list.range[1].count == 55);
    CHECK(memory_list_add(&list, (struct sal_range){50, 5}) == 0);
    CHECK(list.count == 1 && list.range[0].count == 95);
    CHECK(memory_list_remove(&list, (struct sal_range){0, 1000}) == 0 && list.count == 0);
    struct sal_range ranges[1] = {{10, 5}};
    CHECK(memory_map_contains(ranges, 1, (struct sal_range){12, 3}));
    CHECK(!memory_map_contains(ranges, 1, (struct sal_range){12, 4}));
    CHECK(!memory_map_contains(ranges, 1, (struct sal_range){9, 2}));
    CHECK(!memory_map_contains(ranges, 1, (struct sal_range){12, ~0ul}));
}

// --- firmware
// -------------------------------------------------------------------------------------------------------

#define MEMORY_BYTES 0x100000u

static u8 memory[MEMORY_BYTES];
static void *copies[4096];
static u32 copies_made;

static void copies_free(void) {
    while (copies_made)
        free(copies[--copies_made]);
}

static const u8 *memory_at(void *context, u64 physical, u64 size) {
    (void)context;
    if (physical > MEMORY_BYTES || size > MEMORY_BYTES - physical || copies_made == 4096)
        return 0;
    u8 *copy = malloc(size ? size : 1);
    memcpy(copy, memory + physical, size);
    return copies[copies_made++] = copy;
}

static const struct firmware_view view = {memory_at, 0};

static void put(u64 at, u64 value, int bytes) {
    memcpy(memory + at, &value, (size_t)bytes);
}

static void fix_checksum(u64 at, u64 size, u64 sum_at) {
    u8 sum = 0;
    memory[sum_at] = 0;
    for (u64 i = 0; i < size; i++)
        sum += memory[at + i];
    memory[sum_at] = (u8)-sum;
}

#define RSDP 0xe0010u
#define RSDT 0x10000u
#define XSDT 0x11000u
#define MADT 0x12000u
#define FADT 0x13000u

static void put_header(u64 at, const char *signature, u32 size) {
    memcpy(memory + at, signature, 4);
    put(at + 4, size, 4);
    fix_checksum(at, size, at + 9);
}

static u32 madt_size;

static void madt_entry(const u8 *bytes, u32 size) {
    memcpy(memory + MADT + madt_size, bytes, size);
    madt_size += size;
}
#define MADT_ENTRY(...) madt_entry((const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

static void build_acpi(int revision) {
    memset(memory, 0, sizeof(memory));
    madt_size = 44;
    MADT_ENTRY(0, 8, 0, 0, 1, 0, 0, 0);                             // processor, id 0
    MADT_ENTRY(0, 8, 1, 4, 1, 0, 0, 0);                             // id 4
    MADT_ENTRY(0, 8, 2, 5, 0, 0, 0, 0);                             // disabled
    MADT_ENTRY(0, 8, 3, 4, 1, 0, 0, 0);                             // 4 again
    MADT_ENTRY(9, 16, 0, 0, 0x2c, 1, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0); // x2APIC id 300
    MADT_ENTRY(1, 12, 7, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0);          // I/O APIC
    MADT_ENTRY(2, 10, 0, 4, 20, 0, 0, 0, 0x0f, 0);                  // IRQ 4 is 20, low, level
    MADT_ENTRY(2, 10, 0, 99, 21, 0, 0, 0, 0, 0);                    // no such IRQ
    MADT_ENTRY(77, 3, 0);                                           // unknown
    put_header(MADT, "APIC", madt_size);
    memory[FADT + 116] = 1;    // reset register: port
    put(FADT + 120, 0xcf9, 8); // its address
    memory[FADT + 128] = 6;    // and value
    put(FADT + 76, 0x608, 4);  // timer
    put(FADT + 112, 1u << 10 | 1u << 8, 4);
    put_header(FADT, "FACP", 244);
    put(RSDT + 36, FADT, 4);
    put(RSDT + 40, MADT, 4);
    put_header(RSDT, "RSDT", 44);
    put(XSDT + 36, 0xfffffffffffffff0ul, 8); // a table that cannot be read
    put(XSDT + 44, MADT, 8);
    put(XSDT + 52, FADT, 8);
    put_header(XSDT, "XSDT", 60);
    memcpy(memory + RSDP, "RSD PTR ", 8);
    memory[RSDP + 15] = (u8)revision;
    put(RSDP + 16, RSDT, 4);
    put(RSDP + 20, 36, 4);
    put(RSDP + 24, XSDT, 8);
    fix_checksum(RSDP, 20, RSDP + 8);
    fix_checksum(RSDP, 36, RSDP + 32);
}

static struct firmware_machine machine;

static void read_machine(u64 rsdp) {
    firmware_read(&view, rsdp, &machine);
    copies_free();
}

static void check_acpi(void) {
    CHECK(machine.source == FIRMWARE_ACPI);
    CHECK(machine.cpus == 3 && machine.apic[0] == 0 && machine.apic[1] == 4 &&
          machine.apic[2] == 300);
    CHECK(machine.ioapics == 1 && machine.ioapic[0].address == 0xfec00000 &&
          machine.ioapic[0].id == 7);
    CHECK(machine.isa[4].gsi == 20 && machine.isa[4].active_low && machine.isa[4].level);
    CHECK(machine.isa[3].gsi == 3 && !machine.isa[3].active_low && !machine.isa[3].level);
    CHECK(machine.pm_timer == 0x608 && machine.pm_timer_32);
    CHECK(machine.reset.present && machine.reset.space == 1 && machine.reset.address == 0xcf9 &&
          machine.reset.value == 6);
}

static void test_acpi(void) {
    for (int revision = 0; revision <= 2; revision += 2) {
        build_acpi(revision);
        read_machine(RSDP);
        check_acpi();
        read_machine(0); // to be searched
        check_acpi();
        read_machine(0xfffffffffffffff8ul); // a lie, so to be searched
        check_acpi();
    }
    build_acpi(2);
    put(0x40e, 0x9f00, 2); // in the extended BIOS area
    memcpy(memory + 0x9f020, memory + RSDP, 36);
    memset(memory + RSDP, 0, 36);
    read_machine(0);
    check_acpi();
}

static void test_acpi_refused(void) {
    build_acpi(0);
    memory[RSDP + 8]++;
    read_machine(RSDP);
    CHECK(machine.source == FIRMWARE_NONE && machine.cpus == 0);
    build_acpi(0);
    memory[MADT + 50]++; // checksum
    read_machine(RSDP);
    CHECK(machine.source == FIRMWARE_NONE && machine.cpus == 0 && machine.pm_timer == 0x608);
    build_acpi(0);
    put(MADT + 4, 0xffffffff, 4); // length
    read_machine(RSDP);
    CHECK(machine.cpus == 0);
    build_acpi(0);
    memory[MADT + 45] = 0; // an entry without length would loop for ever
    fix_checksum(MADT, madt_size, MADT + 9);
    read_machine(RSDP);
    CHECK(machine.cpus == 0);
    build_acpi(0);
    memory[MADT + 45] = 255; // an entry beyond the end
    fix_checksum(MADT, madt_size, MADT + 9);
    read_machine(RSDP);
    CHECK(machine.cpus == 0);
}

static void test_acpi_many(void) {
    build_acpi(0);
    for (u32 i = 0; i < 200; i++)
        MADT_ENTRY(0, 8, 0, (u8)(10 + i), 1, 0, 0, 0);
    put_header(MADT, "APIC", madt_size);
    read_machine(RSDP);
    CHECK(machine.cpus == ABI_CPUS_MAX && machine.cpus_ignored == 203 - ABI_CPUS_MAX);
}

// Whatever is changed, nothing outside is read (sanitizers) and the result stays within its bounds.
static void test_acpi_damaged(void) {
    int good = 1;
    for (int round = 0; round < 20000; round++) {
        build_acpi(round & 2);
        for (u64 n = 1 + random_next() % 4; n > 0; n--) {
            static const u32 places[] = {RSDP, RSDT, XSDT, MADT, FADT};
            u32 place = places[random_next() % 5];
            memory[place + random_next() % 140] = (u8)random_next();
        }
        if (round & 4) { // get past the checksums
            put_header(MADT, "APIC", *(u32 *)(memory + MADT + 4) % 300 + 1);
            put_header(RSDT, "RSDT", *(u32 *)(memory + RSDT + 4) % 300 + 1);
            fix_checksum(RSDP, 20, RSDP + 8);
        }
        read_machine(RSDP);
        good &= machine.cpus <= ABI_CPUS_MAX && machine.ioapics <= FIRMWARE_IOAPICS_MAX;
    }
    CHECK(good);
}

#define MP_FLOATING 0xf1000u
#define MP_TABLE    0x20000u

static void build_mp(void) {
    static const u8 entries[] = {
        0, 0, 0x14, 3,   0,   0,   0,    0,    0, 0,
        0, 0, 0,    0,   0,   0,   0,    0,    0, 0, // processor 0, boots
        0, 1, 0x14, 1,   0,   0,   0,    0,    0, 0,
        0, 0, 0,    0,   0,   0,   0,    0,    0, 0, // processor 1
        0, 2, 0x14, 0,   0,   0,   0,    0,    0, 0,
        0, 0, 0,    0,   0,   0,   0,    0,    0, 0, // off
        1, 3, 'I',  'S', 'A', ' ', ' ',  ' ',        // bus 3
        1, 4, 'P',  'C', 'I', ' ', ' ',  ' ',        // bus 4
        2, 9, 0x11, 1,   0,   0,   0xc0, 0xfe,       // I/O APIC 9
        3, 0, 0,    0,   3,   4,   9,    4,          // ISA 4: pin 4
        3, 0, 0x0f, 0,   3,   5,   9,    17,         // ISA 5: pin 17, low, level
        3, 0, 0,    0,   4,   6,   9,    18,         // of PCI
    };
    memset(memory, 0, sizeof(memory));
    memcpy(memory + MP_FLOATING, "_MP_", 4);
    put(MP_FLOATING + 4, MP_TABLE, 4);
    memory[MP_FLOATING + 8] = 1;
    fix_checksum(MP_FLOATING, 16, MP_FLOATING + 10);
    memcpy(memory + MP_TABLE, "PCMP", 4);
    put(MP_TABLE + 4, 44 + sizeof(entries), 2);
    put(MP_TABLE + 34, 9, 2);
    put(MP_TABLE + 36, 0xfee00000, 4);
    memcpy(memory + MP_TABLE + 44, entries, sizeof(entries));
    fix_checksum(MP_TABLE, 44 + sizeof(entries), MP_TABLE + 7);
}

static void test_mp(void) {
    build_mp();
    read_machine(0);
    CHECK(machine.source == FIRMWARE_MP);
    CHECK(machine.cpus == 2 && machine.apic[0] == 0 && machine.apic[1] == 1);
    CHECK(machine.ioapics == 1 && machine.ioapic[0].address == 0xfec00000);
    CHECK(machine.isa[4].gsi == 4 && machine.isa[6].gsi == 6);
    CHECK(machine.isa[5].gsi == 17 && machine.isa[5].active_low && machine.isa[5].level);
    put(MP_TABLE + 34, 0xffff, 2); // more entries than there are
    fix_checksum(MP_TABLE, *(u16 *)(memory + MP_TABLE + 4), MP_TABLE + 7);
    read_machine(0);
    CHECK(machine.cpus == 2);
    memory[MP_TABLE + 50]++;
    read_machine(0);
    CHECK(machine.source == FIRMWARE_NONE && machine.cpus == 0);
    int good = 1;
    for (int round = 0; round < 20000; round++) {
        build_mp();
        for (u64 n = 1 + random_next() % 4; n > 0; n--)
            memory[MP_TABLE + random_next() % 160] = (u8)random_next();
        fix_checksum(MP_TABLE, *(u16 *)(memory + MP_TABLE + 4), MP_TABLE + 7);
        read_machine(0);
        good &= machine.cpus <= ABI_CPUS_MAX && machine.ioapics <= FIRMWARE_IOAPICS_MAX;
    }
    CHECK(good);
}

// --- symbols and calendar
// -------------------------------------------------------------------------------------------

static void test_symbols(void) {
    static const u32 offset[] = {0x10, 0x20, 0x80}, name[] = {0, 2, 6};
    const struct symbols symbols = {3, offset, name, "a\0two\0last"};
    const struct symbols none = {0, 0, 0, 0};
    u64 into;
    CHECK(symbols_find(&symbols, 0xf, &into) == 0);
    CHECK(strcmp(symbols_find(&symbols, 0x10, &into), "a") == 0 && into == 0);
    CHECK(strcmp(symbols_find(&symbols, 0x1f, &into), "a") == 0 && into == 15);
    CHECK(strcmp(symbols_find(&symbols, 0x7f, &into), "two") == 0 && into == 0x5f);
    CHECK(strcmp(symbols_find(&symbols, 0x1000000, &into), "last") == 0);
    CHECK(symbols_find(&none, 5, &into) == 0);
}

static void test_calendar(void) {
    CHECK(calendar_seconds(1970, 1, 1, 0, 0, 0) == 0);
    CHECK(calendar_seconds(2000, 2, 29, 12, 0, 0) == 951825600);
    CHECK(calendar_seconds(2000, 3, 1, 0, 0, 0) == 951868800);
    CHECK(calendar_seconds(2026, 11, 23, 6, 23, 4) == 1795414984);
    CHECK(calendar_seconds(2099, 12, 31, 23, 59, 59) == 4102444799);
}

// What sal.h declares and the tested code may call.
void panic(const char *format, ...) {
    printf("panic: %s\n", format);
    abort();
}

int main(void) {
    test_map_random();
    test_map_many();
    test_list();
    test_acpi();
    test_acpi_refused();
    test_acpi_many();
    test_acpi_damaged();
    test_mp();
    test_symbols();
    test_calendar();
    printf("sal-pure: %d passed, %d failed\n", passed, failed);
    return failed != 0;
}
