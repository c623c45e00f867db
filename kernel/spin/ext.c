// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Extensions: their life, and calls from user space. See ext.h.

#include "kernel/spin/ext.h"

#include "base/string.h"
#include "gen/syscalls_kernel.h"
#include "kernel/aegis/above.h"
#include "kernel/aegis/account.h"
#include "kernel/aegis/frame.h"
#include "kernel/aegis/inside.h"
#include "kernel/aegis/lock.h"
#include "kernel/aegis/sched.h"
#include "kernel/aegis/space.h"
#include "kernel/sal/sal.h"
#include "kernel/sal/x86_64/cpu.h"
#include "kernel/spin/domain.h"
#include "kernel/spin/epoch.h"
#include "kernel/spin/event.h"
#include "kernel/spin/service.h"

static struct object_table table;
static struct ext **ext_of; // by row
static u32 *paid_by;        // how many an account pays for, by its row
u32 spin_work;
static struct { struct ext *first, **last; } dying = {0, &dying.first}; // the oldest first
static struct engine_run *runs;                                         // one a processor

void spin_start(u32 count) {
    object_table_init(&table, ABI_TABLE_EXTENSIONS, sizeof(struct abi_extension), count);
    ext_of = sal_frame(sal_boot_alloc((count * sizeof(void *) + ABI_PAGE - 1) >> ABI_PAGE_SHIFT));
    u64 accounts = abi_info->table[ABI_TABLE_ACCOUNTS].count * sizeof *paid_by;
    paid_by = sal_frame(sal_boot_alloc((accounts + ABI_PAGE - 1) >> ABI_PAGE_SHIFT));
    u64 bytes = sal_machine.cpus * sizeof *runs;
    runs = sal_frame(sal_boot_alloc((bytes + ABI_PAGE - 1) >> ABI_PAGE_SHIFT));
    for (u32 cpu = 0; cpu < sal_machine.cpus; cpu++) {
        cpu_get(cpu)->run = &runs[cpu];
        runs[cpu].stack_limit = event_stack_limit(cpu_get(cpu)->stack_bottom); // for watch.S
        runs[cpu].ended = event_ended;
    }
    memory_init();
    event_init(count);
}

void spin_open(void) {
    event_open_kernel();
}

struct ext *ext_find(ext_id id) {
    return object_find(&table, id) ? ext_of[ABI_INDEX(id)] : 0;
}

struct ext *ext_at(u32 index) {
    return ext_of[index];
}

void ext_pays(account_id account, int more) {
    paid_by[ABI_INDEX(account)] += (u32)more;
}

// --- making --------------------------------------------------------------------------------------

// Names are those of what lives, or is about to.
static int name_is_taken(const char *name) {
    for (u32 i = 1; i < table.count && name[0]; i++)
        if (ext_of[i] && ext_of[i]->row->state != EXT_DYING &&
            !strncmp(ext_of[i]->row->name, name, EXT_NAME_BYTES))
            return 1;
    return 0;
}

i64 ext_make(struct env *env, account_id payer, const struct ext_load *request, struct ext **made) {
    ext_id id;
    pfn_t pfn;
    u32 of_env = 0;
    for (const struct ext *other = env->extensions; other; other = other->next_of_env)
        of_env++;
    if (of_env >= EXT_PER_ENV)
        return -E_FULL;
    if (name_is_taken(request->name))
        return -E_EXIST;
    i64 error = object_take(&table, &id);
    if (error)
        return error;
    error = frame_take(payer, FRAME_EXT, 0, 0, &pfn);
    if (error) {
        object_release(&table, id);
        return error;
    }
    struct ext *ext = sal_frame(pfn);
    _Static_assert(sizeof *ext <= ABI_PAGE, "an extension fits a frame");
    *ext = (struct ext){.id = id,
                        .row = object_row(&table, id),
                        .loader = env,
                        .request = *request,
                        .memory = {.account = payer},
                        .lasting = {.account = payer, .frames = 1},
                        .room = {.memory = {.account = payer}},
                        .scratch = {.account = payer},
                        .strand_callable = ~0ul};
    ext->self = ext;
    ext_of[ABI_INDEX(id)] = ext;
    ext->row->account = payer;
    ext->row->state = EXT_LOADING;
    ext->row->budget = EXT_BUDGET;
    memcpy(ext->row->name, request->name, sizeof ext->row->name);
    ext_pays(payer, 1);
    ext->row->env = env->id; // while it is loaded, in any case
    ext->env = env;
    ext->next_of_env = env->extensions;
    env->extensions = ext;
    *made = ext;
    return 0;
}

