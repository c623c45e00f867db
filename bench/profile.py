#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Says where a row's instructions go: every instruction executed, by symbol, and the hot ones one by one.

usage: profile.py --row ID[_exos] [--build DIR] [--top N] [--lines N]

The guest runs under TCG one instruction per block, and QEMU writes a line for each that it executes; they come through a fifo and
are only counted. Addresses in the kernel and in ExOS are resolved. What the same guest executes without the row (the machine's
start) is counted in a second run and subtracted. Figures are per operation: divided by how often the row's definition says that
it ran. What a row does to prepare itself is included, so the sum is a little above the row's figure; a turn count of 1.00 is the
way of every operation.
"""

import argparse
import bisect
import os
import re
import subprocess
import sys
import tempfile
import threading

import guests
import rows as table_of_rows

class Image:
    """Symbols and disassembly of an ELF file."""

    def __init__(self, name, path):
        self.name, self.path = name, path
        out = subprocess.run(["llvm-nm", "-n", "--defined-only", path], stdout=subprocess.PIPE, check=True).stdout.decode()
        found = [(int(w[0], 16), w[2]) for w in (line.split() for line in out.splitlines()) if len(w) == 3 and w[1] in "tTwW"]
        self.starts, self.names = [a for a, _ in found], [n for _, n in found]

    def symbol(self, address):
        i = bisect.bisect_right(self.starts, address) - 1
        return (self.starts[i], self.names[i]) if i >= 0 and address - self.starts[i] < 0x10000 else None

    def listing(self, start, stop):
        """(address, text) of the instructions between two addresses."""
        out = subprocess.run(["llvm-objdump", "-d", "--no-show-raw-insn", f"--start-address={start:#x}", f"--stop-address={stop:#x}",
                              self.path], stdout=subprocess.PIPE, check=True).stdout.decode()
        return [(int(m[1], 16), m[2]) for m in re.finditer(r"^\s*([0-9a-f]+):\s+(.*)$", out, re.M)]


def count_trace(path, counts):
    """Reads QEMU's log and counts executed addresses. Each line is: Trace CPU: HOST [CS-BASE/PC/FLAGS/...] SYMBOL."""
    with open(path, "rb", buffering=1 << 20) as source:
        get = counts.get
        for line in source:
            parts = line.split(b"/", 2)
            if len(parts) == 3:
                counts[parts[1]] = get(parts[1], 0) + 1


def trace(build, row, name, ranges):
    """Runs the row's guest under the trace, with the row `name`; returns ({address: times}, the guest's Result)."""
    raw = {}
    with tempfile.TemporaryDirectory() as scratch:
        fifo = os.path.join(scratch, "trace")
        os.mkfifo(fifo)
        words = ["-singlestep", "-d", "exec,nochain", "-D", fifo, "-dfilter", ",".join(ranges)]
        reader = threading.Thread(target=count_trace, args=(fifo, raw), daemon=True)
        reader.start()
        if row.source == "native":
            result = guests.run(guests.native_command(build, "insns", [name], *words))
        else:
            argv = ["sh", "-c", "exec /bench --boot"] if row.source == "boot" else ["/bench", name]
            result = guests.run(guests.exos_command(build, "insns", argv, *words), TRICOLOR_BUILD=os.path.relpath(build, guests.TOP))
        reader.join(5)
    return {int(a, 16): n for a, n in raw.items()}, result


def operations(row, result):
    """How often the row's operation ran: runs, the one to warm up included, times the count in its definition."""
    if row.source == "boot":
        return 1
    folder = os.path.join(guests.TOP, "bench", "native" if row.source == "native" else "linux")
    text = "".join(open(os.path.join(folder, name), encoding="utf-8").read() for name in os.listdir(folder) if name.endswith(".c"))
    found = re.search(r"\bROW\(%s,\s*(\w+)" % re.escape(row.of), text)
    count = found[1] if found else "1"
    if not count.isdigit():
        count = re.search(r"#define %s +(\d+)" % count, text)[1]
    runs = result.rows[row.of][0] if row.of in result.rows else 1
    return int(count) * (runs + 1)


def report(images, counts, times, top, lines):
    by_symbol, hot = {}, {}
    for address, n in counts.items():
        for image in images:
            found = image.symbol(address)
            if found:
                key = (image, *found)
                by_symbol[key] = by_symbol.get(key, 0) + n
                hot.setdefault(key, {})[address] = n
                break
    ranked = sorted(by_symbol.items(), key=lambda item: -item[1])
    total = sum(by_symbol.values())
    print(f"{total / times:12,.1f}  instructions per operation in kernel and library OS; {times} operations\n")
    for (image, _, name), n in ranked[:top]:
        print(f"{n / times:12,.2f}  {n * 100 / total:5.1f}%  {image.name:8} {name}")
    for (image, start, name), n in ranked[:lines]:
        if n < times / 2 and times > 1:
            break
        print(f"\n{image.name} {name}: {n / times:,.2f}")
        addresses = hot[image, start, name]
        for address, text in image.listing(start, max(addresses) + 16):
            if address in addresses and addresses[address] >= times / 2:
                print(f"{addresses[address] / times:10.2f}  {address:x}  {text}")


def main():
    parser = argparse.ArgumentParser(description="Where a row's instructions go.")
    parser.add_argument("--build", default=os.environ.get("TRICOLOR_BUILD") or "build")
    parser.add_argument("--row", required=True)
    parser.add_argument("--top", type=int, default=40)
    parser.add_argument("--lines", type=int, default=12, help="how many symbols are shown instruction by instruction")
    options = parser.parse_args()
    build = os.path.join(guests.TOP, options.build)
    row = next((r for r in table_of_rows.ROWS if r.id == options.row and r.source in ("native", "exos", "boot")), None)
    if row is None:
        raise guests.Trouble(f"'{options.row}' is no row that can be profiled (make profile ROW=...)")
    images = [Image("kernel", os.path.join(build, "kernel", "tricolor.elf"))]
    ranges = ["0xffffffff80000000..0xffffffffffffffff"]
    if row.source != "native":
        images.append(Image("ExOS", os.path.join(build, "user", "boot", "exos.debug")))
        first, last = images[-1].starts[0], images[-1].starts[-1]
        ranges.append(f"{first & ~0xFFF:#x}..{last + 0xFFFF:#x}")
    counts, result = trace(build, row, row.of, ranges)
    if row.source != "boot":
        for address, n in trace(build, row, "none", ranges)[0].items():
            counts[address] = max(counts.get(address, 0) - n, 0)
    if row.of not in result.rows:
        print(result.text[-2000:], file=sys.stderr)
        raise guests.Trouble("the guest gave no figure")
    times = operations(row, result)
    print(f"{row.id}: {result.rows[row.of][1]:,.1f} instructions by the guest's own count")
    report(images, counts, times, options.top, options.lines)


if __name__ == "__main__":
    try:
        main()
    except guests.Trouble as trouble:
        sys.exit(f"profile: {trouble}")
    except BrokenPipeError:
        os._exit(0)  # `make profile | head`
