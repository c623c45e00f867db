# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""One run of the guest: starts QEMU, carries bytes between the host's streams and the guest's console, and judges the end.

One loop over poll(2) does everything; nothing blocks except poll itself. Flow control goes through in both directions: output that
the host's reader doesn't take stops reading from the guest, and input that the guest doesn't take stops reading standard input.
"""

import collections
import ctypes
import fcntl
import os
import select
import signal
import stat
import subprocess
import sys
import time

from . import Trouble
from . import protocol
from . import terminal

INPUT_LIMIT = 1 << 16  # bytes of input waiting for the guest, above which we read no more
OUTPUT_LIMIT = 1 << 18  # the same for output waiting for the host's reader
PIPE_STEP = select.PIPE_BUF  # what a writable pipe takes without blocking
BURST_GAP = 0.002  # seconds: reads that follow each other faster than this are a burst,
BURST_PAUSE = 0.001  # and in a burst we wait a little before each, since QEMU hands over single bytes
READY_WAIT = 5.0  # seconds after which input flows even if the guest never said that it is ready
END_WAIT = 2.0  # seconds between the program's end and QEMU's
PANIC_LINES = 40
PR_SET_PDEATHSIG = 1

# What isa-debug-exit makes of the values that the guest writes.
ENDED, PANICKED, TESTS_FAILED, TESTS_PASSED = ((v << 1) | 1 for v in (0x10, 0x11, 0x12, 0x13))


def _die_with_parent():
    """Runs in the child: QEMU must not outlive a launcher that is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def stream_kinds():
    """What the three standard streams are for the guest. A terminal whose background we are in can't be read: null."""
    kinds = [terminal.kind_of(fd) for fd in (0, 1, 2)]
    if kinds[0] == "tty":
        try:
            foreground = os.tcgetpgrp(0) == os.getpgrp()
        except OSError:
            foreground = False
        if not foreground:
            kinds[0] = "null"
    return kinds


