# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""The boot module that the kernel finds in memory: the first program, then an archive with everything else.

    0          first.elf, padded with zeros to a multiple of 4096
    then       a newc archive:  boot/argv, boot/env, boot/cwd   what to run (argv is absent for an interactive shell)
                                boot/NAME.elf                   the libOS images, all of $(BUILD)/user/boot/
                                boot/ext/WHO/NAME.o             extensions to load first; WHO pays: first, libos
                                root, root/...                  the guest's root folder

argv and env are strings, each ended by a NUL. The same inputs give the same bytes.
"""

import os
import stat
import sys

from . import Trouble
from . import cpio
from . import machine
from . import tree as trees

BUSYBOX = "/bin/busybox"
TOOLS = ("tri-ext",)  # of $(BUILD)/guest/, in every default root
FILE = stat.S_IFREG | 0o644


def build_root(build, root, adds):
    """The guest's root as a tree: the default one with Tricolor's own programs, or the folder `root`; and what was added."""
    if root is None:
        if not trees.is_static_elf(BUSYBOX):
            raise Trouble(f"{BUSYBOX} is not there or not static; install the package busybox-static")
        tree = trees.default_root(BUSYBOX)
        for name in TOOLS:
            path = os.path.join(build, "guest", name)
            if os.path.exists(path):
                tree.put_host(path, "usr/bin/" + name)
        folder = os.path.join(build, "user", "bin")
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            tree.put_host(os.path.join(folder, name), "usr/local/bin/" + name)
    else:
        if not os.path.isdir(root):
            raise Trouble(f"--root: {root} is not a folder")
        tree = trees.Tree()
        tree.put_host(root, "")
    for host, guest in adds:
        tree.put_host(host, guest)
    return tree


def strings(words):
    """A list of strings as the guest reads it. Words come from the command line, so they hold no NUL."""
    return b"".join(os.fsencode(word) + b"\0" for word in words)


def boot_files(build):
    """The libOS images that the build made: pairs of archive name and host path."""
    folder = os.path.join(build, "user", "boot")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return [("boot/" + name, os.path.join(folder, name)) for name in names if name.endswith(".elf")]


def write(path, build, root, adds, exts, argv, env, cwd):
    """Writes the boot module for one run to `path`."""
    if os.isatty(2) and root is not None:
        print("tricolor: building the image of the root folder", file=sys.stderr)
    tree = build_root(build, root, adds)
    try:
        with open(path, "wb") as out:
            with open(machine.built(build, "user", "first.elf"), "rb") as source:
                out.write(source.read())
            out.write(b"\0" * (-out.tell() % cpio.ALIGN))
            writer = cpio.Writer(out, out.tell())
            writer.add_bytes("boot", stat.S_IFDIR | 0o755, b"")
            if argv:
                writer.add_bytes("boot/argv", FILE, strings(argv))
            writer.add_bytes("boot/env", FILE, strings(f"{k}={v}" for k, v in env.items()))
            writer.add_bytes("boot/cwd", FILE, strings([cwd]))
            for name, source in boot_files(build):
                writer.add_file(name, FILE, source, os.path.getsize(source))
            for source, name in exts:
                writer.add_file(name, FILE, source, os.path.getsize(source))
            tree.write(writer, "root")
            writer.finish()
    except (OSError, ValueError) as error:
        raise Trouble(f"can't build the boot image: {error}") from error
