# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""The guests: Tricolor with the native program, Tricolor with ExOS, Linux tuned, Linux as Debian has it.

Each runs once per call, with the same QEMU options, and gives a Result. Programs print

    tsc_hz N                                     ticks of the time-stamp counter per second
    row ID centiticks N MEDIAN MIN MAX           hundredths of a tick for an operation
    value ID UNIT NUMBER
    absent ID WHY
    bench: end
"""

import os
import re
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "tools"))

from launcher import accel, cpio  # noqa: E402

MACHINE = "q35"
CPU = "max,-erms,-pku,-smap"
MEMORY = 512  # MiB
LINUX_TUNED = ("mitigations=off init_on_alloc=0 hardened_usercopy=off randomize_kstack_offset=off lsm=capability audit=0 "
               "cgroup_disable=memory nokaslr")
MODES = {"insns": ["-accel", "tcg", "-icount", "shift=0,sleep=off"], "tcg": ["-accel", "tcg"], "kvm": ["-accel", "kvm"]}
LIMIT = 240  # seconds for one guest


class Trouble(Exception):
    """Something that keeps a guest from running at all."""


class Result:
    """What one boot said: rows as {id: (n, median, min, max)} in ticks, values as {id: number}, absent as {id: why}."""

    def __init__(self, text):
        self.rows, self.values, self.absent = {}, {}, {}
        self.ended = "bench: end" in text
        found = re.search(r"^tsc_hz (\d+)", text, re.M)
        self.hz = int(found[1]) if found else None
        for name, n, *ticks in re.findall(r"^row (\S+) centiticks (\d+) (\d+) (\d+) (\d+)", text, re.M):
            self.rows[name] = (int(n), *(int(t) / 100 for t in ticks))
        for name, value in re.findall(r"^value (\S+) \S+ (\d+)", text, re.M):
            self.values[name] = int(value)
        for name, why in re.findall(r"^absent (\S+) (.*?)\r?$", text, re.M):
            self.absent[name] = why
        self.text = text


def kvm_works(build):
    return accel.kvm_works(build, MACHINE, CPU)


def qemu_version():
    try:
        return subprocess.run(["qemu-system-x86_64", "--version"], stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")[0]
    except (OSError, subprocess.CalledProcessError) as error:
        raise Trouble(f"qemu-system-x86_64 does not run: {error}") from error


def qemu(mode, kernel, initrd, words, *more):
    """QEMU's words for a guest; the same for all of them but for what is booted and where it prints."""
    return ["qemu-system-x86_64", "-machine", MACHINE, *MODES[mode], "-cpu", CPU, "-smp", "1", "-m", str(MEMORY), "-nodefaults",
            "-no-reboot", "-no-user-config", "-display", "none", "-kernel", kernel, "-initrd", initrd, "-append", words, *more]


