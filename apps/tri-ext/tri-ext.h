// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// tri-ext: extensions from the shell of ExOS. It is a Linux program, for files, arguments and
// output, that makes native calls, which no library OS is asked about; what it loads is charged to
// the account of its library OS, and stays until it is unloaded or the account ends.

#ifndef APPS_TRI_EXT_TRI_EXT_H
#define APPS_TRI_EXT_TRI_EXT_H

#include "abi/extension.h"

// Runs the engine over an object as the kernel would, and says what it finds. 0 if it is accepted.
int explain(const char *path);

// Says why the kernel refused it.
void explain_report(const char *path, const struct ext_report *report);

// The whole file, or null; says why.
void *file_read(const char *path, u64 *bytes);

// Runs a program, and prints the system calls that the extension notes of it; its exit status.
int trace(ext_id ext, char **argv);

int show_extensions(void);
int show_events(void);
int show_statistics(void);

#endif
