// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See processor.h. A processor's stacks are a block of STACK_BLOCK in PAGING_STACKS, by its number:
//
//   page 0 guard, 1-2 NMI, 3 guard, 4-5 #DF, 6 guard, 7-8 #MC, 9 guard, 10-15 kernel stack

#include "kernel/sal/x86_64/processor.h"
#include "abi/calls.h"
#include "base/format.h"
#include "base/string.h"
#include "kernel/sal/x86_64/boot.h"
#include "kernel/sal/x86_64/page.h"
#include "kernel/sal/x86_64/paging.h"
#include "kernel/sal/x86_64/vectors.h"
#include "kernel/sal/x86_64/x86.h"

#define STACK_PAGES        16ul
#define STACK_BLOCK        (STACK_PAGES * ABI_PAGE)
#define STACK_KERNEL_FIRST 10ul
#define STACK_IST_FIRST(i) (3ul * (i) + 1)
#define STACK_IST_PAGES    2ul
#define STACK_MAPPED       0xfdb6u // bit set of pages that are not guards

static struct cpu cpus[ABI_CPUS_MAX];
static u32 stacks_mapped;
static u8 early_stack[ABI_PAGE] __attribute__((aligned(16)));

struct gate {
    u16 offset0;
    u16 selector;
    u8 ist;
    u8 type;
    u16 offset1;
    u32 offset2;
    u32 reserved;
};
static struct gate idt[256] __attribute__((aligned(4096)));

struct table_pointer {
    u16 limit;
    u64 base;
} __attribute__((packed));

extern const u64 entry_vectors[256];
void entry_syscall(void);

struct cpu *cpu_get(u32 number) {
    ASSERT(number < ABI_CPUS_MAX);
    return &cpus[number];
}

u32 sal_cpu(void) {
    return cpu_this()->number;
}

u32 sal_cpu_apic(u32 cpu) {
    return cpu_get(cpu)->apic;
}

// --- features ------------------------------------------------------------------------------------

enum feature_word { F_1C, F_1D, F_7B, F_7C, F_81C, F_81D, F_WORDS };

static u32 words[F_WORDS];

struct feature {
    u8 word, bit;
    const char *name;
};

// x86-64-v2, and FSGSBASE and NX.
static const struct feature required[] = {
    {F_1D, 0, "FPU"},       {F_1D, 4, "TSC"},     {F_1D, 5, "MSR"},     {F_1D, 6, "PAE"},
    {F_1D, 8, "CX8"},       {F_1D, 9, "APIC"},    {F_1D, 13, "PGE"},    {F_1D, 15, "CMOV"},
    {F_1D, 16, "PAT"},      {F_1D, 23, "MMX"},    {F_1D, 24, "FXSR"},   {F_1D, 25, "SSE"},
    {F_1D, 26, "SSE2"},     {F_1C, 0, "SSE3"},    {F_1C, 9, "SSSE3"},   {F_1C, 13, "CX16"},
    {F_1C, 19, "SSE4.1"},   {F_1C, 20, "SSE4.2"}, {F_1C, 23, "POPCNT"}, {F_81C, 0, "LAHF"},
    {F_81D, 11, "SYSCALL"}, {F_81D, 20, "NX"},    {F_81D, 29, "LM"},    {F_7B, 0, "FSGSBASE"},
};

#define XSAVE (1u << 26) // of F_1C

static int has(u8 word, u8 bit) {
    return words[word] >> bit & 1;
}
#define HAS_MCE    has(F_1D, 7)
#define HAS_XSAVE  has(F_1C, 26)
#define HAS_RDRAND has(F_1C, 30)
#define HAS_SMEP   has(F_7B, 7)
#define HAS_ERMS   has(F_7B, 9)
#define HAS_SMAP   has(F_7B, 20)
#define HAS_UMIP   has(F_7C, 2)
#define HAS_GIGA   has(F_81D, 26)
#define HAS_PKU    has(F_7C, 3)

// QEMU's TCG (7.2; mended in 9.1) makes the stack accesses of an IRETQ that user mode executes as
// if the kernel made them, so that SMAP refuses them; returning from an upcall is just such an
// IRETQ. There, and only there, SMAP stays off.
static int is_tcg(void) {
    struct x86_cpuid r = x86_cpuid(0x40000000, 0);
    return words[F_1C] >> 31 && r.ebx == 0x54474354 && r.ecx == 0x43544743 && r.edx == 0x47435447;
}

static void read_features(void) {
    u32 basic = x86_cpuid(0, 0).eax, extended = x86_cpuid(0x80000000, 0).eax;
    struct x86_cpuid r = x86_cpuid(1, 0);
    words[F_1C] = basic >= 0xd ? r.ecx : r.ecx & ~XSAVE; // which that leaf describes
    words[F_1D] = r.edx;
    if (basic >= 7) {
        r = x86_cpuid(7, 0);
        words[F_7B] = r.ebx;
        words[F_7C] = r.ecx;
    }
    if (extended >= 0x80000001) {
        r = x86_cpuid(0x80000001, 0);
        words[F_81C] = r.ecx;
        words[F_81D] = r.edx;
    }
}