void ext_leave_env(struct ext *ext) {
    struct env *env = env_find(ext->row->env);
    struct ext **link = env ? &env->extensions : 0;
    while (link && *link && *link != ext)
        link = &(*link)->next_of_env;
    if (link && *link)
        *link = ext->next_of_env;
    ext->env = 0;
}

static void dying_add(struct ext *ext) {
    ext->next = 0;
    *dying.last = ext;
    dying.last = &ext->next;
    spin_work = 1;
}

// What it has replaced does not outlive it.
static void retired_end(struct ext *ext) {
    for (struct ext *old = ext->retired; old; old = old->retired_next) {
        old->crew.empty = 0;
        old->env = 0;
        dying_add(old);
    }
    ext->retired = 0;
}

static void retired_empty(struct strand_crew *crew) {
    struct ext *ext = (struct ext *)((u8 *)crew - __builtin_offsetof(struct ext, crew));
    struct ext **at = &ext->heir->retired;
    while (*at != ext)
        at = &(*at)->retired_next;
    *at = ext->retired_next;
    crew->empty = 0;
    ext->env = 0;
    dying_add(ext);
}

// Nobody can call it any more.
static void end_begin(struct ext *ext, enum ext_detached why) {
    ext_leave_env(ext);
    retired_end(ext);
    watch_forget(ext);
    event_hide(ext);
    epoch_closed -= ext->closes;
    ext->closes = 0;
    ext->row->state = EXT_DYING;
    ext->row->detached = why;
    ext->doomed = 1;
    ext->memory.inside = ext->scratch.inside = 0; // whoever loaded it never goes on
}

void ext_retire(struct ext *ext, struct ext *heir) {
    end_begin(ext, EXT_DETACHED_REPLACED);
    if (!ext->crew.live) {
        dying_add(ext);
        return;
    }
    ext->env = heir->env;
    ext->row->env = heir->row->env;
    ext->heir = heir;
    ext->retired_next = heir->retired;
    heir->retired = ext;
    heir->elders++;
    ext->crew.empty = retired_empty;
}

void ext_kill(struct ext *ext, enum ext_detached why) {
    if (ext->row->state == EXT_DYING)
        return;
    end_begin(ext, why);
    dying_add(ext);
}

#define REAP_LOOKS     8 // of those that may have to wait
#define LINKS_PER_PAGE 8 // that are cut in the time in which a page is given back

// Gives back what a dead extension has; whether nothing is left. If something is, the budget is
// used up, or nothing can be done now.
static int ext_tear(struct ext *ext, u32 *budget) {
    struct memory_pages *pages[] = {&ext->code_pages, &ext->arena, &ext->stack};
    if (strand_crew_end(&ext->crew, budget))
        return 0;
    if (!ext->forgotten) {
        *budget = event_forget(ext, *budget);
        if (!*budget)
            return 0;
        u32 cost = domain_forget(ext) / LINKS_PER_PAGE;
        *budget -= *budget < cost ? *budget : cost;
        ext->forgotten = 1;
        ext->gone = epoch_now();
    }
    if (!epoch_passed(ext->gone) || !event_idle(ext))
        return 0;
    // Code of versions before it names it as the owner.
    if (ext->elders || !counted_forget(ext, budget))
        return 0;
    for (u32 i = 0; i < sizeof pages / sizeof *pages; i++) {
        *budget = memory_pages_tear(&ext->memory, pages[i], *budget);
        if (pages[i]->va)
            return 0;
    }
    *budget = memory_tear(&ext->scratch, *budget);
    *budget = memory_tear(&ext->room.memory, *budget);
    *budget = memory_tear(&ext->memory, *budget);
    *budget = memory_tear(&ext->lasting, *budget);
    ext->row->frames =
        ext->memory.frames + ext->lasting.frames + ext->scratch.frames + ext->room.memory.frames;
    if (ext->room.memory.runs || ext->memory.runs || ext->lasting.runs || ext->scratch.runs)
        return 0;
    ext_pays(ext->memory.account, -1);
    if (ext->heir)
        ext->heir->elders--;
    ext_of[ABI_INDEX(ext->id)] = 0;
    object_release(&table, ext->id);
    frame_give(sal_phys(ext) >> ABI_PAGE_SHIFT);
    return 1;
}

