// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The system abstraction layer: all that the rest of the kernel knows of the hardware. Below this
// line are processor, interrupt controllers, timers and boot protocol; above it, objects and their
// owners.
//
// Rules. The kernel runs with interrupts off, on one stack per processor, and is never preempted;
// it idles with interrupts on in sal_idle only. All physical memory is visible at sal_virt(),
// writable but never executable, except that the kernel's own text and read-only data are read-only
// there too. No kernel code touches a user address: user memory is reached through the frames
// behind it, so a page fault in the kernel is a broken invariant.

#ifndef KERNEL_SAL_SAL_H
#define KERNEL_SAL_SAL_H

#include "abi/layout.h"
#include "abi/tables.h"
#include "abi/types.h"

// --- memory --------------------------------------------------------------------------------------

#define SAL_DIRECT_MAP  0xffff800000000000ul
#define SAL_KERNEL_BASE 0xffffffff80000000ul
#define SAL_STRANDS     0xffffc18000000000ul // stacks of strands

static inline void *sal_virt(u64 physical) {
    return (void *)(SAL_DIRECT_MAP + physical);
}
static inline u64 sal_phys(const void *direct) {
    return (u64)direct - SAL_DIRECT_MAP;
}
static inline void *sal_frame(pfn_t pfn) {
    return sal_virt(pfn << ABI_PAGE_SHIFT);
}

// A run of frames.
struct sal_range {
    pfn_t first;
    u64 count;
};

#define SAL_RANGES_MAX 64

// What boot found. Filled before aegis_start and constant from then on.
struct sal_machine {
    struct sal_range ram[SAL_RANGES_MAX]; // usable memory, ascending, without overlap; includes
                                          // what is listed below
    u32 ram_count;
    struct sal_range kernel; // the kernel's image
    struct sal_range module; // boot module, whole frames; count 0 if none
    u64 module_bytes;
    pfn_t frames; // first number above all RAM
    u32 cpus;     // processors that will run
    u64 tsc_hz;
    u64 tsc_boot;     // time-stamp counter at kernel entry
    u64 wall_boot_ns; // wall-clock time then, from the CMOS clock
    u64 xsave_bytes;  // of an XSAVE area for xcr0; 512 + 64 at least
    u64 xcr0;
    u64 features; // ABI_FEATURE_*
    char command_line[2048];
};
extern struct sal_machine sal_machine;

// The number behind "name=" in the command line.
u64 sal_option(const char *name, u64 otherwise);

// Frames for the kernel's own tables, before aegis manages memory; contiguous, zeroed. Panics when
// there are none. After sal_boot_seal returns the frames that were taken (ascending ranges), it
// must not be called again.
pfn_t sal_boot_alloc(u64 count);
u32 sal_boot_seal(struct sal_range *taken, u32 max);

// Maps kernel frames at a place in the ABI_TABLES window, readable by every program. Boot only.
void sal_window_map(u64 va, pfn_t first, u64 count);

// Tables for pages of the kernel half that come and go later (SAL_STRANDS): the entries of the
// range, in order. The first write of an entry needs no flush; whoever changes one must. Boot only.
u64 *sal_window_reserve(u64 va, u64 pages);

// Kernel memory that comes and goes while the machine runs: SAL_AREA is writable and never
// executable, SAL_CODE, within 2 GiB of the kernel's text, executable and never writable.
#define SAL_AREA     0xffffc10000000000ul
#define SAL_CODE     0xffffffffa0000000ul
#define SAL_CODE_END 0xffffffffa1000000ul

// Boot only: the tables for that many pages from va on. They stay.
void sal_area_prepare(u64 va, u64 pages);
// A page that is not mapped. A page that was is not mapped again before all processors have
// flushed.
void sal_area_map(u64 va, pfn_t pfn);
pfn_t sal_area_unmap(u64 va); // returns what was mapped; 0 if nothing
pfn_t sal_area_frame(u64 va); // likewise

// Fills a zero frame as the top level of a new space: kernel half shared with all spaces, the
// ABI_PTES window, empty lower half. And makes one whose lower half is empty zero again.
void sal_space_init(pfn_t root);
void sal_space_end(pfn_t root);

// A page of zeros; a page that is not the other. The program's vector state is as before.
void sal_page_clear(void *page);
void sal_page_copy(void *page, const void *source);

// The page table that no env owns; a processor without an env has it loaded.
pfn_t sal_kernel_root(void);

// --- processors ----------------------------------------------------------------------------------

u32 sal_cpu(void); // number of this processor, 0 .. sal_machine.cpus - 1
u32 sal_cpu_apic(u32 cpu);

enum sal_interrupt {
    SAL_INTERRUPT_TIMER,
    SAL_INTERRUPT_RESCHEDULE, // sal_ipi: look again what to run
    SAL_INTERRUPT_SHOOTDOWN,  // sal_ipi: flush translations
    SAL_INTERRUPT_CONSOLE,    // the UART has input
    SAL_INTERRUPT_COUNT
};

void sal_ipi(u32 cpu, enum sal_interrupt what);

// Interrupts on and halt until one was handled, then off again. The interrupt goes to
// aegis_interrupt.
void sal_idle(void);

static inline u64 sal_tsc(void) {
    u32 lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return (u64)hi << 32 | lo;
}
static inline void sal_pause(void) {
    __asm__ volatile("pause");
}

// One-shot: SAL_INTERRUPT_TIMER on this processor at (or soon after) a time-stamp value; a past one
// fires at once. ~0 turns it off.
void sal_timer_set(u64 tsc);
// What the hardware is told for so many ticks of the time-stamp counter; 0 if it is told a value of
// that counter.
u32 sal_timer_count(u64 ticks);

// --- translations --------------------------------------------------------------------------------

void sal_tlb_flush_page(u64 va);
void sal_tlb_flush_all(void); // this processor, the loaded space
void sal_space_load(pfn_t root);

// --- devices and log -----------------------------------------------------------------------------

// The console's UART. sal_console_put waits for room; sal_console_get returns -1 if nothing is
// there.
void sal_console_put(const u8 *bytes, u64 count);
i32 sal_console_get(void);
void sal_console_interrupts(int on);

__attribute__((format(printf, 1, 2))) void log_print(const char *format,
                                                     ...); // kernel's log; base/format.h formats
void log_write(const char *bytes, u64 count);

__attribute__((format(printf, 1, 2), noreturn)) void panic(const char *format, ...);
#define ASSERT(condition)                                                                          \
    ((condition) ? (void)0 : panic("%s:%d: %s", __FILE__, __LINE__, #condition))

__attribute__((noreturn)) void sal_exit(u64 code); // enum machine_exit_code

// --- what the layer above provides ---------------------------------------------------------------

void aegis_start(void); // on the first processor, once; returns
__attribute__((noreturn)) void
aegis_cpu_run(u32 cpu); // on each processor, after aegis_start; never returns
void aegis_interrupt(enum sal_interrupt what); // from user mode or from sal_idle; interrupts off

#endif
