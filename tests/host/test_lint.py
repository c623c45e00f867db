# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Tests of tools/lint: a good tree is green, and each way of breaking a rule turns it red with that rule's name."""

import os
import subprocess
import sys
import tempfile

from harness import expect, run

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SPDX = "// SPDX-License-Identifier: MIT\n// SPDX-FileCopyrightText: 2026 The Tricolor authors\n"


def header(guard, body=""):
    return f"{SPDX}#ifndef {guard}\n#define {guard}\n{body}#endif\n"


GOOD = {
    "abi/a.h": header("A_H", "typedef int a_t;\n"),
    "abi/list.def": SPDX + "X(1)\n",
    "base/b.h": header("B_H", '#include "abi/a.h"\n#include <stddef.h>\n'),
    "engine/e.h": header("E_H", '#include "base/b.h"\n'),
    "engine/e_test.c": SPDX + "#include <stdio.h>\n",
    "kernel/sal/s.h": header("S_H", '#include "engine/e.h"\n#if 1\n#endif\n'),
    "kernel/aegis/k.h": header("K_H", '#include "kernel/sal/s.h"\n#include "gen/syscalls_kernel.h"\n'),
    "kernel/spin/p.h": header("P_H", '#include "kernel/aegis/k.h"\n'),
    "kernel/k.c": SPDX + '#include "kernel/spin/p.h"\n// A minimum of words.\n',
    "libos/rt/r.h": header("R_H", '#include "base/b.h"\n#include "gen/syscalls_user.h"\n'),
    "libos/exos/x.h": header("X_H", '#include "libos/rt/r.h"\n#ifdef __clang__\n#endif\n'),
    "libos/mini/m.h": header("M_H", '#include "libos/rt/r.h"\n'),
    "apps/p.h": header("APP_H", '#include "libos/exos/x.h"\n'),
    "tools/t.py": SPDX.replace("//", "#"),
    "tests/kernel/t.c": SPDX + '#include "kernel/sal/s.h"\n',
    "tests/t.h": header("T_H", '#include "engine/e.h"\n'),
    "build/gen/gen/syscalls_kernel.h": "",
    "build/gen/gen/syscalls_user.h": "",
    ".clang-format": "BasedOnStyle: LLVM\nSortIncludes: Never\n",
    "run": "#!/bin/sh\n" + SPDX.replace("//", "#"),
}


