#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Compares what the encoder's test program meant with what llvm-mc reads.

usage: encodings.py PROGRAM         PROGRAM prints lines of HEX <tab> MEANING
"""
import re
import subprocess
import sys


def plain(text):
    """One form for what can be written in several: numbers decimal, 32-bit immediates signed, one name for synonyms."""
    text = re.sub(r"\s+", " ", text.split("#")[0].strip().lower())
    text = re.sub(r"\b(0x[0-9a-f]+)\b", lambda m: str(int(m[1], 16)), text)
    text = text.replace("movabs ", "mov ").replace("lock ", "").replace("1*", "")
    if text.startswith("nop"):
        return "nop"
    if text.startswith("xchg ax, ax") or text.startswith("xchg eax, eax"):
        return "nop"
    op, _, rest = text.partition(" ")
    # Operands of test and xchg may be exchanged.
    parts = [part.strip() for part in rest.split(",")]
    if op in ("test", "xchg"):
        parts.sort()
    if re.match(r"word ptr", parts[0]) and re.fullmatch(r"\d+", parts[-1]) and int(parts[-1]) > 32767:
        parts[-1] = str(int(parts[-1]) - 65536)
    return op + " " + ", ".join(number(part) for part in parts)


def number(part):
    if re.fullmatch(r"-?\d+", part):
        value = int(part)
        return str(value - (1 << 32) if 1 << 31 <= value < 1 << 32 else value)
    # llvm-mc leaves sizes out of lea, and writes huge displacements unsigned.
    part = re.sub(r"\[(\d+)\]", lambda m: "[" + str(int(m[1])) + "]", part)
    return re.sub(r"^(byte|word|dword|qword) ptr ", "", part)


def main():
    lines = subprocess.run([sys.argv[1]], capture_output=True, text=True, check=True).stdout.splitlines()
    pairs = [line.split("\t") for line in lines]
    text = "\n".join(" ".join("0x" + code[i:i + 2] for i in range(0, len(code), 2)) for code, _ in pairs)
    done = subprocess.run(["llvm-mc", "--disassemble", "--triple=x86_64", "--output-asm-variant=1"], input=text, capture_output=True, text=True)
    read = [line for line in done.stdout.splitlines() if line.strip() and not line.strip().startswith(".text")]
    # A lock prefix may be printed on its own line.
    joined = []
    for line in read:
        if joined and joined[-1].strip() == "lock":
            joined[-1] += " " + line.strip()
        else:
            joined.append(line)
    failed = 0
    if len(joined) != len(pairs):
        print(f"{len(pairs)} instructions were written, {len(joined)} read: {done.stderr[:500]}")
        failed += 1
    for (code, meaning), seen in zip(pairs, joined):
        if plain(meaning) != plain(seen):
            failed += 1
            if failed < 20:
                print(f"{code}: meant `{meaning}`, reads `{seen.strip()}`")
    print(f"jit-encodings: {len(pairs) - failed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
