#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Boots the lower kernel layer alone (sal_guest.c) on several machines, and judges what it says.

usage: sal_guest.py KERNEL [-v] [--debug] [NAME...]
    NAME      only cases whose name contains it
    --debug   KERNEL is a debug build: only what is special about it"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time

TIMEOUT = 60
EXIT_OK, EXIT_PANIC, EXIT_PASSED = (code << 1 | 1 for code in (0x10, 0x11, 0x13))
CASES = []
DEBUG_CASES = ("checks-q35-1", "checks-q35-4", "checks-microvm-4")


def qemu(kernel, words, machine="q35", smp=1, cpu="max", options=()):
    command = ["qemu-system-x86_64", "-M", machine, "-accel", "tcg", "-cpu", cpu, "-m", "256", "-smp", str(smp),
               "-nodefaults", "-no-reboot", "-display", "none", "-kernel", kernel, "-append", words,
               "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", *options]
    if "-debugcon" not in options:
        command += ["-debugcon", "stdio"]
    return command


def boot(kernel, words, **machine):
    try:
        run = subprocess.run(qemu(kernel, words, **machine), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=TIMEOUT, check=False)
        return run.returncode, run.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as error:
        return None, (error.stdout or b"").decode(errors="replace") + "\ntime-out\n"


def case(name):
    def add(function):
        CASES.append((name, function))
        return function
    return add


def check_case(machine, smp, *options, words="", says=""):
    def run(kernel):
        with tempfile.NamedTemporaryFile() as module:
            module.write(b"x" * 5000)
            module.flush()
            code, log = boot(kernel, f"{words} sal=checks", machine=machine, smp=smp,
                             options=("-initrd", module.name, *options))
        good = (code == EXIT_PASSED and re.search(r"sal: \d\d+ passed, 0 failed", log)
                and f"machine: {smp} processors, module 5000 bytes" in log and says in log)
        wall = re.search(r"wall (\d+) s", log)
        if good and "rtc=off" not in machine and not (wall and abs(int(wall[1]) - time.time()) < 60):
            return False, log + "\nthe wall clock is wrong\n"
        return good, log
    return run


def panic_case(words, *texts, smp=1, cpu="max", machine="q35"):
    def run(kernel):
        code, log = boot(kernel, words, smp=smp, cpu=cpu, machine=machine)
        missing = [t for t in texts if not re.search(t, log)]
        return code == EXIT_PANIC and not missing, log + "".join(f"\nmissing: {m}" for m in missing)
    return run


for _machine in ("q35", "microvm"):
    for _smp in (1, 2, 4):
        CASES.append((f"checks-{_machine}-{_smp}", check_case(_machine, _smp)))
CASES += [
    ("checks-mp-table", check_case("q35", 4, "-smp", "4,sockets=4", words="acpi=off",
                                   says="firmware: MP table, 4 processors, 1 I/O")),
    ("checks-no-tables", check_case("microvm,acpi=off", 4, says="firmware: QEMU, 4 processors, 1 I/O")),
    ("checks-odd-ids", check_case("q35", 6, "-smp", "6,sockets=2,cores=3", says="firmware: ACPI, 6 processors")),
    ("checks-microvm-bare", check_case("microvm,acpi=off,rtc=off,pic=off,isa-serial=off", 1)),
    ("checks-large", check_case("q35", 1, "-m", "6G")),
    ("checks-icount", check_case("q35", 2, "-icount", "shift=0,sleep=off", "-rtc", "base=utc", words="shared=0")),
    ("panic-fault", panic_case("sal=fault", r"page fault\n.* error 0x2 cr2 0000000000000010", r"sal_test_fault\+0x",
                               r"boot_rest\+0x")),
    ("panic-text", panic_case("sal=text", r"page fault\n.* error 0x3 ", r"sal_test_text\+0x")),
    ("panic-rodata", panic_case("sal=rodata", r"page fault\n.* error 0x3 ", r"sal_test_rodata\+0x")),
    ("panic-execute", panic_case("sal=execute", r"page fault\n.* error 0x11 ", r"sal_test_execute\+0x")),
    ("panic-execute-map", panic_case("sal=map", r"page fault\n.* error 0x11 ", r"sal_test_execute_map\+0x")),
    ("panic-divide", panic_case("sal=divide", r"divide error", r"sal_test_divide\+0x")),
    ("panic-smap", panic_case("sal=smap", r"page fault\n.* error 0x1 ", r"sal_test_smap\+0x", cpu="max,hypervisor=off")),
    ("panic-stack", panic_case("sal=stack", r"double fault", r"sal_test_stack\+0x")),
    ("panic-all", panic_case("sal=spin", r"on processor 0: on purpose: text 42", r"sal_test_spin\+0x",
                             r"processor 1: rip ffffffff8", r"processor 3: rip(.*\n)+?.* sal_test_deaf\+0x", smp=4)),
    ("panic-nothing", panic_case("", r"nothing to do", smp=2, machine="microvm")),
    ("cpu-old", panic_case("sal=checks", r"cannot run tricolor .*missing:.* SSE4\.2.* FSGSBASE", cpu="qemu64")),
    ("cpu-no-nx", panic_case("sal=checks", r"no 64-bit mode or no NX", cpu="max,nx=off")),
    ("cpu-plain", check_case("q35", 2, "-cpu", "Nehalem,+fsgsbase")),
    ("cpu-no-1g", check_case("q35", 1, "-cpu", "max,pdpe1gb=off,xsave=off,pku=off,smap=off", "-m", "3G")),
]


