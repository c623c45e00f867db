#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Runs the host tools as a person would. usage: test_triv.py DIRECTORY (of triv, engine-plugin, engine-bench)"""
import os
import subprocess
import sys
import tempfile

FILTER = """#include <stdint.h>
struct packet { uint8_t *data, *data_end; uint64_t mark; };
uint64_t filter(struct packet *packet) {
    uint8_t *p = packet->data;
    CHECK
    return p[12];
}
"""
SUM = """#include <stdint.h>
uint64_t entry(const uint8_t *data, uint64_t len) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < len; i++)
        sum += data[i];
    return sum;
}
"""
results = []


def run(*command, stdin=""):
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)


def check(what, ok, done):
    results.append(ok)
    if not ok:
        print(f"{what}: exit {done.returncode}\n{done.stdout}{done.stderr}")


def main():
    tools = os.path.abspath(sys.argv[1])
    triv, plugin, bench = (os.path.join(tools, name) for name in ("triv", "engine-plugin", "engine-bench"))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        files = {
            "good.c": FILTER.replace("CHECK", "if (p + 13 > packet->data_end) return 0;"),
            "bad.c": FILTER.replace("CHECK", ""),
            "sum.c": SUM,
            "loop.s": "again: ja again\n",
            "seven.hex": "b7000000 07000000 9500000000000000\n",
            "input": "\1" * 100,
        }
        for name, text in files.items():
            with open(name, "w", encoding="latin1") as file:
                file.write(text)

        done = run(triv, "verify", "--packet", "good.c")
        check("verify accepts", done.returncode == 0 and "accepted" in done.stdout, done)
        done = run(triv, "explain", "--packet", "bad.c")
        check("explain refuses", done.returncode == 1 and "bad.c:6" in done.stderr and "PACKET_BOUNDS" in done.stderr
              and "to make it pass" in done.stderr and "ldxb" in done.stderr, done)
        done = run(triv, "disasm", "--packet", "good.c")
        check("disasm", done.returncode == 0 and "safe" in done.stdout and "filter:" in done.stdout, done)
        done = run(triv, "compile", "sum.c", "-o", "sum.o")
        check("compile", done.returncode == 0 and os.path.exists("sum.o"), done)
        for mode in ([], ["--interpret"], ["--unverified"]):
            done = run(triv, "run", "sum.o", "input", *mode)
            check(f"run {mode}", done.returncode == 0 and done.stdout == "0x64 (100)\n", done)
        done = run(triv, "run", "--packet", "good.c", "input")
        check("run a filter", done.returncode == 0 and done.stdout == "0x1 (1)\n", done)
        done = run(triv, "time", "sum.o", "input", "--times", "10")
        check("time", done.returncode == 0 and "compiled" in done.stdout and "interpreted" in done.stdout, done)
        done = run(triv, "run", "loop.s", "--budget", "1000")
        check("budget", done.returncode == 1 and "budget" in done.stderr, done)
        done = run(triv, "run", "seven.hex")
        check("hex", done.stdout == "0x7 (7)\n", done)
        done = run(triv, "run", "absent.o")
        check("no such file", done.returncode == 1 and "absent.o" in done.stderr, done)
        check("usage", run(triv).returncode == 2, run(triv))

        done = run(bench, "sum.o", "input", "100")
        words = done.stdout.split()
        check("engine-bench", words[0::2] == ["ns_per_run", "load_ns", "r0"] and words[5] == "0x64", done)

        program = "71100200000000009500000000000000"  # r0 = byte 2 of the memory
        for mode in ("--jit", "--interpret", "--unverified"):
            done = run(plugin, mode, "0a 0b 0c", stdin=program)
            check(f"plugin {mode}", done.returncode == 0 and int(done.stdout, 16) == 12, done)
            done = run(plugin, mode, "0a 0b", stdin=program)
            check(f"plugin {mode} outside", done.returncode == 1 and not done.stdout and done.stderr, done)
        done = run(plugin, "--verify-only", "0a 0b 0c", stdin=program)
        check("plugin --verify-only", done.returncode == 0 and not done.stdout, done)
        done = run(plugin, "--verify-only", "0a 0b", stdin=program)
        check("plugin --verify-only refuses", done.returncode == 1 and "BUFFER_BOUNDS" in done.stderr, done)
        check("plugin, not hex", run(plugin, stdin="xyz").returncode == 2, done)
    failed = results.count(False)
    print(f"engine-tools: {len(results) - failed} passed, {failed} failed")
    sys.exit(failed != 0)


main()
