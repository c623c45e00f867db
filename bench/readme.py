#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Writes the last table of the benchmarks into README.md, between its two markers.

usage: readme.py [--json build/bench.json] [--readme README.md]
"""

import argparse
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from rows import ENGINE, EQUAL, ROWS, SECTIONS  # noqa: E402

BEGIN, END = "<!-- figures: make bench-readme -->\n", "<!-- end of figures -->\n"


def number(value):
    if value is None:
        return ""
    if value >= 1e6:
        return f"{value / 1e6:,.1f} M"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


def median(side, unit):
    return side[unit]["median"] if side and side.get(unit) else None


def line(row, found):
    unit = "value" if "value" in (found.get("tricolor") or {}) else "insns"
    ours, linux = median(found.get("tricolor"), unit), median(found.get("linux"), unit)
    title = row.title.strip() + (f", {found['unit']}" if unit == "value" else "")
    if ours is None:
        return f"| `{row.id}` | {title} | – | {number(linux)} | | {number(found.get('target'))} | |"
    ns, linux_ns = median(found["tricolor"], "ns"), median(found.get("linux"), "ns")
    ratio = f"{linux / ours:,.1f}" if linux else ""
    wall = f"{linux_ns / ns:,.1f}" if ns and linux_ns else ""
    target = "as Linux" if row.target == EQUAL else number(found.get("target"))
    missed = found.get("target") is not None and ours > found["target"]
    return f"| `{row.id}` | {title} | {number(ours)} | {number(linux)} | {ratio} | {target}{' **missed**' if missed else ''} | {wall} |"


def table(results):
    out = []
    for section in SECTIONS:
        rows = [row for row in ROWS if row.section == section]
        if section == ENGINE or not rows:
            continue
        out += [f"| **{section}** | | Tricolor | Linux | ratio | target | ratio by the clock |", "|---|---|---|---|---|---|---|"]
        out += [line(row, results.get(row.id, {})) for row in rows]
        out.append("")
    return "\n".join(out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", default="build/bench.json")
    parser.add_argument("--readme", default="README.md")
    options = parser.parse_args()
    with open(options.json, encoding="utf-8") as source:
        results = {row["id"]: row for row in json.load(source)["rows"]}
    with open(options.readme, encoding="utf-8") as source:
        text = source.read()
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    with open(options.readme, "w", encoding="utf-8") as to:
        to.write(head + BEGIN + "\n" + table(results) + "\n" + END + tail)


main()
