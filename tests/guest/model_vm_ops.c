// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The random calls of the model of mappings, and what each must return. See model_vm.h.

#include "base/string.h"
#include "libos/rt/frames.h"
#include "tests/guest/model_vm.h"

#define MAY  (ABI_PTE_MAY_W | ABI_PTE_MAY_X)
#define USED (ABI_PTE_A | ABI_PTE_D)

static u64 pick(struct vm *vm, u64 below) {
    return model_random(&vm->base, below);
}

static struct vm_space *some_space(struct vm *vm) {
    struct vm_space *space = &vm->space[pick(vm, VM_SPACES)];
    return space->id ? space : &vm->space[0];
}

static struct vm_place some_window(struct vm *vm) {
    return (struct vm_place){(u32)pick(vm, VM_SLOTS), (u32)pick(vm, VM_WINDOWS), 0};
}

// A place and a number of pages, all of them in one window or in two that are next to each other:
// mostly a few where others are, often just a window or both.
static struct vm_place some_range(struct vm *vm, u64 *count) {
    struct vm_place at = some_window(vm);
    u64 how = pick(vm, 8);
    if (how < 3) {
        *count = how == 2 && at.window == 0 ? 2 * VM_COUNT : VM_COUNT;
        return at;
    }
    if (how < 6)
        at = vm->recent[pick(vm, VM_RECENT)];
    else
        at.page = (u32)(pick(vm, 3)   ? pick(vm, 8)
                        : pick(vm, 2) ? 504 + pick(vm, 8)
                                      : pick(vm, 512));
    u64 most = (at.window == 0 ? 2 : 1) * VM_COUNT - at.page;
    *count = 1 + (pick(vm, 2) ? pick(vm, 12) : pick(vm, 512));
    *count = *count < most ? *count : most;
    return at;
}

// The place some pages further.
static struct vm_place further(struct vm_place at, u64 pages) {
    pages += at.page;
    return (struct vm_place){at.slot, at.window + (u32)(pages / VM_COUNT), pages % VM_COUNT};
}

// The entry for one page, or null.
static u64 *entry_of(const struct vm_space *space, struct vm_place at) {
    struct vm_window *window = vm_window_of(space, at);
    return window && window->kind == VM_TABLE ? &window->entry[at.page] : 0;
}

static u64 *large_of(const struct vm_space *space, struct vm_place at) {
    struct vm_window *window = vm_window_of(space, at);
    return window && window->kind == VM_LARGE ? &window->large : 0;
}

static void note_high(struct vm_window *window, u32 page) {
    window->high = window->high > page + 1 ? window->high : page + 1;
}

// A large mapping of which a call means only a part.
static int is_part(struct vm_place at, u64 left) {
    return at.page || left < VM_COUNT;
}

static void frames_map(struct vm *vm, pfn_t first, u64 count) {
    for (u64 i = 0; i < count; i++)
        vm_frame_of(vm, first + i)->maps++;
}

static u64 some_flags(struct vm *vm) {
    static const u64 flags[] = {
        ABI_PTE_W, ABI_PTE_W | ABI_PTE_NX, ABI_PTE_NX,
        0,         ABI_PTE_W | ABI_PTE_S0, ABI_PTE_W | ABI_PTE_S3 | ABI_PTE_NX};
    return flags[pick(vm, sizeof flags / sizeof *flags)];
}

// --- map -----------------------------------------------------------------------------------------

// The first of count frames, which all are there.
static pfn_t some_frames(struct vm *vm, struct vm_place at, u64 *count) {
    const struct vm_frame *block = vm->block[pick(vm, VM_BLOCKS)];
    const struct vm_frame *single = &vm->single[pick(vm, VM_SINGLES)];
    if (single->pfn && pick(vm, 3) == 0) {
        *count = 1;
        return single->pfn;
    }
    u64 from = pick(vm, 2) ? at.page : pick(vm, VM_COUNT);
    if (!block->pfn)
        return 0;
    *count = *count < VM_COUNT - from ? *count : VM_COUNT - from;
    return block->pfn + from;
}

