// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The mechanics of /proc: look-up, listing, links and texts. What there is stands in proc_text.c
// and proc_pid.c.

#include "libos/exos/fs/proc.h"

#include "base/string.h"
#include "libos/exos/fs/data.h"
#include "libos/exos/fs/dentry.h"
#include "libos/exos/fs/file.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/pod.h"

static const struct vnode_ops proc_dir_ops, proc_text_ops, proc_link_ops;

static struct dentry *proc_mount; // the dentry of /proc itself, once one is looked up below it

// --- vnodes ----------------------------------------------------------------------------------

// Numbers stay the same for the same thing, as programs that compare (device, inode) need.
static u64 ino_of(const struct proc_entry *entry, u32 pid, u32 number) {
    u64 kind = (u64)entry >> 4 & 0xffff;
    return (u64)pid << 36 | (u64)number << 18 | kind << 2 | 1;
}

// A link to an open file shows what the file may be used for.
static u32 fd_mode(const struct file *f) {
    return !f ? 0 : (file_may_read(f) ? 0500u : 0) | (file_may_write(f) ? 0300u : 0);
}

static struct vnode *proc_vnode(const struct proc_entry *entry, u32 pid, u32 number) {
    static const struct vnode_ops *const ops[] = {&proc_dir_ops, &proc_text_ops, &proc_link_ops};
    static const u32 types[] = {LINUX_S_IFDIR, LINUX_S_IFREG, LINUX_S_IFLNK};
    struct process *p = pid ? process_find(pid) : NULL;
    struct vnode *v = vnode_new(ops[entry->kind], types[entry->kind] | entry->mode, p ? p->euid : 0,
                                p ? p->egid : 0, FS_DEV_PROC);
    if (!v)
        return NULL;
    v->ino = ino_of(entry, pid, number);
    v->proc.entry = entry;
    v->proc.pid = pid;
    v->proc.number = number;
    if (entry == &proc_fd_link && p && p->files)
        v->mode = LINUX_S_IFLNK | fd_mode(files_at(p->files, (i32)number));
    if (entry->kind == PROC_DIR)
        v->nlink = 2;
    return v;
}

// dir needs dir.self for "..", which proc.* overlays: those vnodes find it by the dentry of the
// open file instead.
static i64 proc_dentry(struct dentry *dir, const char *name, u32 length,
                       const struct proc_entry *entry, u32 pid, u32 number, struct dentry **found) {
    struct vnode *v = proc_vnode(entry, pid, number);
    struct dentry *d = v ? dentry_plain(dir, name, length, v) : NULL;
    if (!d) {
        if (v)
            vnode_put(v);
        return -ENOMEM;
    }
    *found = d;
    return 0;
}

static const struct proc_entry root_entry = {
    .name = "", .kind = PROC_DIR, .mode = 0555, .dynamic = PROC_PIDS, .entries = proc_root_entries};

struct vnode *proc_root(void) {
    return proc_vnode(&root_entry, 0, 0);
}

// --- look-up ---------------------------------------------------------------------------------

bool proc_parse_number(const char *text, u32 length, u32 *number) {
    u32 value = 0;
    if (length == 0 || length > 9 || (text[0] == '0' && length > 1))
        return false;
    for (u32 i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (u32)(text[i] - '0');
    }
    *number = value;
    return true;
}

static bool thread_exists(const struct process *p, u32 tid) {
    for (const struct thread *t = p->threads; t; t = t->next)
        if (t->tid == tid)
            return true;
    return p->pid == tid && !p->threads;
}

static i64 lookup_number(struct dentry *dir, const char *name, u32 length, u32 number,
                         struct dentry **found) {
    const struct vnode *v = dir->vnode;
    struct process *p = process_find(v->proc.entry->dynamic == PROC_PIDS ? number : v->proc.pid);
    if (!p)
        return -ENOENT;
    switch (v->proc.entry->dynamic) {
    case PROC_PIDS:
        return proc_dentry(dir, name, length, &proc_pid_dir, number, 0, found);
    case PROC_TASKS:
        if (!thread_exists(p, number))
            return -ENOENT;
        return proc_dentry(dir, name, length, &proc_task_dir, p->pid, number, found);
    default:
        if (!p->files || !files_at(p->files, (i32)number))
            return -ENOENT;
        return proc_dentry(dir, name, length, &proc_fd_link, p->pid, number, found);
    }
}

