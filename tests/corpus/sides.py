# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""The two places where a batch of cases runs: Linux in a scratch root, and Tricolor.

Both run the same binary and the same driver, batch.sh, and give back {name: Result} and, for cases
without a result, {name: reason}. Linux needs the right to make namespaces (root, or user namespaces).
"""

import os
import pathlib
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

import casefile

BUSYBOX = "/bin/busybox"
ROOT = casefile.HERE.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from launcher import tree  # noqa: E402  (the guest's root is described there, and only there)

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def signals_reset():
    """Programs on Linux inherit what is ignored here, as below nohup; those in the guest don't."""
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Runs inside the new namespaces: $1 is the root, $2 the folder of the batch.
LINUX_ENTER = """
set -e
mount -t proc proc "$1/proc"
mount -t tmpfs tmpfs "$1/tmp"
chmod 1777 "$1/tmp"
mount --bind "$2" "$1/cases"
for d in $3; do mount --bind /dev/$d "$1/dev/$d"; done
ulimit -c 0
exec chroot "$1" /bin/busybox sh /cases/batch.sh
"""


def unshare_command():
    """The start of a command that runs in namespaces of its own. In a plain chroot the root is no mount point, and the mounts'
    propagation can't be changed."""
    words = ["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
    if os.geteuid() != 0:
        words += ["--map-root-user"]
    trial = subprocess.run([*words, "true"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return words if trial.returncode == 0 else [*words, "--propagation", "unchanged"]


class SideError(Exception):
    """This side cannot run at all."""


def stream_run(command, idle_seconds, total_seconds, env=None):
    """Run COMMAND, collect its standard output until it ends, is silent for IDLE_SECONDS, or TOTAL_SECONDS are over.

    Returns (output, stderr text, exit status or None, reason or None). The command and its children are
    in a process group of their own, which is killed at the end."""
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, start_new_session=True, env=env
        )
        output, reason, begin = [], None, time.monotonic()
        try:
            while True:
                left = min(idle_seconds, begin + total_seconds - time.monotonic())
                ready = select.select([child.stdout], [], [], max(left, 0))[0]
                if not ready:
                    reason = f"no output for {left:.0f} s" if left >= idle_seconds else f"not ready in {total_seconds} s"
                    break
                data = os.read(child.stdout.fileno(), 1 << 16)
                if not data:
                    break
                output.append(data)
            if reason is None:
                child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            reason = "closed its output and did not exit"
        finally:
            try:
                os.killpg(child.pid, signal.SIGTERM if reason and child.poll() is None else signal.SIGKILL)
                if reason:
                    time.sleep(0.3)
                    os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
            child.stdout.close()
        errors.seek(0)
        return b"".join(output), errors.read().decode("utf-8", "replace"), child.returncode, reason


def root_write(image, root):
    """Make a launcher's tree (the guest's root) real in the empty or missing folder ROOT."""
    root.mkdir(exist_ok=True)
    for name in sorted(image.nodes):
        node, path = image.nodes[name], root / name
        if stat.S_ISDIR(node.mode):
            path.mkdir(exist_ok=True)
        elif stat.S_ISLNK(node.mode):
            path.symlink_to(os.fsdecode(node.data))
        elif node.path is not None:
            shutil.copy(node.path, path)
        else:
            path.write_bytes(node.data)
        if not stat.S_ISLNK(node.mode):
            path.chmod(stat.S_IMODE(node.mode))


class LinuxSide:
    """The reference: the installed kernel. Use as a context manager: it owns a scratch root."""

    name = "linux"

    def __init__(self, top="/tmp/w"):
        self.top = top
        self.folder = None

    def __enter__(self):
        if not os.path.exists(BUSYBOX):
            raise SideError(f"{BUSYBOX} is missing: install the package busybox-static")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="corpus-"))
        self.root = self.folder / "root"
        root_write(tree.default_root(BUSYBOX), self.root)
        (self.root / "cases").mkdir()
        for d in DEVICES:
            (self.root / "dev" / d).touch()
        (self.root / "dev/fd").symlink_to("/proc/self/fd")
        for fd, d in enumerate(("stdin", "stdout", "stderr")):
            (self.root / "dev" / d).symlink_to(f"/proc/self/fd/{fd}")
        return self

    def __exit__(self, *unused):
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, cases):
        with tempfile.TemporaryDirectory(dir=self.folder) as batch:
            os.chmod(batch, 0o755)
            casefile.batch_write(pathlib.Path(batch), cases, self.top)
            enter = [*unshare_command(), "sh", "-c", LINUX_ENTER, "sh", str(self.root), batch, " ".join(DEVICES)]
            output, errors, status, reason = stream_run(enter, casefile.HEAVY_SECONDS + 10, 600)
        results, running = casefile.stream_parse(output)
        if not results and status != 0:
            raise SideError(f"cannot run the reference on this machine (status {status}): {errors.strip()}")
        lost = {c.name: reason or f"stopped in {running}" for c in cases if c.name not in results}
        return results, lost


class TricolorSide:
    """The system under test, through its launcher. A batch that dies costs the case that was running;
    the rest goes on in a new machine, up to MAX_BOOTS per batch."""

    name = "tricolor"
    top = "/tmp/w"
    MAX_BOOTS = 10

    def __init__(self, launcher, smp, options=()):
        self.launcher, self.smp, self.options = launcher, smp, list(options)
        self.boots = 0
        self.empty_boots = []  # why a machine came to nothing before its first case

    def command(self, folder, seconds):
        return [
            *self.launcher, "run", "--smp", str(self.smp), "--timeout", str(seconds), *self.options,
            "--add", f"{folder}:/cases", "--", BUSYBOX, "sh", "/cases/batch.sh",
        ]  # fmt: skip

    def run_once(self, cases):
        with tempfile.TemporaryDirectory(prefix="corpus-") as folder:
            os.chmod(folder, 0o755)
            casefile.batch_write(pathlib.Path(folder), cases, self.top)
            heavy = any("heavy" in c.tags for c in cases)
            idle = (casefile.HEAVY_SECONDS if heavy else casefile.SECONDS) + 20
            total = 60 + 10 * len(cases) + (300 if heavy else 0)
            self.boots += 1
            output, errors, status, reason = stream_run(self.command(folder, total), idle, total + 20)
        results, running = casefile.stream_parse(output)
        tail = "\n".join(errors.strip().splitlines()[-12:])
        why = reason or f"the launcher exited with status {status}"
        return results, running, why + (f"\n{tail}" if tail else "")

    def run(self, cases):
        results, lost, left, empty = {}, {}, list(cases), 0
        for _ in range(self.MAX_BOOTS):
            got, running, why = self.run_once(left)
            results.update(got)
            left = [c for c in left if c.name not in results]
            if not left:
                return results, lost
            empty = 0 if got or running else empty + 1
            if empty:
                self.empty_boots.append(why)
                if empty == 1:
                    continue  # one more try, for the sake of the cases
                break
            victim = running or left[0].name
            lost[victim] = f"no result: {why}"
            left = [c for c in left if c.name != victim]
            if not left:
                return results, lost
        lost.update({c.name: f"no result: not run, because the batch died too often; last: {why}" for c in left})
        return results, lost