void processor_check(void) {
    char text[256];
    struct format_text missing = {text, sizeof(text), 0};
    read_features();
    for (u32 i = 0; i < sizeof(required) / sizeof(*required); i++)
        if (!has(required[i].word, required[i].bit))
            format_append(&missing, " %s", required[i].name);
    if (missing.length) {
        log_print("this processor cannot run tricolor (x86-64-v2 with NX and FSGSBASE is needed); "
                  "missing:%s",
                  text);
        sal_exit(MACHINE_EXIT_PANIC);
    }
    sal_machine.features =
        (HAS_PKU && HAS_XSAVE ? ABI_FEATURE_PKU : 0) | (HAS_XSAVE ? ABI_FEATURE_XSAVE : 0) |
        (HAS_RDRAND ? ABI_FEATURE_RDRAND : 0) | (HAS_GIGA ? ABI_FEATURE_GIGA : 0);
}

// --- stacks --------------------------------------------------------------------------------------

static u64 stack_base(u32 number) {
    return PAGING_STACKS + number * STACK_BLOCK;
}

void processor_stacks_map(struct cpu *cpu) {
    u64 base = stack_base(cpu->number);
    for (u64 page = 0; page < STACK_PAGES; page++)
        if (STACK_MAPPED >> page & 1)
            paging_map(base + page * ABI_PAGE, sal_boot_alloc(1) << ABI_PAGE_SHIFT, ABI_PAGE,
                       ABI_PTE_P | ABI_PTE_W | ABI_PTE_A | ABI_PTE_D | ABI_PTE_NX | PAGING_PTE_G);
    cpu->kernel_stack_top = base + STACK_BLOCK;
    cpu->stack_bottom = base + STACK_KERNEL_FIRST * ABI_PAGE;
    cpu->tss.rsp[0] = cpu->kernel_stack_top;
    for (u64 i = 0; i < CPU_IST_COUNT; i++)
        cpu->tss.ist[i] = base + (STACK_IST_FIRST(i) + STACK_IST_PAGES) * ABI_PAGE;
    stacks_mapped = cpu->number + 1;
}

i32 processor_of_stack(u64 address) {
    u64 number = (address - PAGING_STACKS) / STACK_BLOCK;
    return address >= PAGING_STACKS && number < stacks_mapped ? (i32)number : -1;
}

int processor_stack_holds(u64 address, u64 bytes) {
    u64 last = address + bytes - 1;
    if (address >= (u64)boot_stack && last < (u64)boot_stack_top && last >= address)
        return 1;
    if (processor_of_stack(address) < 0 || processor_of_stack(last) < 0)
        return 0;
    for (u64 at = address & ~(ABI_PAGE - 1); at <= last; at += ABI_PAGE)
        if (!(STACK_MAPPED >> (at - PAGING_STACKS) / ABI_PAGE % STACK_PAGES & 1))
            return 0;
    return 1;
}

// --- descriptor tables ---------------------------------------------------------------------------

static void idt_init(void) {
    static const u8 ist[32] = {[VECTOR_NMI] = IST_NMI, [VECTOR_DF] = IST_DF, [VECTOR_MC] = IST_MC};
    for (u32 i = 0; i < 256; i++) {
        u64 entry = entry_vectors[i];
        int user = i == 3 || i == 4; // int3 and into
        idt[i] = (struct gate){.offset0 = (u16)entry,
                               .offset1 = (u16)(entry >> 16),
                               .offset2 = (u32)(entry >> 32),
                               .selector = SELECTOR_KERNEL_CS,
                               .ist = i < 32 ? ist[i] : 0,
                               .type = user ? 0xee : 0x8e};
    }
}

static void gdt_init(struct cpu *cpu) {
    u64 tss = (u64)&cpu->tss;
    cpu->tss.io_map = sizeof(cpu->tss); // no ports for user mode
    cpu->gdt[SELECTOR_KERNEL_CS / 8] = 0x00af9b000000ffff;
    cpu->gdt[SELECTOR_KERNEL_SS / 8] = 0x00cf93000000ffff;
    cpu->gdt[SELECTOR_USER_SS / 8] = 0x00cff3000000ffff;
    cpu->gdt[SELECTOR_USER_CS / 8] = 0x00affb000000ffff;
    cpu->gdt[SELECTOR_TSS / 8] =
        (sizeof(cpu->tss) - 1) | (tss & 0xffffff) << 16 | 0x89ul << 40 | (tss >> 24 & 0xff) << 56;
    cpu->gdt[SELECTOR_TSS / 8 + 1] = tss >> 32;
}

