#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Breaks the engine's core in one place after the other and looks whether some test goes red.

usage: mutate_core.py TREE SCRATCH CASES... -- OBJECTS        (`make mutate-engine-core`)

SCRATCH gets a copy of the sources. A mutation that no test notices is printed as GREEN, and fails.
"""
import os
import shutil
import subprocess
import sys
from pathlib import Path

FLAGS = ("-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -std=gnu11 -D_GNU_SOURCE -DTRICOLOR_HOST=1 -I. -w").split()
ROOMS = ("abi", "base", "engine", "tools/engine", "tests/engine")
# What includes alu.h.
ALU_USERS = ("engine/interp.c", "engine/verify/num.c", "engine/jit/nodes.c")

MUTATIONS = [
    ("engine/decode.c", "    return ((uses & ENGINE_USES_D)", "    return 1 || ((uses & ENGINE_USES_D)"),
    ("engine/decode.c", "writes_dst && insn->dst == ENGINE_R10", "0"),
    ("engine/decode.c", "insns[insn->target].op == ENGINE_OP_HOLE", "0"),
    ("engine/decode.c", "insn->target >= entry + length", "0"),
    ("engine/decode.c", "if (engine_insn_falls_through(&insns[last])", "if (0"),
    ("engine/decode.c", "memcmp(half, zero, sizeof(zero)) != 0", "0"),
    ("engine/interp.c", "mask &= ~(uint64_t)(size - 1);", ";"),
    ("engine/interp.c", "machine->run->depth -= frame->depth_need;", ";"),
    ("engine/interp.c", "memcpy(&machine->r[6], frame->kept", "memcpy(&machine->r[5], frame->kept"),
    ("engine/interp.c", "address % size == 0", "1"),
    ("engine/interp.c", "if (*meter >= 0)", "if (*meter >= -1)"),
    ("engine/interp.c", "*meter < INT64_MIN / 4", "0"),
    ("engine/run.c", "while (run->held_count) {", "while (0) {"),
    ("engine/run.c", "run->held_count--;\n", ";\n"),
    ("engine/run.c", "+ (uint64_t)(uintptr_t)arena", ""),
    ("engine/alu.h", "b == UINT64_MAX ? -a", "b == UINT64_MAX ? a"),
    ("engine/alu.h", "(uint32_t)((int32_t)a >> (b & 31))", "(uint32_t)((int32_t)a >> (b & 15))"),
    ("engine/alu.h", "return b ? a % b : a;", "return b ? a % b : 0;"),
    ("engine/link.c", "if (!types_agree(", "if (0 && !types_agree("),
    ("engine/link.c", "symbol.value += base->arena;", ";"),
    ("engine/link.c", "ref.symbol += base->symbol;", ";"),
    ("engine/object.c", "checked_range(offset, section->size, loader->size)", "1"),
    ("engine/object.c", "index >= loader->object->symbol_count", "0"),
    ("engine/object.c", "ref.addend = (int64_t)imm + 1;", ";"),
    ("engine/program.c", "bits_store64(builder->image + ref->offset, value);", ";"),
    ("engine/program.c", "import_type_fits(builder, symbol, import)", "1"),
    ("engine/program.c", "(uint64_t)insn->imm >= program->import_count", "0"),
    ("engine/btf.c", "bits_load32(word) < (what == 'n' ? btf->strings_size : btf->count)", "1"),
]


class Bench:
    def __init__(self, scratch, cases, objects):
        self.scratch, self.cases, self.objects = scratch, cases, objects
        sources = [p.relative_to(scratch) for p in sorted(scratch.glob("engine/**/*.c"))]
        self.library = [str(p) for p in sources] + ["base/format.c", "tools/engine/host.c", "tools/engine/asm.c", "tests/engine/fixture.c"]
        for source in [*self.library, "tests/engine/cases.c", "tests/engine/objects.c"]:
            self.compile(source)

    def output(self, source):
        return source.replace("/", "_") + ".o"

    def compile(self, source):
        subprocess.check_call(["clang", *FLAGS, "-c", source, "-o", self.output(source)], cwd=self.scratch)

    def passes(self, test, arguments):
        objects = [self.output(source) for source in [*self.library, f"tests/engine/{test}.c"]]
        subprocess.check_call(["clang", *FLAGS, *objects, "-o", test], cwd=self.scratch)
        try:
            done = subprocess.run([self.scratch / test, *arguments], capture_output=True, timeout=120, check=False)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def all_pass(self):
        return self.passes("cases", self.cases) and self.passes("objects", [self.objects])

    def try_mutation(self, path, old, new):
        """Returns whether a test noticed; None if the mutation does not apply any more."""
        file = self.scratch / path
        text = file.read_text()
        if old not in text:
            return None
        users = ALU_USERS if path.endswith(".h") else (path,)
        file.write_text(text.replace(old, new, 1))
        try:
            for user in users:
                self.compile(user)
            return not self.all_pass()
        finally:
            file.write_text(text)
            for user in users:
                self.compile(user)


def main():
    split = sys.argv.index("--")
    tree, scratch = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    cases, objects = [os.path.abspath(c) for c in sys.argv[3:split]], os.path.abspath(sys.argv[split + 1])
    shutil.rmtree(scratch, ignore_errors=True)
    for room in ROOMS:
        shutil.copytree(tree / room, scratch / room)
    bench = Bench(scratch, cases, objects)
    if not bench.all_pass():
        sys.exit("the tests are red without any mutation")
    noticed = missed = 0
    for path, old, new in MUTATIONS:
        result = bench.try_mutation(path, old, new)
        noticed += result is True
        missed += result is not True
        word = {True: "red  ", False: "GREEN", None: "GONE "}[result]
        print(f"{word} {path}: {old.strip()}", flush=True)
    print(f"engine-mutate-core: {noticed} passed, {missed} failed")
    sys.exit(missed != 0)


main()
