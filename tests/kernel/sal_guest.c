// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// SAL without AEGIS: what takes its place when only the lower layer is tested. The command line
// names what to do:
//
//   sal=checks   timers and interrupts on every processor, page protections, memory; prints "sal: N
//   passed, M failed" sal=echo     console input by interrupt, given back in upper case, until a
//   '.' sal=NAME     one of the ways to panic below
//
// tests/kernel/sal_guest.py boots it and judges.

#include "abi/calls.h"
#include "abi/pte.h"
#include "base/string.h"
#include "kernel/sal/lock.h"
#include "kernel/sal/sal.h"
#include "kernel/sal/x86_64/boot.h"
#include "kernel/sal/x86_64/context.h"
#include "kernel/sal/x86_64/paging.h"
#include "kernel/sal/x86_64/strand.h"
#include "kernel/sal/x86_64/x86.h"

#define TIMER_ROUNDS  10u
#define TIMER_US      500u
#define WAIT_US       5000000u
#define WINDOW_FRAMES 3u
#define LOCK_ROUNDS                                                                                \
    300u // few: with more processors than the host has, each handover waits for its scheduler
#define HOG_US      2u   // each time that another processor has the lock,
#define HOG_TURNS   100u // of which so many may be gone before one that waits has it
#define HOG_SAMPLES 40u
#define FLAG_AC     0x40000

struct seen {
    volatile u32 count[SAL_INTERRUPT_COUNT];
    volatile u64 timer_at, early;
};

static struct seen seen[ABI_CPUS_MAX];
static volatile u32 timers_done, locked, go_lock, go_spin, go_hog, hogs;
static u32 passed, failed;
static u64 counter;
static volatile u64 hog_turns; // with the lock
static pfn_t window_first, space;
static char line[64];
static struct sal_range taken[SAL_RANGES_MAX];
static u32 taken_count;
static struct lock lock = LOCK_INIT("test", 5), low_lock = LOCK_INIT("low", 2);

// What entry.S refers to.
extern const u64 calls[];
const u64 calls[512];
extern const u64 calls_in_c[];
const u64 calls_in_c[512];
extern const u64 calls_traced[];
const u64 calls_traced[512];
void trace_call(void);
void trace_result(void);
void trace_call(void) {}
void trace_result(void) {}
void upcall_refused(struct sal_regs *regs, u64 address);
void transfer_call(void);
void transfer_return(void);
void transfer_send(void);
void upcall_refused(struct sal_regs *regs, u64 address) {
    panic("upcall at %#lx, %#lx", regs->rip, address);
}
void transfer_call(void) {}
void transfer_return(void) {}
void transfer_send(void) {}

void aegis_spin_poll(void) {}
void aegis_strand_resumed(void) {}

// There is nobody to run: the timer's interrupt is like any other.
__asm__(".text\n.global entry_timer\nentry_timer: jmp interrupt\n");
// And nobody to watch.
__asm__(".text\n.global entry_watch_call, entry_watch_exception\n"
        "entry_watch_call: entry_watch_exception: ud2\n");

#define CHECK(condition) check((condition) != 0, __LINE__, #condition)

static void check(int good, int at, const char *text) {
    if (good)
        passed++;
    else if (failed++ < 20)
        log_print("tests/kernel/sal_guest.c:%d: %s", at, text);
}

static u64 us_to_tsc(u64 us) {
    return us * (sal_machine.tsc_hz / 1000) / 1000;
}

void aegis_interrupt(enum sal_interrupt what) {
    struct seen *s = &seen[sal_cpu()];
    s->count[what]++;
    if (what == SAL_INTERRUPT_TIMER && sal_tsc() < s->timer_at)
        s->early++;
    if (what == SAL_INTERRUPT_CONSOLE) {
        static u64 length;
        for (i32 c; (c = sal_console_get()) >= 0;)
            if (length < sizeof(line) - 1)
                line[length++] = (char)c;
    }
}

// --- page tables
// ----------------------------------------------------------------------------------------------------

struct walk {
    u64 pages, writable_executable, user, user_writable, lower;
    u64 text_executable, others_executable;
};

static void walk_leaf(struct walk *w, u64 va, u64 size, int writable, int user, int nx) {
    w->pages++;
    w->writable_executable += writable && !nx;
    if (!nx) {
        int text = va >= (u64)kernel_text_start && va + size <= (u64)kernel_text_end;
        w->text_executable += (u64)text;
        w->others_executable += !text;
    }
    if (user) {
        w->user++;
        w->user_writable += (u64)writable;
    }
    w->lower += va < SAL_DIRECT_MAP;
}

