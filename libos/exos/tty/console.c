// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The console, see console.h.
//
// Output is coded into one buffer, which goes to the kernel as fast as that takes it. Who writes
// holds the console (`busy`) from the first byte to the last, so that writes are not mixed, and
// waits until the buffer is empty; echo goes in between writes. A writer that is killed while he
// waits leaves a buffer that is whole as far as the coding goes.

#include "libos/exos/tty/console.h"

#include "abi/calls.h"
#include "base/string.h"
#include "libos/exos/boot.h"
#include "libos/exos/fs/data.h"
#include "libos/exos/fs/file.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/pipe.h"
#include "libos/exos/fs/poll.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/kernel.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/pod.h"
#include "libos/exos/time.h"
#include "libos/exos/tty/tty.h"

#define OUT_BYTES 4096u
#define LOG_BYTES 512u     // of one sys_log_write
#define RETRY_NS  500000ul // between looks at a console that is full

enum input_kind { INPUT_NULL, INPUT_TTY, INPUT_PIPE };

static struct {
    struct tty tty;
    enum input_kind input_kind;
    bool is_tty[3];
    u8 tty_stream; // where the terminal's output goes: 1, 2, or 0 for nowhere
    struct pipe *input;
    struct console_decoder decoder;

    bool busy;
    struct wait_queue busy_wait, full_wait;
    u8 stream; // that the other side reads now
    u32 from, to;
    u8 out[OUT_BYTES];
} console;

struct tty *console_tty(void) {
    return &console.tty;
}

// --- output ----------------------------------------------------------------------------------

// Gives the kernel what it takes; true when nothing is left.
static bool flush_some(void) {
    while (exos_boot.beside && console.from != console.to) {
        u32 part = console.to - console.from < LOG_BYTES ? console.to - console.from : LOG_BYTES;
        sys_log_write(exos_boot.cap_console, (u64)console.out + console.from, part);
        console.from += part;
    }
    while (console.from != console.to) {
        i64 taken = sys_console_write(exos_boot.cap_console, (u64)console.out + console.from,
                                      console.to - console.from);
        if (taken <= 0)
            return false;
        console.from += (u32)taken;
    }
    console.from = console.to = 0;
    return true;
}

// Waits until the buffer is empty. -ERESTARTSYS: killed.
static i64 flush_all(void) {
    while (!flush_some()) {
        struct wait_entry entry;
        wait_add(&console.full_wait, &entry);
        i64 error = wait_sleep_killable(time_monotonic() + RETRY_NS);
        wait_remove(&entry);
        if (error == -ERESTARTSYS)
            return error;
    }
    return 0;
}

static void select_stream(u8 stream) {
    if (console.stream == stream || exos_boot.beside)
        return;
    console.stream = stream;
    console.out[console.to++] = 0xff;
    console.out[console.to++] = (u8)('0' + stream);
}

// Codes as much as fits; bytes used.
static u64 put_some(u8 stream, const u8 *bytes, u64 count) {
    u64 used;
    if (OUT_BYTES - console.to < 4)
        return 0;
    select_stream(stream);
    console.to +=
        (u32)console_encode(console.out + console.to, OUT_BYTES - console.to, bytes, count, &used);
    return used;
}

static i64 console_begin(void) {
    i64 error = wait_event(&console.busy_wait, !console.busy, WAIT_FOREVER);
    if (!error)
        console.busy = true;
    return error;
}

static void console_end(void) {
    console.busy = false;
    wait_wake_one(&console.busy_wait);
}

static i64 console_put(u8 stream, const u8 *bytes, u64 count) {
    while (count) {
        u64 used = put_some(stream, bytes, count);
        bytes += used;
        count -= used;
        if (count || OUT_BYTES - console.to < 4) {
            i64 error = flush_all();
            if (error)
                return error;
        }
    }
    return 0;
}

static i64 tty_begin(struct tty *tty) {
    (void)tty;
    return console_begin();
}

static void tty_end(struct tty *tty) {
    (void)tty;
    flush_all();
    console_end();
}

static i64 tty_put(struct tty *tty, const u8 *bytes, u64 count) {
    (void)tty;
    return console.tty_stream ? console_put(console.tty_stream, bytes, count) : 0;
}

static u64 tty_try_put(struct tty *tty, const u8 *bytes, u64 count) {
    (void)tty;
    if (!console.tty_stream)
        return count;
    if (console.busy || !flush_some())
        return 0;
    u64 used = put_some(console.tty_stream, bytes, count);
    flush_some();
    return used;
}

