// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// execve in three steps: exec_prepare opens and checks everything while failure can still be
// reported; linux_execve gives up the old address space; exec_finish fills the new one, from a
// thread that runs in it.

#include "base/string.h"
#include "libos/exos/elf.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/kernel.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/linux/uapi_mman.h"
#include "libos/exos/mm.h"
#include "libos/exos/pod.h"
#include "libos/exos/pod_priv.h"
#include "libos/exos/process_priv.h"
#include "libos/exos/random.h"
#include "libos/exos/signal_priv.h"
#include "libos/exos/trap.h"
#include "libos/exos/uaccess.h"
#include "libos/exos/vm.h"

#define STRINGS_MAX (2ul << 20)
#define STRING_MAX  (128ul << 10)
#define PATH_BYTES  4096ul
#define COPY_MAX                                                                                   \
    (8ul << ABI_PAGE_SHIFT) // of a writable segment: what is copied before it is written
#define HEAD_FIRST    1024
#define AHEAD_MAX     (1ul << 20) // of a segment: what is mapped before it is touched
#define SCRIPT_LEVELS 4
#define SCRIPT_LINE   256
#define AT_FDCWD      (-100)
#define PIE_BASE      0x0000555555554000ul
#define STACK_GAP     (1ul << 20)
#define STACK_FIRST   (132ul << 10)
#define S_ISUID       04000u
#define S_ISGID       02000u

struct exec_image {
    struct vnode *vnode;
    struct elf_program program;
};

struct exec_plan {
    struct exec_image main, interpreter; // interpreter.vnode NULL: none
    struct exec_info *info;
    struct exec_strings strings;
    char *name; // as exec was given it: AT_EXECFN
    char comm[16];
};

// --- strings
// -----------------------------------------------------------------------------------------------------------------

static i64 strings_room(struct exec_strings *s, u64 bytes) {
    u64 capacity = s->capacity ? s->capacity : 2032;
    while (capacity - s->bytes < bytes)
        capacity *= 2;
    if (capacity == s->capacity)
        return 0;
    char *text = pod_alloc_dirty(capacity);
    if (!text)
        return -ENOMEM;
    memcpy(text, s->text, s->bytes);
    pod_free(s->text);
    s->text = text;
    s->capacity = capacity;
    return 0;
}

i64 exec_strings_add(struct exec_strings *s, const char *text) {
    u64 bytes = strlen(text) + 1;
    i64 error = s->bytes + bytes > STRINGS_MAX ? -E2BIG : strings_room(s, bytes);
    if (error)
        return error;
    memcpy(s->text + s->bytes, text, bytes);
    s->bytes += bytes;
    return 0;
}

void exec_strings_free(struct exec_strings *s) {
    pod_free(s->text);
    *s = (struct exec_strings){0};
}

static i64 strings_add_user(struct exec_strings *s, u64 from) {
    for (u64 room = 256;; room *= 4) {
        i64 error = strings_room(s, room);
        if (error)
            return error;
        room = s->capacity - s->bytes;
        i64 length =
            strncpy_from_user(s->text + s->bytes, from, room < STRING_MAX ? room : STRING_MAX);
        if (length >= 0) {
            s->bytes += (u64)length + 1;
            return s->bytes > STRINGS_MAX ? -E2BIG : 0;
        }
        if (length != -ENAMETOOLONG)
            return length;
        if (room >= STRING_MAX)
            return -E2BIG;
    }
}

static i64 strings_add_list(struct exec_strings *s, u64 list, u32 *count) {
    u64 text;
    for (*count = 0; list; list += 8) {
        if (get_user_u64(&text, list))
            return -EFAULT;
        if (!text)
            break;
        i64 error = strings_add_user(s, text);
        if (error)
            return error;
        ++*count;
    }
    return 0;
}

// Replaces the first drop bytes by words.
static i64 strings_replace_head(struct exec_strings *s, u64 drop, const char *words, u64 bytes) {
    i64 error = s->bytes + bytes > STRINGS_MAX ? -E2BIG : strings_room(s, bytes);
    if (error)
        return error;
    memmove(s->text + bytes, s->text + drop, s->bytes - drop);
    memcpy(s->text, words, bytes);
    s->bytes += bytes - drop;
    return 0;
}

