// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Memory file contents, see memfile.h.

#include "libos/exos/fs/memfile.h"

#include "abi/tables.h"
#include "base/string.h"
#include "libos/exos/fs/breathe.h"
#include "libos/exos/fs/data.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/pod.h"
#include "libos/exos/vm.h"

enum { WAY_BITS = 6, WAYS = 1 << WAY_BITS };

struct node {
    void *way[WAYS];
};

#define PAGE                  ABI_PAGE
#define PAGE_INDEX(position)  ((position) >> ABI_PAGE_SHIFT)
#define PAGE_OFFSET(position) ((position) & (PAGE - 1))

u64 memfile_pages, memfile_pages_max = ~0ul;

static const u8 zero_page[PAGE] __attribute__((aligned(4096)));

u64 data_put_zeros(u64 to, u64 bytes) {
    u64 done = 0;
    while (done < bytes) {
        u64 part = bytes - done < PAGE ? bytes - done : PAGE;
        u64 copied = data_put(to + done, zero_page, part);
        done += copied;
        if (copied < part)
            break;
    }
    return done;
}

// --- page trees ------------------------------------------------------------------------------

static void *tree_find(const struct page_tree *tree, u64 index) {
    u32 levels = tree->levels;
    void *at = tree->root;
    if (index >> (levels * WAY_BITS))
        return NULL;
    while (levels-- && at)
        at = ((struct node *)at)->way[index >> (levels * WAY_BITS) & (WAYS - 1)];
    return at;
}

// How many indices from index on have no page, at least; 0: it has one.
static u64 tree_gap(const struct page_tree *tree, u64 index) {
    u32 level = tree->levels;
    void *at = tree->root;
    if (index >> (level * WAY_BITS))
        return ~0ul;
    while (level && at)
        at = ((struct node *)at)->way[index >> (--level * WAY_BITS) & (WAYS - 1)];
    u64 span = 1ul << (level * WAY_BITS);
    return at ? 0 : span - (index & (span - 1));
}

// Puts a page at an index that has none. On failure (no memory) the tree is unchanged in meaning.
static bool tree_insert(struct page_tree *tree, u64 index, void *page) {
    while (index >> (tree->levels * WAY_BITS)) {
        if (tree->root) {
            struct node *node = pod_alloc(sizeof(*node));
            if (!node)
                return false;
            node->way[0] = tree->root;
            tree->root = node;
        }
        tree->levels++;
    }
    void **slot = &tree->root;
    for (u32 level = tree->levels; level--;) {
        if (!*slot && !(*slot = pod_alloc(sizeof(struct node))))
            return false;
        slot = &((struct node *)*slot)->way[index >> (level * WAY_BITS) & (WAYS - 1)];
    }
    *slot = page;
    tree->pages++;
    return true;
}

struct tree_cut {
    struct page_tree *tree;
    u64 first, last; // indices to remove, inclusive
    void (*drop)(struct vnode *v, void *page);
    struct vnode *vnode;
};

// Removes what the cut covers below *slot, which holds indices base ..; returns whether nothing is
// left there.
static bool cut_below(struct tree_cut *cut, void **slot, u32 level, u64 base) {
    if (!*slot)
        return true;
    u64 span = 1ul << (level * WAY_BITS);
    if (base > cut->last || base + span - 1 < cut->first)
        return false;
    if (level == 0) {
        cut->drop(cut->vnode, *slot);
        cut->tree->pages--;
        *slot = NULL;
        return true;
    }
    struct node *node = *slot;
    bool empty = true;
    for (u64 i = 0; i < WAYS; i++)
        empty &= cut_below(cut, &node->way[i], level - 1, base + i * (span / WAYS));
    if (empty) {
        pod_free(node);
        *slot = NULL;
    }
    return empty;
}

static void tree_cut(struct vnode *v, struct page_tree *tree, u64 first, u64 last,
                     void (*drop)(struct vnode *v, void *page)) {
    struct tree_cut cut = {tree, first, last, drop, v};
    if (first <= last && cut_below(&cut, &tree->root, tree->levels, 0))
        tree->levels = 0;
}

static void page_drop(void *page) {
    memfile_pages--;
    pod_page_free(page);
}

