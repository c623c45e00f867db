# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Chooses the accelerator: KVM only where a probe guest has been seen to run.

A /dev/kvm that can be opened proves little: nested and emulated ones may stop at the first instruction of 64-bit mode. So the
probe (tools/probe) is booted with the machine and CPU of the run, and must report in time that it did in 64-bit and user mode what
every kernel does. The verdict holds until the host boots again or QEMU, probe, machine or CPU change: it is kept in $(BUILD)/kvm.
"""

import hashlib
import os
import shutil
import subprocess

PROBE_OK = (0x2A << 1) | 1  # what isa-debug-exit makes of the probe's PROBE_OK
LIMIT = 3.0  # seconds; on a host that works it takes 0.1


def _fingerprint(qemu, probe, machine, cpu):
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as source:
        boot = source.read().strip()
    info = os.stat(qemu)
    with open(probe, "rb") as source:
        digest = hashlib.sha256(source.read())
    digest.update(repr((boot, qemu, info.st_size, info.st_mtime_ns, machine, cpu)).encode())
    return digest.hexdigest()


def _probe_runs(qemu, probe, machine, cpu):
    command = [qemu, "-machine", machine, "-accel", "kvm", "-cpu", cpu, "-m", "16", "-nodefaults", "-no-reboot",
               "-display", "none", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-kernel", probe]
    # A QEMU that aborts should leave no core file behind.
    limits = "ulimit -c 0; exec \"$@\""
    child = subprocess.Popen(["sh", "-c", limits, "sh", *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        return child.wait(LIMIT) == PROBE_OK
    except subprocess.TimeoutExpired:
        return False
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


def kvm_works(build, machine, cpu):
    """True when KVM runs the probe. Takes up to LIMIT seconds the first time."""
    probe = os.path.join(build, "probe", "probe.elf")
    qemu = shutil.which("qemu-system-x86_64")
    if not (qemu and os.path.exists(probe) and os.access("/dev/kvm", os.R_OK | os.W_OK)):
        return False
    folder = os.path.join(build, "kvm")
    note = os.path.join(folder, _fingerprint(qemu, probe, machine, cpu))
    try:
        with open(note, encoding="ascii") as source:
            return source.read() == "works\n"
    except OSError:
        pass
    verdict = _probe_runs(qemu, probe, machine, cpu)
    try:
        os.makedirs(folder, exist_ok=True)
        with open(f"{note}.{os.getpid()}", "w", encoding="ascii") as out:
            out.write("works\n" if verdict else "does not work\n")
        os.replace(out.name, note)
    except OSError:
        pass  # a read-only build folder: probe again next time
    return verdict


def choose(options, build):
    """The accelerator for a run: "kvm" or "tcg"."""
    if options.accel != "auto":
        return options.accel
    return "kvm" if kvm_works(build, options.machine, options.cpu) else "tcg"