// --- prepare
// -------------------------------------------------------------------------------------------------------------------

static void image_free(struct exec_image *image) {
    if (image->vnode)
        vnode_put(image->vnode);
    image->vnode = NULL;
}

void exec_plan_free(struct exec_plan *plan) {
    image_free(&plan->main);
    image_free(&plan->interpreter);
    exec_info_put(plan->info);
    exec_strings_free(&plan->strings);
    pod_free(plan->name);
    pod_free(plan);
}

static bool blank(char c) {
    return c == ' ' || c == '\t';
}

// "#!interpreter [argument]": cuts the line into words, in place. The interpreter, or NULL if the
// line is none.
static char *script_line(char *head, u64 bytes, char **argument) {
    u64 end = 2;
    while (end < bytes && end < SCRIPT_LINE && head[end] != '\n')
        end++;
    if (end == bytes && bytes >= SCRIPT_LINE)
        return NULL;
    while (end > 2 && blank(head[end - 1]))
        end--;
    head[end] = 0;
    char *p = head + 2;
    while (blank(*p))
        p++;
    if (!*p)
        return NULL;
    char *name = p;
    while (*p && !blank(*p))
        p++;
    *argument = NULL;
    if (*p) {
        *p++ = 0;
        while (blank(*p))
            p++;
        *argument = p;
    }
    return name;
}

static i64 script_to_interpreter(struct exec_strings *strings, char *head, u64 bytes, char *path) {
    char *argument, words[SCRIPT_LINE * 2];
    char *name = script_line(head, bytes, &argument);
    if (!name)
        return -ENOEXEC;
    u64 n = strlen(name) + 1, path_bytes = strlen(path) + 1;
    memcpy(words, name, n);
    if (argument) {
        u64 argument_bytes = strlen(argument) + 1;
        memcpy(words + n, argument, argument_bytes);
        n += argument_bytes;
    }
    // argv[0] gives way to interpreter, argument and the script's path.
    i64 error = strings_replace_head(strings, strlen(strings->text) + 1, path, path_bytes);
    if (!error)
        error = strings_replace_head(strings, 0, words, n);
    if (error)
        return error;
    strings->argc += argument ? 2 : 1;
    string_copy(path, words, PATH_BYTES);
    return 0;
}

static i64 image_open(int dirfd, const char *path, struct exec_image *image, char *head,
                      u64 *head_bytes, char *absolute) {
    i64 error = fs_open_exec(dirfd, path, 0, &image->vnode, absolute, PATH_BYTES);
    if (error)
        return error;
    // Mostly the beginning is enough; where it isn't, elf_check looks at all.
    i64 n = vnode_read(image->vnode, 0, head, HEAD_FIRST);
    if (n == HEAD_FIRST && elf_head_bytes(head) > HEAD_FIRST)
        n = vnode_read(image->vnode, 0, head, ELF_HEAD_BYTES);
    if (n < 0)
        return n;
    *head_bytes = (u64)n;
    return 0;
}

static i64 image_check(struct exec_image *image, const char *head, u64 head_bytes) {
    return elf_check(head, head_bytes, vnode_size(image->vnode), EXOS_USER_START,
                     EXOS_USER_END - (16ul << 20), &image->program);
}

static i64 open_interpreter(struct exec_plan *plan, char *head, char *path) {
    const struct elf_program *p = &plan->main.program;
    u64 head_bytes, bytes = p->interpreter_bytes;
    if (!bytes)
        return 0;
    if (vnode_read(plan->main.vnode, p->interpreter_offset, path, bytes) != (i64)bytes ||
        path[bytes - 1])
        return -ENOEXEC;
    char *absolute = pod_alloc_dirty(PATH_BYTES);
    if (!absolute)
        return -ENOMEM;
    i64 error = image_open(AT_FDCWD, path, &plan->interpreter, head, &head_bytes, absolute);
    pod_free(absolute);
    if (!error)
        error = image_check(&plan->interpreter, head, head_bytes);
    if (!error && !plan->interpreter.program.position_independent)
        error = -ENOEXEC;
    return error == -ENOEXEC ? -ELIBBAD : error;
}

