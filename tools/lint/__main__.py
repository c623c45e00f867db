# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Checks the house rules; prints "path:line: rule: what is wrong" for each breach and exits 1 when there is one.

    python3 tools/lint [--tree DIR] [--build DIR] [--rule RULE]... [--cc CC] [--flags ROOM=FLAGS]...

Rules (each is tested in tests/host/test_lint.py by a tree that breaks it):

    edges      an include goes only where design.md, section 2, allows: kernel -> engine -> base -> abi, apps -> libos -> base -> abi
    cycles     headers don't include each other in a circle
    freestanding   the rooms that end up in the guest use no header of the host's C library
    directives no #if outside kernel/sal, except include guards and a few that can't be written otherwise
    names      the kernel names no libOS
    spdx       every source file begins with the two SPDX lines
    length     no file is longer than 1,000 lines
    hostile    docs/hostile.md lists the hostile tests, and no others
    headers    every header compiles alone, with its room's flags
    format     clang-format would change nothing
"""

import argparse
import os
import sys

import compiled
import includes
import text
from tree import Tree

RULES = {
    "edges": includes.check_edges,
    "cycles": includes.check_cycles,
    "freestanding": includes.check_freestanding,
    "directives": text.check_directives,
    "names": text.check_names,
    "spdx": text.check_spdx,
    "length": text.check_length,
    "hostile": text.check_hostile,
    "headers": compiled.check_headers,
    "format": compiled.check_format,
}


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("--tree", default=os.path.dirname(os.path.dirname(here)))
    parser.add_argument("--build", default="build")
    parser.add_argument("--rule", action="append", choices=sorted(RULES))
    parser.add_argument("--cc", default="clang")
    parser.add_argument("--flags", action="append", default=[])
    options = parser.parse_args()
    tree = Tree(options.tree, options.build, options.cc, dict(word.split("=", 1) for word in options.flags))
    breaches = []
    for rule in options.rule or RULES:
        breaches += [f"{path}:{line}: {rule}: {what}" for path, line, what in RULES[rule](tree)]
    for breach in breaches:
        print(breach)
    print(f"lint: {len(tree.files)} files, {len(breaches)} problems")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
