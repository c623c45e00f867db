#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""tri-top and tri-trace from ExOS' shell: what they show is what the tables and trace points say."""

import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "host"))
from harness import expect, run  # noqa: E402


def shell(script, *options):
    command = [os.path.join(TOP, "tricolor"), "run", "--timeout", "90", *options, "--", "sh", "-c", script]
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    expect((done.returncode, done.stderr), (0, b""), done.stdout.decode(errors="replace"))
    return done.stdout.decode()


def table(text, heading):
    """The rows below the line that begins with that heading, as lists of words."""
    below = re.search(rf"^ *{heading}.*\n((?: *(?:account +)?\d.*\n)+)", text, re.M)
    assert below, f"no table {heading} in:\n{text}"
    return [line.split() for line in below[1].splitlines()]


def test_top_adds_up():
    for cpus in ("1", "2"):
        text = shell("tri-top --once", "--smp", cpus)
        accounts = table(text, "ACCOUNT PARENT")
        owners = table(text, "OWNER OF FRAMES")
        envs = table(text, "ENV ACCOUNT")
        expect(len(table(text, "CPU  RUNS")), int(cpus))
        for account, owner in zip(accounts, owners):
            expect(owner[1], account[0])
            expect(sum(map(int, owner[2:])), int(account[2]), "frames of an account by kind")
            expect(sum(env[1] == account[0] for env in envs), int(account[6]), "envs of an account")
        mib, free = map(int, re.search(r"(\d+) MiB, (\d+) MiB free", text).groups())
        assert 0 < free < mib, text
        frames = int(re.search(r"nobody: (\d+) free", text)[1])
        expect(frames >> 8, free)


def test_top_shows_who_uses_the_processor():
    text = shell("while :; do :; done & tri-top --once -d 1000; kill $!")
    share = max(float(env[-1]) for env in table(text, "ENV ACCOUNT"))
    assert share > 80, text


def test_top_wrong_options():
    expect(shell("tri-top -n x; echo $?"), "tri-top: -n wants a number\n2\n")


def test_trace_shows_another_program():
    text = shell("tri-trace -t 3000 -p CALL,RESULT,FOREIGN,DEATH,CREATE >/tmp/t & sleep 1; /bin/busybox true; wait; cat /tmp/t", "--smp", "2")
    lines = [line for line in text.splitlines() if re.match(r" *\d+\.\d{6}  cpu \d  env ", line)]
    points = {line.split()[5] for line in lines}
    assert {"CALL", "RESULT", "FOREIGN", "DEATH", "CREATE"} == points, f"{points}\n{text[:3000]}"
    assert any(re.search(r"CALL +env_create", line) for line in lines), text[:3000]
    execve = [line for line in lines if re.search(r"FOREIGN +number=59 ", line)]
    assert execve, "no execve"
    dead = re.search(r"env +(\d+)  DEATH", text)[1]
    assert any(re.search(rf"env +{dead}  FOREIGN", line) for line in lines), "who died never called"


def test_trace_of_nobody_elses():
    """The first program's account is not the shell's to look at."""
    expect(shell("tri-trace -a 1; echo $?"), "tri-trace: can't trace that account: "
           "the capability lacks a right that the call needs, or covers another object\n1\n")


def test_trace_ends_with_its_program():
    text = shell("tri-trace >/dev/null & sleep 0.2; kill $!; wait $! 2>/dev/null; tri-trace -n 3 & sleep 0.2; ls >/dev/null; wait")
    expect(len(text.splitlines()), 3, text)


run("tri", globals())
