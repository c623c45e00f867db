// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// From the boot loader's 32-bit mode (PVH), and from a starting processor's 16-bit mode, to C in 64-bit mode.
//
// .boot is linked at its physical address. The page tables made here show the first 4 GiB three times: at 0, for the code
// in .boot; at SAL_DIRECT_MAP; and its first 1 GiB at SAL_KERNEL_BASE. The kernel replaces them by its own (paging.c); starting
// processors pass through them.

#include "kernel/sal/x86_64/vectors.h"

    .set BASE, 0xffffffff80000000
    .set BOOT_STACK, 16384
    .set CR0_PE, 1
    .set CR0_PG_WP_PE, 0x80010001
    .set CR4_PAE, 0x20
    .set EFER, 0xc0000080
    .set EFER_LME_NXE, 0x900
    .set SELECTOR_CODE32, 0x18

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 4, 18 // name size, value size, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long boot_entry

    .section .boot, "awx"
    .code32
    .global boot_entry
boot_entry: // ebx: hvm_start_info
    cli
    cld
    rdtsc
    mov %eax, boot_tsc - BASE
    mov %edx, boot_tsc - BASE + 4
    mov $boot_stack_top - BASE, %esp
    mov %ebx, %ebp

    mov $0x80000000, %eax
    cpuid
    cmp $0x80000001, %eax
    jb no_64bit
    mov $0x80000001, %eax
    cpuid
    and $0x20100000, %edx // long mode, NX
    cmp $0x20100000, %edx
    jne no_64bit

    mov $boot_pds - BASE, %edi
    mov $0x83, %eax // present, writable, 2 MiB
1:  mov %eax, (%edi)
    add $8, %edi
    add $0x200000, %eax
    jnc 1b
    mov $boot_pds - BASE + 3, %eax
    mov %eax, boot_pdpt - BASE
    mov %eax, boot_pdpt - BASE + 510 * 8
    add $0x1000, %eax
    mov %eax, boot_pdpt - BASE + 8
    add $0x1000, %eax
    mov %eax, boot_pdpt - BASE + 16
    add $0x1000, %eax
    mov %eax, boot_pdpt - BASE + 24
    mov $boot_pdpt - BASE + 3, %eax
    mov %eax, boot_pml4 - BASE
    mov %eax, boot_pml4 - BASE + 256 * 8
    mov %eax, boot_pml4 - BASE + 511 * 8

    mov $boot_entry64, %esi
    jmp enable_paging

no_64bit:
    mov $no_64bit_text, %esi
    mov $no_64bit_end - no_64bit_text, %ecx
    mov $0xe9, %dx
    rep outsb
    mov $0xf4, %dx
    mov $0x11, %eax // MACHINE_EXIT_PANIC
    out %eax, %dx
1:  hlt
    jmp 1b
no_64bit_text:
    .ascii "tricolor: this processor has no 64-bit mode or no NX\n"
no_64bit_end:

// esi: where to go on in 64-bit mode, in .boot.
enable_paging:
    mov $CR4_PAE, %eax
    mov %eax, %cr4
    mov $boot_pml4 - BASE, %eax
    mov %eax, %cr3
    mov $EFER, %ecx
    mov $EFER_LME_NXE, %eax
    xor %edx, %edx
    wrmsr
    mov $CR0_PG_WP_PE, %eax
    mov %eax, %cr0
    lgdt boot_gdt_pointer
    push $SELECTOR_KERNEL_CS
    push %esi
    lret

    .code64
boot_entry64:
    movabs $start_high, %rax
    jmp *%rax
    .text
start_high:
    call load_segments
    mov $boot_stack_top, %rsp
    mov %ebp, %edi
    xor %ebp, %ebp
    call boot_main

// boot_stack_switch(top, function): leaves this stack for good.
    .global boot_stack_switch
boot_stack_switch:
    mov %rdi, %rsp
    xor %ebp, %ebp
    call *%rsi
    ud2

load_segments:
    mov $SELECTOR_KERNEL_SS, %eax
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    ret

// --- other processors ----------------------------------------------------------------------------

// Copied to a page below 1 MiB, where a processor starts in real mode with its code segment there.
    .section .boot, "awx"
    .code16
    .global boot_trampoline, boot_trampoline_end
boot_trampoline:
    cli
    cld
    mov %cs, %ax
    mov %ax, %ds
    lgdtl trampoline_gdt_pointer - boot_trampoline
    mov $CR0_PE, %eax
    mov %eax, %cr0
    ljmpl $SELECTOR_CODE32, $ap_entry
    .balign 4
trampoline_gdt_pointer:
    .word boot_gdt_end - boot_gdt - 1
    .long boot_gdt
boot_trampoline_end:

    .code32
ap_entry:
    mov $SELECTOR_KERNEL_SS, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $1, %eax
    cpuid
    shr $24, %ebx
    cmp %ebx, boot_ap_apic - BASE
    jne 1f
    mov $ap_stack_top, %esp // two words; only the processor that the mailbox is for comes here
    mov $ap_entry64, %esi
    jmp enable_paging
1:  hlt
    jmp 1b
    .balign 8
    .space 16
ap_stack_top:

    .code64
ap_entry64:
    movabs $ap_start_high, %rax
    jmp *%rax
    .text
ap_start_high:
    call load_segments // while the tables still show the GDT
    mov boot_kernel_root, %rax
    mov %rax, %cr3
    xor %eax, %eax
    xchg %rax, boot_ap_stack
    test %rax, %rax
    jz 2f
    mov %rax, %rsp
    xor %ebp, %ebp
    call boot_ap_main
2:  hlt
    jmp 2b

// --- data ----------------------------------------------------------------------------------------

    .section .boot, "awx"
    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff // 64-bit code
    .quad 0x00cf93000000ffff // data
    .quad 0x00cf9b000000ffff // 32-bit code
boot_gdt_end:
boot_gdt_pointer:
    .word boot_gdt_end - boot_gdt - 1
    .long boot_gdt

    .data
    .balign 8
    .global boot_kernel_root, boot_tsc, boot_ap_stack, boot_ap_apic
boot_kernel_root: .quad 0
boot_tsc: .quad 0
boot_ap_stack: .quad 0
boot_ap_apic: .long 0

    .bss
    .balign 4096
boot_pml4: .space 4096
boot_pdpt: .space 4096
boot_pds: .space 4 * 4096
    .global boot_stack, boot_stack_top
boot_stack: .space BOOT_STACK
boot_stack_top:

    .section .note.GNU-stack, "", @progbits
