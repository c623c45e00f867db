// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Mutation testing: each check of the verifier has a number in weaken.def. Compiled with
// -DVERIFY_WEAKEN=<number>, that check lets everything pass, and a test must go red
// (tests/engine/verify/mutate.py). Without it, WEAK() is the constant false.

#ifndef ENGINE_VERIFY_WEAKEN_H
#define ENGINE_VERIFY_WEAKEN_H

enum weaken {
    WEAKEN_NOTHING,
#define VERIFY_CHECK(id, what) WEAKEN_##id,
#include "engine/verify/weaken.def"
#undef VERIFY_CHECK
    WEAKEN_COUNT
};

#ifndef VERIFY_WEAKEN
#define VERIFY_WEAKEN 0
#endif

#define WEAK(id) (VERIFY_WEAKEN == WEAKEN_##id)

#endif
