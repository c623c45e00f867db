// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Short ways of the calls that hand the processor over: env_call, env_return, env_yield to a named env, env_pass. Registers are
// the message. The common case is here, without a stack: an ENV capability, nothing else to do than to exchange two envs.
// Everything else, and every error, goes through C (transfer.c, sleep.c), which keeps the same rules.
//
// On entry (entry_syscall): rcx and r11 are the program's rip and flags, rax is free, every other register is the program's. The
// stack is empty. A short way that gives up keeps or restores the arguments, and goes to its slow one. It changes just what C
// would. What must hold of the fields that it reads is said in env.h and sched.h.

#include "gen/aegis_offsets.h"

#define RFLAGS_CLEAN 0x202
#define XSTATE_PKRU 9

    .text

// Only if it is free and nobody is to be let go first. eax and the other register are lost.
    .macro LOCK_FAST slow one
    xor %eax, %eax
    mov $1, \one
    lock cmpxchg \one, the_kernel_lock + LOCK_WORD(%rip)
    jnz \slow
    .endm
    .macro UNLOCK
    movb $0, the_kernel_lock + LOCK_HELD(%rip)
    .endm
// to: the env of a capability for just one, or env_none, whose fields are 0; at is its place in the table of env.
    .macro OBJECT env at to
    mov ENV_CAPS + CAP_ROW(\env, \at), \to
    mov (\to), \to
    .endm
// The same, for the env that rsi names; index is lost.
    .macro NAMED to index index64
    mov env_short(%rip), \to
    mov %esi, \index
    and $INDEX_MASK, \index
    mov (\to, \index64, 8), \to
    .endm
    .macro LOAD_SPACE env t
    mov ENV_CR3(\env), \t
    cmp %gs:AEGIS_CPU_CR3, \t
    je 5f
    mov \t, %gs:AEGIS_CPU_CR3
    mov \t, %cr3
5:
    .endm
// The running env \from becomes \state, \to runs instead; t and u are lost. State and processor are one word of a row.
    .macro EXCHANGE from state to t u
    mov ENV_ROW(\from), \t
    mov ROW_STATE(\t), \u
    movl $\state, ROW_STATE(\t)
    mov ENV_ROW(\to), \t
    mov \u, ROW_STATE(\t)
    mov \to, %gs:AEGIS_CPU_CONTEXT
    LOAD_SPACE \to \t
    .endm

    .balign 64
    .global entry_message_call
entry_message_call: // rdi: slot, rsi: env
    mov %r11, %gs:AEGIS_CPU_USER_FLAGS
    cmp $CAP_MANY, %rdi
    jae call_short_slow
    LOCK_FAST call_short_slow, %r11d
    mov %gs:AEGIS_CPU_CONTEXT, %rax // the caller
    mov %rcx, ENV_RIP(%rax)
    imul $CAP_BYTES, %rdi, %rcx
    testb $CAP_QUICK_CALL, ENV_CAPS + CAP_QUICK(%rax, %rcx)
    jz call_unlock
    cmp %rsi, ENV_CAPS + CAP_OBJECT(%rax, %rcx)
    jne call_unlock
    OBJECT %rax, %rcx, %r11
    cmp %rsi, ENV_ID(%r11)
    jne call_unlock
    mov ENV_FAST(%r11), %rcx
    test %rcx, %rcx
    jz call_unlock
    cmpq $0, ENV_CALLER(%rax)
    jne call_unlock
    // Commit.
    mov %gs:AEGIS_CPU_USER_RSP, %rdi
    mov %rdi, ENV_RSP(%rax)
    mov %r11, ENV_CALLEE(%rax)
    mov %rax, ENV_CALLER(%r11)
    movq $0, ENV_FAST(%r11)
    EXCHANGE %rax, STATE_CALLING, %r11, %rdi, %rsi
    mov ENV_CALL_STACK(%r11), %rsp
    mov ENV_ID(%r11), %rsi
    mov ENV_ID(%rax), %rdi
    UNLOCK // from here on the other one may be destroyed
    mov $RFLAGS_CLEAN, %r11d
    xor %eax, %eax
    swapgs
    sysretq

    .balign 16
    .global entry_message_return
entry_message_return:
    mov %r11, %gs:AEGIS_CPU_USER_FLAGS
    LOCK_FAST return_short_slow, %r11d
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
    EXCHANGE %rax, STATE_ACCEPTING, %rdi, %r11, %rsi
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

// env_yield to a named env as sys_env_yield and sched_switch do it, with an ENV capability, to one that is plain (env.h). General
// registers and segment selectors go along, but for rax, rcx, rdx, r8 and r11; vector state, bases and protection keys do not.
// Whoever pays for the slice goes on paying. Until all is checked only rax, rcx, rdx and r8 are used.
    .balign 64
    .global entry_yield