static i64 map_pages(struct vm *vm, struct vm_space *space, struct vm_place at, pfn_t first,
                     u64 count, u64 bits, int replace) {
    pfn_t dropped[32];
    u32 drops = 0;
    i64 result = replace && count > 32 ? 32 : (i64)count;
    for (i64 i = 0, end = result; i < end; i++) {
        struct vm_place here = further(at, (u64)i);
        i64 error = vm_table_make(vm, space, here, 1);
        struct vm_window *window = vm_window_of(space, here);
        if (!error)
            note_high(window, here.page);
        if (!error && window->entry[here.page] && !replace)
            error = -E_EXIST;
        if (error) {
            result = error;
            break;
        }
        u64 *entry = &window->entry[here.page];
        if (*entry)
            dropped[drops++] = ABI_PTE_FRAME(*entry);
        *entry = (first + (u64)i) << ABI_PAGE_SHIFT | bits;
        frames_map(vm, first + (u64)i, 1);
    }
    for (u32 i = 0; i < drops; i++)
        vm_frame_unmapped(vm, dropped[i]);
    return result;
}

static void op_map(struct vm *vm) {
    struct vm_space *space = some_space(vm);
    u64 count, flags = some_flags(vm), bits = flags | ABI_PTE_P | ABI_PTE_U;
    struct vm_place at = some_range(vm, &count);
    pfn_t first = some_frames(vm, at, &count);
    int replace = pick(vm, 3) == 0, weak = first && count > 1 && pick(vm, 8) == 0;
    if (!first)
        return;
    i64 got = sys_space_map(CAP_PAIR(vm->base.cap, weak ? vm->weak : vm->base.cap), space->id,
                            vm_va(at), first, count, flags | (replace ? SPACE_MAP_REPLACE : 0));
    i64 want = weak && (flags & ABI_PTE_W || !(flags & ABI_PTE_NX)) ? -E_RIGHTS : 0;
    if (!want)
        want = map_pages(vm, space, at, first, count, bits | (weak ? 0 : MAY), replace);
    model_expect(&vm->base, "space_map", space->id, vm_va(at), count, got, want, want);
}

static void op_map_large(struct vm *vm) {
    struct vm_space *space = some_space(vm);
    struct vm_place at = some_window(vm);
    pfn_t first = vm->block[pick(vm, VM_BLOCKS)][0].pfn;
    u64 flags = some_flags(vm);
    if (!first)
        return;
    i64 got = sys_space_map(CAP_PAIR(vm->base.cap, vm->base.cap), space->id, vm_va(at), first,
                            VM_COUNT, flags | SPACE_MAP_LARGE);
    i64 want = vm_table_make(vm, space, at, 0);
    struct vm_window *window = vm_window_of(space, at);
    if (!want && window->kind != VM_NONE)
        want = -E_EXIST;
    if (!want) {
        window->kind = VM_LARGE;
        window->large = first << ABI_PAGE_SHIFT | flags | ABI_PTE_P | ABI_PTE_U | ABI_PTE_PS | MAY;
        frames_map(vm, first, VM_COUNT);
        want = VM_COUNT;
    }
    model_expect(&vm->base, "space_map large", space->id, vm_va(at), first, got, want, want);
}

// --- unmap ---------------------------------------------------------------------------------------

// One window's pages from at.page up to end. A table that is empty then goes, if the call is about
// all up to its end and looks into it at all.
static void unmap_window(struct vm *vm, struct vm_space *space, struct vm_place at, u32 end) {
    struct vm_window *window = vm_window_of(space, at);
    u32 left = 0;
    if (!window || window->kind == VM_NONE)
        return;
    if (window->kind == VM_LARGE) {
        vm_window_clear(vm, window);
        return;
    }
    for (u32 i = at.page; i < end; i++) {
        if (window->entry[i])
            vm_frame_unmapped(vm, ABI_PTE_FRAME(window->entry[i]));
        window->entry[i] = 0;
    }
    for (u32 i = 0; i < VM_COUNT; i++)
        left += window->entry[i] != 0;
    if (!left && end == VM_COUNT && at.page < window->high)
        vm_window_clear(vm, window);
}

static int giga_is_empty(const struct vm_tree *tree, u32 giga) {
    for (u32 w = 2 * giga; w < 2 * giga + 2 && w < VM_WINDOWS; w++)
        if (tree->window[w].kind != VM_NONE)
            return 0;
    return 1;
}

// What is done of a range; it may go on, with nothing in it, to the end of the GiB (1) or of the
// slot (2).
static i64 unmap_pages(struct vm *vm, struct vm_space *space, struct vm_place at, u64 count,
                       u64 to_end) {
    struct vm_place here = at;
    for (u64 done = 0; done < count; here = further(at, done)) {
        u64 left = count - done, part = VM_COUNT - here.page;
        if (large_of(space, here) && is_part(here, left))
            return -E_INVAL;
        part = part < left ? part : left;
        unmap_window(vm, space, here, here.page + (u32)part);
        done += part;
    }
    struct vm_tree *tree = space->tree[at.slot];
    u32 directories = 0;
    for (u32 g = at.window / 2; tree && g < VM_GIGAS && (to_end == 2 || g == at.window / 2); g++) {
        if (to_end && tree->directory[g] && giga_is_empty(tree, g)) {
            tree->directory[g] = 0;
            vm->frames--;
        }
    }
    for (u32 g = 0; tree && g < VM_GIGAS; g++)
        directories += tree->directory[g];
    if (tree && to_end == 2 && !directories && !tree->shared)
        vm_tree_drop(vm, space, at.slot);
    return 0;
}

