# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""The files that lint looks at, and which room each belongs to."""

import os
import re

ROOMS = ("abi", "base", "engine", "kernel", "libos", "ext", "apps", "tools", "tests", "bench")
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


class Tree:
    """`files` are the paths, relative to `top`, of all files in the rooms and of those in the top folder."""

    def __init__(self, top, build="build", cc="clang", flags=None):
        self.top, self.build, self.cc, self.flags = top, build, cc, flags or {}
        self._lines = {}
        self.files = [name for name in sorted(os.listdir(top)) if os.path.isfile(os.path.join(top, name))]
        for room in (*ROOMS, "docs", ".ci"):
            for folder, folders, names in os.walk(os.path.join(top, room)):
                folders[:] = sorted(n for n in folders if not n.startswith(("build", "__pycache__")))
                self.files += [os.path.relpath(os.path.join(folder, n), top) for n in sorted(names) if not n.endswith(".pyc")]

    def path(self, name):
        return os.path.join(self.top, name)

    def lines(self, name):
        if name not in self._lines:
            with open(self.path(name), encoding="utf-8", errors="replace") as source:
                self._lines[name] = source.read().splitlines()
        return self._lines[name]

    def with_ending(self, *endings):
        return [name for name in self.files if name.endswith(endings)]

    def includes(self, name):
        """The includes of a file: (line number, path in quotes or None, path in angle brackets or None)."""
        for number, line in enumerate(self.lines(name), 1):
            found = INCLUDE.match(line)
            if found:
                yield number, found.group(1), found.group(2)


def room_of(name):
    """The room of a path, or "" for files of the top folder."""
    first, slash, _ = name.partition("/")
    return first if slash else ""
