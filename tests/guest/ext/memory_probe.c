// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Does what it is told with the memory services, and handles faults badly in several ways.

#include "abi/ext/memory.h"
#include "abi/ext/watch.h"

static u8 buffer[ABI_PAGE];
static u64 mode, seen, last, handled_space;

enum { PASS, DONE, END, WRITE_ABSENT, UNMAP_CODE, GARBAGE };

static u64 handle(const struct ext_fault *fault, u64 kind) {
    u64 space = env_space(fault->env);
    seen++;
    last = kind;
    handled_space = space;
    switch (mode) {
    case DONE:
        return EXT_DONE;
    case END:
        return EXT_END;
    case WRITE_ABSENT:
        last = (u64)space_write(CAP_SLOT_SPACE, space, fault->address & ~(ABI_PAGE - 1), buffer, 8);
        return EXT_PASS;
    case UNMAP_CODE:
        page_unmap(CAP_SLOT_ACCOUNT, space, fault->rip & ~(ABI_PAGE - 1));
        return EXT_PASS;
    case GARBAGE:
        return ~0ul;
    default:
        return EXT_PASS;
    }
}

HANDLER(page_absent, u64, absent, (struct ext_fault * fault)) {
    return handle(fault, 1);
}
HANDLER(page_protected, u64, guarded, (struct ext_fault * fault)) {
    return handle(fault, 2);
}
HANDLER(page_bad, u64, bad, (struct ext_fault * fault)) {
    return handle(fault, 3);
}

ENTRY(u64, set_mode, (u64 to)) {
    mode = to;
    return seen;
}
ENTRY(u64, last_seen, (void)) {
    return last;
}
ENTRY(u64, map, (u64 caps, u64 space, u64 va, u64 frame, u64 flags)) {
    return (u64)page_map(caps, space, va, frame, flags);
}
ENTRY(u64, unmap, (u64 cap, u64 space, u64 va)) {
    return (u64)page_unmap(cap, space, va);
}
ENTRY(u64, protect, (u64 cap, u64 space, u64 va, u64 clear, u64 set)) {
    return (u64)page_protect(cap, space, va, clear, set);
}
ENTRY(u64, examine, (u64 cap, u64 space, u64 va)) {
    return page_examine(cap, space, va);
}
ENTRY(u64, allocate, (u64 cap, u64 account, u64 first, u64 flags)) {
    return (u64)phys_allocate(cap, account, first, flags);
}
ENTRY(u64, deallocate, (u64 cap, u64 frame)) {
    return (u64)phys_deallocate(cap, frame);
}
ENTRY(u64, read_frame, (u64 cap, u64 frame, u64 offset)) {
    i64 error = phys_read(cap, frame, offset, buffer, 8);
    return error ? (u64)error : *(u64 *)buffer;
}
ENTRY(u64, write_frame, (u64 cap, u64 frame, u64 offset, u64 word)) {
    *(u64 *)buffer = word;
    return (u64)phys_write(cap, frame, offset, buffer, 8);
}
ENTRY(u64, copy_frame, (u64 cap, u64 to, u64 from)) {
    return (u64)phys_copy(cap, to, from);
}
ENTRY(u64, read_space, (u64 cap, u64 space, u64 va)) {
    i64 error = space_read(cap, space, va, buffer, 8);
    return error ? (u64)error : *(u64 *)buffer;
}
ENTRY(u64, write_space, (u64 cap, u64 space, u64 va, u64 word)) {
    *(u64 *)buffer = word;
    return (u64)space_write(cap, space, va, buffer, 8);
}
ENTRY(u64, claim, (u64 space, u64 va, u64 pages)) {
    return (u64)virt_claim(space, va, pages);
}
ENTRY(u64, release, (u64 space, u64 va)) {
    return (u64)virt_release(space, va);
}
ENTRY(u64, tell, (u64 cap)) {
    return (u64)console_text(cap, "memory_probe: hello\n", 20);
}
ENTRY(u64, seconds, (void)) {
    return clock_wall_ns() / 1000000000;
}
ENTRY(u64, ticks_a_second, (void)) {
    return clock_hz();
}
