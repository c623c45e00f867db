// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The first program. It gets every resource, and hands them on as the boot configuration says
// (config.h): each library OS gets an account with memory and positions of every processor. The
// first of the list also gets the console's input and the right to end the machine. Then it
// watches: when the first library OS is gone without having ended the machine, it says so and does;
// what another leaves behind it takes back.
//
// Extensions of the archive (boot/ext/WHO/NAME.o) are loaded before that: those of `first` at this
// program's cost, and so with the machine's rights; those of `libos` at the first library OS's.
//
// The boot module is this program, padded to a page, and a cpio archive with boot/NAME.elf, which
// anybody may have made: it is checked like anything else (libos/exos/fs/cpio.h, libos/exos/elf.h).

#include "abi/caps.h"
#include "abi/env.h"
#include "abi/errors.h"
#include "abi/extension.h"
#include "abi/pte.h"
#include "abi/revoke.h"
#include "abi/tables.h"
#include "apps/first/config.h"
#include "base/format.h"
#include "base/string.h"
#include "gen/syscalls_user.h"
#include "libos/exos/elf.h"
#include "libos/exos/fs/cpio.h"
#include "libos/exos/linux/uapi_mman.h"
#include "libos/rt/batch.h"
#include "libos/rt/start.h"

#define CAP             CAP_SLOT_ACCOUNT
#define CAPS            CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)
#define MODULE          0x100000000ul // where the module is mapped,
#define MODULE_MAX      (64ul << 20)  // so much of it: libOS images come first in the archive
#define WINDOW          0x200000000ul // where frames of others are written
#define RUN_MAX         32ul          // of one frame_alloc
#define RESERVED_FRAMES 64ul
#define GIVEN_UP        125 // the launcher's exit status then
#define LIBOS_LOW       0x10000ul
#define LIBOS_HIGH      RT_START_PAGE
#define WATCH_MS        100
#define SQUEEZE_AFTER   10 // times WATCH_MS
#define SQUEEZE_TIME    20 // likewise

struct libos {
    const struct config_libos *config;
    u32 first_slice; // of each processor's
    account_id account;
    space_id space;
    env_id env;
};

static struct config config;
static struct libos liboses[CONFIG_LIBOSES];
static account_id own_account;
static space_id own_space;
static env_id own_env;
static u64 archive_offset;
static pfn_t cursor;

void rt_main(void *nothing) __attribute__((noreturn));

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    u64 n = format_write_va(text, sizeof(text) - 1, format, arguments);
    va_end(arguments);
    n = n < sizeof(text) - 2 ? n : sizeof(text) - 2;
    text[n++] = '\n';
    sys_log_write(CAP_SLOT_CONSOLE, (u64)text, n);
}

