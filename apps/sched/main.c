// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The first program of a machine that shows schedulers as programs. The kernel's command line says
// what to do: slices=N, seed=N, sets=N. It runs, in this order, and reports to the kernel's log:
//
//   stride   three clients with 3, 2 and 1 tickets on all processors
//   tree     a stride scheduler whose clients are two stride schedulers
//   edf      random task sets, one scheduler a processor; then one that can't be kept, for contrast

#include "abi/calls.h"
#include "apps/sched/edf.h"
#include "apps/sched/report.h"
#include "apps/sched/stride.h"
#include "base/string.h"

#define SAMPLES  200
#define OVERLOAD 1200 // thousandths of a processor
#define WORK     500  // turns between two looks at the clock

static env_id my_env;
static u64 random_state;

static u64 random_below(u64 bound) { // xorshift64*
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (random_state * 0x2545f4914f6cdd1dul >> 32) % bound;
}

// Looking at the clock is slow in an emulator; this is not.
static void work(u32 turns) {
    for (u32 i = 0; i < turns; i++)
        __asm__ volatile("");
}

static void spin(void *nothing) {
    (void)nothing;
    for (;;)
        work(1u << 20);
}

static void wait_ended(u32 schedulers) {
    for (;;) {
        u64 seen = sched_row(my_env)->wakes;
        if (sched_ended == schedulers)
            return;
        sys_env_sleep(seen, ABI_ANY);
    }
}

// --- stride --------------------------------------------------------------------------------------

static struct stride top, group[2];
static struct scheduler schedulers[SCHED_CPUS], inner[2];
static u64 samples[SAMPLES][3];
static u32 sampled;

// stride_next, keeping what each client has used after each slice.
static env_id stride_sampled(void *self, u32 cpu, u64 *until) {
    struct stride *s = self;
    env_id next = stride_next(self, cpu, until);
    if (cpu == 0 && sampled < SAMPLES) {
        for (u32 i = 0; i < 3; i++)
            samples[sampled][i] = s->client[i].used;
        sampled++;
    }
    return next;
}

static void start(volatile u64 *left, u32 cpus, sched_policy *policy, void *self, u64 size) {
    for (u32 cpu = 0; cpu < cpus; cpu++) {
        schedulers[cpu] = (struct scheduler){policy, (u8 *)self + cpu * size, cpu, left, 0};
        sched_on(cpu, &schedulers[cpu]);
    }
}

static void show_stride(u64 slices, u32 cpus) {
    static volatile u64 left;
    left = slices;
    memset(&top, 0, sizeof top);
    for (u32 i = 0; i < 3; i++) {
        u32 client = stride_add(&top, 3 - i);
        for (u32 cpu = 0; cpu < cpus; cpu++)
            top.client[client].env[cpu] = sched_client(spin, 0);
    }
    start(&left, cpus, stride_sampled, &top, 0);
    wait_ended(cpus);
    stride_account(&top);
    for (u32 i = 0; i < sampled; i++)
        report("sample %u %lu %lu %lu\n", i, samples[i][0], samples[i][1], samples[i][2]);
    for (u32 i = 0; i < 3; i++)
        report("stride cpus %u client %u tickets %lu used %lu\n", cpus, i, top.client[i].tickets,
               top.client[i].used);
    sched_free_all();
}

// --- a scheduler under a scheduler ---------------------------------------------------------------

static void show_tree(u64 slices) {
    static const u64 tickets[2][3] = {{3, 2, 1}, {1, 4, 0}};
    static volatile u64 left, inner_left;
    left = slices;
    inner_left = ~0ul;
    memset(&top, 0, sizeof top);
    memset(group, 0, sizeof group);
    for (u32 g = 0; g < 2; g++) {
        for (u32 i = 0; i < 3 && tickets[g][i]; i++)
            group[g].client[stride_add(&group[g], tickets[g][i])].env[0] = sched_client(spin, 0);
        inner[g] = (struct scheduler){stride_next, &group[g], 0, &inner_left, 0};
        sched_under(&inner[g]);
        struct stride_client *client = &top.client[stride_add(&top, 2 - g)];
        client->env[0] = inner[g].env;
        client->group = &group[g];
    }
    start(&left, 1, stride_next, &top, 0);
    wait_ended(1);
    for (u32 g = 0; g < 2; g++) {
        stride_account(&group[g]);
        for (u32 i = 0; i < group[g].count; i++)
            report("tree group %u of %lu client %u tickets %lu used %lu\n", g, 2ul - g, i,
                   group[g].client[i].tickets, group[g].client[i].used);
    }
    sched_free_all();
}