class Session:
    """State of one run. `run` returns the launcher's exit status."""

    def __init__(self, command, log, scratch, kinds, timeout):
        self.command, self.log, self.kinds, self.timeout = command, log, kinds, timeout
        self.errors = os.path.join(scratch, "qemu-errors")
        self.decoder = protocol.Decoder(self._output, self._message, self._exited, self._guest_ready)
        self.output = collections.deque()  # (fd, bytes) for the host's streams
        self.output_size = 0
        self.input = bytearray()  # encoded bytes for the guest
        self.input_open = kinds[0] != "null"
        self.ready = False  # the guest takes input
        self.last_read = 0.0
        self.status = None  # what the guest said by 'X'
        self.ended_at = None
        self.cause = None  # the exit status when we ended the run ourselves
        self.messages = []
        self.leave_key = terminal.LeaveKey()
        self.raw = None
        self.child = None
        self.signals = None  # read end of the pipe that signal numbers arrive on
        if not self.input_open:
            self.input += protocol.END_OF_INPUT

    # --- what the guest says ---

    def _output(self, stream, data):
        self.output.append((stream, memoryview(data)))
        self.output_size += len(data)

    def _message(self, text):
        self.messages.append(text)

    def _exited(self, status):
        self.status = status
        self.ended_at = time.monotonic()

    def _guest_ready(self):
        self.ready = True

    # --- the loop ---

    def run(self, attach=None):
        """Runs to the end. `attach(child)` is called once QEMU is started, and returns an fd: when it is readable the run ends."""
        with terminal.RawMode(0 if self.kinds[0] == "tty" else -1) as self.raw:
            grace = 0
            try:
                self._start()
                self._loop(attach(self.child) if attach else None)
                grace = END_WAIT if self.cause is None else 0
            finally:
                self._stop(grace)
        return self._verdict()

    def _start(self):
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.signals = wake_read
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGWINCH):
            signal.signal(number, lambda *_: None)
        with open(self.errors, "wb") as errors:
            # Its own session: keys like Ctrl-C must reach us, not QEMU.
            self.child = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                                          start_new_session=True, preexec_fn=_die_with_parent, bufsize=0)
        self.started = time.monotonic()
        self.to_guest, self.from_guest = self.child.stdin.fileno(), self.child.stdout.fileno()
        os.set_blocking(self.to_guest, False)
        os.set_blocking(self.from_guest, False)
        try:
            fcntl.fcntl(self.from_guest, fcntl.F_SETPIPE_SZ, 1 << 18)
        except OSError:
            pass  # only slower

    def _stop(self, grace):
        """Ends QEMU, after `grace` seconds in which it may end by itself: it closes its streams a little before it exits."""
        if self.child is not None:
            try:
                self.child.wait(grace)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()

    def _deadline(self):
        """The next moment at which something happens by itself."""
        moments = []
        if self.timeout is not None:
            moments.append(self.started + self.timeout)
        if not self.ready:
            moments.append(self.started + READY_WAIT)
        if self.ended_at is not None:
            moments.append(self.ended_at + END_WAIT)
        return min(moments) if moments else None

    def _loop(self, done):
        guest_open = True
        while self.cause is None and (guest_open or self.output):
            self._flush_files()
            poll = select.poll()
            poll.register(self.signals, select.POLLIN)
            if done is not None:
                poll.register(done, select.POLLIN)
            if guest_open and self.output_size < OUTPUT_LIMIT:
                poll.register(self.from_guest, select.POLLIN)
            if guest_open and self.input and self.ready:
                poll.register(self.to_guest, select.POLLOUT)
            if guest_open and self.input_open and len(self.input) < INPUT_LIMIT:
                poll.register(0, select.POLLIN)
            if self.output:
                poll.register(self.output[0][0], select.POLLOUT)
            deadline = self._deadline()
            wait = None if deadline is None else max(0, deadline - time.monotonic()) * 1000
            events = poll.poll(wait)
            self._on_time(guest_open)
            for fd, event in events:
                if self.cause is not None:
                    break
                if fd == self.signals:
                    self._on_signals()
                elif done is not None and fd == done:
                    self.cause = 0
                elif fd == self.from_guest:
                    guest_open = self._read_guest()
                elif fd == self.to_guest:
                    self._write_guest()
                elif fd == 0:
                    self._read_host()
                elif self.output and fd == self.output[0][0]:
                    self._write_host(broken=bool(event & (select.POLLERR | select.POLLNVAL)))

    def _on_time(self, guest_open):
        now = time.monotonic()
        if self.timeout is not None and now >= self.started + self.timeout and self.status is None and guest_open:
            self.cause = 124
            self.messages.append(f"time-out: the guest was stopped after {self.timeout:g} s")
        if now >= self.started + READY_WAIT:
            self.ready = True
        if self.ended_at is not None and now >= self.ended_at + END_WAIT and self.child.poll() is None:
            self.child.kill()  # the program's status is known; a machine that doesn't power off changes nothing

    def _on_signals(self):
        for number in os.read(self.signals, 64):
            if number == signal.SIGWINCH:
                self.input += protocol.encode_window(*terminal.window_size())
            elif number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
                self.cause = 128 + number

    def _read_guest(self):
        """Takes what the guest sent; returns False when it will send no more."""
        if time.monotonic() - self.last_read < BURST_GAP:
            time.sleep(BURST_PAUSE)
        try:
            data = os.read(self.from_guest, 1 << 18)
        except BlockingIOError:
            return True
        self.last_read = time.monotonic()
        if not data:
            return False
        self.ready = True
        self.decoder.feed(data)
        return True

    def _write_guest(self):
        try:
            written = os.write(self.to_guest, self.input[:1 << 16])
            del self.input[:written]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self.input.clear()
            self.input_open = False

    def _read_host(self):
        try:
            data = os.read(0, 1 << 15)
        except BlockingIOError:
            return  # somebody made our standard input non-blocking
        except OSError:
            data = b""
        if not data:
            self.input_open = False
            self.input += protocol.END_OF_INPUT
            return
        if self.kinds[0] == "tty":
            data, leave = self.leave_key.filter(data)
            if leave:
                self.cause = 130
                self.messages.append("left by Ctrl-] x")
        self.input += protocol.encode_input(data)

    def _flush_files(self):
        """Writes output whose destination never blocks: regular files."""
        while self.output and stat.S_ISREG(self._mode(self.output[0][0])):
            self._write_host(step=1 << 20)

    @staticmethod
    def _mode(fd):
        try:
            return os.fstat(fd).st_mode
        except OSError:
            return stat.S_IFREG  # a closed stream: writing fails at once

    def _write_host(self, broken=False, step=PIPE_STEP):
        fd, data = self.output.popleft()
        try:
            written = os.write(fd, data[:step])
        except BlockingIOError:
            written = 0
        except OSError as error:
            self._lost_stream(fd, error, broken)
            written = len(data)
        self.output_size -= written
        if written < len(data):
            self.output.appendleft((fd, data[written:]))

    def _lost_stream(self, fd, error, broken):
        if fd != 1:
            return  # nobody listens to standard error: go on
        if broken or isinstance(error, BrokenPipeError):
            self.cause = 128 + signal.SIGPIPE
        else:
            self.cause = 125
            self.messages.append(f"can't write standard output: {error.strerror}")

    # --- the end ---

    def _verdict(self):
        """Says what there is to say on standard error, and returns the launcher's exit status."""
        code = self.child.returncode
        status = self.cause
        report = []
        if status is None and code == PANICKED:
            status, report = 126, self._panic("kernel panic")
        elif status is None and self.status is not None:
            status = self.status if self.status < 256 else 128 + self.status - 256
        elif status is None and code in (ENDED, TESTS_PASSED):
            status = 0
        elif status is None and code == TESTS_FAILED:
            status, report = 1, ["tests failed in the guest"]
        elif status is None and code == 0:
            status, report = 126, self._panic("kernel panic: the machine reset itself (a triple fault?)")
        elif status is None:
            status, report = 125, self._qemu_trouble(code)
        for text in [f"tricolor: {m}" for m in self.messages] + [f"tricolor: {r}" if i == 0 else r for i, r in enumerate(report)]:
            print(text, file=sys.stderr)
        return min(status, 255)

    def _panic(self, what):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as source:
                lines = source.read().splitlines()
        except OSError:
            lines = []
        first = next((i for i, line in enumerate(lines) if "panic" in line.lower()), None)
        start = len(lines) - PANIC_LINES if first is None else min(first, len(lines) - 1)
        tail = lines[max(0, start):][:PANIC_LINES]
        if first is not None and what == "kernel panic":
            what = "kernel " + lines[first][lines[first].lower().index("panic"):]
        return [what, *("  | " + line for line in tail)]

    def _qemu_trouble(self, code):
        with open(self.errors, encoding="utf-8", errors="replace") as source:
            lines = [line for line in source.read().splitlines() if "warning:" not in line]
        how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
        return [f"QEMU {how}" + (f": {lines[-1]}" if lines else "")]


def check_streams():
    """Standard streams that are closed would be taken over by our own files: put /dev/null there."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != fd:
                raise Trouble("standard streams are closed in a strange way") from None
            os.set_inheritable(fd, True)
