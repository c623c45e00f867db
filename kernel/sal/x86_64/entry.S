// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Ways into the kernel and out of it.
//
//   entry_syscall     a Tricolor call goes through calls[]: to its short way in assembly, or to entry_in_c and calls_in_c[];
//                     a foreign one becomes an upcall
//   exception stubs   from user mode: an upcall, without a line of C; from the kernel: the end (sal_exception_fatal)
//   interrupt stubs   save everything, sal_interrupt_dispatch, restore everything
//   sal_resume_*      ways out
//
// An upcall copies the interrupted rip, flags, stack pointer and the registers it needs into a frame on the env's upcall
// stack, through the direct map, and enters the env by SYSRET. It cannot fault: the stack's frames are pinned. If there is no
// stack, or no room, upcall_refused (aegis) decides.

#include "gen/kernel_offsets.h"
#include "kernel/sal/x86_64/vectors.h"

#define USER_CS 0x23
#define USER_SS 0x1b
#define RFLAGS_CLEAN 0x202
#define UPCALL_SYSCALL 34
#define UPCALL_PF 14

    .text

// --- system calls --------------------------------------------------------------------------------

    .balign 64
    .global entry_syscall
entry_syscall:
    swapgs
    mov %rsp, %gs:CPU_USER_RSP
    mov %gs:CPU_STACK, %rsp
    add $-0x80000000, %rax
    cmp $CALLS, %rax
    jae not_a_call
    jmp *calls(, %rax, 8)

// Those in C. rax: the number; rcx, r11: where the program goes on, and its flags.
    .balign 16
    .global entry_in_c, syscall_return
entry_in_c:
    push %rcx
    push %r11
    mov %r10, %rcx
    call *calls_in_c(, %rax, 8)
syscall_return:
    pop %r11
    pop %rcx
    xor %edi, %edi
    xor %esi, %esi
    xor %edx, %edx
    xor %r10d, %r10d
    xor %r8d, %r8d
    xor %r9d, %r9d
    mov %gs:CPU_USER_RSP, %rsp
    swapgs
    sysretq

// Where a call returns to instead, if it is to be made again at once (sal_call_again).
    .balign 16
    .global syscall_again
syscall_again:
    pop %r11
    pop %rcx
    mov %gs:CPU_AGAIN, %rax
    mov %gs:CPU_AGAIN + 8, %rdi
    mov %gs:CPU_AGAIN + 16, %rsi
    mov %gs:CPU_AGAIN + 24, %rdx
    mov %gs:CPU_AGAIN + 32, %r10
    mov %gs:CPU_AGAIN + 40, %r8
    mov %gs:CPU_AGAIN + 48, %r9
    mov %gs:CPU_USER_RSP, %rsp
    swapgs
    sysretq

    .balign 16
    .global entry_null
entry_null:
    xor %eax, %eax
    xor %edi, %edi
    xor %esi, %esi
    xor %edx, %edx
    xor %r10d, %r10d
    xor %r8d, %r8d
    xor %r9d, %r9d
    mov %gs:CPU_USER_RSP, %rsp
    swapgs
    sysretq

// The same for a traced env (kernel/aegis/trace.h): the running one's calls enter here while it is.
    .balign 16
    .global entry_syscall_traced
entry_syscall_traced:
    swapgs
    mov %rsp, %gs:CPU_USER_RSP
    mov %gs:CPU_STACK, %rsp
    push %rax
    push %rcx
    push %r11
    push %rdi
    push %rsi
    push %rdx
    push %r10
    push %r8
    push %r9
    mov %rsp, %rdi
    call trace_call
    pop %r9
    pop %r8
    pop %r10
    pop %rdx
    pop %rsi
    pop %rdi
    pop %r11
    pop %rcx
    pop %rax
    add $-0x80000000, %rax
    cmp $CALLS, %rax
    jae not_a_call
    push %rcx
    push %r11
    mov %r10, %rcx
    call *calls_traced(, %rax, 8)
    push %rax
    mov %rax, %rdi
    call trace_result
    pop %rax
    jmp syscall_return

// A number below 2^31 (or above all that will ever be ours) is a foreign call: rax = number - 2^31.
not_a_call:
    sub $-0x80000000, %rax
    push %rax
    push %rdx
    push %rdi
    shr $16, %rax
    cmp $0x8000, %rax
    je unknown_call
    mov %gs:CPU_CONTEXT, %rax
    cmpq $0, CTX_FOREIGN_SHORT(%rax)
    je entry_watch_call