static void op_unmap(struct vm *vm) {
    struct vm_space *space = some_space(vm);
    u64 count, to_end = pick(vm, 6) == 0 ? 1 + pick(vm, 2) : 0, done = 0, pages;
    struct vm_place at = some_range(vm, &count);
    i64 got = 0;
    if (to_end) { // all windows of the GiB; of the slot
        at.page = 0;
        at.window &= ~1u;
        at.window = to_end == 2 ? 0 : at.window;
    }
    pages = to_end == 2 ? 1ul << 27 : to_end ? 1ul << 18 : count;
    for (; done < pages; done += (u64)got) {
        got = sys_space_unmap(vm->base.cap, space->id, vm_va(at) + done * ABI_PAGE, pages - done);
        if (got <= 0 || done + (u64)got > pages)
            break;
    }
    i64 want = 0;
    if (!to_end)
        want = unmap_pages(vm, space, at, count, 0);
    for (u32 w = at.window; to_end && w < VM_WINDOWS && (to_end == 2 || w / 2 == at.window / 2);
         w++)
        unmap_window(vm, space, (struct vm_place){at.slot, w, 0}, VM_COUNT);
    if (to_end)
        unmap_pages(vm, space, at, 0, to_end);
    model_expect(&vm->base, "space_unmap", space->id, vm_va(at), pages, got > 0 ? 0 : got, want,
                 want);
}

static void op_unmap_if(struct vm *vm) {
    static const u64 masks[] = {ABI_PTE_S0, ABI_PTE_W | ABI_PTE_S3, ABI_PTE_D, ABI_PTE_A, 0};
    struct vm_space *space = some_space(vm);
    u64 count, mask = masks[pick(vm, 5)], value = pick(vm, 2) ? mask : 0, done = 0;
    struct vm_place at = some_range(vm, &count);
    i64 got = 0;
    if (!mask && pick(vm, 4))
        return; // all of them: not too often
    for (; done < count; done += (u64)got) {
        got = sys_space_unmap_if(vm->base.cap, space->id, vm_va(at) + done * ABI_PAGE, count - done,
                                 mask, value);
        if (got <= 0)
            break;
    }
    model_expect(&vm->base, "space_unmap_if", space->id, vm_va(at), count, got > 0 ? 0 : got, 0, 0);
    for (u64 i = 0; i < count; i++) {
        u64 *entry = entry_of(space, further(at, i));
        if (entry && *entry && (*entry & mask) == value) {
            u64 old = *entry;
            *entry = 0;
            vm_frame_unmapped(vm, ABI_PTE_FRAME(old));
        }
    }
}

// --- protect -------------------------------------------------------------------------------------

static int change(u64 *entry, u64 clear, u64 set) {
    if ((set & ABI_PTE_W && !(*entry & ABI_PTE_MAY_W)) ||
        (clear & ~set & ABI_PTE_NX && !(*entry & ABI_PTE_MAY_X)))
        return 0;
    *entry = (*entry & ~clear) | set;
    return 1;
}

static i64 protect_pages(struct vm_space *space, struct vm_place at, u64 count, u64 clear,
                         u64 set) {
    for (u64 done = 0; done < count;) {
        struct vm_place here = further(at, done);
        u64 *entry = entry_of(space, here), *large = large_of(space, here);
        if (large && is_part(here, count - done))
            return done ? (i64)done : -E_INVAL;
        if ((large && !change(large, clear, set)) ||
            (entry && *entry && !change(entry, clear, set)))
            return -E_RIGHTS;
        done += large ? VM_COUNT : 1;
    }
    return (i64)count;
}

