#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Runs the guest tests on several machines and adds up what they say.

usage: run.py --kernel ELF --program ELF [--smp 1,2,4] [--machine q35,microvm] [--test PATTERN] [--seed N] [--append WORDS] [--times N] [-v]
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

TIMEOUT = 240


def boot(options, machine, smp, seed):
    """One boot; returns (passed, failed, log)."""
    words = f"test={options.test}" + (f" seed={seed}" if seed else "") + (f" {options.append}" if options.append else "") + (" traced=1" if options.traced else "")
    command = ["qemu-system-x86_64", "-M", machine, "-cpu", options.cpu, "-m", "256", "-smp", str(smp), "-nodefaults",
               "-no-reboot", "-display", "none", "-kernel", options.kernel, "-initrd", options.program, "-append", words,
               "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-debugcon", "stdio"] + options.qemu_arg
    if machine == "microvm":
        command[2] = "microvm,rtc=on"
    try:
        run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             timeout=options.timeout, check=False)
        log, code = run.stdout.decode(errors="replace"), run.returncode
    except subprocess.TimeoutExpired as error:
        log, code = (error.stdout or b"").decode(errors="replace") + "\ntime-out\n", None
    closing = re.findall(r"guest: (\d+) passed, (\d+) failed", log)
    if not closing:
        return 0, 1, log + f"\nthe tests did not end (qemu: {code})\n"
    passed, failed = map(int, closing[-1])
    if code != (0x13 << 1 | 1) and not failed:
        failed += 1
    return passed, failed, log


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kernel", required=True)
    parser.add_argument("--name", default="test-kernel")
    parser.add_argument("--program", required=True)
    parser.add_argument("--smp", default="1,2,4")
    parser.add_argument("--machine", default="q35")
    parser.add_argument("--cpu", default="max")
    parser.add_argument("--test", default="*")
    parser.add_argument("--seed")
    parser.add_argument("--append", help="more words of the command line")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=TIMEOUT)
    parser.add_argument("--qemu-arg", action="append", default=[])
    parser.add_argument("--traced", action="store_true", help="with all envs but one traced")
    parser.add_argument("-v", action="store_true")
    options = parser.parse_args()
    total_passed = total_failed = 0
    for _ in range(options.times):
        for machine in options.machine.split(","):
            for smp in options.smp.split(","):
                passed, failed, log = boot(options, machine, smp, options.seed)
                total_passed, total_failed = total_passed + passed, total_failed + failed
                print(f"  kernel on {machine} with {smp} cpu: {passed} passed, {failed} failed", flush=True)
                if failed or options.v:
                    seed = re.search(r"seed=(\d+)", log)
                    print(log)
                    if failed:
                        print(f"again: make test-kernel GUEST_ARGS='--machine {machine} --smp {smp}"
                              f" --test {options.test}{' --seed ' + seed[1] if seed else ''} -v'")
    print(f"{options.name}: {total_passed} passed, {total_failed} failed")
    sys.exit(1 if total_failed or not total_passed else 0)


main()
