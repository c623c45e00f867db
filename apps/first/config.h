// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The boot configuration: which library OSes there are, and what each may have. A word of the
// kernel's command line says it:
//
//   libos=NAME[:OPTION]...[,NAME[:OPTION]...]...
//     mem=N[K|M|G]   memory
//     slices=N       positions in each processor's vector
//     run=PATH       the program that it runs (ExOS), instead of the launcher's
//
// Without `mem` the first gets what is left, and others an eighth of it; without `slices` what is
// left is divided equally.

#ifndef APPS_FIRST_CONFIG_H
#define APPS_FIRST_CONFIG_H

#include "abi/types.h"

#define CONFIG_LIBOSES 8

struct config_libos {
    char name[32];
    char run[104];
    u64 frames; // 0: not given
    u32 slices; // 0: not given, of each processor
};

struct config {
    struct config_libos libos[CONFIG_LIBOSES];
    u32 count;
};

// The configuration in a command line; "exos" if it has none. Returns null, or what is wrong.
const char *config_parse(const char *line, struct config *config);

// Gives those without numbers theirs, of so many frames, and positions of a processor. Returns
// null, or why it can't be.
const char *config_divide(struct config *config, u64 frames, u32 slices);

#endif
