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
import tempfile

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
    names = ("entry_pointer", "outside", "wrong_guard", "objects", "references", "wrong_object_twice", "costly_guard", "self_call", "handlers10")
    objects = ["ext/hello.o", *(f"tests/guest/ext/{name}.o" for name in names)]
    _, output = tests.run("""
        tri-ext explain hello.o; echo =$?; tri-ext explain entry_pointer.o; echo =$?; tri-ext explain outside.o; echo =$?
        tri-ext explain objects.o; tri-ext explain references.o; echo objects =$?; tri-ext explain wrong_object_twice.o
        head -c 300 hello.o >cut.o; tri-ext explain cut.o; echo =$?; tri-ext load cut.o
        for o in costly_guard self_call handlers10; do tri-ext explain $o.o; tri-ext load $o.o; done""", (), objects)
    for text in ("accepted: ", "=0\n", "a program could set to anything", "outside.c:", "objects =0", "refused (DEAD)", "wrong_object.c:",
                 "to make it pass", "=1\n", "damaged", "more than comparisons with constants", "a guard that is more than comparisons",
                 "calls itself", "LIMIT", "comparisons, compiled with those of others"):
        tests.check(f"explain: {text.strip()}", text in output, output)


def trace(tests):
    status, output = tests.run("tri-ext trace tracer.o /bin/sh -c 'echo said; cat /none; exit 3'; echo =$?; tri-ext trace hello.o true; echo =$?",
                               (), ["ext/tracer.o", "ext/hello.o"])
    for text in (r"\] execve\(.*\) = 0$", r"\] write\(1, .*, 5\) = 5$", r"\] openat\(.*\) = -1 ENOENT \(No such file or directory\)$",
                 r"\] getpid\(\) = \d+$", r"\] exit_group\(3\) = \?$", r"\] exit_group\(1\) = \?$", r"^said$", r"^=3$", "keeps no notes", "^=1$"):
        tests.check(f"trace: {text}", re.search(text, output, re.M), output)
    tests.check("trace: each once, none lost", output.count("exit_group(3)") == 1 and "lost" not in output and status == 0, output)


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


def big_sources():
    """Programs that make the engine work hard, each in its own way; all near one of its limits."""
    head = '#include "abi/ext/extension.h"\nstatic u64 cells[512];\n#define NO __attribute__((noinline)) static\n'
    chain = "NO u64 f0(u64 a) { return a + cells[a & 511]; }\n" + "".join(
        f"NO u64 f{i}(u64 a) {{ u64 b[2] = {{a, cells[a & 511]}}; cells[1] += b[a & 1]; return f{i - 1}(a + {i}) ^ b[0]; }}\n"
        for i in range(1, 60)) + "ENTRY(u64, go, (u64 a)) { return f59(a); }\n"
    many = "".join(f"NO u64 g{i}(u64 a) {{ cells[a & 511] += a * {i}; return a ^ {i}; }}\n" for i in range(1000)) + "".join(
        f"ENTRY(u64, go{j}, (u64 a)) {{ return {' + '.join(f'g{i}(a)' for i in range(j * 5, j * 5 + 5))}; }}\n" for j in range(200))
    branches = "ENTRY(u64, go, (u64 a, u64 b)) { u64 c = 0;\n" + "".join(
        f"if (a >> {i % 64} & 1) {{ cells[(b + {i}) & 511] += c; c ^= b; }} else c += cells[{i % 512}];\n" for i in range(900)) + "return c; }\n"
    loops = "ENTRY(u64, go, (u64 n)) { u64 s = 0;\n" + "".join(f"for (u64 i{d} = 0; i{d} < (n >> {d} & 3); i{d}++) {{ s += cells[(s + i{d}) & 511];\n"
                                                               for d in range(14)) + "}" * 14 + " return s; }\n"
    long = "ENTRY(u64, go, (u64 a)) {\n" + "".join(f"a = (a ^ {i * 2654435761 % 2**32}ul) * 3 + cells[{i % 512}];\n" for i in range(2500)) + "return a; }\n"
    types = "struct t0 { u64 x; };\n" + "".join(f"struct t{i} {{ struct t{i - 1} a, *p; }};\n" for i in range(1, 120)) + \
        "EVENT(u64, go, (const struct t119 *t)) { return t->a.a.a.p != 0; }\n"
    return {name: head + text for name, text in
            {"chain": chain, "many": many, "branches": branches, "loops": loops, "long": long, "types": types}.items()}


def big(tests):
    """What loading takes of its stack, with big objects. The kernel says when it was more than ever before."""
    with tempfile.TemporaryDirectory() as folder:
        words, names = [], []
        for name, text in big_sources().items():
            with open(f"{folder}/{name}.c", "w", encoding="ascii") as out:
                out.write(text)
            subprocess.run(["clang", "-target", "bpf", "-mcpu=v3", "-O1", "-g", "-ffreestanding", "-fno-builtin", "-w", f"-I{TOP}", "-c",
                            f"{folder}/{name}.c", "-o", f"{folder}/{name}.o"], check=True)
            words += ["--add", f"{folder}/{name}.o:/root/{name}.o"]
            names.append(name)
        script = "".join(f"echo @ {name} $(wc -c <{name}.o); tri-ext load --name {name} {name}.o | head -4\n" for name in names) + "tri-ext list"
        status, output = tests.run(script, [*words, "--log", f"{folder}/log"])
        with open(f"{folder}/log", encoding="utf-8", errors="replace") as log:
            took = [int(n) for n in re.findall(r"loading took (\d+) of", log.read())]
    answers = dict(re.findall(r"^@ (\w+) \d+\n(.*)$", output, re.M))
    tests.check("big: each is taken or refused", status == 0 and len(answers) == len(names), output)
    tests.check(f"big: stack, {took} bytes", not took or took[-1] < 24576, output)


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
    parser.add_argument("--only", default="")
    parser.add_argument("-v", action="store_true")
    options = parser.parse_args()
    tests = Tests(options.build, options.v)
    for part in (shell, explain, trace, boot, big, guide):
        if part.__name__.startswith(options.only):
            part(tests)
    print(f"ext: {tests.passed} passed, {tests.failed} failed")
    return 1 if tests.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
