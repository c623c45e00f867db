// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Protected control transfer: registers are the message. The common case is here, without a stack: an ENV capability, a callee
// that accepts and has no slices of its own, a caller that was not itself called. Everything else, and every error, goes
// through transfer.c, which keeps the same rules.
//
// On entry (entry_syscall): on the stack a return address, the flags and rip of the program; rax, rcx and r11 are free, and
// so are rdi and rsi, which the callee gets from the kernel. The fast way changes just what transfer.c would.

#include "gen/aegis_offsets.h"

#define RFLAGS_CLEAN 0x202

    .text

// Only if it is free and nobody is to be let go first. eax is lost.
    .macro LOCK_FAST slow
    xor %eax, %eax
    mov $1, %r11d
    lock cmpxchg %r11d, the_kernel_lock + LOCK_WORD(%rip)
    jnz \slow
    .endm
    .macro UNLOCK
    movb $0, the_kernel_lock + LOCK_HELD(%rip)
    .endm
// Gives the lock back and goes on in user mode: at rcx, with the stack, rax and rdi as they are, GS base in rdx, nothing else.
    .macro GO_ON
    UNLOCK // from here on the other one may be destroyed
    mov $RFLAGS_CLEAN, %r11d
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
    .endm
    .macro LOAD_SPACE env
    mov ENV_CR3(\env), %r11
    cmp %gs:AEGIS_CPU_CR3, %r11
    je 5f
    mov %r11, %gs:AEGIS_CPU_CR3
    mov %r11, %cr3
5:
    .endm

    .balign 64
    .global entry_message_call
entry_message_call: // rdi: slot, rsi: env
    cmp $CAP_MANY, %rdi
    jae call_slow
    LOCK_FAST call_slow
    mov %gs:AEGIS_CPU_CONTEXT, %rax // the caller
    lea (%rdi, %rdi, 2), %rcx
    shl $4, %rcx
    mov ENV_CAPS + CAP_TYPE_RIGHTS(%rax, %rcx), %r11d
    and $CAP_CALL_MASK, %r11d
    cmp $CAP_CALL_WANT, %r11d
    jne call_unlock
    cmp %rsi, ENV_CAPS + CAP_OBJECT(%rax, %rcx)
    jne call_unlock
    mov env_of(%rip), %r11
    mov %esi, %ecx
    and $INDEX_MASK, %ecx
    mov (%r11, %rcx, 8), %r11
    test %r11, %r11
    jz call_unlock
    cmp %rsi, ENV_ID(%r11)
    jne call_unlock
    mov ENV_FAST(%r11), %rcx
    test %rcx, %rcx
    jz call_unlock
    cmpq $0, ENV_CALLER(%rax)
    jne call_unlock
    // Commit.
    mov %r11, %rdi // the callee
    mov 16(%rsp), %r11
    mov %r11, ENV_RIP(%rax)
    mov %gs:AEGIS_CPU_USER_RSP, %r11
    mov %r11, ENV_RSP(%rax)
    mov %rdi, ENV_CALLEE(%rax)
    mov %rax, ENV_CALLER(%rdi)
    movq $0, ENV_FAST(%rdi)
    mov ENV_ROW(%rax), %r11
    mov ROW_STATE(%r11), %rsi // ENV_RUNNING, and this processor
    movl $STATE_CALLING, ROW_STATE(%r11)
    mov ENV_ROW(%rdi), %r11
    mov %rsi, ROW_STATE(%r11)
    mov %rdi, %gs:AEGIS_CPU_CONTEXT
    mov %rdi, %gs:AEGIS_CPU_VECTOR_OWNER
    LOAD_SPACE %rdi
    mov ENV_CALL_STACK(%rdi), %rsp
    mov ENV_ID(%rdi), %rsi
    mov ENV_ID(%rax), %rdi
    UNLOCK // from here on the other one may be destroyed
    mov $RFLAGS_CLEAN, %r11d
    xor %eax, %eax
    swapgs
    sysretq

    .balign 16
    .global entry_message_return
