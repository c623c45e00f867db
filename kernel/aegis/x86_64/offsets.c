// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Offsets that transfer.S uses: lines "->NAME value" in this file's assembly text, which the build
// turns into gen/aegis_offsets.h.

#include "abi/calls.h"
#include "abi/caps.h"
#include "abi/ext/watch.h"
#include "engine/run.h"
#include "kernel/aegis/above.h"
#include "kernel/aegis/env.h"
#include "kernel/sal/lock.h"

#define DEFINE(name, value)       __asm__ volatile("\n.ascii \"->" #name " %c0\"" : : "i"(value))
#define OFFSET(name, type, field) DEFINE(name, __builtin_offsetof(struct type, field))

void offsets(void);
void offsets(void) {
    OFFSET(AEGIS_CPU_STACK, cpu, kernel_stack_top);
    OFFSET(AEGIS_CPU_USER_RSP, cpu, user_rsp);
    OFFSET(AEGIS_CPU_CONTEXT, cpu, context);
    OFFSET(AEGIS_CPU_CR3, cpu, loaded_root);
    OFFSET(AEGIS_CPU_PAYER, cpu, payer);
    OFFSET(AEGIS_CPU_YIELD_SLOTS, cpu, yield_slots);
    OFFSET(AEGIS_CPU_USER_FLAGS, cpu, user_flags);
    OFFSET(ENV_PLAIN, env, plain);
    OFFSET(ENV_RIP, env, context.rip);
    OFFSET(ENV_RSP, env, context.rsp);
    OFFSET(AEGIS_CPU_ROW, cpu, row);
    OFFSET(AEGIS_CPU_SINCE, cpu, since);
    OFFSET(AEGIS_CPU_TIMER, cpu, timer);
    OFFSET(AEGIS_CPU_SLEEPER, cpu, sleeper);
    OFFSET(AEGIS_CPU_GRACE, cpu, grace);
    OFFSET(AEGIS_CPU_NUMBER, cpu, number);
    OFFSET(AEGIS_CPU_SLICE_FIRST, cpu, slice_first);
    OFFSET(AEGIS_CPU_SLICE_LINKS, cpu, slice_links);
    OFFSET(AEGIS_CPU_RUNNABLE, cpu, runnable);
    OFFSET(CPU_ROW_RUNNABLE, abi_cpu, runnable);
    OFFSET(CPU_ROW_ENV, abi_cpu, env);
    OFFSET(CPU_ROW_SWITCHES, abi_cpu, switches);
    OFFSET(CPU_ROW_SLICE_END, abi_cpu, slice_end);
    OFFSET(CPU_ROW_INTERRUPTS, abi_cpu, interrupts);
    OFFSET(CPU_ROW_TIMERS, abi_cpu, timers);
    OFFSET(MACHINE_FEATURES, sal_machine, features);
    DEFINE(FEATURE_XSAVE, ABI_FEATURE_XSAVE);
    DEFINE(FEATURE_PKU, ABI_FEATURE_PKU);
    OFFSET(ENV_PKRU, env, context.pkru);
    OFFSET(ENV_SLICES, env, slices);
    OFFSET(ENV_CREWS, env, crews);
    OFFSET(ENV_SLEEPER_PLACE, env, sleeper.place);
    OFFSET(ROW_ACCOUNT, abi_env, account);
    OFFSET(ROW_WAKES, abi_env, wakes);
    OFFSET(ROW_RAN, abi_env, ran);
    OFFSET(ROW_UPCALLS, abi_env, upcalls);
    OFFSET(ROW_OVERRUN, abi_env, overrun);
    OFFSET(UAREA_MASKED, env_uarea, masked);
    DEFINE(UPCALL_SLICE_END, UPCALL_SLICE_END);
    DEFINE(SLICES, ABI_SLICES);
    DEFINE(CAP_PASS_MASK, (CAP_RIGHT_WAKE | CAP_RIGHT_YIELD) << 16 | 0xff);
    DEFINE(CAP_PASS_WANT, (CAP_RIGHT_WAKE | CAP_RIGHT_YIELD) << 16 | CAP_ENV);
    DEFINE(CAP_PASS_ACCOUNT, (CAP_RIGHT_WAKE | CAP_RIGHT_YIELD) << 16 | CAP_ACCOUNT);
    DEFINE(STATE_READY, ENV_READY);
    DEFINE(STATE_SLEEPING, ENV_SLEEPING);
    OFFSET(ENV_ID, env, id);
    OFFSET(ENV_ROW, env, row);
    OFFSET(ENV_CR3, env, cr3);
    OFFSET(ENV_FAST, env, fast_entry);
    OFFSET(ENV_SLOW, env, slow);
    OFFSET(ENV_CALL_ENTRY, env, call_entry);
    OFFSET(ENV_CALL_STACK, env, call_stack);
    OFFSET(ENV_CALLER, env, caller);
    OFFSET(ENV_CALLEE, env, callee);
    OFFSET(ENV_CAPS, env, caps);
    OFFSET(ROW_STATE, abi_env, state);
    OFFSET(CAP_OBJECT, cap, object);
    OFFSET(CAP_TYPE_RIGHTS, cap, type);
    DEFINE(CAP_BYTES, sizeof(struct cap));
    DEFINE(CAP_MANY, CAP_SLOTS);
    OFFSET(CAP_QUICK, cap, quick);
    OFFSET(CAP_ROW, cap, row);
    DEFINE(CAP_QUICK_CALL, CAP_QUICK_CALL);
    DEFINE(CAP_QUICK_YIELD, CAP_QUICK_YIELD);
    OFFSET(LOCK_WORD, lock, word);
    OFFSET(AEGIS_CPU_RUN, cpu, run);
    OFFSET(RUN_SPENT, engine_run, spent);
    DEFINE(RUN_FUEL, INT64_MAX - SPENT_NOTHING);
    OFFSET(ENV_WATCH_CALL, env, watch.call);
    OFFSET(ENV_WATCH_FAULT, env, watch.fault);
    OFFSET(ENV_WATCH_WHAT, env, watch.what);
    OFFSET(ENV_WATCH_RANGED, env, watch.ranged);
    DEFINE(WATCH_FAULTS, WATCH_FAULTS);
    DEFINE(EXT_AGAIN, EXT_AGAIN);
    OFFSET(LOCK_HELD, lock, held);
    DEFINE(STATE_CALLING, ENV_CALLING);
    DEFINE(STATE_ACCEPTING, ENV_ACCEPTING);
    DEFINE(INDEX_MASK, (1 << ABI_INDEX_BITS) - 1);
}
_Static_assert(__builtin_offsetof(struct cap, rights) == __builtin_offsetof(struct cap, type) + 2,
               "one word");
_Static_assert(__builtin_offsetof(struct abi_env, cpu) ==
                   __builtin_offsetof(struct abi_env, state) + 4,
               "one word");
