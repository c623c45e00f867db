// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Ways into ExOS and out of it; the rules are in trap.h. The upcall stack is the thread's ExOS stack.

#include "gen/user_offsets.h"
#include "libos/exos/entry.h"

    .text

// Where apps/first starts ExOS: rdi is struct rt_start.
    .global exos_start
    .type exos_start, @function
exos_start:
    lea exos_init_stack(%rip), %rsp
    add $(THREAD_STACK_BYTES - TF_SIZE), %rsp
    xor %ebp, %ebp
    call exos_main
    ud2
    .size exos_start, . - exos_start

// A system call of the program. rsp: upcall_frame, with rax, rdx, rdi saved.
    .balign 16
    .global foreign_entry
    .type foreign_entry, @function
foreign_entry:
    PUSH_REST
    mov %rsp, %rbx
    and $-(THREAD_STACK_BYTES), %rbx
    movl $1, UAREA_MASKED(%rbx)
    mov %rsp, %rdi
    call syscall_handle
    jmp exit_checked
    .size foreign_entry, . - foreign_entry

// --- patched calls -------------------------------------------------------------------------------------------------------

// A system call that has become a procedure call (patch.h): its slot jumps here by called_table. rcx: where to go on, in the slot;
// PATCH_RETRY is 2 before it. All other registers are the program's, its stack too, of which not a byte may be touched. r11 and the
// status flags are free. GS is the thread's (trap.h). An upcall that finds the program's stack pointer anywhere up to called_end sends the
// program to the syscall instruction in its slot, except at a DONE.

    .balign 16
called_start:
    .global called_slow
called_slow:
    lea -2(%rcx), %r11
    jmp *%r11

// Calls that only look at a word.
    .macro PEEK name offset
    .global called_\name
called_\name:
    mov %gs:THREAD_PROCESS, %r11
    mov \offset(%r11), %eax
    DONE
    .endm
    PEEK getpid PROCESS_PID
    PEEK getppid PROCESS_PARENT_PID
    PEEK getuid PROCESS_UID
    PEEK geteuid PROCESS_EUID
    PEEK getgid PROCESS_GID
    PEEK getegid PROCESS_EGID

    .global called_gettid
called_gettid:
    mov %gs:THREAD_TID, %eax
    DONE

    .macro CALLED_CALL
    lea linux_calls(%rip), %r11
    mov %r10, %rcx
    call *(%r11, %rax, 8)
    .endm
// Back to the program: rax is the result, rsp the program's trap frame.
    .macro CALLED_LEAVE
    EXIT_UNMASK
    movzbl (UAREA_WORK - TF_AT)(%rsp), %ecx
    or (UAREA_PENDING - TF_AT)(%rsp), %ecx
    jnz exit_called_work
    CALLED_RELOAD
    mov TF_AFTER(%rsp), %rcx
    mov TF_RSP(%rsp), %rsp
    DONE
    EXIT_END
    .endm
    .macro CALLED_RETURN
    test %rax, %rax
    js exit_called_error
    CALLED_LEAVE
    .endm

    .global called_unlocked
called_unlocked:
    CALLED_STACK
    CALLED_SAVE
    CALLED_CALL
    jmp exit_called

    .global called_locked
called_locked:
    CALLED_STACK
    CALLED_SAVE
    CALLED_LOCK called_contended
called_with_lock:
    mov TF_NUMBER(%rsp), %rax
    CALLED_CALL
exit_unlock:
    movq $0, pod_lock_word(%rip)
exit_called:
    CALLED_RETURN
exit_called_error:
    lea RESTART_LAST(%rax), %rcx
    cmp $RESTART_CODES, %rcx
    jbe exit_called_work
    CALLED_LEAVE
exit_called_work:
    movl $1, (UAREA_MASKED - TF_AT)(%rsp)
    mov TF_AFTER(%rsp), %rcx
    mov %rax, TF_RAX(%rsp)
    mov %rcx, TF_RIP(%rsp)
    movq $VECTOR_SYSCALL, TF_VECTOR(%rsp)
    pushfq
    popq TF_RFLAGS(%rsp)
    mov %rbx, TF_RBX(%rsp)
    mov %rbp, TF_RBP(%rsp)
    mov %r12, TF_R12(%rsp)
    mov %r13, TF_R13(%rsp)
    mov %r14, TF_R14(%rsp)
    mov %r15, TF_R15(%rsp)
    mov %rsp, %rdi
    call exit_work
    jmp exit_restart

called_contended:
    call pod_lock
    CALLED_RELOAD
    jmp called_with_lock

