# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Tests of ./tricolor against the fake guest in fakeguest/. TRICOLOR_BUILD names the folder with the fake's images."""

import contextlib
import fcntl
import glob
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

from harness import expect, run

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAUNCHER = os.path.join(TOP, "tricolor")
LIMIT = "60"  # seconds; generous, since it only ends what hangs

sys.path.insert(0, os.path.join(TOP, "tools"))
from launcher import protocol  # noqa: E402


def launch(*words, data=b"", options=("--accel", "tcg"), timeout=LIMIT, env=None, **more):
    """Runs ./tricolor run OPTIONS -- WORDS; returns (status, stdout, stderr)."""
    command = [LAUNCHER, "run", *options, "--timeout", timeout]
    if words:
        command += ["--", *words]
    if "stdin" not in more:
        more["input"] = data
    done = subprocess.run(command, capture_output=True, check=False, env={**os.environ, **(env or {})}, **more)
    return done.returncode, done.stdout, done.stderr


def wrong(*words):
    """Runs ./tricolor WORDS, which must be refused with 125 and one line; returns the line."""
    done = subprocess.run([LAUNCHER, *words], capture_output=True, stdin=subprocess.DEVNULL, check=False)
    expect((done.returncode, done.stdout, done.stderr.count(b"\n")), (125, b"", 1), done.stderr)
    return done.stderr.decode()


def noise(count):
    """The bytes of the fake's spew."""
    state, out = 1, bytearray()
    for _ in range(count):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        out.append(state >> 24)
    return bytes(out)


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix="launcher-test-") as path:
        yield path


