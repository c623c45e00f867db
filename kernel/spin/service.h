// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the kernel offers to extensions. A service registers the functions that extensions may
// import, anywhere in this room:
//
//     static u64 tick(u64 a, u64 b, u64 c, u64 d, u64 e, struct engine_run *run) { … }
//     SERVICE(tick) = {{.name = "tick", .function = tick, .result = SERVICE_NUMBER,
//                       .prototype = "u64()"}};
//
// prototype is the canonical text of the type (engine/btf.h): what an extension declares must
// agree. All layouts of references are in layouts[] (service_layouts in load.c), whose order is the
// same for all extensions.
//
// Functions are called with interrupts off and the kernel lock held; from code that runs without it
// the way there takes it (strand_import).

#ifndef KERNEL_SPIN_SERVICE_H
#define KERNEL_SPIN_SERVICE_H

#include "engine/interface.h"
#include "engine/run.h"
#include "kernel/spin/ext.h"

struct service {
    struct engine_import import;
    u32 flags; // SERVICE_*
};

// service_owner tells who calls. It costs three instructions.
#define SERVICE_OWNER 1u
// It may switch, as strand_block does: for a strand's own code only, never in a raise.
#define SERVICE_SWITCHES 2u
// It wants neither the lock nor interrupts off.
#define SERVICE_ANYWHERE 4u
// Who imports it has strands.
#define SERVICE_STRANDS 8u
// It is imported with a type behind its name, and gets that in the fifth argument (counted.h).
#define SERVICE_COUNTED 16u

#define SERVICE(name)                                                                              \
    static const struct service service_##name;                                                    \
    static const struct service *const service_at_##name                                           \
        __attribute__((used, section("spin_services"))) = &service_##name;                         \
    static const struct service service_##name

extern const struct service *const spin_services_start[], *const spin_services_end[]; // kernel.ld

#define SERVICE_NUMBER                                                                             \
    { .kind = ENGINE_SCALAR }
#define SERVICE_BYTES_IN(length_argument, most)                                                    \
    {                                                                                              \
        .kind = ENGINE_BUFFER, .flags = ENGINE_TYPE_READ, .length = (length_argument) + 1,         \
        .size = (most)                                                                             \
    }
#define SERVICE_BYTES_OUT(length_argument, most)                                                   \
    {                                                                                              \
        .kind = ENGINE_BUFFER, .flags = ENGINE_TYPE_WRITE, .length = (length_argument) + 1,        \
        .size = (most)                                                                             \
    }
#define SERVICE_LENGTH(most)                                                                       \
    { .kind = ENGINE_SCALAR, .flags = ENGINE_TYPE_RANGE, .minimum = 0, .maximum = (most) }

// Where code goes that runs without the lock (strand_import.S), what to call being in r11: to call
// it with the lock; or, for a strand's own code, to raise an event. And where calls of functions
// that switch go from elsewhere.
extern const char strand_import[], strand_raise[], strand_pass_import[];
u64 strand_refused(u64 a, u64 b, u64 c, u64 d, u64 e, struct engine_run *run);

// The extension that called a function with SERVICE_OWNER.
static inline struct ext *service_owner(const struct engine_run *run) {
    return ((const struct ext_home *)run->cookie)->ext;
}

#endif