entry_message_return:
    LOCK_FAST return_slow
    mov %gs:AEGIS_CPU_CONTEXT, %rax // the callee
    mov ENV_CALLER(%rax), %rdi
    test %rdi, %rdi
    jz return_unlock
    cmpl $0, ENV_SLOW(%rdi) // notify and stop: a caller may have slices
    jne return_unlock
    cmpq $0, ENV_SLOW(%rax)
    jne return_unlock
    // Commit.
    movq $0, ENV_CALLER(%rax)
    movq $0, ENV_CALLEE(%rdi)
    mov ENV_CALL_ENTRY(%rax), %r11
    mov %r11, ENV_FAST(%rax)
    mov ENV_ROW(%rax), %r11
    mov ROW_STATE(%r11), %rsi
    movl $STATE_ACCEPTING, ROW_STATE(%r11)
    mov ENV_ROW(%rdi), %r11
    mov %rsi, ROW_STATE(%r11)
    mov %rdi, %gs:AEGIS_CPU_CONTEXT
    mov %rdi, %gs:AEGIS_CPU_VECTOR_OWNER
    LOAD_SPACE %rdi
    mov ENV_RIP(%rdi), %rcx
    mov ENV_RSP(%rdi), %rsp
    mov ENV_ID(%rdi), %rsi
    mov ENV_ID(%rax), %rdi
    UNLOCK // from here on the other one may be destroyed
    mov $RFLAGS_CLEAN, %r11d
    xor %eax, %eax
    swapgs
    sysretq

// --- directed yield ------------------------------------------------------------------------------

// env_yield to a named env, as sys_env_yield and sched_switch do it, with an ENV capability, by an env that nobody called, to
// one that isn't saved whole and has nothing to hear of. All registers but rdi and rsi are free: none outlives the call.
    .balign 64
    .global entry_yield
entry_yield: // rdi: slot, rsi: env
    mov %gs:AEGIS_CPU_CONTEXT, %r9
    cmp $CAP_MANY, %rdi
    jae entry_yield_slow
    LOCK_FAST entry_yield_slow
    lea (%rdi, %rdi, 2), %rcx
    shl $4, %rcx
    mov ENV_CAPS + CAP_TYPE_RIGHTS(%r9, %rcx), %r11d
    and $CAP_YIELD_MASK, %r11d
    cmp $CAP_YIELD_WANT, %r11d
    jne yield_unlock
    cmp %rsi, ENV_CAPS + CAP_OBJECT(%r9, %rcx)
    jne yield_unlock
    mov env_of(%rip), %r11
    mov %esi, %ecx
    and $INDEX_MASK, %ecx
    mov (%r11, %rcx, 8), %r11 // the env that is to run
    test %r11, %r11
    jz yield_unlock
    cmp %rsi, ENV_ID(%r11)
    jne yield_unlock
    mov ENV_ROW(%r11), %r8
    cmpl $STATE_READY, ROW_STATE(%r8)
    jne yield_unlock
    cmpl $0, ENV_SLOW(%r11) // notify and stop
    jne yield_unlock
    cmpq $0, ENV_FULL(%r11)
    jne yield_unlock
    cmpq $0, ENV_CALLER(%r9)
    jne yield_unlock
    mov sal_machine + MACHINE_FEATURES(%rip), %r10
    test $FEATURE_XSAVE, %r10d
    jz yield_unlock
    cmpl $0, watch_count(%rip)
    jne yield_watched
yield_commit:
    mov 16(%rsp), %rax
    mov %rax, ENV_RIP(%r9)
    mov %gs:AEGIS_CPU_USER_RSP, %rax
    mov %rax, ENV_RSP(%r9)
    xor %ecx, %ecx
    mov %rcx, ENV_FULL(%r9)
    mov %rcx, ENV_RAX(%r9)
    mov %rcx, ENV_RDI(%r9)
    mov %rcx, ENV_FS(%r9)
    test $FEATURE_PKU, %r10d
    jz 1f
    rdpkru
    mov %rax, ENV_PKRU(%r9)
1:  mov ENV_ROW(%r9), %r10
    mov %rcx, ROW_OVERRUN(%r10)
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    mov %rax, %rcx
    sub %gs:AEGIS_CPU_SINCE, %rcx
    mov %rax, %gs:AEGIS_CPU_SINCE
    add %rcx, ROW_RAN(%r10)
    mov ROW_STATE(%r10), %rcx // ENV_RUNNING, and this processor
    movl $STATE_READY, ROW_STATE(%r10)
    mov %rcx, ROW_STATE(%r8)
    mov %gs:AEGIS_CPU_ROW, %r10
    mov %rsi, CPU_ROW_ENV(%r10)
    incq CPU_ROW_SWITCHES(%r10)
    mov %r11, %rsi
    mov %rsi, %gs:AEGIS_CPU_CONTEXT
    mov %rsi, %gs:AEGIS_CPU_VECTOR_OWNER
    LOAD_SPACE %rsi
    mov $-1, %eax
    mov %eax, %edx
    xrstor64 sal_vector_initial(%rip)
    xor %edx, %edx
    mov ENV_PKRU(%rsi), %rax
    test %rax, %rax
    jz 1f
    xor %ecx, %ecx
    wrpkru
