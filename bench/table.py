# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""What was measured, put together: samples of several boots, the table for people, the JSON for programs.

A figure is {n, median, min, max}. Those of several boots become one: n is their sum, the median the median of medians.
"""

import fnmatch
import json
import os
import statistics

from rows import EQUAL, SECTIONS

SYSTEMS = ("tricolor", "linux", "linux_default")
KINDS = ("insns", "ns")


def merge(figures):
    """One figure of those of several boots."""
    if not figures:
        return None
    return {"n": sum(f[0] for f in figures), "median": round(statistics.median(f[1] for f in figures), 2),
            "min": round(min(f[2] for f in figures), 2), "max": round(max(f[3] for f in figures), 2)}


class Samples:
    """Figures by (program, kind, id): program is native, exos, boot, or linux and linux_default."""

    def __init__(self):
        self.figures, self.values, self.absent = {}, {}, {}

    def add(self, program, kind, result):
        """Takes what a boot said. `kind` is insns or ns; ticks become nanoseconds by the guest's own rate."""
        scale = 1e9 / result.hz if kind == "ns" and result.hz else 1  # when counting, a tick is an instruction
        for name, (n, *ticks) in result.rows.items():
            self.figures.setdefault((program, kind, name), []).append((n, *(t * scale for t in ticks)))
        for name, value in result.values.items():
            self.values[program, kind, name] = round(value * scale) if name == "first_program" else value
        for name, why in result.absent.items():
            self.absent[program, name] = why

    def figure(self, program, kind, name):
        return merge(self.figures.get((program, kind, name)))

    def best(self, program, kind, names):
        """The smallest figure among several methods. Instructions decide where they are known."""
        found = [f for f in (self.figure(program, kind, name) for name in names) if f]
        return min(found, key=lambda f: f["median"], default=None)


def _value(number):
    return None if number is None else {"n": 1, "median": number, "min": number, "max": number}


def entry(row, samples, sizes, memory_kib):
    """The JSON object of a row."""
    out = {"id": row.id, "unit": row.unit, "target": row.target}
    for system in SYSTEMS:
        out[system] = {kind: None for kind in KINDS}
        for kind in KINDS:
            if system != "tricolor":
                out[system][kind] = samples.best(system, kind, row.linux)
            elif row.id == "boot_first":
                out[system][kind] = _value(samples.values.get(("native", kind, "first_program")))
            elif row.source:
                out[system][kind] = samples.figure(row.source, kind, row.of)
        if row.id == "memory_prompt":
            free = samples.values.get(("boot" if system == "tricolor" else system, "insns", "memory_free"))
            out[system] = {"value": _value(memory_kib - free if free is not None else None)}
        if row.source == "size" and system == "tricolor":
            out[system] = {"value": _value(sizes.get(row.id))}
    if row.target == EQUAL:
        linux = out["linux"]["insns"]
        out["target"] = linux and round(linux["median"] * 1.01, 2)
    return out


def host_entries(row, fragments, patterns):
    """The rows that the engine's own benchmarks wrote, in the form of ours. Milliseconds become nanoseconds."""
    for part in fragments:
        if not fnmatch.fnmatch(part["id"], row.id) or not any(fnmatch.fnmatch(part["id"], p) for p in patterns):
            continue
        scale = 1e6 if part["unit"] == "ms" else 1
        figure = {"n": part["n"], **{k: part[k] * scale for k in ("median", "min", "max")}}
        yield {"id": part["id"] + ("_" + part["variant"] if "variant" in part else ""),
               "unit": "ns" if part["unit"] == "ms" else part["unit"], "target": part["target"] * scale,
               "tricolor": {"insns": None, "ns": figure} if part["unit"] == "ms" else {"insns": None, "ns": None, "value": figure},
               "linux": {"insns": None, "ns": None}, "linux_default": {"insns": None, "ns": None}}


def decisive(entry_):
    """The figure that the target is about: instructions, or what the row has instead."""
    figures = entry_["tricolor"]
    return figures.get("insns") or figures.get("value") or (figures.get("ns") if entry_["unit"] == "ns" else None)


def met(entry_):
    figure = decisive(entry_)
    return None if figure is None or entry_["target"] is None else figure["median"] <= entry_["target"]


# --- for people -----------------------------------------------------------------------------------------------------------------

def _number(value):
    if value is None:
        return "-"
    if value >= 10000000:
        return f"{value / 1e6:,.1f}M"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}".removesuffix(".0")


def _median(figure):
    return _number(figure and figure["median"])


def _spread(figure):
    """Half the way from the smallest to the largest, in percent of the median."""
    if not figure or not figure["median"]:
        return ""
    return f"{50 * (figure['max'] - figure['min']) / figure['median']:.0f}%"


def _ratio(ours, theirs):
    if not ours or not theirs or not ours["median"]:
        return "-"
    ratio = theirs["median"] / ours["median"]
    return f"{ratio:.1f}x" if ratio < 100 else f"{ratio:.0f}x"


HEAD = ("row", "Tricolor", "Linux", "default", "ratio", "target", "met", "n", "spread", "ns", "Linux ns", "ratio", "spread")
ABSENT = ["-"] * (len(HEAD) - 1)


def _cells(e):
    ours, linux, default = e["tricolor"], e["linux"], e["linux_default"]
    figure = decisive(e)
    verdict = {True: "yes", False: "NO", None: ""}[met(e)]
    in_ns = e["unit"] == "ns"
    return [e["id"], _median(figure), _median(linux.get("insns") or linux.get("value")),
            _median(default.get("insns") or default.get("value")),
            _ratio(figure, linux.get("insns") or linux.get("value")), _number(e["target"]), verdict,
            str(figure["n"]) if figure else "-", _spread(figure), "" if in_ns else _median(ours.get("ns")),
            _median(linux.get("ns")), _ratio(ours.get("ns"), linux.get("ns")), "" if in_ns else _spread(ours.get("ns"))]


def text(groups, absent):
    """The table: groups is a list of (section, [(row, entry)])."""
    lines = []
    body = [(section, [_cells(e) for _, e in found]) for section, found in groups if found]
    widths = [max(len(cells[i]) for cells in [HEAD, *(c for _, rows in body for c in rows)]) for i in range(len(HEAD))]

    def line(cells):
        return "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths))).rstrip()

    lines.append(" " * (widths[0] + 2) + "guest instructions".ljust(sum(widths[1:9]) + 16) + "wall-clock")
    lines.append(line(HEAD))
    for section, rows in body:
        lines += ["", section, *(line(cells) for cells in rows)]
    judged = [met(e) for _, found in groups for row, e in found if not row.extra]
    judged = [m for m in judged if m is not None]
    lines += ["", f"{sum(judged)} of {len(judged)} rows with a figure reach their target"]
    if absent:
        lines += ["", "Rows without a figure:"] + [f"  {name}: {why}" for name, why in absent]
    return "\n".join(lines)


def grouped(rows, entries):
    return [(section, [(row, e) for row, found in zip(rows, entries) if row.section == section for e in found])
            for section in SECTIONS]


def write_json(path, machine, qemu, commit, entries):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w", encoding="ascii") as out:
        json.dump({"machine": machine, "qemu": qemu, "commit": commit, "rows": entries}, out, indent=1)
        out.write("\n")
    os.replace(path + ".new", path)
