// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What ExOS was started with.

#ifndef EXOS_BOOT_H
#define EXOS_BOOT_H

#include "abi/types.h"

struct exos_boot {
    const unsigned char
        *archive; // the cpio archive, at the same address in every process (POD_MODULE)
    u64 archive_bytes;
    u32 cap_console, cap_machine; // slots; the console's is the same in every process, the
                                  // machine's only in init
    u32 cap_module;
    u32 beside;    // another library OS has the console and the machine: output goes to the log
    char run[104]; // the program, or empty: boot/argv says
};

extern struct exos_boot exos_boot;

// The value of word NAME= of the kernel's command line, copied (cut) with NUL: length, or -1 if it
// is not there.
i64 exos_boot_word(const char *name, char *to, u64 size);

// Called by init when the program of `run` has ended; FILES implements it (tty/console): flushes,
// tells the host, and ends the machine. status as wait4 gives it.
void console_exit(u32 status) __attribute__((noreturn));

#endif
