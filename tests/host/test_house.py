# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Tests of the house's small tools: the test runner, the installer of packages, the goals of the Makefile."""

import os
import re
import subprocess
import sys
import tempfile
import time

from harness import expect, run

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEPS = os.path.join(TOP, "tools/deps")

TARGETS = """\
good:
	@echo "good: 3 passed, 0 failed"
bad:
	@echo "evidence"; echo "bad: 2 passed, 1 failed"; exit 1
hidden:
	@echo "hidden: 1 passed, 2 failed"
crash:
	@echo "half: 4 passed, 0 failed"; exit 3
silent:
	@:
skipped:
	@echo "skipped: no data here, skipped"; echo "skipped: 0 passed, 0 failed"
lame:
	@echo "lame: 1 case skipped"; exit 1
two:
	@echo "one: 1 passed, 0 failed"; echo "two: 5 passed, 0 failed"
"""


def run_targets(*targets):
    """Runs tools/runtests.py on targets of a Makefile; returns (status, last line, all output)."""
    with tempfile.TemporaryDirectory() as place:
        with open(os.path.join(place, "Makefile"), "w", encoding="ascii") as out:
            out.write(TARGETS)
        done = subprocess.run([sys.executable, os.path.join(TOP, "tools/runtests.py"), "--make", "make", "--logs", "logs", *targets],
                              cwd=place, stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout.splitlines()[-1], done.stdout


def test_runner_adds_up():
    expect(run_targets("good", "two")[:2], (0, "9 passed, 0 failed"))
    status, last, text = run_targets("good", "skipped")
    expect((status, last), (0, "3 passed, 0 failed"))
    assert "skip  skipped: " in text and "no data here" in text, text


def test_runner_is_red():
    for targets, line in ((("good", "bad"), "5 passed, 1 failed"), (("hidden",), "1 passed, 2 failed"),
                          (("crash",), "4 passed, 1 failed"), (("silent",), "0 passed, 1 failed"),
                          (("lame",), "0 passed, 1 failed"), (("skipped",), "0 passed, 0 failed"),
                          (("nowhere",), "0 passed, 1 failed"), ((), "0 passed, 0 failed")):
        status, last, _ = run_targets(*targets)
        expect((status, last), (1, line), targets)
    assert "evidence" in run_targets("bad")[2]
    assert "evidence" not in run_targets("good")[2]


def deps(tools, *groups):
    """Runs tools/deps with `tools` ({name: script}) as the only commands; returns (status, stderr)."""
    with tempfile.TemporaryDirectory() as place:
        for name, script in tools.items():
            path = os.path.join(place, name)
            with open(path, "w", encoding="ascii") as out:
                out.write("#!/bin/sh\n" + script + "\n")
            os.chmod(path, 0o755)
        done = subprocess.run(["/bin/sh", DEPS, *groups], env={"PATH": place}, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


INSTALLER = {"apt-get": 'echo "apt-get $*" >&2', "apt-cache": "exit 0", "env": 'shift; exec "$@"', "id": "echo 0",
             "python3": "", "clang": "", "ld.lld": ""}


def test_deps_is_quick_when_all_is_there():
    start = time.monotonic()
    done = subprocess.run([DEPS, "build", "run", "test"], capture_output=True, check=True)
    took = time.monotonic() - start
    expect((done.stdout, done.stderr), (b"", b""))
    assert took < 0.5, f"{took:.3f} s"  # 5 ms by itself; the limit leaves room for a busy machine


def test_deps_installs_what_is_missing():
    status, err = deps(INSTALLER, "build")
    expect(status, 0, err)
    assert "installing as root: llvm\n" in err and re.search(r"apt-get .*install -y .*llvm$", err, re.M), err
    status, err = deps({**INSTALLER, "id": "echo 1000", "sudo": '[ "$1" = -n ] && exit 0; exec "$@"'}, "build")
    expect(status, 0, err)
    assert "installing through sudo: llvm\n" in err and re.search(r"apt-get .*install -y .*llvm$", err, re.M), err


def test_deps_says_why_it_can_not():
    status, err = deps({**INSTALLER, "id": "echo 1000"}, "build")
    assert status == 1 and "apt-get install llvm" in err, err
    status, err = deps({**INSTALLER, "apt-get": "exit 100"}, "build")
    assert status == 1 and "could not install: llvm" in err, err
    status, err = deps({"python3": ""}, "build")
    assert status == 1 and "clang lld llvm" in err, err
    expect(deps(INSTALLER, "nonsense")[0], 1)


def test_rooms_say_what_belongs_there():
    for room in ("abi", "base", "engine", "kernel", "libos", "ext", "apps", "tools", "tests", "bench", "docs"):
        assert os.path.exists(os.path.join(TOP, room, "README.md")), room


if __name__ == "__main__":
    run("house", globals())
