// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The console. Input goes from the UART into a ring, and one env is woken; when the ring is full
// the UART's interrupt stays off, so that its sender waits. Output is taken as far as the UART
// takes it in a bounded time.

#include "kernel/aegis/console.h"

#include "gen/syscalls_kernel.h"
#include "kernel/aegis/sched.h"
#include "kernel/aegis/space.h"
#include "kernel/aegis/trace.h"
#include "kernel/sal/sal.h"

#define RING            65536u
#define CHUNK           256u
#define CHUNKS_PER_CALL 16u

static u8 ring[RING];
static u32 ring_head, ring_tail; // bytes taken, bytes put
static env_id bound;

static void console_fill(void) {
    while (ring_tail - ring_head < RING) {
        i32 byte = sal_console_get();
        if (byte < 0) {
            sal_console_interrupts(1);
            return;
        }
        ring[ring_tail++ % RING] = (u8)byte;
    }
    sal_console_interrupts(0);
}

struct env *console_interrupt(void) {
    console_fill();
    struct env *env = env_find(bound);
    if (!env)
        return 0;
    env->row->wakes++;
    trace_env(env, TRACE_WAKE, 0, 0, 0, 0);
    if (env->row->state == ENV_SLEEPING || env->row->state == ENV_WAITING ||
        (env->row->state == ENV_ACCEPTING && env->waits)) {
        env->context.rax = 0;
        sched_ready(env);
    }
    return env;
}

void console_forget(struct env *env) {
    if (bound == env->id)
        bound = 0;
}

static i64 check_length(u64 va, u64 len, u64 most) {
    if (len > most)
        return -E_LIMIT;
    return va < ABI_USER_END && ABI_USER_END - va >= len ? 0 : -E_RANGE;
}

i64 sys_console_write(u64 cap, u64 va, u64 len) {
    u8 chunk[CHUNK];
    i64 error = cap_check_kind(cap, CAP_CONSOLE, CAP_RIGHT_WRITE);
    if (!error)
        error = check_length(va, len, 65536);
    u64 done = 0;
    for (u32 i = 0; i < CHUNKS_PER_CALL && done < len && !error; i++) {
        u64 part = len - done < CHUNK ? len - done : CHUNK;
        error = space_copy_in(chunk, va + done, part);
        if (error)
            break;
        sal_console_put(chunk, part);
        done += part;
    }
    return error && !done ? error : (i64)done;
}

i64 sys_console_read(u64 cap, u64 va, u64 len) {
    i64 error = cap_check_kind(cap, CAP_CONSOLE, CAP_RIGHT_READ);
    if (!error)
        error = check_length(va, len, 65536);
    if (error)
        return error;
    console_fill();
    u64 done = 0;
    while (done < len && ring_head != ring_tail) {
        u32 at = ring_head % RING;
        u64 part = ring_tail - ring_head < RING - at ? ring_tail - ring_head : RING - at;
        part = part < len - done ? part : len - done;
        error = space_copy_out(va + done, ring + at, part);
        if (error)
            return done ? (i64)done : error;
        ring_head += (u32)part;
        done += part;
    }
    return (i64)done;
}

i64 sys_console_bind(u64 caps, env_id id) {
    struct env *env;
    i64 error = cap_check_kind((u32)caps, CAP_CONSOLE, CAP_RIGHT_READ);
    if (!error && id)
        error = cap_check_env(caps >> 32, id, CAP_RIGHT_WAKE, &env);
    if (error)
        return error;
    bound = id;
    if (id)
        console_interrupt();
    return 0;
}

i64 sys_log_write(u64 cap, u64 va, u64 len) {
    char text[1024];
    i64 error = cap_check_kind(cap, CAP_CONSOLE, CAP_RIGHT_LOG);
    if (!error)
        error = check_length(va, len, sizeof text);
    if (!error)
        error = space_copy_in(text, va, len);
    if (!error)
        log_write(text, len);
    return error;
}

i64 sys_machine_exit(u64 cap, u64 code) {
    i64 error = cap_check_kind(cap, CAP_MACHINE, CAP_RIGHT_POWER);
    if (error)
        return error;
    sal_exit(code);
}