static void drop_page(struct vnode *v, void *page) {
    (void)v;
    page_drop(page);
}

// A mapped page must outlive its place in the file. If even the bookkeeping finds no memory, the
// page is lost to the pod.
static void hold_page(struct vnode *v, void *page) {
    u64 index = v->reg.held.pages;
    (void)tree_insert(&v->reg.held, index, page);
}

static void cut_pages(struct vnode *v, u64 first, u64 last) {
    if (v->reg.tree.root)
        tree_cut(v, &v->reg.tree, first, last, v->map_refs ? hold_page : drop_page);
}

// --- pages of a file -------------------------------------------------------------------------

// Archive bytes of a page: how many, and where.
static u64 rom_part(const struct vnode *v, u64 index, const u8 **at) {
    u64 start = index << ABI_PAGE_SHIFT;
    if (start >= v->reg.rom_size)
        return 0;
    *at = v->reg.rom + start;
    u64 bytes = v->reg.rom_size - start;
    return bytes < PAGE ? bytes : PAGE;
}

// The page at index, made if there is none.
static u8 *page_make(struct vnode *v, u64 index) {
    u8 *page = tree_find(&v->reg.tree, index);
    if (page)
        return page;
    page = memfile_pages < memfile_pages_max ? pod_page_alloc() : NULL;
    if (!page)
        return NULL;
    memfile_pages++;
    const u8 *rom;
    u64 bytes = rom_part(v, index, &rom);
    if (bytes)
        memcpy(page, rom, bytes);
    if (!tree_insert(&v->reg.tree, index, page)) {
        page_drop(page);
        return NULL;
    }
    return page;
}

i64 memfile_read_at(struct vnode *v, u64 position, u64 to, u64 bytes) {
    if (position >= v->size)
        return 0;
    if (bytes > v->size - position)
        bytes = v->size - position;
    u64 done = 0;
    while (done < bytes) {
        u64 at = position + done, offset = PAGE_OFFSET(at), part = PAGE - offset;
        if (part > bytes - done)
            part = bytes - done;
        const u8 *page = tree_find(&v->reg.tree, PAGE_INDEX(at));
        const u8 *from = page ? page + offset : zero_page;
        if (!page && at < v->reg.rom_size) {
            u64 rom = v->reg.rom_size - at;
            part = part < rom ? part : rom;
            from = v->reg.rom + at;
        }
        u64 copied = data_put(to + done, from, part);
        done += copied;
        if (copied < part)
            return done ? (i64)done : -EFAULT;
    }
    return (i64)done;
}

i64 memfile_write_at(struct vnode *v, u64 position, u64 from, u64 bytes) {
    u64 done = 0;
    i64 error = -ENOSPC;
    while (done < bytes) {
        u64 at = position + done, offset = PAGE_OFFSET(at), part = PAGE - offset;
        if (part > bytes - done)
            part = bytes - done;
        u8 *page = page_make(v, PAGE_INDEX(at));
        if (!page)
            break;
        u64 copied = data_get(page + offset, from + done, part);
        done += copied;
        if (position + done > v->size)
            v->size = position + done;
        if (copied < part) {
            // What a fault left behind beyond the end must be zero again.
            if (at + part > v->size)
                memset(page + (v->size > at ? PAGE_OFFSET(v->size) : offset), 0,
                       v->size > at ? at + part - v->size : part);
            error = -EFAULT;
            break;
        }
    }
    return done || !bytes ? (i64)done : error;
}

i64 memfile_truncate(struct vnode *v, u64 size) {
    if (size > MEMFILE_MAX)
        return -EFBIG;
    if (size < v->size) {
        u64 keep = (size + PAGE - 1) >> ABI_PAGE_SHIFT;
        if (v->map_refs)
            vm_vnode_truncated(v, keep);
        cut_pages(v, keep, ~0ul >> ABI_PAGE_SHIFT);
        u8 *page = PAGE_OFFSET(size) ? tree_find(&v->reg.tree, PAGE_INDEX(size)) : NULL;
        if (page)
            memset(page + PAGE_OFFSET(size), 0, PAGE - PAGE_OFFSET(size));
        if (v->reg.rom_size > size)
            v->reg.rom_size = size;
    }
    v->size = size;
    return 0;
}

