#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Boots the schedulers that are programs (apps/sched) and compares what their clients got with what they were promised.

usage: sched.py --build DIR [--smp 1,2,4] [--slices N] [--sets N] [--seed N] [--figure SVG] [-v]

The machine counts instructions (-icount), so a run repeats exactly and no host can make it miss a deadline. Deadlines are looked at
on one processor only: QEMU runs several in turns then, and starves one of them for many milliseconds when another is busy.

--figure draws the stride scheduler's first slices, as figure 3 of the Aegis paper does.
"""

import argparse
import os
import re
import subprocess
import sys

SLICE_US = 100
TOLERANCE = 0.01


def boot(options, smp):
    words = f"slice_us={SLICE_US} slices={options.slices} sets={options.sets if smp == 1 else 0} seed={options.seed}"
    command = ["qemu-system-x86_64", "-M", "q35", "-cpu", "max", "-m", "128", "-smp", str(smp), "-nodefaults", "-no-reboot",
               "-display", "none", "-accel", "tcg", "-icount", "shift=0,sleep=off",
               "-kernel", os.path.join(options.build, "kernel", "tricolor.elf"),
               "-initrd", os.path.join(options.build, "user", "sched.elf"), "-append", words,
               "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-debugcon", "stdio"]
    try:
        run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=240,
                             check=False)
        return run.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as error:
        return (error.stdout or b"").decode(errors="replace") + "\ntime-out\n"


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, what, good):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print(f"  wrong: {what}")

    def shares(self, what, used, tickets):
        """Each client's part of the time, against its part of the tickets."""
        for i, (u, t) in enumerate(zip(used, tickets)):
            got, ideal = u / sum(used), t / sum(tickets)
            self.check(f"{what}: client {i} got {got:.4f} of the time instead of {ideal:.4f}", abs(got / ideal - 1) <= TOLERANCE)


def judge(checks, log, smp):
    stride = [(int(t), int(u)) for t, u in re.findall(r"^stride cpus \d+ client \d tickets (\d+) used (\d+)", log, re.M)]
    checks.check(f"stride on {smp}: three clients", len(stride) == 3)
    if stride:
        checks.shares(f"stride on {smp}", [u for _, u in stride], [t for t, _ in stride])
    tree = [tuple(map(int, row)) for row in re.findall(r"^tree group (\d) of (\d) client \d tickets (\d+) used (\d+)", log, re.M)]
    checks.check(f"tree on {smp}: two groups", {row[0] for row in tree} == {0, 1})
    for group in {row[0] for row in tree}:
        mine = [row for row in tree if row[0] == group]
        checks.shares(f"tree on {smp}, group {group}", [row[3] for row in mine], [row[2] for row in mine])
    totals = {row[:2]: sum(r[3] for r in tree if r[0] == row[0]) for row in tree}
    if totals:
        checks.shares(f"tree on {smp}, groups", list(totals.values()), [tickets for _, tickets in totals])
    if smp == 1:
        judge_edf(checks, log)
    checks.check(f"sched on {smp}: ended", "sched: end" in log)


def judge_edf(checks, log):
    edf = re.findall(r"^edf (\w+) set (\d+) cpu (\d+) tasks (\d+) load (\d+) jobs (\d+) missed (\d+)", log, re.M)
    admitted = [row for row in edf if row[0] == "admitted"]
    checks.check("edf: jobs were done", admitted and all(int(row[5]) > 20 for row in admitted))
    for row in admitted:
        checks.check(f"edf: {' '.join(row)}: missed deadlines", row[6] == "0")
    forced = [row for row in edf if row[0] == "forced"]
    checks.check("edf: an overloaded set misses deadlines", forced and all(int(row[6]) > 0 for row in forced))


def figure(path, log):
    samples = [tuple(map(int, row)) for row in re.findall(r"^sample (\d+) (\d+) (\d+) (\d+)", log, re.M)][:120]
    width, height, left, top = 640, 360, 60, 30
    most = max(samples[-1][1:])
    slice_ticks = sum(samples[-1][1:]) / (len(samples) - 1)
    x = lambda i: left + i * (width - left - 20) / len(samples)  # noqa: E731
    y = lambda used: height - 40 - used * (height - 40 - top) / most  # noqa: E731
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="white"/>',
           f'<path d="M{left} {top}V{height - 40}H{width - 20}" fill="none" stroke="black"/>',
           f'<text x="{width / 2}" y="{height - 10}" text-anchor="middle">slices</text>',
           f'<text x="14" y="{height / 2}" text-anchor="middle" transform="rotate(-90 14 {height / 2})">slices used</text>',
           f'<text x="{left}" y="18">Stride scheduler as a program, 3:2:1 (dashed: ideal)</text>']
    for at in range(0, len(samples) + 1, 20):
        out.append(f'<text x="{x(at):.1f}" y="{height - 26}" text-anchor="middle">{at}</text>')
    for used in range(0, int(most / slice_ticks) + 1, 10):
        out.append(f'<text x="{left - 6}" y="{y(used * slice_ticks) + 4:.1f}" text-anchor="end">{used}</text>')
    for client, (tickets, color) in enumerate(((3, "#c33"), (2, "#393"), (1, "#33c"))):
        points = " ".join(f"{x(row[0]):.1f},{y(row[1 + client]):.1f}" for row in samples)
        ideal = y(slice_ticks * (len(samples) - 1) * tickets / 6)
        out.append(f'<path d="M{x(0):.1f} {y(0):.1f}L{x(samples[-1][0]):.1f} {ideal:.1f}" stroke="#999" stroke-dasharray="4 3"/>')
        out.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.5"/>')
        out.append(f'<text x="{width - 120}" y="{y(samples[-1][1 + client]) - 8:.1f}" fill="{color}">{tickets} tickets</text>')
    with open(path, "w", encoding="utf-8") as to:
        to.write("\n".join(out) + "\n</svg>\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--smp", default="1,2,4")
    parser.add_argument("--slices", type=int, default=10000)
    parser.add_argument("--sets", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--figure")
    parser.add_argument("-v", action="store_true")
    options = parser.parse_args()
    checks = Checks()
    for smp in map(int, options.smp.split(",")):
        before = checks.failed
        log = boot(options, smp)
        judge(checks, log, smp)
        if checks.failed > before or options.v:
            print(re.sub(r"^sample .*\n", "", log, flags=re.M))
        if options.figure and smp == 1:
            figure(options.figure, log)
    print(f"sched: {checks.passed} passed, {checks.failed} failed")
    sys.exit(1 if checks.failed or not checks.passed else 0)


main()