static void op_protect(struct vm *vm) {
    static const u64 bits[] = {ABI_PTE_W,  ABI_PTE_NX,     ABI_PTE_S0,
                               ABI_PTE_S3, ABI_PTE_U,      ABI_PTE_W | ABI_PTE_A,
                               ABI_PTE_D,  ABI_PTE_PKEY(3)};
    struct vm_space *space = some_space(vm);
    u64 count, some = bits[pick(vm, 8)], clear = pick(vm, 2) ? some : 0, set = clear ? 0 : some;
    struct vm_place at = some_range(vm, &count);
    i64 got = sys_space_protect(vm->base.cap, space->id, vm_va(at), count, clear, set);
    i64 want = protect_pages(space, at, count, clear, set);
    model_expect(&vm->base, "space_protect", clear, vm_va(at), count, got, want, want);
}

// --- copy ----------------------------------------------------------------------------------------

struct copying {
    struct vm_space *to;
    u64 share, mark, unused;
};

// An entry of the source that is copied: what it is then.
static u64 copy_entry(const struct copying *copying, u64 *source) {
    if ((*source & (ABI_PTE_W | copying->share)) == ABI_PTE_W)
        *source = (*source & ~ABI_PTE_W) | copying->mark;
    return *source & ~ABI_PTE_A;
}

static int is_left_out(const struct copying *copying, u64 entry) {
    return entry & copying->unused && !(entry & ABI_PTE_A);
}

static i64 copy_run(struct vm *vm, const struct copying *copying, struct vm_place at, u32 end) {
    struct vm_window *from = vm_window_of(&vm->space[0], at);
    u32 i = at.page, last;
    while (i < end && !from->entry[i])
        i++;
    if (i == end)
        return 0;
    last = i;
    i64 error = vm_table_make(vm, copying->to, at, 1);
    struct vm_window *to = vm_window_of(copying->to, at);
    for (; !error && i < end; i++) {
        if (!from->entry[i] || is_left_out(copying, from->entry[i]))
            continue;
        last = i;
        if (to->entry[i])
            continue;
        to->entry[i] = copy_entry(copying, &from->entry[i]);
        frames_map(vm, ABI_PTE_FRAME(to->entry[i]), 1);
    }
    if (!error) {
        note_high(to, at.page);
        note_high(to, last);
    }
    return error;
}

static i64 copy_large(struct vm *vm, const struct copying *copying, u64 *large,
                      struct vm_place at) {
    i64 error = vm_table_make(vm, copying->to, at, 0);
    struct vm_window *to = error ? 0 : vm_window_of(copying->to, at);
    if (error || to->kind != VM_NONE)
        return error ? error : to->kind == VM_LARGE ? 0 : -E_EXIST;
    to->large = copy_entry(copying, large);
    to->kind = VM_LARGE;
    frames_map(vm, ABI_PTE_FRAME(to->large), VM_COUNT);
    return 0;
}

static i64 copy_pages(struct vm *vm, const struct copying *copying, struct vm_place at, u64 count) {
    for (u64 done = 0; done < count;) {
        struct vm_place here = further(at, done);
        u64 left = count - done, part = VM_COUNT - here.page;
        u64 *large = large_of(&vm->space[0], here);
        i64 error = 0;
        part = part < left ? part : left;
        if (large && is_part(here, left))
            error = -E_INVAL;
        else if (large && !is_left_out(copying, *large))
            error = copy_large(vm, copying, large, here);
        else if (entry_of(&vm->space[0], here))
            error = copy_run(vm, copying, here, here.page + (u32)part);
        if (error)
            return error;
        done += part;
    }
    return (i64)count;
}

static void op_copy(struct vm *vm) {
    struct copying copying = {some_space(vm), 0, 0, 0};
    u64 count;
    struct vm_place at = some_range(vm, &count);
    copying.share = pick(vm, 2) ? ABI_PTE_S3 : 0;
    copying.mark = pick(vm, 3) ? ABI_PTE_S0 : 0;
    copying.unused = pick(vm, 4) ? 0 : ABI_PTE_S0;
    i64 got = sys_space_copy(vm->base.cap, copying.to->id, vm_va(at), count,
                             copying.share | SPACE_COPY_UNUSED(copying.unused), copying.mark);
    i64 want = copying.to == &vm->space[0] ? -E_INVAL : copy_pages(vm, &copying, at, count);
    model_expect(&vm->base, "space_copy", copying.to->id, vm_va(at), count, got, want, want);
}

// --- move, join, split ---------------------------------------------------------------------------

static i64 move_large(struct vm *vm, struct vm_space *space, struct vm_place from,
                      struct vm_place to) {
    if (to.page)
        return -E_ALIGN;
    i64 error = vm_table_make(vm, space, to, 0);
    struct vm_window *target = vm_window_of(space, to), *source = vm_window_of(space, from);
    if (error || target->kind != VM_NONE)
        return error ? error : -E_EXIST;
    target->kind = VM_LARGE;
    target->large = source->large;
    source->kind = VM_NONE;
    return 0;
}