// read and write, when only this thread can reach the descriptor: a process of one thread with a table of its own. Nobody can close the
// file meanwhile, so it needs neither lock to be found nor reference. Whatever is not plain is left to linux_read and linux_write.
    .macro MOVE_FIND
    mov %gs:THREAD_PROCESS, %r11
    cmpl $1, PROCESS_THREAD_COUNT(%r11)
    jne 9f
    mov PROCESS_FILES(%r11), %r11
    cmpl $1, FILES_REFS(%r11)
    jne 9f
    mov %edi, %eax
    cmp FILES_CAPACITY(%r11), %eax
    jae 9f
    mov FILES_SLOT(%r11), %r11
    mov (%r11, %rax, 8), %r11
    test %r11, %r11
    jz 9f
    mov %rsi, %rax
    shr $32, %rax
    cmp $PLAIN_HIGH, %eax
    jae 9f
    cmp $RW_MAX, %rdx
    ja 9f
    .endm
    .macro MOVE number now operation
    mov FILE_OPS(%r11), %rax
    mov \now(%rax), %rax
    CALLED_STACK
    test %rax, %rax
    jz 2f
    call *%rax
    test %rax, %rax
    jns exit_kept
2:  mov $\number, %eax
    CALLED_SAVE
    CALLED_LOCK 5f
3:  mov FILE_OPS(%r11), %rax
    mov \operation(%rax), %rax
    test %rax, %rax
    jz called_with_lock
    mov %r11, %rdi
    lea FILE_POSITION(%r11), %rcx
    call *%rax
    movq $0, pod_lock_word(%rip)
    CALLED_RETURN
5:  push %r11
    push %r11
    call pod_lock
    pop %r11
    pop %r11
    CALLED_RELOAD
    jmp 3b
9:  mov $\number, %eax
    jmp called_locked
    .endm

    .global called_read
called_read:
    MOVE_FIND
    testl $NOT_READABLE, FILE_FLAGS(%r11)
    jnz 9f
    MOVE 0 OPS_READ_NOW OPS_READ

    .global called_write
called_write:
    MOVE_FIND
    mov FILE_FLAGS(%r11), %eax
    inc %eax
    and $MAY_WRITE_MASK, %eax
    cmp $MAY_WRITE, %eax
    jne 9f
    MOVE 1 OPS_WRITE_NOW OPS_WRITE
called_moves_end:
    CALLED_RANGE called_read, called_write, 0
    CALLED_RANGE called_write, called_moves_end, 1

// file_now functions (fs/vnode.h): (rdi descriptor, rsi address, rdx bytes).
    .global now_read_nothing
now_read_nothing:
    xor %eax, %eax
    ret
    .global now_write_all
now_write_all:
    mov %rdx, %rax
    ret
    .global now_read_zeros
now_read_zeros:
    cmp $NOW_MAX, %rdx
    ja user_failed
    push %rdi
    push %rcx
    mov %rsi, %rdi
    mov %rdx, %rcx
    xor %eax, %eax
    cld
1:  rep stosb
    mov %rdx, %rax
2:  pop %rcx
    pop %rdi
    ret
3:  mov $-1, %rax
    jmp 2b
    ACCESS 1b, 3b

// Back to the program when all registers but rax and r11 are still its own.
exit_kept:
    EXIT_UNMASK
    movzbl (UAREA_WORK - TF_AT)(%rsp), %r11d
    or (UAREA_PENDING - TF_AT)(%rsp), %r11d
    jnz 1f
    mov TF_RSP(%rsp), %rsp
    DONE
    EXIT_END
1:  movl $1, (UAREA_MASKED - TF_AT)(%rsp)
    CALLED_SAVE
    jmp exit_called_work

// Calls that use the whole trap frame: as if by a trap from the slot.
    .global called_whole
called_whole:
    CALLED_STACK
    add $TF_SAVED, %rsp
    mov %rax, (TF_RAX - TF_SAVED)(%rsp)
    mov %rdx, (TF_RDX - TF_SAVED)(%rsp)
    mov %rdi, (TF_RDI - TF_SAVED)(%rsp)
    mov %rcx, (TF_RIP - TF_SAVED)(%rsp)
    movq $VECTOR_SYSCALL, (TF_VECTOR - TF_SAVED)(%rsp)
    pushfq
    popq (TF_RFLAGS - TF_SAVED)(%rsp)
    cld
    PUSH_REST
    lea -TF_AT(%rsp), %rbx
    mov %rsp, %rdi
    call syscall_run
    jmp exit_checked
called_end:
    CALLED_RANGE called_start, called_end, -1

// Any other upcall; from the program or from ExOS itself. signal_entry.S has looked at it first.
    .balign 16
    .global upcall_slow
    .type upcall_slow, @function