static i64 proc_lookup(struct dentry *dir, const char *name, u32 length, struct dentry **found) {
    const struct vnode *v = dir->vnode;
    const struct proc_entry *e = v->proc.entry->entries;
    u32 number;
    if (v->proc.pid && !process_find(v->proc.pid))
        return -ENOENT;
    if (v->proc.entry == &root_entry && !proc_mount)
        proc_mount = dir;
    for (; e && e->name; e++)
        if (strlen(e->name) == length && memcmp(e->name, name, length) == 0)
            return proc_dentry(dir, name, length, e, v->proc.pid, v->proc.number, found);
    if (v->proc.entry->dynamic != PROC_STATIC && proc_parse_number(name, length, &number))
        return lookup_number(dir, name, length, number, found);
    return -ENOENT;
}

i64 proc_pid_dentry(u32 pid, struct dentry **found) {
    char name[16];
    u32 length = (u32)format_write(name, sizeof(name), "%u", pid);
    return proc_dentry(proc_mount ? proc_mount : dentry_root, name, length, &proc_pid_dir, pid, 0,
                       found);
}

// --- listing ---------------------------------------------------------------------------------

// Positions: 0 ".", 1 "..", 2 + i the table's entries, and from NUMBERS on NUMBERS + number.
#define NUMBERS 1024ul

static u32 next_number(const struct vnode *v, u32 from) {
    u32 best = ~0u;
    struct process *owner = v->proc.pid ? process_find(v->proc.pid) : NULL;
    switch (v->proc.entry->dynamic) {
    case PROC_PIDS:
        PROCESS_FOR_EACH(p)
        if (p->pid >= from && p->pid < best)
            best = p->pid;
        break;
    case PROC_TASKS:
        for (struct thread *t = owner ? owner->threads : NULL; t; t = t->next)
            if (t->tid >= from && t->tid < best)
                best = t->tid;
        break;
    case PROC_FDS:
        if (owner && owner->files && from < owner->files->capacity)
            best = (u32)files_next(owner->files, (i32)from);
        break;
    default:
        break;
    }
    return best;
}

static u32 number_type(const struct vnode *v) {
    return v->proc.entry->dynamic == PROC_FDS ? LINUX_S_IFLNK : LINUX_S_IFDIR;
}

static const struct proc_entry *number_entry(const struct vnode *v) {
    switch (v->proc.entry->dynamic) {
    case PROC_PIDS:
        return &proc_pid_dir;
    case PROC_TASKS:
        return &proc_task_dir;
    default:
        return &proc_fd_link;
    }
}

static i64 list_numbers(struct file *f, struct dir_sink *sink) {
    struct vnode *v = f->vnode;
    char name[16];
    for (;;) {
        u32 number = next_number(v, (u32)(f->position - NUMBERS));
        if (number == ~0u)
            return 0;
        u64 length = format_write(name, sizeof(name), "%u", number);
        u32 pid = v->proc.entry->dynamic == PROC_PIDS ? number : v->proc.pid;
        u32 which = v->proc.entry->dynamic == PROC_PIDS ? 0 : number;
        if (!sink->add(sink, name, (u32)length, ino_of(number_entry(v), pid, which), number_type(v),
                       NUMBERS + number + 1))
            return 0;
        f->position = NUMBERS + number + 1;
    }
}

static i64 proc_readdir(struct file *f, struct dir_sink *sink) {
    static const u32 types[] = {LINUX_S_IFDIR, LINUX_S_IFREG, LINUX_S_IFLNK};
    struct vnode *v = f->vnode;
    if (f->position == 0) {
        if (!sink->add(sink, ".", 1, v->ino, LINUX_S_IFDIR, 1))
            return 0;
        f->position = 1;
    }
    if (f->position == 1) {
        if (!sink->add(sink, "..", 2, f->dentry->parent->vnode->ino, LINUX_S_IFDIR, 2))
            return 0;
        f->position = 2;
    }
    if (f->position < NUMBERS) {
        const struct proc_entry *e = v->proc.entry->entries;
        u64 i = 2;
        for (; e && e->name; e++, i++) {
            if (i < f->position)
                continue;
            if (!sink->add(sink, e->name, (u32)strlen(e->name),
                           ino_of(e, v->proc.pid, v->proc.number), types[e->kind], i + 1))
                return 0;
            f->position = i + 1;
        }
        f->position = NUMBERS;
    }
    return list_numbers(f, sink);
}

