// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Signals the short way: exceptions with a handler, kill and tgkill to oneself, and the way back. What is not plain (another stack, a
// handler for once, more threads, anything else to be done) takes the way through signal.c and signal_frame.c, which write the same
// frame. A frame's reserved word SC_HINT has the address in the slot where a patched call goes on, or 0: so rt_sigreturn needs neither
// to look for it nor to use iretq.

#include "gen/user_offsets.h"
#include "libos/exos/entry.h"

#define SIGNAL(field) (signal_entry + field)(%rip)

    .set EFLAGS_PROGRAM, 0x240dd5 // what a program may set: see signal_frame.c
    .set EFLAGS_ODD, 0x240500     // of these, what matters behind a call: ID, AC, DF, TF

    .text

// To slow, unless a signal's handler can run now; its action is in r11. Changes rax. called: in a patched call, otherwise rsp is the
// upcall_frame.
    .macro SIGNAL_MAY number32 number64 slow called
    .if \called
    mov %gs:THREAD_PROCESS, %r11
    cmpl $0, %gs:THREAD_BUSY
    jne \slow
    cmpl $0, %gs:THREAD_ALT_FLAGS // SS_AUTODISARM is the sign
    jl \slow
    lea -1(\number64), %eax
    bt %rax, %gs:THREAD_BLOCKED
    jc \slow
    .else
    mov (THREAD_PROCESS - TF_AT - TF_SAVED)(%rsp), %r11
    cmpl $0, (THREAD_BUSY - TF_AT - TF_SAVED)(%rsp)
    jne \slow
    cmpl $0, (THREAD_ALT_FLAGS - TF_AT - TF_SAVED)(%rsp)
    jl \slow
    lea -1(\number64), %eax
    bt %rax, (THREAD_BLOCKED - TF_AT - TF_SAVED)(%rsp)
    jc \slow
    .endif
    cmpl $1, PROCESS_THREAD_COUNT(%r11)
    jne \slow
    mov PROCESS_ACTIONS(%r11), %r11
    mov \number32, %eax
    shl $5, %eax
    lea ACTIONS_FIRST(%r11, %rax), %r11
    cmpq $1, ACTION_HANDLER(%r11)
    jbe \slow
    mov ACTION_FLAGS(%r11), %eax
    and $ACTION_PLAIN_MASK, %eax
    cmp $ACTION_PLAIN, %eax
    jne \slow
    .endm

// An exception: rax is its vector, rdi and rsp the upcall_frame; rcx, rdx and r11 are free, all others the program's. Falls through to
// the ordinary way (upcall_slow).
    .balign 16
    .global upcall_entry
    .type upcall_entry, @function
upcall_entry:
    mov %esp, %ecx
    and $(THREAD_STACK_BYTES - 1), %ecx
    cmp $(TF_AT + TF_SAVED), %ecx
    jne upcall_slow // ExOS itself was interrupted
    cmp $6, %eax
    ja upcall_slow
    lea SIGNAL(SE_VECTORS), %rdx
    mov (%rdx, %rax, 8), %rdx
    mov %edx, %ecx
    test %ecx, %ecx
    jz upcall_slow
    mov (TF_RIP - TF_SAVED)(%rsp), %rdi
    cmp SIGNAL(SE_LIMIT), %rdi
    jae upcall_slow // or it was in a patched call
1:  cmpb $0xe9, -2(%rdi) // a patched call may be to blame
    je upcall_slow
    ACCESS 1b, upcall_slow
    SIGNAL_MAY %ecx, %rcx, upcall_slow, 0
    movl $1, (UAREA_MASKED - TF_AT - TF_SAVED)(%rsp)
    shr $32, %rdx
    sub $TF_SAVED, %rsp
    movq $0, TF_AFTER(%rsp)
    cmp $SIG_BP, %ecx
    jne signal_push
// int3 stands also where a call is being patched: by another process that shares the memory, if by anybody.
    mov (THREAD_PROCESS - TF_AT)(%rsp), %rax
    mov PROCESS_MM(%rax), %rax
    xor %edi, %edi
    cmpl $1, MM_USERS(%rax)
    je signal_push
    add $TF_SAVED, %rsp
    jmp upcall_slow
    .size upcall_entry, . - upcall_entry