// path (PATH_BYTES, changed) is opened; through scripts to a program.
static i64 open_program(struct exec_plan *plan, int dirfd, char *path, char *head) {
    u64 head_bytes;
    for (int level = 0;; level++) {
        i64 error = image_open(dirfd, path, &plan->main, head, &head_bytes, plan->info->path);
        if (error)
            return error;
        if (head_bytes < 2 || head[0] != '#' || head[1] != '!')
            break;
        if (level == SCRIPT_LEVELS)
            return -ELOOP;
        image_free(&plan->main);
        error = script_to_interpreter(&plan->strings, head,
                                      head_bytes < SCRIPT_LINE ? head_bytes : SCRIPT_LINE, path);
        if (error)
            return error;
        dirfd = AT_FDCWD;
    }
    i64 error = image_check(&plan->main, head, head_bytes);
    return error ? error : open_interpreter(plan, head, path);
}

static char *text_copy(const char *text, u64 bytes) {
    char *copy = pod_alloc_dirty(bytes ? bytes : 1);
    if (copy)
        memcpy(copy, text, bytes);
    return copy;
}

static i64 plan_fill(struct exec_plan *plan, int dirfd, const char *path, char *buffer) {
    const char *base = path;
    for (const char *p = path; *p; p++)
        base = *p == '/' ? p + 1 : base;
    string_copy(plan->comm, base, sizeof(plan->comm));
    plan->info = pod_alloc(sizeof(*plan->info));
    plan->name = text_copy(path, strlen(path) + 1);
    if (!plan->info || !plan->name)
        return -ENOMEM;
    plan->info->users = 1;
    plan->info->path = pod_alloc_dirty(PATH_BYTES);
    if (!plan->info->path)
        return -ENOMEM;
    string_copy(buffer, path, PATH_BYTES);
    i64 error = open_program(plan, dirfd, buffer, buffer + PATH_BYTES);
    if (error)
        return error;
    char *absolute = plan->info->path;
    plan->info->path = text_copy(absolute, strlen(absolute) + 1);
    pod_free(absolute);
    u64 bytes = 0;
    for (u32 i = 0; i < plan->strings.argc; i++)
        bytes += strlen(plan->strings.text + bytes) + 1;
    plan->info->cmdline = text_copy(plan->strings.text, bytes);
    plan->info->cmdline_bytes = (u32)bytes;
    vnode_get(plan->main.vnode);
    plan->info->vnode = plan->main.vnode;
    return plan->info->path && plan->info->cmdline ? 0 : -ENOMEM;
}

i64 exec_prepare(int dirfd, const char *path, struct exec_strings *strings,
                 struct exec_plan **result) {
    struct exec_plan *plan = pod_alloc(sizeof(*plan));
    char *buffer = pod_alloc_dirty(PATH_BYTES + ELF_HEAD_BYTES);
    i64 error = -ENOMEM;
    if (plan && buffer) {
        plan->strings = *strings;
        *strings = (struct exec_strings){0};
        error = plan_fill(plan, dirfd, path, buffer);
    }
    pod_free(buffer);
    if (error && plan)
        exec_plan_free(plan);
    *result = plan;
    return error;
}

// --- finish
// ----------------------------------------------------------------------------------------------------------------

static i64 map_segment(struct mm *mm, struct vnode *vnode, const struct elf_segment *s, u64 bias) {
    u64 mask = ABI_PAGE - 1, start = (s->start + bias) & ~mask;
    u64 file_end = s->start + bias + s->file_bytes, end = s->start + bias + s->memory_bytes;
    u64 file_pages = s->file_bytes ? ((file_end + mask) & ~mask) - start : 0;
    i64 error = 0;
    if (file_pages) {
        vnode_map_get(vnode);
        error = mm_map_fixed(mm, start, file_pages, s->prot, 0, vnode, s->offset & ~mask);
    }
    u64 zero = start + file_pages;
    if (!error && end > zero)
        error = mm_map_fixed(mm, zero, end - zero, s->prot, 0, NULL, 0);
    if (!error && file_pages)
        mm_map_ahead(mm, start, start + (file_pages < AHEAD_MAX ? file_pages : AHEAD_MAX));
    if (!error && s->prot & PROT_WRITE && file_pages && file_pages <= COPY_MAX)
        mm_copy_ahead(mm, start, start + file_pages);
    // Linux clears the rest of the last file page, and the dynamic loader counts on it.
    if (!error && end > file_end && file_pages && s->prot & PROT_WRITE)
        error = clear_user(file_end, zero - file_end);
    return error;
}

