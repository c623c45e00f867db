# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Shows that the corpus runner goes red when it must.

A fake launcher (this file, called with `run`) runs each batch on Linux and then spoils the result stream in one
known way. For each way the runner must name exactly the expected cases, and exit with the expected status; with the
stream left alone it must be green.
"""

import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import textwrap

import casefile
import sides

CASES = """\
=== first
echo one
echo problem >&2
=== second
cat; exit 7
--- stdin
some input
=== third nostderr
echo three; echo noise >&2
=== fourth
printf 'binary\\0\\377'
"""

# What is spoiled: (name, cases that must be reported, text that must appear)
SPOILS = [
    ("nothing", [], "corpus: 4 passed, 0 failed"),
    ("stdout", ["first"], "-one"),
    ("stderr", ["first"], "-problem"),
    ("stderr-of-nostderr", [], "corpus: 4 passed"),
    ("status", ["second"], "exit status: expected 7, actual 8"),
    ("byte", ["fourth"], "actual stdout"),
    ("missing-newline", ["first"], "no newline at the end"),
    ("no-result", ["second"], "no result"),
    ("truncated", ["second"], "no result"),
    ("garbage", ["second"], "no result"),
    ("dies-early", ["first", "second", "third", "fourth"], "exited with status 126"),
    ("silent", ["first", "second", "third", "fourth"], "no result"),
]


def stream_frames(data):
    """Cut the stream at its @start marks."""
    head, *frames = data.split(b"@start ")
    return head, [b"@start " + f for f in frames]


def stream_spoil(how, data):
    """The spoiled stream and the launcher's exit status."""
    head, frames = stream_frames(data)
    if how in ("dies-early", "silent"):
        return b"", 126 if how == "dies-early" else 0

    def change(name, old, new):
        for i, f in enumerate(frames):
            if f.startswith(b"@start " + name + b"\n"):
                assert old in f, (how, f)
                frames[i] = f.replace(old, new, 1)

    if how == "stdout":
        change(b"first", b"b25lCg==", b"b25FCg==")
    elif how == "stderr":
        change(b"first", b"cHJvYmxlbQo=", b"cHJvYmxlTQo=")
    elif how == "stderr-of-nostderr":
        change(b"third", b"bm9pc2UK", b"bm9pc0UK")
    elif how == "status":
        change(b"second", b"@status second 7", b"@status second 8")
    elif how == "byte":
        change(b"fourth", b"YmluYXJ5AP8=", b"YmluYXJ5Af8=")
    elif how == "missing-newline":
        change(b"first", b"b25lCg==", b"b25l")
    elif how == "garbage":
        change(b"second", b"@stderr", b"?stderr")
    elif how in ("no-result", "truncated"):
        for i, f in enumerate(frames):
            if f.startswith(b"@start second\n"):
                frames[i:] = [f.split(b"\n")[0] + b"\n" if how == "no-result" else f[: f.index(b"@stderr") + 3]]
                return head + b"".join(frames), 139
    return head + b"".join(frames), 0


def fake_launcher(argv):
    """`selftest.py HOW run ... --add FOLDER:/cases -- ...`: what ./tricolor run would do, spoiled."""
    how, folder = argv[0], argv[argv.index("--add") + 1].rsplit(":", 1)[0]
    with sides.LinuxSide() as linux:
        command = [*sides.unshare_command(), "sh", "-c", sides.LINUX_ENTER, "sh", str(linux.root), folder, " ".join(sides.DEVICES)]
        data = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    data, status = stream_spoil(how, data)
    sys.stdout.buffer.write(data)
    sys.stdout.flush()
    return status


def spoil_check(folder, how, wanted, text):
    """Run the runner with the fake launcher; the list of complaints, empty when it behaved."""
    launcher = shlex.join([sys.executable, str(pathlib.Path(__file__).resolve()), how])
    command = [sys.executable, str(casefile.HERE / "run.py"), "--cases", folder, "--launcher", launcher, "--jobs", "1"]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    failed = [line.split()[1] for line in ran.stdout.splitlines() if line.startswith("FAIL ") and line.split()[1] != "boot:"]
    said = []
    if failed != wanted:
        said.append(f"reported {failed}, wanted {wanted}")
    if text not in ran.stdout:
        said.append(f"does not say: {text}")
    if ran.returncode != (1 if wanted else 0):
        said.append(f"exit status {ran.returncode}")
    boots = ran.stdout.count("FAIL boot:")
    if not ran.stdout.rstrip("\n").endswith(f"corpus: {4 - len(wanted)} passed, {len(wanted) + boots} failed"):
        said.append("wrong last line")
    if (boots != 0) != (how in ("dies-early", "silent")):
        said.append(f"{boots} empty boots reported")
    if any(f"--case {name}" not in ran.stdout for name in wanted):
        said.append("does not say how to repeat")
    return said + ([textwrap.indent(ran.stdout, "    | ")] if said else [])


def format_checks():
    """The case format refuses what it must: (name, complaint or None)."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "x.cases"
        for text, good in [
            ("=== a\necho\n", True), ("=== a\necho\n=== a\necho\n", False), ("=== A b\necho\n", False),
            ("=== a unknowntag\necho\n", False), ("echo\n", False), ("=== a\n\n", False), ("# note\n=== a\nx\n", True),
        ]:  # fmt: skip
            path.write_text(text)
            try:
                casefile.cases_load(path.parent)
                refused = False
            except casefile.CaseError:
                refused = True
            yield f"format {text!r}", None if refused != good else "accepted" if not good else "refused"


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "fake.cases").write_text(CASES)
        results = [(f"spoil {how}", "\n".join(spoil_check(folder, how, wanted, text)) or None) for how, wanted, text in SPOILS]
    for name, complaint in [*results, *format_checks()]:
        passed, failed = passed + (complaint is None), failed + (complaint is not None)
        if complaint:
            print(f"FAIL {name}: {complaint}")
    print(f"test-corpus-runner: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(fake_launcher(sys.argv[1:]) if "run" in sys.argv[1:] else main())
