// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What tests share: upcalls, workers, child spaces. See guest.h.

#include "base/string.h"
#include "tests/guest/guest_priv.h"

extern const char guest_upcall_entry[], guest_foreign_entry[];

#define STACK_BYTES 16384

// Env 0 is the first program, the others are workers. The upcall stack tells which one runs.
struct lane {
    u8 upcall_stack[UPCALL_PAGES * ABI_PAGE];
    u8 stack[STACK_BYTES];
    upcall_handler *handler;
    env_id env;
    void (*run)(void *);
    void *argument;
    volatile u32 ended;
    u8 vectors[4096] __attribute__((aligned(64))); // during the upcall at the end of a slice
} __attribute__((aligned(4096)));

static struct lane lanes[WORKERS_MAX + 1];
static env_id first_env;

account_id my_account(void) {
    return env_row(first_env)->account;
}
space_id my_space(void) {
    return env_row(first_env)->space;
}
env_id my_env(void) {
    return first_env;
}
u32 cpus(void) {
    return ABI_INFO->cpus;
}
u64 ms(u64 n) {
    return ABI_INFO->tsc_hz / 1000 * n;
}

const volatile struct abi_env *env_row(env_id id) {
    return abi_row(ABI_TABLE_ENVS, ABI_INDEX(id));
}
const volatile struct abi_frame *frame_row(pfn_t pfn) {
    return abi_row(ABI_TABLE_FRAMES, pfn);
}
const volatile struct abi_account *account_row(account_id id) {
    return abi_row(ABI_TABLE_ACCOUNTS, ABI_INDEX(id));
}
const volatile struct abi_space *space_row(space_id id) {
    return abi_row(ABI_TABLE_SPACES, ABI_INDEX(id));
}
const volatile struct abi_slice *slice_row(u64 slice) {
    return abi_row(ABI_TABLE_SLICES, slice);
}

// --- upcalls -------------------------------------------------------------------------------------

static struct lane *lane_here(void) {
    u64 at = (u64)__builtin_frame_address(0);
    u64 index = (at - (u64)lanes) / sizeof(struct lane);
    return at >= (u64)lanes && index <= WORKERS_MAX ? &lanes[index] : &lanes[0];
}

env_id self(void) {
    return lane_here()->env;
}

void set_upcall_handler(upcall_handler *handler) {
    lane_here()->handler = handler;
}

static struct env_uarea *uarea(void) {
    return (struct env_uarea *)lane_here()->upcall_stack;
}
u32 *upcall_mask(void) {
    return &uarea()->masked;
}
u32 *upcall_pending(void) {
    return &uarea()->pending;
}

// The compiler copies structures and adds up arrays with vector registers.
#define XSAVE_PKRU (1ul << 9) // the env's own, and kept
static void yield_with_vectors(u8 *area) {
    u64 what = ABI_INFO->xcr0 & ~XSAVE_PKRU;
    if (!(ABI_INFO->features & ABI_FEATURE_XSAVE) || ABI_INFO->xsave_bytes > 4096) {
        __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
        sys_env_yield(0, 0);
        __asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
        return;
    }
    __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"((u32)what), "d"(what >> 32) : "memory");
    sys_env_yield(0, 0);
    __asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"((u32)what), "d"(what >> 32) : "memory");
}

void guest_upcall(struct upcall_frame *frame);
void guest_upcall(struct upcall_frame *frame) {
    struct lane *lane = lane_here();
    if (lane->handler) {
        // The end of a slice may come at any instruction, where the test expects something else. An
        // env that takes no notice of it is preempted by force, and goes on as it was.
        if (frame->vector != UPCALL_SLICE_END)
            lane->handler(frame);
        return;
    }
    if (frame->vector == UPCALL_SLICE_END) {
        yield_with_vectors(lane->vectors); // the callee-saved registers are on the stack already
        return;
    }
    say("unexpected upcall %lu at %lx, address %lx\n", frame->vector, frame->rip, frame->address);
    sys_machine_exit(CAP_SLOT_MACHINE, MACHINE_EXIT_TESTS_FAILED);
}

static struct env_setup setup_of(struct lane *lane) {
    return (struct env_setup){.upcall_entry = (u64)guest_upcall_entry,
                              .foreign_entry = (u64)guest_foreign_entry,
                              .upcall_stack = (u64)lane->upcall_stack,
                              .upcall_pages = UPCALL_PAGES};
}

void guest_init(void) {
    // The first program finds its own name in the table of slices: it runs in the first.
    first_env = slice_row(0)->env;
    lanes[0].env = first_env;
    struct env_setup setup = setup_of(&lanes[0]);
    i64 error = sys_env_set(CAP_SLOT_SELF, first_env, (u64)&setup);
    if (error)
        say("env_set: %ld\n", error);
}

// --- workers -------------------------------------------------------------------------------------

static void worker_main(struct lane *lane) {
    lane->run(lane->argument);
    __atomic_store_n(&lane->ended, 1, __ATOMIC_SEQ_CST);
    sys_env_wake(CAP_SLOT_ACCOUNT, first_env);
    for (;;)
        sys_env_sleep(env_row(lane->env)->wakes, ABI_ANY);
}

static u64 slice_free_on(u32 cpu) {
    for (u64 i = cpu * (u64)ABI_SLICES; i < (cpu + 1) * (u64)ABI_SLICES; i++)
        if (!slice_row(i)->owner)
            return i;
    return ABI_ANY;
}