static struct ext *dying_take(void) {
    struct ext *ext = dying.first;
    dying.first = ext->next;
    if (!dying.first)
        dying.last = &dying.first;
    return ext;
}

// One after the other; who cannot go on lets the next one, and comes again behind them.
int spin_reap(u32 budget) {
    event_reclaim();
    event_run_later();
    strand_reap(&budget);
    budget = counted_reap(budget);
    for (u32 looks = REAP_LOOKS; dying.first && budget && looks; looks--) {
        struct ext *ext = dying_take();
        if (ext_tear(ext, &budget))
            continue;
        struct ext **at = budget ? dying.last : &dying.first;
        ext->next = *at;
        *at = ext;
        if (at == dying.last)
            dying.last = &ext->next;
    }
    int more = dying.first || strand_ending() || counted_waiting();
    spin_work = more || event_waiting() || event_resting();
    return more;
}

void spin_env_dies(struct env *env) {
    while (env->extensions)
        ext_kill(env->extensions, EXT_DETACHED_OWNER);
}

i64 spin_account_dies(account_id account) {
    if (!paid_by[ABI_INDEX(account)])
        return 0;
    for (u32 i = 1; i < table.count; i++) {
        struct ext *ext = ext_of[i];
        if (!ext || ext->memory.account != account || ext->row->state == EXT_DYING)
            continue;
        if (ext->row->state == EXT_LOADING) {
            ext->doomed = 1;
            if (inside_recall(ext->loader))
                return -E_AGAIN;
        }
        ext_kill(ext, EXT_DETACHED_OWNER);
    }
    spin_reap(64);
    return -E_AGAIN;
}

// --- loading -------------------------------------------------------------------------------------

// The object from user memory, some pages at a time.
static i64 copy_object(struct ext *ext) {
    ext->object_copy = memory_alloc(&ext->scratch, ext->request.bytes);
    if (!ext->object_copy)
        return -E_NOMEM;
    i64 error = 0;
    for (u64 at = 0; at < ext->request.bytes && !error; at += ABI_PAGE) {
        u64 left = ext->request.bytes - at;
        inside_lock();
        error = space_copy_in((u8 *)ext->object_copy + at, ext->request.object + at,
                              left < ABI_PAGE ? left : ABI_PAGE);
        inside_unlock();
    }
    return error;
}

#define PAINT 0x7a61696e74ul

// The stack below this function is painted; then counted is what has another colour.
__attribute__((noinline)) static void stack_paint(const struct ext *ext) {
    u64 *end = (u64 *)__builtin_frame_address(0) - 64;
    for (u64 *at = (u64 *)(ext->stack_top - EXT_STACK_BYTES); at < end; at++)
        *at = PAINT;
}

// Says so when loading took more of its stack than ever before.
static void stack_measure(const struct ext *ext) {
    static u64 most = EXT_STACK_BYTES / 8;
    const u64 *at = (const u64 *)(ext->stack_top - EXT_STACK_BYTES);
    while (*at == PAINT)
        at++;
    u64 used = ext->stack_top - (u64)at;
    inside_lock();
    if (used > most) {
        most = used;
        log_print("spin: loading took %lu of %lu bytes of stack\n", used, EXT_STACK_BYTES);
    }
    inside_unlock();
}