def wait_for(path, text, seconds=20):
    end = time.time() + seconds
    while time.time() < end:
        with open(path, "rb") as file:
            if text in file.read():
                return True
        time.sleep(0.02)
    return False


def with_console(kernel, words, machine, act, smp=1, console="-serial"):
    """Runs with the console on pipes and the log in a file: act(process, log path) returns whether it was good."""
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "log")
        open(log, "wb").close()
        process = subprocess.Popen(
            qemu(kernel, words, machine=machine, smp=smp, options=("-debugcon", f"file:{log}", console, "stdio")),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            signal.alarm(TIMEOUT)
            good = act(process, log)
        finally:
            signal.alarm(0)
            process.kill()
            process.wait()
        with open(log, encoding="utf-8", errors="replace") as file:
            return good, file.read()


for _machine in ("q35", "microvm"):
    @case(f"echo-{_machine}")
    def echo(kernel, machine=_machine):
        def act(process, _log):
            if process.stdout.readline() != b"ready\n":
                return False
            process.stdin.write(b"hello, this is more than one fifo\n.")
            process.stdin.flush()
            got = process.stdout.read()
            return got == b"HELLO, THIS IS MORE THAN ONE FIFO\n." and process.wait() == EXIT_OK
        return with_console(kernel, "sal=echo", machine, act, smp=2)


@case("panic-button")
def panic_button(kernel):
    """An NMI from outside shows where every processor is."""
    def act(process, log):
        if not wait_for(log, b"sal: 2 processors"):
            return False
        time.sleep(0.2)
        process.stdin.write(b"nmi\n")
        process.stdin.flush()
        return process.wait() == EXIT_PANIC
    good, log = with_console(kernel, "sal=deaf", "q35", act, smp=2, console="-monitor")
    wanted = (r"kernel panic on processor [01]: NMI", r"sal_test_deaf\+0x", r"processor [01]: rip", r"sal_idle\+0x")
    return good and all(re.search(w, log) for w in wanted), log


@case("no-log-port")
def no_log_port(kernel):
    """Without a debug port, a panic is seen on the console."""
    command = [c for c in qemu(kernel, "sal=divide", options=("-serial", "stdio", "-debugcon", "none"))]
    at = command.index("-debugcon")
    del command[at:at + 2]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=TIMEOUT, check=False)
    return run.returncode == EXIT_PANIC and b"divide error" in run.stdout, run.stdout.decode(errors="replace")


def main():
    words = [w for w in sys.argv[1:] if not w.startswith("-")]
    verbose, kernel, names = "-v" in sys.argv, words[0], words[1:]
    if "--debug" in sys.argv:
        CASES[:] = [c for c in CASES if c[0] in DEBUG_CASES] + [
            ("panic-order", panic_case("sal=order", r"lock low \(rank 2\) taken while holding test \(rank 5\)",
                                       r"sal_test_order\+0x")),
            ("panic-twice", panic_case("sal=twice", r"lock test \(rank 5\) taken while holding test")),
            ("panic-holder", panic_case("sal=holder", r"lock test released by processor 0, held by -1"))]
    passed = failed = 0
    for name, run in CASES:
        if names and not any(n in name for n in names):
            continue
        good, log = run(kernel)
        passed += bool(good)
        failed += not good
        if verbose or not good:
            print(f"{'ok' if good else 'FAILED'}  {name}")
        if not good:
            print(log)
    print(f"{'sal-debug' if '--debug' in sys.argv else 'sal-guest'}: {passed} passed, {failed} failed")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
