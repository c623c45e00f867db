// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Linux's terminal settings: the structures that TCGETS, TIOCGWINSZ and their like exchange, and
// the flags that the line discipline knows. Layouts and numbers are Linux's on x86-64.

#ifndef EXOS_TTY_TERMIOS_H
#define EXOS_TTY_TERMIOS_H

#include "abi/types.h"

#define TTY_CC 19

struct tty_termios {
    u32 iflag, oflag, cflag, lflag;
    u8 line;
    u8 cc[TTY_CC];
};
ABI_ASSERT_SIZE(struct tty_termios, 36);

// What TCGETS2 and TCSETS2 exchange.
struct tty_termios2 {
    struct tty_termios base;
    u32 ispeed, ospeed;
};
ABI_ASSERT_SIZE(struct tty_termios2, 44);

// What TCGETA and TCSETA exchange.
struct tty_termio {
    u16 iflag, oflag, cflag, lflag;
    u8 line;
    u8 cc[8];
    u8 padding;
};
ABI_ASSERT_SIZE(struct tty_termio, 18);

struct tty_winsize {
    u16 rows, cols, xpixel, ypixel;
};
ABI_ASSERT_SIZE(struct tty_winsize, 8);

enum tty_cc {
    TTY_VINTR = 0,
    TTY_VQUIT = 1,
    TTY_VERASE = 2,
    TTY_VKILL = 3,
    TTY_VEOF = 4,
    TTY_VTIME = 5,
    TTY_VMIN = 6,
    TTY_VSWTC = 7,
    TTY_VSTART = 8,
    TTY_VSTOP = 9,
    TTY_VSUSP = 10,
    TTY_VEOL = 11,
    TTY_VREPRINT = 12,
    TTY_VDISCARD = 13,
    TTY_VWERASE = 14,
    TTY_VLNEXT = 15,
    TTY_VEOL2 = 16,
};

// iflag
#define TTY_IGNBRK  0x0001u
#define TTY_BRKINT  0x0002u
#define TTY_ISTRIP  0x0020u
#define TTY_INLCR   0x0040u
#define TTY_IGNCR   0x0080u
#define TTY_ICRNL   0x0100u
#define TTY_IUCLC   0x0200u
#define TTY_IXON    0x0400u
#define TTY_IXANY   0x0800u
#define TTY_IXOFF   0x1000u
#define TTY_IMAXBEL 0x2000u
#define TTY_IUTF8   0x4000u

// oflag
#define TTY_OPOST  0x01u
#define TTY_OLCUC  0x02u
#define TTY_ONLCR  0x04u
#define TTY_OCRNL  0x08u
#define TTY_ONOCR  0x10u
#define TTY_ONLRET 0x20u
#define TTY_TABDLY 0x1800u
#define TTY_XTABS  0x1800u

// cflag
#define TTY_B38400 0x000fu
#define TTY_CS8    0x0030u
#define TTY_CREAD  0x0080u

// lflag
#define TTY_ISIG    0x00001u
#define TTY_ICANON  0x00002u
#define TTY_ECHO    0x00008u
#define TTY_ECHOE   0x00010u
#define TTY_ECHOK   0x00020u
#define TTY_ECHONL  0x00040u
#define TTY_NOFLSH  0x00080u
#define TTY_TOSTOP  0x00100u
#define TTY_ECHOCTL 0x00200u
#define TTY_ECHOPRT 0x00400u
#define TTY_ECHOKE  0x00800u
#define TTY_IEXTEN  0x08000u
#define TTY_EXTPROC 0x10000u

// ioctl requests
#define TTY_TCGETS     0x5401u
#define TTY_TCSETS     0x5402u
#define TTY_TCSETSW    0x5403u
#define TTY_TCSETSF    0x5404u
#define TTY_TCGETA     0x5405u
#define TTY_TCSETA     0x5406u
#define TTY_TCSETAW    0x5407u
#define TTY_TCSETAF    0x5408u
#define TTY_TCSBRK     0x5409u
#define TTY_TCXONC     0x540au
#define TTY_TCFLSH     0x540bu
#define TTY_TIOCEXCL   0x540cu
#define TTY_TIOCNXCL   0x540du
#define TTY_TIOCSCTTY  0x540eu
#define TTY_TIOCGPGRP  0x540fu
#define TTY_TIOCSPGRP  0x5410u
#define TTY_TIOCOUTQ   0x5411u
#define TTY_TIOCSTI    0x5412u
#define TTY_TIOCGWINSZ 0x5413u
#define TTY_TIOCSWINSZ 0x5414u
#define TTY_FIONREAD   0x541bu
#define TTY_TIOCCONS   0x541du
#define TTY_FIONBIO    0x5421u
#define TTY_TIOCNOTTY  0x5422u
#define TTY_TIOCSETD   0x5423u
#define TTY_TIOCGETD   0x5424u
#define TTY_TCSBRKP    0x5425u
#define TTY_TIOCGSID   0x5429u
#define TTY_TCGETS2    0x802c542au
#define TTY_TCSETS2    0x402c542bu
#define TTY_TCSETSW2   0x402c542cu
#define TTY_TCSETSF2   0x402c542du
#define TTY_TIOCGPTN   0x80045430u
#define TTY_TIOCSPTLCK 0x40045431u
#define TTY_FIONCLEX   0x5450u
#define TTY_FIOCLEX    0x5451u
#define TTY_FIOASYNC   0x5452u
#define TTY_FIOQSIZE   0x5460u

#endif