// For an upgrade: returns when no raise runs without the lock. From now on none does, until the
// extension that is being loaded has taken the other's place, or is given up.
static void raises_stop(struct ext *ext) {
    int passed = 0;
    inside_lock();
    ext->closes = 1;
    epoch_closed++;
    u64 when = epoch_now();
    inside_unlock();
    while (!passed) {
        inside_lock();
        passed = epoch_passed(when);
        inside_unlock();
        sal_pause();
    }
}

// On the extension's own stack, preemptible.
static i64 load_work(void *argument) {
    struct ext *ext = argument;
    stack_paint(ext);
    i64 error = copy_object(ext);
    error = error ? error : ext_build(ext);
    memory_drop(&ext->scratch);
    stack_measure(ext);
    if (!error && ext->link.replaces)
        raises_stop(ext);
    return error;
}

static void report_fill(const struct engine_refusal *refusal, struct ext_report *report) {
    *report = (struct ext_report){.code = (u32)refusal->code,
                                  .slot = refusal->pc,
                                  .line = refusal->line,
                                  .column = refusal->column,
                                  .a = refusal->a,
                                  .b = refusal->b};
    string_copy(report->name, refusal->name, sizeof report->name);
    string_copy(report->file, refusal->file, sizeof report->file);
    string_copy(report->words, refusal->missing, sizeof report->words);
}

struct ext_function *ext_function_of_role(struct ext *ext, enum ext_role role) {
    for (u32 i = 0; i < ext->function_count; i++)
        if (ext->functions[i].role == role)
            return &ext->functions[i];
    return 0;
}

// Raised when an extension begins to live.
KERNEL_EVENT(extension_loaded) = {.name = "extension_loaded",
                                  .prototype = "void(u64,u64)",
                                  .result = {.kind = ENGINE_VOID},
                                  .arguments = {SERVICE_NUMBER, SERVICE_NUMBER},
                                  .argument_count = 2};

static void row_fill(struct ext *ext) {
    ext->row->code = (u32)ext->code.size;
    ext->row->arena = ext->program->arena_log2;
    ext->row->functions = (u16)ext->function_count;
    ext->row->imports = (u16)ext->interface.import_count;
    ext->row->frames = ext->memory.frames + ext->lasting.frames + ext->room.memory.frames;
}

// Do the exporters agree? E_REFUSED otherwise.
static i64 links_authorise(struct ext *ext) {
    const char *name = domain_denied(ext);
    if (!name)
        return 0;
    ext->refusal =
        (struct engine_refusal){.code = ENGINE_REFUSED_IMPORT_UNKNOWN, .pc = ENGINE_NO_PC};
    string_copy(ext->refusal.name, name, sizeof ext->refusal.name);
    string_copy(ext->refusal.missing, "its exporter does not let this domain link to it",
                sizeof ext->refusal.missing);
    return -E_REFUSED;
}

// A new extension begins to live.
static i64 begin(struct ext *ext) {
    const u64 arguments[ENGINE_ARGS] = {0};
    struct ext_function *init = ext_function_of_role(ext, EXT_ROLE_INIT);
    u64 result = 0;
    i64 error = event_install(ext);
    if (error)
        return error;
    ext->row->state = EXT_LIVE;
    if (init && ext_run(ext, init->function, arguments, EXT_BUDGET, &result))
        return -E_CANCELLED;
    if ((u32)result)
        return -E_INVAL;
    row_fill(ext);
    if (ext->request.flags & EXT_STAYS) {
        ext_leave_env(ext);
        ext->row->env = 0;
    }
    return 0;
}

// What is loaded gives its code to another one, and goes.
static i64 replace(struct ext *ext) {
    struct ext *old = ext->self;
    i64 error = ext_upgrade(old, ext);
    if (!error) {
        row_fill(old);
        ext_retire(ext, old);
        spin_reap(32);
    }
    return error;
}