foreign_upcall:
    mov %gs:CPU_USER_RSP, %rdi
    sub CTX_LOW(%rax), %rdi
    cmp CTX_SIZE(%rax), %rdi
    lea -128(%rdi), %rdi
    cmova CTX_SIZE(%rax), %rdi
    sub $128, %rdi
    and $-128, %rdi
    jle foreign_refused
    mov %edi, %edx
    shr $12, %edx
    mov CTX_FRAMES(%rax, %rdx, 8), %rdx
    push %rdi
    and $4095, %edi
    add %rdi, %rdx
    pop %rdi
    add CTX_LOW(%rax), %rdi // the frame's user address
    mov CTX_FOREIGN(%rax), %rax
    movq $UPCALL_SYSCALL, FRAME_VECTOR(%rdx)
    movq $0, FRAME_ERROR(%rdx)
    mov %rcx, FRAME_RIP(%rdx)
    mov %r11, FRAME_RFLAGS(%rdx)
    mov %rax, %rcx
    mov %gs:CPU_USER_RSP, %rax
    mov %rax, FRAME_RSP(%rdx)
    movq $USER_CS, FRAME_CS(%rdx)
    movq $USER_SS, FRAME_SS(%rdx)
    mov %rdi, %r11
    pop %rdi
    mov %rdi, FRAME_RDI(%rdx)
    mov 8(%rsp), %rax
    mov %rax, FRAME_RAX(%rdx)
    pop FRAME_RDX(%rdx)
    mov FRAME_RDX(%rdx), %rdx
    mov %r11, %rsp
    mov $RFLAGS_CLEAN, %r11d
    swapgs
    sysretq

// Where entry_watch_call (aegis) comes back to: nobody answered the call. The stack is as it was there.
    .global entry_foreign
entry_foreign:
    mov %gs:CPU_CONTEXT, %rax
    cmpq $0, CTX_FOREIGN(%rax)
    jne foreign_upcall
unknown_call:
    mov $-12, %rax // -E_NOSYS
    add $24, %rsp
    push %rcx
    push %r11
    jmp syscall_return

foreign_refused:
    pop %rdi
    pop %rdx
    pop %rax
    push $USER_SS
    push %gs:CPU_USER_RSP
    push %r11
    push $USER_CS
    push %rcx
    push $0
    push $UPCALL_SYSCALL
    jmp refused

// --- exceptions ----------------------------------------------------------------------------------

// On the stack: vector, error, rip, cs, rflags, rsp, ss.
    .balign 64
exception:
    testb $3, 24(%rsp)
    jz kernel_exception
    swapgs
    push %rax
    push %rcx
    push %rdx
    push %rdi
    mov %gs:CPU_CONTEXT, %rax
    mov 72(%rsp), %rcx // user rsp
    sub CTX_LOW(%rax), %rcx
    cmp CTX_UPCALL_SHORT(%rax), %rcx
    lea -128(%rcx), %rcx
    cmova CTX_UPCALL_SHORT(%rax), %rcx
    sub $128, %rcx
    and $-128, %rcx
    jle entry_watch_exception
exception_upcall:
    incq CTX_EXCEPTIONS(%rax)
    mov %ecx, %edx
    shr $12, %edx
    mov CTX_FRAMES(%rax, %rdx, 8), %rdx
    mov %ecx, %edi
    and $4095, %edi
    add %rdi, %rdx
    pop FRAME_RDI(%rdx)
    pop FRAME_RDX(%rdx)
    pop FRAME_RCX(%rdx)
    pop FRAME_RAX(%rdx)
    pop FRAME_VECTOR(%rdx)
    pop FRAME_ERROR(%rdx)
    pop FRAME_RIP(%rdx)
    pop FRAME_CS(%rdx)
    pop FRAME_RFLAGS(%rdx)
    pop FRAME_RSP(%rdx)
    pop FRAME_SS(%rdx)
    mov %r11, FRAME_R11(%rdx)
    mov %rcx, %rdi
    add CTX_LOW(%rax), %rdi
    mov CTX_ENTRY(%rax), %rcx
    mov FRAME_VECTOR(%rdx), %eax
    xor %r11d, %r11d
    cmp $UPCALL_PF, %eax
    je 2f
1:  mov %r11, FRAME_ADDRESS(%rdx)
    mov %rdi, %rsp
    xor %edx, %edx
    mov $RFLAGS_CLEAN, %r11d
    swapgs
    sysretq
2:  mov %cr2, %r11
    jmp 1b

// Where entry_watch_exception (aegis) comes back to: the env is to hear of it. rax and the stack are as they were there.
    .global entry_exception
entry_exception:
    mov 72(%rsp), %rcx
    sub CTX_LOW(%rax), %rcx
    cmp CTX_SIZE(%rax), %rcx
    lea -128(%rcx), %rcx
    cmova CTX_SIZE(%rax), %rcx
    sub $128, %rcx
    and $-128, %rcx
    jg exception_upcall
    pop %rdi
    pop %rdx
    pop %rcx
    pop %rax
refused: // GS is the kernel's; on the stack: vector, error, rip, cs, rflags, rsp, ss
    call save_regs
    mov %rsp, %rdi
    mov %cr2, %rsi
    call upcall_refused // struct sal_regs *, CR2; returns if it could deliver it after all
    swapgs
    jmp restore_regs

