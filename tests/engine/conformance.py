#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Runs third-party conformance programs through engine-plugin.

usage: conformance.py PLUGIN DIRECTORY [MODE...]       MODE: --unverified, --interpret, --jit (default: the last two)

DIRECTORY holds one file per test (*.txt, *.txt.gz, in subdirectories too) of `key value` lines: name, prog (hex), mem (hex or -),
expect (`r0 X`, `r0lo32 X` or `error ...`), and optionally note. The data is not ours and not in this tree; without the directory
the tests are skipped, and say so.
"""
import gzip
import os
import subprocess
import sys

# Programs for which we differ from the suite, knowingly.
DIFFERENT = {
    "ubpf/errors-err-call-invalid-jump": "a function jumps into another: refused (the expected result belongs to the repaired program)",
    "ubpf/errors-err-call0": "one function runs on into the next: refused",
    "ubpf/errors-err-too-many-instructions": "their limit of 65536 instructions is not ours",
}


def read_test(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt") as file:
        test = dict(line.rstrip("\n").split(" ", 1) for line in file if " " in line)
    test["path"] = path
    return test


def find_tests(directory):
    for folder, _, names in sorted(os.walk(directory)):
        for name in sorted(names):
            if name.endswith((".txt", ".txt.gz")):
                yield read_test(os.path.join(folder, name))


def run(plugin, mode, test):
    """Returns None, or what went wrong."""
    memory = [] if test["mem"] == "-" else [test["mem"]]
    try:
        done = subprocess.run([plugin, mode, *memory], input=test["prog"], text=True, capture_output=True, timeout=30)
    except subprocess.TimeoutExpired:
        return "timeout"
    kind, _, value = test["expect"].partition(" ")
    if done.returncode not in (0, 1):
        return f"exit {done.returncode}: {done.stderr[-600:]}"
    if kind == "error":
        return None if done.returncode == 1 else f"accepted, r0 {done.stdout.strip()}"
    if done.returncode:
        return done.stderr.strip()
    mask = 0xFFFFFFFF if kind == "r0lo32" else (1 << 64) - 1
    got = int(done.stdout, 16)
    return None if got & mask == int(value, 16) & mask else f"r0 {got:#x}, not {value}"


def main():
    plugin, directory, modes = sys.argv[1], sys.argv[2], sys.argv[3:] or ["--interpret", "--jit"]
    passed = failed = skipped = 0
    if not os.path.isdir(directory):
        print(f"engine-conformance: no data at {directory}, skipped")
    else:
        for test in find_tests(directory):
            if f"{test['suite']}/{test['name']}" in DIFFERENT:
                skipped += 1
                continue
            for mode in modes:
                problem = run(plugin, mode, test)
                passed += problem is None
                failed += problem is not None
                if problem:
                    print(f"{test['suite']}/{test['name']} {mode}: {problem}")
        if skipped:
            print(f"{skipped} left out: see DIFFERENT in tests/engine/conformance.py")
    print(f"engine-conformance: {passed} passed, {failed} failed")
    sys.exit(failed != 0)


main()
