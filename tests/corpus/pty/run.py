#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Drives the interactive shell through a pseudo-terminal, in Tricolor and on Linux, and compares the screens.

    tests/corpus/pty/run.py                  all cases of session.case
    tests/corpus/pty/run.py --case NAME      one case (repeatable)
    tests/corpus/pty/run.py --host-only      run Linux twice
"""

import argparse
import ast
import concurrent.futures
import fcntl
import os
import pathlib
import pty
import re
import select
import shlex
import signal
import struct
import sys
import termios
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import sides  # noqa: E402
from screen import Screen  # noqa: E402

ROWS, COLUMNS = 24, 80
QUIET = 0.15  # a screen that stays unchanged this long is taken as settled, on Linux

# Ends the jobs that a case left behind; a stopped one is told of later, so that takes a moment and one more `jobs`.
JOBS_END = b'j=$(jobs -p); [ "$j" ] && { kill -9 $j; wait; usleep 200000; jobs >/dev/null; }; '

LINUX_ENTER = """
mount -t proc proc "$1/proc"; mount -t tmpfs tmpfs "$1/tmp"; mkdir -p "$1/dev/pts"
mount --bind /dev/pts "$1/dev/pts"
for d in $2; do mount --bind /dev/$d "$1/dev/$d"; done
ulimit -c 0
chroot "$1" /bin/busybox env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=vt100 /bin/sh
exit $?  # no exec: process 1 of a Linux namespace can't kill itself
"""


class StepError(Exception):
    """A step did not come out as it should; str() is for the reader."""


def cases_parse(path):
    """({name: [(what, argument, line number)]} in the order of the file, names of the racy cases)."""
    cases, racy, steps = {}, set(), None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        what, _, rest = line.strip().partition(" ")
        if what == "===":
            name, *tags = rest.split()
            if name in cases or tags not in ([], ["racy"]):
                raise SystemExit(f"{path}:{number}: case {name} is defined twice, or has an unknown tag")
            steps = cases[name] = []
            racy.update([name] if tags else [])
        elif not what or what.startswith("#"):
            continue
        elif steps is None or what not in (">", "<", "=", "resize", "pause", "end"):
            raise SystemExit(f"{path}:{number}: no such step: {line}")
        elif what == ">":
            text = line.partition("> ")[2].replace("\\e", "\\x1b").replace("'", "\\'")
            steps.append((what, ast.literal_eval(f"'{text}'").encode(), number))
        else:
            steps.append((what, rest, number))
    return cases, racy


class Terminal:
    """A program on a pseudo-terminal with a screen. `patience` is how long, in seconds, anything may take."""

    def __init__(self, command, patience):
        self.patience, self.screen, self.status = patience, Screen(ROWS, COLUMNS), None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.environ["TERM"] = "vt100"
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
                os.execvp(command[0], command)
            finally:
                os._exit(127)

    def pump(self, seconds):
        """Take what the program writes within SECONDS; returns whether anything came."""
        if self.status is not None or not select.select([self.fd], [], [], seconds)[0]:
            if self.status is not None:
                time.sleep(seconds)
            return False
        try:
            data = os.read(self.fd, 1 << 16)
        except OSError:
            data = b""
        if not data:
            self.reap()
            return False
        self.screen.feed(data)
        replies = self.screen.replies()
        if replies:
            self.send(replies)
        return True

    def send(self, data):
        try:
            os.write(self.fd, data)
        except OSError:
            pass

    def reap(self):
        deadline = time.monotonic() + self.patience
        while self.status is None and time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
            else:
                time.sleep(0.02)
        if self.status is None:
            raise StepError("closed the terminal and did not exit")

    def expect(self, regex):
        pattern, deadline = re.compile(regex, re.M), time.monotonic() + self.patience
        while not pattern.search(self.picture()):
            if self.status is not None:
                raise StepError(f"ended with status {self.status} while waiting for /{regex}/")
            if time.monotonic() > deadline:
                raise StepError(f"waited {self.patience} s in vain for /{regex}/")
            self.pump(0.1)

    def picture(self):
        """The text up to the cursor's line, with the blanks that stand before the cursor (a prompt ends with one)."""
        lines = self.screen.text().split("\n")
        y, x = self.screen.cursor()
        lines += [""] * (y + 1 - len(lines))
        lines[y] = lines[y].ljust(x)
        return "\n".join(lines)

    def settle(self):
        while self.pump(QUIET):
            pass
        return self.screen.text(), self.screen.cursor()

    def match(self, wanted):
        """Wait until screen and cursor are as WANTED."""
        deadline = time.monotonic() + self.patience
        while (self.screen.text(), self.screen.cursor()) != wanted:
            if time.monotonic() > deadline or self.status is not None:
                raise StepError(f"the screen differs from Linux; there it is (cursor {wanted[1]}):\n{picture_box(wanted[0])}")
            self.pump(0.1)

    def resize(self, rows, columns):
        self.screen.resize(rows, columns)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.pump(0.2)

    def close(self):
        if self.status is None:
            for sent in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.kill(self.pid, sent)
                except ProcessLookupError:
                    break
                for _ in range(10):
                    time.sleep(0.05)
                    if os.waitpid(self.pid, os.WNOHANG)[0]:
                        self.status = -1
                        break
                if self.status is not None:
                    break
        os.close(self.fd)


def picture_box(text):
    return "\n".join(f"    | {line}" for line in text.split("\n"))


