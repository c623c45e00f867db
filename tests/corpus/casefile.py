# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Case files, batch folders and the framed result stream.

A case file (cases/*.cases) is plain text:

    # comment lines, before the first case only
    === NAME [TAG...]
    script, up to the next line that begins with `=== `
    --- stdin
    optional standard input, up to the next case

Names are unique over all files. Tags: `heavy` (longer time limit), `nostderr` (standard error is
not compared, because its text depends on timing or on the kernel).
"""

import base64
import binascii
import collections
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent
TAGS = {"heavy", "nostderr"}
SECONDS, HEAVY_SECONDS = 30, 90

Case = collections.namedtuple("Case", "name script stdin tags file")
Result = collections.namedtuple("Result", "status out err")


class CaseError(Exception):
    """A case file that does not follow the format."""


def cases_parse(path):
    """The cases of one file, in order."""
    cases, current = [], None
    for number, line in enumerate(path.read_bytes().decode().splitlines(keepends=True), 1):
        if line.startswith("=== "):
            name, *tags = line[4:].split()
            if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name) or not TAGS.issuperset(tags):
                raise CaseError(f"{path.name}:{number}: bad name or tag: {line.strip()}")
            current = {"name": name, "tags": frozenset(tags), "script": [], "stdin": None}
            cases.append(current)
        elif current is None:
            if line.strip() and not line.startswith("#"):
                raise CaseError(f"{path.name}:{number}: text before the first case")
        elif line == "--- stdin\n":
            current["stdin"] = []
        else:
            current["script" if current["stdin"] is None else "stdin"].append(line)
    done = []
    for c in cases:
        script = "".join(c["script"]).rstrip("\n") + "\n"
        stdin = "" if c["stdin"] is None else "".join(c["stdin"]).rstrip("\n") + "\n"
        if not script.strip():
            raise CaseError(f"{path.name}: case {c['name']} is empty")
        done.append(Case(c["name"], script, stdin, c["tags"], path.name))
    return done


def cases_load(folder=HERE / "cases"):
    """All cases of a folder by file name, then position; refuses a name used twice."""
    cases = [c for path in sorted(folder.glob("*.cases")) for c in cases_parse(path)]
    for name, count in collections.Counter(c.name for c in cases).items():
        if count > 1:
            raise CaseError(f"case {name} is defined {count} times")
    return cases


def batch_write(folder, cases, top):
    """Fill FOLDER with what batch.sh needs; each case will run in TOP/NAME."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "batch.sh").write_bytes((HERE / "batch.sh").read_bytes())
    (folder / "top").write_text(top + "\n")
    lines = []
    for c in cases:
        (folder / f"{c.name}.sh").write_text(c.script)
        (folder / f"{c.name}.in").write_text(c.stdin)
        lines.append(f"{c.name} {HEAVY_SECONDS if 'heavy' in c.tags else SECONDS}\n")
    (folder / "list").write_text("".join(lines))


def stream_parse(data):
    """Results of a framed stream: ({name: Result}, name that was running at its end or None).

    Only complete frames count; anything between or inside them that is not ours spoils that frame alone."""
    results, running = {}, None
    name = status = None
    part, out, err = None, [], []
    for line in data.split(b"\n"):
        words = line.decode("ascii", "replace").split()
        word = words[0] if words and words[0].startswith("@") else None
        if word == "@start" and len(words) == 2:
            running, part = words[1], None
        elif word == "@status" and len(words) == 3 and words[1] == running and words[2].isdigit():
            name, status, out, err, part = words[1], int(words[2]), [], [], "out"
        elif word == "@stderr" and part == "out":
            part = "err"
        elif word == "@end" and part == "err" and words[1:] == [name]:
            try:
                results[name] = Result(status, *(base64.b64decode(b"".join(x), validate=True) for x in (out, err)))
            except binascii.Error:
                pass
            running = part = None
        elif part == "out":
            out.append(line)
        elif part == "err":
            err.append(line)
    return results, running