1:  mov ENV_FS(%rsi), %rax
    wrfsbase %rax
    mov ENV_RIP(%rsi), %rcx
    mov ENV_RSP(%rsi), %rsp
    mov ENV_RAX(%rsi), %rax
    mov ENV_RDI(%rsi), %rdi
    GO_ON

// Some processor idles: that is nothing to us if the caller has no position, or just one, which is here. Or one is some env's
// alone: the timer must be set if it is this one.
yield_watched:
    mov %gs:AEGIS_CPU_ROW, %rcx
    cmpq $-1, CPU_ROW_SLICE_END(%rcx)
    je yield_unlock
    mov ENV_SLICES(%r9), %ecx
    sub $1, %ecx
    jc yield_commit
    mov slice_next(%rip), %rax
    cmpl $0, (%rax, %rcx, 4)
    jne yield_unlock
    mov %ecx, %eax
    xor %edx, %edx
    mov $SLICES, %ecx
    div %ecx
    cmp %gs:AEGIS_CPU_NUMBER, %eax
    je yield_commit
yield_unlock:
    UNLOCK
    jmp entry_yield_slow

// --- sleeping in favour of another -----------------------------------------------------------------

// A register gets the number within this processor's vector of a position of an env; to pass_unlock if it is elsewhere or none.
    .macro POSITION env register
    mov ENV_SLICES(\env), \register
    sub %gs:AEGIS_CPU_SLICE_FIRST, \register
    cmp $SLICES, \register
    jae pass_unlock
    .endm

// env_pass as sys_env_pass and sched_switch do it, without a deadline, by an env that nobody called and that has a reason to sleep,
// to one that sleeps without a deadline, each with one position, on this processor. One that is SLEEPING goes on with nothing but
// rip, rsp and PKRU: env_save_switched made the rest of its context 0. rax and r8 to r11 are free until all is checked.
    .balign 64
    .global entry_pass
entry_pass: // rdi: slot, rsi: env, rdx: wake count seen, rcx: deadline
    mov %gs:AEGIS_CPU_CONTEXT, %r9
    cmp $CAP_MANY, %rdi
    jae entry_pass_slow
    cmp $-1, %rcx
    jne entry_pass_slow
    LOCK_FAST entry_pass_slow
    mov env_of(%rip), %r11
    mov %esi, %eax
    and $INDEX_MASK, %eax
    mov (%r11, %rax, 8), %r11 // the env that is woken
    test %r11, %r11
    jz pass_unlock
    cmp %rsi, ENV_ID(%r11)
    jne pass_unlock
    mov ENV_ROW(%r11), %r8
    lea (%rdi, %rdi, 2), %rax
    shl $4, %rax
    mov ENV_CAPS + CAP_OBJECT(%r9, %rax), %r10
    mov ENV_CAPS + CAP_TYPE_RIGHTS(%r9, %rax), %eax
    and $CAP_PASS_MASK, %eax
    cmp $CAP_PASS_ACCOUNT, %eax
    jne pass_env
    cmp %r10, ROW_ACCOUNT(%r8)
    jne pass_unlock