static i64 map_image(struct mm *mm, const struct exec_image *image, u64 bias) {
    for (u32 i = 0; i < image->program.segment_count; i++) {
        i64 error = map_segment(mm, image->vnode, &image->program.segments[i], bias);
        if (error)
            return error;
    }
    return 0;
}

static void cpuid1(u32 *ecx, u32 *edx) {
    u32 eax = 1, ebx;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(*ecx), "=d"(*edx) : "c"(0));
}

struct stack_words {
    u64 *words;
    u64 count;
};

static void put_auxv(struct stack_words *w, u64 type, u64 value) {
    w->words[w->count++] = type;
    w->words[w->count++] = value;
}

struct start_addresses {
    u64 bias, interpreter_base, entry;
    u64 strings, name, platform, random;
};

extern const char vdso_image[];

static void fill_auxv(struct stack_words *w, const struct exec_plan *plan,
                      const struct start_addresses *a) {
    struct process *p = current();
    u32 ecx, edx;
    cpuid1(&ecx, &edx);
    u64 headers = plan->main.program.header_address;
    put_auxv(w, 16, edx);                               // AT_HWCAP
    put_auxv(w, 6, ABI_PAGE);                           // AT_PAGESZ
    put_auxv(w, 17, 100);                               // AT_CLKTCK
    put_auxv(w, 3, headers ? headers + a->bias : 0);    // AT_PHDR
    put_auxv(w, 4, 56);                                 // AT_PHENT
    put_auxv(w, 5, plan->main.program.header_count);    // AT_PHNUM
    put_auxv(w, 7, a->interpreter_base);                // AT_BASE
    put_auxv(w, 8, 0);                                  // AT_FLAGS
    put_auxv(w, 9, plan->main.program.entry + a->bias); // AT_ENTRY
    put_auxv(w, 11, p->uid);                            // AT_UID and its relatives
    put_auxv(w, 12, p->euid);
    put_auxv(w, 13, p->gid);
    put_auxv(w, 14, p->egid);
    put_auxv(w, 23, p->uid != p->euid || p->gid != p->egid); // AT_SECURE
    put_auxv(w, 25, a->random);                              // AT_RANDOM
    put_auxv(w, 26, 2);                                      // AT_HWCAP2: FSGSBASE
    put_auxv(w, 31, a->name);                                // AT_EXECFN
    put_auxv(w, 15, a->platform);                            // AT_PLATFORM
    put_auxv(w, 51, 2048 + ABI_INFO->xsave_bytes);           // AT_MINSIGSTKSZ
    put_auxv(w, 33, (u64)vdso_image);                        // AT_SYSINFO_EHDR
    put_auxv(w, 0, 0);
}

#define AUXV_WORDS 42

// argc, argv, envp and auxv; returns their number.
static u64 fill_words(u64 *words, const struct exec_plan *plan, const struct start_addresses *a) {
    struct stack_words w = {words, 0};
    const struct exec_strings *s = &plan->strings;
    u64 at = 0;
    w.words[w.count++] = s->argc;
    for (u32 i = 0; i < s->argc + s->envc; i++) {
        if (i == s->argc)
            w.words[w.count++] = 0;
        w.words[w.count++] = a->strings + at;
        at += strlen(s->text + at) + 1;
    }
    if (!s->envc)
        w.words[w.count++] = 0;
    w.words[w.count++] = 0;
    fill_auxv(&w, plan, a);
    return w.count;
}