// From C: (edi signal, esi code, rdx third word of siginfo); the program's registers are in its trap frame.
    .global signal_now
    .type signal_now, @function
signal_now:
    and $-THREAD_STACK_BYTES, %rsp
    add $TF_AT, %rsp
    mov %edi, %ecx
    mov %rdx, %rdi
    mov %esi, %edx
    mov (THREAD_PROCESS - TF_AT)(%rsp), %r11
    mov PROCESS_ACTIONS(%r11), %r11
    mov %ecx, %eax
    shl $5, %eax
    lea ACTIONS_FIRST(%r11, %rax), %r11
    LOAD_SAVED
    movq $0, TF_AFTER(%rsp)
// Falls through.

// Writes a frame and enters the handler. rsp: the program's trap frame, in which rax, rcx, rdx, rdi, r11, rip, rflags, rsp, vector,
// error and address are those of the program, TF_AFTER SC_HINT; its other registers are live. ecx: signal, edx: code, rdi: the third word
// of siginfo, r11: the action. Masked. A page of the frame that cannot be there ends the process.
signal_push:
    mov TF_RSP(%rsp), %rax
    sub SIGNAL(SE_SPACE), %rax
    and $-64, %rax
    sub $SF_FP, %rax
    cmp SIGNAL(SE_LIMIT), %rax
    jae signal_no_room
1:  mov %rcx, SF_INFO(%rax)
    mov %rdx, (SF_INFO + 8)(%rax)
    mov %rdi, (SF_INFO + 16)(%rax)
    mov %rax, %rdi
    movq $0, (SF_FP + 512)(%rdi)
    mov $-1, %eax
    mov $-1, %edx
    xsave64 SF_FP(%rdi)
    xorps %xmm0, %xmm0 // saved; a handler expects nothing in vector registers
    movlps %xmm0, (SF_FP + 520)(%rdi)
    movups %xmm0, (SF_FP + 528)(%rdi)
    movups %xmm0, (SF_FP + 544)(%rdi)
    movups %xmm0, (SF_FP + 560)(%rdi)
    movlps %xmm0, (SF_INFO + 24)(%rdi)
    movups %xmm0, (SF_INFO + 32)(%rdi)
    movups %xmm0, (SF_INFO + 48)(%rdi)
    movups %xmm0, (SF_INFO + 64)(%rdi)
    movups %xmm0, (SF_INFO + 80)(%rdi)
    movups %xmm0, (SF_INFO + 96)(%rdi)
    movups %xmm0, (SF_INFO + 112)(%rdi)
    movups SIGNAL(SE_SW), %xmm1
    movups SIGNAL(SE_SW + 16), %xmm2
    movups %xmm1, (SF_FP + 464)(%rdi)
    movups %xmm2, (SF_FP + 480)(%rdi)
    movups %xmm0, (SF_FP + 496)(%rdi)
    mov SIGNAL(SE_FP_BYTES), %eax
    movl $0x46505845, SF_FP(%rdi, %rax)
    .set SC, SF_UC + UC_CONTEXT
    mov %r8, SC(%rdi)
    mov %r9, (SC + 8)(%rdi)
    mov %r10, (SC + 16)(%rdi)
    mov TF_R11(%rsp), %rax
    mov %rax, (SC + 24)(%rdi)
    mov %r12, (SC + 32)(%rdi)
    mov %r13, (SC + 40)(%rdi)
    mov %r14, (SC + 48)(%rdi)
    mov %r15, (SC + 56)(%rdi)
    mov TF_RDI(%rsp), %rax
    mov %rax, (SC + 64)(%rdi)
    mov %rsi, (SC + 72)(%rdi)
    mov %rbp, (SC + 80)(%rdi)
    mov %rbx, (SC + 88)(%rdi)
    mov TF_RDX(%rsp), %rax
    mov %rax, (SC + 96)(%rdi)
    mov TF_RAX(%rsp), %rax
    mov %rax, (SC + 104)(%rdi)
    mov TF_RCX(%rsp), %rax
    mov %rax, (SC + 112)(%rdi)
    mov TF_RSP(%rsp), %rax
    mov %rax, (SC + 120)(%rdi)
    mov TF_RIP(%rsp), %rax
    mov %rax, (SC + 128)(%rdi)
    mov TF_RFLAGS(%rsp), %rax
    mov %rax, (SC + 136)(%rdi)
    mov SIGNAL(SE_SELECTORS), %rax
    mov %rax, (SC + SC_SELECTORS)(%rdi)
    mov TF_ERROR(%rsp), %rax
    mov %rax, (SC + SC_ERROR)(%rdi)
    mov TF_VECTOR(%rsp), %rax
    mov %rax, (SC + SC_ERROR + 8)(%rdi)
    movlps %xmm0, (SC + SC_ERROR + 16)(%rdi)
    mov TF_ADDRESS(%rsp), %rax
    mov %rax, (SC + SC_ERROR + 24)(%rdi)
    lea SF_FP(%rdi), %rax
    mov %rax, (SC + SC_FPSTATE)(%rdi)
    mov TF_AFTER(%rsp), %rax
    mov %rax, (SC + SC_HINT)(%rdi)
    movq $7, (SF_UC + UC_FLAGS)(%rdi)
    movlps %xmm0, (SF_UC + UC_LINK)(%rdi)
    mov (THREAD_ALT_BASE - TF_AT)(%rsp), %rax
    mov %rax, (SF_UC + UC_STACK)(%rdi)
    mov (THREAD_ALT_FLAGS - TF_AT)(%rsp), %eax
    mov %rax, (SF_UC + UC_STACK + 8)(%rdi)
    mov (THREAD_ALT_BYTES - TF_AT)(%rsp), %rax
    mov %rax, (SF_UC + UC_STACK + 16)(%rdi)
    mov (THREAD_BLOCKED - TF_AT)(%rsp), %rax
    mov %rax, (SF_UC + UC_MASK)(%rdi)
    mov ACTION_RESTORER(%r11), %rdx