// Ends the machine with a message for whoever started it, and an exit status.
static void give_up(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void give_up(const char *format, ...) {
    static const char end[] = {(char)0xff, 'X', GIVEN_UP, 0};
    char text[264] = "\xffM";
    va_list arguments;
    va_start(arguments, format);
    u64 n = format_write_va(text + 2, sizeof(text) - 7, format, arguments);
    va_end(arguments);
    n = (n < sizeof(text) - 8 ? n : sizeof(text) - 8) + 3;
    memcpy(text + n, end, sizeof end);
    n += sizeof end;
    for (u64 done = 0; done < n;) {
        i64 taken = sys_console_write(CAP_SLOT_CONSOLE, (u64)text + done, n - done);
        if (taken < 0)
            break;
        done += (u64)taken;
    }
    say("%s", text + 2);
    sys_machine_exit(CAP_SLOT_MACHINE, MACHINE_EXIT_OK);
    for (;;)
        sys_env_yield(0, 0);
}

static const volatile struct abi_frame *frame_row(pfn_t pfn) {
    return abi_row(ABI_TABLE_FRAMES, pfn);
}
static const volatile struct abi_env *env_row(env_id env) {
    return abi_row(ABI_TABLE_ENVS, ABI_INDEX(env));
}
static const volatile struct abi_account *account_row(account_id account) {
    return abi_row(ABI_TABLE_ACCOUNTS, ABI_INDEX(account));
}

// Who am I? The account owns the boot module; the env is the one that runs in slice 0.
static void find_self(void) {
    own_account = frame_row(ABI_INFO->module_first)->owner;
    const volatile struct abi_slice *s = abi_row(ABI_TABLE_SLICES, 0);
    own_env = s->env;
    own_space = env_row(own_env)->space;
}

// --- memory
// ----------------------------------------------------------------------------------------------------------------

// pages (at most RUN_MAX) consecutive free frames, charged to account; 0: none.
static pfn_t frames_take(account_id account, u64 pages) {
    u64 frames = ABI_INFO->frames, run = 0;
    for (u64 i = 0; i < frames; i++) {
        if (++cursor >= frames)
            cursor = 1, run = 0;
        run = frame_row(cursor)->kind == FRAME_FREE ? run + 1 : 0;
        if (run != pages)
            continue;
        if (sys_frame_alloc(CAP, account, cursor - pages + 1, pages, 0) > 0)
            return cursor - pages + 1;
        run = 0;
    }
    return 0;
}

// New zeroed pages of a libOS at va, with bytes of from at the beginning.
static i64 pages_give(const struct libos *l, u64 va, u64 pages, const void *from, u64 bytes,
                      u64 bits) {
    while (pages) {
        u64 turn = pages < RUN_MAX ? pages : RUN_MAX, part = turn << ABI_PAGE_SHIFT;
        pfn_t first = frames_take(l->account, turn);
        if (!first)
            return -E_NOMEM;
        u64 copy = bytes < part ? bytes : part;
        i64 error = 0;
        if (copy) {
            error = rt_space_map(CAPS, own_space, WINDOW, first, turn, ABI_PTE_W | ABI_PTE_NX);
            if (error)
                return error;
            memcpy((void *)WINDOW, from, copy);
            error = rt_space_unmap(CAP, own_space, WINDOW, turn);
        }
        if (!error)
            error = rt_space_map(CAPS, l->space, va, first, turn, bits);
        if (error)
            return error;
        from = (const char *)from + copy;
        bytes -= copy;
        va += part;
        pages -= turn;
    }
    return 0;
}

// --- images
// ----------------------------------------------------------------------------------------------------------------

static u64 module_mapped(void) {
    u64 bytes = ABI_INFO->module_bytes;
    return bytes < MODULE_MAX ? bytes : MODULE_MAX;
}

// The archive begins at the first page boundary behind this program with a header: the magic number
// alone may also be a string constant of this program.
static int archive_begins(const char *at) {
    for (u32 i = 6; i < 110; i++)
        if (!((at[i] >= '0' && at[i] <= '9') || (at[i] >= 'A' && at[i] <= 'F') ||
              (at[i] >= 'a' && at[i] <= 'f')))
            return 0;
    return !memcmp(at, "070701", 6);
}

static void module_map(void) {
    u64 bytes = module_mapped(), pages = (bytes + ABI_PAGE - 1) >> ABI_PAGE_SHIFT;
    if (rt_space_map(CAPS, own_space, MODULE, ABI_INFO->module_first, pages, ABI_PTE_NX))
        give_up("first: no memory to map the boot module");
    for (u64 at = ABI_PAGE; at + 110 <= bytes; at += ABI_PAGE) {
        if (archive_begins((const char *)MODULE + at)) {
            archive_offset = at;
            return;
        }
    }
    give_up("first: the boot module has no archive");
}

static bool image_find(const char *name, struct cpio_entry *entry) {
    char path[64];
    u64 n = format_write(path, sizeof(path), "boot/%s.elf", name);
    struct cpio archive =
        cpio_open((const char *)MODULE + archive_offset, module_mapped() - archive_offset);
    while (cpio_next(&archive, entry) == CPIO_ENTRY) {
        if (entry->name_length == n && !memcmp(entry->name, path, n))
            return true;
    }
    return false;
}

static i64 image_load(const struct libos *l, const struct cpio_entry *e, u64 *entry) {
    struct elf_program program;
    u64 head = e->size < ELF_HEAD_BYTES ? e->size : ELF_HEAD_BYTES;
    i64 error = elf_check(e->data, head, e->size, LIBOS_LOW, LIBOS_HIGH, &program);
    if (error || program.position_independent || program.interpreter_bytes)
        return -E_INVAL;
    for (u32 i = 0; i < program.segment_count && !error; i++) {
        const struct elf_segment *s = &program.segments[i];
        u64 bits = (s->prot & PROT_WRITE ? ABI_PTE_W : 0) | (s->prot & PROT_EXEC ? 0 : ABI_PTE_NX);
        u64 lead = s->start & (ABI_PAGE - 1);
        if (lead > s->offset)
            return -E_INVAL;
        u64 pages = (lead + s->memory_bytes + ABI_PAGE - 1) >> ABI_PAGE_SHIFT;
        u64 bytes = s->file_bytes ? lead + s->file_bytes : 0;
        error = pages_give(l, s->start - lead, pages, e->data + s->offset - lead, bytes, bits);
    }
    *entry = program.entry;
    return error;
}

// --- starting
// ---------------------------------------------------------------------------------------------------------------

static i64 slices_give(const struct libos *l) {
    for (u64 cpu = 0; cpu < ABI_INFO->cpus; cpu++) {
        i64 error = sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP), l->account,
                                    cpu * ABI_SLICES + l->first_slice, l->config->slices);
        if (error)
            return error;
    }
    return 0;
}

