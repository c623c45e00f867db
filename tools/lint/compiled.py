# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Rules that a compiler or the formatter judges."""

import concurrent.futures
import os
import re
import shlex
import subprocess

from tree import room_of

# A room's headers are compiled with the flags of this kind of program.
KIND = {"abi": "user", "base": "user", "engine": "kernel", "kernel": "kernel", "libos": "user", "apps": "user", "ext": "ext",
        "tools": "host", "tests": "host", "bench": "host"}
DIAGNOSTIC = re.compile(r"^(.+?):(\d+):\d+: (?:fatal )?(?:error|warning): (.*)", re.M)


def compile_alone(tree, name):
    """Compiles a file that includes nothing but the header; returns breaches."""
    flags = shlex.split(tree.flags.get(KIND[room_of(name)], ""))
    command = [tree.cc, *flags, "-I.", f"-I{tree.build}/gen", "-Wall", "-Wextra", "-Werror", "-Wno-unused-command-line-argument",
               "-fsyntax-only", "-x", "c", "-"]
    done = subprocess.run(command, cwd=tree.top, input=f'#include "{name}"\n', capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return []
    found = DIAGNOSTIC.search(done.stderr)
    where = f"{os.path.normpath(found.group(1))}:{found.group(2)}: {found.group(3)}" if found else done.stderr.strip()[:300]
    return [(name, 1, f"doesn't compile alone: {where}")]


def check_headers(tree):
    headers = [name for name in tree.with_ending(".h") if room_of(name) in KIND]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for breaches in pool.map(lambda name: compile_alone(tree, name), headers):
            yield from breaches


def check_format(tree):
    names = tree.with_ending(".c", ".h")
    if not names:
        return
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *names], cwd=tree.top, stderr=subprocess.PIPE, text=True,
                          check=False)
    seen = set()
    for path, line, _ in DIAGNOSTIC.findall(done.stderr):
        if path not in seen:
            seen.add(path)
            yield path, int(line), "not as clang-format lays it out: make fmt"
    if done.returncode and not seen:
        yield ".clang-format", 1, done.stderr.strip()[:300]
