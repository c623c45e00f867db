#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""How long the kernel keeps interrupts off: a histogram, in instructions.

usage: irqoff.py [--build DIR] [--smp N] [--slice-us N] [--limit N] [--test NAMES] [--top N]

256 envs make calls all the time (tests/guest/test_load.c), under TCG with -icount, one instruction per block; QEMU writes a line for
each instruction of the kernel. A stretch with interrupts off begins where the kernel is entered (a system call, an exception, an
interrupt) or executes CLI, and ends where it is left (SYSRET, IRET) or executes STI. Each processor's instructions are counted by
themselves: those that it spends waiting for the kernel lock are, those that another executes meanwhile are not. The unmodified kernel
is measured; before a processor first leaves the kernel nothing counts. Ends with 1 if a stretch is longer than the limit.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading

LIMIT = 20000


def marks(kernel):
    """({address: "begin" or "end"}, [(address, symbol)]) of the kernel's image; addresses as in QEMU's log."""
    found = {}
    listing = subprocess.run(["llvm-objdump", "-d", "--no-show-raw-insn", kernel], stdout=subprocess.PIPE, check=True).stdout.decode()
    for m in re.finditer(r"^\s*([0-9a-f]+):\s+(\S+)", listing, re.M):
        if m[2] in ("sysretq", "iretq", "sti"):
            found[m[1].encode()] = "end"
        elif m[2] == "cli":
            found[m[1].encode()] = "begin"
    out = subprocess.run(["llvm-nm", "-n", "--defined-only", kernel], stdout=subprocess.PIPE, check=True).stdout.decode()
    names = [(w[0], w[2]) for w in (line.split() for line in out.splitlines()) if len(w) == 3]
    for address, name in names:
        if name == "entry_syscall" or re.fullmatch(r"gate_\d+", name):
            found[address.encode()] = "begin"
    return found, [(int(a, 16), n) for a, n in names]


class Stretches:
    """Reads the trace. Each line is: Trace CPU: HOST [CS-BASE/PC/FLAGS/...] SYMBOL."""

    def __init__(self, found, cpus):
        self.found, self.lengths, self.worst = found, [], []
        self.count, self.on, self.way = [0] * cpus, [False] * cpus, [[] for _ in range(cpus)]

    def end(self, cpu, keep):
        length = self.count[cpu]
        self.lengths.append(length)
        if length > keep:
            self.worst.append((length, self.way[cpu]))
            self.worst.sort(key=lambda w: -w[0])
            del self.worst[8:]

    def read(self, path):
        found, count, on, way = self.found, self.count, self.on, self.way
        keep = 0
        with open(path, "rb", buffering=1 << 20) as source:
            for line in source:
                parts = line.split(b"/", 2)
                if len(parts) != 3:
                    continue
                cpu, at = line[6] - 48, parts[1]
                mark = found.get(at)
                if on[cpu]:
                    count[cpu] += 1
                    if not count[cpu] & 63:
                        way[cpu].append(at)
                if mark == "begin":
                    if not on[cpu]:
                        count[cpu], on[cpu], way[cpu] = 1, True, [at]
                elif mark == "end" and on[cpu]:
                    self.end(cpu, keep)
                    keep = self.worst[-1][0] if len(self.worst) == 8 else 0
                    on[cpu] = False


def name_of(names, at):
    at, best = int(at, 16), "?"
    for address, name in names:
        if address > at:
            break
        best = name
    return best


def profile_of(names, way):
    """The functions that a stretch was in most, by samples."""
    seen = {}
    for at in way:
        name = name_of(names, at)
        seen[name] = seen.get(name, 0) + 1
    return ", ".join(f"{n} {c * 100 // len(way)}%" for n, c in sorted(seen.items(), key=lambda s: -s[1])[:5])


def histogram(lengths):
    edges, total = [32 << i for i in range(20)], len(lengths)
    lines, low = [], 0
    for edge in edges:
        n = sum(low <= v < edge for v in lengths)
        if n:
            lines.append(f"{low:>8,} .. {edge - 1:>8,}  {n:>9,}  {'#' * max(1, n * 50 // total)}")
        low = edge
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--smp", type=int, default=2)
    parser.add_argument("--slice-us", type=int, default=100)
    parser.add_argument("--limit", type=int, default=LIMIT)
    parser.add_argument("--test", default="load*")
    parser.add_argument("--top", type=int, default=3)
    options = parser.parse_args()
    kernel = os.path.join(options.build, "kernel", "tricolor.elf")
    found, names = marks(kernel)
    if not any(v == "begin" for v in found.values()):
        sys.exit("the kernel's entries are not in its symbols")
    stretches = Stretches(found, options.smp)
    with tempfile.TemporaryDirectory() as scratch:
        fifo, log = os.path.join(scratch, "trace"), os.path.join(scratch, "log")
        os.mkfifo(fifo)
        reader = threading.Thread(target=stretches.read, args=(fifo,), daemon=True)
        reader.start()
        run = subprocess.run(
            ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-icount", "shift=0,sleep=off", "-cpu", "max", "-m", "256", "-smp",
             str(options.smp), "-nodefaults", "-no-reboot", "-display", "none", "-kernel", kernel, "-initrd",
             os.path.join(options.build, "user", "guest-tests.elf"), "-append", f"test={options.test} slice_us={options.slice_us}", "-device",
             "isa-debug-exit,iobase=0xf4,iosize=0x04", "-debugcon", f"file:{log}", "-singlestep", "-d", "exec,nochain", "-D", fifo,
             "-dfilter", "0xffffffff80000000..0xffffffffffffffff"], stdin=subprocess.DEVNULL, timeout=900, check=False)
        reader.join(30)
        said = open(log, encoding="utf-8", errors="replace").read()
    if run.returncode != (0x13 << 1 | 1):
        sys.exit(f"the load did not pass (qemu: {run.returncode})\n{said}")
    lengths = sorted(stretches.lengths)
    print(f"instructions with interrupts off, 256 envs, {options.smp} processors: {len(lengths):,} stretches")
    print(histogram(lengths))
    print(f"median {lengths[len(lengths) // 2]:,}, 99 % {lengths[len(lengths) * 99 // 100]:,}, worst {lengths[-1]:,}"
          f" (limit {options.limit:,})")
    for length, way in stretches.worst[:options.top]:
        print(f"  {length:,}: {profile_of(names, way)}")
    over = sum(v > options.limit for v in lengths)
    print(f"bench-irqoff: {len(lengths) - over} passed, {over} failed")
    sys.exit(over != 0)


main()
