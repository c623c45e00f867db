// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Envs: exceptions, foreign calls, forced and polite ends of slices, yield, sleep and wake,
// transfer, death.

#include "base/string.h"
#include "tests/guest/guest.h"

#define ACCOUNT2      CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)
#define SPACE_ACCOUNT CAP_PAIR(CAP_SLOT_SPACE, CAP_SLOT_ACCOUNT)

// --- exceptions ----------------------------------------------------------------------------------

// Written by upcall handlers behind the compiler's back.
static volatile struct upcall_frame seen;
static volatile u32 upcalls;

static void skip(struct upcall_frame *frame) { // for instructions of two bytes
    seen = *frame;
    upcalls++;
    frame->rip += frame->vector == UPCALL_BP ? 0 : 2;
}

TEST(exceptions) {
    set_upcall_handler(skip);
    upcalls = 0;
    __asm__ volatile("ud2");
    CHECK_EQ(seen.vector, UPCALL_UD);
    __asm__ volatile("int3");
    CHECK_EQ(seen.vector, UPCALL_BP);
    u64 rdx = 0;
    __asm__ volatile("div %%cl" : "+d"(rdx) : "a"(1), "c"(0));
    CHECK_EQ(seen.vector, UPCALL_DE);
    __asm__ volatile(".byte 0x0f, 0x0b" : : "a"(0x1234), "D"(0x5678), "d"(0x9abc));
    CHECK_EQ(seen.rax, 0x1234);
    CHECK_EQ(seen.rdi, 0x5678);
    CHECK_EQ(seen.rdx, 0x9abc);
    CHECK_EQ(seen.cs, 0x23);
    CHECK_EQ(upcalls, 4);
}

// Kernel-only instructions, each two or three bytes long.
static void skip3(struct upcall_frame *frame) {
    seen = *frame;
    upcalls++;
    frame->rip += 3;
}
static void skip1(struct upcall_frame *frame) {
    seen = *frame;
    upcalls++;
    frame->rip += 1;
}
static void skip_int(struct upcall_frame *frame) {
    skip(frame);
}

TEST(privileged_instructions) {
    upcalls = 0;
    set_upcall_handler(skip1);
    __asm__ volatile("cli");
    __asm__ volatile("hlt");
    __asm__ volatile("inb %%dx, %%al" : : "d"(0x60) : "rax");
    CHECK_EQ(upcalls, 3);
    set_upcall_handler(skip);
    __asm__ volatile("wrmsr" : : "a"(0), "d"(0), "c"(0xc0000082));
    __asm__ volatile("rdmsr" : : "c"(0xc0000082) : "rax", "rdx");
    __asm__ volatile("invd");
    __asm__ volatile("int $0x40"); // the timer's vector
    __asm__ volatile("int $0x0e");
    CHECK_EQ(upcalls, 8);
    CHECK_EQ(seen.vector, UPCALL_GP);
    set_upcall_handler(skip3);
    __asm__ volatile("mov %%rax, %%cr3" : : "a"(0));
    __asm__ volatile("mov %%cr0, %%rax" : : : "rax");
    __asm__ volatile("swapgs");
    __asm__ volatile("lgdt (%0)" : : "a"(SCRATCH));
    CHECK_EQ(upcalls, 12);
}

static volatile u64 fault_address, fault_error;
static void map_there(struct upcall_frame *frame) {
    fault_address = frame->address;
    fault_error = frame->error;
    upcalls++;
    CHECK_EQ(frame->vector, UPCALL_PF);
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), frame->address & ~(ABI_PAGE - 1), ABI_ANY, 1,
                           ABI_PTE_W | ABI_PTE_NX),
             1);
}

TEST(page_fault_is_handled_and_resumed) {
    set_upcall_handler(map_there);
    upcalls = 0;
    volatile u64 *at = (u64 *)(SCRATCH + 0x5008);
    *at = 77;
    CHECK_EQ(*at, 77);
    CHECK_EQ(upcalls, 1);
    CHECK_EQ(fault_address, SCRATCH + 0x5008);
    CHECK_EQ(fault_error, 6);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH + 0x5000, 1), 1);
}