env_id worker_start_in(u32 cpu, void (*run)(void *), void *argument, account_id account,
                       space_id space) {
    u32 i = 1;
    while (i <= WORKERS_MAX && lanes[i].env)
        i++;
    if (i > WORKERS_MAX)
        return 0;
    struct lane *lane = &lanes[i];
    memset(lane->upcall_stack, 0, 64);
    lane->handler = 0;
    lane->run = run;
    lane->argument = argument;
    lane->ended = 0;
    u64 slice = slice_free_on(cpu);
    CHECK_EQ(sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), my_account(), slice, 1),
             0);
    struct env_setup setup = setup_of(lane);
    setup.rip = (u64)worker_main;
    setup.rsp = (u64)lane->stack + STACK_BYTES - 8;
    setup.arg = (u64)lane;
    i64 env = sys_env_create(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT), my_account(), space,
                             (u64)&setup, slice);
    if (env < 0) {
        check_failed(__FILE__, __LINE__, "env_create", env, 0);
        sys_slice_free(CAP_SLOT_ACCOUNT, slice, 1);
        return 0;
    }
    lane->env = (env_id)env;
    if (account)
        CHECK_EQ(sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT), lane->env,
                              CAP_RIGHTS_ALL, account, CAP_MINT_ACCOUNT),
                 CAP_SLOT_FREE);
    CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, lane->env), 0);
    return lane->env;
}

env_id worker_start_with(u32 cpu, void (*run)(void *), void *argument, account_id account) {
    return worker_start_in(cpu, run, argument, account, my_space());
}

env_id worker_start(u32 cpu, void (*run)(void *), void *argument) {
    return worker_start_with(cpu, run, argument, 0);
}

static struct lane *lane_of(env_id worker) {
    for (u32 i = 1; i <= WORKERS_MAX; i++)
        if (lanes[i].env == worker)
            return &lanes[i];
    return 0;
}

void worker_destroy(env_id worker) {
    struct lane *lane = lane_of(worker);
    i64 error;
    do
        error = sys_env_destroy(CAP_SLOT_ACCOUNT, worker);
    while (error == -E_AGAIN);
    CHECK(error == 0 || error == -E_STALE);
    for (u64 i = 1; i < cpus() * (u64)ABI_SLICES; i++)
        if (slice_row(i)->owner == my_account() && !slice_row(i)->env)
            sys_slice_free(CAP_SLOT_ACCOUNT, i, 1);
    if (lane)
        lane->env = 0;
}

void worker_wait(env_id worker) {
    struct lane *lane = lane_of(worker);
    for (;;) {
        u64 seen = env_row(first_env)->wakes;
        if (!lane || __atomic_load_n(&lane->ended, __ATOMIC_SEQ_CST))
            break;
        sys_env_sleep(seen, ABI_ANY);
    }
    worker_destroy(worker);
}

int worker_ended(env_id worker) {
    struct lane *lane = lane_of(worker);
    return !lane || __atomic_load_n(&lane->ended, __ATOMIC_SEQ_CST);
}

void worker_wait_state(env_id worker, enum env_state state) {
    u64 until = tsc() + ms(10000);
    while (env_row(worker)->state != state && tsc() < until)
        sys_env_yield(0, 0);
    CHECK_EQ(env_row(worker)->state, state);
}

// --- children ------------------------------------------------------------------------------------

void space_free(space_id space) {
    i64 error;
    do
        error = sys_space_destroy(CAP_SLOT_ACCOUNT, space);
    while (error == -E_AGAIN);
    CHECK_EQ(error, 0);
}

void account_free(account_id account) {
    i64 error;
    do
        error = sys_account_destroy(CAP_SLOT_ACCOUNT, account);
    while (error == -E_AGAIN);
    CHECK_EQ(error, 0);
}

i64 child_make(struct child *child, account_id account, const void *code, u64 bytes, u64 slice) {
    child->account = account;
    child->env = 0;
    i64 space = sys_space_create(CAP_SLOT_ACCOUNT, account);
    if (space < 0)
        return space;
    child->space = (space_id)space;
    u64 caps = CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT);
    // The code is written through a page of our own, and then mapped there.
    i64 pfn = sys_frame_alloc(CAP_SLOT_ACCOUNT, account, ABI_ANY, 1, FRAME_ALLOC_AUTO);
    if (pfn < 0)
        return pfn;
    CHECK_EQ(sys_space_map(caps, my_space(), SCRATCH, (pfn_t)pfn, 1, ABI_PTE_W | ABI_PTE_NX), 1);
    memcpy((void *)SCRATCH, code, bytes);
    CHECK_EQ(sys_space_map(caps, child->space, CODE_VA, (pfn_t)pfn, 1, 0), 1);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 1), 1);
    pfn = sys_frame_alloc(CAP_SLOT_ACCOUNT, account, ABI_ANY, 1, FRAME_ALLOC_AUTO);
    if (pfn < 0)
        return pfn;
    CHECK_EQ(sys_space_map(caps, child->space, DATA_VA, (pfn_t)pfn, 1, ABI_PTE_W | ABI_PTE_NX), 1);
    struct env_setup setup = {.rip = CODE_VA, .rsp = DATA_VA + ABI_PAGE};
    i64 env = sys_env_create(caps, account, child->space, (u64)&setup, slice);
    if (env < 0)
        return env;
    child->env = (env_id)env;
    return 0;
}

void child_free(struct child *child) {
    i64 error = 0;
    if (child->env)
        do
            error = sys_env_destroy(CAP_SLOT_ACCOUNT, child->env);
        while (error == -E_AGAIN);
    CHECK(error == 0 || error == -E_STALE);
    if (child->space)
        space_free(child->space);
}
