#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Makes everything that follows from abi/tables.def.

usage: tables.py DEFINITION KIND OUTPUT, where KIND is
  structures  gen/tables.h    the structures, their offsets pinned, and the tables' numbers
  page        docs/tables.md  the reference page
"""

import re
import sys

GENERATED = "Made from abi/tables.def by tools/gen/tables.py; do not edit."
SIZES = {"char": 1, "u8": 1, "u16": 2, "u32": 4, "u64": 8, "account_id": 8, "space_id": 8, "env_id": 8, "pfn_t": 8, "ext_id": 8}


def bytes_of(kind):
    """Bytes of a field: its type, or TYPE[COUNT]."""
    base, count = re.match(r"^(\w+)(?:\[(\d+)\])?$", kind).groups()
    return SIZES[base] * int(count or 1)


def declare(kind, name):
    return f"{kind} {name}" if "[" not in kind else f"{kind[:kind.index('[')]} {name}{kind[kind.index('['):]}"


class Table:
    def __init__(self, number, name, struct, size, version):
        self.number, self.name, self.struct = number, name, struct
        self.size, self.version = int(size), int(version)
        self.text, self.fields = [], []


def fail(line, message):
    sys.exit(f"abi/tables.def:{line}: {message}")


def parse(path):
    """The tables of a definition file; refuses gaps, overlaps and what it does not understand."""
    tables = []
    for line, raw in enumerate(open(path, encoding="utf-8"), 1):
        text = raw.rstrip()
        if not text or text.startswith("#"):
            continue
        head = re.match(r"^table (\w+) (\w+) (\d+) version (\d+)$", text)
        field = re.match(r"^  (\d+) (\w+(?:\[\d+\])?) (\w+)(?:\s+(.*))?$", text)
        if head:
            tables.append(Table(len(tables), *head.groups()))
        elif field and tables:
            offset, kind, name, meaning = int(field[1]), field[2], field[3], field[4] or ""
            fields = tables[-1].fields
            end = fields[-1][0] + bytes_of(fields[-1][1]) if fields else 0
            if kind.split("[")[0] not in SIZES:
                fail(line, f"no such type: {kind}")
            if offset != end or offset % SIZES[kind.split('[')[0]]:
                fail(line, f"{name} is not at {end}, or not aligned")
            fields.append((offset, kind, name, meaning))
        elif re.match(r"^ {4}\S", text) and tables and not tables[-1].fields:
            tables[-1].text.append(text.strip())
        else:
            fail(line, f"not understood: {text}")
    return tables


def structures(tables):
    out = (f"// SPDX-License-Identifier: MIT\n// {GENERATED}\n//\n// Rows of the exposed tables.\n\n"
           '#ifndef GEN_TABLES_H\n#define GEN_TABLES_H\n\n#include "abi/types.h"\n\nenum abi_table_number {\n')
    out += "".join(f"    ABI_TABLE_{t.name} = {t.number},\n" for t in tables)
    out += "};\n\n// TABLE(name, number, structure, version)\n#define ABI_TABLES_LIST(TABLE) \\\n"
    out += " \\\n".join(f"    TABLE({t.name}, {t.number}, {t.struct}, {t.version})" for t in tables) + "\n"
    for t in tables:
        end = t.fields[-1][0] + bytes_of(t.fields[-1][1])
        out += f"\n// {' '.join(t.text)}\nstruct {t.struct} {{\n"
        out += "".join(f"    {declare(kind, name)};{' // ' + meaning if meaning else ''}\n" for _, kind, name, meaning in t.fields)
        if end < t.size:
            out += f"    u8 reserved[{t.size - end}];\n"
        out += f"}};\nABI_ASSERT_SIZE(struct {t.struct}, {t.size});\n"
        out += "".join(f"ABI_ASSERT_OFFSET(struct {t.struct}, {name}, {offset});\n" for offset, _, name, _ in t.fields)
    return out + "\n#endif\n"


def page(tables):
    out = (f"<!-- {GENERATED} -->\n\n# Exposed tables\n\nReadable at `ABI_TABLES` in every space, without a call. `struct abi_info` "
           "(abi/tables.h) stands first and says where each table is, how long its rows are, and its version. Step by the stride "
           "that is told there, not by the size known when the program was compiled. `abi_read_begin` and `abi_read_done` read "
           "fields that belong together, at one moment: the kernel counts its changes at `ABI_SEQUENCE`.\n")
    for t in tables:
        out += f"\n## {t.name.lower()}\n\nTable {t.number}, `struct {t.struct}`, {t.size} bytes, version {t.version}. {' '.join(t.text)}\n"
        out += "\n| offset | field | type | |\n|---|---|---|---|\n"
        out += "".join(f"| {offset} | {name} | {kind} | {meaning} |\n" for offset, kind, name, meaning in t.fields)
    return out


def trace_points(path):
    """The section on trace points, of abi/trace.def."""
    out = ("\n# Trace points\n\nWhat `trace_set` can write to a ring, each event a `struct trace_event` (abi/trace.h); "
           "[tracing.md](tracing.md) says how.\n\n| bit | point | an event when | a | b | c | d |\n|---|---|---|---|---|---|---|\n")
    points = re.findall(r'^TRACE_POINT\((\w+), (\d+), "(.*?)", "(.*?)", "(.*?)", "(.*?)", "(.*?)"\)$',
                        open(path, encoding="utf-8").read(), re.M)
    for i, (name, number, *words) in enumerate(points):
        if int(number) != i:
            sys.exit(f"{path}: {name} is number {number}, and should be {i}")
        out += f"| {number} | {name} | {' | '.join(words)} |\n"
    return out


def main():
    definition, kind, output = sys.argv[1:]
    text = {"structures": structures, "page": page}[kind](parse(definition))
    if kind == "page":
        text += trace_points(definition.replace("tables.def", "trace.def"))
    with open(output, "w", encoding="utf-8") as file:
        file.write(text)


main()