static void walk_table(struct walk *w, pfn_t frame, u64 va, int level, int writable, int user,
                       int nx) {
    const u64 *table = sal_frame(frame);
    for (u64 i = 0; i < 512; i++) {
        u64 e = table[i], at = va | i << (12 + 9 * level);
        if (!(e & ABI_PTE_P) || (level == 3 && i == ABI_PT_SLOT))
            continue;
        if (level == 3 && i >= 256)
            at |= 0xffff000000000000;
        int w2 = writable && (e & ABI_PTE_W), u2 = user && (e & ABI_PTE_U);
        int nx2 = nx || (e & ABI_PTE_NX);
        if (level == 0 || (e & ABI_PTE_PS))
            walk_leaf(w, at, 1ul << (12 + 9 * level), w2, u2, nx2);
        else
            walk_table(w, ABI_PTE_FRAME(e), at, level - 1, w2, u2, nx2);
    }
}

static void test_tables(void) {
    struct walk kernel = {0}, mine = {0};
    walk_table(&kernel, sal_kernel_root(), 0, 3, 1, 1, 0);
    sal_space_init(space);
    walk_table(&mine, space, 0, 3, 1, 1, 0);
    CHECK(kernel.pages > 0 && kernel.writable_executable == 0 && kernel.lower == 0);
    CHECK(kernel.others_executable == 0);
    CHECK(kernel.text_executable == (u64)(kernel_text_end - kernel_text_start) / ABI_PAGE);
    CHECK(kernel.user == WINDOW_FRAMES && kernel.user_writable == 0);
    CHECK(mine.pages == kernel.pages && mine.user == kernel.user);
    sal_space_load(space);
    __asm__ volatile("pushfq; orl %0, (%%rsp); popfq"
                     :
                     : "i"(FLAG_AC)
                     : "cc", "memory"); // past SMAP
    const volatile u64 *window = (const volatile u64 *)ABI_TABLES;
    CHECK(window[512] == 0x1234);
    CHECK(ABI_PTE_FRAME(ABI_PTES[(ABI_TABLES & 0xffffffffffff) >> 12]) == window_first);
    CHECK(ABI_PTE_FRAME(ABI_PML4ES[ABI_PT_SLOT]) == space);
    CHECK((ABI_PML4ES[ABI_PT_SLOT] & (ABI_PTE_W | ABI_PTE_U)) == ABI_PTE_U);
    __asm__ volatile("pushfq; andl %0, (%%rsp); popfq" : : "i"(~FLAG_AC) : "cc", "memory");
    sal_space_load(sal_kernel_root());
}

static void test_memory(void) {
    const struct sal_machine *m = &sal_machine;
    CHECK(m->ram_count > 0 && taken_count > 0);
    u64 frames = 0;
    pfn_t end = 0;
    for (u32 i = 0; i < m->ram_count; i++) {
        CHECK(m->ram[i].first > end && m->ram[i].count > 0);
        end = m->ram[i].first + m->ram[i].count;
        frames += m->ram[i].count;
    }
    CHECK(end == m->frames && frames > 0);
    CHECK(window_first && sal_cpu() == 0);
    // The direct map shows every frame, and writes go through.
    for (u32 i = 0; i < m->ram_count; i++) {
        volatile u64 *last = sal_frame(m->ram[i].first + m->ram[i].count - 1);
        u64 old = *last;
        *last = ~old;
        CHECK(*last == ~old);
        *last = old;
    }
}

// --- processors
// -----------------------------------------------------------------------------------------------------

// On each processor: deadlines near, past, and cancelled.
static void timer_rounds(void) {
    struct seen *s = &seen[sal_cpu()];
    for (u32 i = 1; i <= TIMER_ROUNDS; i++) {
        s->timer_at = i & 1 ? sal_tsc() + us_to_tsc(TIMER_US) : sal_tsc() - 1;
        sal_timer_set(s->timer_at);
        while (s->count[SAL_INTERRUPT_TIMER] < i)
            sal_idle();
    }
    __atomic_fetch_add(&timers_done, 1, __ATOMIC_SEQ_CST);
}

static void add_locked(void) {
    for (u32 i = 0; i < LOCK_ROUNDS; i++) {
        lock_take(&lock);
        counter++;
        lock_release(&lock);
    }
    __atomic_fetch_add(&locked, 1, __ATOMIC_SEQ_CST);
}

// The lock is free for an instant only, between two of these.
static void hog(void) {
    __atomic_fetch_add(&hogs, 1, __ATOMIC_SEQ_CST);
    while (go_hog) {
        lock_take(&lock);
        u64 end = sal_tsc() + us_to_tsc(HOG_US);
        while (sal_tsc() < end)
            ;
        hog_turns++;
        lock_release(&lock);
    }
    __atomic_fetch_sub(&hogs, 1, __ATOMIC_SEQ_CST);
}

