// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Tests of the line discipline and of the console's coding.

#include "libos/exos/tty/ldisc.h"
#include "libos/exos/tty/console.h"
#include "tests/exos/shim.h"

#include <stdlib.h>
#include <string.h>

static struct ldisc ld;
static char screen[1 << 16];
static u32 screen_length;

static void show(void *context, u8 byte) {
    (void)context;
    if (screen_length < sizeof(screen) - 1)
        screen[screen_length++] = (char)byte;
    screen[screen_length] = 0;
}

static const struct ldisc_emitter emitter = {show, NULL, NULL};

static void fresh(void) {
    ldisc_init(&ld);
    screen_length = 0;
    screen[0] = 0;
}

static unsigned type(const char *text) {
    unsigned events = 0;
    for (; *text; text++)
        events |= ldisc_input(&ld, (u8)*text, &emitter);
    return events;
}

// What one read of n bytes gives, as text; "<eof>" and "<none>" are what they say.
static const char *read_text(u64 n) {
    static char text[LDISC_INPUT + 1];
    bool eof;
    if (!ldisc_readable(&ld, 1))
        return "<none>";
    u64 got = ldisc_read(&ld, (u8 *)text, n, &eof);
    text[got] = 0;
    return got == 0 && eof ? "<eof>" : text;
}

#define CHECK_TEXT(got, want) CHECK(!strcmp((got), (want)))

static void test_lines(void) {
    fresh();
    CHECK_EQ(type("abc"), 0);
    CHECK_TEXT(read_text(10), "<none>");
    CHECK(type("\r") & LDISC_READABLE);
    CHECK_EQ(ldisc_available(&ld), 4);
    CHECK_TEXT(read_text(2), "ab");
    CHECK_TEXT(read_text(10), "c\n");
    CHECK_TEXT(screen, "abc\r\n");
    type("one\ntwo\n");
    CHECK_TEXT(read_text(100), "one\n");
    CHECK_TEXT(read_text(100), "two\n");
    CHECK_TEXT(read_text(100), "<none>");
}

static void test_eof(void) {
    fresh();
    type("ab\x04");
    CHECK_TEXT(read_text(2), "ab"); // and takes the end with it
    CHECK_TEXT(read_text(10), "<none>");
    fresh();
    type("ab\x04");
    CHECK_EQ(ldisc_available(&ld), 2);
    CHECK_TEXT(read_text(10), "ab");
    CHECK_TEXT(read_text(10), "<none>");
    type("\x04");
    CHECK_TEXT(read_text(10), "<eof>");
    CHECK_TEXT(read_text(10), "<none>");
    CHECK_TEXT(screen, "ab");
}

static void test_erase(void) {
    fresh();
    type("abc\x7f\x7f");
    CHECK_TEXT(screen, "abc\b \b\b \b");
    type("x\n");
    CHECK_TEXT(read_text(10), "ax\n");
    fresh();
    type("\x7f\x7f"); // nothing to erase, nothing to show
    CHECK_TEXT(screen, "");
    fresh();
    type("one two  \x17z\n");
    CHECK_TEXT(read_text(20), "one z\n");
    fresh();
    type("garbage\x15ok\n");
    CHECK_TEXT(read_text(20), "ok\n");
    fresh();
    type("a\x01\x7f"); // ^A is shown as two characters
    CHECK_TEXT(screen, "a^A\b \b\b \b");
    fresh();
    type("ab\t\x7f");
    CHECK_TEXT(screen, "ab\t\b\b\b\b\b\b");
    fresh();
    ld.termios.iflag |= TTY_IUTF8;
    type("\xc3\xa4\x7f\n");
    CHECK_TEXT(read_text(20), "\n");
    CHECK_TEXT(screen, "\xc3\xa4\b \b\r\n");
}

static void test_signals(void) {
    fresh();
    CHECK_EQ(type("abc\x03"), LDISC_INTR);
    CHECK_TEXT(screen, "abc^C");
    type("\n");
    CHECK_TEXT(read_text(10), "\n"); // the line was thrown away
    CHECK_EQ(type("\x1c"), LDISC_QUIT);
    CHECK_EQ(type("\x1a"), LDISC_SUSP);
    fresh();
    ld.termios.lflag |= TTY_NOFLSH;
    type("abc\x03\n");
    CHECK_TEXT(read_text(10), "abc\n");
    fresh();
    ld.termios.lflag &= ~TTY_ISIG;
    CHECK_EQ(type("\x03\n"), LDISC_READABLE);
    CHECK_TEXT(read_text(10), "\x03\n");
    fresh();
    CHECK_EQ(type("\x16\x03\n"), LDISC_READABLE); // ^V takes it literally
    CHECK_TEXT(read_text(10), "\x03\n");
}

static void test_flow(void) {
    fresh();
    type("\x13");
    CHECK(ld.stopped);
    CHECK_EQ(type("\x11"), LDISC_START);
    CHECK(!ld.stopped);
    ld.termios.iflag |= TTY_IXANY;
    type("\x13");
    CHECK(type("a") & LDISC_START);
    type("\x13");
    CHECK(type("\x03") & LDISC_START);
}

static void test_mapping(void) {
    fresh();
    ld.termios.iflag &= ~TTY_ICRNL;
    type("a\rb\n");
    CHECK_TEXT(read_text(10), "a\rb\n");
    fresh();
    ld.termios.iflag |= TTY_IGNCR;
    type("a\rb\n");
    CHECK_TEXT(read_text(10), "ab\n");
    fresh();
    ld.termios.iflag |= TTY_ISTRIP;
    type("\xe1\n");
    CHECK_TEXT(read_text(10), "a\n");
    fresh();
    ld.termios.cc[TTY_VEOL] = ';';
    type("a;b\n");
    CHECK_TEXT(read_text(10), "a;");
    CHECK_TEXT(read_text(10), "b\n");
    fresh();
    ld.termios.lflag &= ~TTY_ECHO;
    type("secret\n");
    CHECK_TEXT(screen, "");
    ld.termios.lflag |= TTY_ECHONL;
    type("secret\n");
    CHECK_TEXT(screen, "\r\n");
}

static void test_raw(void) {
    struct tty_termios t;
    fresh();
    type("half");
    t = ld.termios;
    t.lflag &= ~(TTY_ICANON | TTY_ECHO | TTY_ISIG);
    ldisc_set_termios(&ld, &t);
    CHECK_TEXT(read_text(10), "half"); // what was typed becomes readable
    CHECK(type("\x7f\x03\x04") & LDISC_READABLE);
    CHECK(ldisc_readable(&ld, 3));
    CHECK(!ldisc_readable(&ld, 4));
    CHECK_TEXT(read_text(2), "\x7f\x03");
    CHECK_TEXT(read_text(2), "\x04");
    type("xyz");
    t.lflag |= TTY_ICANON;
    ldisc_set_termios(&ld, &t);
    CHECK_TEXT(read_text(10), "xyz");
}

static void test_overflow(void) {
    fresh();
    ld.termios.lflag &= ~TTY_ECHO;
    for (u32 i = 0; i < LDISC_INPUT + 500; i++)
        ldisc_input(&ld, 'a', &emitter);
    CHECK(ldisc_room(&ld) > 0); // or nobody could end the line
    ldisc_input(&ld, '\n', &emitter);
    CHECK_EQ(ldisc_available(&ld), LDISC_INPUT);
    CHECK_EQ(ldisc_room(&ld) & 0x80000000u, 0);
    static u8 all[LDISC_INPUT];
    bool eof;
    CHECK_EQ(ldisc_read(&ld, all, sizeof(all), &eof), LDISC_INPUT);
    CHECK_EQ(all[LDISC_INPUT - 1], '\n');
    CHECK_EQ(ldisc_available(&ld), 0);
}

static void test_output(void) {
    fresh();
    for (const char *p = "a\n\tb\rc"; *p; p++)
        ldisc_output(&ld, (u8)*p, &emitter);
    CHECK_TEXT(screen, "a\r\n\tb\rc");
    CHECK_EQ(ld.column, 1);
    fresh();
    ld.termios.oflag |= TTY_XTABS;
    for (const char *p = "ab\tc"; *p; p++)
        ldisc_output(&ld, (u8)*p, &emitter);
    CHECK_TEXT(screen, "ab      c");
    fresh();
    ld.termios.oflag = 0;
    ldisc_output(&ld, '\n', &emitter);
    CHECK_TEXT(screen, "\n");
}

// Whatever is typed and set, counters stay in order.
static void test_random(void) {
    fresh();
    srand(1);
    for (u32 i = 0; i < 200000; i++) {
        u8 part[64];
        bool eof;
        screen_length = 0;
        ldisc_input(&ld, (u8)rand(), &emitter);
        if (rand() % 40 == 0)
            ldisc_read(&ld, part, (u64)(rand() % 64), &eof);
        if (rand() % 500 == 0) {
            struct tty_termios t = ld.termios;
            t.lflag = (u32)rand();
            t.iflag = (u32)rand();
            ldisc_set_termios(&ld, &t);
        }
        if (ld.tail - ld.read > LDISC_INPUT || ld.canon - ld.read > ld.tail - ld.read) {
            CHECK(!"counters in order");
            return;
        }
    }
    CHECK(true);
}

// --- the console's coding --------------------------------------------------------------------

static char decoded[256];
static u32 ends, rows, columns;

static void on_data(void *context, const u8 *bytes, u64 count) {
    (void)context;
    u64 at = strlen(decoded);
    memcpy(decoded + at, bytes, count);
    decoded[at + count] = 0;
}
static void on_end(void *context) {
    (void)context;
    ends++;
}
static void on_window(void *context, u32 r, u32 c) {
    (void)context;
    rows = r;
    columns = c;
}

static void test_console(void) {
    static const struct console_sink sink = {on_data, on_end, on_window, NULL};
    static const u8 stream[] = "ab\xff\xff"
                               "c\xff"
                               "W\x30\x01\x50\x00"
                               "d\xff"
                               "E";
    for (u64 cut = 1; cut < sizeof(stream); cut++) {
        struct console_decoder d = {0};
        decoded[0] = 0;
        ends = rows = columns = 0;
        for (u64 at = 0; at < sizeof(stream) - 1; at += cut)
            console_decode(&d, stream + at,
                           at + cut < sizeof(stream) - 1 ? cut : sizeof(stream) - 1 - at, &sink);
        CHECK_TEXT(decoded, "ab\xff"
                            "cd");
        CHECK_EQ(ends, 1);
        CHECK_EQ(rows, 0x130);
        CHECK_EQ(columns, 0x50);
    }
    u8 out[5];
    u64 used;
    CHECK_EQ(console_encode(out, 5, (const u8 *)"a\xff\xff", 3, &used), 5);
    CHECK_EQ(used, 3);
    CHECK_EQ(console_encode(out, 4, (const u8 *)"a\xff\xff", 3, &used), 3);
    CHECK_EQ(used, 2); // a pair is not cut
}

int main(void) {
    test_lines();
    test_eof();
    test_erase();
    test_signals();
    test_flow();
    test_mapping();
    test_raw();
    test_overflow();
    test_output();
    test_random();
    test_console();
    return check_finish("exos-ldisc");
}