static i64 move_one(struct vm *vm, struct vm_space *space, u64 *source, struct vm_place to) {
    i64 error = vm_table_make(vm, space, to, 1);
    if (error)
        return error;
    note_high(vm_window_of(space, to), to.page);
    u64 *target = entry_of(space, to);
    if (*target)
        return -E_EXIST;
    *target = *source;
    *source = 0;
    return 0;
}

// At most 256 steps a call, of which a large mapping takes half.
static i64 move_pages(struct vm *vm, struct vm_space *space, struct vm_place from,
                      struct vm_place to, u64 count) {
    u64 done = 0;
    for (u32 work = 0; done < count && work < 256; work++) {
        struct vm_place here = further(from, done);
        u64 *entry = entry_of(space, here), left = count - done, part = VM_COUNT - here.page;
        i64 error = 0;
        if (entry) {
            error = *entry ? move_one(vm, space, entry, further(to, done)) : 0;
            part = 1;
        } else if (large_of(space, here)) {
            error = is_part(here, left) ? -E_INVAL : move_large(vm, space, here, further(to, done));
            work += 128;
        }
        if (error)
            return error;
        done += part < left ? part : left;
    }
    return (i64)done;
}

static void op_move(struct vm *vm) {
    struct vm_space *space = some_space(vm);
    u64 count, other;
    struct vm_place from = some_range(vm, &count), to = some_range(vm, &other);
    if (pick(vm, 2))
        to.page = from.page;
    u64 most = (to.window == 0 ? 2 : 1) * VM_COUNT - to.page;
    count = count < most ? count : most;
    u64 a = vm_va(from), b = vm_va(to), bytes = count * ABI_PAGE;
    i64 got = sys_space_move(vm->base.cap, space->id, a, b, count);
    i64 want = a < b + bytes && b < a + bytes ? -E_INVAL : move_pages(vm, space, from, to, count);
    model_expect(&vm->base, "space_move", a, b, count, got, want, want);
}

// 512 pages of a block, alike, so that they can be joined.
static void op_fill(struct vm *vm) {
    struct vm_space *space = some_space(vm);
    struct vm_place at = some_window(vm);
    const struct vm_window *window = vm_window_of(space, at);
    pfn_t first = vm->block[pick(vm, VM_BLOCKS)][0].pfn;
    u64 flags = some_flags(vm);
    for (u32 i = 0; window && window->kind == VM_TABLE && i < VM_COUNT; i++)
        if (window->entry[i])
            return;
    if (!first)
        return;
    i64 got = sys_space_map(CAP_PAIR(vm->base.cap, vm->base.cap), space->id, vm_va(at), first,
                            VM_COUNT, flags);
    i64 want = map_pages(vm, space, at, first, VM_COUNT, flags | ABI_PTE_P | ABI_PTE_U | MAY, 0);
    model_expect(&vm->base, "space_map all", space->id, vm_va(at), first, got, want, want);
}

static void op_join(struct vm *vm) {
    struct vm_space *space = some_space(vm);
    struct vm_place at = some_window(vm);
    struct vm_window *window = vm_window_of(space, at);
    u64 first = window && window->kind == VM_TABLE ? window->entry[0] & ~USED : 0, used = 0;
    int fits = first && (ABI_PTE_FRAME(first) & (VM_COUNT - 1)) == 0;
    for (u32 i = 0; fits && i < VM_COUNT; i++) {
        fits = (window->entry[i] & ~USED) == first + i * ABI_PAGE;
        used |= window->entry[i] & USED;
    }
    i64 got = sys_space_join(vm->base.cap, space->id, vm_va(at), VM_COUNT);
    model_expect(&vm->base, "space_join", space->id, vm_va(at), 0, got, fits ? 0 : -E_INVAL,
                 fits ? 0 : -E_INVAL);
    if (!fits)
        return;
    window->kind = VM_LARGE;
    window->large = first | used | ABI_PTE_PS;
    vm->frames--;
}

static void op_split(struct vm *vm) {
    struct vm_space *space = some_space(vm);
    struct vm_place at = some_window(vm);
    struct vm_window *window = vm_window_of(space, at);
    int is_large = window && window->kind == VM_LARGE;
    i64 want = !is_large ? -E_INVAL : vm->frames >= vm->quota ? -E_NOMEM : 0;
    i64 got = sys_space_split(vm->base.cap, space->id, vm_va(at), VM_COUNT);
    model_expect(&vm->base, "space_split", space->id, vm_va(at), 0, got, want, want);
    if (want)
        return;
    window->kind = VM_TABLE;
    window->high = VM_COUNT;
    for (u32 i = 0; i < VM_COUNT; i++)
        window->entry[i] = (window->large & ~ABI_PTE_PS) + i * ABI_PAGE;
    vm->frames++;
}

