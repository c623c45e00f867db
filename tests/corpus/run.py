#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Runs the busybox corpus on Linux and in Tricolor, and compares output, errors and exit status.

    tests/corpus/run.py                     all cases
    tests/corpus/run.py --case NAME         one case (repeatable; a trailing * matches by prefix)
    tests/corpus/run.py --host-only         no Tricolor: run Linux twice, in two directories, and compare
    tests/corpus/run.py --list
"""

import argparse
import concurrent.futures
import difflib
import os
import shlex
import sys
import time

import casefile
import sides

DIFF_LINES = 40


def cases_choose(cases, patterns, skip_heavy):
    chosen = cases
    if patterns:
        chosen = [c for c in cases if any(c.name == p or p.endswith("*") and c.name.startswith(p[:-1]) for p in patterns)]
        for p in patterns:
            if not any(c.name == p or p.endswith("*") and c.name.startswith(p[:-1]) for c in cases):
                raise casefile.CaseError(f"no case is called {p}")
    return [c for c in chosen if not (skip_heavy and "heavy" in c.tags)]


def batches_make(cases, size):
    """Batches of at most SIZE, as even as possible; heavy cases are dealt out, one per batch in turn."""
    count = max(1, -(-len(cases) // size))
    batches = [[] for _ in range(count)]
    heavy = [c for c in cases if "heavy" in c.tags]
    light = [c for c in cases if "heavy" not in c.tags]
    for i, c in enumerate(light):
        batches[i * count // len(light)].append(c)
    for i, c in enumerate(heavy):
        batches[i % count].append(c)
    return [b for b in batches if b]


def text_lines(data):
    text = data.decode("utf-8", "backslashreplace")
    lines = [line.encode("unicode_escape").decode() if not line.isprintable() else line for line in text.split("\n")]
    if lines and lines[-1] == "":
        lines.pop()
    else:
        lines.append("\\ no newline at the end")
    return lines


def result_differences(case, want, got):
    """Readable differences of two results; empty when they agree."""
    said = []
    if want.status != got.status:
        note = " (137 is also what a case gets that ran out of time)" if got.status == 137 else ""
        said.append(f"exit status: expected {want.status}, actual {got.status}{note}")
    pairs = [("stdout", want.out, got.out)]
    if "nostderr" not in case.tags:
        pairs.append(("stderr", want.err, got.err))
    for what, a, b in pairs:
        if a != b:
            lines = list(difflib.unified_diff(text_lines(a), text_lines(b), f"expected {what}", f"actual {what}", lineterm=""))
            if len(lines) > DIFF_LINES:
                lines[DIFF_LINES:] = [f"... {len(lines) - DIFF_LINES} more lines"]
            said += lines
    return said


def side_run(side, batches, jobs):
    """Run all batches on SIDE: (results, lost)."""
    results, lost = {}, {}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for got, gone in pool.map(side.run, batches):
            results.update(got)
            lost.update(gone)
    return results, lost


def failures_print(cases, want, got, lost, repeat):
    """Print each case whose results differ; returns the number of failures."""
    failed = 0
    for case in cases:
        if case.name not in want:
            said = ["no result on Linux"]
        elif case.name not in got:
            said = lost.get(case.name, "no result").splitlines()
        else:
            said = result_differences(case, want[case.name], got[case.name])
        if said:
            failed += 1
            print(f"FAIL {case.name} ({case.file})")
            print("".join(f"    {line}\n" for line in said) + f"    repeat: {repeat(case.name)}", flush=True)
    return failed


def arguments_parse(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--case", action="append", default=[], metavar="NAME", help="only this case; NAME* for a prefix")
    p.add_argument("--list", action="store_true", help="print the names (and tags) and stop")
    p.add_argument("--smp", type=int, default=1, metavar="N", help="CPUs of the guest")
    p.add_argument("--jobs", type=int, default=0, metavar="N", help="machines at a time (default: host CPUs / N of --smp)")
    p.add_argument("--batch", type=int, default=40, metavar="N", help="cases per boot")
    p.add_argument("--no-heavy", action="store_true", help="leave out the cases tagged heavy")
    p.add_argument("--host-only", action="store_true", help="check that the cases are deterministic on Linux")
    p.add_argument("--name", default="corpus", help="what the last line calls this run")
    p.add_argument("--show", action="store_true", help="print each case's expected result")
    p.add_argument("--launcher", default=str(sides.ROOT / "tricolor"), metavar="COMMAND", help="launcher to use")
    p.add_argument("--cases", default=str(casefile.HERE / "cases"), metavar="DIR", help="folder of *.cases files")
    p.add_argument("--option", action="append", default=[], metavar="WORD", help="extra option for `tricolor run`")
    return p.parse_args(argv)


def results_show(cases, results):
    for c in cases:
        r = results.get(c.name)
        print(f"=== {c.name}: " + ("no result" if r is None else f"status {r.status}"))
        for mark, data in (("|", r.out), ("!", r.err)) if r else ():
            print("".join(f"{mark} {line}\n" for line in text_lines(data) if data), end="")


def main(argv):
    sides.signals_reset()
    a = arguments_parse(argv)
    cases = cases_choose(casefile.cases_load(sides.pathlib.Path(a.cases)), a.case, a.no_heavy)
    if a.list:
        for c in cases:
            print(" ".join([c.name, *sorted(c.tags)]))
        return 0
    begin = time.monotonic()
    cpus = os.cpu_count() or 1
    batches = batches_make(cases, a.batch)
    with sides.LinuxSide() as linux:
        want, missing = side_run(linux, batches_make(cases, 20), cpus)
        for name, why in missing.items():
            print(f"on Linux: {name}: {why}")
        if a.show:
            results_show(cases, want)
        own = os.path.relpath(os.path.abspath(__file__), os.getcwd())
        if a.host_only:
            linux.top = "/tmp/elsewhere/other"
            got, lost = side_run(linux, [list(reversed(b)) for b in batches], cpus + 2)
            repeat = lambda name: f"{own} --host-only --case {name}"
        else:
            guest = sides.TricolorSide(shlex.split(a.launcher), a.smp, a.option)
            got, lost = side_run(guest, batches, a.jobs or max(1, cpus // a.smp))
            repeat = lambda name: f"{own} --smp {a.smp} --case {name}"
    failed = failures_print(cases, want, got, lost, repeat)
    passed, boots = len(cases) - failed, ""
    if not a.host_only:
        boots = f", {guest.boots} boots"
        for why in guest.empty_boots:
            print(f"FAIL boot: a machine did not reach its first case: {why}")
        failed += len(guest.empty_boots)
    print(f"({len(cases)} cases in {time.monotonic() - begin:.0f} s{boots})")
    print(f"{a.name}: {passed} passed, {failed} failed", flush=True)
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (casefile.CaseError, sides.SideError) as e:
        print(f"corpus: {e}", file=sys.stderr)
        print("corpus: 0 passed, 1 failed")
        sys.exit(2)
