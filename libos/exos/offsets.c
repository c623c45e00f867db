// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Offsets and numbers for libos assembly; compiled to text only (libos/room.mk), never linked.

#include "abi/caps.h"
#include "abi/env.h"
#include "abi/errors.h"
#include "abi/tables.h"
#include "gen/syscalls.h"
#include "libos/exos/fs/file.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/mm.h"
#include "libos/exos/patch_code.h"
#include "libos/exos/process.h"
#include "libos/exos/trap.h"
#include "libos/exos/vm.h"
#include "libos/rt/lrpc.h"

#define THREAD_OFFSET(field) (sizeof(struct env_uarea) + __builtin_offsetof(struct thread, field))
#define DEFINE(name, value)  __asm__ volatile(".ascii \"->" #name " %c0\"" : : "i"((i64)(value)))
void offsets(void);

void offsets(void) {
    DEFINE(NUMBER_env_sleep, SYS_env_sleep);
    DEFINE(NUMBER_env_yield, SYS_env_yield);
    DEFINE(NUMBER_env_call, SYS_env_call);
    DEFINE(NUMBER_env_send, SYS_env_send);
    DEFINE(NUMBER_env_accept, SYS_env_accept);
    DEFINE(NUMBER_env_pass, SYS_env_pass);
    DEFINE(NUMBER_env_run, SYS_env_run);
    DEFINE(NUMBER_env_return, SYS_env_return);
    DEFINE(E_RECALLED, E_RECALLED);
    DEFINE(E_DEAD, E_DEAD);
    DEFINE(E_NOSYS, E_NOSYS);
    DEFINE(INFO_FEATURES, __builtin_offsetof(struct abi_info, features));
    DEFINE(FEATURE_PKU, ABI_FEATURE_PKU);
    DEFINE(LRPC_CAP, __builtin_offsetof(struct lrpc, cap));
    DEFINE(LRPC_SERVER, __builtin_offsetof(struct lrpc, server));
    DEFINE(LRPC_BROKEN, __builtin_offsetof(struct lrpc, broken));
    DEFINE(SERVICE_PROCEDURES, __builtin_offsetof(struct lrpc_service, procedures));
    DEFINE(SERVICE_FS, __builtin_offsetof(struct lrpc_service, fs_base));
    DEFINE(SERVICE_GS, __builtin_offsetof(struct lrpc_service, gs_base));
    DEFINE(SERVICE_MXCSR, __builtin_offsetof(struct lrpc_service, mxcsr));
    DEFINE(SERVICE_PKRU, __builtin_offsetof(struct lrpc_service, pkru));
    DEFINE(SERVICE_CONTROL, __builtin_offsetof(struct lrpc_service, control));
    DEFINE(NUMBER_ext_load, SYS_ext_load);
    DEFINE(NUMBER_env_wait, SYS_env_wait);
    DEFINE(NUMBER_env_sleep_until, SYS_env_sleep_until);
    DEFINE(TF_SIZE, sizeof(struct trap_frame));
    DEFINE(TF_SAVED, __builtin_offsetof(struct trap_frame, frame));
    DEFINE(TF_R15, __builtin_offsetof(struct trap_frame, r15));
    DEFINE(TF_R14, __builtin_offsetof(struct trap_frame, r14));
    DEFINE(TF_R13, __builtin_offsetof(struct trap_frame, r13));
    DEFINE(TF_R12, __builtin_offsetof(struct trap_frame, r12));
    DEFINE(TF_RBP, __builtin_offsetof(struct trap_frame, rbp));
    DEFINE(TF_RBX, __builtin_offsetof(struct trap_frame, rbx));
    DEFINE(TF_R10, __builtin_offsetof(struct trap_frame, r10));
    DEFINE(TF_R9, __builtin_offsetof(struct trap_frame, r9));
    DEFINE(TF_R8, __builtin_offsetof(struct trap_frame, r8));
    DEFINE(TF_RSI, __builtin_offsetof(struct trap_frame, rsi));
    DEFINE(TF_VECTOR, __builtin_offsetof(struct trap_frame, frame.vector));
    DEFINE(TF_RAX, __builtin_offsetof(struct trap_frame, frame.rax));
    DEFINE(TF_RCX, __builtin_offsetof(struct trap_frame, frame.rcx));
    DEFINE(TF_RDX, __builtin_offsetof(struct trap_frame, frame.rdx));
    DEFINE(TF_RDI, __builtin_offsetof(struct trap_frame, frame.rdi));
    DEFINE(TF_R11, __builtin_offsetof(struct trap_frame, frame.r11));
    DEFINE(TF_RIP, __builtin_offsetof(struct trap_frame, frame.rip));
    DEFINE(TF_RFLAGS, __builtin_offsetof(struct trap_frame, frame.rflags));
    DEFINE(TF_RSP, __builtin_offsetof(struct trap_frame, frame.rsp));
    DEFINE(THREAD_STACK_BYTES, THREAD_STACK);
    DEFINE(UAREA_MASKED, __builtin_offsetof(struct env_uarea, masked));
    DEFINE(UAREA_PENDING, __builtin_offsetof(struct env_uarea, pending));
    DEFINE(UAREA_WORK, sizeof(struct env_uarea) + __builtin_offsetof(struct thread, work));
    DEFINE(THREAD_FP_AREA, THREAD_FP_OFFSET - sizeof(struct env_uarea));
    DEFINE(THREAD_ROW, __builtin_offsetof(struct thread, row));
    DEFINE(THREAD_SLEEPING, __builtin_offsetof(struct thread, sleeping));
    DEFINE(THREAD_OWED, __builtin_offsetof(struct thread, owed));
    DEFINE(ROW_WAKES, __builtin_offsetof(struct abi_env, wakes));
    DEFINE(THREAD_FS_BASE, __builtin_offsetof(struct thread, fs_base));
    DEFINE(THREAD_GS_BASE, __builtin_offsetof(struct thread, gs_base));
    DEFINE(POD_CAP_SLOT, CAP_SLOT_ACCOUNT);
    DEFINE(VECTOR_SYSCALL, UPCALL_SYSCALL);
    DEFINE(TF_AT, THREAD_STACK - sizeof(struct trap_frame));
    DEFINE(TF_NUMBER, __builtin_offsetof(struct trap_frame, frame.reserved[TRAP_NUMBER]));
    DEFINE(TF_AFTER, __builtin_offsetof(struct trap_frame, frame.reserved[TRAP_AFTER]));
    DEFINE(UAREA_SIZE, sizeof(struct env_uarea));
    DEFINE(UAREA_FRAME, __builtin_offsetof(struct env_uarea, reserved[UAREA_FRAME_WORD]));
    DEFINE(THREAD_PROCESS, THREAD_OFFSET(process));
    DEFINE(THREAD_TID, THREAD_OFFSET(tid));
    DEFINE(PROCESS_PARENT_PID, __builtin_offsetof(struct process, parent_pid));
    DEFINE(PROCESS_THREAD_COUNT, __builtin_offsetof(struct process, thread_count));
    DEFINE(PROCESS_FILES, __builtin_offsetof(struct process, files));
    DEFINE(FILES_REFS, __builtin_offsetof(struct files, refs));
    DEFINE(FILES_CAPACITY, __builtin_offsetof(struct files, capacity));
    DEFINE(FILES_SLOT, __builtin_offsetof(struct files, slot));
    DEFINE(FILE_OPS, __builtin_offsetof(struct file, ops));
    DEFINE(FILE_FLAGS, __builtin_offsetof(struct file, flags));
    DEFINE(FILE_POSITION, __builtin_offsetof(struct file, position));
    DEFINE(PROCESS_MM, __builtin_offsetof(struct process, mm));
    DEFINE(PROCESS_ACTIONS, __builtin_offsetof(struct process, actions));
    DEFINE(PROCESS_PENDING, __builtin_offsetof(struct process, signals.pending));
    DEFINE(MM_USERS, __builtin_offsetof(struct mm, users));
    DEFINE(ACTIONS_FIRST, __builtin_offsetof(struct signal_actions, action));
    _Static_assert(sizeof(struct signal_action) == 32, "shifted in signal_entry.S");
    DEFINE(ACTION_HANDLER, __builtin_offsetof(struct signal_action, handler));
    DEFINE(ACTION_FLAGS, __builtin_offsetof(struct signal_action, flags));
    DEFINE(ACTION_RESTORER, __builtin_offsetof(struct signal_action, restorer));
    DEFINE(ACTION_MASK, __builtin_offsetof(struct signal_action, mask));
    DEFINE(ACTION_PLAIN, SA_RESTORER);
    DEFINE(ACTION_PLAIN_MASK, (i32)(SA_RESTORER | SA_ONSTACK | SA_RESETHAND));
    DEFINE(ACTION_NODEFER, SA_NODEFER);
    DEFINE(THREAD_BUSY, THREAD_OFFSET(exit_asked));
    _Static_assert(__builtin_offsetof(struct thread, work) ==
                           __builtin_offsetof(struct thread, exit_asked) + 2 &&
                       __builtin_offsetof(struct thread, unused) ==
                           __builtin_offsetof(struct thread, exit_asked) + 3,
                   "one word");
    DEFINE(THREAD_BLOCKED, THREAD_OFFSET(blocked));
    DEFINE(THREAD_PENDING, THREAD_OFFSET(signals.pending));
    DEFINE(THREAD_ALT_BASE, THREAD_OFFSET(altstack_base));
    DEFINE(THREAD_ALT_BYTES, THREAD_OFFSET(altstack_bytes));
    DEFINE(THREAD_ALT_FLAGS, THREAD_OFFSET(altstack_flags));
    DEFINE(WORK_SIGNAL, THREAD_WORK_SIGNAL);
    DEFINE(TF_ERROR, __builtin_offsetof(struct trap_frame, frame.error));
    DEFINE(TF_ADDRESS, __builtin_offsetof(struct trap_frame, frame.address));
    DEFINE(TF_CONTEXT, __builtin_offsetof(struct trap_frame, frame.reserved[TRAP_CONTEXT]));
    DEFINE(TRAP_VECTOR_FULL, TRAP_FULL);
    DEFINE(SE_SPACE, __builtin_offsetof(struct signal_entry, space));
    DEFINE(SE_LIMIT, __builtin_offsetof(struct signal_entry, limit));
    DEFINE(SE_FP_BYTES, __builtin_offsetof(struct signal_entry, fp_bytes));
    DEFINE(SE_SELECTORS, __builtin_offsetof(struct signal_entry, selectors));
    DEFINE(SE_VECTORS, __builtin_offsetof(struct signal_entry, vectors));
    DEFINE(SE_SW, __builtin_offsetof(struct signal_entry, fpx_sw));
    DEFINE(UC_FLAGS, __builtin_offsetof(struct linux_ucontext, flags));
    DEFINE(UC_LINK, __builtin_offsetof(struct linux_ucontext, link));
    DEFINE(UC_STACK, __builtin_offsetof(struct linux_ucontext, stack));
    DEFINE(UC_MASK, __builtin_offsetof(struct linux_ucontext, mask));
    DEFINE(UC_CONTEXT, __builtin_offsetof(struct linux_ucontext, context));
    DEFINE(SC_SELECTORS, __builtin_offsetof(struct linux_sigcontext, cs));
    DEFINE(SC_ERROR, __builtin_offsetof(struct linux_sigcontext, error));
    DEFINE(SC_RIP, __builtin_offsetof(struct linux_sigcontext, rip));
    DEFINE(SC_FPSTATE, __builtin_offsetof(struct linux_sigcontext, fpstate));
    DEFINE(SC_HINT, __builtin_offsetof(struct linux_sigcontext, reserved[0]));
    DEFINE(SF_UC, __builtin_offsetof(struct linux_sigframe, ucontext));
    DEFINE(SF_INFO, __builtin_offsetof(struct linux_sigframe, info));
    // From the frame to the vector registers; see signal_frame_push.
    DEFINE(SF_FP, ((sizeof(struct linux_sigframe) + 15) & ~15ul) + 8);
    DEFINE(SIG_BP, SIGTRAP);
    DEFINE(CODE_TKILL, SI_TKILL);
    DEFINE(SIGNALS_PLAIN, ~(1 | 1 << SIGKILL | 1 << SIGSTOP | 1 << SIGTSTP | 1 << SIGTTIN |
                            1 << SIGTTOU | 1 << SIGCONT));
    DEFINE(SIGNALS_UNBLOCKABLE, 1 << (SIGKILL - 1) | 1 << (SIGSTOP - 1));
    DEFINE(PATCH_SITE_AT, (i64)PATCH_SLOT_SITE - (i64)PATCH_BACK);
    DEFINE(PATCH_AFTER_SITE, 2 - (i64)PATCH_BACK);
    DEFINE(OPS_READ, __builtin_offsetof(struct file_ops, read));
    DEFINE(OPS_WRITE, __builtin_offsetof(struct file_ops, write));
    DEFINE(OPS_READ_NOW, __builtin_offsetof(struct file_ops, read_now));
    DEFINE(OPS_WRITE_NOW, __builtin_offsetof(struct file_ops, write_now));
    DEFINE(NOT_READABLE, LINUX_O_WRONLY | LINUX_O_PATH);
    DEFINE(MAY_WRITE, 2);
    DEFINE(MAY_WRITE_MASK, 2 | LINUX_O_PATH);
    DEFINE(RW_MAX, LINUX_RW_MAX);
    DEFINE(PLAIN_HIGH, (EXOS_USER_END - LINUX_RW_MAX) >> 32);
    DEFINE(NOW_MAX, 256);
    DEFINE(PROCESS_PID, __builtin_offsetof(struct process, pid));
    DEFINE(PROCESS_UID, __builtin_offsetof(struct process, uid));
    DEFINE(PROCESS_EUID, __builtin_offsetof(struct process, euid));
    DEFINE(PROCESS_GID, __builtin_offsetof(struct process, gid));
    DEFINE(PROCESS_EGID, __builtin_offsetof(struct process, egid));
    DEFINE(LINUX_CALLS, LINUX_CALLS_MAX);
    DEFINE(RESTART_LAST, ERESTART_RESTARTBLOCK);
    DEFINE(RESTART_CODES, ERESTART_RESTARTBLOCK - ERESTARTSYS);
    _Static_assert((u32)ABI_TABLES == 0, "its high half says it");
    DEFINE(TABLES_HIGH, (i64)ABI_TABLES >> 32); // gcc takes no longer constants here
    DEFINE(INFO_TSC_HZ, __builtin_offsetof(struct abi_info, tsc_hz));
    DEFINE(INFO_TSC_BOOT, __builtin_offsetof(struct abi_info, tsc_boot));
    DEFINE(INFO_WALL_BOOT_NS, __builtin_offsetof(struct abi_info, wall_boot_ns));
}
