# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""What ./tricolor does: reads the command line, prepares a run, and turns its end into an exit status."""

import os
import shutil
import sys
import tempfile

from . import Trouble
from . import accel
from . import debugger
from . import image
from . import machine
from . import options as command_line
from . import session
from . import tree

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CWD = "/"


def build_folder():
    return os.path.join(TOP, os.environ.get("TRICOLOR_BUILD") or "build")


def environment(kinds):
    """The program's environment: the guest's own, not the host's."""
    env = {"HOME": "/root", "LOGNAME": "root", "PATH": tree.PATH, "SHELL": "/bin/sh", "USER": "root"}
    if "tty" in kinds:
        env["TERM"] = machine.term()
    return env


def write_image(options, path, kinds):
    image.write(path, build_folder(), options.root, options.adds, options.exts, options.argv, environment(kinds), CWD)


def prepare_log(options, scratch):
    if not options.log:
        return os.path.join(scratch, "log")
    try:
        with open(options.log, "wb"):
            pass
    except OSError as error:
        raise Trouble(f"--log: can't write {options.log}: {error.strerror}") from error
    return os.path.abspath(options.log)


def run(options, scratch):
    build = build_folder()
    machine.kernel_path(build)
    names = [os.path.basename(path)[:-4] for _, path in image.boot_files(build)]
    missing = [name for name in options.libos_names if name not in names]
    if missing and names:
        raise Trouble(f"--libos: there is no {missing[0]}, only {', '.join(names)}")
    kinds = session.stream_kinds()
    if options.command == "debug":
        kinds[0] = "null"  # the terminal is gdb's
    path = os.path.join(scratch, "image")
    write_image(options, path, kinds)
    log = prepare_log(options, scratch)
    words = machine.command(options, build, accel.choose(options, build), path, log, kinds)
    if options.command == "run":
        return session.Session(words, log, scratch, kinds, options.timeout).run()
    return debug(options, words, log, scratch, kinds, build)


def debug(options, words, log, scratch, kinds, build):
    """QEMU waits, gdb has the terminal, the guest's output appears between gdb's; the run ends with gdb."""
    socket = os.path.join(scratch, "gdb")
    guest = session.Session(words + debugger.qemu_words(socket), log, scratch, kinds, options.timeout)
    return guest.run(attach=lambda child: debugger.attach(child, build, socket, options.gdb_arg))


def main(words):
    if words and words[0] in ("-h", "--help", "help"):
        print(command_line.USAGE, end="")
        return 0
    scratch = None
    try:
        session.check_streams()
        options = command_line.parse(words)
        if options.command == "image":
            write_image(options, options.output, ["pipe"] * 3)
            return 0
        scratch = tempfile.mkdtemp(prefix="tricolor-")
        return run(options, scratch)
    except Trouble as trouble:
        print(f"tricolor: {trouble}", file=sys.stderr)
        return trouble.status
    except KeyboardInterrupt:
        return 130
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
