#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Turns the output of nm (standard input) into the kernel's symbol table (assembly, standard output).

Functions only, sorted by address: ksyms_count; ksyms_offset[i], 32 bits, from kernel_text_start; ksyms_name[i], 32 bits, into
ksyms_text, where each name ends with NUL. kernel/sal/symbols.c reads it."""

import sys

FUNCTION_TYPES = "tTwW"


def main():
    symbols = {}
    start = end = None
    for line in sys.stdin:
        fields = line.split()
        if len(fields) != 3:
            continue
        address, kind, name = int(fields[0], 16), fields[1], fields[2]
        if name == "kernel_text_start":
            start = address
        elif name == "kernel_text_end":
            end = address
        elif kind in FUNCTION_TYPES and not name.startswith((".L", "$")):
            symbols.setdefault(address, name)
    if start is None or end is None:
        sys.exit("symbols.py: no kernel_text_start or kernel_text_end")
    rows = sorted((a, n) for a, n in symbols.items() if start <= a < end)

    out = ['.section .ksyms, "a"', ".balign 8"]

    def label(name):
        out.extend([f".globl {name}", f"{name}:"])

    label("ksyms_count")
    out.append(f".long {len(rows)}")
    label("ksyms_offset")
    out.extend(f".long {address - start}" for address, _ in rows)
    label("ksyms_name")
    at = 0
    for _, name in rows:
        out.append(f".long {at}")
        at += len(name) + 1
    label("ksyms_text")
    out.extend(f'.asciz "{name}"' for _, name in rows)
    out.append('.section .note.GNU-stack, "", @progbits')
    print("\n".join(out))


if __name__ == "__main__":
    main()