static void unprotect(struct upcall_frame *frame) {
    upcalls++;
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), frame->address & ~(ABI_PAGE - 1), 1, 0,
                               ABI_PTE_W),
             1);
}

TEST(protect_and_trap) {
    u32 pages = 100;
    for (u32 done = 0; done < pages;) {
        i64 n = sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH + done * ABI_PAGE, ABI_ANY,
                              pages - done, ABI_PTE_W | ABI_PTE_NX);
        CHECK(n > 0);
        if (n <= 0)
            return;
        done += (u32)n;
    }
    for (u32 i = 0; i < pages; i++)
        *(volatile u64 *)(SCRATCH + i * ABI_PAGE) = i;
    CHECK_EQ(
        sys_space_protect(CAP_SLOT_SPACE, my_space(), SCRATCH, pages, ABI_PTE_W | ABI_PTE_D, 0),
        pages);
    set_upcall_handler(unprotect);
    upcalls = 0;
    for (u32 i = 0; i < pages; i++) {
        CHECK(!(ABI_PTES[(SCRATCH >> 12) + i] & ABI_PTE_D));
        *(volatile u64 *)(SCRATCH + i * ABI_PAGE) += 1;
        CHECK(ABI_PTES[(SCRATCH >> 12) + i] & ABI_PTE_D);
    }
    CHECK_EQ(upcalls, pages);
    u64 done = 0;
    while (done < pages)
        done += (u64)sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH + done * ABI_PAGE,
                                     pages - done);
}

static void nested(struct upcall_frame *frame) {
    upcalls++;
    frame->rip += 2;
    if (upcalls < 5)
        __asm__ volatile("ud2");
}

static void accessible_again(struct upcall_frame *frame) {
    upcalls++;
    fault_error = frame->error;
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), SCRATCH, 1, 0, ABI_PTE_U), 1);
}

// A page without U keeps its contents and lets nobody in, the kernel's copies on our behalf
// included.
TEST(inaccessible_page) {
    set_upcall_handler(accessible_again);
    upcalls = 0;
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH, ABI_ANY, 1, ABI_PTE_W | ABI_PTE_NX),
             1);
    volatile u64 *at = (u64 *)SCRATCH;
    *at = 77;
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), SCRATCH, 1, ABI_PTE_U, 0), 1);
    CHECK_EQ(sys_batch(SCRATCH, 1), -E_FAULT);
    CHECK_EQ(upcalls, 0);
    CHECK_EQ(*at, 77);
    CHECK_EQ(upcalls, 1);
    CHECK_EQ(fault_error, 5);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 1), 1);
}

TEST(nested_upcalls) {
    set_upcall_handler(nested);
    upcalls = 0;
    __asm__ volatile("ud2");
    CHECK_EQ(upcalls, 5);
}

TEST(window_is_read_only) {
    set_upcall_handler(skip3);
    upcalls = 0;
    u64 table = ABI_TABLES, ptes = (u64)ABI_PTES, kernel = 0xffffffff80000000,
        direct = 0xffff800000000000;
    __asm__ volatile(".byte 0x48, 0x89, 0x00" : : "a"(table) : "memory"); // mov %rax, (%rax)
    CHECK_EQ(seen.error & 7, 7);
    __asm__ volatile(".byte 0x48, 0x89, 0x00" : : "a"(ptes) : "memory");
    __asm__ volatile(".byte 0x48, 0x8b, 0x00" : : "a"(kernel) : "memory"); // mov (%rax), %rax
    CHECK_EQ(seen.vector, UPCALL_PF);
    __asm__ volatile(".byte 0x48, 0x8b, 0x00" : : "a"(direct) : "memory");
    CHECK_EQ(upcalls, 4);
}