def run(command, **environment):
    """Runs a guest to its end and gives what it printed. A guest that hangs is killed, and what it printed until then counts."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=TOP,
                             env={**os.environ, **environment})
    try:
        out = child.communicate(timeout=LIMIT)[0]
    except subprocess.TimeoutExpired:
        child.kill()
        out = child.communicate()[0] + b"\nbench: time-out\n"
    except BaseException:
        child.kill()
        child.wait()
        raise
    return Result(out.decode(errors="replace").replace("\r", ""))


# --- Tricolor -------------------------------------------------------------------------------------------------------------------

def native_command(build, mode, ids, *more):
    path = os.path.join(build, "user", "bench-native.elf")
    return qemu(mode, os.path.join(build, "kernel", "tricolor.elf"), path,
                "event_seed=1" + (" rows=" + ",".join(ids) if ids else ""),
                "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-debugcon", "stdio", *more)


def native(build, mode, ids):
    return run(native_command(build, mode, ids))


def exos_command(build, mode, argv, *more):
    program = os.path.join(build, "bench", "linux-rows")
    words = [os.path.join(TOP, "tricolor"), "run", "--cpu", CPU, "--machine", MACHINE, "--mem", str(MEMORY), "--smp", "1",
             "--timeout", str(LIMIT - 10), "--add", program + ":/bench"]
    words += {"insns": ["--icount"], "tcg": ["--accel", "tcg"], "kvm": ["--accel", "kvm"]}[mode]
    return words + [f"--qemu-arg={word}" for word in more] + ["--", *argv]


def exos(build, mode, ids):
    return run(exos_command(build, mode, ["/bench", *ids]), TRICOLOR_BUILD=os.path.relpath(build, TOP))


def exos_boot(build, mode):
    return run(exos_command(build, mode, ["sh", "-c", "exec /bench --boot"]), TRICOLOR_BUILD=os.path.relpath(build, TOP))


# --- Linux ----------------------------------------------------------------------------------------------------------------------

META = "linux-image-cloud-amd64"


def _say(text):
    print("bench: " + text, file=sys.stderr, flush=True)


def _package_name():
    """The package that holds the current kernel of Debian's cloud flavour."""
    for attempt in range(2):
        found = subprocess.run(["apt-cache", "depends", META], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        names = re.findall(r"Depends: (linux-image-\S+)", found.stdout.decode())
        if names:
            return names[0]
        if attempt == 0:
            sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
            _say("updating the package lists " + ("as root" if not sudo else "through sudo"))
            subprocess.run([*sudo, "apt-get", "-qq", "update"], stdout=2, check=False)
    raise Trouble(f"the package {META} is unknown here: Linux's columns need a Debian package list with it")


def linux_kernel(build):
    """The path of Debian's cloud kernel, taken out of its package the first time."""
    folder = os.path.join(build, "bench", "linux")
    try:
        known = sorted(name for name in os.listdir(folder) if name.startswith("vmlinuz-"))
    except OSError:
        known = []
    if known:
        return os.path.join(folder, known[-1])
    try:
        name = _package_name()
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            _say(f"taking the kernel out of the package {name}")
            subprocess.run(["apt-get", "-qq", "download", name], cwd=scratch, stdout=2, stderr=subprocess.DEVNULL, check=True)
            archive = next(entry for entry in os.listdir(scratch) if entry.endswith(".deb"))
            subprocess.run(["dpkg-deb", "-x", archive, "tree"], cwd=scratch, check=True)
            boot = os.path.join(scratch, "tree", "boot")
            kernel = next(entry for entry in os.listdir(boot) if entry.startswith("vmlinuz-"))
            os.replace(os.path.join(boot, kernel), os.path.join(folder, kernel))
    except (OSError, StopIteration, subprocess.CalledProcessError) as error:
        raise Trouble(f"Debian's kernel can't be had: {error}") from error
    return os.path.join(folder, kernel)


def linux_initrd(build):
    """An initial file system: the benchmark program as /init, and busybox with a script for the way to the prompt."""
    path = os.path.join(build, "bench", "linux", "initrd")
    parts = [(os.path.join(build, "bench", "linux-rows"), "init"), ("/bin/busybox", "bin/busybox")]
    if os.path.exists(path) and all(os.path.getmtime(source) < os.path.getmtime(path) for source, _ in parts):
        return path
    with open(path + ".new", "wb") as out:
        writer = cpio.Writer(out)
        for folder in ("bin", "dev", "proc", "tmp"):
            writer.add_bytes(folder, 0o40755, b"")
        writer.add_device("dev/console", 0o20600, 5, 1)
        for source, name in parts:
            writer.add_file(name, 0o100755, source, os.path.getsize(source))
        writer.add_bytes("boot.sh", 0o100755, b"#!/bin/busybox sh\nexec /init --boot\n")
        writer.finish()
    os.replace(path + ".new", path)
    return path


def linux(build, mode, ids, tuned):
    words = f"console=ttyS0 quiet panic=-1 {LINUX_TUNED if tuned else ''} rdinit=/init rows={','.join(ids)}"
    return run(qemu(mode, linux_kernel(build), linux_initrd(build), words, "-serial", "stdio"))


def linux_boot(build, mode, tuned):
    words = f"console=ttyS0 quiet panic=-1 {LINUX_TUNED if tuned else ''} rdinit=/boot.sh rows=--boot"
    return run(qemu(mode, linux_kernel(build), linux_initrd(build), words, "-serial", "stdio"))


# --- sizes ----------------------------------------------------------------------------------------------------------------------

def sizes(build):
    """Bytes of text, and of everything loaded, from the ELF program headers."""
    def segments(path):
        with open(path, "rb") as source:
            data = source.read()
        offset, size, count = int.from_bytes(data[32:40], "little"), data[54], data[56]
        for i in range(count):
            header = data[offset + i * size:offset + (i + 1) * size]
            if int.from_bytes(header[:4], "little") == 1:
                yield (int.from_bytes(header[4:8], "little"), int.from_bytes(header[32:40], "little"),
                       int.from_bytes(header[40:48], "little"))
    kernel = list(segments(os.path.join(build, "kernel", "tricolor.elf")))
    exos_image = list(segments(os.path.join(build, "user", "boot", "exos.elf")))
    return {"kernel_text": sum(size for flags, size, _ in kernel if not flags & 2), "kernel_image": sum(m for _, _, m in kernel),
            "libos_image": sum(m for _, _, m in exos_image)}