2:  mov %rdx, (%rdi)
    ACCESS 1b, signal_no_room, 2b

    or ACTION_MASK(%r11), %rax
    testl $ACTION_NODEFER, ACTION_FLAGS(%r11)
    jnz 3f
    lea -1(%rcx), %edx
    bts %rdx, %rax
3:  mov %rax, (THREAD_BLOCKED - TF_AT)(%rsp)
    mov %ecx, %eax
    mov ACTION_HANDLER(%r11), %rcx
    mov %rdi, %r11
    lea SF_INFO(%r11), %rsi
    lea SF_UC(%r11), %rdx
    mov %eax, %edi
    EXIT_UNMASK
    movzbl (UAREA_WORK - TF_AT)(%rsp), %eax
    or (UAREA_PENDING - TF_AT)(%rsp), %eax
    jnz 4f
    mov %r11, %rsp
    .global signal_entered
signal_entered:
    DONE
    EXIT_END

// Something came meanwhile: it finds the program where its handler begins.
4:  movl $1, (UAREA_MASKED - TF_AT)(%rsp)
    mov %rcx, TF_RIP(%rsp)
    mov %r11, TF_RSP(%rsp)
    mov %rdi, TF_RDI(%rsp)
    mov %rsi, TF_RSI(%rsp)
    mov %rdx, TF_RDX(%rsp)
    mov %r8, TF_R8(%rsp)
    mov %r9, TF_R9(%rsp)
    mov %r10, TF_R10(%rsp)
    mov %rbx, TF_RBX(%rsp)
    mov %rbp, TF_RBP(%rsp)
    mov %r12, TF_R12(%rsp)
    mov %r13, TF_R13(%rsp)
    mov %r14, TF_R14(%rsp)
    mov %r15, TF_R15(%rsp)
    movq $0, TF_RAX(%rsp)
    andq $~0x10500, TF_RFLAGS(%rsp) // TF, DF, RF
    movq $TRAP_VECTOR_FULL, TF_VECTOR(%rsp)
    mov %rsp, %rdi
    call exit_work
    jmp exit_restart
    .size signal_now, . - signal_now

// --- patched calls (entry.S) ---------------------------------------------------------------------------------------------

signal_called_start:

// The call's own result is 0. number: where the signal is.
    .macro KILL_PUSH number code
    CALLED_STACK
    cld
    mov %rcx, TF_AFTER(%rsp)
    mov %rdi, TF_RDI(%rsp)
    mov %rdx, TF_RDX(%rsp)
    movslq PATCH_SITE_AT(%rcx), %rax
    neg %rax
    lea PATCH_AFTER_SITE(%rcx, %rax), %rax
    mov %rax, TF_RIP(%rsp)
    mov %rax, TF_RCX(%rsp)
    pushfq
    pop %rax
    mov %rax, TF_RFLAGS(%rsp)
    mov %rax, TF_R11(%rsp)
    xor %eax, %eax
    mov %rax, TF_RAX(%rsp)
    mov %rax, TF_ERROR(%rsp)
    mov %rax, TF_ADDRESS(%rsp)
    mov %rax, TF_VECTOR(%rsp)
    mov \number, %ecx
    mov (THREAD_PROCESS - TF_AT)(%rsp), %rdx
    mov PROCESS_UID(%rdx), %edi
    mov PROCESS_PID(%rdx), %eax
    shl $32, %rdi
    or %rax, %rdi
    mov $\code, %edx
    jmp signal_push
    .endm

// kill (edi process, esi signal), to oneself.
    .global called_kill
called_kill:
    mov %gs:THREAD_PROCESS, %r11
    cmp PROCESS_PID(%r11), %edi
    jne 9f
    cmp $32, %esi
    jae 9f
    mov $SIGNALS_PLAIN, %eax
    bt %esi, %eax
    jnc 9f
    SIGNAL_MAY %esi, %rsi, 9f, 1
    KILL_PUSH %esi, 0
9:  mov $62, %eax
    jmp called_locked
    CALLED_RANGE called_kill, called_tgkill, 62

// tgkill (edi process, esi thread, edx signal), to oneself.
    .global called_tgkill
called_tgkill:
    mov %gs:THREAD_PROCESS, %r11
    cmp PROCESS_PID(%r11), %edi
    jne 9f
    cmp %gs:THREAD_TID, %esi
    jne 9f
    cmp $32, %edx
    jae 9f
    mov $SIGNALS_PLAIN, %eax
    bt %edx, %eax
    jnc 9f
    SIGNAL_MAY %edx, %rdx, 9f, 1
    KILL_PUSH %edx, CODE_TKILL
9:  mov $234, %eax
    jmp called_locked
    CALLED_RANGE called_tgkill, called_sigreturn, 234

// rt_sigreturn. The program's registers are in the frame, so that the call can begin again by its syscall instruction at any time.
    .global called_sigreturn
called_sigreturn:
    CALLED_STACK
    mov %rcx, TF_AFTER(%rsp)
    mov TF_RSP(%rsp), %rdi
    mov %rdi, TF_CONTEXT(%rsp)
    cmp SIGNAL(SE_LIMIT), %rdi
    jae 9f
    lea (SF_FP - SF_UC)(%rdi), %rcx
1:  cmp %rcx, (UC_CONTEXT + SC_FPSTATE)(%rdi)
    jne 9f
    mov (THREAD_ALT_BASE - TF_AT)(%rsp), %rax
    cmp %rax, UC_STACK(%rdi)
    jne 9f
    mov (THREAD_ALT_FLAGS - TF_AT)(%rsp), %eax
    cmp %eax, (UC_STACK + 8)(%rdi)
    jne 9f
    mov (THREAD_ALT_BYTES - TF_AT)(%rsp), %rax
    cmp %rax, (UC_STACK + 16)(%rdi)
    jne 9f
    mov UC_MASK(%rdi), %r11
    mov $-1, %eax
    mov $-1, %edx
    xrstor64 (%rcx)
    and $~SIGNALS_UNBLOCKABLE, %r11
    CALLED_LOCK 9f
    mov %r11, (THREAD_BLOCKED - TF_AT)(%rsp)
    mov (THREAD_PROCESS - TF_AT)(%rsp), %rax
    mov PROCESS_PENDING(%rax), %rax
    or (THREAD_PENDING - TF_AT)(%rsp), %rax
    not %r11
    test %r11, %rax
    jz 2f
    orb $WORK_SIGNAL, (UAREA_WORK - TF_AT)(%rsp)