static void tty_fill(struct tty *tty) {
    (void)tty;
    if (console.input_kind == INPUT_TTY)
        console_pump();
}

static const struct tty_driver driver = {tty_begin, tty_put, tty_end, tty_try_put, tty_fill};

// --- input -----------------------------------------------------------------------------------

static void input_data(void *context, const u8 *bytes, u64 count) {
    (void)context;
    if (console.input_kind == INPUT_TTY) {
        tty_input(&console.tty, bytes, count);
    } else if (console.input_kind == INPUT_PIPE) {
        pipe_put(console.input, (u64)bytes, count);
        console.input->activity++;
        wait_wake_all(&console.input->read_wait);
    }
}

static void input_end(void *context) {
    (void)context;
    if (console.input_kind == INPUT_TTY) {
        tty_set_ended(&console.tty);
    } else if (console.input_kind == INPUT_PIPE) {
        console.input->writers = 0;
        console.input->activity++;
        wait_wake_all(&console.input->read_wait);
    }
}

static void input_window(void *context, u32 rows, u32 columns) {
    (void)context;
    tty_set_winsize(&console.tty, (struct tty_winsize){(u16)rows, (u16)columns, 0, 0});
}

static u64 input_room(void) {
    switch (console.input_kind) {
    case INPUT_TTY:
        return tty_room(&console.tty);
    case INPUT_PIPE:
        return pipe_room(console.input);
    default:
        return 64;
    }
}

int console_pump(void) {
    static const struct console_sink sink = {input_data, input_end, input_window, NULL};
    static u8 bytes[512];
    int any = 0;
    flush_some();
    for (;;) {
        u64 room = input_room();
        room = room < sizeof(bytes) ? room : sizeof(bytes);
        i64 got = room && !exos_boot.beside
                      ? sys_console_read(exos_boot.cap_console, (u64)bytes, room)
                      : 0;
        if (got <= 0)
            return any;
        any = 1;
        console_decode(&console.decoder, bytes, (u64)got, &sink);
        if ((u64)got < room)
            return any;
    }
}

// --- standard streams that are no terminals --------------------------------------------------

static i64 input_read(struct file *f, u64 to, u64 bytes, u64 *position) {
    (void)position;
    if (!pipe_used(console.input))
        console_pump();
    i64 got = pipe_read_wait(console.input, to, bytes, f->flags);
    if (pipe_used(console.input) < LINUX_PIPE_BUF)
        console_pump();
    return got;
}

static u32 input_poll(struct file *f, struct poll_table *table) {
    (void)f;
    if (!pipe_used(console.input))
        console_pump();
    poll_add(table, &console.input->read_wait, console.input->activity);
    return (pipe_used(console.input) ? LINUX_POLLIN | LINUX_POLLRDNORM : 0) |
           (console.input->writers ? 0 : LINUX_POLLHUP);
}

static i64 input_ioctl(struct file *f, u32 request, u64 argument) {
    (void)f;
    if (request == TTY_FIONREAD)
        return put_user_u32(argument, (u32)pipe_used(console.input));
    return -ENOTTY;
}

static i64 stream_write(struct file *f, u64 from, u64 bytes, u64 *position) {
    u8 part[512];
    u64 done = 0;
    u8 stream = (u8)(u64)f->vnode->object;
    (void)position;
    i64 error = console_begin();
    if (error)
        return error;
    while (done < bytes && !error) {
        u64 now = bytes - done < sizeof(part) ? bytes - done : sizeof(part);
        u64 got = data_get(part, from + done, now);
        if (!got) {
            error = -EFAULT;
            break;
        }
        error = console_put(stream, part, got);
        done += error ? 0 : got;
    }
    flush_all();
    console_end();
    tty_flush_echo(&console.tty);
    return done || !error ? (i64)done : error;
}

static u32 stream_poll(struct file *f, struct poll_table *table) {
    (void)f, (void)table;
    return LINUX_POLLOUT | LINUX_POLLWRNORM;
}

static const struct file_ops input_ops = {
    .read = input_read, .poll = input_poll, .ioctl = input_ioctl, .stream = true};
static const struct file_ops stream_ops = {
    .write = stream_write, .poll = stream_poll, .stream = true};
static const struct vnode_ops input_vnode = {.file = &input_ops};
static const struct vnode_ops stream_vnode = {.file = &stream_ops};