// Flags that a program sets are its own business, and do not reach the kernel or another env.
TEST(odd_flags) {
    set_upcall_handler(skip_int);
    upcalls = 0;
    __asm__ volatile("std\n ud2\n cld");
    CHECK(seen.rflags & 0x400);
    __asm__ volatile(
        "pushfq\n orq $0x40000, (%%rsp)\n popfq\n ud2\n pushfq\n andq $~0x40000, (%%rsp)\n popfq"
        :
        :
        : "memory", "cc");
    CHECK(seen.rflags & 0x40000);
    __asm__ volatile("pushfq\n orq $0x4000, (%%rsp)\n popfq\n" : : : "memory", "cc"); // NT
    CHECK_EQ(sys_null(), 0);
    __asm__ volatile("pushfq\n andq $~0x4000, (%%rsp)\n popfq\n" : : : "memory", "cc");
    __asm__ volatile("pushfq\n orq $0x3000, (%%rsp)\n popfq\n ud2"
                     :
                     :
                     : "memory", "cc"); // IOPL: ignored
    CHECK(!(seen.rflags & 0x3000));
}

static void single_step(struct upcall_frame *frame) {
    seen = *frame;
    upcalls++;
    if (frame->vector == UPCALL_DB)
        frame->rflags &= ~0x100ul;
}

TEST(single_step_into_a_call) {
    set_upcall_handler(single_step);
    upcalls = 0;
    i64 result;
    __asm__ volatile("pushfq\n orq $0x100, (%%rsp)\n popfq\n syscall\n nop\n nop\n"
                     : "=a"(result)
                     : "0"(ABI_SYSCALL_BASE + SYS_null)
                     : "rcx", "r11", "rdi", "rsi", "rdx", "r10", "r8", "r9", "memory", "cc");
    CHECK(upcalls >= 1);
    CHECK_EQ(seen.vector, UPCALL_DB);
}

// --- envs without upcalls ------------------------------------------------------------------------

static u64 free_slice(u32 cpu) {
    for (u64 i = cpu * (u64)ABI_SLICES; i < (cpu + 1) * (u64)ABI_SLICES; i++)
        if (!slice_row(i)->owner)
            return i;
    return ABI_ANY;
}

static void run_code(const void *code, u64 bytes, struct child *child) {
    u64 slice = free_slice(cpus() - 1);
    CHECK_EQ(sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), my_account(), slice, 1),
             0);
    CHECK_EQ(child_make(child, my_account(), code, bytes, slice), 0);
    CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, child->env), 0);
}

static void free_slices(void) {
    for (u64 i = 1; i < cpus() * (u64)ABI_SLICES; i++)
        if (slice_row(i)->owner == my_account() && !slice_row(i)->env)
            CHECK_EQ(sys_slice_free(CAP_SLOT_ACCOUNT, i, 1), 0);
}

static void child_dies_with(const void *code, u64 bytes, u32 vector) {
    struct child child;
    run_code(code, bytes, &child);
    worker_wait_state(child.env, ENV_STOPPED);
    CHECK_EQ(env_row(child.env)->stop_reason, ENV_STOP_EXCEPTION);
    CHECK_EQ(env_row(child.env)->stop_vector, vector);
    child_free(&child);
    free_slices();
}

TEST(exception_without_handler_stops_the_env) {
    child_dies_with("\x0f\x0b", 2, UPCALL_UD);
    child_dies_with("\x31\xc0\xff\xe0", 4, UPCALL_PF); // jumps to 0
    child_dies_with("\x48\xb8\0\0\0\0\0\0\x00\x80\xff\xe0", 12,
                    UPCALL_GP); // jumps to a non-canonical address
    child_dies_with("\x48\xb8\0\0\0\x80\xff\xff\xff\xff\xff\xe0", 12,
                    UPCALL_PF);                    // jumps into the kernel
    child_dies_with("\x50\xeb\xfd", 3, UPCALL_PF); // pushes for ever
    child_dies_with("\xf4", 1, UPCALL_GP);
}

