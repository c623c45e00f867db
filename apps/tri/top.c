// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// tri-top: who has what, and who uses it, from the exposed tables alone.
//
//   tri-top [--once] [-n TIMES] [-d MILLISECONDS] [--frames]
//
// Usage is what the tables say now less what they said at the last look.

#include "apps/tri/tri.h"
#include "base/string.h"

#define ACCOUNTS 512
#define ENVS     2048
#define CPUS     64

// At the last look.
static struct { u64 id, ran; } env_before[ENVS];
static struct { u64 switches, interrupts, idle; } cpu_before[CPUS];
static u64 looked; // when
static u64 elapsed;

static struct usage {
    u64 ran, caps, upcalls, forced;
    u64 frames[FRAME_KINDS];
} usage[ACCOUNTS], orphaned; // of frames that nobody owns

static u32 rows(enum abi_table_number table, u32 most) {
    u32 count = ABI_INFO->table[table].count;
    return count < most ? count : most;
}

// Parts of 1000 of one processor.
static u64 share(u64 ticks) {
    return elapsed ? ticks * 1000 / elapsed : 0;
}

static void cpus(void) {
    tri_print("\n CPU  RUNS ENV  POSITION RUNNABLE  IDLE %%  SWITCHES INTERRUPTS   FLUSHES\n");
    for (u32 i = 0; i < rows(ABI_TABLE_CPUS, CPUS); i++) {
        const volatile struct abi_cpu *row = abi_row(ABI_TABLE_CPUS, i);
        u64 idle = share(row->idle - cpu_before[i].idle);
        idle = idle < 1000 ? idle : 1000;
        if (row->online)
            tri_print("%4u %9u %9u %8u %5lu.%lu %9lu %10lu %9lu\n", i, ABI_INDEX(row->env),
                      row->position, row->runnable, idle / 10, idle % 10,
                      row->switches - cpu_before[i].switches,
                      row->interrupts - cpu_before[i].interrupts, row->shootdowns);
        cpu_before[i].switches = row->switches;
        cpu_before[i].interrupts = row->interrupts;
        cpu_before[i].idle = row->idle;
    }
}

// Goes through the table of frames: who owns how many of which kind.
static void frames_count(void) {
    u64 frames = ABI_INFO->frames;
    for (u64 pfn = 1; pfn < frames; pfn++) {
        const volatile struct abi_frame *row = abi_row(ABI_TABLE_FRAMES, pfn);
        u32 kind = row->kind, owner = kind == FRAME_FREE ? 0 : ABI_INDEX(row->owner);
        struct usage *of = owner && owner < ACCOUNTS ? &usage[owner] : &orphaned;
        if (kind < FRAME_KINDS)
            of->frames[kind]++;
    }
}

static void frames(void) {
    static const u32 kinds[] = {FRAME_USER, FRAME_TABLE, FRAME_ENV,
                                FRAME_EXT,  FRAME_TRACE, FRAME_MODULE};
    frames_count();
    tri_print("\n OWNER OF FRAMES");
    for (u32 k = 0; k < sizeof kinds / sizeof *kinds; k++)
        tri_print(" %9s", tri_kind(kinds[k]));
    for (u32 i = 1; i < rows(ABI_TABLE_ACCOUNTS, ACCOUNTS); i++) {
        const volatile struct abi_account *row = abi_row(ABI_TABLE_ACCOUNTS, i);
        if (!row->id)
            continue;
        tri_print("\n    account %4u", i);
        for (u32 k = 0; k < sizeof kinds / sizeof *kinds; k++)
            tri_print(" %9lu", usage[i].frames[kinds[k]]);
    }
    tri_print("\n nobody: %lu free, %lu the kernel's\n", orphaned.frames[FRAME_FREE],
              orphaned.frames[FRAME_KERNEL]);
}

static void accounts(void) {
    tri_print("\nACCOUNT PARENT   FRAMES    QUOTA GUARANTEE   ASKED  ENVS SPACES SLICES  CAPS "
              "UPCALLS FORCED  CPU %%\n");
    for (u32 i = 1; i < rows(ABI_TABLE_ACCOUNTS, ACCOUNTS); i++) {
        const volatile struct abi_account *row = abi_row(ABI_TABLE_ACCOUNTS, i);
        struct abi_account a;
        u64 sequence, tries = 0;
        do {
            sequence = abi_read_begin();
            a = *(const struct abi_account *)row;
        } while (!abi_read_done(sequence) && ++tries < 100);
        if (!a.id)
            continue;
        const struct usage *u = &usage[i];
        tri_print("%7u %6u %8lu %8lu %9lu %7lu %5u %6u %6u %5lu %7lu %6lu %4lu.%lu\n", i,
                  ABI_INDEX(a.parent), a.frames, a.quota, a.minimum, a.wanted, a.envs, a.spaces,
                  a.slices, u->caps, u->upcalls, u->forced, share(u->ran) / 10, share(u->ran) % 10);
    }
}