pass_allowed:
    mov ENV_ROW(%r9), %r10
    cmpl $STATE_SLEEPING, ROW_STATE(%r8)
    jne pass_unlock
    cmp %rdx, ROW_WAKES(%r10)
    jne pass_unlock
    mov ENV_SLOW(%r9), %eax // notify and stop, of both
    or ENV_SLOW(%r11), %eax
    or ENV_SLEEPER_PLACE(%r11), %eax
    jnz pass_unlock
    mov ENV_CREWS(%r9), %rax
    or ENV_CALLER(%r9), %rax
    jnz pass_unlock
    testl $FEATURE_XSAVE, sal_machine + MACHINE_FEATURES(%rip)
    jz pass_unlock
    mov %gs:AEGIS_CPU_SLICE_LINKS, %r10
    POSITION %r9, %eax
    cmpl $0, (%r10, %rax, 4)
    jne pass_unlock
    POSITION %r11, %r8d
    cmpl $0, (%r10, %r8, 4)
    jne pass_unlock
    // Commit. From here on no register has to be kept.
    mov %gs:AEGIS_CPU_ROW, %r12
    mov %gs:AEGIS_CPU_RUNNABLE, %rbp
    btr %rax, (%rbp)
    sbbl $0, CPU_ROW_RUNNABLE(%r12)
    bts %r8, (%rbp)
    cmc
    adcl $0, CPU_ROW_RUNNABLE(%r12)
    mov %rsi, CPU_ROW_ENV(%r12)
    incq CPU_ROW_SWITCHES(%r12)
    mov ENV_ROW(%r9), %r10
    mov ENV_ROW(%r11), %r8
    incq ROW_WAKES(%r8)
    mov 16(%rsp), %rax
    mov %rax, ENV_RIP(%r9)
    mov %gs:AEGIS_CPU_USER_RSP, %rax
    mov %rax, ENV_RSP(%r9)
    xor %edi, %edi
    mov %rdi, ENV_RAX(%r9)
    mov %rdi, ENV_RDI(%r9)
    mov %rdi, ENV_FS(%r9)
    mov %rdi, ROW_OVERRUN(%r10)
    testl $FEATURE_PKU, sal_machine + MACHINE_FEATURES(%rip)
    jnz pass_with_keys
pass_charge:
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    mov %rax, %rcx
    sub %gs:AEGIS_CPU_SINCE, %rcx
    mov %rax, %gs:AEGIS_CPU_SINCE
    add %rcx, ROW_RAN(%r10)
    mov ROW_STATE(%r10), %rcx // ENV_RUNNING, and this processor
    movl $STATE_SLEEPING, ROW_STATE(%r10)
    mov %rcx, ROW_STATE(%r8)
    mov %r11, %rsi
    mov %rsi, %gs:AEGIS_CPU_CONTEXT
    mov %rsi, %gs:AEGIS_CPU_VECTOR_OWNER
    LOAD_SPACE %rsi
    mov $-1, %eax
    mov %eax, %edx
    xrstor64 sal_vector_initial(%rip)
    xor %edx, %edx
    cmp %rdx, ENV_PKRU(%rsi)
    jne pass_to_keys
pass_resume:
    xor %eax, %eax
    wrfsbase %rdx
    mov ENV_RIP(%rsi), %rcx
    mov ENV_RSP(%rsi), %rsp
    GO_ON

pass_with_keys:
    xor %ecx, %ecx
    rdpkru
    mov %rax, ENV_PKRU(%r9)
    jmp pass_charge
pass_to_keys:
    mov ENV_PKRU(%rsi), %eax
    xor %ecx, %ecx
    wrpkru
    jmp pass_resume

pass_env:
    cmp $CAP_PASS_WANT, %eax
    jne pass_unlock
    cmp %r10, %rsi
    je pass_allowed
pass_unlock:
    UNLOCK
    jmp entry_pass_slow

// --- the other cases --------------------------------------------------------------------------------

// transfer.c gets (slot, env, struct transfer_exit *) and returns the context that was entered, its space loaded, or null with
// the error. rbx, rbp, r12 to r15 survive C by themselves; the other message registers are kept here.
    .macro MESSAGE handler
    push %rdx
    push %r8
    push %r9
    push %r10
    sub $24, %rsp
    mov %rsp, %rdx
    call \handler
    jmp message_exit
    .endm

call_unlock:
    UNLOCK
    .global call_slow
call_slow:
    MESSAGE transfer_call
return_unlock:
    UNLOCK
    .global return_slow
return_slow:
    MESSAGE transfer_return
    .global entry_message_send
entry_message_send:
    MESSAGE transfer_send

message_exit:
    pop %rdi // error, or name
    pop %rcx
    pop %rsi
    pop %r10
    pop %r9
    pop %r8
    pop %rdx
    test %rax, %rax
    jz 1f
    mov %rsi, %rsp
    mov ENV_ID(%rax), %rsi
    mov $RFLAGS_CLEAN, %r11d
    xor %eax, %eax
    swapgs
    sysretq
1:  mov %rdi, %rax
    add $8, %rsp
    jmp syscall_return

    .section .note.GNU-stack, "", @progbits