upcall_slow:
    PUSH_REST
    mov %rsp, %rbx
    and $-(THREAD_STACK_BYTES), %rbx
    lea (THREAD_STACK_BYTES - TF_SIZE)(%rbx), %rax
    mov %rsp, %rdi
    cmp %rax, %rsp
    jne upcall_nested
    movl $1, UAREA_MASKED(%rbx)
    call upcall_handle
    jmp exit_checked
upcall_nested:
    call upcall_handle
    mov TF_RCX(%rsp), %rcx
    mov TF_R11(%rsp), %r11
    LOAD_REST
    add $TF_RIP, %rsp
    iretq
    .size upcall_slow, . - upcall_slow

    .global thread_start
    .type thread_start, @function
thread_start:
    mov %rsp, %rdi
    call thread_begin
// Falls through.
    .global exit_to_program
    .type exit_to_program, @function
exit_to_program:
    .global exit_restart
exit_restart:
    mov %rsp, %rbx
    and $-(THREAD_STACK_BYTES), %rbx
    lea (THREAD_STACK_BYTES - TF_SIZE)(%rbx), %rsp
exit_checked: // rbx: uarea, rsp: the program's trap frame
    movl $0, UAREA_MASKED(%rbx)
    .global exit_window_start
exit_window_start:
    movzbl UAREA_WORK(%rbx), %eax
    or UAREA_PENDING(%rbx), %eax
    jnz exit_with_work
    cmpq $VECTOR_SYSCALL, TF_VECTOR(%rsp)
    jne exit_full
    LOAD_REST
    pushq TF_RFLAGS(%rsp)
    popfq
    mov TF_RIP(%rsp), %rcx
    mov TF_RSP(%rsp), %rsp
    DONE
exit_full:
    mov TF_RCX(%rsp), %rcx
    mov TF_R11(%rsp), %r11
    LOAD_REST
    add $TF_RIP, %rsp
    iretq
    .global exit_window_end
exit_window_end:
    .pushsection .rodata.exit_windows, "a", @progbits
    .quad exit_window_start, exit_window_end, exit_restart
    .popsection
exit_with_work:
    movl $1, UAREA_MASKED(%rbx)
    mov %rsp, %rdi
    call exit_work
    jmp exit_restart
    .size exit_to_program, . - exit_to_program

    .global stack_restart
    .type stack_restart, @function
stack_restart:
    mov %rdi, %rax
    mov %rsi, %rdi
    mov %rsp, %rbx
    and $-(THREAD_STACK_BYTES), %rbx
    lea (THREAD_STACK_BYTES - TF_SIZE)(%rbx), %rsp
    xor %ebp, %ebp
    call *%rax
    ud2
    .size stack_restart, . - stack_restart

// --- user memory ---------------------------------------------------------------------------------------------------------

// Where there is AVX, long copies go by the program's own registers, which are kept here meanwhile. A fault leaves what is wrong to the
// instructions for short ones.
    .set WIDE_BLOCK, 512
    .macro WIDE_128 at
    vmovups (\at + 0)(%rsi, %rax), %ymm0
    vmovups (\at + 32)(%rsi, %rax), %ymm1
    vmovups (\at + 64)(%rsi, %rax), %ymm2
    vmovups (\at + 96)(%rsi, %rax), %ymm3
    vmovups %ymm0, (\at + 0)(%rdi, %rax)
    vmovups %ymm1, (\at + 32)(%rdi, %rax)
    vmovups %ymm2, (\at + 64)(%rdi, %rax)
    vmovups %ymm3, (\at + 96)(%rdi, %rax)
    .endm
    .macro WIDE_END
    vmovups (%rsp), %ymm0
    vmovups 32(%rsp), %ymm1
    vmovups 64(%rsp), %ymm2
    vmovups 96(%rsp), %ymm3
    add $128, %rsp
    .endm

    .global user_copy
    .type user_copy, @function
user_copy:
    mov %rdx, %rcx
    cmp $WIDE_BLOCK, %rdx
    jae 5f
0:  shr $3, %rcx
    and $7, %edx
1:  rep movsq
    mov %edx, %ecx
2:  rep movsb
3:  mov %rcx, %rax
    ret
4:  lea (%rdx, %rcx, 8), %rcx // byte by byte up to what is wrong
    jmp 2b
5:  cmpb $0, pod_has_avx(%rip)
    je 0b
    sub $128, %rsp
    vmovups %ymm0, (%rsp)
    vmovups %ymm1, 32(%rsp)
    vmovups %ymm2, 64(%rsp)
    vmovups %ymm3, 96(%rsp)
    and $-WIDE_BLOCK, %rcx
    and $(WIDE_BLOCK - 1), %edx
    add %rcx, %rsi
    add %rcx, %rdi
    mov %rcx, %rax
    neg %rax