static i64 report_give(struct ext *ext, i64 error) {
    struct ext_report report;
    if (error != -E_REFUSED || !ext->report)
        return error;
    report_fill(&ext->refusal, &report);
    i64 fault = space_copy_out(ext->report, &report, sizeof report);
    return fault ? fault : error;
}

// With the lock again, on another stack: the extension begins to live, or is given up.
static i64 load_done(void *argument, i64 error) {
    struct ext *ext = argument;
    ext_id replaces = ext->link.replaces;
    ext->memory.inside = 0;
    (void)memory_pages_tear(&ext->memory, &ext->stack, 1u << EXT_STACK_ORDER);
    ASSERT(!ext->scratch.runs);
    if (!error && ext->doomed)
        error = -E_DEAD;
    if (!error && replaces && (!ext_find(replaces) || ext->self->row->state != EXT_LIVE))
        error = -E_STALE;
    if (!error)
        error = links_authorise(ext);
    error = report_give(ext, error);
    ext->loader = 0;
    if (!error)
        error = replaces ? replace(ext) : begin(ext);
    if (!error && !replaces)
        (void)event_raise2(&extension_loaded, ext->id, ext->memory.account);
    if (!error)
        return (i64)(replaces ? replaces : ext->id);
    ext_kill(ext, EXT_DETACHED_FAULT);
    spin_reap(32);
    return error;
}

int ext_name_is_valid(const char *name) {
    u32 i = 0;
    for (; i < EXT_NAME_BYTES && name[i]; i++) {
        char c = name[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '-' || c == '_'))
            return 0;
    }
    return i < EXT_NAME_BYTES;
}

#define FLAGS (EXT_STAYS | EXT_PRIVATE | EXT_PARTIAL | EXT_SEALED)

static i64 request_read(u64 at, u64 report, struct ext_load *request, struct ext_link *link) {
    if ((at | report) & 7)
        return -E_ALIGN;
    if (report >= ABI_USER_END)
        return -E_RANGE;
    i64 error = space_copy_in(request, at, sizeof *request);
    if (error)
        return error;
    if (request->flags & ~(u64)FLAGS || !ext_name_is_valid(request->name))
        return -E_INVAL;
    if (request->link & 7)
        return -E_ALIGN;
    *link = (struct ext_link){0};
    error = request->link ? space_copy_in(link, request->link, sizeof *link) : 0;
    if (error)
        return error;
    if (request->object >= ABI_USER_END || ABI_USER_END - request->object < request->bytes)
        return -E_RANGE;
    return request->bytes > EXT_OBJECT_BYTES ? -E_LIMIT : 0;
}

// What the request wants to link to, and to replace.
static i64 link_check(u64 cap, account_id payer, struct ext_load *request,
                      const struct ext_link *link) {
    i64 error = 0;
    for (u32 i = 0; i < sizeof link->sources / sizeof *link->sources && !error; i++)
        if (link->sources[i])
            error = domain_check_source(cap, link->sources[i]);
    struct ext *old;
    if (error || !link->replaces)
        return error;
    error = ext_check(cap, link->replaces, CAP_RIGHT_DESTROY, &old);
    if (error)
        return error;
    if (old->row->state != EXT_LIVE || !old->program)
        return old->row->state == EXT_LOADING ? -E_BUSY : -E_DEAD;
    // It keeps its name, and whether it is public.
    if (old->memory.account != payer || request->name[0] ||
        (request->flags & (EXT_STAYS | EXT_PRIVATE)))
        return -E_INVAL;
    return 0;
}