// A capability in the libOS' table; 0 if there is none.
static u32 cap_give(const struct libos *l, u32 slot, u64 rights, u64 first, u64 pages) {
    i64 n = sys_cap_mint(CAP_PAIR(slot, CAP), l->env, rights, first, pages);
    return n < 0 ? 0 : (u32)n;
}

static i64 start_page(const struct libos *l, u32 index) {
    struct rt_start s = {.magic = RT_START_MAGIC,
                         .version = 2,
                         .account = l->account,
                         .space = l->space,
                         .env = l->env,
                         .stack_top = RT_STACK_LOW + (RT_STACK_PAGES << ABI_PAGE_SHIFT),
                         .module_first = ABI_INFO->module_first,
                         .module_bytes = ABI_INFO->module_bytes,
                         .archive_offset = archive_offset,
                         .archive_bytes = ABI_INFO->module_bytes - archive_offset};
    u64 pages = (ABI_INFO->module_bytes + ABI_PAGE - 1) >> ABI_PAGE_SHIFT;
    s.cap_module = cap_give(l, CAP, CAP_RIGHT_READ | CAP_RIGHT_EXEC | CAP_RIGHT_MINT,
                            ABI_INFO->module_first, pages);
    u64 console = CAP_RIGHT_WRITE | CAP_RIGHT_LOG | CAP_RIGHT_MINT;
    s.cap_console = cap_give(l, CAP_SLOT_CONSOLE, console | (index ? 0 : CAP_RIGHT_READ), 0, 0);
    if (!index)
        s.cap_machine = cap_give(l, CAP_SLOT_MACHINE, CAP_RIGHT_POWER, 0, 0);
    memcpy(s.run, l->config->run, sizeof s.run);
    return pages_give(l, RT_START_PAGE, 1, &s, sizeof(s), ABI_PTE_NX);
}

static i64 libos_start(u32 index) {
    struct libos *l = &liboses[index];
    struct cpio_entry e;
    u64 entry;
    if (!image_find(l->config->name, &e))
        give_up("first: the boot image has no library OS called %s", l->config->name);
    const volatile struct abi_account *a = account_row(own_account);
    u64 envs = a->env_quota - a->envs - 4; // the first of the list is started last
    i64 id = sys_account_create(CAP, own_account, l->config->frames, index ? envs / 8 : envs);
    if (id < 0)
        return id;
    l->account = (account_id)id;
    if ((id = sys_space_create(CAP, l->account)) < 0)
        return id;
    l->space = (space_id)id;
    i64 error = image_load(l, &e, &entry);
    if (!error)
        error = pages_give(l, RT_STACK_LOW, RT_STACK_PAGES, NULL, 0, ABI_PTE_W | ABI_PTE_NX);
    if (!error)
        error = slices_give(l);
    if (error)
        return error;
    struct env_setup setup = {.rip = entry,
                              .rsp = RT_STACK_LOW + (RT_STACK_PAGES << ABI_PAGE_SHIFT),
                              .arg = RT_START_PAGE};
    u64 cpu = index % ABI_INFO->cpus;
    id = sys_env_create(CAPS, l->account, l->space, (u64)&setup, cpu * ABI_SLICES + l->first_slice);
    if (id < 0)
        return id;
    l->env = (env_id)id;
    return start_page(l, index);
}

// Loads what the archive has for WHO; nothing runs if one is refused.
static void extensions_load(const char *who, account_id account) {
    struct cpio_entry e;
    struct cpio archive =
        cpio_open((const char *)MODULE + archive_offset, module_mapped() - archive_offset);
    while (cpio_next(&archive, &e) == CPIO_ENTRY) {
        char prefix[32];
        u64 n = format_write(prefix, sizeof(prefix), "boot/ext/%s/", who);
        if (e.name_length <= n + 2 || e.name_length - n - 2 >= EXT_NAME_BYTES ||
            memcmp(e.name, prefix, n))
            continue;
        struct ext_load request = {.object = (u64)e.data, .bytes = e.size, .flags = EXT_STAYS};
        struct ext_report report = {.code = 0};
        memcpy(request.name, e.name + n, e.name_length - n - 2); // without .o
        i64 error = sys_ext_load(CAP, account, (u64)&request, (u64)&report);
        if (error == -E_REFUSED)
            give_up("first: extension %s is refused: %s %s (%s:%u); see tri-ext explain",
                    request.name, report.name, report.words, report.file, report.line);
        if (error < 0)
            give_up("first: cannot load extension %s: error %ld", request.name, -error);
    }
}