static struct file *open_stream(u8 number) {
    bool input = number == 0;
    struct vnode *v =
        vnode_new(input ? &input_vnode : &stream_vnode, LINUX_S_IFIFO | 0600, 0, 0, FS_DEV_PIPE);
    if (!v)
        return NULL;
    v->object = (void *)(u64)number;
    struct file *f = file_new(v->ops->file, v, input ? LINUX_O_RDONLY : LINUX_O_WRONLY);
    if (!f)
        vnode_put(v);
    return f;
}

i64 console_open_stdio(struct process *process, struct file *stdio[3]) {
    struct file *terminal = NULL;
    for (u8 i = 0; i < 3; i++) {
        i64 error = 0;
        stdio[i] = NULL;
        if (console.is_tty[i] && terminal) {
            stdio[i] = terminal;
            file_get(terminal);
        } else if (console.is_tty[i]) {
            error = file_open(LINUX_AT_FDCWD, "/dev/console\0\0\0\0\0\0\0",
                              LINUX_O_RDWR | LINUX_O_NOCTTY, 0, &stdio[i]);
            terminal = stdio[i];
        } else if (i == 0 && console.input_kind == INPUT_NULL) {
            error =
                file_open(LINUX_AT_FDCWD, "/dev/null\0\0\0\0\0\0\0", LINUX_O_RDONLY, 0, &stdio[i]);
        } else {
            stdio[i] = open_stream(i);
        }
        if (error || !stdio[i]) {
            while (i--)
                file_put(stdio[i]);
            return error ? error : -ENOMEM;
        }
    }
    if (terminal)
        tty_acquire(&console.tty, process);
    return 0;
}

// --- start and end ---------------------------------------------------------------------------

static bool word_is(const char *name, const char *value) {
    char text[16];
    return exos_boot_word(name, text, sizeof(text)) >= 0 && string_equal(text, value);
}

static u16 word_number(const char *name, u16 otherwise) {
    char text[16];
    u32 number = 0;
    if (exos_boot_word(name, text, sizeof(text)) <= 0)
        return otherwise;
    for (const char *p = text; *p >= '0' && *p <= '9'; p++)
        number = number * 10 + (u32)(*p - '0');
    return number > 0 && number < 10000 ? (u16)number : otherwise;
}

i64 console_init(void) {
    tty_init(&console.tty, &driver, LINUX_DEV(TTY_MAJOR_AUX, TTY_MINOR_CONSOLE));
    console.tty.winsize.rows = word_number("rows", 24);
    console.tty.winsize.cols = word_number("cols", 80);
    console.is_tty[0] = word_is("stdin", "tty");
    console.is_tty[1] = word_is("stdout", "tty");
    console.is_tty[2] = word_is("stderr", "tty");
    if (exos_boot.beside)
        memset(console.is_tty, 0, sizeof(console.is_tty));
    console.tty_stream = console.is_tty[1] ? 1 : console.is_tty[2] ? 2 : 0;
    console.input_kind = console.is_tty[0]                              ? INPUT_TTY
                         : word_is("stdin", "null") || exos_boot.beside ? INPUT_NULL
                                                                        : INPUT_PIPE;
    console.input = pipe_new();
    if (!console.input)
        return -ENOMEM;
    console.input->readers = console.input->writers = 1;
    if (exos_boot.beside)
        return 0;
    // The launcher holds input back until it hears that the console takes it.
    console.out[console.to++] = 0xff;
    console.out[console.to++] = 'R';
    flush_some();
    return 0;
}

// For what must reach the host whatever the state of things.
static void flush_hard(void) {
    while (!flush_some())
        sys_env_sleep(0, time_to_tsc(time_monotonic() + RETRY_NS));
}

void console_message(const char *text) {
    if (exos_boot.beside) {
        pod_log("exos: %s", text);
        return;
    }
    flush_hard();
    console.out[console.to++] = 0xff;
    console.out[console.to++] = 'M';
    for (; *text && console.to < OUT_BYTES - 8; text++)
        console.out[console.to++] = (u8)*text;
    console.out[console.to++] = 0;
    flush_hard();
}

void console_exit(u32 status) {
    u32 code = (status & 0x7f) ? 256 + (status & 0x7f) : (status >> 8 & 0xff);
    const u8 end[] = {0xff, 'X', (u8)code, (u8)(code >> 8)};
    flush_hard();
    if (exos_boot.beside) { // the first program takes back what the pod had
        pod_log("exos: its program has ended with %u", code);
        for (;;)
            sys_env_destroy(CAP_SLOT_SELF, current_thread()->env);
    }
    memcpy(console.out, end, sizeof(end));
    console.to = sizeof(end);
    flush_hard();
    for (;;)
        sys_machine_exit(exos_boot.cap_machine, MACHINE_EXIT_OK);
}
