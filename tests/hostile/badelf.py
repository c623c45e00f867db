# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Executables that are wrong, each in one way, made from a good one."""

import random
import struct

EHDR, PHDR = 64, 56
PT_LOAD = 1


def program_headers(elf):
    offset, count = struct.unpack_from("<Q", elf, 32)[0], struct.unpack_from("<H", elf, 56)[0]
    return [offset + i * PHDR for i in range(count)]


def loads(elf):
    return [at for at in program_headers(elf) if struct.unpack_from("<I", elf, at)[0] == PT_LOAD]


def changed(elf, *patches):
    out = bytearray(elf)
    for offset, form, value in patches:
        struct.pack_into(form, out, offset, value)
    return bytes(out)


def cases(elf):
    """Name to contents; all must be refused by ENOEXEC or ENOMEM."""
    first, last = loads(elf)[0], loads(elf)[-1]
    yield "empty", b""
    yield "short_magic", elf[:3]
    yield "only_magic", elf[:4]
    yield "half_header", elf[:40]
    yield "no_program_headers_in_file", elf[:EHDR]
    yield "truncated", elf[: struct.unpack_from("<Q", elf, first + 8)[0] + 100]
    yield "wrong_class", changed(elf, (4, "<B", 1))
    yield "big_endian", changed(elf, (5, "<B", 2))
    yield "wrong_machine", changed(elf, (18, "<H", 183))
    yield "object_file", changed(elf, (16, "<H", 1))
    yield "core_file", changed(elf, (16, "<H", 4))
    yield "zero_program_headers", changed(elf, (56, "<H", 0))
    yield "many_program_headers", changed(elf, (56, "<H", 65535))
    yield "small_program_headers", changed(elf, (54, "<H", 8))
    yield "program_headers_far", changed(elf, (32, "<Q", 1 << 62))
    yield "program_headers_wrap", changed(elf, (32, "<Q", (1 << 64) - 8))
    yield "kernel_address", changed(elf, (last + 16, "<Q", 0xFFFFFFFF80000000))
    yield "upper_half", changed(elf, (first + 16, "<Q", 0xFFFF800000000000))
    yield "top_of_user", changed(elf, (last + 16, "<Q", 0x7FFFFFFFF000))
    yield "wrapping_address", changed(elf, (last + 16, "<Q", (1 << 64) - 4096), (last + 40, "<Q", 8192))
    yield "huge_memory", changed(elf, (last + 40, "<Q", 1 << 50))
    yield "wrapping_memory", changed(elf, (last + 40, "<Q", (1 << 64) - 1))
    yield "file_larger_than_memory", changed(elf, (last + 32, "<Q", 1 << 20), (last + 40, "<Q", 16))
    yield "offset_beyond_file", changed(elf, (first + 8, "<Q", 1 << 40))
    yield "offset_wraps", changed(elf, (first + 8, "<Q", (1 << 64) - 4096))
    yield "misaligned_offset", changed(elf, (first + 8, "<Q", 123))


def mutations(elf, count, seed):
    """Random damage to the headers: what happens is not said, but the shell must live."""
    source = random.Random(seed)
    head = max(program_headers(elf)) + PHDR
    for i in range(count):
        out = bytearray(elf)
        for _ in range(source.randint(1, 6)):
            at = source.randrange(4, head)
            out[at] = source.choice((0, 1, 0x7F, 0x80, 0xFF, source.randrange(256)))
        yield f"mutation{i}", bytes(out)