// A foreign call of an env without foreign_entry is an unknown call.
TEST(foreign_call_without_entry) {
    child_dies_with("\xb8\x27\0\0\0\x0f\x05\x48\x83\xf8\xf4\x75\x02\x0f\x0b\xeb\xfe", 17,
                    UPCALL_UD);
}

// An env that spins and has no upcalls loses its slice by force; others run.
TEST(spinner_is_preempted) {
    struct child child;
    run_code("\xeb\xfe", 2, &child);
    u64 from = tsc();
    while (env_row(child.env)->forced < 3 && tsc() - from < ms(5000))
        sys_env_yield(0, 0);
    if (cpus() == 1)
        CHECK(env_row(child.env)->forced >= 3);
    CHECK(env_row(child.env)->ran > 0 || cpus() > 1);
    child_free(&child);
    free_slices();
}

// --- workers -------------------------------------------------------------------------------------

static volatile u64 shared;

static void add(void *argument) {
    for (u32 i = 0; i < 100000; i++)
        __atomic_fetch_add(&shared, (u64)argument, __ATOMIC_RELAXED);
}

TEST(workers_on_every_cpu) {
    env_id worker[WORKERS_MAX];
    shared = 0;
    for (u32 i = 0; i < WORKERS_MAX; i++)
        worker[i] = worker_start(i % cpus(), add, (void *)1);
    for (u32 i = 0; i < WORKERS_MAX; i++)
        worker_wait(worker[i]);
    CHECK_EQ(shared, WORKERS_MAX * 100000);
}

// Registers, flags and vector state survive forced and polite switches.
static void keep_registers(void *argument) {
    u64 tag = (u64)argument, bad = 0;
    for (u32 round = 0; round < 40; round++)
        __asm__ volatile(
            "movq %1, %%xmm7\n mov %1, %%rbx\n mov %1, %%r12\n mov %1, %%r8\n mov $400000, %%ecx\n"
            "1: dec %%ecx\n jnz 1b\n"
            "movq %%xmm7, %%rax\n cmp %1, %%rax\n setne %%al\n movzx %%al, %%eax\n add %%rax, %0\n"
            "cmp %1, %%rbx\n setne %%al\n movzx %%al, %%eax\n add %%rax, %0\n"
            "cmp %1, %%r12\n setne %%al\n movzx %%al, %%eax\n add %%rax, %0\n"
            "cmp %1, %%r8\n setne %%al\n movzx %%al, %%eax\n add %%rax, %0\n"
            : "+r"(bad)
            : "r"(tag)
            : "rax", "rbx", "rcx", "r8", "r12", "xmm7", "cc");
    __atomic_fetch_add(&shared, bad, __ATOMIC_RELAXED);
}

static void ignore_slice_end(struct upcall_frame *frame) {
    (void)frame; // goes on, hence is preempted by force, vector state and all
}

static void keep_registers_by_force(void *argument) {
    set_upcall_handler(ignore_slice_end);
    keep_registers(argument);
}

TEST(registers_survive_forced_switches) {
    env_id worker[8];
    shared = 0;
    for (u64 i = 0; i < 8; i++)
        worker[i] = worker_start((u32)i % cpus(), keep_registers_by_force, (void *)(i + 100));
    for (u32 i = 0; i < 8; i++)
        worker_wait(worker[i]);
    CHECK_EQ(shared, 0);
}

// What an env sees in registers that it did not set, after others ran: nothing.
u64 yield_and_look(void); // entry.S: the OR of all registers after env_yield

static void look_for_leaks(void *argument) {
    (void)argument;
    for (u32 i = 0; i < 50; i++)
        __atomic_fetch_or(&shared, yield_and_look(), __ATOMIC_RELAXED);
}

