# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""The terminal in front of the launcher.

While the guest runs, a terminal on standard input is raw: each key goes to the guest, whose own line discipline does echo, editing
and Ctrl-C. LEAVE_KEY followed by 'x' is the way out that works whatever the guest does; LEAVE_KEY twice sends it once.
"""

import os
import stat
import termios
import tty

LEAVE_KEY = b"\x1d"  # Ctrl-]


class RawMode:
    """A context in which the terminal on `fd` is raw; does nothing when it is no terminal."""

    def __init__(self, fd):
        self.fd = fd
        self.saved = None

    def __enter__(self):
        if os.isatty(self.fd):
            self.saved = termios.tcgetattr(self.fd)
            tty.setraw(self.fd, termios.TCSADRAIN)
        return self

    def __exit__(self, *_):
        self.restore()

    def restore(self):
        if self.saved is not None:
            termios.tcsetattr(self.fd, termios.TCSADRAIN, self.saved)
            self.saved = None


class LeaveKey:
    """Finds LEAVE_KEY x in the keys: filter(data) returns (what goes to the guest, whether to leave)."""

    def __init__(self):
        self.pending = False

    def filter(self, data):
        out = bytearray()
        for byte in data:
            key = bytes([byte])
            if self.pending:
                self.pending = False
                if key == b"x":
                    return bytes(out), True
                if key != LEAVE_KEY:
                    out += LEAVE_KEY
                out += key
            elif key == LEAVE_KEY:
                self.pending = True
            else:
                out += key
        return bytes(out), False


def window_size():
    """(rows, columns) of the terminal on one of the three streams, or 24 by 80."""
    for fd in (0, 1, 2):
        try:
            size = os.get_terminal_size(fd)
        except OSError:
            continue
        if size.lines and size.columns:
            return size.lines, size.columns
    return 24, 80


def kind_of(fd):
    """What a stream is for the guest: "tty", "null" or "pipe"."""
    try:
        if os.isatty(fd):
            return "tty"
        info = os.fstat(fd)
    except OSError:
        return "null"
    if stat.S_ISCHR(info.st_mode) and info.st_rdev == os.makedev(1, 3):
        return "null"
    return "pipe"
