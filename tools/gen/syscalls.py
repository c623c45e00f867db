#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""Makes everything that follows from abi/syscalls.def.

usage: syscalls.py DEFINITION KIND OUTPUT, where KIND is
  numbers   gen/syscalls.h         enum of call numbers, names, argument counts
  kernel    gen/syscalls_kernel.h  prototypes of the handlers, and the dispatch list
  user      gen/syscalls_user.h    stubs: one inline procedure a call
  batch     gen/syscalls_batch.h   one encoder a call that may stand in a batch
  errors    gen/syscalls_errors.h   for tests: which errors each call may return
  page      docs/syscalls.md       the reference page
"""

import re
import sys

GENERATED = "Made from abi/syscalls.def by tools/gen/syscalls.py; do not edit."
FLAGS = ("batch", "switches", "message", "short")
REGISTERS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")


class Call:
    def __init__(self, number, name, flags):
        self.number, self.name, self.flags = number, name, flags
        self.text, self.args, self.result, self.errors = [], [], None, []


def fail(line, message):
    sys.exit(f"abi/syscalls.def:{line}: {message}")


def parse(path, errors):
    """The calls of a definition file; refuses what it does not understand."""
    calls, last = [], None
    for line, raw in enumerate(open(path, encoding="utf-8"), 1):
        text = raw.rstrip()
        if not text or text.startswith("#"):
            continue
        if text.startswith("call "):
            words = text.split()[1:]
            unknown = [f for f in words[1:] if f not in FLAGS]
            if unknown or any(c.name == words[0] for c in calls):
                fail(line, f"unknown flag or second definition: {text}")
            calls.append(Call(len(calls), words[0], set(words[1:])))
            last = calls[-1].text
            continue
        if not calls:
            fail(line, "no call yet")
        call = calls[-1]
        argument = re.match(r"^  (\w+) (\w+)(?:\s+(.*))?$", text)
        if text.startswith("  -> "):
            call.result = [text[5:].strip()]
            last = call.result
        elif text.startswith("  ! "):
            words = text[4:].split(None, 1)
            if words[0] not in errors:
                fail(line, f"no such error: {words[0]}")
            call.errors.append([words[0], words[1] if len(words) > 1 else ""])
            last = None
        elif argument:
            call.args.append([argument[1], argument[2], argument[3] or ""])
            last = None
            if len(call.args) > 6:
                fail(line, "more than six arguments")
        elif re.match(r"^ {4}\S", text) and not call.args and call.result is None:
            call.text.append(text.strip())
        elif re.match(r"^ {6,}\S", text) and call.args and last is None and not call.errors:
            call.args[-1][2] += " " + text.strip()
        elif re.match(r"^ {6,}\S", text) and call.errors:
            call.errors[-1][1] += " " + text.strip()
        else:
            fail(line, f"not understood: {text}")
    return calls


def error_names(path):
    return dict(re.findall(r'^ERROR\((\w+), \d+, "(.*)"\)', open(path, encoding="utf-8").read(), re.M))


def header(guard, text, body):
    return (f"// SPDX-License-Identifier: MIT\n// {GENERATED}\n//\n// {text}\n\n#ifndef {guard}\n#define {guard}\n\n"
            f"{body}\n#endif\n")


def numbers(calls):
    body = '#include "abi/types.h"\n\nenum syscall_number {\n'
    body += "".join(f"    SYS_{c.name} = {c.number},\n" for c in calls)
    body += f"    SYS_COUNT = {len(calls)}\n}};\n\n// SYSCALL(name, number, argument count, may be batched)\n#define SYSCALLS(SYSCALL) \\\n"
    body += " \\\n".join(f"    SYSCALL({c.name}, {c.number}, {len(c.args)}, {int('batch' in c.flags)})" for c in calls)
    return header("GEN_SYSCALLS_H", "Numbers and names of the system calls.", body + "\n")


def assembly(calls):
    body = "".join(f"#define NUMBER_{c.name} {c.number}\n" for c in calls)
    return header("GEN_SYSCALLS_ASM_H", "Numbers of the system calls, for assembly.", body)


def kernel(calls):
    body = '#include "abi/types.h"\n\n'
    for c in calls:
        if "message" in c.flags:
            continue
        args = ", ".join(f"u64 {a[1]}" for a in c.args) or "void"
        body += f"i64 sys_{c.name}({args});\n"
    body += "\n// LOCKED(name, argument count) for the calls in C, but for null, which needs no lock.\n#define SYSCALLS_IN_C(LOCKED) \\\n"
    body += " \\\n".join(f"    LOCKED({c.name}, {len(c.args)})" for c in calls if "message" not in c.flags and c.name != "null")
    body += "\n\n// HANDLER(name) for calls in C, SHORT(name) for those of them that have a short way, ENTRY(name) for those in assembly,\n"
    body += "// in order of their numbers.\n"
    body += "#define SYSCALL_DISPATCH(HANDLER, SHORT, ENTRY) \\\n"
    kind = lambda c: "ENTRY" if "message" in c.flags else "SHORT" if "short" in c.flags else "HANDLER"  # noqa: E731
    body += " \\\n".join(f"    {kind(c)}({c.name})" for c in calls)
    return header("GEN_SYSCALLS_KERNEL_H", "Handlers of the system calls.", body + "\n")


def user(calls):
    body = '#include "abi/calls.h"\n#include "abi/types.h"\n#include "gen/syscalls.h"\n\n'
    for c in calls:
        args = ", ".join(f"{a[0]} {a[1]}" for a in c.args) or "void"
        doc = f"// {' '.join(c.text)}\n"
        if c.flags & {"switches", "message"}:
            body += f"{doc}// Loses registers: out of line, in libos/rt.\ni64 sys_{c.name}({args});\n\n"
            continue
        body += f"{doc}static inline i64 sys_{c.name}({args}) {{\n"
        body += f"    register u64 rax __asm__(\"rax\") = ABI_SYSCALL_BASE + SYS_{c.name};\n"
        for register, a in zip(REGISTERS, c.args):
            body += f"    register u64 {register} __asm__(\"{register}\") = (u64){a[1]};\n"
        used = REGISTERS[: len(c.args)]
        outputs = ", ".join(['"+r"(rax)'] + [f'"+r"({r})' for r in used])
        clobbers = ", ".join(f'"{r}"' for r in ("rcx", "r11") + REGISTERS[len(c.args):])
        body += f"    __asm__ volatile(\"syscall\" : {outputs} : : {clobbers}, \"memory\");\n    return (i64)rax;\n}}\n\n"
    return header("GEN_SYSCALLS_USER_H", "User stubs of the system calls.", body)


def batch(calls):
    body = '#include "abi/calls.h"\n#include "gen/syscalls.h"\n\n'
    for c in calls:
        if "batch" not in c.flags:
            continue
        args = ", ".join(["struct batch_op *op"] + [f"{a[0]} {a[1]}" for a in c.args])
        body += f"static inline void batch_{c.name}({args}) {{\n    op->call = SYS_{c.name};\n    op->reserved = 0;\n"
        for i, a in enumerate(c.args):
            body += f"    op->args[{i}] = (u64){a[1]};\n"
        body += "}\n\n"
    return header("GEN_SYSCALLS_BATCH_H", "Encoders for the elements of a batch.", body)


def documented_errors(calls):
    always = ("CAP", "TYPE", "RIGHTS", "STALE")
    body = '#include "abi/errors.h"\n#include "abi/types.h"\n#include "gen/syscalls.h"\n\n'
    body += "// Bit n: the call may return error n.\nstatic const u32 syscall_errors[SYS_COUNT] = {\n"
    for c in calls:
        names = [e for e, _ in c.errors] + list(always if any(a[1] in ("cap", "caps") for a in c.args) else ())
        body += f"    [SYS_{c.name}] = {' | '.join(f'1u << E_{n}' for n in names) or '0'},\n"
    return header("GEN_SYSCALLS_ERRORS_H", "Errors that the calls document.", body + "};\n")


def page(calls, errors):
    out = f"<!-- {GENERATED} -->\n\n# System calls\n\n"
    out += ("Number: 2^31 + the number given here, in `rax`. Arguments in `rdi`, `rsi`, `rdx`, `r10`, `r8`, `r9`; result in `rax`, "
            "negative for an error. `rcx` and `r11` are lost and argument registers come back as 0; the others are kept, unless "
            "the call *switches*. Calls with a capability also return `CAP`, `TYPE`, `RIGHTS` and `STALE`.\n\n")
    out += "| number | call | flags |\n|---|---|---|\n"
    out += "".join(f"| {c.number} | [{c.name}](#{c.name}) | {' '.join(sorted(c.flags))} |\n" for c in calls)
    for c in calls:
        out += f"\n## {c.name}\n\n`{c.name}({', '.join(a[1] for a in c.args)})`\n\n{' '.join(c.text)}\n"
        if c.args:
            out += "\n| argument | type | |\n|---|---|---|\n"
            out += "".join(f"| {a[1]} | {a[0]} | {a[2]} |\n" for a in c.args)
        if c.result:
            out += f"\nResult: {' '.join(c.result)}.\n"
        if c.errors:
            out += "\n| error | when |\n|---|---|\n"
            out += "".join(f"| {e} | {t or errors[e]} |\n" for e, t in c.errors)
    out += "\n## Errors\n\n| error | meaning |\n|---|---|\n"
    out += "".join(f"| {name} | {text} |\n" for name, text in errors.items())
    return out


def main():
    definition, kind, output = sys.argv[1:]
    errors = error_names(definition.replace("syscalls.def", "errors.def"))
    calls = parse(definition, errors)
    text = {"numbers": numbers, "assembly": assembly, "kernel": kernel, "user": user, "batch": batch, "errors": documented_errors}[kind](calls) if kind != "page" \
        else page(calls, errors)
    with open(output, "w", encoding="utf-8") as file:
        file.write(text)


main()