static i64 dir_read(struct file *f, u64 to, u64 bytes, u64 *position) {
    (void)f, (void)to, (void)bytes, (void)position;
    return -EISDIR;
}

static const struct file_ops dir_file = {.read = dir_read, .readdir = proc_readdir};
static const struct vnode_ops proc_dir_ops = {.file = &dir_file, .lookup = proc_lookup};

// --- links -----------------------------------------------------------------------------------

static i64 proc_follow(struct dentry *link, struct dentry **target) {
    const struct vnode *v = link->vnode;
    struct process *p = v->proc.pid ? process_find(v->proc.pid) : NULL;
    if (v->proc.pid && !p)
        return -ENOENT;
    return v->proc.entry->follow(p, v->proc.number, target);
}

static i64 proc_readlink(struct dentry *link, char *to, u64 size) {
    const struct vnode *v = link->vnode;
    const struct proc_entry *e = v->proc.entry;
    struct format_text text = {to, size, 0};
    if (e->text) {
        e->text(&text, v->proc.pid ? process_find(v->proc.pid) : NULL, v->proc.number);
        return (i64)(text.length < size ? text.length : size);
    }
    struct dentry *target;
    i64 error = proc_follow(link, &target);
    if (error)
        return error;
    char *path = pod_alloc(LINUX_PATH_MAX), *start;
    i64 length = path ? -ENAMETOOLONG : -ENOMEM;
    if (path && !target->linked && target != dentry_root && target->parent == dentry_root &&
        !target->hash && memchr(target->name, '[', target->length)) {
        length = target->length; // pipe:[n]
        memcpy(path, target->name, target->length);
        start = path;
    } else if (path) {
        length = dentry_path(target, self()->fs->root, path, LINUX_PATH_MAX, &start, true);
        length = length < 0 ? -ENAMETOOLONG : length - 1;
    }
    if (length > 0) {
        length = (u64)length < size ? length : (i64)size;
        memcpy(to, start, (u64)length);
    }
    pod_free(path);
    dentry_put(target);
    return length;
}

static const struct file_ops no_file = {.stream = true};
static const struct vnode_ops proc_link_ops = {
    .file = &no_file, .follow = proc_follow, .readlink = proc_readlink};

// --- texts -----------------------------------------------------------------------------------

struct proc_snapshot {
    u64 length;
    char text[];
};

#define TEXT_FIRST 2000u
#define TEXT_MAX   (1u << 20)

// Makes the text in a buffer that is large enough.
static i64 take_snapshot(struct file *f) {
    const struct vnode *v = f->vnode;
    struct process *p = v->proc.pid ? process_find(v->proc.pid) : NULL;
    if (v->proc.pid && !p)
        return -ESRCH;
    for (u64 size = TEXT_FIRST; size <= TEXT_MAX; size *= 4) {
        struct proc_snapshot *s = pod_alloc(sizeof(*s) + size);
        if (!s)
            return -ENOMEM;
        struct format_text text = {s->text, size, 0};
        v->proc.entry->text(&text, p, v->proc.number);
        if (text.length < size) {
            s->length = text.length;
            pod_free(f->object);
            f->object = s;
            return 0;
        }
        pod_free(s);
    }
    return -EFBIG;
}

static i64 text_read(struct file *f, u64 to, u64 bytes, u64 *position) {
    if (*position == 0 || !f->object) {
        i64 error = take_snapshot(f);
        if (error)
            return error;
    }
    const struct proc_snapshot *s = f->object;
    if (*position >= s->length)
        return 0;
    if (bytes > s->length - *position)
        bytes = s->length - *position;
    u64 done = data_put(to, s->text + *position, bytes);
    *position += done;
    return done || !bytes ? (i64)done : -EFAULT;
}

static i64 text_write(struct file *f, u64 from, u64 bytes, u64 *position) {
    (void)f, (void)from, (void)bytes, (void)position;
    return -EINVAL;
}

static void text_release(struct file *f) {
    pod_free(f->object);
}

static const struct file_ops text_file = {
    .read = text_read, .write = text_write, .release = text_release};
static const struct vnode_ops proc_text_ops = {.file = &text_file};