static void fill_registers(void *argument) {
    for (u32 i = 0; i < 50; i++) {
        __asm__ volatile("movq %0, %%xmm3\n wrfsbase %0\n wrgsbase %0" : : "r"(argument) : "xmm3");
        sys_env_yield(0, 0);
    }
    __asm__ volatile("wrfsbase %0\n wrgsbase %0" : : "r"(0ul));
}

TEST(no_register_leaks_between_envs) {
    shared = 0;
    env_id a = worker_start(0, fill_registers, (void *)0x1234567);
    env_id b = worker_start(0, look_for_leaks, 0);
    worker_wait(a);
    worker_wait(b);
    // fill_registers' stubs put its bases back; look_for_leaks must see none of the values.
    CHECK_EQ(shared, 0);
}

// --- sleep and wake ------------------------------------------------------------------------------

TEST(sleep_until_deadline) {
    u64 from = tsc(), seen_wakes = env_row(my_env())->wakes;
    CHECK_EQ(sys_env_sleep(seen_wakes, from + ms(20)), 0);
    CHECK(tsc() - from >= ms(19) || env_row(my_env())->wakes != seen_wakes);
    CHECK_EQ(sys_env_sleep(seen_wakes + 1, ABI_ANY), 0); // a wake that was not seen
    CHECK_EQ(sys_env_sleep(seen_wakes, 0), 0);
}

static volatile u32 turn;
static volatile env_id partner[2];

static void ping(void *argument) {
    u32 me = (u32)(u64)argument;
    while (!partner[0] || !partner[1])
        sys_env_yield(0, 0);
    for (u32 i = 0; i < 500; i++) {
        for (;;) {
            u64 wakes = env_row(partner[me])->wakes;
            if (turn % 2 == me)
                break;
            sys_env_sleep(wakes, ABI_ANY);
        }
        turn++;
        sys_env_wake(CAP_SLOT_ACCOUNT, partner[!me]);
    }
}

// Wake-ups across processors are never lost.
TEST(ping_pong) {
    for (u32 other = 0; other < cpus(); other++) {
        turn = 0;
        partner[0] = partner[1] = 0; // nobody begins before both names are known
        env_id a = worker_start(0, ping, (void *)0);
        partner[0] = a;
        env_id b = worker_start(other, ping, (void *)1);
        partner[1] = b;
        worker_wait(a);
        worker_wait(b);
        CHECK_EQ(turn, 1000);
    }
}

static void notified(struct upcall_frame *frame) {
    if (frame->vector == UPCALL_NOTIFY)
        __atomic_fetch_add(&shared, 1, __ATOMIC_SEQ_CST);
    else if (frame->vector == UPCALL_SLICE_END)
        sys_env_yield(0, 0);
}

static void spin_till_notified(void *argument) {
    set_upcall_handler(notified);
    turn = 1;
    while (__atomic_load_n(&shared, __ATOMIC_SEQ_CST) < (u64)argument)
        ;
    set_upcall_handler(0);
}

TEST(notify_interrupts_a_spinning_env) {
    for (u32 cpu = 0; cpu < cpus(); cpu++) {
        shared = turn = 0;
        env_id worker = worker_start(cpu, spin_till_notified, (void *)3);
        while (!turn)
            sys_env_yield(0, 0);
        for (u64 n = 1; n <= 3; n++) {
            CHECK_EQ(sys_env_notify(CAP_SLOT_ACCOUNT, worker), 0);
            u64 until = tsc() + ms(2000);
            while (shared < n && tsc() < until)
                sys_env_yield(0, 0);
            CHECK_EQ(shared, n);
        }
        worker_wait(worker);
    }
}

static void masked_spin(void *argument) {
    (void)argument;
    *upcall_mask() = 1;
    turn = 1;
    u64 until = tsc() + ms(1000);
    while (!(*(volatile u32 *)upcall_pending() & ENV_PENDING_NOTIFY) && tsc() < until)
        ;
    shared = *upcall_pending() & ENV_PENDING_NOTIFY;
    *upcall_pending() = 0;
    *upcall_mask() = 0;
}

