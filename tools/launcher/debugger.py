# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""gdb on a stopped machine, with the symbols of the kernel, the first program and the libOSes."""

import os
import shutil
import signal
import subprocess
import time

from . import Trouble
from . import image
from . import machine


def qemu_words(socket):
    """What makes QEMU wait for gdb."""
    return ["-S", "-gdb", f"unix:{machine.escaped(socket)},server=on,wait=off"]


def attach(qemu, build, socket, extra):
    """Starts gdb in the foreground, connected to `socket`; returns an fd that becomes readable when gdb ends."""
    gdb = shutil.which("gdb")
    if gdb is None:
        raise Trouble("gdb is not installed: run tools/deps debug")
    while not os.path.exists(socket) and qemu.poll() is None:
        time.sleep(0.01)
    words = [gdb, "-q", "-iex", "set confirm off", "-iex", f"add-auto-load-safe-path {build}", machine.kernel_path(build),
             "-ex", "set architecture i386:x86-64"]
    programs = [os.path.join(build, "user", "first.elf"), *(path for _, path in image.boot_files(build))]
    for path in programs:
        # Images are stripped where a file NAME.debug stands beside them.
        symbols = os.path.splitext(path)[0] + ".debug"
        for name in (symbols, path):
            if os.path.exists(name):
                words += ["-ex", f"add-symbol-file {name}"]
                break
    words += ["-ex", f"target remote {socket}", *extra]
    process = subprocess.Popen(words)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # from now on Ctrl-C is for gdb
    return os.pidfd_open(process.pid)
