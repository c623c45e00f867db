// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the model of mappings knows, and its comparison with the exposed tables. See model_vm.h.

#include "tests/guest/model_vm.h"

#include "base/string.h"

#define USED        (ABI_PTE_A | ABI_PTE_D)
#define PTE(va)     ABI_PTES[(va) >> ABI_PAGE_SHIFT]
#define PDE(va)     ABI_PDES[(va) >> 21]
#define PDPTE(va)   ABI_PDPTES[(va) >> 30]
#define GIGA_OF(w)  ((w) / 2)
#define FIRST_SLOT  3ul
#define SLOT_STRIDE 2ul

u64 vm_va(struct vm_place at) {
    u64 slot = FIRST_SLOT + at.slot * SLOT_STRIDE, giga = GIGA_OF(at.window);
    return (slot << 39) + (giga << 30) + ((u64)(at.window % 2) << 21) + at.page * ABI_PAGE;
}

struct vm_frame *vm_frame_of(struct vm *vm, pfn_t pfn) {
    for (u32 i = 0; i < VM_BLOCKS; i++)
        if (vm->block[i][0].pfn && pfn - vm->block[i][0].pfn < VM_COUNT)
            return &vm->block[i][pfn - vm->block[i][0].pfn];
    for (u32 i = 0; i < VM_SINGLES; i++)
        if (vm->single[i].pfn == pfn)
            return &vm->single[i];
    return 0;
}

static void frame_unused(struct vm *vm, struct vm_frame *frame) {
    if (frame->maps || frame->pins || !frame->is_auto)
        return;
    frame->pfn = 0;
    vm->frames--;
}

void vm_frame_unmapped(struct vm *vm, pfn_t pfn) {
    struct vm_frame *frame = vm_frame_of(vm, pfn);
    if (!frame) {
        model_same(&vm->base, "the model has no such frame", pfn, 0);
        return;
    }
    frame->maps--;
    frame_unused(vm, frame);
}

// --- trees ---------------------------------------------------------------------------------------

struct vm_window *vm_window_of(const struct vm_space *space, struct vm_place at) {
    struct vm_tree *tree = space->tree[at.slot];
    return tree ? &tree->window[at.window] : 0;
}

// A frame for a table, if there is quota.
static i64 table_pay(struct vm *vm) {
    if (vm->frames >= vm->quota)
        return -E_NOMEM;
    vm->frames++;
    return 0;
}

i64 vm_table_make(struct vm *vm, struct vm_space *space, struct vm_place at, int leaf) {
    struct vm_tree **tree = &space->tree[at.slot];
    u32 *directory, i = 0;
    if (!*tree) {
        if (table_pay(vm))
            return -E_NOMEM;
        while (vm->tree[i].refs)
            i++;
        memset(&vm->tree[i], 0, sizeof vm->tree[i]);
        vm->tree[i].refs = 1;
        *tree = &vm->tree[i];
    }
    directory = &(*tree)->directory[GIGA_OF(at.window)];
    if (!*directory && table_pay(vm))
        return -E_NOMEM;
    *directory = 1;
    struct vm_window *window = &(*tree)->window[at.window];
    if (!leaf)
        return 0;
    if (window->kind == VM_LARGE)
        return -E_EXIST;
    if (window->kind == VM_TABLE)
        return 0;
    if (table_pay(vm))
        return -E_NOMEM;
    memset(window, 0, sizeof *window);
    window->kind = VM_TABLE;
    return 0;
}

u32 vm_tree_tables(const struct vm_tree *tree) {
    u32 tables = 1;
    for (u32 i = 0; i < VM_GIGAS; i++)
        tables += tree->directory[i];
    for (u32 i = 0; i < VM_WINDOWS; i++)
        tables += tree->window[i].kind == VM_TABLE;
    return tables;
}

void vm_window_clear(struct vm *vm, struct vm_window *window) {
    for (u32 i = 0; window->kind == VM_TABLE && i < VM_COUNT; i++)
        if (window->entry[i])
            vm_frame_unmapped(vm, ABI_PTE_FRAME(window->entry[i]));
    for (u32 i = 0; window->kind == VM_LARGE && i < VM_COUNT; i++)
        vm_frame_unmapped(vm, ABI_PTE_FRAME(window->large) + i);
    vm->frames -= window->kind == VM_TABLE;
    window->kind = VM_NONE;
}

void vm_tree_drop(struct vm *vm, struct vm_space *space, u32 slot) {
    struct vm_tree *tree = space->tree[slot];
    space->tree[slot] = 0;
    if (!tree || --tree->refs)
        return;
    for (u32 i = 0; i < VM_WINDOWS; i++)
        vm_window_clear(vm, &tree->window[i]);
    vm->frames -= vm_tree_tables(tree);
}

