# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""The launcher: boots Tricolor in QEMU and makes a guest program look like a program of the host.

    main      what ./tricolor calls: sub-commands and exit codes
    options   the command line
    machine   QEMU's command line
    accel     does KVM really work here?
    tree      a folder tree in memory: what the guest's root will be
    cpio      that tree as a newc archive
    image     the boot module: first program, libOSes, root, arguments
    protocol  bytes on the guest's console, both directions
    terminal  the host's terminal: raw mode, size
    session   one run: QEMU, the pump between the host's streams and the console, how it ended
    debugger  gdb on a stopped machine
"""


class Trouble(Exception):
    """Something the user should read in one line; the launcher exits with `status`."""

    def __init__(self, text, status=125):
        super().__init__(text)
        self.status = status
