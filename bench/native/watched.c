// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Traps and page faults that an extension handles (SPIN table 4: trap, fault): a foreign call that
// its handler answers, and the first write to a page that its handler unprotects.

#include "abi/extension.h"
#include "bench/native/native.h"

extern const char object_answer[], object_answer_end[];

#define CALLS 1000ul
#define PAGES 100ul

static i64 answer;

static void prepare(u64 what) {
    struct ext_load request = {.object = (u64)object_answer,
                               .bytes = (u64)(object_answer_end - object_answer)};
    answer = sys_ext_load(CAP_SLOT_ACCOUNT, my_account, (u64)&request, 0);
    if (answer <= 0)
        fail("ext_load", answer);
    struct ext_call c = {.function = ext_hash("in_space"), .args = {my_space}};
    must(sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)answer, (u64)&c), 0, "ext_call");
    must(sys_env_watch(CAP_PAIR(CAP_SLOT_SELF, CAP_SLOT_ACCOUNT), my_env, (ext_id)answer, what), 0,
         "env_watch");
}

static void prepare_trap(void) {
    prepare(WATCH_CALLS);
}

static void prepare_fault(void) {
    prepare(WATCH_FAULTS);
    for (u64 done = 0; done < PAGES;) {
        i64 n = sys_space_map(SPACE_ACCOUNT, my_space, SCRATCH + done * ABI_PAGE, ABI_ANY,
                              PAGES - done, ABI_PTE_W | ABI_PTE_NX);
        if (n <= 0)
            fail("space_map", n);
        done += (u64)n;
    }
}

static void protect(void) {
    must(sys_space_protect(CAP_SLOT_SPACE, my_space, SCRATCH, PAGES, ABI_PTE_W, 0), PAGES,
         "space_protect");
}

static void finish(void) {
    while (sys_ext_unload(CAP_SLOT_ACCOUNT, (ext_id)answer) == -E_AGAIN)
        ;
}

static void finish_fault(void) {
    for (u64 i = 0; i < PAGES; i++)
        must((i64)(ABI_PTES[(SCRATCH >> ABI_PAGE_SHIFT) + i] & ABI_PTE_W), ABI_PTE_W,
             "unprotected");
    finish();
    must(sys_space_unmap(CAP_SLOT_SPACE, my_space, SCRATCH, PAGES), PAGES, "space_unmap");
}

static void run_trap(u64 count) {
    u64 number = 39;
    for (u64 i = 0; i < count; i++)
        __asm__ volatile("syscall" : "+a"(number) : : "rcx", "r11", "memory");
    must((i64)number, 39, "answer"); // an unanswered call would be an error
}

static void run_fault(u64 count) {
    volatile u8 *page = (volatile u8 *)SCRATCH;
    for (u64 i = 0; i < count; i++, page += ABI_PAGE)
        *page = (u8)i;
}

ROW(ext_trap, CALLS, prepare_trap, 0, run_trap, finish);
ROW(ext_fault, PAGES, prepare_fault, protect, run_fault, finish_fault);
