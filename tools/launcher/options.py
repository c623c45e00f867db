# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""The command line of ./tricolor."""

import argparse
import os
import re

from . import Trouble

USAGE = """\
tricolor run   [OPTION]... [-- PROGRAM [ARGS...]]    boot, run one program, exit with its status (no program: a shell)
tricolor debug [OPTION]... [-- PROGRAM [ARGS...]]    the same, stopped at the first instruction, with gdb attached
tricolor image -o FILE [OPTION]... [-- PROGRAM ...]  only write the boot module

options:
  --smp N                       CPUs (default: 2 for the shell, otherwise 1)
  --mem MB                      memory in MiB (default 512)
  --cpu MODEL                   CPU as in qemu -cpu (default max)
  --machine q35|microvm         default q35
  --accel auto|tcg|kvm          auto (the default) takes KVM only after a probe guest has really run there
  --icount                      one instruction is one virtual nanosecond; one CPU, TCG
  --libos NAME[:OPTION]...[,NAME[:OPTION]...]...
                                the library operating system that runs the program (default exos), exos or mini, and others that
                                run beside it. OPTION: mem=64M, slices=N (positions in the vector of each CPU), run=PATH (the
                                program of an exos beside the first; its output goes to the log)
  --add HOSTPATH[:GUESTPATH]    put a file or folder into the guest's root (default: as /NAME); may be repeated
  --ext FILE.o[:exos]           load an extension into the kernel before anything runs, at the machine's cost, under the name
                                of the file; with :exos at the first library OS's, which may then call and unload it
  --root DIR                    take a folder as the guest's root instead of Debian's busybox
  --timeout S                   end the run after S seconds, with status 124
  --log FILE                    keep the kernel's log
  --kernel-arg WORD             a word for the kernel's command line; may be repeated
  --qemu-arg WORD               a word for QEMU's command line; may be repeated
  --gdb-arg WORD                (debug) a word for gdb's command line; may be repeated

A WORD that begins with '-' is written --qemu-arg=-WORD. On a terminal, Ctrl-] x leaves at once. Exit status: the program's; 128+N when signal N ended it; 124 time-out; 125 wrong option or
trouble with the launcher; 126 kernel panic; 127 no such program.
"""


LIBOSES = 8  # apps/first/config.h


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Trouble(f"{message} (see ./tricolor --help)")

    def print_help(self, file=None):
        print(USAGE, end="", file=file)


def at_least(low, kind):
    def convert(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value < 1e9:
            raise argparse.ArgumentTypeError(f"'{text}' is not a number from {low}")
        return value
    return convert


def split_add(text):
    """HOSTPATH[:GUESTPATH] as a pair.

    A colon counts only when the whole text is no host path and a '/' follows it. A GUESTPATH that ends with '/' is the folder
    to put it into; "/" alone with a folder puts the folder's contents into the root.
    """
    host, colon, guest = text.rpartition(":")
    explicit = colon and guest.startswith("/") and not os.path.lexists(text)
    if not explicit:
        host, guest = text, "/"
    if not os.path.exists(host):
        raise Trouble(f"--add: no such file or folder: {host}")
    merges = explicit and guest == "/" and os.path.isdir(host)
    if guest.endswith("/") and not merges:
        guest += os.path.basename(os.path.abspath(host))
    return host, guest


def split_ext(text):
    """FILE.o[:LIBOS] as (host path, name in the archive)."""
    host, colon, who = text.rpartition(":")
    if not colon or os.path.exists(text):
        host, who = text, ""
    if not os.path.isfile(host):
        raise Trouble(f"--ext: no such file: {host}")
    name = os.path.basename(host).removesuffix(".o")
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,31}", name):
        raise Trouble(f"--ext: '{name}' can't be the name of an extension: letters, digits, '.', '-', '_', at most 31")
    if who not in ("", "exos", "mini"):
        raise Trouble(f"--ext: {who} is no library OS")
    return host, f"boot/ext/{'libos' if who else 'first'}/{name}.o"


def common(parser):
    parser.add_argument("--smp", type=at_least(1, int))
    parser.add_argument("--mem", type=at_least(16, int), default=512)
    parser.add_argument("--cpu", default="max")
    parser.add_argument("--machine", choices=("q35", "microvm"), default="q35")
    parser.add_argument("--accel", choices=("auto", "tcg", "kvm"), default="auto")
    parser.add_argument("--icount", action="store_true")
    parser.add_argument("--libos", default="exos")
    parser.add_argument("--add", action="append", default=[])
    parser.add_argument("--ext", action="append", default=[])
    parser.add_argument("--root")
    parser.add_argument("--timeout", type=at_least(0, float))
    parser.add_argument("--log")
    parser.add_argument("--kernel-arg", action="append", default=[])
    parser.add_argument("--qemu-arg", action="append", default=[])


def parse(words):
    """Returns the options as a namespace with `command` and `argv` (the program and its arguments, maybe empty)."""
    cut = words.index("--") if "--" in words else len(words)
    if words[cut:] == ["--"]:
        raise Trouble("a program must follow '--' (see ./tricolor --help)")
    words, argv = words[:cut], words[cut + 1:]
    parser = Parser(prog="tricolor", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="run|debug|image", parser_class=Parser)
    common(commands.add_parser("run", allow_abbrev=False))
    debug = commands.add_parser("debug", allow_abbrev=False)
    common(debug)
    debug.add_argument("--gdb-arg", action="append", default=[])
    image = commands.add_parser("image", allow_abbrev=False)
    common(image)
    image.add_argument("-o", dest="output", required=True)
    options = parser.parse_args(words)
    options.argv = argv
    check(options)
    return options


def libos_names(text):
    """The names in --libos; complains about what apps/first would not understand."""
    parts = text.split(",")
    if len(parts) > LIBOSES:
        raise Trouble(f"--libos: {len(parts)} are more than {LIBOSES}")
    for part in parts:
        name, *given = part.split(":")
        if not name:
            raise Trouble(f"--libos: a name is missing in '{text}'")
        for option in given:
            if not re.fullmatch(r"mem=[1-9]\d*[KMG]?|slices=[1-9]\d*|run=\S+", option):
                raise Trouble(f"--libos: '{option}' is not mem=SIZE, slices=NUMBER or run=PATH")
    return [part.split(":")[0] for part in parts]


def check(options):
    if options.icount:
        if options.smp not in (None, 1):
            raise Trouble("--icount counts one CPU's instructions: it goes with --smp 1 only")
        if options.accel == "kvm":
            raise Trouble("--icount needs TCG: it doesn't go with --accel kvm")
        options.smp, options.accel = 1, "tcg"
    for word in [options.libos, *options.kernel_arg]:
        if not isinstance(word, str) or not word or word != "".join(word.split()) or word == "--":
            raise Trouble(f"'{word}' is not one word, which --libos and --kernel-arg want")
    options.libos_names = libos_names(options.libos)
    if options.argv and options.argv[0] == "":
        raise Trouble("the program's name is empty")
    if options.smp is None:
        options.smp = 1 if options.argv else 2
    options.exts = [split_ext(text) for text in options.ext]
    options.adds = [split_add(text) for text in options.add]
