// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The line discipline, see ldisc.h. The order of tests in ldisc_input is Linux's n_tty: strip, flow
// control, signals, newline mapping, literal, editing, data.

#include "libos/exos/tty/ldisc.h"

#include "base/string.h"

#define MASK     (LDISC_INPUT - 1)
#define DISABLED 0 // a control character set to this is off

static const struct tty_termios FRESH = {
    .iflag = TTY_ICRNL | TTY_IXON,
    .oflag = TTY_OPOST | TTY_ONLCR,
    .cflag = TTY_B38400 | TTY_CS8 | TTY_CREAD,
    .lflag = TTY_ISIG | TTY_ICANON | TTY_ECHO | TTY_ECHOE | TTY_ECHOK | TTY_ECHOCTL | TTY_ECHOKE |
             TTY_IEXTEN,
    .cc = {3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0},
};

void ldisc_init(struct ldisc *ld) {
    memset(ld, 0, sizeof(*ld));
    ld->termios = FRESH;
}

static bool lflag(const struct ldisc *ld, u32 bits) {
    return (ld->termios.lflag & bits) != 0;
}

static bool iflag(const struct ldisc *ld, u32 bits) {
    return (ld->termios.iflag & bits) != 0;
}

// Is byte the control character `which`, and is that one on?
static bool is_control(const struct ldisc *ld, enum tty_cc which, u8 byte) {
    return byte == ld->termios.cc[which] && byte != DISABLED;
}

static bool is_end(const struct ldisc *ld, u32 at) {
    return ld->ends[(at & MASK) >> 3] >> (at & 7) & 1;
}

static void set_end(struct ldisc *ld, u32 at, bool on) {
    u8 bit = (u8)(1u << (at & 7));
    if (on)
        ld->ends[(at & MASK) >> 3] |= bit;
    else
        ld->ends[(at & MASK) >> 3] &= (u8)~bit;
}

static bool is_continuation(const struct ldisc *ld, u8 byte) {
    return iflag(ld, TTY_IUTF8) && (byte & 0xc0) == 0x80;
}

static bool is_ctl(u8 byte) {
    return byte < 32 || byte == 127;
}

// --- output ----------------------------------------------------------------------------------

static void emit(const struct ldisc_emitter *out, u8 byte) {
    out->emit(out->context, byte);
}

static void output_tab(struct ldisc *ld, const struct ldisc_emitter *out) {
    u32 spaces = 8 - (ld->column & 7);
    ld->column += spaces;
    if ((ld->termios.oflag & TTY_TABDLY) != TTY_XTABS) {
        emit(out, '\t');
        return;
    }
    while (spaces--)
        emit(out, ' ');
}

static void output_newline(struct ldisc *ld, const struct ldisc_emitter *out) {
    if (ld->termios.oflag & TTY_ONLRET)
        ld->column = 0;
    if (ld->termios.oflag & TTY_ONLCR) {
        ld->column = 0;
        emit(out, '\r');
    }
    emit(out, '\n');
}

static void output_return(struct ldisc *ld, const struct ldisc_emitter *out) {
    if ((ld->termios.oflag & TTY_ONOCR) && ld->column == 0)
        return;
    if (ld->termios.oflag & TTY_OCRNL) {
        if (ld->termios.oflag & TTY_ONLRET)
            ld->column = 0;
        emit(out, '\n');
        return;
    }
    ld->column = 0;
    emit(out, '\r');
}

void ldisc_output(struct ldisc *ld, u8 byte, const struct ldisc_emitter *out) {
    if (!(ld->termios.oflag & TTY_OPOST)) {
        emit(out, byte);
        return;
    }
    switch (byte) {
    case '\n':
        output_newline(ld, out);
        return;
    case '\r':
        output_return(ld, out);
        return;
    case '\t':
        output_tab(ld, out);
        return;
    case '\b':
        if (ld->column)
            ld->column--;
        break;
    default:
        if ((ld->termios.oflag & TTY_OLCUC) && byte >= 'a' && byte <= 'z')
            byte = (u8)(byte - 32);
        if (!is_ctl(byte) && !is_continuation(ld, byte))
            ld->column++;
    }
    emit(out, byte);
}

// --- echo ------------------------------------------------------------------------------------

static void echo_raw(struct ldisc *ld, u8 byte, const struct ldisc_emitter *echo) {
    ldisc_output(ld, byte, echo);
}