entry_yield: // rdi: slot, rsi: env
    mov %gs:AEGIS_CPU_CONTEXT, %r8
    mov %rcx, ENV_RIP(%r8)
    LOCK_FAST yield_slow, %edx
    cmp %gs:AEGIS_CPU_YIELD_SLOTS, %rdi
    jae yield_unusual
yield_usual:
    imul $CAP_BYTES, %rdi, %rax
    testb $CAP_QUICK_YIELD, ENV_CAPS + CAP_QUICK(%r8, %rax)
    jz yield_unlock
    cmp %rsi, ENV_CAPS + CAP_OBJECT(%r8, %rax)
    jne yield_unlock
    OBJECT %r8, %rax, %rcx
    cmp %rsi, ENV_PLAIN(%rcx)
    jne yield_unlock
    mov ENV_ROW(%rcx), %rdx
    cmpl $STATE_READY, ROW_STATE(%rdx)
    jne yield_unlock
    // Commit.
    mov %gs:AEGIS_CPU_USER_RSP, %rax
    mov %rax, ENV_RSP(%r8)
    mov ENV_ROW(%r8), %rax
    mov ROW_STATE(%rax), %r11 // ENV_RUNNING, and this processor
    movl $STATE_READY, ROW_STATE(%rax)
    mov %r11, ROW_STATE(%rdx)
    mov %rcx, %gs:AEGIS_CPU_CONTEXT
    LOAD_SPACE %rcx, %rax
    testl $FEATURE_PKU, sal_machine + MACHINE_FEATURES(%rip)
    jnz yield_with_keys
    xor %edx, %edx
    mov $-1, %eax
yield_resume: // edx: 0, eax: what of the vector state is to be cleared
    xrstor64 sal_vector_initial(%rip)
    wrfsbase %rdx
    mov ENV_RSP(%rcx), %rsp
    mov ENV_RIP(%rcx), %rcx
    UNLOCK // from here on the other one may be destroyed
    mov $RFLAGS_CLEAN, %r11d
    xor %eax, %eax
    xor %r8d, %r8d
    swapgs
    wrgsbase %rdx
    sysretq

yield_with_keys:
    mov %rcx, %r11
    xor %ecx, %ecx
    rdpkru // and edx is 0
    mov %rax, ENV_PKRU(%r8)
    cmp ENV_PKRU(%r11), %rax
    je 1f
    mov ENV_PKRU(%r11), %rax
    wrpkru
1:  mov %r11, %rcx
    mov $~(1 << XSTATE_PKRU), %eax
    jmp yield_resume

// Some processor idles: that is nothing to us if the caller has no position, or just one, which is here. Or one is some env's
// alone: the timer must be set if it is this one. Or the slice is over, and to leave now is to be noted; or it is no slot.
yield_unusual:
    cmp $CAP_MANY, %rdi
    jae yield_unlock
    cmpl $0, %gs:AEGIS_CPU_GRACE
    jne yield_unlock
    mov ENV_ROW(%r8), %rax
    cmpq $0, ROW_OVERRUN(%rax)
    jne yield_unlock
    mov %gs:AEGIS_CPU_ROW, %rax
    cmpq $-1, CPU_ROW_SLICE_END(%rax)
    je yield_unlock
    mov ENV_SLICES(%r8), %eax
    test %eax, %eax
    jz yield_usual
    sub %gs:AEGIS_CPU_SLICE_FIRST, %eax
    cmp $SLICES, %eax
    jae yield_unlock
    mov %gs:AEGIS_CPU_SLICE_LINKS, %rcx
    cmpl $0, (%rcx, %rax, 4)
    je yield_usual
yield_unlock:
    UNLOCK
yield_slow:
    push ENV_RIP(%r8)
    push %r11
    call entry_yield_slow
    jmp syscall_return

// --- sleeping in favour of another -----------------------------------------------------------------

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
// A register gets the number within this processor's vector of a position of an env; to pass_unlock if it is elsewhere or none.
    .macro POSITION env register
    mov ENV_SLICES(\env), \register
    sub %gs:AEGIS_CPU_SLICE_FIRST, \register
    cmp $SLICES, \register
    jae pass_unlock
    .endm

// env_pass as sys_env_pass and sched_switch do it, without a deadline, by an env that nobody called and that has a reason to sleep,
// to one that sleeps without a deadline, each with one position, on this processor. One that is SLEEPING goes on with nothing but
// rip, rsp and PKRU: the rest of its context is 0. rax, rcx and r8 to r11 are free until all is checked.
    .balign 64
    .global entry_pass