// What there is, and who gets what of it.
static void divide(void) {
    const volatile struct abi_account *a = account_row(own_account);
    const char *wrong = config_parse((const char *)ABI_INFO->command_line, &config);
    if (!wrong)
        wrong = config_divide(&config, a->quota - a->frames - RESERVED_FRAMES, ABI_SLICES - 1);
    if (wrong)
        give_up("first: libos=: %s", wrong);
    for (u32 i = 0, slice = 1; i < config.count; slice += config.libos[i++].slices) {
        liboses[i].config = &config.libos[i];
        liboses[i].first_slice = slice;
    }
}

static u64 now(void) {
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

// The number behind name= on the command line, or 0.
static u64 number_option(const char *name) {
    const char *line = (const char *)ABI_INFO->command_line;
    u64 length = strlen(name), value = 0;
    const char *p = line;
    while (*p && !((p == line || p[-1] == ' ') && !strncmp(p, name, length)))
        p++;
    for (p += *p ? length : 0; *p >= '0' && *p <= '9'; p++)
        value = value * 10 + (u64)(*p - '0');
    return value;
}

// Some time after the start, asks the library OS for all frames but so many (squeeze= on the
// command line), and takes what it has not given back a while later.
static void squeeze(const struct libos *l, u64 leave, u32 turn) {
    static u64 given;
    const volatile struct abi_account *a = account_row(l->account);
    i64 n = 0;
    if (turn == SQUEEZE_AFTER && a->quota > leave) {
        say("first: asks %s for %lu frames; it has %lu", l->config->name, a->quota - leave,
            a->frames);
        n = sys_account_ask(CAP, l->account, REVOKE_FRAMES, ABI_ANY, a->quota - leave,
                            now() + ABI_INFO->tsc_hz / 1000 * WATCH_MS * SQUEEZE_TIME);
    }
    if (turn <= SQUEEZE_AFTER || !a->wanted || n)
        return;
    while ((n = sys_account_take(CAP, l->account, REVOKE_FRAMES, 0)) > 0 || n == -E_AGAIN)
        given += n > 0 ? (u64)n : 0;
    if (!n)
        say("first: got %lu frames of %s, %lu of them by force", given, l->config->name, a->taken);
}

static int ended(const struct libos *l) {
    const volatile struct abi_env *row = env_row(l->env);
    return row->id != l->env ||
           (row->state == ENV_STOPPED && row->stop_reason >= ENV_STOP_EXCEPTION);
}

static void watch_first(const struct libos *l) {
    const volatile struct abi_env *row = env_row(l->env);
    if (row->id != l->env)
        give_up("first: the library OS %s is gone", l->config->name);
    if (ended(l))
        give_up("first: the library OS %s was stopped: reason %u, exception %u at %lx, address %lx",
                l->config->name, row->stop_reason, row->stop_vector, row->stop_rip,
                row->stop_address);
}

// One that ended beside the first: all that it had comes back.
static void watch_other(struct libos *l, u32 index) {
    i64 error;
    if (!l->account || !ended(l))
        return;
    do
        error = sys_account_destroy(CAP, l->account);
    while (error == -E_AGAIN);
    say("first: library OS %u, %s, has ended", index, l->config->name);
    l->account = 0;
}

static void watch(void) {
    u64 leave = number_option("squeeze=");
    for (u32 turn = 0;; turn++) {
        sys_env_sleep(env_row(own_env)->wakes, now() + ABI_INFO->tsc_hz / 1000 * WATCH_MS);
        if (leave)
            squeeze(&liboses[0], leave, turn);
        watch_first(&liboses[0]);
        for (u32 i = 1; i < config.count; i++)
            watch_other(&liboses[i], i);
    }
}

void rt_main(void *nothing) {
    (void)nothing;
    find_self();
    module_map();
    divide();
    cursor = ABI_INFO->frames / 2;
    extensions_load("first", own_account);
    for (u32 i = config.count; i-- > 0;) {
        i64 error = libos_start(i);
        if (error)
            give_up("first: cannot start the library OS %s: error %ld", liboses[i].config->name,
                    -error);
    }
    extensions_load("libos", liboses[0].account);
    for (u32 i = 0; i < config.count; i++)
        sys_env_start(CAP, liboses[i].env);
    watch();
    __builtin_unreachable();
}
