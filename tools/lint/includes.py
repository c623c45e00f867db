# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Rules about includes: where they may go, and that they don't go in circles."""

import os
import re

from tree import room_of

# What a file of each room may include, its own room apart.
BELOW = {
    "abi": (),
    "base": ("abi",),
    "engine": ("base", "abi"),
    "kernel": ("engine", "base", "abi"),
    "libos": ("base", "abi"),
    "apps": ("libos", "engine", "base", "abi"),
    "ext": ("abi",),
    "tools": ("engine", "base", "abi"),
    # Tests and benchmarks are host programs on the pure rooms, or guest programs on a libOS.
    "tests": ("tools", "engine", "libos", "base", "abi"),
    "bench": ("tools", "engine", "libos", "base", "abi"),
}

# Tests that are linked with parts of the kernel stand in a folder of their own.
INSIDE_KERNEL = ("tests/kernel/", "bench/kernel/")

# The same between the parts of a room. A part that is not named here may include, and be included by, its whole room.
PARTS = {
    "kernel": {"sal": (), "dev": ("sal",), "aegis": ("dev", "sal"), "spin": ("aegis", "dev", "sal")},
    "libos": {"exos": None, "mini": None},  # None: anything but the other named parts
}

# Generated headers, by the room that they are for; all others are the contract's.
GENERATED = {"gen/syscalls_kernel.h": "kernel", "gen/kernel_offsets.h": "kernel", "gen/offsets.h": "kernel",
             "gen/syscalls_user.h": "libos", "gen/user_offsets.h": "libos"}

# What may be included in angle brackets by code that runs without a C library.
FREESTANDING_ROOMS = ("abi", "base", "engine", "kernel", "libos", "ext")
FREESTANDING = re.compile(r"^(float|iso646|limits|stdalign|stdarg|stdbool|stddef|stdint|stdnoreturn|cpuid|[a-z]*mmintrin)\.h$")
HOSTED_NAME = re.compile(r"(^|/)(tests?|host|fuzz)/|(_test|_fuzz|_host|_bench)\.[ch]$|(^|/)(test|fuzz|host|bench)_[^/]*\.[ch]$")


def target_room(path):
    if path.startswith("gen/"):
        return GENERATED.get(path, "abi")
    return room_of(path)


def part_of(path):
    pieces = path.split("/")
    return pieces[1] if len(pieces) > 2 else ""


def forbidden(source, target):
    """Why `source` may not include `target`, or None."""
    here, there = room_of(source), target_room(target)
    if there == "kernel" and source.startswith(INSIDE_KERNEL):
        return None
    if there != here:
        return None if there in BELOW.get(here, ()) else f"{here}/ may not include {there}/"
    parts = PARTS.get(here, {})
    mine, other = part_of(source), part_of(target)
    if mine == other or mine not in parts or target.startswith("gen/"):
        return None
    if parts[mine] is None:
        return f"{here}/{mine} may not include {here}/{other}" if other in parts else None
    return None if other in parts[mine] else f"{here}/{mine} may not include {here}/{other or '(top)'}"


def check_edges(tree):
    for name in tree.with_ending(".c", ".h", ".S"):
        if room_of(name) not in BELOW:
            continue
        for number, target, _ in tree.includes(name):
            if target is None:
                continue
            if not target.startswith("gen/") and not os.path.exists(tree.path(target)):
                yield name, number, f'"{target}" is not a path from the top folder'
                continue
            why = forbidden(name, os.path.normpath(target))
            if why:
                yield name, number, f'{why} ("{target}")'


def check_freestanding(tree):
    for name in tree.with_ending(".c", ".h", ".S"):
        if room_of(name) not in FREESTANDING_ROOMS or HOSTED_NAME.search(name):
            continue
        for number, _, system in tree.includes(name):
            if system is not None and not FREESTANDING.match(system):
                yield name, number, f"<{system}> belongs to a C library, which the guest doesn't have"


def check_cycles(tree):
    """Depth-first search over the headers; each circle is reported once, at the include that closes it."""
    graph = {name: [(number, target) for number, target, _ in tree.includes(name) if target in tree.files]
             for name in tree.with_ending(".h", ".def")}
    done, path = set(), []

    def visit(name):
        path.append(name)
        for number, target in graph.get(name, ()):
            if target in path:
                circle = path[path.index(target):] + [target]
                yield name, number, "includes in a circle: " + " -> ".join(circle)
            elif target not in done:
                yield from visit(target)
        path.pop()
        done.add(name)

    for name in graph:
        if name not in done:
            yield from visit(name)