entry_pass: // rdi: slot, rsi: env, rdx: wake count seen, r10: deadline
    mov %gs:AEGIS_CPU_CONTEXT, %r9
    mov %rcx, ENV_RIP(%r9)
    mov %r11, %gs:AEGIS_CPU_USER_FLAGS
    cmp $CAP_MANY, %rdi
    jae pass_slow
    cmp $-1, %r10
    jne pass_slow
    LOCK_FAST pass_slow, %ecx
    NAMED %r11, %eax, %rax // the env that is woken
    cmp %rsi, ENV_ID(%r11)
    jne pass_unlock
    mov ENV_ROW(%r11), %r8
    imul $CAP_BYTES, %rdi, %rax
    mov ENV_CAPS + CAP_OBJECT(%r9, %rax), %rcx
    mov ENV_CAPS + CAP_TYPE_RIGHTS(%r9, %rax), %eax
    and $CAP_PASS_MASK, %eax
    cmp $CAP_PASS_ACCOUNT, %eax
    jne pass_env
    cmp %rcx, ROW_ACCOUNT(%r8)
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
    or %gs:AEGIS_CPU_GRACE, %eax // the slice is over, and that it leaves is to be noted
    jnz pass_unlock
    mov ENV_CREWS(%r9), %rax
    or ENV_CALLER(%r9), %rax
    or ENV_CALLER(%r11), %rax
    jnz pass_unlock
    testl $FEATURE_XSAVE, sal_machine + MACHINE_FEATURES(%rip)
    jz pass_unlock
    mov %gs:AEGIS_CPU_SLICE_LINKS, %rcx
    POSITION %r9, %eax
    cmpl $0, (%rcx, %rax, 4)
    jne pass_unlock
    POSITION %r11, %r8d
    cmpl $0, (%rcx, %r8, 4)
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
    mov ENV_ROW(%r11), %r8
    incq ROW_WAKES(%r8)
    mov %gs:AEGIS_CPU_USER_RSP, %rax
    mov %rax, ENV_RSP(%r9)
    movq $0, ROW_OVERRUN(%r10)
    testl $FEATURE_PKU, sal_machine + MACHINE_FEATURES(%rip)
    jnz pass_with_keys
pass_charge:
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    mov %rax, %rcx
    sub %gs:AEGIS_CPU_SINCE, %rcx
    mov %rax, %gs:AEGIS_CPU_SINCE
    mov %gs:AEGIS_CPU_PAYER, %rdx
    add %rcx, ROW_RAN(%rdx)
    mov %r8, %gs:AEGIS_CPU_PAYER
    mov ROW_STATE(%r10), %rcx // ENV_RUNNING, and this processor
    movl $STATE_SLEEPING, ROW_STATE(%r10)
    mov %rcx, ROW_STATE(%r8)
    mov %r11, %gs:AEGIS_CPU_CONTEXT
    LOAD_SPACE %r11, %rax
    mov $-1, %eax
    mov %eax, %edx
    xrstor64 sal_vector_initial(%rip)
    xor %edx, %edx
    cmp %rdx, ENV_PKRU(%r11)
    jne pass_to_keys
pass_resume:
    xor %eax, %eax
    xor %edi, %edi
    wrfsbase %rdx
    mov ENV_RIP(%r11), %rcx
    mov ENV_RSP(%r11), %rsp
    GO_ON

pass_with_keys:
    xor %ecx, %ecx
    rdpkru
    mov %rax, ENV_PKRU(%r9)
    jmp pass_charge
pass_to_keys:
    mov ENV_PKRU(%r11), %eax
    xor %ecx, %ecx
    wrpkru
    jmp pass_resume

pass_env:
    cmp $CAP_PASS_WANT, %eax
    jne pass_unlock
    cmp %rcx, %rsi
    je pass_allowed
pass_unlock:
    UNLOCK
    mov $-1, %r10
pass_slow:
    push ENV_RIP(%r9)
    push %gs:AEGIS_CPU_USER_FLAGS
    mov %r10, %rcx
    call entry_pass_slow
    jmp syscall_return

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

// From a short way: rcx is rip, the flags are kept. From elsewhere (entry_syscall_traced): on the stack rip, flags, an address.
    .macro SLOW
    push %rcx
    push %gs:AEGIS_CPU_USER_FLAGS
    push %rax // in the place of the address
    .endm

call_unlock:
    UNLOCK
    mov ENV_RIP(%rax), %rcx
call_short_slow:
    SLOW
    .global call_slow
call_slow:
    MESSAGE transfer_call
return_unlock:
    UNLOCK
return_short_slow:
    SLOW
    .global return_slow
return_slow:
    MESSAGE transfer_return
    .global entry_message_send
entry_message_send:
    mov %r11, %gs:AEGIS_CPU_USER_FLAGS
    SLOW
    .global send_slow
send_slow:
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
