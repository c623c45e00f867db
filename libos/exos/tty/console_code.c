// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The coding of the console's bytes (console.h): pure logic.

#include "base/string.h"
#include "libos/exos/tty/console.h"

#define ESCAPE 0xff

static void decode_window(struct console_decoder *d, u8 byte, const struct console_sink *sink) {
    d->window[d->state - 2] = byte;
    if (++d->state < 6)
        return;
    d->state = 0;
    sink->window(sink->context, d->window[0] | (u32)d->window[1] << 8,
                 d->window[2] | (u32)d->window[3] << 8);
}

static void decode_escape(struct console_decoder *d, u8 byte, const struct console_sink *sink) {
    d->state = 0;
    if (byte == ESCAPE)
        sink->data(sink->context, &byte, 1);
    else if (byte == 'E')
        sink->end(sink->context);
    else if (byte == 'W')
        d->state = 2;
}

void console_decode(struct console_decoder *d, const u8 *bytes, u64 count,
                    const struct console_sink *sink) {
    while (count) {
        if (d->state == 1) {
            decode_escape(d, *bytes, sink);
        } else if (d->state) {
            decode_window(d, *bytes, sink);
        } else if (*bytes == ESCAPE) {
            d->state = 1;
        } else {
            const u8 *escape = memchr(bytes, ESCAPE, count);
            u64 run = escape ? (u64)(escape - bytes) : count;
            sink->data(sink->context, bytes, run);
            bytes += run;
            count -= run;
            continue;
        }
        bytes++;
        count--;
    }
}

u64 console_encode(u8 *to, u64 room, const u8 *bytes, u64 count, u64 *used) {
    u64 written = 0, i = 0;
    for (; i < count; i++) {
        u64 need = bytes[i] == ESCAPE ? 2 : 1;
        if (room - written < need)
            break;
        to[written++] = bytes[i];
        if (need == 2)
            to[written++] = ESCAPE;
    }
    *used = i;
    return written;
}