TEST(masked_notify_is_pending) {
    shared = turn = 0;
    env_id worker = worker_start(cpus() - 1, masked_spin, 0);
    while (!turn)
        sys_env_yield(0, 0);
    CHECK_EQ(sys_env_notify(CAP_SLOT_ACCOUNT, worker), 0);
    worker_wait(worker);
    CHECK_EQ(shared, ENV_PENDING_NOTIFY);
}

// Who gets the next notification in the handler of the one before, and so on, has half of its
// upcall stack left when they begin to wait.
static u64 deepest, lowest;
static void notified_again(struct upcall_frame *frame) {
    if (frame->vector != UPCALL_NOTIFY || turn == 2)
        return;
    u64 here = (u64)frame;
    deepest = here < deepest ? here : deepest;
    while (!(*(volatile u32 *)upcall_pending() & ENV_PENDING_NOTIFY))
        sys_env_yield(0, 0);
    turn = 2;
}

static void notify_within_notify(void *argument) {
    (void)argument;
    set_upcall_handler(notified_again);
    lowest = (u64)upcall_mask();
    turn = 1;
    for (u64 until = tsc() + ms(2000); turn == 1 && tsc() < until;)
        sys_env_yield(0, 0);
    turn = 2;
    set_upcall_handler(0);
}

TEST(notifies_within_notifies_leave_half_of_the_stack) {
    turn = 0;
    deepest = ~0ul;
    env_id worker = worker_start(cpus() - 1, notify_within_notify, 0);
    while (turn != 2) {
        if (turn)
            sys_env_notify(CAP_SLOT_ACCOUNT, worker);
        sys_env_yield(0, 0);
    }
    worker_wait(worker);
    CHECK(deepest >= lowest + UPCALL_PAGES * ABI_PAGE / 2);
    CHECK(deepest < lowest + UPCALL_PAGES * ABI_PAGE * 3 / 4);
}

// --- stop and destroy ----------------------------------------------------------------------------

static void spin(void *argument) {
    (void)argument;
    for (;;)
        __atomic_fetch_add(&shared, 1, __ATOMIC_RELAXED);
}

TEST(stop_and_start) {
    for (u32 cpu = 0; cpu < cpus(); cpu++) {
        env_id worker = worker_start(cpu, spin, 0);
        u64 from = shared;
        while (shared == from)
            sys_env_yield(0, 0);
        i64 error;
        while ((error = sys_env_stop(CAP_SLOT_ACCOUNT, worker)) == -E_AGAIN)
            ;
        CHECK_EQ(error, 0);
        CHECK_EQ(env_row(worker)->state, ENV_STOPPED);
        u64 at = shared;
        sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(30));
        CHECK_EQ(shared, at);
        CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, worker), 0);
        CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, worker), -E_BUSY);
        u64 until = tsc() + ms(2000);
        while (shared == at && tsc() < until)
            sys_env_yield(0, 0);
        CHECK(shared != at);
        worker_destroy(worker);
        CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, worker), -E_STALE);
    }
}

TEST(self_destruction) {
    for (u32 cpu = 0; cpu < cpus(); cpu++) {
        struct child child;
        u64 slice = free_slice(cpu);
        CHECK_EQ(
            sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), my_account(), slice, 1),
            0);
        // mov $2, %edi; mov %rbx... the env finds its own name in the slice table: (%r15) is given
        // as its first rdi.
        static const u8 code[] = {
            0xbf, 2,    0,    0,    0,    0xbe, 0,    0,   0, 0, 0xb8, SYS_env_destroy,
            0,    0,    0x80, 0x48, 0xbb, 0,    0,    0,   0, 0, 0,    0,
            0,    0x48, 0x8b, 0x33, 0x0f, 0x05, 0x0f, 0x0b};
        u8 patched[sizeof code];
        memcpy(patched, code, sizeof code);
        u64 where = (u64)&slice_row(slice)->env;
        memcpy(patched + 17, &where, 8);
        CHECK_EQ(child_make(&child, my_account(), patched, sizeof patched, slice), 0);
        CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, child.env), 0);
        u64 until = tsc() + ms(2000);
        while (env_row(child.env)->id == child.env && tsc() < until)
            sys_env_yield(0, 0);
        CHECK(env_row(child.env)->id != child.env);
        child.env = 0;
        child_free(&child);
        free_slices();
    }
}