class Player:
    """Plays cases on one kind of terminal, in one session as long as all goes well."""

    def __init__(self, name, command, patience):
        self.name, self.command, self.patience, self.terminal, self.count = name, command, patience, None, 0

    def session_start(self):
        self.terminal = Terminal(self.command, self.patience)
        self.terminal.expect(r"[#$] $")
        self.terminal.send(b"export PS1='$ ' PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=vt100 HISTFILE=; set -o pipefail; set +o pipefail; cd /tmp\r")
        self.terminal.expect(r"^\$ $")

    def case_begin(self):
        """A clean screen, nothing running, an empty directory."""
        if self.terminal is None or self.terminal.status is not None:
            self.session_start()
        self.count += 1
        t = self.terminal
        t.send(JOBS_END + b"cd /tmp; rm -rf c%d; mkdir c%d; cd c%d; clear\r" % ((self.count,) * 3))
        for _ in range(3):
            t.expect(r"^\$ \Z")
            t.settle()
            if t.picture() == "$ ":
                return
            t.send(b"clear\r")  # the shell had something to say about a job of the case before
        t.expect(r"\A\$ \Z")

    def session_end(self):
        if self.terminal:
            self.terminal.close()
            self.terminal = None

    def play(self, steps, wanted, attempts=1):
        """play_once, and again while it fails, up to ATTEMPTS times."""
        for left in reversed(range(attempts)):
            screens, complaint = self.play_once(steps, wanted)
            if complaint is None or not left:
                return screens, complaint

    def play_once(self, steps, wanted):
        """Play a case; WANTED has Linux's screens, or is None to record. Returns (screens, complaint or None)."""
        screens, where = [], "at the start"
        try:
            self.case_begin()
            for what, argument, number in steps:
                where = f"line {number}: {what} {argument if isinstance(argument, str) else argument.decode('latin-1')!r}"
                self.step(what, argument, wanted, screens)
            return screens, None
        except StepError as e:
            said = f"{where}\n{e}"
            if self.terminal:
                said += f"\nscreen (cursor {self.terminal.screen.cursor()}):\n{picture_box(self.terminal.screen.text())}"
            self.session_end()
            return screens, said

    def step(self, what, argument, wanted, screens):
        t = self.terminal
        if what == ">":
            t.send(argument)
        elif what == "<":
            t.expect(argument)
        elif what == "=":
            if wanted is None:
                screens.append(t.settle())
            else:
                t.match(wanted[len(screens)])
                screens.append(wanted[len(screens)])
        elif what == "resize":
            t.resize(*map(int, argument.split()))
        elif what == "pause":
            deadline = time.monotonic() + float(argument) * (1 if wanted is None else 2)
            while time.monotonic() < deadline:
                t.pump(0.05)
        elif what == "end":
            deadline = time.monotonic() + t.patience
            while t.status is None:
                if time.monotonic() > deadline:
                    raise StepError(f"did not end in {t.patience} s")
                t.pump(0.1)
            if t.status != int(argument):
                raise StepError(f"ended with status {t.status} instead of {argument}")


def arguments_parse(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--case", action="append", default=[], metavar="NAME")
    p.add_argument("--list", action="store_true")
    p.add_argument("--smp", type=int, default=2, metavar="N")
    p.add_argument("--host-only", action="store_true", help="compare Linux with Linux")
    p.add_argument("--patience", type=float, default=30, metavar="S", help="how long a step may take in the guest")
    p.add_argument("--launcher", default=str(sides.ROOT / "tricolor"), metavar="COMMAND")
    p.add_argument("--cases", default=str(HERE / "session.case"), metavar="FILE")
    return p.parse_args(argv)


def main(argv):
    sides.signals_reset()
    a = arguments_parse(argv)
    cases, racy = cases_parse(pathlib.Path(a.cases))
    unknown = set(a.case) - set(cases)
    if unknown:
        raise SystemExit(f"no case is called {', '.join(sorted(unknown))}")
    names = [n for n in cases if not a.case or n in a.case]
    if a.list:
        print("\n".join(names))
        return 0
    failed = 0
    with sides.LinuxSide() as linux:
        enter = [*sides.unshare_command(), "sh", "-c", LINUX_ENTER, "sh", str(linux.root), " ".join(sides.DEVICES)]
        reference = Player("linux", enter, 10)
        if a.host_only:
            subject = Player("linux again", enter, 10)
        else:
            guest = [*shlex.split(a.launcher), "run", "--smp", str(a.smp), "--timeout", "600"]
            subject = Player("tricolor", guest, a.patience)
        own = os.path.relpath(os.path.abspath(__file__), os.getcwd())
        recorder = concurrent.futures.ThreadPoolExecutor(1)  # Linux goes ahead, case by case
        recorded = [recorder.submit(reference.play, cases[name], None, 3) for name in names]
        for name, record in zip(names, recorded):
            screens, complaint = record.result()
            where = "on Linux"
            if complaint is None:
                where = f"in {subject.name}"
                complaint = subject.play(cases[name], screens, 3 if name in racy else 1)[1]
            if complaint is not None:
                failed += 1
                text = complaint.replace("\n", "\n    ")
                print(f"FAIL {name} {where}: {text}\n    repeat: {own} --smp {a.smp} --case {name}", flush=True)
        recorder.shutdown()
        reference.session_end()
        subject.session_end()
    print(f"pty: {len(names) - failed} passed, {failed} failed", flush=True)
    return 1 if failed or not names else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
