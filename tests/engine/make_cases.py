#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Writes cases (see cases.c) for every arithmetic, branch, load, store and atomic instruction, with edge values.

The expected results are computed here, from RFC 9669's words on unbounded integers: an oracle that shares nothing with alu.h.
"""
import itertools

M64, M32 = (1 << 64) - 1, (1 << 32) - 1
VALUES = [0, 1, 2, 7, 31, 32, 63, 64, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0x7FFFFFFF, 0x80000000, M32, 1 << 32,
          0x123456789ABCDEF0, (1 << 63) - 1, 1 << 63, M64 - 1, M64]
IMMEDIATES = [0, 1, 5, 31, 63, -1, -2, 0x7FFFFFFF, -0x80000000]


def signed(value, bits):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def truncate_div(a, b):
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def swap(value, bits):
    return int.from_bytes((value & ((1 << bits) - 1)).to_bytes(bits // 8, "little"), "big")


BINARY = {
    "add": lambda a, b, n: a + b,
    "sub": lambda a, b, n: a - b,
    "mul": lambda a, b, n: a * b,
    "div": lambda a, b, n: a // b if b else 0,
    "sdiv": lambda a, b, n: truncate_div(signed(a, n), signed(b, n)) if b else 0,
    "mod": lambda a, b, n: a % b if b else a,
    "smod": lambda a, b, n: signed(a, n) - signed(b, n) * truncate_div(signed(a, n), signed(b, n)) if b else a,
    "or": lambda a, b, n: a | b,
    "and": lambda a, b, n: a & b,
    "xor": lambda a, b, n: a ^ b,
    "mov": lambda a, b, n: b,
    "lsh": lambda a, b, n: a << (b % n),
    "rsh": lambda a, b, n: a >> (b % n),
    "arsh": lambda a, b, n: signed(a, n) >> (b % n),
}
COMPARE = {
    "jeq": lambda a, b, n: a == b,
    "jne": lambda a, b, n: a != b,
    "jgt": lambda a, b, n: a > b,
    "jge": lambda a, b, n: a >= b,
    "jlt": lambda a, b, n: a < b,
    "jle": lambda a, b, n: a <= b,
    "jset": lambda a, b, n: a & b != 0,
    "jsgt": lambda a, b, n: signed(a, n) > signed(b, n),
    "jsge": lambda a, b, n: signed(a, n) >= signed(b, n),
    "jslt": lambda a, b, n: signed(a, n) < signed(b, n),
    "jsle": lambda a, b, n: signed(a, n) <= signed(b, n),
}
UNARY = {"neg": lambda a: -a & M64, "neg32": lambda a: -a & M32}
for _n in (16, 32, 64):
    UNARY[f"le{_n}"] = lambda a, n=_n: a & ((1 << n) - 1)
    UNARY[f"be{_n}"] = lambda a, n=_n: swap(a, n)
    UNARY[f"bswap{_n}"] = lambda a, n=_n: swap(a, n)
EXTEND = {"movsx8": (8, M64), "movsx16": (16, M64), "movsx32": (32, M64), "mov32sx8": (8, M32), "mov32sx16": (16, M32)}


def case(name, expect, lines, **keys):
    print(f"=== {name}")
    for key, value in keys.items():
        print(f"{key}: {value}")
    print(f"expect: r0 {expect:#x}\n---")
    print("\n".join(lines) + "\n")


def chunks(items, size):
    items = list(items)
    for start in range(0, len(items), size):
        yield start // size, items[start:start + size]


# The result of many operations is folded into r0, so that a case covers many values: r0 = r0 * 31 + result. r0 and the operands
# come through the input buffer (r6), so that neither verifier nor JIT may compute the result beforehand.
FOLD = ["mul r0, 31", "add r0, r3"]


def fold(results):
    r0 = 0
    for result in results:
        r0 = (r0 * 31 + result) & M64
    return r0


def load_all(values):
    """Input bytes for the values, and a function that gives the load of the i-th into a register."""
    data = b"".join(value.to_bytes(8, "little") for value in values)
    return data.hex(), lambda reg, i: f"ldxdw r{reg}, [r1+{8 * i}]"


def arithmetic():
    for (name, op), bits in itertools.product(BINARY.items(), (64, 32)):
        mask, text = (1 << bits) - 1, name if bits == 64 else name + "32"
        for part, pairs in chunks(itertools.product(VALUES, VALUES), 120):
            data, load = load_all([value for pair in pairs for value in pair])
            lines, results = ["mov r0, 0"], []
            for i, (a, b) in enumerate(pairs):
                lines += [load(3, 2 * i), load(4, 2 * i + 1), f"{text} r3, r4", *FOLD]
                results.append(op(a & mask, b & mask, bits) & mask)
            case(f"{text} by register, part {part}", fold(results), lines + ["exit"], input=data)
        for part, pairs in chunks(itertools.product(VALUES, IMMEDIATES), 100):
            data, load = load_all([a for a, _ in pairs])
            lines, results = ["mov r0, 0"], []
            for i, (a, b) in enumerate(pairs):
                lines += [load(3, i), f"{text} r3, {b}", *FOLD]
                results.append(op(a & mask, b & mask, bits) & mask)
            case(f"{text} by immediate, part {part}", fold(results), lines + ["exit"], input=data)


def unary():
    data, load = load_all(VALUES)
    for text, op in UNARY.items():
        lines = ["mov r0, 0"]
        for i, _ in enumerate(VALUES):
            lines += [load(3, i), f"{text} r3", *FOLD]
        case(text, fold(op(a) for a in VALUES), lines + ["exit"], input=data)
    for text, (bits, mask) in EXTEND.items():
        lines = ["mov r0, 0"]
        for i, _ in enumerate(VALUES):
            lines += [load(4, i), f"{text} r3, r4", *FOLD]
        case(text, fold(signed(a, bits) & mask for a in VALUES), lines + ["exit"], input=data)


def branches():
    for (name, op), bits in itertools.product(COMPARE.items(), (64, 32)):
        mask, text = (1 << bits) - 1, name if bits == 64 else name + "32"
        for part, pairs in chunks(itertools.product(VALUES, VALUES), 120):
            data, load = load_all([value for pair in pairs for value in pair])
            lines, results = ["mov r0, 0"], []
            for i, (a, b) in enumerate(pairs):
                lines += [load(3, 2 * i), load(4, 2 * i + 1), f"{text} r3, r4, +2", "mov r3, 2", "ja +1", "mov r3, 3", *FOLD]
                results.append(3 if op(a & mask, b & mask, bits) else 2)
            case(f"{text} by register, part {part}", fold(results), lines + ["exit"], input=data)
        for part, pairs in chunks(itertools.product(VALUES, IMMEDIATES), 100):
            data, load = load_all([a for a, _ in pairs])
            lines, results = ["mov r0, 0"], []
            for i, (a, b) in enumerate(pairs):
                lines += [load(3, i), f"{text} r3, {b}, +2", "mov r3, 2", "jal +1", "mov r3, 3", *FOLD]
                results.append(3 if op(a & mask, b & mask, bits) else 2)
            case(f"{text} by immediate, part {part}", fold(results), lines + ["exit"], input=data)


ATOMIC = {
    "add": lambda old, new: old + new,
    "or": lambda old, new: old | new,
    "and": lambda old, new: old & new,
    "xor": lambda old, new: old ^ new,
}


def memory():
    data = bytes(range(0x7A, 0x7A + 32))
    for size, text in ((1, "b"), (2, "h"), (4, "w"), (8, "dw")):
        for offset in (0, 1, 3, 9, 24):
            value = int.from_bytes(data[offset:offset + size], "little")
            case(f"ldx{text} at {offset}", value, [f"ldx{text} r0, [r1+{offset}]", "exit"], input=data.hex())
            if size < 8:
                case(f"ldxs{text} at {offset}", signed(value, 8 * size) & M64,
                     [f"ldxs{text} r0, [r1+{offset}]", "exit"], input=data.hex())
            stored = (0x1122334455667788 & ((1 << 8 * size) - 1)).to_bytes(size, "little")
            after = data[:offset] + stored + data[offset + size:]
            case(f"stx{text} at {offset}", 0,
                 ["lddw r2, 0x1122334455667788", f"stx{text} [r1+{offset}], r2", "mov r0, 0", "exit"],
                 input=data.hex(), output=after.hex())
            stored = (-2 & ((1 << 8 * size) - 1)).to_bytes(size, "little")
            after = data[:offset] + stored + data[offset + size:]
            case(f"st{text} at {offset}", 0, [f"st{text} [r1+{offset}], -2", "mov r0, 0", "exit"],
                 input=data.hex(), output=after.hex())


def atomics():
    for bits, (old, new) in itertools.product((64, 32), itertools.product((0x1122334455667788, M64, 0), (0x0F0F0F0FF0F0F0F0, 1))):
        mask, size = (1 << bits) - 1, bits // 8
        filler = 0xA5A5A5A5A5A5A5A5

        def emit(text, result, expect, before=()):
            memory_after = result.to_bytes(size, "little") + old.to_bytes(8, "little")[size:]
            case(f"{text} {old:#x} {new:#x}", expect,
                 ["stdw [r10-8], 0", f"lddw r3, {old:#x}", "stxdw [r10-8], r3", f"lddw r2, {new:#x}",
                  f"lddw r0, {filler:#x}", *before, f"{text} [r10-8], r2", "ldxdw r3, [r10-8]",
                  f"lddw r4, {int.from_bytes(memory_after, 'little'):#x}", "jeq r3, r4, +2", "mov r0, 1", "exit",
                  "mul r0, 7", "xor r0, r2", "exit"])

        for name, op in ATOMIC.items():
            result = op(old & mask, new & mask) & mask
            emit(f"a{name}{bits}", result, (filler * 7 & M64) ^ new)
            emit(f"af{name}{bits}", result, (filler * 7 & M64) ^ (old & mask))
        emit(f"axchg{bits}", new & mask, (filler * 7 & M64) ^ (old & mask))
        emit(f"acmpx{bits}", old & mask, ((old & mask) * 7 & M64) ^ new)
        emit(f"acmpx{bits}", new & mask, ((old & mask) * 7 & M64) ^ new, before=["mov r0, r3"])


arithmetic()
unary()
branches()
memory()
atomics()
