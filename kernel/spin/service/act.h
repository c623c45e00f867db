// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Services that do what a system call of the extension's env would: with its capabilities, and the
// same checks, because it is the same code. Between act_begin and act_end the processor's running
// env is that of the extension; nothing in between may give up the processor or look at registers
// of the running env.

#ifndef KERNEL_SPIN_SERVICE_ACT_H
#define KERNEL_SPIN_SERVICE_ACT_H

#include "kernel/sal/x86_64/cpu.h"
#include "kernel/spin/service.h"

struct act {
    void *running;
};

// 0: the extension acts for no env (EXT_STAYS, or it is ending).
static inline int act_begin_for(struct act *act, const struct ext *ext) {
    struct env *env = ext->env;
    struct cpu *cpu = cpu_this();
    if (!env)
        return 0;
    act->running = cpu->context;
    cpu->context = env;
    return 1;
}

static inline int act_begin(struct act *act, const struct engine_run *run) {
    return act_begin_for(act, service_owner(run));
}

static inline void act_end(const struct act *act) {
    cpu_this()->context = act->running;
}

// result = expression, or -E_CAP.
#define ACT(run, result, expression)                                                               \
    do {                                                                                           \
        struct act act_;                                                                           \
        (result) = -E_CAP;                                                                         \
        if (act_begin(&act_, run)) {                                                               \
            (result) = (expression);                                                               \
            act_end(&act_);                                                                        \
        }                                                                                          \
    } while (0)

#endif