// Sleeps until *value is wanted, or too long.
static int wait_for(const volatile u32 *value, u32 wanted) {
    u64 end = sal_tsc() + us_to_tsc(WAIT_US);
    while (*value != wanted && sal_tsc() < end)
        sal_pause();
    return *value == wanted;
}

static void by_size(u64 *values, u32 count) { // sorts
    for (u32 i = 1; i < count; i++)
        for (u32 j = i; j && values[j] < values[j - 1]; j--) {
            u64 other = values[j - 1];
            values[j - 1] = values[j];
            values[j] = other;
        }
}

// Often when a processor waits, another that wants it all the time has the lock no more than
// HOG_TURNS times meanwhile. Not always: it may be that its host did not run it. shared=0 in the
// command line says that the host runs one processor at a time, each for long.
static void test_lock_is_shared(void) {
    u64 turns[HOG_SAMPLES];
    u32 others = sal_machine.cpus > 1; // more would run less at a time
    if (!others || !sal_option("shared", 1))
        return;
    go_hog = 1;
    for (u32 i = 1; i <= others; i++)
        sal_ipi(i, SAL_INTERRUPT_RESCHEDULE);
    CHECK(wait_for(&hogs, others));
    for (u32 i = 0; i < HOG_SAMPLES; i++) {
        u64 before = hog_turns;
        while (hog_turns == before)
            sal_pause();
        before = hog_turns;
        lock_take(&lock);
        turns[i] = hog_turns - before;
        lock_release(&lock);
    }
    go_hog = 0;
    CHECK(wait_for(&hogs, 0));
    by_size(turns, HOG_SAMPLES);
    log_print("lock: %lu turns of the other before one's own, at most %lu", turns[HOG_SAMPLES / 4],
              turns[HOG_SAMPLES - 1]);
    CHECK(turns[HOG_SAMPLES / 4] <= HOG_TURNS);
}

static void test_processors(void) {
    u32 cpus = sal_machine.cpus;
    timer_rounds();
    CHECK(wait_for(&timers_done, cpus));
    for (u32 i = 0; i < cpus; i++) {
        CHECK(seen[i].count[SAL_INTERRUPT_TIMER] == TIMER_ROUNDS);
        CHECK(seen[i].early == 0);
    }
    // A cancelled deadline does not come; a far one is held back.
    u32 before = seen[0].count[SAL_INTERRUPT_TIMER];
    sal_timer_set(sal_tsc() + us_to_tsc(2000));
    sal_timer_set(~0ul);
    u64 end = sal_tsc() + us_to_tsc(4000);
    while (sal_tsc() < end)
        __asm__ volatile("sti; nop; cli");
    CHECK(seen[0].count[SAL_INTERRUPT_TIMER] == before);
    for (u32 i = 1; i < cpus; i++) {
        u32 was = seen[i].count[SAL_INTERRUPT_SHOOTDOWN];
        sal_ipi(i, SAL_INTERRUPT_SHOOTDOWN);
        CHECK(wait_for(&seen[i].count[SAL_INTERRUPT_SHOOTDOWN], was + 1));
    }
    go_lock = 1;
    for (u32 i = 1; i < cpus; i++)
        sal_ipi(i, SAL_INTERRUPT_RESCHEDULE);
    add_locked();
    CHECK(wait_for(&locked, cpus) && counter == (u64)LOCK_ROUNDS * cpus);
    test_lock_is_shared();
    sal_ipi(0, SAL_INTERRUPT_RESCHEDULE);
    sal_idle();
    CHECK(seen[0].count[SAL_INTERRUPT_RESCHEDULE] == 1);
}

// --- ways to panic
// --------------------------------------------------------------------------------------------------