// --- comparing -----------------------------------------------------------------------------------

// An entry of the home, which a processor may have marked as used.
static void check_entry(struct vm *vm, const char *what, u64 *entry, u64 got) {
    model_same(&vm->base, what, got & ~USED, *entry & ~USED);
    model_same(&vm->base, "an entry has lost A or D", *entry & ~got, 0);
    *entry = got;
}

static void look_window(struct vm *vm, struct vm_window *window, struct vm_place at) {
    if (window->kind != VM_TABLE)
        check_entry(vm, "entry of 2 MiB", window->kind == VM_LARGE ? &window->large : &(u64){0},
                    PDE(vm_va(at)));
    for (u32 i = 0; window->kind == VM_TABLE && i < VM_COUNT; i++) {
        at.page = i;
        check_entry(vm, "entry", &window->entry[i], PTE(vm_va(at)));
    }
}

void vm_look(struct vm *vm) {
    for (u32 slot = 0; slot < VM_SLOTS; slot++) {
        struct vm_tree *tree = vm->space[0].tree[slot];
        for (u32 w = 0; tree && w < VM_WINDOWS && !vm->base.failed; w++) {
            struct vm_place at = {slot, w, 0};
            if (tree->directory[GIGA_OF(w)])
                look_window(vm, &tree->window[w], at);
            else
                model_same(&vm->base, "directory", PDPTE(vm_va(at)), 0);
        }
    }
}

static void count_window(struct vm *vm, const struct vm_window *window) {
    for (u32 i = 0; i < VM_COUNT; i++) {
        u64 entry = window->kind == VM_TABLE   ? window->entry[i]
                    : window->kind == VM_LARGE ? window->large + i * ABI_PAGE
                                               : 0;
        struct vm_frame *frame = entry ? vm_frame_of(vm, ABI_PTE_FRAME(entry)) : 0;
        if (frame)
            frame->maps++;
    }
}

static void check_frame(struct vm *vm, const struct vm_frame *frame) {
    if (!frame->pfn)
        return;
    const volatile struct abi_frame *row = frame_row(frame->pfn);
    model_same(&vm->base, "frame owner", row->owner, vm->account);
    model_same(&vm->base, "frame kind", row->kind, FRAME_USER);
    model_same(&vm->base, "frame maps", row->maps, frame->maps);
    model_same(&vm->base, "frame pins", row->pins, frame->pins);
}

// Counts anew, by the entries, who maps each frame.
static void check_frames(struct vm *vm) {
    for (u32 i = 0; i < VM_BLOCKS; i++)
        for (u32 f = 0; f < VM_COUNT; f++)
            vm->block[i][f].maps = 0;
    for (u32 i = 0; i < VM_SINGLES; i++)
        vm->single[i].maps = 0;
    for (u32 i = 0; i < VM_TREES; i++)
        for (u32 w = 0; vm->tree[i].refs && w < VM_WINDOWS; w++)
            count_window(vm, &vm->tree[i].window[w]);
    for (u32 i = 0; i < VM_BLOCKS; i++)
        for (u32 f = 0; f < VM_COUNT; f++)
            check_frame(vm, &vm->block[i][f]);
    for (u32 i = 0; i < VM_SINGLES; i++)
        check_frame(vm, &vm->single[i]);
}

void vm_check(struct vm *vm) {
    u64 frames = 0;
    u32 spaces = 0;
    check_frames(vm);
    for (u32 i = 0; i < VM_SPACES; i++) {
        const struct vm_space *space = &vm->space[i];
        u32 tables = space->tables;
        if (!space->id)
            continue;
        for (u32 slot = 0; slot < VM_SLOTS; slot++)
            if (space->tree[slot] && !space->tree[slot]->shared)
                tables += vm_tree_tables(space->tree[slot]);
        model_same(&vm->base, "space tables", space_row(space->id)->tables, tables);
        frames += space->tables;
        spaces++;
    }
    for (u32 i = 0; i < VM_TREES; i++)
        frames += vm->tree[i].refs ? vm_tree_tables(&vm->tree[i]) : 0;
    for (u32 i = 0; i < VM_BLOCKS; i++)
        frames += vm->block[i][0].pfn ? VM_COUNT : 0;
    for (u32 i = 0; i < VM_SINGLES; i++)
        frames += vm->single[i].pfn != 0;
    model_same(&vm->base, "frames of the model", vm->frames, frames);
    model_same(&vm->base, "account frames", account_row(vm->account)->frames, frames);
    model_same(&vm->base, "account quota", account_row(vm->account)->quota, vm->quota);
    model_same(&vm->base, "account spaces", account_row(vm->account)->spaces, spaces);
    vm_look(vm);
}
