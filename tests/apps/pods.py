#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Two pods of ExOS and two minis, divided by the boot configuration, one pod hostile: the others keep their shares.

A share is what the positions in the vectors say: who has n of all N positions of a processor, and wants to run in them, gets at
least n / N of it whatever the others do. What was used is read where the kernel counts it, not from a clock on the wall.

usage: pods.py [--smp 1,2,4] [WORD]
"""

import os
import re
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "host"))
from harness import expect, run  # noqa: E402

SLICES = {"pod": 4, "hog": 8, "mini": 2}
ALL = SLICES["pod"] + SLICES["hog"] + 2 * SLICES["mini"]
SLACK = 0.93  # ends of slices, and what the first program needs

# Spins, forks without end, and takes what memory it gets, all at once.
HOG = """#!/bin/sh
echo hog: began
while :; do :; done &
while :; do :; done &
while :; do :; done &
( while :; do ( ( : ) & ( : ) & : ) ; done ) 2>/dev/null &
( x=$(yes | head -c 200000000) ) 2>/dev/null &
while :; do :; done
"""
KILLER = """#!/bin/sh
poweroff -f 2>/dev/null; reboot -f 2>/dev/null; halt -f 2>/dev/null
echo killer: tried
kill -9 -1
"""
SHORT = "#!/bin/sh\necho short: here\n"


def tricolor(script, libos, *options, scripts=None):
    """Runs a shell script in the first pod; returns (status, output, complaints, log)."""
    with tempfile.TemporaryDirectory(prefix="pods-") as folder:
        for name, text in (scripts or {}).items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(os.path.join(folder, name), 0o755)
        log = os.path.join(folder, "log")
        done = subprocess.run([os.path.join(TOP, "tricolor"), "run", "--timeout", "110", "--libos", libos, "--log", log,
                               "--add", folder + ":/pods", *options, "--", "sh", "-c", script],
                              capture_output=True, check=False, stdin=subprocess.DEVNULL)
        said = ""
        if os.path.exists(log):
            with open(log, encoding="utf-8", errors="replace") as file:
                said = file.read()
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"), said


def shares_hold(smp):
    libos = (f"exos:slices={SLICES['pod']},exos:mem=64M:slices={SLICES['hog']}:run=/pods/hog,"
             f"mini:mem=8M:slices={SLICES['mini']},mini:mem=8M:slices={SLICES['mini']}")
    script = ("sleep 1; while :; do :; done & tri-top --once -d 3000; kill $!; "
              "head -c 1000000 /dev/zero >/tmp/x; wc -c </tmp/x")
    status, out, err, log = tricolor(script, libos, "--smp", str(smp), "--mem", "256", "--kernel-arg", "mini_ms=100000",
                                     scripts={"hog": HOG})
    expect((status, err), (0, ""), out + log)
    assert "hog: began" in log and "library OS 1, exos, has ended" not in log, log
    rows = re.search(r"^ACCOUNT PARENT.*\n((?: +\d+ .*\n)+)", out, re.M)
    assert rows, out
    accounts = {int(row.split()[0]): row.split() for row in rows[1].splitlines()}
    by_slices = {}
    for row in accounts.values():
        by_slices.setdefault(int(row[8]), []).append(float(row[-1]))
    minis, hog = by_slices[SLICES["mini"] * smp], by_slices[SLICES["hog"] * smp][0]
    spinner = max(float(line.split()[-1]) for line in out.splitlines()
                  if re.match(rf" +\d+ +{max(accounts)} +\d+ (?:ready|running)", line))
    print(f"  {smp} cpu: of a processor, the hostile pod used {hog} %, minis {minis[0]} % and {minis[1]} %"
          f" ({100 * SLICES['mini'] / ALL} % are theirs), the other pod's one program {spinner} % ({100 / ALL} %)", flush=True)
    expect(len(minis), 2)
    for part in minis:
        assert part >= 100 * SLICES["mini"] / ALL * SLACK, f"a mini got {part} %\n{out}"
    assert spinner >= 100 / ALL * SLACK, f"the other pod's program got {spinner} %\n{out}"
    # What others want of it, it does not get.
    most = 100 * SLICES["hog"] / (SLICES["hog"] + 2 * SLICES["mini"] + 1) / SLACK
    assert smp > 1 or hog <= most, f"the hostile pod got {hog} % instead of {most} %\n{out}"
    assert out.endswith("\n1000000\n"), "the other pod's memory\n" + out
    quota = [int(row[3]) for row in accounts.values() if int(row[8]) == SLICES["hog"] * smp][0]
    expect(quota, 64 << 8, "the hostile pod's frames")


def test_shares_hold_1():
    shares_hold(1)


def test_shares_hold_2():
    shares_hold(2)


def test_shares_hold_4():
    shares_hold(4)


def test_nobody_stops_another():
    for smp in ("1", "2"):
        status, out, err, log = tricolor("sleep 3; echo here", "exos,exos:run=/pods/killer,mini", "--smp", smp,
                                         scripts={"killer": KILLER})
        expect((status, err), (0, ""), out + log)
        assert "killer: tried" in log and out.endswith("here\n"), out + log


def test_what_ends_is_given_back():
    status, out, err, log = tricolor("sleep 3; tri-top --once", "exos,exos:mem=32M:slices=9:run=/pods/short",
                                     scripts={"short": SHORT})
    expect((status, err), (0, ""), out + log)
    assert "short: here" in log and "first: library OS 1, exos, has ended" in log, log
    rows = re.search(r"^ACCOUNT PARENT.*\n((?: +\d+ .*\n)+)", out, re.M)[1].splitlines()
    expect(len(rows), 2, out)  # the first program's, and this pod's
    assert "; 512 slices of 10000 us, 9 free" in out, out


def test_wrong_configurations():
    for libos, complaint in (("exos:mem=9000M,mini", "there is not so much memory"),
                             ("exos:slices=500,mini:slices=12", "there are not so many positions"),
                             ("exos:slices=511,mini", "no positions are left for some"),
                             ("exos:mem=1K", "mem= wants a size such as 64M"),
                             ("exos:colour=red", "'colour=red' is not mem=SIZE, slices=NUMBER or run=PATH"),
                             ("exos:mem=0", "'mem=0' is not mem=SIZE"),
                             ("exos,,mini", "a name is missing"),
                             (",".join(["mini"] * 9), "9 are more than 8"),
                             ("exos:slices=1", None)):
        status, _, err, log = tricolor("true", libos)
        if complaint:
            assert status == 125 and complaint in err, (libos, status, err, log)
        else:
            assert status != 0, (libos, status, err)  # there is no position for the program beside init


run("pods", globals())