// An env that is created with a weak capability for a space does not get a strong one.
TEST(env_gets_no_more_rights_than_its_creator_had) {
    struct child child;
    // The child spins; what its slot 3 allows is looked at through an env of our own in the same
    // space.
    CHECK_EQ(child_make(&child, my_account(), "\xeb\xfe", 2, ABI_ANY), 0);
    i64 weak = sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env(), CAP_RIGHT_MAP,
                            child.space, CAP_MINT_SPACE);
    CHECK(weak >= CAP_SLOT_FREE);
    // xor eax: destroy own space through slot 3 (busy if allowed, RIGHTS if not), then stop by ud2
    // with the result in rax.
    static const u8 code[] = {0xbf,
                              3,
                              0,
                              0,
                              0,
                              0x48,
                              0xbe,
                              0,
                              0,
                              0,
                              0,
                              0,
                              0,
                              0,
                              0,
                              0xb8,
                              SYS_space_destroy,
                              0,
                              0,
                              0x80,
                              0x0f,
                              0x05,
                              0x48,
                              0x83,
                              0xf8,
                              (u8)-E_RIGHTS,
                              0x75,
                              0x02,
                              0x0f,
                              0x0b,
                              0xf4};
    u8 patched[sizeof code];
    memcpy(patched, code, sizeof code);
    memcpy(patched + 7, &child.space, 8);
    i64 pfn = sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 1, FRAME_ALLOC_AUTO);
    CHECK_EQ(sys_space_map(ACCOUNT2, my_space(), SCRATCH, (pfn_t)pfn, 1, ABI_PTE_W | ABI_PTE_NX),
             1);
    memcpy((void *)SCRATCH, patched, sizeof patched);
    CHECK_EQ(sys_space_map(ACCOUNT2, child.space, CODE_VA + ABI_PAGE, (pfn_t)pfn, 1, 0), 1);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 1), 1);
    struct env_setup setup = {
        .rip = CODE_VA + ABI_PAGE, .rsp = DATA_VA + ABI_PAGE, .flags = ENV_START};
    i64 env = sys_env_create(CAP_PAIR(CAP_SLOT_ACCOUNT, weak), my_account(), child.space,
                             (u64)&setup, ABI_ANY);
    CHECK(env > 0);
    u64 until = tsc() + ms(10000);
    while (env_row((env_id)env)->state == ENV_READY && tsc() < until) // a slice may end in between
        CHECK_EQ(sys_env_yield(CAP_SLOT_ACCOUNT, (env_id)env), 0);
    worker_wait_state((env_id)env, ENV_STOPPED);
    CHECK_EQ(env_row((env_id)env)->stop_vector, UPCALL_UD); // HLT's #GP if the right was there
    CHECK_EQ(sys_env_destroy(CAP_SLOT_ACCOUNT, (env_id)env), 0);
    CHECK_EQ(sys_cap_drop((u64)weak), 0);
    child_free(&child);
}

TEST(space_with_an_env_is_busy) {
    struct child child;
    CHECK_EQ(child_make(&child, my_account(), "\xeb\xfe", 2, ABI_ANY), 0);
    CHECK_EQ(sys_space_destroy(CAP_SLOT_ACCOUNT, child.space), -E_BUSY);
    child_free(&child);
}
