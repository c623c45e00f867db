// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What tests of the kernel's services for extensions share.

#ifndef TESTS_GUEST_SERVICE_H
#define TESTS_GUEST_SERVICE_H

#include "abi/extension.h"
#include "tests/guest/guest.h"

#define LOAD(name)                                                                                 \
    ({                                                                                             \
        extern const char object_##name[], object_##name##_end[];                                  \
        service_load(object_##name, object_##name##_end);                                          \
    })

i64 service_load(const char *from, const char *end);
void unload(i64 ext);
// Calls an entry of it; the call itself must go well.
u64 call(i64 ext, const char *name, u64 a, u64 b);
u64 call4(i64 ext, const char *name, u64 a, u64 b, u64 c, u64 d);
// By whoever runs, for an env of the same account.
i64 watch(env_id env, i64 ext, u64 what);
// What dead extensions had comes back in the background too.
void settle(u64 frames);
// Until there is no such env any more.
void gone(env_id env);

#endif