// --- spaces --------------------------------------------------------------------------------------

static void op_space_create(struct vm *vm) {
    struct vm_space *space = &vm->space[1 + pick(vm, VM_SPACES - 1)];
    if (space->id)
        return;
    i64 got = sys_space_create(vm->base.cap, vm->account);
    int poor = vm->frames >= vm->quota;
    model_expect(&vm->base, "space_create", 0, 0, 0, poor ? got : got > 0, poor ? -E_NOMEM : 1,
                 poor ? -E_NOMEM : 1);
    if (got <= 0)
        return;
    *space = (struct vm_space){.id = (space_id)got, .tables = 1};
    vm->frames++;
}

static void space_end(struct vm *vm, struct vm_space *space) {
    space_id id = space->id;
    i64 got = model_retry(SYS_space_destroy, vm->base.cap, id);
    i64 want = space == &vm->space[0] ? -E_BUSY : 0;
    model_expect(&vm->base, "space_destroy", id, 0, 0, got, want, want);
    if (want)
        return;
    for (u32 slot = 0; slot < VM_SLOTS; slot++)
        vm_tree_drop(vm, space, slot);
    vm->frames--;
    space->id = 0;
    got = sys_space_unmap(vm->base.cap, id, vm_va((struct vm_place){0, 0, 0}), 1);
    model_expect(&vm->base, "space_unmap of the dead", id, 0, 0, got, -E_STALE, -E_STALE);
}

static void op_space_destroy(struct vm *vm) {
    if (pick(vm, 3) == 0)
        space_end(vm, some_space(vm));
}

static void op_share(struct vm *vm) {
    struct vm_space *to = some_space(vm), *from = some_space(vm);
    u32 slot = (u32)pick(vm, VM_SLOTS);
    struct vm_place at = {slot, 0, 0};
    i64 got = sys_space_share(CAP_PAIR(vm->base.cap, vm->base.cap), to->id, from->id, vm_va(at));
    i64 want = to == from ? -E_INVAL : to->tree[slot] ? -E_EXIST : 0;
    if (!want && !from->tree[slot]) {
        want = vm->frames >= vm->quota ? -E_NOMEM : 0;
        for (u32 i = 0; !want && !from->tree[slot]; i++) {
            if (vm->tree[i].refs)
                continue;
            vm->tree[i] = (struct vm_tree){.refs = 1};
            from->tree[slot] = &vm->tree[i];
            vm->frames++;
        }
    }
    model_expect(&vm->base, "space_share", to->id, from->id, slot, got, want, want);
    if (want)
        return;
    to->tree[slot] = from->tree[slot];
    to->tree[slot]->refs++;
    to->tree[slot]->shared = 1;
}

// --- frames --------------------------------------------------------------------------------------

static void op_single(struct vm *vm) {
    struct vm_frame *frame = &vm->single[pick(vm, VM_SINGLES)];
    if (frame->pfn)
        return;
    i64 got = sys_frame_alloc(vm->base.cap, vm->account, ABI_ANY, 1, FRAME_ALLOC_AUTO);
    int poor = vm->frames >= vm->quota;
    model_expect(&vm->base, "frame_alloc", 0, 0, 0, poor ? got : got > 0, poor ? -E_NOMEM : 1,
                 poor ? -E_NOMEM : 1);
    if (got <= 0)
        return;
    *frame = (struct vm_frame){.pfn = (pfn_t)got, .is_auto = 1};
    vm->frames++;
}

static void op_block(struct vm *vm) {
    struct vm_frame *block = vm->block[pick(vm, VM_BLOCKS)];
    if (block[0].pfn)
        return;
    i64 got = rt_frame_run(vm->base.cap, vm->account, 9, 0);
    int poor = vm->quota - vm->frames < VM_COUNT;
    model_expect(&vm->base, "frame_run", 0, 0, 0, poor ? got : got > 0, poor ? -E_NOMEM : 1,
                 poor ? -E_NOMEM : 1);
    for (u32 i = 0; got > 0 && i < VM_COUNT; i++)
        block[i] = (struct vm_frame){.pfn = (pfn_t)got + i};
    vm->frames += got > 0 ? VM_COUNT : 0;
}

