# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""QEMU's command line for one run.

The guest's side of the contract: console on COM1 (QEMU's own standard input and output here), kernel log on port 0xe9, end by
isa-debug-exit at port 0xf4, boot module as the first PVH module. The kernel's command line is

    KERNEL-ARGS... -- libos=NAME stdin=KIND stdout=KIND stderr=KIND rows=N cols=N TERM=NAME

where KIND is tty, pipe or null: the kernel reads the words before " -- ", user space those behind it.
"""

import os
import shutil

from . import Trouble
from . import terminal

QEMU = "qemu-system-x86_64"


def built(build, *parts):
    """The path of something that make builds."""
    path = os.path.join(build, *parts)
    if not os.path.exists(path):
        raise Trouble(f"{path} is not there: run make first")
    return path


def kernel_path(build):
    return built(build, "kernel", "tricolor.elf")


def qemu_path():
    path = shutil.which(QEMU)
    if path is None:
        raise Trouble(f"{QEMU} is not installed: run tools/deps run")
    return path


def command_line(options, kinds):
    """The kernel's command line; `kinds` says what the three standard streams are."""
    rows, columns = terminal.window_size()
    words = [f"libos={options.libos}", f"stdin={kinds[0]}", f"stdout={kinds[1]}", f"stderr={kinds[2]}", f"rows={rows}",
             f"cols={columns}"]
    if "tty" in kinds:
        words.append("TERM=" + term())
    return " ".join([*options.kernel_arg, "--", *words])


def term():
    name = os.environ.get("TERM", "")
    return name if name.isprintable() and name and " " not in name else "vt100"


def escaped(path):
    return path.replace(",", ",,")


def command(options, build, accel, image, log, kinds):
    """The words to start QEMU with. Its standard input and output are the guest's console."""
    machine = options.machine
    if machine == "microvm":
        machine = "microvm,isa-serial=on,rtc=on,pit=on,pic=on"
    words = [qemu_path(), "-machine", machine, "-accel", accel, "-cpu", options.cpu, "-smp", str(options.smp),
             "-m", str(options.mem), "-nodefaults", "-no-reboot", "-display", "none", "-no-user-config",
             "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
             "-chardev", f"file,id=log,path={escaped(log)}", "-device", "isa-debugcon,iobase=0xe9,chardev=log",
             "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
             "-kernel", kernel_path(build), "-initrd", image, "-append", command_line(options, kinds)]
    if options.icount:
        words += ["-icount", "shift=0,sleep=off"]
    return words + options.qemu_arg
