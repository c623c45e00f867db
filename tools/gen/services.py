#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""What the kernel offers to extensions, as a table for programs that run the engine outside of it.

usage: services.py KERNEL_ELF NM OUTPUT

Reads the linker set spin_services (struct service, kernel/spin/service.h) out of the linked kernel, so that the table can't differ
from what the kernel does. References to kernel objects have the layouts of engine/counted.h, as in the kernel. The sizes that
this script believes in are asserted in what it writes.
"""

import struct
import subprocess
import sys

TYPE, ARGUMENTS = 24, 5
IMPORT = 8 + 8 + TYPE + ARGUMENTS * TYPE + 4 + 2 + 2 + 8 + 8 + 8


class Image:
    def __init__(self, path, nm):
        with open(path, "rb") as source:
            self.bytes = source.read()
        offset, = struct.unpack_from("<Q", self.bytes, 32)
        size, count = struct.unpack_from("<HH", self.bytes, 54)
        self.segments = []
        for i in range(count):
            kind, _, at, va, _, length = struct.unpack_from("<IIQQQQ", self.bytes, offset + i * size)
            if kind == 1:
                self.segments.append((va, at, length))
        self.symbols = {}
        for line in subprocess.run([nm, path], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines():
            words = line.split()
            if len(words) == 3:
                self.symbols[words[2]] = int(words[0], 16)

    def at(self, va):
        for start, offset, length in self.segments:
            if start <= va < start + length:
                return offset + va - start
        sys.exit(f"services.py: {va:#x} is in no segment")

    def word(self, va):
        return struct.unpack_from("<Q", self.bytes, self.at(va))[0]

    def text(self, va):
        start = self.at(va)
        return self.bytes[start:self.bytes.index(b"\0", start)].decode() if va else None


def type_of(image, va):
    return struct.unpack_from("<BBBBIQQ", image.bytes, image.at(va))


def type_text(fields):
    return "{%d, %d, %d, %d, %d, %dul, %dul}" % fields


def main():
    image = Image(sys.argv[1], sys.argv[2])
    lines = []
    for at in range(image.symbols["spin_services_start"], image.symbols["spin_services_end"], 8):
        service = image.word(at)
        name, result = image.text(image.word(service)), type_of(image, service + 16)
        arguments = [type_of(image, service + 16 + TYPE * (i + 1)) for i in range(ARGUMENTS)]
        tail = service + 16 + TYPE * (ARGUMENTS + 1)
        count, flags, _, _, prototype = struct.unpack_from("<IHHQQ", image.bytes, image.at(tail))
        text = image.text(prototype)
        lines.append('    {.name = "%s", .result = %s, .arguments = {%s}, .argument_count = %d, .flags = %d, .prototype = %s},' % (
            name, type_text(result), ", ".join(type_text(t) for t in arguments), count, flags, f'"{text}"' if text else "0"))
    with open(sys.argv[3], "w", encoding="ascii") as out:
        out.write("// Made from the kernel by tools/gen/services.py; do not edit.\n"
                  f"_Static_assert(sizeof(struct engine_type) == {TYPE}, \"services.py\");\n"
                  f"_Static_assert(sizeof(struct engine_import) == {IMPORT}, \"services.py\");\n"
                  "static const struct engine_import services[] = {\n" + "\n".join(lines) + "\n};\n")


if __name__ == "__main__":
    main()
