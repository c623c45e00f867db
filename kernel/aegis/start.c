// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The beginning: tables, accounts, the first env. The boot module starts with an ELF executable,
// the first program; what follows is that program's business. It gets every resource, and divides
// them.

#include "abi/caps.h"
#include "abi/pte.h"
#include "base/string.h"
#include "kernel/aegis/above.h"
#include "kernel/aegis/account.h"
#include "kernel/aegis/elf.h"
#include "kernel/aegis/env.h"
#include "kernel/aegis/frame.h"
#include "kernel/aegis/lock.h"
#include "kernel/aegis/sched_priv.h"
#include "kernel/aegis/space.h"
#include "kernel/sal/sal.h"

#define FIRST_STACK_TOP   0x7fff0000ul
#define FIRST_STACK_PAGES 16

static u32 clamp(u64 value, u32 low, u32 high) {
    return value < low ? low : value > high ? high : (u32)value;
}

static void info_fill(void) {
    abi_info->version = ABI_VERSION;
    abi_info->cpus = sal_machine.cpus;
    abi_info->tsc_hz = sal_machine.tsc_hz;
    abi_info->tsc_boot = sal_machine.tsc_boot;
    abi_info->wall_boot_ns = sal_machine.wall_boot_ns;
    abi_info->module_first = sal_machine.module.first;
    abi_info->module_bytes = sal_machine.module_bytes;
    abi_info->xsave_bytes = sal_machine.xsave_bytes;
    abi_info->xcr0 = sal_machine.xcr0;
    abi_info->features = sal_machine.features;
    memcpy(abi_info->command_line, sal_machine.command_line, sizeof abi_info->command_line);
    abi_info->command_line[sizeof abi_info->command_line - 1] = 0;
}

static void map_or_panic(struct abi_space *space, u64 va, u64 bits, const void *from, u64 bytes) {
    pfn_t pfn;
    i64 error = frame_take(space->account, FRAME_USER, FRAME_AUTO, 0, &pfn);
    if (!error)
        error = space_map_first(space, va, pfn, bits);
    if (error)
        panic("no memory for the first program");
    if (bytes)
        memcpy(sal_frame(pfn), from, bytes);
}

static u64 first_load(struct abi_space *space) {
    struct elf_image image;
    const u8 *file = sal_frame(sal_machine.module.first);
    if (!sal_machine.module.count)
        panic("no boot module: there is nothing to run");
    const char *wrong =
        elf_check(file, sal_machine.module_bytes, FIRST_STACK_TOP - (1ul << 20), &image);
    if (wrong)
        panic("the boot module does not begin with a program: %s", wrong);
    for (u32 i = 0; i < image.count; i++) {
        const struct elf_segment *segment = &image.segment[i];
        u64 bits = (segment->writable ? ABI_PTE_W : 0) | (segment->executable ? 0 : ABI_PTE_NX);
        for (u64 at = 0; at < segment->bytes; at += ABI_PAGE) {
            u64 left = segment->file_bytes > at ? segment->file_bytes - at : 0;
            map_or_panic(space, segment->va + at, bits, file + segment->file + at,
                         left < ABI_PAGE ? left : ABI_PAGE);
        }
    }
    for (u64 i = 1; i <= FIRST_STACK_PAGES; i++)
        map_or_panic(space, FIRST_STACK_TOP - i * ABI_PAGE, ABI_PTE_W | ABI_PTE_NX, 0, 0);
    return image.entry;
}

// Who gets what: CAP_SLOT_* in abi/caps.h.
static void first_endow(struct env *env) {
    u32 slices = sal_machine.cpus * ABI_SLICES;
    cap_fill(env, CAP_SLOT_ACCOUNT, CAP_ACCOUNT, account_first(), 0, CAP_RIGHTS_ALL, 0);
    cap_fill(env, CAP_SLOT_SELF, CAP_ENV, env->id, 0, CAP_RIGHTS_ALL, 0);
    cap_fill(env, CAP_SLOT_SPACE, CAP_SPACE, env->row->space, 0, CAP_RIGHTS_ALL, 0);
    cap_fill(env, CAP_SLOT_SLICES, CAP_SLICES, 0, slices, CAP_RIGHTS_ALL, 0);
    cap_fill(env, CAP_SLOT_CONSOLE, CAP_CONSOLE, 0, 0, CAP_RIGHTS_ALL, 0);
    cap_fill(env, CAP_SLOT_MACHINE, CAP_MACHINE, 0, 0, CAP_RIGHTS_ALL, 0);
}

static void first_start(void) {
    struct abi_space *space;
    struct env *env;
    i64 error = space_make(account_first(), &space);
    ASSERT(!error);
    struct env_setup setup = {.rip = first_load(space), .rsp = FIRST_STACK_TOP};
    error = env_make(account_first(), space, &setup, &env);
    ASSERT(!error);
    first_endow(env);
    sched_slice_own(0, account_first());
    sched_assign(0, env);
    sched_ready(env);
}

// Present in kernels that test themselves (tests/kernel).
__attribute__((weak)) void aegis_selftest(void);

void aegis_start(void) {
    u64 frames = sal_machine.frames;
    u32 objects = clamp(frames / 32, 256, 16384);
    kernel_lock_init();
    frame_init();
    account_init(objects / 4);
    space_init(objects);
    env_init(objects);
    strand_init();
    sched_init();
    spin_start(clamp(frames / 128, 64, 1024));
    info_fill();
    account_find(account_first())->env_quota = objects - 1;
    frame_init_free();
    spin_open();
    first_start();
    if (aegis_selftest)
        aegis_selftest();
}