def lint(changes, *options):
    """Runs lint on the good tree with files changed or added (None: removed); returns (status, breaches)."""
    with tempfile.TemporaryDirectory(prefix="lint-test-") as top:
        for name, text in {**GOOD, **changes}.items():
            if text is not None:
                os.makedirs(os.path.dirname(os.path.join(top, name)) or top, exist_ok=True)
                with open(os.path.join(top, name), "w", encoding="utf-8") as out:
                    out.write(text)
        done = subprocess.run([sys.executable, os.path.join(TOP, "tools/lint"), "--tree", top, *options],
                              stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout.splitlines()[:-1]


def red(name, text, rule, line=None):
    """One change must give breaches of one rule only, in that file."""
    status, breaches = lint({name: text})
    expect(status, 1, f"status for {name}")
    start = f"{name}:{line}: {rule}: " if line else f"{name}:"
    for breach in breaches:
        assert breach.startswith(start) and f": {rule}: " in breach, (rule, breaches)
    return breaches


def includes(*paths):
    return SPDX + "".join(f'#include "{path}"\n' for path in paths)


def test_good_tree_is_green():
    expect(lint({}), (0, []))


def test_edges_between_rooms():
    for name, target in (("abi/y.c", "base/b.h"), ("base/y.c", "engine/e.h"), ("engine/y.c", "kernel/sal/s.h"),
                         ("engine/y.c", "libos/rt/r.h"), ("kernel/y.c", "libos/rt/r.h"), ("libos/rt/y.c", "kernel/sal/s.h"),
                         ("libos/rt/y.c", "engine/e.h"), ("libos/rt/y.c", "apps/p.h"), ("apps/y.c", "kernel/sal/s.h"),
                         ("tests/y.c", "kernel/sal/s.h"), ("tools/y.c", "libos/rt/r.h"),
                         ("ext/y.c", "kernel/sal/s.h"), ("abi/y.S", "kernel/sal/s.h"), ("bench/y.c", "kernel/sal/s.h"),
                         ("libos/rt/y.c", "gen/syscalls_kernel.h"), ("kernel/y.c", "gen/syscalls_user.h")):
        red(name, includes(target), "edges", 3)


def test_edges_within_rooms():
    for name, target in (("kernel/sal/y.c", "kernel/aegis/k.h"), ("kernel/aegis/y.c", "kernel/spin/p.h"),
                         ("kernel/dev/y.c", "kernel/aegis/k.h"), ("libos/exos/y.c", "libos/mini/m.h"),
                         ("libos/mini/y.c", "libos/exos/x.h")):
        red(name, includes(target), "edges", 3)


def test_edges_can_not_be_hidden():
    hidden = SPDX + '  #  include\t"kernel/sal/s.h" // why not\n'
    expect(lint({"libos/rt/y.c": hidden}, "--rule", "edges")[0], 1)
    red("libos/rt/y.c", includes("r.h"), "edges", 3)  # not a path from the top folder
    red("base/y.c", includes("base/../engine/e.h"), "edges", 3)
    red("base/y.c", includes("base/nowhere.h"), "edges", 3)


def test_cycles():
    status, breaches = lint({"abi/a.h": header("A_H", '#include "abi/c.h"\n'), "abi/c.h": header("C_H", '#include "abi/a.h"\n')})
    expect((status, len(breaches)), (1, 1), breaches)
    assert "abi/a.h -> abi/c.h -> abi/a.h" in breaches[0], breaches
    red("abi/own.h", header("OWN_H", '#include "abi/own.h"\n'), "cycles", 5)


def test_freestanding():
    for room in ("base", "engine", "kernel/sal", "libos/exos"):
        red(f"{room}/y.c", SPDX + "#include <stdlib.h>\n", "freestanding", 3)


def test_directives():
    for text in ("#if DEBUG\n#endif\n", "#ifdef CONFIG_SMP\n#endif\n", "#ifndef NDEBUG\nint x;\n#endif\n"):
        red("kernel/aegis/y.c", SPDX + text, "directives", 3)
    for text in ("// lint: allow-if, an attribute can't be an if\n#ifdef CONFIG_X\n#endif\n", "#if defined(__clang__)\n#endif\n",
                 "#ifndef DEFAULT\n#define DEFAULT 1\n#endif\n", "#ifndef TRICOLOR_HOST\n#endif\n"):
        expect(lint({"kernel/aegis/y.c": SPDX + text}), (0, []))


def test_names():
    for word in ("exos", "linux_open", "a_mini_b", "Linux", "EXOS"):
        red("kernel/aegis/y.c", f"{SPDX}// like {word} here\n", "names", 3)
    red("kernel/kernel.ld", SPDX + "exos = 1;\n", "names", 3)


def test_spdx():
    for name, text in (("abi/y.c", ""), ("abi/y.c", SPDX.splitlines()[0] + "\n"), ("abi/y.h", "#define X\n" + SPDX),
                       ("tools/y.py", "print()\n"), ("abi/y.def", "X()\n"), ("abi/room.mk", "x:\n"), ("Makefile", "x:\n"),
                       ("tools/script", "#!/bin/sh\nexit\n"), ("abi/y.c", SPDX.replace("MIT", "GPL-2.0"))):
        red(name, text, "spdx")


def test_length():
    expect(lint({"abi/y.c": SPDX + "//\n" * 998}), (0, []))
    red("abi/y.c", SPDX + "//\n" * 999, "length", 1001)


def test_hostile():
    page = "| attempt | what it gets | test |\n|---|---|---|\n| a | b | {} |\n"
    tests = SPDX + "TEST(attempt_one) {\n"
    expect(lint({"tests/guest/test_attempts.c": tests, "docs/hostile.md": page.format("`attempt_one`")}, "--rule", "hostile"), (0, []))
    for names in ("`attempt_two`, `attempt_one`", "`attempt_two`", "nothing"):
        status, breaches = lint({"tests/guest/test_attempts.c": tests, "docs/hostile.md": page.format(names)}, "--rule", "hostile")
        expect(status, 1, breaches)


def test_headers():
    red("base/y.h", header("Y_H", "extern unknown_t y;\n"), "headers", 1)
    status, breaches = lint({"kernel/sal/y.h": header("Y_H", "extern FLAG y;\n")}, "--flags", "kernel=-DFLAG=int")
    expect((status, breaches), (0, []), "a room's flags are used")


def test_format():
    red("base/y.c", SPDX + "int  x ;\n", "format", 3)


def test_one_rule_alone():
    expect(lint({"base/y.c": "int  x ;\n"}, "--rule", "format")[0], 1)
    expect(lint({"base/y.c": "int  x ;\n"}, "--rule", "edges"), (0, []))


if __name__ == "__main__":
    run("lint", globals())