static void tables_load(struct cpu *cpu) {
    struct table_pointer gdtr = {sizeof(cpu->gdt) - 1, (u64)cpu->gdt};
    struct table_pointer idtr = {sizeof(idt) - 1, (u64)idt};
    __asm__ volatile("lgdt %0; lidt %1; ltr %w2" : : "m"(gdtr), "m"(idtr), "r"(SELECTOR_TSS));
    __asm__ volatile("pushq %0; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1: mov %1, %%ss"
                     :
                     : "i"(SELECTOR_KERNEL_CS), "r"(SELECTOR_KERNEL_SS)
                     : "rax", "memory");
}

void processor_early_init(void) {
    struct cpu *cpu = &cpus[0];
    cpu->self = cpu;
    x86_msr_write(MSR_GS_BASE, (u64)cpu);
    for (int i = 0; i < CPU_IST_COUNT; i++)
        cpu->tss.ist[i] = (u64)early_stack + sizeof(early_stack);
    idt_init();
    gdt_init(cpu);
    tables_load(cpu);
}

// --- control registers ---------------------------------------------------------------------------

// Components of the vector state that are turned on: x87, SSE, AVX, AVX-512 (all three parts or
// none), PKRU.
static u64 xcr0_choose(void) {
    struct x86_cpuid r = x86_cpuid(0xd, 0);
    u64 have = r.eax | (u64)r.edx << 32, want = 3;
    if (have & 1u << 2)
        want |= 1u << 2;
    if ((want & 1u << 2) && (have & 0xe0) == 0xe0)
        want |= 0xe0;
    if (HAS_PKU && (have & 1u << 9))
        want |= 1u << 9;
    return want;
}

static void vector_state_init(void) {
    sal_machine.xcr0 = 3;
    sal_machine.xsave_bytes = 512 + 64;
    if (HAS_XSAVE) {
        sal_machine.xcr0 = xcr0_choose();
        x86_xcr0_write(sal_machine.xcr0);
        u32 bytes = x86_cpuid(0xd, 0).ebx; // of what is on now
        if (bytes > sal_machine.xsave_bytes)
            sal_machine.xsave_bytes = bytes;
    }
    page_init(HAS_ERMS && !is_tcg()); // TCG does them element by element
    __asm__ volatile("fninit");
    if (sal_machine.features & ABI_FEATURE_PKU)
        __asm__ volatile("wrpkru" : : "a"(0), "c"(0), "d"(0));
}

#define PAT_WB       6ul
#define PAT_WT       4ul
#define PAT_UC_MINUS 7ul
#define PAT_UC       0ul
#define PAT_WC       1ul
#define SFMASK       0x00057700ul // IF DF TF AC NT IOPL RF

static void registers_init(void) {
    u64 cr0 = x86_cr0_read() & ~(CR0_EM | CR0_TS | CR0_CD | CR0_NW);
    x86_cr0_write(cr0 | CR0_WP | CR0_NE | CR0_MP | CR0_AM);
    x86_cr4_write(CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_FSGSBASE |
                  (HAS_MCE ? CR4_MCE : 0) | (HAS_UMIP ? CR4_UMIP : 0) | (HAS_SMEP ? CR4_SMEP : 0) |
                  (HAS_SMAP && !is_tcg() ? CR4_SMAP : 0) | (HAS_XSAVE ? CR4_OSXSAVE : 0) |
                  (sal_machine.features & ABI_FEATURE_PKU ? CR4_PKE : 0));
    x86_msr_write(MSR_EFER, x86_msr_read(MSR_EFER) | EFER_NXE | EFER_SCE);
    // As after reset, but entry 1 (PWT alone) is write-combining.
    x86_msr_write(MSR_PAT, PAT_WB | PAT_WC << 8 | PAT_UC_MINUS << 16 | PAT_UC << 24 | PAT_WB << 32 |
                               PAT_WT << 40 | PAT_UC_MINUS << 48 | PAT_UC << 56);
    x86_msr_write(MSR_STAR, (u64)SELECTOR_KERNEL_CS << 32 | (u64)(SELECTOR_KERNEL_SS | 3) << 48);
    x86_msr_write(MSR_LSTAR, (u64)entry_syscall);
    x86_msr_write(MSR_SFMASK, SFMASK);
    x86_msr_write(MSR_FS_BASE, 0);
    x86_msr_write(MSR_KERNEL_GS_BASE, 0);
    __asm__ volatile("mov %0, %%dr7" : : "r"(0x400ul));
}

void processor_init(struct cpu *cpu) {
    cpu->self = cpu;
    x86_msr_write(MSR_GS_BASE, (u64)cpu);
    gdt_init(cpu);
    tables_load(cpu);
    registers_init();
    vector_state_init();
}
