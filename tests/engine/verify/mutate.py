#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Weakens each check of the verifier in turn and shows that some test goes red.

usage: mutate.py --out DIR --cc CC --cflags FLAGS --objects OBJECTS --cases FILES [--sample N] [CHECK...]

The checks are those of engine/verify/weaken.def; the verifier is compiled with -DVERIFY_WEAKEN=<number> for each, and linked with
the tests' objects. A mutant is killed by the cases, else by the number tests, else by random programs against the oracles.
--sample N takes every N-th check.
"""
import argparse
import glob
import os
import re
import subprocess
import sys

FUZZ_COUNT = 1500


def checks():
    text = open("engine/verify/weaken.def").read()
    return re.findall(r'^VERIFY_CHECK\((\w+), "(.*)"\)', text, re.M)


def build(options, number, out, main, objects):
    command = [options.cc, *options.cflags.split(), f"-DVERIFY_WEAKEN={number}", "-O1", "-w", "-o", out, *sorted(glob.glob("engine/verify/*.c")),
               *main, *objects]
    subprocess.run(command, check=True)


def red(command):
    """Does the test fail? Returns the first line of what it says."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, errors="replace")
    except subprocess.TimeoutExpired:
        return None  # proves nothing
    if done.returncode == 0:
        return None
    return ((done.stdout + done.stderr).strip().splitlines() or [f"exit {done.returncode}"])[0][:100]


def kill(options, number):
    base = os.path.join(options.out, "mutant")
    tests = "tests/engine/verify/"
    verify = [o for o in options.objects.split() if "/engine/verify/" not in o]
    for name, sources, arguments in (
        ("cases", ["cases.c"], sorted(options.cases.split())),
        ("numbers", ["numbers.c"], []),
        ("fuzz", ["fuzz.c", "oracle.c", "generate.c"], ["--seed", "3000", "--count", str(FUZZ_COUNT)]),
    ):
        out = f"{base}-{name}"
        build(options, number, out, [tests + s for s in sources], verify)
        said = red([out, *arguments])
        if said is not None:
            return f"{name}: {said}"
    return None


def main():
    parser = argparse.ArgumentParser()
    for option in ("--out", "--cc", "--cflags", "--objects", "--cases"):
        parser.add_argument(option, required=True)
    parser.add_argument("--sample", type=int, default=1)
    parser.add_argument("check", nargs="*")
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    passed = failed = 0
    for number, (name, what) in enumerate(checks(), 1):
        if options.check and name not in options.check or number % options.sample:
            continue
        killer = kill(options, number)
        passed += killer is not None
        failed += killer is None
        print(f"{name:24} {'killed by ' + killer if killer else 'SURVIVES: ' + what}", flush=True)
    print(f"verify-mutants: {passed} passed, {failed} failed")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