2:  movq $0, pod_lock_word(%rip)
    mov (UC_CONTEXT + SC_RIP)(%rdi), %rdx
    mov (UC_CONTEXT + SC_RIP + 8)(%rdi), %rax
    mov (UC_CONTEXT + SC_HINT)(%rdi), %rcx
// Was it a patched call that the signal interrupted? Then rcx and r11 are lost anyway, and the status flags.
    test %rcx, %rcx
    jz 5f
    cmp SIGNAL(SE_LIMIT), %rcx
    jae 5f
3:  movslq PATCH_SITE_AT(%rcx), %r11
    ACCESS 3b, 9f
    lea PATCH_AFTER_SITE(%rcx), %r8
    sub %r11, %r8
    cmp %rdx, %r8
    jne 5f
    cmp %rdx, (UC_CONTEXT + SC_RIP - 16)(%rdi) // its own rcx
    jne 5f
    pushfq
    pop %rdx
    or %edx, %eax
    test $EFLAGS_ODD, %eax
    jnz 4f
    EXIT_UNMASK
    mov TF_CONTEXT(%rsp), %rdi
    movzbl (UAREA_WORK - TF_AT)(%rsp), %eax
    or (UAREA_PENDING - TF_AT)(%rsp), %eax
    jnz 9f
    .macro CONTEXT_LOAD
    mov (UC_CONTEXT)(%rdi), %r8
    mov (UC_CONTEXT + 8)(%rdi), %r9
    mov (UC_CONTEXT + 16)(%rdi), %r10
    mov (UC_CONTEXT + 32)(%rdi), %r12
    mov (UC_CONTEXT + 40)(%rdi), %r13
    mov (UC_CONTEXT + 48)(%rdi), %r14
    mov (UC_CONTEXT + 56)(%rdi), %r15
    mov (UC_CONTEXT + 72)(%rdi), %rsi
    mov (UC_CONTEXT + 80)(%rdi), %rbp
    mov (UC_CONTEXT + 88)(%rdi), %rbx
    mov (UC_CONTEXT + 96)(%rdi), %rdx
    mov (UC_CONTEXT + 104)(%rdi), %rax
    .endm
    CONTEXT_LOAD
    mov (UC_CONTEXT + 120)(%rdi), %r11
    mov (UC_CONTEXT + 64)(%rdi), %rdi
    mov %r11, %rsp
    DONE
    EXIT_END
4:  mov (UC_CONTEXT + SC_RIP)(%rdi), %rdx
    mov (UC_CONTEXT + SC_RIP + 8)(%rdi), %rax
5:  and $EFLAGS_PROGRAM, %eax
    or $0x202, %eax
    mov %rax, TF_RFLAGS(%rsp)
    mov %rdx, TF_RIP(%rsp)
    mov (UC_CONTEXT + 120)(%rdi), %rax
    mov %rax, TF_RSP(%rsp)
    EXIT_UNMASK
    mov TF_CONTEXT(%rsp), %rdi
    movzbl (UAREA_WORK - TF_AT)(%rsp), %eax
    or (UAREA_PENDING - TF_AT)(%rsp), %eax
    jnz 9f
    CONTEXT_LOAD
    mov (UC_CONTEXT + 24)(%rdi), %r11
    mov (UC_CONTEXT + 112)(%rdi), %rcx
    mov (UC_CONTEXT + 64)(%rdi), %rdi
    add $TF_RIP, %rsp
7:  iretq
    EXIT_END 8f
    ACCESS 1b, 9f, 7b
8:  mov %gs:UAREA_FRAME, %rsp
    jmp 71b
9:  mov %gs:UAREA_FRAME, %rsp
    movl $0, (UAREA_MASKED - TF_AT)(%rsp)
    mov TF_AFTER(%rsp), %rcx
    mov TF_CONTEXT(%rsp), %rsp
    mov $15, %eax
    jmp called_slow
signal_called_end:
    CALLED_RANGE called_sigreturn, signal_called_end, 15

    .section .note.GNU-stack, "", @progbits
