# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Run test targets one after another through make, and say in one last line how they went.

    runtests.py --make MAKE --logs DIR TARGET...

Each target prints what it likes, exits non-zero when red, and prints lines "NAME: N passed, M failed", which are added up. A
target that exits non-zero without a failure in such a line, or exits zero without any result, counts as one failure: silence is
not success. A target that can't run here says so in a line "NAME: ... skipped", and counts nothing.
Output goes to DIR/TARGET.log; the log of a red target is also shown. The exit status is 0 only when nothing failed.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import time

SUMMARY = re.compile(r"^([^:\s][^:]*): (\d+) passed, (\d+) failed\b", re.M)
SKIPPED = re.compile(r"^[^:\s][^:]*: .*\bskipped\b", re.M)
SHOWN_LINES = 120


def run(make, target, log):
    """Runs one target; returns (exit status, everything it printed)."""
    with open(log, "wb") as out:
        # close_fds=False keeps make's jobserver open to the child.
        status = subprocess.run(make + ["--no-print-directory", target], stdin=subprocess.DEVNULL,
                                stdout=out, stderr=subprocess.STDOUT, close_fds=False).returncode
    with open(log, "rb") as back:
        return status, back.read().decode("utf-8", "replace")


def judge(target, status, text):
    """Returns (passed, failed, one line about it) for a finished target."""
    passed = failed = 0
    for _, good, bad in SUMMARY.findall(text):
        passed += int(good)
        failed += int(bad)
    note = ""
    if status != 0 and failed == 0:
        failed, note = failed + 1, f" (exit status {status})"
    elif passed + failed == 0 and SKIPPED.search(text):
        note = " (" + SKIPPED.search(text).group(0) + ")"
    elif passed + failed == 0:
        failed, note = 1, " (it printed no result)"
    return passed, failed, f"{target}: {passed} passed, {failed} failed{note}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--make", default="make")
    parser.add_argument("--logs", required=True)
    parser.add_argument("targets", nargs="*")
    args = parser.parse_args()
    os.makedirs(args.logs, exist_ok=True)
    passed = failed = 0
    for target in args.targets:
        log = os.path.join(args.logs, target + ".log")
        start = time.monotonic()
        good, bad, line = judge(target, *run(shlex.split(args.make), target, log))
        passed += good
        failed += bad
        word = "FAIL" if bad else "ok  " if good else "skip"
        print(f"  {word}  {line}  [{time.monotonic() - start:.1f} s]", flush=True)
        if bad:
            with open(log, encoding="utf-8", errors="replace") as back:
                lines = back.read().splitlines()
            if len(lines) > SHOWN_LINES:
                print(f"        ... {len(lines) - SHOWN_LINES} lines more in {log}")
            for text in lines[-SHOWN_LINES:]:
                print("        " + text)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