// Makes the stack, with everything on it. *sp gets the stack pointer.
static i64 build_stack(struct mm *mm, const struct exec_plan *plan, struct start_addresses *a,
                       u64 *sp) {
    const struct exec_strings *s = &plan->strings;
    u64 name_bytes = strlen(plan->name) + 1, top = mm->stack_top;
    char tail[24] = "x86_64";
    random_bytes(tail + 8, 16);
    a->name = top - 8 - name_bytes;
    a->strings = a->name - s->bytes;
    a->platform = (a->strings - sizeof(tail)) & ~15ul;
    a->random = a->platform + 8;
    u64 count = s->argc + s->envc + 3 + AUXV_WORDS;
    *sp = (a->platform - count * 8) & ~15ul;
    u64 bytes = (top - *sp + STACK_FIRST) & ~(ABI_PAGE - 1);
    i64 error =
        mm_map_fixed(mm, top - bytes, bytes, plan->main.program.stack_prot, AREA_STACK, NULL, 0);
    if (error)
        return error;
    u64 first = (*sp - 1024) & ~(ABI_PAGE - 1), pages = (top - first) >> ABI_PAGE_SHIFT;
    error = rt_space_map(POD_CAPS, mm->space, first, ABI_ANY, pages,
                         ABI_PTE_W | (plan->main.program.stack_prot & PROT_EXEC ? 0 : ABI_PTE_NX));
    mm->resident += pages;
    u64 *words = error ? NULL : pod_alloc_dirty(count * 8);
    if (!words)
        return -ENOMEM;
    u64 used = fill_words(words, plan, a);
    if (used > count)
        pod_panic("exec: %lu words for %lu", used, count);
    if (copy_to_user(a->name, plan->name, name_bytes) ||
        copy_to_user(a->strings, s->text, s->bytes) ||
        copy_to_user(a->platform, tail, sizeof(tail)) || copy_to_user(*sp, words, used * 8))
        error = -ENOMEM;
    pod_free(words);
    return error;
}

static i64 build_memory(struct mm *mm, const struct exec_plan *plan, struct start_addresses *a,
                        u64 *sp) {
    const struct elf_program *p = &plan->main.program;
    u64 limit = current()->limits[RLIMIT_STACK].soft;
    if (limit > 1ul << 40)
        limit = 1ul << 40;
    a->bias = p->position_independent ? PIE_BASE - p->low : 0;
    i64 error = map_image(mm, &plan->main, a->bias);
    if (error)
        return error;
    mm->brk_start = mm->brk = (p->brk + a->bias + ABI_PAGE - 1) & ~(ABI_PAGE - 1);
    mm->stack_top = EXOS_USER_END;
    mm->mmap_top = EXOS_USER_END - ((limit + STACK_GAP + ABI_PAGE - 1) & ~(ABI_PAGE - 1));
    a->entry = p->entry + a->bias;
    if (plan->interpreter.vnode) {
        const struct elf_program *q = &plan->interpreter.program;
        u64 at = areas_gap(&mm->areas, q->high - q->low, EXOS_USER_START, mm->mmap_top);
        if (!at)
            return -ENOMEM;
        a->interpreter_base = at - q->low;
        a->entry = q->entry + a->interpreter_base;
        error = map_image(mm, &plan->interpreter, a->interpreter_base);
        if (error)
            return error;
    }
    return build_stack(mm, plan, a, sp);
}

static void set_credentials(const struct exec_plan *plan) {
    struct process *p = current();
    u32 mode = vnode_mode(plan->main.vnode);
    if (mode & S_ISUID)
        p->euid = vnode_uid(plan->main.vnode);
    if ((mode & (S_ISGID | 010)) == (S_ISGID | 010))
        p->egid = vnode_gid(plan->main.vnode);
    p->suid = p->fsuid = p->euid;
    p->sgid = p->fsgid = p->egid;
}

// Caught signals go back to their default.
static void reset_actions(struct process *p) {
    for (int i = 1; i <= LINUX_SIGNALS; i++) {
        if (p->actions->action[i].handler <= SIG_IGN)
            continue;
        struct signal_actions *own = signal_actions_own(p);
        for (; own && i <= LINUX_SIGNALS; i++) {
            if (own->action[i].handler > SIG_IGN)
                own->action[i] = (struct signal_action){0};
        }
        return;
    }
}