__attribute__((noinline)) static void sal_test_fault(void) {
    volatile u64 *nowhere = (volatile u64 *)0x10;
    __asm__ volatile("" : "+r"(nowhere)); // not known to the compiler
    *nowhere = 1;
}
__attribute__((noinline)) static void sal_test_text(void) { // through the direct map
    *(volatile u64 *)sal_virt(boot_phys(kernel_text_start)) = 1;
}
__attribute__((noinline)) static void sal_test_rodata(void) {
    *(volatile char *)kernel_rodata_start = 1;
}
__attribute__((noinline)) static void sal_test_execute(void) { // data
    static u8 code[16] = {0xc3};
    ((void (*)(void))code)();
    __asm__ volatile(""); // so that the call is not a jump
}
__attribute__((noinline)) static void sal_test_execute_map(void) { // text, but by its other address
    ((void (*)(void))sal_virt(boot_phys(kernel_text_start)))();
    __asm__ volatile("");
}
__attribute__((noinline)) static void sal_test_smap(void) { // what user mode may read
    *(volatile u64 *)(ABI_TABLES + 8);
}
__attribute__((noinline)) static void sal_test_divide(void) {
    __asm__ volatile("divl %0" : : "r"(0), "a"(0), "d"(0));
}
__attribute__((noinline)) static u64 sal_test_stack(volatile u64 *up) {
    volatile u64 here[32] = {*up + 1};
    return here[0] == ~0ul ? 0 : sal_test_stack(here) + here[1];
}
__attribute__((noinline)) static void sal_test_order(void) LOCK_UNCHECKED { // debug builds only
    lock_take(&lock);
    lock_take(&low_lock);
    log_print("taken in the wrong order");
}
__attribute__((noinline)) static void sal_test_twice(void) LOCK_UNCHECKED { // debug builds only
    lock_take(&lock);
    lock_take(&lock);
}
__attribute__((noinline)) static void sal_test_holder(void) LOCK_UNCHECKED { // debug builds only
    lock_release(&lock);
}
__attribute__((noinline)) static void sal_test_spin(void) { // processors that take no interrupts
    go_spin = 1;
    for (u32 i = 1; i < sal_machine.cpus; i++)
        sal_ipi(i, SAL_INTERRUPT_RESCHEDULE);
    u64 end = sal_tsc() + us_to_tsc(100000);
    while (sal_tsc() < end)
        sal_pause();
    panic("on purpose: %s %d", "text", 42);
}
__attribute__((noinline)) static void sal_test_deaf(void) {
    for (;;)
        sal_pause();
}

static int asked(const char *name) {
    const char *at = sal_machine.command_line;
    u64 length = strlen(name);
    for (; (at = strchr(at, 's')); at++)
        if (strncmp(at, "sal=", 4) == 0 && strncmp(at + 4, name, length) == 0 &&
            (at[4 + length] == 0 || at[4 + length] == ' '))
            return 1;
    return 0;
}

static void run_panics(void) {
    static const struct {
        const char *name;
        void (*function)(void);
    } ways[] = {
        {"fault", sal_test_fault},     {"text", sal_test_text},       {"rodata", sal_test_rodata},
        {"execute", sal_test_execute}, {"map", sal_test_execute_map}, {"divide", sal_test_divide},
        {"spin", sal_test_spin},       {"deaf", sal_test_deaf},       {"smap", sal_test_smap},
        {"order", sal_test_order},     {"twice", sal_test_twice},     {"holder", sal_test_holder},
    };
    for (u32 i = 0; i < sizeof(ways) / sizeof(*ways); i++)
        if (asked(ways[i].name))
            ways[i].function();
    u64 top = 0;
    if (asked("stack"))
        log_print("%lu", sal_test_stack(&top));
}

static void run_echo(void) {
    sal_console_interrupts(1);
    sal_console_put((const u8 *)"ready\n", 6);
    while (!strchr(line, '.'))
        sal_idle();
    for (char *c = line; *c; c++)
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c;
    sal_console_put((const u8 *)line, strlen(line));
    sal_exit(MACHINE_EXIT_OK);
}

// --- in the place of aegis
// ------------------------------------------------------------------------------------------

void aegis_start(void) {
    window_first = sal_boot_alloc(WINDOW_FRAMES);
    *(volatile u64 *)sal_frame(window_first + 1) = 0x1234;
    sal_window_map(ABI_TABLES, window_first, WINDOW_FRAMES);
    space = sal_boot_alloc(1);
    taken_count = sal_boot_seal(taken, SAL_RANGES_MAX);
}

void aegis_cpu_run(u32 cpu) {
    if (cpu > 0) {
        timer_rounds();
        for (int was_locked = 0;;) {
            if (go_lock && !was_locked) {
                was_locked = 1;
                add_locked();
            }
            if (go_hog)
                hog();
            if (go_spin)
                sal_test_deaf();
            sal_idle();
        }
    }
    run_panics();
    if (asked("echo"))
        run_echo();
    if (!asked("checks"))
        panic("nothing to do: sal= is missing");
    test_memory();
    test_tables();
    test_processors();
    log_print("machine: %u processors, module %lu bytes, wall %lu s", sal_machine.cpus,
              sal_machine.module_bytes, sal_machine.wall_boot_ns / 1000000000);
    log_print("sal: %u passed, %u failed", passed, failed);
    sal_exit(failed ? MACHINE_EXIT_TESTS_FAILED : MACHINE_EXIT_TESTS_PASSED);
}