6:  WIDE_128 0
    WIDE_128 128
    WIDE_128 256
    WIDE_128 384
7:  add $WIDE_BLOCK, %rax
    jnz 6b
    WIDE_END
    mov %edx, %ecx
    jmp 0b
8:  WIDE_END
    add %rax, %rsi
    add %rax, %rdi
    sub %rax, %rdx
    mov %rdx, %rcx
    jmp 0b
    ACCESS 1b, 4b
    ACCESS 2b, 3b
    ACCESS 6b, 8b, 7b
    .size user_copy, . - user_copy

    .global user_fill
    .type user_fill, @function
user_fill:
    mov %rsi, %rcx
    mov %esi, %edx
    shr $3, %rcx
    and $7, %edx
    xor %eax, %eax
1:  rep stosq
    mov %edx, %ecx
2:  rep stosb
3:  mov %rcx, %rax
    ret
4:  lea (%rdx, %rcx, 8), %rcx // byte by byte up to what is wrong
    jmp 2b
    ACCESS 1b, 4b
    ACCESS 2b, 3b
    .size user_fill, . - user_fill

    .global user_string
    .type user_string, @function
user_string:
    xor %eax, %eax
    mov $0xfefefefefefefeff, %r8 // eight bytes at a time, while no limit and no fault is near
    mov $0x8080808080808080, %r9
    sub $8, %rdx
    jb 2f
1:  mov (%rsi, %rax), %rcx
    lea (%rcx, %r8), %r10
    mov %rcx, (%rdi, %rax)
    not %rcx
    and %r9, %r10
    and %rcx, %r10
    jnz 6f
    add $8, %rax
    cmp %rdx, %rax
    jbe 1b
2:  add $8, %rdx
3:  cmp %rdx, %rax
    je 5f
4:  movzbl (%rsi, %rax), %ecx
    mov %cl, (%rdi, %rax)
    test %ecx, %ecx
    jz 5f
    inc %rax
    jmp 3b
5:  ret
6:  bsf %r10, %r10
    shr $3, %r10d
    add %r10, %rax
    ret
7:  mov $-1, %rax
    ret
    ACCESS 1b, 2b
    ACCESS 4b, 7b
    .size user_string, . - user_string

    .global user_load32
    .type user_load32, @function
user_load32:
1:  mov (%rsi), %edx
    mov %edx, (%rdi)
    xor %eax, %eax
    ret
    ACCESS 1b, user_failed
    .size user_load32, . - user_load32

    .global user_load64
    .type user_load64, @function
user_load64:
1:  mov (%rsi), %rdx
    mov %rdx, (%rdi)
    xor %eax, %eax
    ret
    ACCESS 1b, user_failed
    .size user_load64, . - user_load64

    .global user_store32
    .type user_store32, @function
user_store32:
1:  mov %esi, (%rdi)
    xor %eax, %eax
    ret
    ACCESS 1b, user_failed
    .size user_store32, . - user_store32

    .global user_store64
    .type user_store64, @function
user_store64:
1:  mov %rsi, (%rdi)
    xor %eax, %eax
    ret
    ACCESS 1b, user_failed
    .size user_store64, . - user_store64

// (value rdi, to rsi, expected edx): *value holds the new value on entry, the old one on return.
    .global user_exchange32
    .type user_exchange32, @function
user_exchange32:
    mov (%rdi), %ecx
    mov %edx, %eax
1:  lock cmpxchg %ecx, (%rsi)
    mov %eax, (%rdi)
    xor %eax, %eax
    ret
    ACCESS 1b, user_failed
    .size user_exchange32, . - user_exchange32

// (area rdi, 64-aligned): all of XCR0's components; fxsave where there is no XSAVE.
    .global user_fp_save
    .type user_fp_save, @function
user_fp_save:
    cmpb $0, pod_has_xsave(%rip)
    je 2f
    mov $-1, %eax
    mov $-1, %edx
1:  xsave64 (%rdi)
    xor %eax, %eax
    ret
2:  fxsave64 (%rdi)
    xor %eax, %eax
    ret
    ACCESS 1b, user_failed
    ACCESS 2b, user_failed
    .size user_fp_save, . - user_fp_save

    .global user_fp_load
    .type user_fp_load, @function
user_fp_load:
    cmpb $0, pod_has_xsave(%rip)
    je 2f
    mov $-1, %eax
    mov $-1, %edx
1:  xrstor64 (%rdi)
    xor %eax, %eax
    ret
2:  fxrstor64 (%rdi)
    xor %eax, %eax
    ret
    ACCESS 1b, user_failed
    ACCESS 2b, user_failed
    .size user_fp_load, . - user_fp_load

user_failed:
    mov $-1, %rax
    ret

    .section .note.GNU-stack, "", @progbits