// Echoes a byte, a control character as ^X when ECHOCTL is on.
static void echo_byte(struct ldisc *ld, u8 byte, const struct ldisc_emitter *echo) {
    if (lflag(ld, TTY_ECHOCTL) && is_ctl(byte) && byte != '\t' && byte != '\n') {
        echo_raw(ld, '^', echo);
        echo_raw(ld, byte ^ 0100, echo);
    } else {
        echo_raw(ld, byte, echo);
    }
}

static void echo_finish_print(struct ldisc *ld, const struct ldisc_emitter *echo) {
    if (ld->hash_open) {
        echo_raw(ld, '/', echo);
        ld->hash_open = false;
    }
}

static void echo_rubout(struct ldisc *ld, const struct ldisc_emitter *echo) {
    echo_raw(ld, '\b', echo);
    echo_raw(ld, ' ', echo);
    echo_raw(ld, '\b', echo);
}

// Columns that the edited line takes up to, not including, `end`.
static u32 line_column(const struct ldisc *ld, u32 end) {
    u32 column = ld->canon_column;
    for (u32 at = ld->canon; at != end; at++) {
        u8 byte = ld->ring[at & MASK];
        if (byte == '\t')
            column = (column | 7) + 1;
        else if (is_ctl(byte))
            column += lflag(ld, TTY_ECHOCTL) ? 2 : 0;
        else if (!is_continuation(ld, byte))
            column++;
    }
    return column;
}

// Takes the byte just removed at `tail` off the screen.
static void echo_erased(struct ldisc *ld, u8 byte, const struct ldisc_emitter *echo) {
    if (lflag(ld, TTY_ECHOPRT)) {
        if (!ld->hash_open) {
            echo_raw(ld, '\\', echo);
            ld->hash_open = true;
        }
        echo_byte(ld, byte, echo);
        return;
    }
    if (byte == '\t') {
        u32 want = line_column(ld, ld->tail);
        for (u32 guard = 0; ld->column > want && guard < 8; guard++)
            echo_raw(ld, '\b', echo);
        return;
    }
    if (is_ctl(byte)) {
        if (!lflag(ld, TTY_ECHOCTL))
            return;
        echo_rubout(ld, echo);
    }
    echo_rubout(ld, echo);
}

// --- editing ---------------------------------------------------------------------------------

// Removes the last character, with all its bytes, from the line being edited; returns its first
// byte.
static u8 drop_character(struct ldisc *ld) {
    do
        ld->tail--;
    while (ld->tail != ld->canon && is_continuation(ld, ld->ring[ld->tail & MASK]));
    return ld->ring[ld->tail & MASK];
}

static bool is_word(u8 byte) {
    return byte == '_' || (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z') || byte >= 128;
}

static void erase_character(struct ldisc *ld, const struct ldisc_emitter *echo) {
    if (ld->tail == ld->canon)
        return;
    u8 byte = drop_character(ld);
    if (!lflag(ld, TTY_ECHO))
        return;
    if (lflag(ld, TTY_ECHOE))
        echo_erased(ld, byte, echo);
    else
        echo_byte(ld, ld->termios.cc[TTY_VERASE], echo);
}

static void erase_word(struct ldisc *ld, const struct ldisc_emitter *echo) {
    bool seen = false;
    while (ld->tail != ld->canon) {
        u32 last = ld->tail - 1;
        bool word = is_word(ld->ring[last & MASK]);
        if (seen && !word)
            break;
        seen |= word;
        u8 byte = drop_character(ld);
        if (lflag(ld, TTY_ECHO) && lflag(ld, TTY_ECHOE))
            echo_erased(ld, byte, echo);
    }
}

static void erase_line(struct ldisc *ld, const struct ldisc_emitter *echo) {
    if (lflag(ld, TTY_ECHO) && lflag(ld, TTY_ECHOK) && lflag(ld, TTY_ECHOKE) &&
        lflag(ld, TTY_ECHOE)) {
        while (ld->tail != ld->canon)
            echo_erased(ld, drop_character(ld), echo);
        echo_finish_print(ld, echo);
        return;
    }
    ld->tail = ld->canon;
    if (!lflag(ld, TTY_ECHO))
        return;
    echo_finish_print(ld, echo);
    echo_byte(ld, ld->termios.cc[TTY_VKILL], echo);
    if (lflag(ld, TTY_ECHOK))
        echo_raw(ld, '\n', echo);
}

static void reprint_line(struct ldisc *ld, const struct ldisc_emitter *echo) {
    echo_finish_print(ld, echo);
    echo_byte(ld, ld->termios.cc[TTY_VREPRINT], echo);
    echo_raw(ld, '\n', echo);
    for (u32 at = ld->canon; at != ld->tail; at++)
        echo_byte(ld, ld->ring[at & MASK], echo);
}

// --- input -----------------------------------------------------------------------------------

u32 ldisc_room(const struct ldisc *ld) {
    u32 used = ld->tail - ld->read, room = used < LDISC_INPUT ? LDISC_INPUT - 1 - used : 0;
    if (!room && lflag(ld, TTY_ICANON) && ld->canon == ld->read)
        room = 1;
    return room;
}

static void append(struct ldisc *ld, u8 byte) {
    ld->ring[ld->tail & MASK] = byte;
    set_end(ld, ld->tail, false);
    ld->tail++;
}

// Ends the line with this byte. There is always room: data stops one byte short of the ring's size.
static unsigned end_line(struct ldisc *ld, u8 byte) {
    if (ld->tail - ld->read >= LDISC_INPUT)
        ld->tail--;
    append(ld, byte);
    set_end(ld, ld->tail - 1, true);
    ld->canon = ld->tail;
    return LDISC_READABLE;
}

static unsigned input_data(struct ldisc *ld, u8 byte, const struct ldisc_emitter *echo) {
    if (ld->tail - ld->read >= LDISC_INPUT - 1) {
        if (iflag(ld, TTY_IMAXBEL))
            echo_raw(ld, '\a', echo);
        return 0;
    }
    if (lflag(ld, TTY_ECHO)) {
        echo_finish_print(ld, echo);
        if (ld->tail == ld->canon)
            ld->canon_column = ld->column;
        if (byte == '\n')
            echo_raw(ld, '\n', echo);
        else
            echo_byte(ld, byte, echo);
    }
    append(ld, byte);
    if (lflag(ld, TTY_ICANON))
        return 0;
    ld->canon = ld->tail;
    return LDISC_READABLE;
}

void ldisc_flush_input(struct ldisc *ld) {
    ld->read = ld->canon = ld->tail = 0;
    ld->literal = false;
    ld->hash_open = false;
    memset(ld->ends, 0, sizeof(ld->ends));
}

static unsigned input_signal(struct ldisc *ld, u8 byte, unsigned event,
                             const struct ldisc_emitter *echo) {
    if (!lflag(ld, TTY_NOFLSH)) {
        ldisc_flush_input(ld);
        if (echo->discard)
            echo->discard(echo->context);
    }
    unsigned events = event;
    if (ld->stopped && iflag(ld, TTY_IXON)) {
        ld->stopped = false;
        events |= LDISC_START;
    }
    if (lflag(ld, TTY_ECHO))
        echo_byte(ld, byte, echo);
    return events;
}

static unsigned signal_of(const struct ldisc *ld, u8 byte) {
    if (!lflag(ld, TTY_ISIG))
        return 0;
    if (is_control(ld, TTY_VINTR, byte))
        return LDISC_INTR;
    if (is_control(ld, TTY_VQUIT, byte))
        return LDISC_QUIT;
    return is_control(ld, TTY_VSUSP, byte) ? LDISC_SUSP : 0;
}

// Editing characters and line ends of canonical mode. Returns whether the byte was one; *events is
// set.
static bool input_canonical(struct ldisc *ld, u8 byte, const struct ldisc_emitter *echo,
                            unsigned *events) {
    bool extended = lflag(ld, TTY_IEXTEN);
    *events = 0;
    if (is_control(ld, TTY_VERASE, byte)) {
        erase_character(ld, echo);
    } else if (is_control(ld, TTY_VKILL, byte)) {
        erase_line(ld, echo);
    } else if (extended && is_control(ld, TTY_VWERASE, byte)) {
        erase_word(ld, echo);
    } else if (extended && is_control(ld, TTY_VLNEXT, byte)) {
        ld->literal = true;
        if (lflag(ld, TTY_ECHO) && lflag(ld, TTY_ECHOCTL)) {
            echo_finish_print(ld, echo);
            echo_raw(ld, '^', echo);
            echo_raw(ld, '\b', echo);
        }
    } else if (extended && lflag(ld, TTY_ECHO) && is_control(ld, TTY_VREPRINT, byte)) {
        reprint_line(ld, echo);
    } else if (byte == '\n') {
        if (lflag(ld, TTY_ECHO) || lflag(ld, TTY_ECHONL)) {
            echo_finish_print(ld, echo);
            echo_raw(ld, '\n', echo);
        }
        *events = end_line(ld, byte);
    } else if (is_control(ld, TTY_VEOF, byte)) {
        *events = end_line(ld, byte);
    } else if (is_control(ld, TTY_VEOL, byte) || (extended && is_control(ld, TTY_VEOL2, byte))) {
        if (lflag(ld, TTY_ECHO)) {
            echo_finish_print(ld, echo);
            echo_byte(ld, byte, echo);
        }
        *events = end_line(ld, byte);
    } else {
        return false;
    }
    return true;
}

// Flow control. Returns whether the byte was used up.
static bool input_flow(struct ldisc *ld, u8 byte, unsigned *events) {
    *events = 0;
    if (!iflag(ld, TTY_IXON))
        return false;
    if (is_control(ld, TTY_VSTART, byte)) {
        *events = ld->stopped ? LDISC_START : 0;
        ld->stopped = false;
        return true;
    }
    if (is_control(ld, TTY_VSTOP, byte)) {
        ld->stopped = true;
        return true;
    }
    if (ld->stopped && iflag(ld, TTY_IXANY)) {
        ld->stopped = false;
        *events = LDISC_START;
    }
    return false;
}

unsigned ldisc_input(struct ldisc *ld, u8 byte, const struct ldisc_emitter *echo) {
    unsigned events = 0, more = 0;
    if (iflag(ld, TTY_ISTRIP))
        byte &= 0x7f;
    if (iflag(ld, TTY_IUCLC) && lflag(ld, TTY_IEXTEN) && byte >= 'A' && byte <= 'Z')
        byte = (u8)(byte + 32);
    if (ld->literal) {
        ld->literal = false;
        return input_data(ld, byte, echo);
    }
    if (input_flow(ld, byte, &events))
        return events;
    unsigned signal = signal_of(ld, byte);
    if (signal)
        return events | input_signal(ld, byte, signal, echo);
    if (byte == '\r') {
        if (iflag(ld, TTY_IGNCR))
            return events;
        if (iflag(ld, TTY_ICRNL))
            byte = '\n';
    } else if (byte == '\n' && iflag(ld, TTY_INLCR)) {
        byte = '\r';
    }
    if (lflag(ld, TTY_ICANON) && input_canonical(ld, byte, echo, &more))
        return events | more;
    return events | input_data(ld, byte, echo);
}

// --- reading ---------------------------------------------------------------------------------

bool ldisc_readable(const struct ldisc *ld, u32 minimum) {
    if (lflag(ld, TTY_ICANON))
        return ld->canon != ld->read;
    return ld->tail - ld->read >= (minimum ? minimum : 1);
}

// The EOF character that ended a line is not data.
static bool is_eof_mark(const struct ldisc *ld, u32 at) {
    return is_end(ld, at) && is_control(ld, TTY_VEOF, ld->ring[at & MASK]) &&
           ld->ring[at & MASK] != '\n';
}

u32 ldisc_available(const struct ldisc *ld) {
    if (!lflag(ld, TTY_ICANON))
        return ld->tail - ld->read;
    u32 count = 0;
    for (u32 at = ld->read; at != ld->canon; at++)
        count += !is_eof_mark(ld, at);
    return count;
}

static u64 read_line(struct ldisc *ld, u8 *to, u64 n, bool *eof) {
    u64 done = 0;
    while (ld->read != ld->canon) {
        u32 at = ld->read;
        if (is_eof_mark(ld, at)) {
            ld->read++;
            *eof = done == 0;
            return done;
        }
        if (done == n)
            break;
        to[done++] = ld->ring[at & MASK];
        ld->read++;
        if (is_end(ld, at))
            return done;
    }
    return done;
}

u64 ldisc_read(struct ldisc *ld, u8 *to, u64 n, bool *eof) {
    *eof = false;
    if (lflag(ld, TTY_ICANON))
        return read_line(ld, to, n, eof);
    u64 done = 0;
    while (done < n && ld->read != ld->tail)
        to[done++] = ld->ring[ld->read++ & MASK];
    ld->canon = ld->tail;
    return done;
}

void ldisc_set_termios(struct ldisc *ld, const struct tty_termios *termios) {
    bool was = lflag(ld, TTY_ICANON);
    ld->termios = *termios;
    bool is = lflag(ld, TTY_ICANON);
    if (was == is)
        return;
    // What was typed so far can be read at once. It ends as one line, unless lines already ended.
    for (u32 at = ld->read; !was && at != ld->tail; at++)
        set_end(ld, at, false);
    if (is && ld->tail != ld->read)
        set_end(ld, ld->tail - 1, true);
    ld->canon = ld->tail;
    if (!iflag(ld, TTY_IXON))
        ld->stopped = false;
}