i64 sys_ext_load(u64 cap, account_id payer, u64 request_va, u64 report) {
    struct abi_account *account;
    struct ext_load request;
    struct ext_link link;
    struct ext *ext;
    struct env *env = sched_current();
    i64 error = cap_check_account(cap, payer, CAP_RIGHT_EXTEND, &account);
    if (!error)
        error = request_read(request_va, report, &request, &link);
    if (!error)
        error = link_check(cap, payer, &request, &link);
    if (!error)
        error = ext_make(env, payer, &request, &ext);
    if (error)
        return error;
    ext->report = report;
    ext->link = link;
    ext->self = link.replaces ? ext_find(link.replaces) : ext;
    if (!memory_stack_take(&ext->memory, EXT_STACK_ORDER, &ext->stack, &ext->stack_top)) {
        ext_kill(ext, EXT_DETACHED_FAULT);
        spin_reap(32);
        return -E_NOMEM;
    }
    ext->memory.inside = ext->scratch.inside = 1;
    struct inside inside = {ext->stack_top, load_work, load_done, ext};
    inside_start(&inside);
}

// --- calls ---------------------------------------------------------------------------------------

struct engine_run *ext_run_here(void) {
    return &runs[sal_cpu()];
}

u32 ext_lock(struct engine_run *run) {
    u32 mode = run->mode;
    if (mode == EXT_RUN_LOCKED)
        return mode;
    if (mode == EXT_RUN_STRAND)
        sal_interrupts_off();
    kernel_lock();
    run->mode = EXT_RUN_LOCKED;
    return mode;
}

void ext_unlock(struct engine_run *run, u32 mode) {
    if (mode == EXT_RUN_LOCKED)
        return;
    run->mode = mode;
    kernel_unlock();
    if (mode == EXT_RUN_STRAND)
        sal_interrupts_on();
}

// What raises from assembly, and machine code, need not have aligned the stack.
__attribute__((noinline, force_align_arg_pointer)) enum engine_status
ext_run_nested(struct engine_run *run, struct ext *ext, u32 function, const u64 *arguments,
               i64 budget, u64 *result) {
    u8 frames[EXT_FRAME_MAX] __attribute__((aligned(16)));
    i64 meter = run->meter;
    u64 stack_top = run->stack_top, stack_low = run->stack_low;
    void *cookie = run->cookie;
    if ((u64)frames < run->stack_limit - EXT_FRAME_MAX)
        return ENGINE_RUN_STACK;
    run->meter = budget;
    run->stack_low = (u64)frames;
    run->stack_top = (u64)frames + sizeof frames;
    run->cookie = ext->home;
    enum engine_status status = engine_jit_nest(&ext->code, run, function, arguments, result);
    run->meter = meter;
    run->stack_top = stack_top;
    run->stack_low = stack_low;
    run->cookie = cookie;
    return status;
}

enum engine_status ext_run(struct ext *ext, u32 function, const u64 *arguments, i64 budget,
                           u64 *result) {
    struct event_context context;
    struct engine_run *run = event_enter(&context, ext);
    enum engine_status status = ext_run_nested(run, ext, function, arguments, budget, result);
    event_leave(&context);
    return status;
}

i64 ext_check(u64 cap, ext_id id, u32 rights, struct ext **ext) {
    struct abi_account *account;
    *ext = ext_find(id);
    // An extension that is gone can be covered by no account: the capability itself is looked at.
    i64 error =
        cap_check_account(cap, *ext ? (*ext)->memory.account : account_first(), rights, &account);
    if (!*ext && (!error || error == -E_RIGHTS))
        return -E_STALE;
    return error;
}

static struct ext_function *entry_find(struct ext *ext, u64 hash) {
    for (u32 i = 0; i < ext->function_count; i++)
        if (ext->functions[i].hash == hash && ext->functions[i].role == EXT_ROLE_ENTRY)
            return &ext->functions[i];
    return 0;
}

