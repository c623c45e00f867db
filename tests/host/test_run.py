# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Tests of ./tricolor run with the real guest: what a user sees of one program that runs there."""

import os
import subprocess
import time

from harness import expect, run
from test_launcher import Terminal, folder, noise, write

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAUNCHER = os.path.join(TOP, "tricolor")


def tricolor(*words, data=None, options=()):
    """Runs ./tricolor run OPTIONS -- WORDS; returns (status, stdout, stderr)."""
    command = [LAUNCHER, "run", "--timeout", "90", *options, *(["--", *words] if words else [])]
    source = {"stdin": subprocess.DEVNULL} if data is None else {"input": data}
    done = subprocess.run(command, capture_output=True, check=False, **source)
    return done.returncode, done.stdout, done.stderr


def test_output_and_status():
    expect(tricolor("echo", "hello"), (0, b"hello\n", b""))
    expect(tricolor("sh", "-c", "echo out; echo err >&2; exit 9"), (9, b"out\n", b"err\n"))
    expect(tricolor("sh", "-c", "kill -SEGV $$"), (139, b"", b""))
    expect(tricolor("sh", "-c", "kill -TERM $$"), (143, b"", b""))


def test_missing_program():
    status, out, err = tricolor("no-such-program")
    expect((status, out, err.count(b"\n")), (127, b"", 1))
    assert b"no-such-program" in err, err
    status, out, err = tricolor("/etc/passwd")
    expect((status, out, err.count(b"\n")), (126, b"", 1), err)


def test_arguments_and_environment():
    words = ["", "a b", "ü\n", "--", "-n", "x" * 20000]
    script = 'for word in "$@"; do printf "[%s]" "$word"; done'
    expect(tricolor("sh", "-c", script, "sh", *words), (0, "".join(f"[{w}]" for w in words).encode(), b""))
    expect(tricolor("sh", "-c", 'echo $HOME $USER; pwd')[1], b"/root root\n/\n")


def test_binary_streams():
    data = noise(50000) + bytes(range(256))
    expect(tricolor("cat", data=data), (0, data, b""))
    expect(tricolor("wc", "-c", data=b""), (0, b"0\n", b""))
    expect(tricolor("cat"), (0, b"", b""))
    with folder() as place:
        path = write(os.path.join(place, "data"), noise(300000))
        expect(tricolor("cat", "/in/data", options=("--add", f"{path}:/in/")), (0, noise(300000), b""))


def test_input_is_not_waited_for():
    start = time.monotonic()
    expect(tricolor("head", "-n", "1", data=b"one\ntwo\n"), (0, b"one\n", b""))
    assert time.monotonic() - start < 4.5, "the guest didn't say that its console is ready"


def test_shell_without_a_program():
    expect(tricolor(data=b"echo $((6 * 7))\nexit 5\n")[:2], (5, b"42\n"))


def test_added_files():
    with folder() as place:
        write(os.path.join(place, "tool"), b"#!/bin/sh\necho tool $1\n", 0o755)
        write(os.path.join(place, "more/deep/file"), b"deep\n", 0o640)
        os.symlink("deep/file", os.path.join(place, "more/link"))
        options = ("--add", os.path.join(place, "tool") + ":/usr/bin/", "--add", os.path.join(place, "more"))
        script = 'tool 1; cat /more/link; stat -c "%a %s %F" /more/deep/file /more/link'
        expect(tricolor("sh", "-c", script, options=options),
               (0, b"tool 1\ndeep\n640 5 regular file\n777 9 symbolic link\n", b""))


def test_other_root():
    with folder() as place:
        with open("/bin/busybox", "rb") as source:
            write(os.path.join(place, "bin/sh"), source.read(), 0o755)
        os.link(os.path.join(place, "bin/sh"), os.path.join(place, "bin/cat"))
        write(os.path.join(place, "file"), b"hello\n")
        expect(tricolor("cat", "/file", options=("--root", place)), (0, b"hello\n", b""))
        expect(tricolor("ls", options=("--root", place))[0], 127)


def test_machines():
    for options in (("--machine", "microvm"), ("--icount",), ("--smp", "4"), ("--machine", "microvm", "--smp", "2", "--mem", "128")):
        expect(tricolor("sh", "-c", "echo a b | wc -w", options=options), (0, b"2\n", b""), options)


def test_mini_alone_and_beside_exos():
    status, out, err = tricolor(options=("--libos", "mini"))
    expect((status, err), (0, b""))
    assert b"mini: sums 2016 and 2080" in out and b"64 of the first thread's 64 pages are dirty" in out, out
    for smp in ("1", "2"):
        status, out, err = tricolor("sh", "-c", "sleep 1; echo hello; exit 3", options=("--libos", "exos,mini", "--smp", smp))
        expect((status, err), (3, b""))
        assert b"mini: sums 2016 and 2080" in out and b"hello\n" in out, out


def test_memory_is_asked_back():
    """The pod gives back what holds nothing; if that is too little its largest process goes, and the shell stays."""
    keep = "head -c 6000000 /dev/zero >/tmp/a; rm /tmp/a; sleep 5; echo here"
    hog = "(x=$(yes | head -c 12000000); sleep 30; echo $x | wc -c) & sleep 5; echo here"
    with folder() as place:
        log = os.path.join(place, "log")
        for script, leave, killed in ((keep, 500, False), (hog, 1000, True)):
            options = ("--log", log, "--kernel-arg", f"squeeze={leave}")
            status, out, _ = tricolor("sh", "-c", script, options=options)
            with open(log, "rb") as source:
                said = source.read()
            assert (status, out) == (0, b"here\n") and b", 0 of them by force" in said, (status, out, said)
            # Where the machine is slow it grows only afterwards, and is refused the frame: it goes by that.
            expect(b"killing process" in said or b"signal 9" in said, killed, said)


def test_time_out():
    status, out, err = tricolor("sleep", "100", options=("--timeout", "3"))
    expect((status, out, err.count(b"\n")), (124, b"", 1))


def test_keys_reach_the_guest():
    terminal = Terminal("sh", "-c", "trap 'echo got it; exit 4' INT; echo ready; while :; do sleep 1; done")
    terminal.until(b"ready")
    terminal.key(b"\x03")
    expect(terminal.end(), 4)
    assert b"got it" in terminal.seen, terminal.seen
    terminal = Terminal("sh", "-c", "tty; stty size; exit 2")
    expect(terminal.end(), 2)
    assert b"30 100" in terminal.seen, terminal.seen


if __name__ == "__main__":
    run("run", globals())