i64 memfile_reserve(struct vnode *v, u64 from, u64 to) {
    for (u64 index = PAGE_INDEX(from); index << ABI_PAGE_SHIFT < to; index++)
        if (!page_make(v, index))
            return -ENOSPC;
    return 0;
}

i64 memfile_punch(struct vnode *v, u64 from, u64 to) {
    if (to > v->size)
        to = v->size;
    // Whatever comes from the archive must have pages first, or it would shine through the hole.
    u64 rom_end = to < v->reg.rom_size ? v->reg.rom_size : 0;
    if (from < v->reg.rom_size) {
        i64 error = memfile_reserve(v, rom_end ? to : from, rom_end ? rom_end : from);
        if (!error && PAGE_OFFSET(from))
            error = memfile_reserve(v, from, from + 1);
        if (error)
            return error;
        v->reg.rom_size = from;
    }
    u64 first = (from + PAGE - 1) >> ABI_PAGE_SHIFT, end = to >> ABI_PAGE_SHIFT;
    for (u64 at = from; at < to;) {
        u64 part = PAGE - PAGE_OFFSET(at);
        part = part < to - at ? part : to - at;
        u8 *page = part == PAGE ? NULL : tree_find(&v->reg.tree, PAGE_INDEX(at));
        if (page)
            memset(page + PAGE_OFFSET(at), 0, part);
        at = part == PAGE ? (to & ~(PAGE - 1)) : at + part;
    }
    if (end > first) {
        if (v->map_refs)
            vm_vnode_truncated(v, first);
        cut_pages(v, first, end - 1);
    }
    return 0;
}

i64 memfile_seek(const struct vnode *v, u64 position, bool hole) {
    if (position >= v->size)
        return -ENXIO;
    for (u64 index = PAGE_INDEX(position); index << ABI_PAGE_SHIFT < v->size; index++) {
        u64 start = index << ABI_PAGE_SHIFT;
        bool data = start < v->reg.rom_size || tree_find(&v->reg.tree, index);
        if (data != hole)
            return (i64)(start > position ? start : position);
        // Where there is no tree any more, there is only hole.
        if (!data && index >> (v->reg.tree.levels * WAY_BITS))
            break;
    }
    return hole ? (i64)v->size : -ENXIO;
}

void memfile_free(struct vnode *v) {
    tree_cut(v, &v->reg.tree, 0, ~0ul >> ABI_PAGE_SHIFT, drop_page);
    tree_cut(v, &v->reg.held, 0, ~0ul >> ABI_PAGE_SHIFT, drop_page);
}

u64 memfile_blocks(const struct vnode *v) {
    u64 rom = v->reg.rom_size ? (v->reg.rom_size + PAGE - 1) >> ABI_PAGE_SHIFT : 0;
    u64 pages = v->reg.tree.pages > rom ? v->reg.tree.pages : rom;
    return pages * (PAGE / 512);
}

// --- mappings --------------------------------------------------------------------------------

// A page of the archive that can be mapped as it is: on a page of its own, wholly inside the file.
static const u8 *rom_whole_page(const struct vnode *v, u64 index) {
    const u8 *at = NULL;
    u64 bytes = rom_part(v, index, &at);
    bool mappable = (u64)at >= POD_MODULE && (u64)at < POD_MODULE_END && !((u64)at & (PAGE - 1));
    return bytes == PAGE && mappable ? at : NULL;
}

static i64 get_page(struct vnode *v, u64 index, int write, const u8 **page) {
    if (!vnode_is_reg(v) || index >= (v->size + PAGE - 1) >> ABI_PAGE_SHIFT)
        return -EFAULT;
    *page = tree_find(&v->reg.tree, index);
    if (!*page && !write)
        *page = rom_whole_page(v, index);
    if (!*page)
        *page = page_make(v, index);
    return *page ? 0 : -ENOMEM;
}

// How many pages of the archive, up to count, follow each other from index on: whole ones that no
// page of the tree stands in for.
static u64 rom_run(const struct vnode *v, u64 index, u64 count) {
    u64 whole = v->reg.rom_size >> ABI_PAGE_SHIFT, run = 0, gap;
    count = count < whole - index ? count : whole - index;
    while (run < count && (gap = tree_gap(&v->reg.tree, index + run)))
        run += gap < count - run ? gap : count - run;
    return run;
}

