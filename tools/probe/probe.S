// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The smallest guest that shows whether a hypervisor runs ordinary guests. It is entered by PVH in 32-bit mode, switches to 64-bit
// mode with paging, and does there once what every kernel does all the time: reads CPUID (and wants FSGSBASE and SSE4.2), writes
// the FS and GS bases, takes an exception through the IDT, drops to user mode by iretq and comes back by syscall. Then it leaves
// through isa-debug-exit with PROBE_OK. Whoever can't do one of these never gets there: a triple fault, a stop or a time-out.

#define DEBUG_EXIT_PORT 0xf4
#define PROBE_OK 0x2a

    .section .note.pvh, "a", @note
    .align 4
    .long 4, 4, 18 // name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long probe_entry

    .text
    .code32
    .globl probe_entry
probe_entry:
    cli
    movl %cr4, %eax
    orl $0x20, %eax // PAE
    movl %eax, %cr4
    movl $probe_pml4, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx // EFER
    rdmsr
    orl $0x100, %eax // LME
    wrmsr
    movl %cr0, %eax
    orl $0x80000001, %eax // PG, PE
    movl %eax, %cr0
    lgdt probe_gdt_pointer
    ljmp $8, $probe_long

    .code64
probe_long:
    leaq probe_stack_top(%rip), %rsp
    movl $1, %eax
    cpuid
    testl $(1 << 20), %ecx // SSE4.2
    jz probe_stop
    movl $7, %eax
    xorl %ecx, %ecx
    cpuid
    testl $1, %ebx // FSGSBASE
    jz probe_stop

    movq %cr4, %rax
    orq $0x10600, %rax // FSGSBASE, OSFXSR, OSXMMEXCPT
    movq %rax, %cr4
    movabsq $0x7fff12345000, %rax
    wrfsbase %rax
    wrgsbase %rax
    swapgs
    rdfsbase %r9
    cmpq %rax, %r9
    jne probe_stop

    // Gate 6 of the IDT, #UD: code segment 8, present interrupt gate.
    leaq probe_idt + 6 * 16(%rip), %rdi
    leaq probe_undefined(%rip), %rax
    movw %ax, (%rdi)
    movw $8, 2(%rdi)
    movw $0x8e00, 4(%rdi)
    shrq $16, %rax
    movw %ax, 6(%rdi)
    lidt probe_idt_pointer(%rip)
    ud2
probe_stop:
    hlt
    jmp probe_stop

probe_undefined:
    movl $0xc0000080, %ecx // EFER: NXE, SCE
    rdmsr
    orl $0x801, %eax
    wrmsr
    movl $0xc0000081, %ecx // STAR: kernel from selector 8, user from 0x10
    xorl %eax, %eax
    movl $0x00100008, %edx
    wrmsr
    incl %ecx // LSTAR
    leaq probe_syscall(%rip), %rax
    xorl %edx, %edx
    wrmsr
    movl $0xc0000084, %ecx // FMASK
    xorl %eax, %eax
    wrmsr
    leaq probe_user(%rip), %rax
    leaq probe_stack_top(%rip), %rdx
    pushq $0x1b // user data
    pushq %rdx
    pushq $2 // flags: no interrupts
    pushq $0x23 // user code
    pushq %rax
    iretq

probe_user:
    movl $0x51ca11, %edi
    syscall
1:  jmp 1b

probe_syscall:
    movl $PROBE_OK, %eax
    cmpl $0x51ca11, %edi
    jne probe_stop
    outl %eax, $DEBUG_EXIT_PORT
    jmp probe_stop

    .section .rodata
    .align 8
probe_gdt:
    .quad 0
    .quad 0x00209a0000000000 // 0x08: kernel code
    .quad 0x0000920000000000 // 0x10: kernel data
    .quad 0x0000f20000000000 // 0x18: user data
    .quad 0x0020fa0000000000 // 0x20: user code
probe_gdt_pointer:
    .word probe_gdt_pointer - probe_gdt - 1
    .long probe_gdt
probe_idt_pointer:
    .word 7 * 16 - 1
    .quad probe_idt

    .data
    .align 4096
probe_pml4:
    .quad probe_pdpt + 7
    .fill 511, 8, 0
probe_pdpt:
    .quad probe_pd + 7
    .fill 511, 8, 0
probe_pd:
    .quad 0x87 // 2 MiB, present, writable, user
    .quad 0x200087
    .fill 510, 8, 0
probe_idt:
    .fill 7 * 16, 1, 0
    .fill 1024, 1, 0
probe_stack_top:
