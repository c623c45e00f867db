// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A stand-in for the kernel and all above it, to test the launcher: it speaks the console protocol,
// reads the boot module as the real guest does, and behaves as its first argument says (the table
// at the end). One thread, polling, no interrupts.

#include <stdint.h>

#define COM1      0x3f8
#define LOG_PORT  0xe9
#define EXIT_PORT 0xf4
enum { EXIT_END = 0x10, EXIT_PANIC = 0x11, EXIT_TESTS_FAILED = 0x12, EXIT_TESTS_PASSED = 0x13 };
#define ESCAPE    0xff
#define NAME_AREA 110 // length of a newc header

struct start_info {
    uint32_t magic, version, flags, modules;
    uint64_t module_list, command_line;
};
struct module {
    uint64_t address, size, command_line, reserved;
};
struct entry { // one file of the archive
    const char *name;
    const uint8_t *data;
    uint32_t size, mode;
};

void fake_main(const struct start_info *info);
void fake_reset(void);

static const uint8_t *module_start, *archive;
static uint32_t module_size;
static const char *command_line, *argument[16];
static int arguments;

static void port_write(uint16_t port, uint8_t value) {
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t port_read(uint16_t port) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static _Noreturn void machine_exit(uint32_t value) {
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"((uint16_t)EXIT_PORT));
    for (;;) {
        __asm__ volatile("hlt");
    }
}

static void console_put(uint8_t byte) {
    while (!(port_read(COM1 + 5) & 0x20)) {
    }
    port_write(COM1, byte);
}

static uint8_t console_get(void) {
    while (!(port_read(COM1 + 5) & 1)) {
    }
    return port_read(COM1);
}

static void put_data(const uint8_t *data, uint32_t size) {
    for (uint32_t i = 0; i < size; i++) {
        if (data[i] == ESCAPE) {
            console_put(ESCAPE);
        }
        console_put(data[i]);
    }
}

static uint32_t length(const char *text) {
    uint32_t n = 0;
    while (text[n]) {
        n++;
    }
    return n;
}

static int equal(const char *a, const char *b) {
    while (*a && *a == *b) {
        a++, b++;
    }
    return *a == *b;
}

static void put_text(const char *text) {
    put_data((const uint8_t *)text, length(text));
}

static void put_number(uint32_t value) {
    char digits[11];
    int at = 10;
    digits[at] = 0;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    put_text(digits + at);
}

static uint32_t number(const char *text) {
    uint32_t value = 0;
    while (*text >= '0' && *text <= '9') {
        value = value * 10 + (uint32_t)(*text++ - '0');
    }
    return value;
}

static void stream(char which) {
    console_put(ESCAPE);
    console_put((uint8_t)which);
}

static void say_status(uint32_t status) {
    console_put(ESCAPE);
    console_put('X');
    console_put((uint8_t)status);
    console_put((uint8_t)(status >> 8));
}

static _Noreturn void finish(uint32_t status) {
    say_status(status);
    machine_exit(EXIT_END);
}

static void log_text(const char *text) {
    while (*text) {
        port_write(LOG_PORT, (uint8_t)*text++);
    }
}

static uint32_t hex8(const uint8_t *text) {
    uint32_t value = 0;
    for (int i = 0; i < 8; i++) {
        value = value << 4 | (text[i] <= '9' ? text[i] - '0' : (text[i] | 0x20) - 'a' + 10u);
    }
    return value;
}

// Reads the archive entry at *at and moves on; returns 0 at the end.
static int next_entry(const uint8_t **at, struct entry *out) {
    const uint8_t *header = *at;
    uint32_t name_size = hex8(header + 94);
    out->name = (const char *)header + NAME_AREA;
    out->mode = hex8(header + 14);
    out->size = hex8(header + 54);
    out->data = header + ((NAME_AREA + name_size + 3) & ~3u);
    *at = out->data + ((out->size + 3) & ~3u);
    return !equal(out->name, "TRAILER!!!");
}

static int find_file(const char *name, struct entry *out) {
    const uint8_t *at = archive;
    while (next_entry(&at, out)) {
        if (equal(out->name, name)) {
            return 1;
        }
    }
    return 0;
}

// The next byte of standard input, or -1 at its end, or -2 for a new window size (in window[]).
static uint32_t window[2];
static int input_next(void) {
    uint8_t byte = console_get();
    if (byte != ESCAPE) {
        return byte;
    }
    switch (console_get()) {
    case ESCAPE:
        return ESCAPE;
    case 'E':
        return -1;
    case 'W':
        for (int i = 0; i < 2; i++) {
            window[i] = console_get();
            window[i] |= (uint32_t)console_get() << 8;
        }
        return -2;
    default:
        return -3;
    }
}

static void do_cat(void) {
    int byte;
    while ((byte = input_next()) >= 0) {
        uint8_t one = (uint8_t)byte;
        put_data(&one, 1);
    }
    finish(0);
}

static void do_head(void) { // echoes one byte and ends, whatever input is left
    uint8_t one = (uint8_t)input_next();
    put_data(&one, 1);
    finish(0);
}

static void do_exit(void) {
    finish(number(argument[1]));
}
static void do_signal(void) {
    finish(256 + number(argument[1]));
}

static void do_panic(void) {
    log_text("[0.1] all is well\n[0.2] panic: the fake broke\n[0.3] backtrace: here\n");
    machine_exit(EXIT_PANIC);
}

static void do_late_panic(void) {
    say_status(0);
    do_panic();
}

static void do_hang(void) {
    put_text("hanging\n");
    for (;;) {
        __asm__ volatile("hlt");
    }
}

static void do_linger(void) { // says its status, and doesn't switch off
    say_status(number(argument[1]));
    do_hang();
}

static void do_spew(void) {
    uint32_t state = 1;
    for (uint32_t left = number(argument[1]); left; left--) {
        state = state * 1664525 + 1013904223;
        uint8_t byte = (uint8_t)(state >> 24);
        put_data(&byte, 1);
    }
    finish(0);
}

static void do_both(void) {
    put_text("one ");
    stream('2');
    put_text("error ");
    stream('1');
    put_text("two\n");
    stream('2');
    put_text("again\n");
    finish(3);
}

static void do_missing(void) {
    console_put(ESCAPE);
    console_put('M');
    const char *text = "nowhere: not found";
    for (uint32_t i = 0; i <= length(text); i++) {
        console_put((uint8_t)text[i]);
    }
    finish(127);
}

static void do_args(void) {
    for (int i = 1; i < arguments; i++) {
        put_text("[");
        put_text(argument[i]);
        put_text("]\n");
    }
    finish(0);
}

static void do_file(void) {
    struct entry file;
    if (!find_file(argument[1], &file)) {
        finish(1);
    }
    put_data(file.data, file.size);
    finish(0);
}

static void
do_list(void) { // name, mode and size of each entry; aligned or not; the first program's size
    const uint8_t *at = archive;
    struct entry file;
    while (next_entry(&at, &file)) {
        put_text(file.name);
        put_text(" ");
        put_number(file.mode);
        put_text(" ");
        put_number(file.size);
        put_text(((uint32_t)(file.data - module_start) & 4095) == 0 ? " aligned\n" : " -\n");
    }
    finish(module_size >= (uint32_t)(at - module_start) ? 0 : 1);
}

static void do_cmdline(void) {
    put_text(command_line);
    finish(0);
}

static void do_window(void) {
    put_text("ready\n");
    while (input_next() != -2) {
    }
    put_number(window[0]);
    put_text(" ");
    put_number(window[1]);
    put_text("\n");
    finish(0);
}

static void do_quiet_end(void) {
    machine_exit(EXIT_END);
}
static void do_tests_failed(void) {
    machine_exit(EXIT_TESTS_FAILED);
}
static void do_tests_passed(void) {
    machine_exit(EXIT_TESTS_PASSED);
}

static const struct {
    const char *name;
    void (*run)(void);
} behaviours[] = {
    {"cat", do_cat},
    {"head", do_head},
    {"exit", do_exit},
    {"signal", do_signal},
    {"panic", do_panic},
    {"late-panic", do_late_panic},
    {"reset", fake_reset},
    {"hang", do_hang},
    {"linger", do_linger},
    {"spew", do_spew},
    {"both", do_both},
    {"missing", do_missing},
    {"args", do_args},
    {"file", do_file},
    {"list", do_list},
    {"cmdline", do_cmdline},
    {"window", do_window},
    {"quiet-end", do_quiet_end},
    {"tests-failed", do_tests_failed},
    {"tests-passed", do_tests_passed},
};

// The archive begins at the first page boundary behind the first program that holds newc's magic.
static const uint8_t *find_archive(void) {
    for (const uint8_t *at = module_start; at < module_start + module_size; at += 4096) {
        if (at[0] == '0' && at[1] == '7' && at[2] == '0' && at[3] == '7' && at[4] == '0' &&
            at[5] == '1') {
            return at;
        }
    }
    log_text("panic: no archive in the boot module\n");
    machine_exit(EXIT_PANIC);
}

void fake_main(const struct start_info *info) {
    const struct module *module = (const struct module *)(uintptr_t)info->module_list;
    command_line = (const char *)(uintptr_t)info->command_line;
    module_start = (const uint8_t *)(uintptr_t)module->address;
    module_size = (uint32_t)module->size;
    archive = find_archive();
    log_text("fake guest started\n");
    port_write(COM1 + 1, 0);    // no interrupts
    port_write(COM1 + 2, 0xc7); // FIFO on, trigger 14, both cleared: input that came before is lost
    console_put(ESCAPE);
    console_put('R');

    struct entry argv;
    if (!find_file("boot/argv", &argv)) {
        put_text("shell\n");
        do_cat();
    }
    for (uint32_t at = 0; at < argv.size && arguments < 16;
         at += length((const char *)argv.data + at) + 1) {
        argument[arguments++] = (const char *)argv.data + at;
    }
    for (uint32_t i = 0; i < sizeof(behaviours) / sizeof(behaviours[0]); i++) {
        if (equal(argument[0], behaviours[i].name)) {
            behaviours[i].run();
        }
    }
    finish(126);
}
