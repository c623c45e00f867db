# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Rules that a file's text shows by itself."""

import re

from tree import room_of

SOURCES = (".c", ".h", ".S", ".def", ".py", ".sh", ".mk", ".ld", ".s", ".gdb")
LICENCE = "SPDX-License-Identifier: MIT"
HOLDER = "SPDX-FileCopyrightText: 2026 The Tricolor authors"
LONGEST = 1000

DIRECTIVE = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif)\b\s*(.*)")
# Differences between compilers, between C and assembly, and between the programs that one source is built into, can't be an
# `if`. Anything else needs `lint: allow-if` with a reason in a comment on the line or the one above.
UNAVOIDABLE = re.compile(r"^!?\s*(defined\s*\(?\s*)?(__ASSEMBLER__|__clang__|__GNUC__|__bpf__|__SANITIZE_\w+|__has_\w+|"
                         r"TRICOLOR_(KERNEL|USER|HOST))\b")
ALLOWED = "lint: allow-if"
CHECKED_ROOMS = ("abi", "base", "engine", "kernel", "libos")

LIBOS_NAME = re.compile(r"(?<![A-Za-z0-9])(exos|mini|linux)(?![A-Za-z0-9])", re.I)


def is_script(tree, name):
    if "." in name.rsplit("/", 1)[-1]:
        return False
    lines = tree.lines(name)
    return bool(lines) and lines[0].startswith("#!")


def sources(tree):
    for name in tree.files:
        if name.startswith("tests/") and "/data/" in name:
            continue
        if name.endswith(SOURCES) or name == "Makefile" or is_script(tree, name):
            yield name


def check_spdx(tree):
    for name in sources(tree):
        lines = tree.lines(name)
        first = 1 if lines and lines[0].startswith("#!") else 0
        head = [line.strip("/#*;-! \t") for line in lines[first:first + 2]]
        if head != [LICENCE, HOLDER]:
            yield name, first + 1, "the two SPDX lines are missing"


def check_length(tree):
    for name in sources(tree):
        if len(tree.lines(name)) > LONGEST:
            yield name, LONGEST + 1, f"{len(tree.lines(name))} lines, more than {LONGEST}"


def is_guard(lines, index, condition):
    """True for the #ifndef X of an include guard, or of a default: the next line defines X."""
    follower = lines[index + 1].split() if index + 1 < len(lines) else []
    return follower[:2] == ["#define", condition.split()[0] if condition else ""]


def check_directives(tree):
    for name in tree.with_ending(".c", ".h"):
        if room_of(name) not in CHECKED_ROOMS or name.startswith("kernel/sal/"):
            continue
        lines = tree.lines(name)
        for index, line in enumerate(lines):
            found = DIRECTIVE.match(line)
            if not found or UNAVOIDABLE.match(found.group(2)):
                continue
            if found.group(1) == "ifndef" and is_guard(lines, index, found.group(2)):
                continue
            if ALLOWED in line or (index and ALLOWED in lines[index - 1]):
                continue
            yield name, index + 1, f"#{found.group(1)} {found.group(2)}: use if (CONFIG_X), so that every branch compiles"


def check_names(tree):
    for name in tree.files:
        if room_of(name) != "kernel" or name.endswith(".md"):
            continue
        for number, line in enumerate(tree.lines(name), 1):
            found = LIBOS_NAME.search(line.replace("_", " "))
            if found:
                yield name, number, f"the kernel names '{found.group(1)}'"


HOSTILE_PAGE = "docs/hostile.md"
# Where every test is an attempt that the page must list.
ATTEMPTS = ("tests/guest/test_attempts.c", "tests/guest/test_hostile.c")


def hostile_tests(tree):
    """The names of all tests that the page may name, and of those that it must."""
    may, must = set(), {}
    for name in tree.with_ending(".c"):
        if not name.startswith("tests/guest/"):
            continue
        for number, line in enumerate(tree.lines(name), 1):
            found = re.match(r"TEST\((\w+)[,)]", line)
            if found:
                may.add(found[1])
                if name in ATTEMPTS:
                    must[found[1]] = (name, number)
    for name in ("tests/hostile/run.py", "tests/apps/pods.py"):
        text = "\n".join(tree.lines(name)) if name in tree.files else ""
        may |= set(re.findall(r"^def (?:test_)?(\w+)\(", text, re.M))
        for listed in re.findall(r'^(?:DYING|TELLING|SURVIVED) = "+([^"]*)"+\.split', text, re.M):
            must |= {word: (name, 1) for word in listed.split()}
    return may | set(must) | {"forge"}, must


def check_hostile(tree):
    if HOSTILE_PAGE not in tree.files:
        return
    may, must = hostile_tests(tree)
    listed = set()
    for number, line in enumerate(tree.lines(HOSTILE_PAGE), 1):
        cells = line.split("|")
        if len(cells) != 5 or not cells[3].strip(" -"):
            continue
        names = re.findall(r"`(\w+)`", cells[3])
        if not names and cells[3].strip() != "test":
            yield HOSTILE_PAGE, number, "an attempt without a test"
        for name in names:
            listed.add(name)
            if name not in may:
                yield HOSTILE_PAGE, number, f"there is no test {name}"
    for name, (path, number) in must.items():
        if name not in listed:
            yield path, number, f"{HOSTILE_PAGE} does not list {name}"