i64 vnode_get_pages(struct vnode *v, u64 first, u64 count, int write, pfn_t *pfn) {
    const u8 *page;
    i64 error = get_page(v, first, write, &page);
    if (error)
        return error;
    if ((u64)page >= POD_MODULE && (u64)page < POD_MODULE_END) {
        *pfn = ABI_INFO->module_first + (((u64)page - POD_MODULE) >> ABI_PAGE_SHIFT);
        return (i64)rom_run(v, first, count);
    }
    *pfn = pod_page_frame(page);
    u64 run = 1;
    while (run < count && (page = tree_find(&v->reg.tree, first + run)) &&
           pod_page_frame(page) == *pfn + run)
        run++;
    return (i64)run;
}

void vnode_map_get(struct vnode *v) {
    v->map_refs++;
    vnode_get(v);
}

void vnode_map_put(struct vnode *v) {
    if (--v->map_refs == 0)
        tree_cut(v, &v->reg.held, 0, ~0ul >> ABI_PAGE_SHIFT, drop_page);
    vnode_put(v);
}

// --- files -----------------------------------------------------------------------------------

// More than fits between two breaths.
static i64 read_long(struct vnode *v, u64 to, u64 bytes, u64 *position) {
    u64 total = 0;
    while (total < bytes) {
        u64 part = bytes - total < BREATH_BYTES ? bytes - total : BREATH_BYTES;
        i64 done = memfile_read_at(v, *position, to + total, part);
        if (done < 0)
            return total ? (i64)total : done;
        *position += (u64)done;
        total += (u64)done;
        if (done != (i64)part || fs_breathe())
            break;
    }
    return (i64)total;
}

static i64 memfile_read(struct file *file, u64 to, u64 bytes, u64 *position) {
    struct vnode *v = file->vnode;
    if (!(file->flags & LINUX_O_NOATIME))
        vnode_accessed(v);
    if (bytes > BREATH_BYTES)
        return read_long(v, to, bytes, position);
    i64 done = memfile_read_at(v, *position, to, bytes);
    if (done > 0)
        *position += (u64)done;
    return done;
}

// How much of a write at position the file size limit allows: bytes, or -EFBIG.
static i64 size_limit(u64 position, u64 bytes) {
    u64 limit = self()->limits[RLIMIT_FSIZE].soft;
    if (position >= limit && bytes) {
        signal_send(self(), SIGXFSZ);
        return -EFBIG;
    }
    if (position >= MEMFILE_MAX)
        return -EFBIG;
    limit = limit < MEMFILE_MAX ? limit : MEMFILE_MAX;
    return (i64)(bytes < limit - position ? bytes : limit - position);
}

static i64 memfile_write(struct file *file, u64 from, u64 bytes, u64 *position) {
    struct vnode *v = file->vnode;
    if (file->flags & LINUX_O_APPEND)
        *position = v->size;
    i64 allowed = size_limit(*position, bytes);
    if (allowed < 0 || !bytes)
        return allowed;
    u64 done = 0;
    i64 now;
    for (;;) {
        // What is appended stays in one piece.
        u64 part = (u64)allowed - done;
        if (part > BREATH_BYTES && !(file->flags & LINUX_O_APPEND))
            part = BREATH_BYTES;
        now = memfile_write_at(v, *position, from + done, part);
        if (now > 0) {
            *position += (u64)now;
            done += (u64)now;
        }
        if (now != (i64)part || done == (u64)allowed || fs_breathe())
            break;
    }
    if (done) {
        vnode_touch(v, VNODE_MTIME | VNODE_CTIME);
        if ((v->mode & (LINUX_S_ISUID | LINUX_S_ISGID)) && self()->fsuid != 0)
            v->mode &= ~(v->mode & 010 ? LINUX_S_ISUID | LINUX_S_ISGID : LINUX_S_ISUID);
    }
    return done ? (i64)done : now;
}

const struct file_ops memfile_ops = {.read = memfile_read, .write = memfile_write};
