#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""tri-ext and --ext: extensions from the shell of ExOS, and before it. And docs/extensions.md: every command that it shows is run,
and prints what is shown.

usage: ext.py --build DIR [-v]
"""

import argparse
import os
import re
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Tests:
    def __init__(self, build, verbose):
        self.build, self.verbose, self.passed, self.failed = build, verbose, 0, 0

    def run(self, script, options=(), objects=()):
        """Runs a shell script in the guest; returns its status and what it printed, standard error too."""
        words = ["./tricolor", "run", "--timeout", "100", *options]
        for path in objects:
            words += ["--add", f"{self.build}/bpf/{path}:/root/{os.path.basename(path)}"]
        words += ["--", "/bin/sh", "-c", "cd /root; exec 2>&1\n" + script]
        done = subprocess.run(words, cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", check=False)
        return done.returncode, done.stdout

    def check(self, name, condition, output):
        self.passed += bool(condition)
        self.failed += not condition
        if not condition or self.verbose:
            print(f"{name}: {'passed' if condition else 'FAILED'}\n{output}")


def squeeze(text):
    """Numbers that differ from run to run, and widths of columns, out of the way."""
    text = re.sub(r"0x[0-9a-f]+", "ID", text)
    text = re.sub(r"\d+\.\d+", "TIME", text)
    return [" ".join(line.split()) for line in text.strip().splitlines()]


def shell(tests):
    objects = ["ext/hello.o", "tests/guest/ext/exporter.o", "tests/guest/ext/raiser.o", "tests/guest/ext/handlers10.o"]
    status, output = tests.run("""
        tri-ext load --name hello hello.o && tri-ext load --name hello hello.o; tri-ext call hello add 2 40
        tri-ext load --private --name packets exporter.o && tri-ext load raiser.o; echo =$?
        tri-ext load --from packets --name raiser raiser.o && tri-ext load --from packets handlers10.o
        tri-ext call raiser raise 15; tri-ext call raiser raise 25; tri-ext events; tri-ext list
        tri-ext call hello spin 100000000; tri-ext stats; tri-ext call nobody x; tri-ext load none.o
        tri-ext unload packets; tri-ext call raiser raise 15; tri-ext unload hello; tri-ext unload hello; echo =$?""", (), objects)
    wanted = ["EXIST", "\n42\n", "IMPORT_UNKNOWN", "packet_arrived", "=1\n", "\n1015\n0\n", "handle_15", "extension_loaded",
              "CANCELLED", "line 27", "no extension nobody", "none.o: No such file", "no extension hello"]
    for text in wanted:
        tests.check(f"shell: {text.strip()}", text in output, output)
    tests.check("shell: status", status == 0 and "raiser" in output and output.endswith("=1\n"), f"{status}\n{output}")


def explain(tests):
    objects = ["ext/hello.o", *("tests/guest/ext/" + name for name in ("entry_pointer.o", "outside.o", "wrong_guard.o"))]
    _, output = tests.run("""
        tri-ext explain hello.o; echo =$?; tri-ext explain entry_pointer.o; echo =$?; tri-ext explain outside.o; echo =$?
        head -c 300 hello.o >cut.o; tri-ext explain cut.o; echo =$?; tri-ext load cut.o""", (), objects)
    for text in ("accepted: ", "=0\n", "a pointer, which a program could set", "outside.c:", "to make it pass", "=1\n", "damaged"):
        tests.check(f"explain: {text.strip()}", text in output, output)


def boot(tests):
    hello = f"{tests.build}/bpf/ext/hello.o"
    status, output = tests.run("tri-ext list; tri-ext call hello add 1 2; tri-ext unload hello", ["--ext", f"{hello}:exos"])
    tests.check("boot: exos'", status == 0 and "\n3\n" in output, output)
    status, output = tests.run("tri-ext list; tri-ext unload hello", ["--ext", hello])
    tests.check("boot: the machine's", status == 1 and " hello " in output and "RIGHTS" in output, output)
    bad = f"{tests.build}/bpf/tests/guest/ext/wrong_guard.o"
    status, output = tests.run("echo ran", ["--ext", bad])
    tests.check("boot: refused", status == 125 and "wrong_guard is refused" in output and "ran\n" not in output, output)
    status, output = tests.run("echo ran", ["--ext", "/none.o"])
    tests.check("boot: no such file", status == 125 and "no such file" in output, output)


def guide(tests):
    """Every command of docs/extensions.md, in the order of the page, in one guest."""
    steps, sources = [], set()
    with open(os.path.join(TOP, "docs", "extensions.md"), encoding="utf-8") as page:
        for block in re.findall(r"^```console\n(.*?)^```", page.read(), re.M | re.S):
            for command, printed in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M):
                steps.append((command, printed))
                sources.update(re.findall(r"\b(\w+)\.o\b", command))
    objects = [f"ext/{'guide/' if os.path.exists(f'{TOP}/ext/guide/{name}.c') else ''}{name}.o" for name in sorted(sources)]
    script = "".join(f"echo @@{i}\n{command}\n" for i, (command, _) in enumerate(steps))
    _, output = tests.run(script, (), objects)
    parts = re.split(r"^@@\d+\n", output, flags=re.M)[1:]
    tests.check("guide: all steps ran", len(parts) == len(steps) > 10, output)
    for (command, printed), got in zip(steps, parts):
        tests.check(f"guide: {command}", squeeze(got) == squeeze(printed), f"shown:\n{printed}\nprinted:\n{got}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("-v", action="store_true")
    options = parser.parse_args()
    tests = Tests(options.build, options.v)
    for part in (shell, explain, boot, guide):
        part(tests)
    print(f"ext: {tests.passed} passed, {tests.failed} failed")
    return 1 if tests.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
