// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The vDSO: an ELF image inside ExOS' text that AT_SYSINFO_EHDR shows to programs. ExOS is mapped in every process, and so are the
// exposed tables, so the time of day costs a procedure call. The functions run on the program's stack and touch nothing else; what
// they do not know, they leave to the system call. The same arithmetic as time.c.

#include "gen/user_offsets.h"

#define LINUX_gettimeofday 96
#define LINUX_time 201
#define LINUX_clock_gettime 228
#define CLOCK_MONOTONIC 1

#define DT_NULL 0
#define DT_HASH 4
#define DT_STRTAB 5
#define DT_SYMTAB 6
#define DT_STRSZ 10
#define DT_SYMENT 11
#define DT_SONAME 14

    .text
    .balign 4096
    .global vdso_image
vdso_image:
    .ascii "\177ELF"
    .byte 2, 1, 1, 0 // 64 bits, little endian
    .quad 0
    .word 3, 62 // shared object, x86-64
    .long 1
    .quad 0, 64, 0 // no entry; program headers; no sections
    .long 0
    .word 64, 56, 2, 64, 0, 0
    // All of it, readable and executable
    .long 1, 5
    .quad 0, 0, 0, vdso_end - vdso_image, vdso_end - vdso_image, 4096
    // The dynamic section, which is only read
    .long 2, 4
    .quad dynamic - vdso_image, dynamic - vdso_image, dynamic - vdso_image, dynamic_end - dynamic, dynamic_end - dynamic, 8
dynamic:
    .quad DT_SONAME, soname - strings
    .quad DT_HASH, hash - vdso_image
    .quad DT_STRTAB, strings - vdso_image
    .quad DT_SYMTAB, symbols - vdso_image
    .quad DT_STRSZ, strings_end - strings
    .quad DT_SYMENT, 24
    .quad DT_NULL, 0
dynamic_end:
hash: // one bucket: 1 -> 2 -> 3
    .long 1, 4, 1
    .long 0, 2, 3, 0
    .balign 8
symbols:
    .quad 0, 0, 0
    .macro SYMBOL name
    .long name_\name - strings
    .byte 0x12, 0 // global function
    .word 1
    .quad vdso_\name - vdso_image, vdso_\name\()_end - vdso_\name
    .endm
    SYMBOL clock_gettime
    SYMBOL gettimeofday
    SYMBOL time
strings:
    .byte 0
soname:
    .asciz "linux-vdso.so.1"
name_clock_gettime:
    .asciz "__vdso_clock_gettime"
name_gettimeofday:
    .asciz "__vdso_gettimeofday"
name_time:
    .asciz "__vdso_time"
strings_end:

// rax: nanoseconds since boot; rcx: 10^9; r8: the exposed tables.
    .macro MONOTONIC
    movabs $(TABLES_HIGH << 32), %r8
    lfence
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    sub INFO_TSC_BOOT(%r8), %rax
    mov $1000000000, %ecx
    mul %rcx
    divq INFO_TSC_HZ(%r8)
    .endm
    .macro TO_REALTIME
    add INFO_WALL_BOOT_NS(%r8), %rax
    add time_realtime_shift(%rip), %rax
    .endm
    .macro TO_SECONDS // rdx: the rest
    xor %edx, %edx
    div %rcx
    .endm

    .balign 16
vdso_clock_gettime: // edi: clock, rsi: struct timespec
    cmp $CLOCK_MONOTONIC, %edi
    ja 2f
    MONOTONIC
    test %edi, %edi
    jnz 1f
    TO_REALTIME
1:  TO_SECONDS
    mov %rax, (%rsi)
    mov %rdx, 8(%rsi)
    xor %eax, %eax
    ret
2:  mov $LINUX_clock_gettime, %eax
    syscall
    ret
vdso_clock_gettime_end:

    .balign 16
vdso_gettimeofday: // rdi: struct timeval, rsi: struct timezone
    test %rsi, %rsi
    jnz 1f
    test %rdi, %rdi
    jz 1f
    MONOTONIC
    TO_REALTIME
    TO_SECONDS
    mov %rax, (%rdi)
    mov %edx, %eax
    xor %edx, %edx
    mov $1000, %ecx
    div %ecx
    mov %rax, 8(%rdi)
    xor %eax, %eax
    ret
1:  mov $LINUX_gettimeofday, %eax
    syscall
    ret
vdso_gettimeofday_end:

    .balign 16
vdso_time: // rdi: time_t, or null
    MONOTONIC
    TO_REALTIME
    TO_SECONDS
    test %rdi, %rdi
    jz 1f
    mov %rax, (%rdi)
1:  ret
vdso_time_end:
vdso_end:

    .section .note.GNU-stack, "", @progbits
