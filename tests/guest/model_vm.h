// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A model of mappings: what every entry of every page table of one worker's spaces is. Each worker
// has an account, a home space that it runs in, and others; in each of them a few places in two
// slots of 512 GiB, of which any spaces may share one (then they have the same struct vm_tree). A
// random call is made, the model says what it must have returned, and what is mapped now; then the
// exposed tables must say the same: maps of each frame, tables of each space, what the account pays
// for; and the entries of the home space, which can be read.
//
// Whether a processor still uses what is gone is asked by touching a page of the home space, by the
// worker itself or by its peer, an env on another processor.

#ifndef TESTS_GUEST_MODEL_VM_H
#define TESTS_GUEST_MODEL_VM_H

#include "tests/guest/model.h"

#define VM_SPACES  4 // [0] is the home
#define VM_SLOTS   2
#define VM_TREES   (VM_SPACES * VM_SLOTS)
#define VM_GIGAS   2   // of a slot: tables of the second level
#define VM_WINDOWS 3   // of 2 MiB: two in the first GiB, next to each other, one in the second
#define VM_COUNT   512 // pages of one
#define VM_BLOCKS  2   // aligned runs of 512 frames
#define VM_SINGLES 12
#define VM_RECENT  6
#define VM_FRAMES  1200 // quota

enum vm_kind { VM_NONE, VM_TABLE, VM_LARGE };

struct vm_window {
    enum vm_kind kind;
    u32 high; // entries that were written since the table was made are below it
    u64 large;
    u64 entry[VM_COUNT];
};

struct vm_tree {
    u32 refs; // spaces that have it; 0: it is free
    u32 shared;
    u32 directory[VM_GIGAS];
    struct vm_window window[VM_WINDOWS];
};

struct vm_space {
    space_id id; // 0: there is none
    u32 tables;  // its root and what is not modelled
    struct vm_tree *tree[VM_SLOTS];
};

struct vm_frame {
    pfn_t pfn; // 0: there is none
    u32 maps, pins;
    u32 is_auto;
    u64 value; // of its first word
};

// An address of the model: a page of a window, or of the next one.
struct vm_place {
    u32 slot, window, page;
};

// What a worker asks of its peer.
struct vm_mail {
    volatile u32 state; // 0: nothing; 1: asked; 2: answered; 3: end
    volatile u64 va, value;
    volatile u32 write, faulted;
};

struct vm {
    struct model base; // calls and what came of them
    u64 weak;          // a capability for the blocks without WRITE and EXEC
    account_id account;
    account_id ballast; // an account that has what is left of the quota; 0: there is none
    u64 quota, frames;  // of the account
    struct vm_space space[VM_SPACES];
    struct vm_tree tree[VM_TREES];
    struct vm_frame block[VM_BLOCKS][VM_COUNT];
    struct vm_frame single[VM_SINGLES];
    struct vm_mail mail;
    struct vm_place recent[VM_RECENT]; // pages that were touched, and are in somebody's TLB
};

void vm_step(struct vm *vm); // one random call
void vm_check(struct vm *vm);
void vm_clear(struct vm *vm); // nothing is mapped but in the home; no frames and spaces are left
u64 vm_va(struct vm_place at);

// The calling env reads or writes as the mail says; or its peer does.
void vm_touch(struct vm_mail *mail);
void vm_ask(struct vm_mail *mail);

// What model_vm.c and model_vm_ops.c share.
struct vm_frame *vm_frame_of(struct vm *vm, pfn_t pfn); // null: not one of the model's
void vm_frame_unmapped(struct vm *vm, pfn_t pfn);       // once
i64 vm_table_make(struct vm *vm, struct vm_space *space, struct vm_place at, int leaf);
struct vm_window *vm_window_of(const struct vm_space *space, struct vm_place at);
void vm_window_clear(struct vm *vm, struct vm_window *window); // all that it maps, and its table
void vm_tree_drop(struct vm *vm, struct vm_space *space, u32 slot);
u32 vm_tree_tables(const struct vm_tree *tree);
void vm_look(struct vm *vm); // A and D of the home's entries are as the processor set them

#endif
