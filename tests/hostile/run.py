#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Runs misbehaving programs and broken executables in Tricolor: their ends must be those of Linux, the shell must go on, and
nothing may be lost.

usage: run.py --program HOSTILE --victim STATIC_ELF [--smp 1,2,4] [--only WORD] [-v]
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import badelf  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DYING = """jump_null jump_moon jump_kernel jump_data divide recurse illegal halt out load_cr3 swap_gs breakpoint interrupt_timer
read_kernel write_kernel write_text prot_none bad_stack bad_stack_moon bad_stack_divide direction_flag
self_kill abort_now fault_in_handler no_sigreturn_frame""".split()
TELLING = """bad_pointers bad_numbers bad_mappings file_hog pipe_hog memory_hog_limited many_mappings zombies orphans
thread_state thread_churn thread_exit_race thread_exec""".split()
SURVIVED = "fork_bomb wild_fork_bomb memory_hog thread_bomb".split()  # compared with nothing: the shell must live
MUTATIONS = 40


def host(program, name):
    """(status as a shell tells it, output) on Linux."""
    run = subprocess.run([program, name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         cwd="/tmp", check=False, timeout=60)
    return (run.returncode if run.returncode >= 0 else 128 - run.returncode), run.stdout.decode()


def call_numbers():
    text = open(os.path.join(TOP, "abi/syscalls.def"), encoding="utf-8").read()
    names = re.findall(r"^call (\w+)", text, re.M)
    return " ".join(str(names.index(n)) for n in ("machine_exit", "log_write", "slice_free"))


def script(names, elves):
    """A shell script that runs each case between two counts, in its own subshell."""
    # The shell's own calls stay unpatched, or the pages that it patches would count as left behind.
    lines = ["unset EXOS_PATCH", "cd /tmp", "h=/hostile/hostile", "$h count >/dev/null; $h count >/dev/null",
             # What was killed needs a moment to be gone: wait until the count is what it was, two seconds at most.
             "settle() { n=0; a=$($h count); while [ \"$a\" != \"$b\" ] && [ $n -lt 40 ]; do",
             "sleep 0.05; n=$((n+1)); a=$($h count); done; }"]

    def case(name, command):
        # Once to fill what is kept for next time, once to count.
        lines.append(f'b=$($h count); {command} >/dev/null 2>&1 </dev/null; settle')
        lines.append(f'b=$($h count); {command} >/tmp/out 2>/dev/null </dev/null; s=$?; settle')
        # ExOS' own memory grows by steps, and a step may come with any case: what leaks does so each time.
        lines.append(f'[ "$a" = "$b" ] || {{ b=$($h count); {command} >/tmp/out 2>/dev/null </dev/null; s=$?; settle; }}')
        lines.append(f'echo "== {name} $s"; cat /tmp/out; echo "-- $b -> $a"')

    for name in names:
        case(name, f"$h {name}")
    case("forge", f"$h forge {call_numbers()}")
    for name in elves:
        case(name, f"$h exec /hostile/{name}")
    lines.append("echo alive")
    return "\n".join(lines) + "\n"


def results(output):
    found = {}
    for part in re.split(r"^== ", output, flags=re.M)[1:]:
        head, _, rest = part.partition("\n")
        name, status = head.split()
        body, _, counts = rest.rpartition("-- ")
        before, _, after = counts.split("\n")[0].partition(" -> ")
        found[name] = (int(status), body, before, after)
    return found


def judge(program, got, names, elves):
    """Names and reasons of what went wrong."""
    for name in names + ["forge"] + elves:
        if name not in got:
            yield name, "no result"
            continue
        status, output, before, after = got[name]
        if name in DYING + TELLING and (status, output) != host(program, name):
            want = host(program, name)
            differing = [f"      linux:    {w}\n      tricolor: {g}" for w, g in zip(want[1].split("\n"), output.split("\n")) if w != g]
            yield name, f"status {status}, on Linux {want[0]}\n" + "\n".join(differing)
        if name == "thread_bomb" and output != "EAGAIN as many\n":
            yield name, f"said {output!r}"
        if name == "forge" and output != "got 0\n":
            yield name, f"said {output!r}"
        if name in elves and not name.startswith("mutation") and output.strip() not in ("ENOEXEC", "ENOMEM"):
            yield name, f"status {status}, said {output!r}"
        if before != after:
            yield name, f"left something behind: {before} -> {after}"


def run(options, smp):
    elf = open(options.victim, "rb").read()
    names = [n for n in DYING + TELLING + SURVIVED if options.only in n]
    bad = dict(badelf.cases(elf)) | dict(badelf.mutations(elf, MUTATIONS, options.seed))
    elves = [n for n in bad if options.only in n]
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        subprocess.run(["cp", options.program, folder + "/hostile"], check=True)
        for name, data in bad.items():
            with open(f"{folder}/{name}", "wb") as file:
                file.write(data)
            os.chmod(f"{folder}/{name}", 0o755)
        with open(folder + "/script", "w", encoding="utf-8") as file:
            file.write(script(names, elves))
        command = [os.path.join(TOP, "tricolor"), "run", "--smp", str(smp), "--mem", "256", "--timeout", str(options.timeout),
                   "--add", folder + ":/hostile", "--", "/bin/busybox", "env", "EXOS_PATCH=0",
                   "/bin/busybox", "sh", "/hostile/script"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    output = done.stdout.decode(errors="replace")
    if options.v:
        print(output)
    wrong = list(judge(options.program, results(output), names, elves))
    if "alive" not in output or done.returncode:
        wrong.append(("shell", f"it did not live on: status {done.returncode}, {done.stderr.decode(errors='replace')[-800:]}"))
    bad_names = {name for name, _ in wrong}
    for name, why in wrong:
        print(f"  {name} with {smp} cpu: {why}")
    return len(names) + len(elves) + 2 - len(bad_names), len(bad_names)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--victim", required=True)
    parser.add_argument("--smp", default="1,2,4")
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--timeout", type=int, default=170)
    parser.add_argument("-v", action="store_true")
    options = parser.parse_args()
    options.program = os.path.abspath(options.program)
    passed = failed = 0
    for smp in options.smp.split(","):
        good, bad = run(options, smp)
        print(f"  hostile programs with {smp} cpu: {good} passed, {bad} failed", flush=True)
        passed, failed = passed + good, failed + bad
    if failed:
        print("again: make test-hostile HOSTILE_ARGS='--only NAME -v'")
    print(f"test-hostile: {passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