// --- earliest deadline first ---------------------------------------------------------------------

static struct edf edfs[SCHED_CPUS];

struct job {
    struct edf_task *task;
    const struct scheduler *scheduler;
};
static struct job jobs[SCHED_CPUS * EDF_TASKS];
static u32 job_count;

// A job uses its cost in full: what has been used is in the exposed table, and is brought up to
// date whenever the processor is given up.
static void job_run(void *argument) {
    const struct job *job = argument;
    const volatile struct abi_env *row = sched_row(job->task->env);
    for (;;) {
        for (u64 end = row->ran + job->task->cost, before = ~0ul; row->ran != before;) {
            u64 at = sched_now(), spent;
            before = row->ran;
            do {
                work(WORK);
                spent = sched_now() - at;
            } while (row->ran == before && before + spent < end);
        }
        edf_done(job->task, job->scheduler->env);
    }
}

// Offers random tasks; takes those that are admitted, or (force) all until far too many.
static void edf_fill(u32 cpu, int force) {
    u64 slice = sched_slice(), load = 0;
    for (u32 i = 0; i < EDF_TASKS && (!force || load < OVERLOAD); i++) {
        u64 period = slice * (20 + random_below(180));
        u64 cost = period * (5 + random_below(35)) / 100;
        struct edf_task *task =
            force ? edf_add(&edfs[cpu], cost, period) : edf_admit(&edfs[cpu], cost, period);
        if (!task)
            continue;
        load += cost * 1000 / period;
        jobs[job_count] = (struct job){task, &schedulers[cpu]};
        task->env = sched_client(job_run, &jobs[job_count]);
        job_count++;
    }
}

static void show_edf(u64 slices, u32 cpus, u32 set, int force) {
    static volatile u64 left;
    left = slices * cpus;
    memset(edfs, 0, sizeof edfs);
    job_count = 0;
    for (u32 cpu = 0; cpu < cpus; cpu++)
        edf_fill(cpu, force);
    start(&left, cpus, edf_next, edfs, sizeof *edfs);
    wait_ended(cpus);
    for (u32 cpu = 0; cpu < cpus; cpu++) {
        u64 done = 0, missed = 0, load = 0;
        for (u32 i = 0; i < edfs[cpu].count; i++) {
            done += edfs[cpu].task[i].jobs;
            missed += edfs[cpu].task[i].missed;
            load += edfs[cpu].task[i].cost * 1000 / edfs[cpu].task[i].period;
        }
        report("edf %s set %u cpu %u tasks %u load %lu jobs %lu missed %lu\n",
               force ? "forced" : "admitted", set, cpu, edfs[cpu].count, load, done, missed);
    }
    sched_free_all();
}

void rt_main(u64 argument);
void rt_main(u64 argument) {
    (void)argument;
    my_env = ((const volatile struct abi_slice *)abi_row(ABI_TABLE_SLICES, 0))->env;
    u64 slices = report_option("slices", 10000), sets = report_option("sets", 3);
    u32 cpus = ABI_INFO->cpus < SCHED_CPUS ? ABI_INFO->cpus : SCHED_CPUS;
    random_state = report_option("seed", 1) * 2 + 1;
    report("sched: slices of %lu ns\n", ABI_INFO->slice_ns);
    show_stride(slices, cpus);
    show_tree(slices);
    for (u32 set = 0; set < sets; set++)
        show_edf(slices / 4, cpus, set, 0);
    if (sets)
        show_edf(slices / 4, cpus, 0, 1);
    report("sched: end\n");
    sys_machine_exit(CAP_SLOT_MACHINE, MACHINE_EXIT_OK);
    for (;;)
        ;
}
