#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Measures the rows on Tricolor and on Linux, in turn, in the same virtual machine, and prints one table.

usage: run.py [--build DIR] [--rows PATTERN,...] [--times N] [--wall-times N] [--no-linux] [--check] [--json FILE]

--check is the self-test: a short run that ends red when a row gives no number, or when two runs of the icount mode differ.
Otherwise the exit status says only whether it ran.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time

import guests
import rows as table_of_rows
import table

AGREE = 0.02  # medians of two icount runs differ by no more than this


class Progress:
    """A line on standard error that says what runs, where that is a terminal."""

    def __init__(self, steps):
        self.steps, self.done, self.start = steps, 0, time.monotonic()
        self.on = os.isatty(2)

    def step(self, what):
        self.done += 1
        if self.on:
            passed = time.monotonic() - self.start
            print(f"\r\x1b[Kbench: {self.done} of {self.steps}, {passed:.0f} s: {what}", end="", file=sys.stderr, flush=True)

    def end(self):
        if self.on:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def machine_name():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as source:
            model = next(line.split(":", 1)[1].strip() for line in source if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.machine()
    return f"{model}, {os.cpu_count()} processors, Linux {platform.release()}"


def commit():
    found = subprocess.run(["git", "-C", guests.TOP, "describe", "--always", "--dirty", "--abbrev=12"], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, check=False)
    return found.stdout.decode().strip() or "unknown"


class Plan:
    """What a set of rows needs: which guests to boot, and with which rows."""

    def __init__(self, rows, build, with_linux):
        self.build = build
        self.native = sorted({r.of for r in rows if r.source == "native"} - {"boot_first"})
        self.exos = sorted({r.of for r in rows if r.source == "exos"})
        self.boot = any(r.source == "boot" for r in rows)
        self.first = any(r.id == "boot_first" for r in rows)
        self.linux = sorted({name for r in rows if r.source in ("native", "exos") for name in r.linux}) if with_linux else []
        self.linux_boots = with_linux and self.boot

    def steps(self, mode, systems=("tricolor", "linux", "linux_default")):
        """The guests to boot for one round: (program, what to say, function that gives a Result)."""
        return [step for step in self._steps(mode) if (step[0] if step[0].startswith("linux") else "tricolor") in systems]

    def _steps(self, mode):
        build, found = self.build, []
        if self.native or self.first:
            found.append(("native", "kernel primitives", lambda: guests.native(build, mode, self.native or ["none"])))
        if self.exos:
            found.append(("exos", "ExOS", lambda: guests.exos(build, mode, self.exos)))
        if self.boot:
            found.append(("boot", "Tricolor, to the prompt", lambda: guests.exos_boot(build, mode)))
        for program, tuned in (("linux", True), ("linux_default", False)):
            name = "Linux tuned" if tuned else "Linux as Debian has it"
            if self.linux:
                found.append((program, name, lambda tuned=tuned: guests.linux(build, mode, self.linux, tuned)))
            if self.linux_boots:
                found.append((program, name + ", to the prompt", lambda tuned=tuned: guests.linux_boot(build, mode, tuned)))
        return found


def measure(rounds, samples, logs):
    """Boots the guests in turn: `rounds` is a list of (mode, step of a plan)."""
    progress = Progress(len(rounds))
    results = []
    for mode, (program, what, boot) in rounds:
        progress.step(f"{what} ({'counting' if mode == 'insns' else mode})")
        result = boot()
        results.append((mode, program, result))
        samples.add(program, "insns" if mode == "insns" else "ns", result)
        if not result.ended:
            progress.end()
            print(f"bench: {what} ({mode}) did not get to its end; its output is in {logs}", file=sys.stderr)
            with open(logs, "a", encoding="utf-8") as out:
                out.write(f"--- {what} ({mode})\n{result.text}\n")
    progress.end()
    return results


def fragments(build):
    """What the engine's benchmarks left."""
    found = []
    for name in ("engine.json", "engine-verify.json", "verify.json"):
        try:
            with open(os.path.join(build, "bench", name), encoding="utf-8") as source:
                found += json.load(source)
        except OSError:
            pass
    return found


def collect(rows, patterns, samples, build):
    """(entries for each row, list of absent rows and why)."""
    sizes, parts = guests.sizes(build), fragments(build)
    entries, absent = [], []
    for row in rows:
        if row.source == "host":
            entries.append(list(table.host_entries(row, parts, patterns)))
            continue
        e = table.entry(row, samples, sizes, guests.MEMORY * 1024)
        entries.append([e])
        if table.decisive(e) is None:
            why = row.why or samples.absent.get((row.source, row.of)) or "the program did not say"
            absent.append((row.id, why))
        for name in row.linux:
            for system in ("linux", "linux_default"):
                if (system, name) in samples.absent:
                    absent.append((f"{name} on {system}", samples.absent[system, name]))
    return entries, sorted(set(absent), key=absent.index)


def disagreements(results):
    """Rows whose medians differ between icount runs of the same program."""
    seen, bad = {}, []
    for mode, program, result in results:
        if mode != "insns":
            continue
        for name, (_, median, _, _) in result.rows.items():
            first = seen.setdefault((program, name), median)
            if abs(first - median) > max(AGREE * max(first, median), 4):
                bad.append(f"{program} {name}: {first:,.1f} and {median:,.1f} instructions")
    return bad


def check(rows, samples, results, entries):
    """The self-test's verdict: prints what is wrong; returns (passed, failed)."""
    wrong = disagreements(results)
    compared = len({(program, name) for mode, program, r in results if mode == "insns" for name in r.rows})
    passed = compared - len(wrong)
    for row, found in zip(rows, entries):
        for e in found:
            for system in table.SYSTEMS[:2]:
                expected = row.source in ("native", "exos", "boot", "size") if system == "tricolor" else row.linux
                ran = any(program == ("linux" if system == "linux" else row.source) for _, program, _ in results) or row.source == "size"
                if not expected or not ran:
                    continue
                has = e[system].get("insns") or e[system].get("value")
                why = samples.absent.get((row.source if system == "tricolor" else system, row.of), "")
                if has or "Function not implemented" in why:
                    passed += 1
                else:
                    wrong.append(f"{row.id} on {system}: no number {why}")
    for line in wrong:
        print("  " + line)
    return passed, len(wrong)


def parse():
    parser = argparse.ArgumentParser(description="The benchmarks, side by side with Linux.")
    parser.add_argument("--build", default=os.environ.get("TRICOLOR_BUILD") or "build")
    parser.add_argument("--rows", default="")
    parser.add_argument("--times", type=int, default=2, help="rounds that count instructions")
    parser.add_argument("--wall-times", type=int, default=3, help="rounds by the clock")
    parser.add_argument("--no-linux", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--json")
    options = parser.parse_args()
    options.build = os.path.join(guests.TOP, options.build)
    return options


def main():
    options = parse()
    rows = table_of_rows.choose(options.rows)
    if not rows:
        raise guests.Trouble(f"no row matches {options.rows}")
    patterns = [word for word in (options.rows or "*").replace(" ", ",").split(",") if word]
    with_linux = not options.no_linux
    if with_linux:
        try:
            guests.linux_kernel(options.build)
        except guests.Trouble as trouble:
            print(f"bench: {trouble}; going on without", file=sys.stderr)
            with_linux = False
    plan, samples = Plan(rows, options.build, with_linux), table.Samples()
    wall = "kvm" if guests.kvm_works(options.build) else "tcg"
    if options.check:
        rounds = [("insns", s) for systems in (["tricolor"], ["linux"], ["tricolor"]) for s in plan.steps("insns", systems)]
    else:
        rounds = [(mode, s) for mode, times in (("insns", options.times), (wall, options.wall_times))
                  for _ in range(times) for s in plan.steps(mode)]
    logs = os.path.join(options.build, "bench", "trouble.log")
    results = measure(rounds, samples, logs)
    entries, absent = collect(rows, patterns, samples, options.build)
    if options.check:
        passed, failed = check(rows, samples, results, entries)
        print(f"test-bench: {passed} passed, {failed} failed")
        return 1 if failed or not passed else 0
    path = options.json or os.path.join(options.build, "bench.json")
    qemu = guests.qemu_version()
    table.write_json(path, machine_name(), qemu, commit(), [e for found in entries for e in found])
    print(f"{machine_name()}; {qemu}; -cpu {guests.CPU}; wall-clock by {wall.upper()}\n")
    print(table.text(table.grouped(rows, entries), absent))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except guests.Trouble as trouble:
        sys.exit(f"bench: {trouble}")
    except KeyboardInterrupt:
        sys.exit(130)