static struct vm_frame *some_frame(struct vm *vm) {
    struct vm_frame *frame = pick(vm, 2) ? &vm->block[pick(vm, VM_BLOCKS)][pick(vm, VM_COUNT)]
                                         : &vm->single[pick(vm, VM_SINGLES)];
    return frame->pfn ? frame : 0;
}

static void op_free(struct vm *vm) {
    struct vm_frame *frame = &vm->single[pick(vm, VM_SINGLES)];
    if (!frame->pfn)
        return;
    i64 got = sys_frame_free(vm->base.cap, frame->pfn, 1);
    i64 want = frame->maps || frame->pins ? -E_BUSY : 0;
    model_expect(&vm->base, "frame_free", frame->pfn, 0, 0, got, want, want);
    if (want)
        return;
    vm->frames--;
    frame->pfn = 0;
}

static void op_pin(struct vm *vm) {
    struct vm_frame *frame = some_frame(vm);
    if (!frame || frame->pins > 1)
        return;
    model_expect(&vm->base, "frame_pin", frame->pfn, 0, 0,
                 sys_frame_pin(vm->base.cap, frame->pfn, 1), 0, 0);
    frame->pins++;
}

static void unpin(struct vm *vm, struct vm_frame *frame) {
    model_expect(&vm->base, "frame_unpin", frame->pfn, 0, 0,
                 sys_frame_unpin(vm->base.cap, frame->pfn, 1), 0, 0);
    frame->pins--;
    frame->maps++;
    vm_frame_unmapped(vm, frame->pfn); // it may have been the last use
}

static void op_unpin(struct vm *vm) {
    struct vm_frame *frame = some_frame(vm);
    if (frame && frame->pins)
        unpin(vm, frame);
}

// Every mapping of a frame goes; one of 2 MiB with all that it maps.
static void revoke_window(struct vm *vm, struct vm_window *window, pfn_t pfn) {
    if (window->kind == VM_LARGE && pfn - ABI_PTE_FRAME(window->large) < VM_COUNT)
        vm_window_clear(vm, window);
    for (u32 i = 0; window->kind == VM_TABLE && i < VM_COUNT; i++)
        if (window->entry[i] && ABI_PTE_FRAME(window->entry[i]) == pfn) {
            window->entry[i] = 0;
            vm_frame_unmapped(vm, pfn);
        }
}

static void op_revoke(struct vm *vm) {
    struct vm_frame *frame = some_frame(vm);
    i64 got;
    if (!frame)
        return;
    pfn_t pfn = frame->pfn;
    do
        got = sys_frame_revoke(vm->base.cap, pfn, 1);
    while (got == -E_AGAIN);
    model_expect(&vm->base, "frame_revoke", pfn, frame->maps, frame->pins, got, 1, 1);
    frame->maps++; // so that it stays until the end
    for (u32 i = 0; i < VM_TREES; i++)
        for (u32 w = 0; vm->tree[i].refs && w < VM_WINDOWS; w++)
            revoke_window(vm, &vm->tree[i].window[w], pfn);
    vm_frame_unmapped(vm, pfn);
}

// A child account takes the quota that is left, but for a few frames; or gives it back.
static void op_ballast(struct vm *vm) {
    if (vm->ballast) {
        i64 got = model_retry(SYS_account_destroy, vm->base.cap, vm->ballast);
        model_expect(&vm->base, "account_destroy", vm->ballast, 0, 0, got, 0, 0);
        vm->quota = VM_FRAMES;
        vm->ballast = 0;
        return;
    }
    u64 room = vm->quota - vm->frames, keep = pick(vm, 4);
    if (room < keep || pick(vm, 3))
        return;
    i64 got = sys_account_create(vm->base.cap, vm->account, room - keep, 0);
    model_expect(&vm->base, "account_create", room, keep, 0, got > 0, 1, 1);
    vm->ballast = got > 0 ? (account_id)got : 0;
    vm->quota -= got > 0 ? room - keep : 0;
}

// --- touching ------------------------------------------------------------------------------------

static u64 *any_entry(const struct vm_space *space, struct vm_place at, u64 *frame) {
    u64 *entry = entry_of(space, at), *large = large_of(space, at);
    if (entry)
        *frame = ABI_PTE_FRAME(*entry);
    if (large)
        *frame = ABI_PTE_FRAME(*large) + at.page;
    return entry ? entry : large;
}