// Adds up what envs use by their accounts. The running ones' last slice is not charged yet.
static void envs_count(void) {
    memset(usage, 0, sizeof usage);
    memset(&orphaned, 0, sizeof orphaned);
    for (u32 i = 1; i < rows(ABI_TABLE_ENVS, ENVS); i++) {
        const volatile struct abi_env *row = abi_row(ABI_TABLE_ENVS, i);
        u32 account = ABI_INDEX(row->account);
        if (!row->id || account >= ACCOUNTS)
            continue;
        struct usage *of = &usage[account];
        of->ran += row->ran - (env_before[i].id == row->id ? env_before[i].ran : 0);
        of->caps += row->caps;
        of->upcalls += row->upcalls;
        of->forced += row->forced;
    }
}

static void envs(void) {
    tri_print(
        "\n   ENV ACCOUNT SPACE STATE      CPU SLICES  CAPS     WAKES UPCALLS FORCED  CPU %%\n");
    for (u32 i = 1; i < rows(ABI_TABLE_ENVS, ENVS); i++) {
        const volatile struct abi_env *row = abi_row(ABI_TABLE_ENVS, i);
        u64 id = row->id;
        if (!id)
            continue;
        u64 part = share(row->ran - (env_before[i].id == id ? env_before[i].ran : 0));
        tri_print("%6u %7u %5u %-9s %4u %6u %5u %9lu %7u %6u %4lu.%lu", i, ABI_INDEX(row->account),
                  ABI_INDEX(row->space), tri_state(row->state), row->cpu, row->slices, row->caps,
                  row->wakes, row->upcalls, row->forced, part / 10, part % 10);
        if (row->state == ENV_STOPPED && row->stop_reason >= ENV_STOP_EXCEPTION)
            tri_print("  reason %u, vector %u at %lx", row->stop_reason, row->stop_vector,
                      row->stop_rip);
        tri_print("\n");
    }
}

static void extensions(void) {
    int any = 0;
    for (u32 i = 0; i < ABI_INFO->table[ABI_TABLE_EXTENSIONS].count; i++) {
        const volatile struct abi_extension *row = abi_row(ABI_TABLE_EXTENSIONS, i);
        char name[sizeof row->name + 1] = {0};
        if (!row->id)
            continue;
        for (u32 k = 0; k < sizeof row->name; k++)
            name[k] = row->name[k];
        tri_print("%s%9u %7u %7u %6u %9lu %7u  %s\n",
                  any++ ? "" : "\nEXTENSION ACCOUNT  FRAMES   CODE     CALLS  FAULTS  NAME\n", i,
                  ABI_INDEX(row->account), row->frames, row->code, row->calls, row->faults, name);
    }
}

static void remember(void) {
    for (u32 i = 1; i < rows(ABI_TABLE_ENVS, ENVS); i++) {
        const volatile struct abi_env *row = abi_row(ABI_TABLE_ENVS, i);
        env_before[i].id = row->id;
        env_before[i].ran = row->ran;
    }
    looked = tri_now();
}

static void look(int with_frames) {
    u64 now = tri_now(), up = tri_us(now - ABI_INFO->tsc_boot) / 1000;
    elapsed = now - looked;
    u32 slices = 0, free_slices = 0;
    for (u32 i = 0; i < ABI_INFO->table[ABI_TABLE_SLICES].count; i++, slices++)
        free_slices += !((const volatile struct abi_slice *)abi_row(ABI_TABLE_SLICES, i))->owner;
    tri_print("tri-top: up %lu.%03lu s, %u processors, %lu MiB, %lu MiB free; %u slices of %lu us, "
              "%u free\n",
              up / 1000, up % 1000, ABI_INFO->cpus, ABI_INFO->frames >> 8,
              ABI_INFO->free_frames >> 8, slices, ABI_INFO->slice_ns / 1000, free_slices);
    envs_count();
    cpus();
    accounts();
    if (with_frames)
        frames();
    envs();
    extensions();
    remember();
    tri_flush();
}

int tri_main(int argc, char **argv) {
    int once = tri_has(argc, argv, "--once"), with_frames = once || tri_has(argc, argv, "--frames");
    u64 times = tri_number(argc, argv, "-n", once ? 1 : ~0ul);
    u64 every = tri_number(argc, argv, "-d", once ? 200 : 1000);
    if (tri_has(argc, argv, "--help")) {
        tri_print("usage: tri-top [--once] [-n TIMES] [-d MILLISECONDS] [--frames]\n");
        return 0;
    }
    for (u32 i = 0; i < rows(ABI_TABLE_CPUS, CPUS); i++) {
        const volatile struct abi_cpu *row = abi_row(ABI_TABLE_CPUS, i);
        cpu_before[i].switches = row->switches;
        cpu_before[i].interrupts = row->interrupts;
        cpu_before[i].idle = row->idle;
    }
    remember();
    for (u64 i = 0; i < times; i++) {
        tri_sleep(every);
        if (!once)
            tri_print("\033[H\033[J");
        look(with_frames);
    }
    return 0;
}
