// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Random calls about mappings on every processor at the same time, each worker in a space of its
// own and against its own model (model_vm.h). The command line word rounds=N makes it longer.

#include "tests/guest/model_vm.h"

#include "base/string.h"

#define WORKERS 3
#define ROUNDS  9
#define STEPS   150
#define ENVS    8
#define IMAGE   0x400000ul
#define BOTH    CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)

static struct vm vms[WORKERS];
static volatile u32 round_open, arrived;

static void barrier(u32 round) {
    __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&round_open, __ATOMIC_SEQ_CST) <= round)
        sys_env_yield(0, 0);
}

// --- touching ------------------------------------------------------------------------------------

static void note_fault(struct upcall_frame *frame) {
    *(volatile u32 *)frame->rdi = 1;
    frame->rip += 3; // either instruction
}

void vm_touch(struct vm_mail *mail) {
    u64 value = mail->value;
    mail->faulted = 0;
    set_upcall_handler(note_fault);
    if (mail->write)
        __asm__ volatile(".byte 0x48, 0x89, 0x10" // mov %rdx, (%rax)
                         :
                         : "a"(mail->va), "d"(value), "D"(&mail->faulted)
                         : "memory");
    else
        __asm__ volatile(".byte 0x48, 0x8b, 0x10" // mov (%rax), %rdx
                         : "+d"(value)
                         : "a"(mail->va), "D"(&mail->faulted)
                         : "memory");
    set_upcall_handler(0);
    mail->value = value;
}

void vm_ask(struct vm_mail *mail) {
    __atomic_store_n(&mail->state, 1, __ATOMIC_SEQ_CST);
    for (u32 i = 0; __atomic_load_n(&mail->state, __ATOMIC_SEQ_CST) != 2; i++)
        if (cpus() == 1 || i % 1024 == 1023)
            sys_env_yield(0, 0);
}

// Answers from another processor, whose TLB remembers what it was asked before.
static void peer_run(void *argument) {
    struct vm_mail *mail = argument;
    u32 state;
    for (u32 i = 0; (state = __atomic_load_n(&mail->state, __ATOMIC_SEQ_CST)) != 3; i++) {
        if (state == 1) {
            vm_touch(mail);
            __atomic_store_n(&mail->state, 2, __ATOMIC_SEQ_CST);
        } else if (cpus() == 1 || i % 1024 == 1023) {
            sys_env_yield(0, 0);
        }
    }
}

// --- the worker ----------------------------------------------------------------------------------

static void run(void *argument) {
    struct vm *vm = argument;
    u64 end = model_rounds(ROUNDS);
    i64 weak = sys_cap_mint(CAP_PAIR(vm->base.cap, CAP_SLOT_SELF), self(),
                            CAP_RIGHTS_ALL & ~(u64)(CAP_RIGHT_WRITE | CAP_RIGHT_EXEC), 0, 0);
    model_expect(&vm->base, "cap_mint", 0, 0, 0, weak > 0, 1, 1);
    vm->weak = (u64)weak;
    for (u32 round = 0; round < end; round++) {
        for (u32 step = 0; step < STEPS && !vm->base.failed; step++)
            vm_step(vm);
        if (!vm->base.failed)
            vm_check(vm);
        barrier(round);
        if (round % 3 == 2 && !vm->base.failed)
            vm_clear(vm);
    }
    if (!vm->base.failed)
        vm_clear(vm);
    __atomic_store_n(&vm->mail.state, 3, __ATOMIC_SEQ_CST);
}

// A space with this program's own pages.
static space_id home_make(account_id account) {
    i64 space = sys_space_create(CAP_SLOT_ACCOUNT, account);
    CHECK(space > 0);
    for (u64 va = IMAGE; ABI_PDES[va >> 21] && ABI_PTES[va >> ABI_PAGE_SHIFT]; va += ABI_PAGE) {
        u64 entry = ABI_PTES[va >> ABI_PAGE_SHIFT];
        CHECK_EQ(sys_space_map(BOTH, (space_id)space, va, ABI_PTE_FRAME(entry), 1,
                               entry & (ABI_PTE_W | ABI_PTE_NX)),
                 1);
    }
    return (space_id)space;
}

static void setup(struct vm *vm, u32 number) {
    memset(vm, 0, sizeof *vm);
    vm->base.number = number;
    vm->base.random = guest_random() | 1;
    vm->base.cap = CAP_SLOT_FREE;
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), VM_FRAMES, ENVS);
    CHECK(account > 0);
    vm->account = (account_id)account;
    vm->space[0].id = home_make(vm->account);
    vm->space[0].tables = space_row(vm->space[0].id)->tables;
    vm->quota = VM_FRAMES;
    vm->frames = account_row(vm->account)->frames;
}

TEST(random_mappings_are_what_the_model_says) {
    env_id worker[WORKERS], peer[WORKERS];
    round_open = arrived = 0;
    for (u32 i = 0; i < WORKERS; i++) {
        struct vm *vm = &vms[i];
        setup(vm, i);
        peer[i] = worker_start_in((i + 1) % cpus(), peer_run, &vm->mail, 0, vm->space[0].id);
        worker[i] = worker_start_in(i % cpus(), run, vm, vm->account, vm->space[0].id);
    }
    for (u32 open = 1; open <= model_rounds(ROUNDS); open++) {
        while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < WORKERS * open)
            sys_env_yield(0, 0);
        model_machine_check();
        __atomic_store_n(&round_open, open, __ATOMIC_SEQ_CST);
    }
    for (u32 i = 0; i < WORKERS; i++) {
        worker_wait(worker[i]);
        worker_wait(peer[i]);
        model_report(&vms[i].base);
        account_free(vms[i].account);
    }
}