def write(path, data=b"", mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as out:
        out.write(data)
    os.chmod(path, mode)
    return path


def gone(pid):
    """Waits until no process `pid` runs any more."""
    for _ in range(100):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as source:
                if source.read().rsplit(")", 1)[1].split()[0] in "ZX":
                    return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


def child_of(pid):
    """The pid of the only child of a process, once there is one (QEMU of a launcher)."""
    for _ in range(200):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as source:
            children = source.read().split()
        if children:
            return int(children[0])
        time.sleep(0.02)
    raise AssertionError("no child process appeared")


# --- exit status ---

def test_status_of_program():
    for status in (0, 1, 7, 124, 255):
        expect(launch("exit", str(status)), (status, b"", b""))


def test_status_of_signal():
    expect(launch("signal", "11"), (139, b"", b""))


def test_status_of_missing_program():
    expect(launch("missing"), (127, b"", b"tricolor: nowhere: not found\n"))


def test_panic_says_what_and_shows_the_log():
    for program in ("panic", "late-panic"):
        status, out, err = launch(program)
        expect((status, out), (126, b""))
        lines = err.decode().splitlines()
        expect(lines[0], "tricolor: kernel panic: the fake broke")
        expect(lines[-1], "  | [0.3] backtrace: here")


def test_reset_is_a_panic():
    status, out, err = launch("reset")
    expect((status, out), (126, b""))
    assert b"triple fault" in err, err


def test_time_out():
    start = time.monotonic()
    expect(launch("hang", timeout="1"), (124, b"hanging\n", b"tricolor: time-out: the guest was stopped after 1 s\n"))
    assert time.monotonic() - start < 5


def test_status_stands_though_the_machine_lingers():
    expect(launch("linger", "5"), (5, b"hanging\n", b""))


def test_ends_without_a_program():
    expect(launch("quiet-end"), (0, b"", b""))
    expect(launch("tests-passed"), (0, b"", b""))
    expect(launch("tests-failed")[0], 1)


# --- wrong use ---

def test_wrong_options():
    wrong()
    wrong("walk")
    wrong("run", "--bogus")
    wrong("run", "--", "")
    wrong("run", "--")
    wrong("run", "ls")
    for option, value in (("--smp", "0"), ("--smp", "two"), ("--mem", "-5"), ("--mem", "1"), ("--machine", "pc"),
                          ("--accel", "warp"), ("--timeout", "soon"), ("--add", "/no/such/file"), ("--root", "/no/such/folder"),
                          ("--log", "/no/such/folder/log"), ("--kernel-arg", "two words"), ("--kernel-arg", "--"),
                          ("--libos", ""), ("--libos", "walrus"), ("--timeout", "nan")):
        assert wrong("run", f"{option}={value}", "--", "exit", "0").startswith("tricolor: "), option
    assert "smp" in wrong("run", "--icount", "--smp", "2", "--", "exit", "0")
    assert "TCG" in wrong("run", "--icount", "--accel", "kvm", "--", "exit", "0")


def test_wrong_cpu_is_refused_by_qemu():
    assert "QEMU" in wrong("run", "--accel", "tcg", "--cpu", "abacus", "--", "exit", "0")


def test_missing_kernel():
    with folder() as empty:
        status, out, err = launch("exit", "0", env={"TRICOLOR_BUILD": empty})
    expect((status, out), (125, b""))
    assert b"make" in err, err


def test_help():
    done = subprocess.run([LAUNCHER, "--help"], capture_output=True, check=True)
    assert b"--kernel-arg" in done.stdout


# --- streams ---

def test_output_is_exact():
    expect(launch("spew", "300000"), (0, noise(300000), b""))


def test_output_to_a_file_is_exact():
    with folder() as place:
        path = os.path.join(place, "out")
        with open(path, "wb") as out:
            subprocess.run([LAUNCHER, "run", "--accel", "tcg", "--", "spew", "100000"], stdout=out, check=True,
                           stdin=subprocess.DEVNULL)
        with open(path, "rb") as back:
            expect(back.read(), noise(100000))


def test_input_is_exact():
    data = bytes(range(256)) * 100 + b"\xff\xff\xff" + b"E\xffE"
    expect(launch("cat", data=data), (0, data, b""))


def test_input_from_file_null_and_nothing():
    with folder() as place:
        path = write(os.path.join(place, "in"), noise(5000))
        with open(path, "rb") as source:
            expect(launch("cat", stdin=source), (0, noise(5000), b""))
    expect(launch("cat", stdin=subprocess.DEVNULL), (0, b"", b""))
    expect(launch("cat", data=b""), (0, b"", b""))


def test_program_may_leave_input_unread():
    expect(launch("head", data=b"x" * 1000000), (0, b"x", b""))


def test_streams_are_kept_apart():
    expect(launch("both"), (3, b"one two\n", b"error again\n"))


def test_reader_that_leaves_stops_the_guest_quietly():
    read, written = os.pipe()
    child = subprocess.Popen([LAUNCHER, "run", "--accel", "tcg", "--timeout", LIMIT, "--", "spew", "50000000"],
                             stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.PIPE)
    os.close(written)
    expect(os.read(read, 1), noise(1))
    os.close(read)
    err = child.communicate()[1]
    expect((child.returncode, err), (141, b""))


def test_slow_reader_loses_nothing():
    child = subprocess.Popen([LAUNCHER, "run", "--accel", "tcg", "--", "spew", "400000"], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE)
    time.sleep(1.5)  # output is waiting all along the way by now
    expect(child.communicate()[0], noise(400000))
    expect(child.returncode, 0)


def test_closed_streams():
    done = subprocess.run(["sh", "-c", '"$0" run --accel tcg -- both <&- >&- 2>&-', LAUNCHER], check=False)
    expect(done.returncode, 3)


def test_decoder_takes_any_portions():
    stream = b"a\xff\xffb\xff2err\xff1c\xffMhello\0d\xffX\x03\x01\xffR"
    for size in (1, 2, 3, 5, 100):
        seen = []
        decoder = protocol.Decoder(lambda s, d, seen=seen: seen.append((s, bytes(d))), seen.append, seen.append,
                                   lambda seen=seen: seen.append("ready"))
        for at in range(0, len(stream), size):
            decoder.feed(stream[at:at + size])
        expect(b"".join(x[1] for x in seen if isinstance(x, tuple) and x[0] == 1), b"a\xffbcd")
        expect(b"".join(x[1] for x in seen if isinstance(x, tuple) and x[0] == 2), b"err")
        expect([x for x in seen if not isinstance(x, tuple)], ["hello", 0x103, "ready"])


# --- what the guest is given ---

def test_arguments_are_exact():
    words = ["", "a b", "--", "-x", "ü\n", "x" * 100000]
    expect(launch("args", *words), (0, "".join(f"[{w}]\n" for w in words).encode(), b""))


def test_environment():
    status, out, _ = launch("file", "boot/env")
    expect(status, 0)
    assert b"HOME=/root\0" in out and b"PATH=" in out, out
    expect(launch("file", "boot/cwd")[1], b"/\0")


def test_kernel_command_line():
    options = ("--accel", "tcg", "--kernel-arg", "one", "--kernel-arg=two=2", "--libos", "mini")
    status, out, _ = launch("cmdline", options=options, stdin=subprocess.DEVNULL)
    kernel, _, rest = out.decode().partition(" -- ")
    expect((status, kernel), (0, "one two=2"))
    expect(rest.split()[:4], ["libos=mini", "stdin=null", "stdout=pipe", "stderr=pipe"])


def test_no_program_means_a_shell():
    expect(launch(data=b"echo\n", options=("--accel", "tcg", "--smp", "1")), (0, b"shell\necho\n", b""))


def listing(*options):
    """The archive as {name: (mode, size, "aligned" or "-")}."""
    status, out, err = launch("list", options=("--accel", "tcg", *options))
    expect(status, 0, err)
    rows = [line.rsplit(" ", 3) for line in out.decode().splitlines()]
    return {name: (int(mode), int(size), place) for name, mode, size, place in rows}


def test_default_root():
    files = listing()
    expect(files["root/bin/busybox"][0], 0o100755)
    expect(files["root/bin/busybox"][1:], (os.path.getsize("/bin/busybox"), "aligned"))
    expect(files["root/tmp"][0], 0o41777)
    expect(launch("file", "root/bin/ls")[1], b"/bin/busybox")
    assert launch("file", "root/etc/passwd")[1].startswith(b"root:x:0:0:")
    for name in files:
        assert name == "boot" or os.path.dirname(name) in files or name == "root", name


def test_add():
    with folder() as place:
        tool = write(os.path.join(place, "tool"), b"tool", 0o755)
        write(os.path.join(place, "more/deep/file"), b"deep")
        os.symlink("deep/file", os.path.join(place, "more/link"))
        more = os.path.join(place, "more")
        files = listing("--add", tool, "--add", f"{tool}:/usr/lib/x/renamed", "--add", f"{tool}:/opt/", "--add", f"{more}:/more2",
                        "--add", f"{tool}:/bin/ls", "--add", more, "--add", f"{more}:/")
        for name in ("tool", "usr/lib/x/renamed", "opt/tool", "bin/ls"):
            expect(files["root/" + name][:2], (0o100755, 4), name)
        for name in ("more2/deep/file", "more/deep/file", "deep/file"):
            expect(files["root/" + name][:2], (0o100644, 4), name)
        expect(files["root/more2/link"][:2], (0o120777, 9))
        expect(launch("file", "root/opt/tool", options=("--accel", "tcg", "--add", f"{tool}:/opt/"))[1], b"tool")
        assert "folder" in wrong("run", "--add", f"{tool}:/etc", "--", "exit", "0")
        assert "file" in wrong("run", "--add", f"{tool}:/etc/passwd/x", "--", "exit", "0")


def test_root():
    with folder() as place:
        write(os.path.join(place, "usr/lib/data"), noise(10000), 0o600)
        os.symlink("usr/lib", os.path.join(place, "lib"))
        os.symlink("loop", os.path.join(place, "loop"))
        os.link(os.path.join(place, "usr/lib/data"), os.path.join(place, "usr/twin"))
        os.mkfifo(os.path.join(place, "fifo"))
        tool = write(os.path.join(place, "outside"), b"tool")
        files = listing("--root", place, "--add", f"{tool}:/lib/new")
        expect(files["root/usr/lib/data"], (0o100600, 10000, "aligned"))
        expect(files["root/usr/lib/new"][1], 4, "the link on the way is followed")
        expect(files["root/usr/twin"][1], 0, "a hard link's data stands with the first name")
        expect(files["root/fifo"][0], 0o10644)
        expect(launch("file", "root/usr/lib/data", options=("--accel", "tcg", "--root", place))[1], noise(10000))
        assert "links" in wrong("run", "--root", place, "--add", f"{tool}:/loop/x", "--", "exit", "0")


def test_image_is_repeatable_and_readable():
    with folder() as place:
        paths = [os.path.join(place, name) for name in ("one", "two")]
        images = []
        for path in paths:
            subprocess.run([LAUNCHER, "image", "-o", path, "--", "exit", "0"], check=True)
            with open(path, "rb") as source:
                images.append(source.read())
        expect(images[0] == images[1], True, "two images are equal")
        archive = images[0][images[0].index(b"070701"):]
        done = subprocess.run(["busybox", "cpio", "-t"], input=archive, capture_output=True, check=True)
        names = done.stdout.decode().split("\n")
        assert "root/bin/busybox" in names and "root/etc/passwd" in names


def test_log():
    with folder() as place:
        path = os.path.join(place, "log,with,commas")
        expect(launch("exit", "0", options=("--accel", "tcg", "--log", path))[0], 0)
        with open(path, "rb") as source:
            expect(source.read(), b"fake guest started\n")


# --- machines ---

def test_microvm():
    options = ("--accel", "tcg", "--machine", "microvm", "--smp", "2")
    expect(launch("cat", data=b"hello", options=options), (0, b"hello", b""))


def test_icount():
    expect(launch("cat", data=b"hello", options=("--icount",)), (0, b"hello", b""))


def test_auto_runs_whatever_kvm_is_like():
    expect(launch("cat", data=b"hello", options=()), (0, b"hello", b""))


def fake_qemu(place, probe_action):
    """A QEMU that does `probe_action` under KVM with the probe as kernel, and otherwise prints its accelerator and ends."""
    script = f"""#!/bin/sh
case "$*" in *probe.elf*) {probe_action} ;; esac
case "$*" in *"-accel kvm"*) printf kvm ;; *) printf tcg ;; esac
exit 33
"""
    write(os.path.join(place, "bin/qemu-system-x86_64"), script.encode(), 0o755)
    build = os.path.join(place, "build")
    for part in ("kernel/tricolor.elf", "user/first.elf", "probe/probe.elf"):
        write(os.path.join(build, part), b"x")
    return {"PATH": os.path.join(place, "bin") + ":" + os.environ["PATH"], "TRICOLOR_BUILD": build}


def test_kvm_only_after_a_probe_ran():
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return  # nothing to choose here
    for action, verdict in (("exit 85", b"kvm"), ("exit 0", b"tcg"), ("kill -ABRT $$", b"tcg"), ("exec sleep 100", b"tcg")):
        with folder() as place:
            env = fake_qemu(place, f"echo probed >>'{place}/probes'; {action}")
            for options in ((), (), ("--cpu", "other")):
                expect(launch("x", options=options, env=env), (0, verdict, b""), action)
            with open(os.path.join(place, "probes"), encoding="ascii") as source:
                expect(source.read(), "probed\n" * 2, "one probe for each machine and CPU")


def test_debugger_finds_a_stopped_machine():
    if shutil.which("gdb") is None:
        print("launcher: test_debugger_finds_a_stopped_machine skipped: no gdb")
        return
    words = [word for command in ("info registers rip", "info line fake_main") for word in ("--gdb-arg=-ex", f"--gdb-arg={command}")]
    done = subprocess.run([LAUNCHER, "debug", "--accel", "tcg", "--gdb-arg=-batch", *words], stdin=subprocess.DEVNULL,
                          capture_output=True, check=False, timeout=60)
    expect(done.returncode, 0, done.stderr)
    assert re.search(rb"^rip +0xfff0 ", done.stdout, re.M), done.stdout
    assert b"fake.c" in done.stdout, done.stdout


# --- terminal and signals ---

class Terminal:
    """A launcher on a terminal of its own."""

    def __init__(self, *words):
        self.master, slave = pty.openpty()
        self.size(30, 100)
        self.before = termios.tcgetattr(slave)

        def adopt():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.child = subprocess.Popen([LAUNCHER, "run", "--accel", "tcg", "--timeout", LIMIT, "--", *words], stdin=slave,
                                      stdout=slave, stderr=slave, preexec_fn=adopt)
        self.slave = slave
        self.seen = b""

    def size(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, text):
        while text not in self.seen:
            ready = select.select([self.master], [], [], 20)[0]
            assert ready and self.child.poll() is None, f"waited for {text!r}, saw {self.seen!r}"
            self.seen += os.read(self.master, 4096)

    def key(self, data):
        while termios.tcgetattr(self.slave) == self.before:  # the launcher hasn't made it raw yet
            time.sleep(0.02)
        os.write(self.master, data)

    def end(self):
        """Waits for the end; returns the status after checking that the terminal is as it was."""
        status = self.child.wait(30)
        expect(termios.tcgetattr(self.slave), self.before, "the terminal's modes")
        os.close(self.slave)
        with contextlib.suppress(OSError):
            while True:
                more = os.read(self.master, 4096)
                if not more:
                    break
                self.seen += more
        os.close(self.master)
        return status


def test_terminal_is_raw_and_restored():
    terminal = Terminal("args", "x")
    expect(terminal.end(), 0)
    expect(terminal.seen, b"[x]\n", "no newline is translated")
    terminal = Terminal("cat")
    terminal.key(b"a\r\x03\x04\x1a\xff")  # line end, Ctrl-C, Ctrl-D, Ctrl-Z: keys like others
    terminal.until(b"a\r\x03\x04\x1a\xff")
    terminal.key(b"\x1d\x1db\x1dc")
    terminal.until(b"\x1db\x1dc")
    terminal.key(b"\x1dx")
    expect(terminal.end(), 130)
    assert terminal.seen.endswith(b"tricolor: left by Ctrl-] x\r\n"), terminal.seen


def test_terminal_is_restored_after_trouble():
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        terminal = Terminal("hang")
        terminal.until(b"hanging")
        terminal.child.send_signal(number)
        expect(terminal.end(), 128 + number)
    terminal = Terminal("panic")
    expect(terminal.end(), 126)
    assert b"\r\ntricolor: kernel panic" in b"\r\n" + terminal.seen, terminal.seen


def test_terminal_tells_its_size():
    terminal = Terminal("cmdline")
    expect(terminal.end(), 0)
    assert b"stdin=tty stdout=tty stderr=tty rows=30 cols=100" in terminal.seen, terminal.seen
    terminal = Terminal("window")
    terminal.until(b"ready")
    terminal.size(50, 300)
    expect(terminal.end(), 0)
    assert b"50 300\n" in terminal.seen, terminal.seen


def test_signals_stop_the_guest():
    for number, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        child = subprocess.Popen([LAUNCHER, "run", "--accel", "tcg", "--timeout", LIMIT, "--", "hang"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        child.stdout.read(8)
        guest = child_of(child.pid)
        child.send_signal(number)
        err = child.communicate()[1]
        expect((child.returncode, err), (status, b""))
        assert gone(guest), "QEMU outlived the launcher"


def test_nothing_is_left_behind():
    with folder() as place:
        for words in (("exit", "1"), ("panic",), ("missing",)):
            launch(*words, env={"TMPDIR": place})
        launch("hang", timeout="0.5", env={"TMPDIR": place})
        expect(glob.glob(os.path.join(place, "*")), [])


if __name__ == "__main__":
    os.environ.setdefault("TRICOLOR_BUILD", "build/fake")
    run("launcher", globals())