// A page of the home is read or written: what is not mapped, or not so, faults.
static void op_touch(struct vm *vm) {
    u64 count, pfn = 0, value = pick(vm, ~0u);
    struct vm_place at = some_range(vm, &count);
    vm->recent[pick(vm, VM_RECENT)] = at;
    u64 *entry = any_entry(&vm->space[0], at, &pfn);
    u32 write = (u32)pick(vm, 2);
    u64 need = ABI_PTE_P | ABI_PTE_U | (write ? ABI_PTE_W : 0);
    int works = entry && (*entry & need) == need;
    struct vm_frame *frame = works ? vm_frame_of(vm, pfn) : 0;
    vm->mail.va = vm_va(at);
    vm->mail.value = value;
    vm->mail.write = write;
    if (pick(vm, 2))
        vm_touch(&vm->mail);
    else
        vm_ask(&vm->mail);
    model_expect(&vm->base, write ? "write" : "read", vm_va(at), pfn, 0, vm->mail.faulted, !works,
                 !works);
    if (!frame)
        return;
    if (write)
        frame->value = value;
    else
        model_expect(&vm->base, "value read", vm_va(at), pfn, 0, (i64)vm->mail.value,
                     (i64)frame->value, (i64)frame->value);
    *entry |= ABI_PTE_A | (write ? ABI_PTE_D : 0);
}

// --- steps ---------------------------------------------------------------------------------------

void vm_step(struct vm *vm) {
    static void (*const ops[])(struct vm *) = {
        op_map,     op_map,   op_map,          op_map,           op_map_large,    op_map_large,
        op_unmap,   op_unmap, op_unmap,        op_unmap_if,      op_protect,      op_protect,
        op_copy,    op_copy,  op_copy,         op_move,          op_move,         op_fill,
        op_fill,    op_join,  op_join,         op_split,         op_space_create, op_space_create,
        op_share,   op_share, op_space_create, op_single,        op_single,       op_block,
        op_free,    op_pin,   op_unpin,        op_unpin,         op_revoke,       op_revoke,
        op_ballast, op_touch, op_touch,        op_touch,         op_touch,        op_touch,
        op_touch,   op_join,  op_touch,        op_space_destroy,
    };
    ops[pick(vm, sizeof ops / sizeof *ops)](vm);
    vm_look(vm);
    if (account_row(vm->account)->frames != vm->frames)
        vm_check(vm);
}

void vm_clear(struct vm *vm) {
    if (vm->ballast)
        op_ballast(vm);
    for (u32 i = 1; i < VM_SPACES; i++)
        if (vm->space[i].id)
            space_end(vm, &vm->space[i]);
    for (u32 slot = 0; slot < VM_SLOTS; slot++) {
        struct vm_place at = {slot, 0, 0};
        u64 done = 0, pages = 1ul << 27;
        i64 got = 1;
        for (; done < pages && got > 0; done += (u64)got)
            got = sys_space_unmap(vm->base.cap, vm->space[0].id, vm_va(at) + done * ABI_PAGE,
                                  pages - done);
        model_expect(&vm->base, "end unmap", slot, 0, 0, got > 0, 1, 1);
        for (u32 w = 0; vm->space[0].tree[slot] && w < VM_WINDOWS; w++)
            unmap_window(vm, &vm->space[0], (struct vm_place){slot, w, 0}, VM_COUNT);
        unmap_pages(vm, &vm->space[0], at, 0, 2);
    }
    for (u32 i = 0; i < VM_BLOCKS; i++)
        for (u32 f = 0; f < VM_COUNT; f++)
            while (vm->block[i][f].pins && !vm->base.failed)
                unpin(vm, &vm->block[i][f]);
    for (u32 i = 0; i < VM_SINGLES; i++)
        while (vm->single[i].pfn && vm->single[i].pins && !vm->base.failed)
            unpin(vm, &vm->single[i]);
    for (u32 i = 0; i < VM_SINGLES; i++)
        if (vm->single[i].pfn) {
            model_expect(&vm->base, "end frame", vm->single[i].pfn, 0, 0,
                         sys_frame_free(vm->base.cap, vm->single[i].pfn, 1), 0, 0);
            vm->single[i].pfn = 0;
            vm->frames--;
        }
    for (u32 i = 0; i < VM_BLOCKS; i++)
        if (vm->block[i][0].pfn) {
            model_expect(&vm->base, "end block", vm->block[i][0].pfn, 0, 0,
                         sys_frame_free(vm->base.cap, vm->block[i][0].pfn, VM_COUNT), 0, 0);
            memset(vm->block[i], 0, sizeof vm->block[i]);
            vm->frames -= VM_COUNT;
        }
    vm_check(vm);
}