kernel_exception:
    call save_regs
    mov %rsp, %rdi
    call sal_exception_fatal

// Makes a struct sal_regs of the registers and what an exception pushed.
save_regs:
    xchg %rax, (%rsp) // return address
    push %rbx
    push %rcx
    push %rdx
    push %rsi
    push %rdi
    push %rbp
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    cld
    jmp *%rax

// --- interrupts ----------------------------------------------------------------------------------

    .balign 16
    .global interrupt
interrupt:
    testb $3, 24(%rsp)
    jz 1f
    swapgs
1:  call save_regs
    mov %rsp, %gs:CPU_REGS
    mov 15 * 8(%rsp), %edi
    mov %rsp, %rbp
    mov %rsp, %gs:CPU_STRAND_REGS
    cmpq $0, %gs:CPU_STRAND // a strand keeps its registers on its own stack; C runs on the processor's
    cmovne %gs:CPU_STACK, %rsp
    and $-16, %rsp
    call sal_interrupt_dispatch
    mov %rbp, %rsp
    testb $3, REGS_CS(%rsp)
    jz restore_regs
    swapgs
    .global restore_regs
restore_regs:
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rbp
    pop %rdi
    pop %rsi
    pop %rdx
    pop %rcx
    pop %rbx
    pop %rax
    add $16, %rsp
    iretq

// NMI, #DF and #MC come on stacks of their own, perhaps before GS was exchanged, and do not go back.
fatal:
    call save_regs
    testb $3, REGS_CS(%rsp)
    jnz 2f
    mov $0xc0000101, %ecx // GS base
    rdmsr
    test %edx, %edx
    js 1f
2:  swapgs
1:  mov %rsp, %rdi
    and $-16, %rsp
    call sal_exception_fatal

// --- ways out ------------------------------------------------------------------------------------

    .global sal_resume_switched
sal_resume_switched: // leaves rax, rdi and fs_base of the context 0, as they are while an env runs
    mov CTX_FS(%rdi), %rax
    wrfsbase %rax
    mov %rdi, %rdx
    mov CTX_RIP(%rdx), %rcx
    mov CTX_RSP(%rdx), %rsp
    mov CTX_RAX(%rdx), %rax
    mov CTX_RDI(%rdx), %rdi
    xor %r11d, %r11d
    mov %r11, CTX_FS(%rdx)
    mov %r11, CTX_RAX(%rdx)
    mov %r11, CTX_RDI(%rdx)
    mov $RFLAGS_CLEAN, %r11d
    xor %edx, %edx
    xor %ebx, %ebx
    xor %esi, %esi
    xor %ebp, %ebp
    xor %r8d, %r8d
    xor %r9d, %r9d
    xor %r10d, %r10d
    xor %r12d, %r12d
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
    swapgs
    wrgsbase %rdx
    sysretq

    .global sal_resume_full
sal_resume_full:
    mov CTX_FS(%rdi), %rax
    wrfsbase %rax
    movq $0, CTX_FS(%rdi)
    mov CTX_GS(%rdi), %rax
    lea CTX_REGS(%rdi), %rsp
    swapgs
    wrgsbase %rax
    jmp restore_regs

    .global sal_resume_inside
sal_resume_inside:
    lea CTX_REGS(%rdi), %rsp
    jmp restore_regs

// sal_stack_switch(top, function, argument): leaves this stack for good.
    .global sal_stack_switch
sal_stack_switch:
    mov %rdi, %rsp
    mov %rdx, %rdi
    xor %ebp, %ebp
    call *%rsi
    ud2

    .global sal_entry_rip
sal_entry_rip:
    mov %gs:CPU_STACK, %rax
    mov -8(%rax), %rax
    ret

    .global sal_entry_rsp
sal_entry_rsp:
    mov %gs:CPU_USER_RSP, %rax
    ret

// --- the 256 gates -------------------------------------------------------------------------------

// The processor itself pushes an error code for 8, 10 to 14, 17, 21, 29 and 30.

    .altmacro
    .macro gate v
    .balign 8
gate_\v:
    .if !((\v == 8) || ((\v >= 10) && (\v <= 14)) || (\v == 17) || (\v == 21) || (\v == 29) || (\v == 30))
    push $0
    .endif
    push $\v
    .if (\v == 2) || (\v == 8) || (\v == 18)
    jmp fatal
    .elseif \v < 32
    jmp exception
    .elseif \v == VECTOR_TIMER
    jmp entry_timer
    .else
    jmp interrupt
    .endif
    .endm
    .macro address v
    .quad gate_\v
    .endm

    .set vector, 0
    .rept 256
    gate %vector
    .set vector, vector + 1
    .endr

    .section .rodata
    .balign 8
    .global entry_vectors
entry_vectors:
    .set vector, 0
    .rept 256
    address %vector
    .set vector, vector + 1
    .endr

    .section .note.GNU-stack, "", @progbits
