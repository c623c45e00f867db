// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The machine's console, shared with the launcher on the host, which gives the program three
// standard streams through it.
//
//   to us:   bytes are standard input; 0xFF 0xFF is a byte 0xFF; 0xFF 'E' ends the input;
//            0xFF 'W' and four bytes, rows and columns low byte first, is the size of the window
//   from us: 0xFF '1' and 0xFF '2': what follows is standard output, error; 0xFF 0xFF is a byte
//            0xFF; 0xFF 'R': input may come now; 0xFF 'X' low high is how the program ended, 0..255
//            or 256 + signal; 0xFF 'M' text NUL is for the launcher
//
// Words of the command line: stdin=tty|pipe|null, stdout=tty|pipe, stderr=tty|pipe (what each is on
// the host), rows=, cols=. Streams that are terminals there are /dev/console here; others are
// passed byte by byte.

#ifndef EXOS_TTY_CONSOLE_H
#define EXOS_TTY_CONSOLE_H

#include "abi/types.h"

struct file;
struct process;
struct tty;

// 0 or -ENOMEM. Reads the words.
i64 console_init(void);
struct tty *console_tty(void);
// Files for descriptors 0, 1, 2; and the terminal for the process's session if one of them is one.
i64 console_open_stdio(struct process *process, struct file *stdio[3]);
// A line for the launcher to show.
void console_message(const char *text);

// What came in is decoded by this, which tests use too.
struct console_decoder {
    u8 state; // 0: bytes; 1: after 0xFF; 2..5: inside a window size
    u8 window[4];
};
struct console_sink {
    void (*data)(void *context, const u8 *bytes, u64 count);
    void (*end)(void *context);
    void (*window)(void *context, u32 rows, u32 columns);
    void *context;
};
void console_decode(struct console_decoder *decoder, const u8 *bytes, u64 count,
                    const struct console_sink *sink);
// Writes bytes with 0xFF doubled; *used of them, as many as fit in room. Returns what it wrote.
u64 console_encode(u8 *to, u64 room, const u8 *bytes, u64 count, u64 *used);

#endif