// The registers a program starts with: all zero but rip and rsp.
static void reset_registers(u64 entry, u64 sp) {
    struct thread *t = current_thread();
    struct trap_frame *tf = thread_trap_frame(t);
    u64 cs = tf->frame.cs, ss = tf->frame.ss;
    memset(tf, 0, sizeof(*tf));
    tf->frame.vector = TRAP_FULL;
    tf->frame.rip = entry;
    tf->frame.rsp = sp;
    tf->frame.rflags = 0x202;
    tf->frame.cs = cs;
    tf->frame.ss = ss;
    t->fs_base = 0;
    t->gs_base = (u64)t->uarea;
    fp_reset(t);
    t->altstack_base = t->altstack_bytes = 0;
    t->altstack_flags = SS_DISABLE;
    t->clear_tid = t->robust_list = 0;
}

// Does the environment say "no patched calls" (patch.h)?
static bool patch_refused(const struct exec_strings *s) {
    u64 at = 0;
    for (u32 i = 0; i < s->argc + s->envc; i++) {
        if (i >= s->argc && s->text[at] == 'E' && !strcmp(s->text + at, "EXOS_PATCH=0"))
            return true;
        at += strlen(s->text + at) + 1;
    }
    return false;
}

void exec_finish(void *argument) {
    struct exec_plan *plan = argument;
    struct process *p = current();
    struct start_addresses a = {0};
    u64 sp;
    set_credentials(plan);
    memcpy(p->comm, plan->comm, sizeof(p->comm));
    exec_info_put(p->exec);
    p->exec = exec_info_get(plan->info);
    reset_actions(p);
    p->execed = true;
    p->mm->patch_off = patch_refused(&plan->strings);
    i64 error = build_memory(p->mm, plan, &a, &sp);
    exec_plan_free(plan);
    if (error)
        process_exit(SIGKILL);
    reset_registers(a.entry, sp);
}

// --- the call
// ----------------------------------------------------------------------------------------------------------------

// The caller shares its address space (vfork): it goes on in a new one, as a new env.
static i64 move_to_new_space(struct exec_plan *plan) {
    struct thread *me = current_thread(), *t = thread_new(me->process);
    struct process *p = me->process;
    i64 error = -ENOMEM;
    struct mm *mm = t ? mm_new(&error) : NULL, *old = p->mm;
    if (mm)
        error = mm_map_exos(mm->space);
    if (!error) {
        t->tid = me->tid;
        t->blocked = me->blocked;
        t->signals = me->signals;
        t->start = exec_finish;
        t->start_argument = plan;
        p->mm = mm;
        error = thread_launch(t, mm->space);
    }
    if (error) {
        p->mm = old;
        if (mm)
            mm_put(mm);
        if (t)
            thread_free(t);
        return error;
    }
    me->signals = (struct signal_set){0};
    p->dead_ticks += thread_ticks(me);
    thread_unlink(me);
    thread_link(t, p);
    mm_put(old);
    process_vfork_done(p);
    thread_end();
}

static i64 exec_commit(struct exec_plan *plan) {
    struct process *p = current();
    thread_kill_others();
    files_close_on_exec(p->files);
    if (p->mm->users > 1)
        return move_to_new_space(plan);
    mm_clear(p->mm);
    exec_finish(plan);
    process_vfork_done(p);
    return 0;
}

i64 linux_execve(u64 path, u64 argv, u64 envp) {
    struct exec_strings strings = {0};
    struct exec_plan *plan = NULL;
    char *name = pod_alloc_dirty(PATH_BYTES);
    if (!name)
        return -ENOMEM;
    i64 error = strncpy_from_user(name, path, PATH_BYTES);
    if (error >= 0)
        error = strings_add_list(&strings, argv, &strings.argc);
    if (!error && !strings.argc) { // as Linux does since 5.18
        error = exec_strings_add(&strings, "");
        strings.argc = 1;
    }
    if (!error)
        error = strings_add_list(&strings, envp, &strings.envc);
    if (!error)
        error = exec_prepare(AT_FDCWD, name, &strings, &plan);
    exec_strings_free(&strings);
    pod_free(name);
    if (error)
        return error;
    error = exec_commit(plan);
    if (error)
        exec_plan_free(plan);
    return error;
}