// Without the lock if the extension can be called so; *inside: it was, and stays what it is until
// epoch_leave.
static enum engine_status call_run(struct ext *ext, const struct ext_function *function,
                                   struct ext_call *call, int *inside) {
    struct event_context context;
    *inside = ext->concurrent && epoch_try();
    if (!*inside)
        return ext_run(ext, function->function, call->args, ext->row->budget, &call->result);
    struct engine_run *run = event_enter(&context, ext);
    i64 budget = ext->row->budget;
    run->mode = EXT_RUN_RAISED;
    kernel_unlock();
    enum engine_status status =
        ext_run_nested(run, ext, function->function, call->args, budget, &call->result);
    kernel_lock();
    run->mode = EXT_RUN_LOCKED;
    event_leave(&context);
    return status;
}

i64 sys_ext_call(u64 cap, ext_id id, u64 at) {
    struct ext *ext;
    struct ext_call call;
    i64 error = ext_check(cap, id, CAP_RIGHT_CALL, &ext);
    if (error)
        return error;
    if (at & 7)
        return -E_ALIGN;
    error = space_copy_in(&call, at, sizeof call);
    if (error)
        return error;
    if (ext->row->state != EXT_LIVE)
        return ext->row->state == EXT_LOADING ? -E_BUSY : -E_DEAD;
    struct ext_function *function = entry_find(ext, call.function);
    if (!function)
        return -E_INVAL;
    int inside;
    u64 from = sal_tsc();
    call.result = 0;
    call.status = call_run(ext, function, &call, &inside);
    call.slot = call.status ? ext_run_here()->status_pc : 0;
    ext->row->calls++;
    u64 ticks = sal_tsc() - from;
    ext->row->ticks += ticks;
    ext->row->worst = ticks > ext->row->worst ? ticks : ext->row->worst;
    if (call.status) {
        const struct engine_line *line = engine_program_line_at(ext->program, call.slot);
        ext->row->faults++;
        ext->row->status = call.status;
        ext->row->fault_slot = call.slot;
        ext->row->fault_line = line ? line->line : 0;
    }
    if (inside)
        epoch_leave();
    error = space_copy_out(at, &call, sizeof call);
    return error ? error : call.status ? -E_CANCELLED : 0;
}

#define UNLOAD_PAGES 16 // given back by one call

i64 sys_ext_unload(u64 cap, ext_id id) {
    struct ext *ext;
    i64 error = ext_check(cap, id, CAP_RIGHT_DESTROY, &ext);
    if (error)
        return error;
    if (ext->row->state == EXT_LOADING)
        return -E_BUSY;
    if (ext->row->state == EXT_LIVE) {
        const u64 arguments[ENGINE_ARGS] = {0};
        u64 result;
        struct ext_function *fini = ext_function_of_role(ext, EXT_ROLE_FINI);
        if (fini)
            (void)ext_run(ext, fini->function, arguments, EXT_BUDGET, &result);
        ext_kill(ext, EXT_DETACHED_UNLOAD);
        if (fini)
            return -E_AGAIN; // that was enough for one call
    }
    spin_reap(UNLOAD_PAGES);
    return ext_find(id) ? -E_AGAIN : 0;
}

// --- its handlers --------------------------------------------------------------------------------

static i64 live_check(u64 cap, ext_id id, struct ext **ext) {
    i64 error = ext_check(cap, id, CAP_RIGHT_EXTEND, ext);
    return error ? error : (*ext)->row->state == EXT_LIVE ? 0 : -E_DEAD;
}

i64 sys_handler_install(u64 cap, ext_id id, u64 function, u64 closure) {
    struct ext *ext;
    i64 error = live_check(cap, id, &ext);
    i64 result = error ? error : event_handler_install(ext, function, closure);
    event_reclaim();
    return result;
}

i64 sys_handler_remove(u64 cap, ext_id id, u64 handler) {
    struct ext *ext;
    i64 error = live_check(cap, id, &ext);
    i64 result = error ? error : event_handler_remove(ext, handler);
    event_reclaim();
    return result;
}

i64 sys_event_count(u64 cap, ext_id id, u64 event, u64 on) {
    struct ext *ext;
    i64 error = live_check(cap, id, &ext);
    i64 result = error ? error : event_count(ext, event, on != 0);
    event_reclaim();
    return result;
}
