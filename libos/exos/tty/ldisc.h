// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The line discipline: what a terminal does between the wire and the program. Pure logic; it knows
// no processes, locks or devices. Who feeds it bytes (ldisc_input) gets echo through the emitter,
// and events as a result; who reads (ldisc_read) gets lines or raw bytes; ldisc_output turns a
// program's bytes into the wire's.
//
// Data structure: input bytes lie in a ring, read <= canon <= tail (free-running counters). In
// canonical mode bytes before `canon` are complete lines, and a set bit in `ends` marks the byte
// that ends one; an end that is the EOF character is itself not given to the reader. Bytes from
// canon to tail are being edited.
//
// Rules: the caller serialises all calls on one ldisc. The emitter may be called any number of
// times per call.

#ifndef EXOS_TTY_LDISC_H
#define EXOS_TTY_LDISC_H

#include <stdbool.h>

#include "abi/types.h"
#include "libos/exos/tty/termios.h"

#define LDISC_INPUT 4096u // bytes of type-ahead; a power of two

struct ldisc {
    struct tty_termios termios;
    u32 read, canon, tail;
    u32 column;       // of the cursor
    u32 canon_column; // where the line being edited began
    bool literal;     // VLNEXT was typed: the next byte is data
    bool stopped;     // output held by VSTOP or TCXONC
    bool hash_open;   // ECHOPRT printed a backslash and no slash yet
    u8 ends[LDISC_INPUT / 8];
    u8 ring[LDISC_INPUT];
};

struct ldisc_emitter {
    void (*emit)(void *context, u8 byte);
    void (*discard)(void *context); // forgets what was not shown yet; may be NULL
    void *context;
};

// Events of ldisc_input, or-ed.
enum ldisc_event {
    LDISC_READABLE = 1, // ldisc_readable may have become true
    LDISC_INTR = 2,     // send SIGINT to the foreground group
    LDISC_QUIT = 4,     // SIGQUIT
    LDISC_SUSP = 8,     // SIGTSTP
    LDISC_START = 16,   // output goes on
};

// Linux's settings of a fresh console.
void ldisc_init(struct ldisc *ld);

// One byte came in. Returns events.
unsigned ldisc_input(struct ldisc *ld, u8 byte, const struct ldisc_emitter *echo);

// Room for bytes that would not be thrown away. In canonical mode, never 0 while no line is
// complete, so that a line that is too long can still be ended.
u32 ldisc_room(const struct ldisc *ld);

// Would a read return at once: a complete line, or `minimum` bytes in raw mode.
bool ldisc_readable(const struct ldisc *ld, u32 minimum);

// Takes at most n bytes, in canonical mode at most a line. A result of 0 with *eof set is an end of
// file; with *eof not set, nothing is there.
u64 ldisc_read(struct ldisc *ld, u8 *to, u64 n, bool *eof);

// FIONREAD: bytes that can be read.
u32 ldisc_available(const struct ldisc *ld);

void ldisc_flush_input(struct ldisc *ld);

// One byte of a program's output.
void ldisc_output(struct ldisc *ld, u8 byte, const struct ldisc_emitter *out);

// Takes new settings over; turning ICANON off or on makes all input so far readable.
void ldisc_set_termios(struct ldisc *ld, const struct tty_termios *termios);

#endif
