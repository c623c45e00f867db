// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The console: a 16550 at COM1, eight bits, no parity. Interrupts tell of input only, and come once
// for all that is there: who is told must read until sal_console_get has nothing more.

#include "kernel/sal/x86_64/uart.h"
#include "kernel/sal/sal.h"
#include "kernel/sal/x86_64/apic.h"
#include "kernel/sal/x86_64/vectors.h"
#include "kernel/sal/x86_64/x86.h"

#define COM1       0x3f8
#define COM1_IRQ   4
#define FIFO_BYTES 16u
#define PUT_POLLS  1000000u

enum uart_register {
    UART_DATA = 0,
    UART_IER = 1,
    UART_FCR = 2,
    UART_LCR = 3,
    UART_MCR = 4,
    UART_LSR = 5,
    UART_SCRATCH = 7,
};
#define IER_INPUT 1
// Interrupts come at 14 bytes, or when a few character times pass without more.
#define FCR_ON_AND_CLEAR 0xc7
#define LCR_8N1          0x03
#define LCR_DIVISOR      0x80
#define MCR_DTR_RTS_OUT2 0x0b
#define LSR_INPUT        0x01
#define LSR_EMPTY        0x20

static u8 present;

void uart_init(void) {
    x86_out8(COM1 + UART_SCRATCH, 0x5a);
    if (x86_in8(COM1 + UART_SCRATCH) != 0x5a) {
        log_print("console: no UART at COM1");
        return;
    }
    x86_out8(COM1 + UART_IER, 0);
    x86_out8(COM1 + UART_LCR, LCR_DIVISOR);
    x86_out8(COM1 + UART_DATA, 1); // 115200 baud
    x86_out8(COM1 + UART_IER, 0);
    x86_out8(COM1 + UART_LCR, LCR_8N1);
    x86_out8(COM1 + UART_FCR, FCR_ON_AND_CLEAR);
    x86_out8(COM1 + UART_MCR, MCR_DTR_RTS_OUT2);
    present = 1;
    if (!apic_route_isa(COM1_IRQ, VECTOR_CONSOLE))
        log_print("console: no I/O APIC for its interrupt");
}

// Waits until the FIFO is empty; gives up on a UART that is stuck.
static int wait_empty(void) {
    for (u32 i = 0; i < PUT_POLLS; i++) {
        if (x86_in8(COM1 + UART_LSR) & LSR_EMPTY)
            return 1;
        sal_pause();
    }
    return 0;
}

void sal_console_put(const u8 *bytes, u64 count) {
    while (present && count && wait_empty()) {
        u64 part = count < FIFO_BYTES ? count : FIFO_BYTES;
        x86_out8_many(COM1 + UART_DATA, bytes, part);
        bytes += part;
        count -= part;
    }
}

i32 sal_console_get(void) {
    if (!present || !(x86_in8(COM1 + UART_LSR) & LSR_INPUT))
        return -1;
    return x86_in8(COM1 + UART_DATA);
}

void sal_console_interrupts(int on) {
    if (present)
        x86_out8(COM1 + UART_IER, on ? IER_INPUT : 0);
}
