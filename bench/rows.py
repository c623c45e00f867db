# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""The rows: what they are called, where their figures come from, what they are held to.

A row's Tricolor figure comes from one program: `native`, the kernel's primitive called directly by a first program
(bench/native), or `exos`, the unmodified Linux binary (bench/linux) on ExOS. The rule: primitives of an exokernel are
measured as primitives, everything else as the unmodified binary. Where the same operation exists both ways, the second
is a row of its own, ID_exos. Linux's figure is the best of the methods named in `linux`: rows of bench/linux.

Targets are guest instructions, and numbers from figures.md; EQUAL means within one percent of Linux in the same run.
"""

import fnmatch

EQUAL = "equal"

SECTIONS = ("Processor, exceptions, transfer", "Memory", "Communication and files", "In-kernel extensions", "Engine", "Size and start")
PROCESSOR, MEMORY, FILES, EXTENSIONS, ENGINE, SIZE = SECTIONS

AEGIS = "Aegis table "


class Row:
    """One row. `source` is native, exos, boot, size, host, or None for what can't be measured yet; `why` then says why."""

    def __init__(self, section, id, title, target, source, linux=(), table="", unit="insns", of=None, why="", extra=False):
        self.section, self.id, self.title, self.target, self.source = section, id, title, target, source
        self.linux, self.table, self.unit, self.why = tuple(linux), table, unit, why
        self.of = of or id  # the program's own name of the row
        self.extra = extra  # a second figure for a row that has one: shown, not counted


def _primitive(section, id, title, target, linux, table, exos=True, **more):
    """A kernel primitive, and the same by the Linux binary on ExOS."""
    rows = [Row(section, id, title, target, "native", linux, table, **more)]
    if exos:
        rows.append(Row(section, id + "_exos", "  the same, unmodified on ExOS", target, "exos", linux, table, of=id, extra=True))
    return rows


def _pagers(*ids):
    """The same through a page table of the library OS' own: two structures."""
    return [Row(MEMORY, f"{id}_{kind}", f"  {id}, with a {kind} page table", None, "native", (), AEGIS + "10", extra=True)
            for kind in ("linear", "hashed") for id in ids]


def _linux(section, id, title, target, linux=None, table="", **more):
    return [Row(section, id, title, target, "exos", linux or (id,), table, **more)]


def _absent(section, id, title, target, why, unit="insns", table=""):
    return [Row(section, id, title, target, None, (), table, unit, why=why)]


def _host(id, title, unit="ns", section=ENGINE):
    return [Row(section, id, title, None, "host", unit=unit)]


SOCKETS = "ExOS has no network yet"
SPIN = "not there yet: docs/missing.md"

ROWS = [
    *_primitive(PROCESSOR, "null_call", "null kernel call", 30, ["getppid"], AEGIS + "4", exos=False),
    *_primitive(PROCESSOR, "cap_check", "check of a capability", 12, [], "", exos=False),
    *_linux(PROCESSOR, "getppid", "getppid", 30, table=AEGIS + "4"),
    *_linux(PROCESSOR, "clock_vdso", "clock_gettime", 60),
    *_linux(PROCESSOR, "read_zero", "read 1 byte of /dev/zero", 90),
    *_linux(PROCESSOR, "write_null", "write 1 byte to /dev/null", 80),
    *_primitive(PROCESSOR, "pct_oneway", "protected control transfer, one way", 60, ["pipe_rtt", "futex_processes", "yield_to"],
                AEGIS + "6", exos=False),
    *_primitive(PROCESSOR, "pct_roundtrip", "protected control transfer, there and back", 120,
                ["pipe_rtt", "futex_processes", "yield_to"], AEGIS + "6", exos=False),
    *_primitive(PROCESSOR, "lrpc", "procedure of another space, not trusted", None, [], AEGIS + "8", exos=False),
    *_primitive(PROCESSOR, "tlrpc", "the same, trusted to keep registers", None, [], "Aegis §7", exos=False),
    *_primitive(PROCESSOR, "tlrpc_page", "the same, with one page lent, mapped, read, unmapped", None, [], "", exos=False),
    *_primitive(PROCESSOR, "tlrpc_16_pages", "the same, with 16", None, [], "", exos=False),
    *_primitive(PROCESSOR, "yield_to", "yield to a named env and back", 130, ["yield_to"], "Aegis §5"),
    *_primitive(PROCESSOR, "exc_ud", "exception to handler and back, #UD", 100, ["exc_ud"], AEGIS + "5"),
    *_primitive(PROCESSOR, "exc_bp", "the same, #BP", 100, ["exc_bp"], AEGIS + "5"),
    *_primitive(PROCESSOR, "exc_de", "the same, #DE", 100, ["exc_de"], AEGIS + "5"),
    *_primitive(PROCESSOR, "irq_user", "timer interrupt to user handler", 120, [], "", exos=False),
    *_linux(PROCESSOR, "thread_create_join", "thread, create and join", 1000, table="SPIN table 3"),
    *_linux(PROCESSOR, "futex_pingpong", "thread ping-pong, futex", 300, table="SPIN table 3"),
    *_linux(PROCESSOR, "eventfd_pingpong", "thread ping-pong, eventfd", 300, table="SPIN table 3"),
    *_linux(PROCESSOR, "signal_self", "signal to self, delivered and returned", 150),
    *_linux(PROCESSOR, "fork_exit", "fork + exit + wait", 30000, ["fork_exit"], AEGIS + "11"),
    *_linux(PROCESSOR, "fork16m_exit", "the same with 16 MiB touched", 300000),
    *_linux(PROCESSOR, "fork_exec", "fork + exec + wait", 60000, ["fork_exec", "vfork_exec"]),

    *_primitive(MEMORY, "trap", "trap: write to a protected page, to the handler", 100, ["trap"], AEGIS + "10"),
    *_primitive(MEMORY, "prot1", "prot1: protect one page", 150, ["prot1"], AEGIS + "10"),
    *_primitive(MEMORY, "prot100", "prot100: protect 100 pages", 1200, ["prot100"], AEGIS + "10"),
    *_primitive(MEMORY, "unprot100", "unprot100: unprotect 100 pages", 1200, ["unprot100"], AEGIS + "10"),
    *_primitive(MEMORY, "fault", "fault: trap, handler maps, program resumes", 300, ["fault", "fault_uffd"], "SPIN table 4"),
    *_primitive(MEMORY, "appel1", "appel1: prot1 + trap + unprot", 500, ["appel1"], AEGIS + "10, SPIN table 4"),
    *_primitive(MEMORY, "appel2", "appel2: protN + trap + unprot, per page", 350, ["appel2"], AEGIS + "10, SPIN table 4"),
    *_pagers("dirty", "prot1", "prot100", "unprot100", "trap", "appel1", "appel2"),
    *_primitive(MEMORY, "dirty", "dirty: has this page been written?", 15, ["dirty", "dirty_all"], AEGIS + "10, SPIN table 4", exos=False),
    *_primitive(MEMORY, "touch_anon", "touch one new zero-filled page", 900, ["touch_anon"], ""),
    *_linux(MEMORY, "touch_cow", "copy-on-write fault", 1100),
    *_linux(MEMORY, "mmap_munmap", "mmap + touch + munmap of a page", 600),
    *_primitive(MEMORY, "revoke_1000", "revoke one frame mapped 1,000 times, per mapping", 60, [], "Aegis §3", exos=False),
    *_primitive(MEMORY, "repossess_256", "take 256 mapped frames by force", 30000, [], "Aegis §3", exos=False),
    *_linux(MEMORY, "matmul150", "150 x 150 integer matrix multiply", EQUAL, table=AEGIS + "9"),

    *_linux(FILES, "pipe_rtt", "pipe, 1 byte, round trip between processes", 800, ["pipe_rtt"], AEGIS + "8"),
    *_linux(FILES, "pipe_bw", "pipe, bandwidth", 213, unit="insns/KiB"),
    *_linux(FILES, "unix_rtt", "unix stream socket, round trip", 1200),
    *_absent(FILES, "udp_lo_rtt", "UDP loopback, round trip", 2000, SOCKETS),
    *_absent(FILES, "tcp_lo_rtt", "TCP loopback, round trip", 3000, SOCKETS),
    *_absent(FILES, "tcp_lo_conn", "TCP connection, open and close, loopback", 8000, SOCKETS),
    *_linux(FILES, "open_close", "open + close", 900),
    *_linux(FILES, "stat", "stat", 500),
    *_linux(FILES, "pread4k", "pread 4 KiB, cached", 700),
    *_linux(FILES, "create_delete", "create + delete, memory file system", 2500),
    *_linux(FILES, "create1k_delete", "create 1 KiB + delete", 4000),
    *_absent(FILES, "udp_echo", "UDP echo over virtio-net, sockets", 2500, SOCKETS, table="SPIN table 5"),
    *_absent(FILES, "udp_echo_ash", "UDP echo over virtio-net, ASH", 700, SOCKETS, table="SPIN table 5"),
    *_absent(FILES, "tcp_echo", "TCP echo over virtio-net", 4500, SOCKETS),
    *_absent(FILES, "http_128", "HTTP request, 128 B, keep-alive", 3000, SOCKETS),

    Row(EXTENSIONS, "ext_call", "protected in-kernel call, over a direct one", 5, "native", (), "SPIN table 2"),
    Row(EXTENSIONS, "raise_1", "raise, 1 handler", 10, "native", (), "SPIN dispatcher"),
    Row(EXTENSIONS, "raise_10", "raise, 10 handlers, one fires", 20, "native", (), "SPIN dispatcher"),
    Row(EXTENSIONS, "raise_50", "raise, 50 handlers, one fires", 20, "native", (), "SPIN dispatcher"),
    Row(EXTENSIONS, "raise_1000", "raise, 1,000 handlers, one fires", 25, "native", (), "SPIN dispatcher"),
    Row(EXTENSIONS, "raise_10000", "raise, 10,000 handlers, one fires", 30, "native", (), "SPIN dispatcher"),
    Row(EXTENSIONS, "install_10", "install on an event with 10 handlers", None, "native", (), "SPIN dispatcher"),
    Row(EXTENSIONS, "install_100", "install on an event with 100 handlers", None, "native", (), "SPIN dispatcher"),
    Row(EXTENSIONS, "install_1000", "install on an event with 1,000 handlers", None, "native", (), "SPIN dispatcher"),
    Row(EXTENSIONS, "install_10000", "install on an event with 10,000 handlers", None, "native", (), "SPIN dispatcher"),
    Row(EXTENSIONS, "remove_10000", "remove one of 10,000 handlers, by its name", None, "native", (), "SPIN dispatcher"),
    Row(EXTENSIONS, "count_10000", "longest call that begins to count an event with 10,000 handlers", None, "native", (),
        "SPIN dispatcher"),
    Row(EXTENSIONS, "strand_forkjoin", "strand fork-join", 600, "native", (), "SPIN table 3"),
    Row(EXTENSIONS, "strand_pingpong", "strand ping-pong", 120, "native", (), "SPIN table 3"),
    Row(EXTENSIONS, "ext_fault", "fault to a kernel handler", 200, "native", (), "SPIN table 4"),
    Row(EXTENSIONS, "ext_trap", "trap to a kernel handler", 60, "native", (), "SPIN table 4"),
    Row(EXTENSIONS, "predicate_look", "look at a sleeper's predicate", None, "native", (), "Aegis §5"),
    Row(EXTENSIONS, "ext_pause", "longest pause while an extension of 1,000 handlers is unloaded", 10000, "native", (), "SPIN 5.5"),
    Row(EXTENSIONS, "object_pause", "longest pause while 1,000 linked objects end", 10000, "native", (), "SPIN 5.5"),

    *_host("jit_*", "compiled code against scalar native code", "ratio"),
    *_host("verify_*", "verifier"),

    Row(SIZE, "boot_prompt", "kernel entry to the shell's first command", 10_000_000, "boot", ["boot_prompt"]),
    Row(SIZE, "boot_first", "kernel entry to the first program", None, "native", unit="insns", extra=True),
    Row(SIZE, "memory_prompt", "memory in use at the shell's first command", None, "boot", ["memory_prompt"], unit="KiB"),
    Row(SIZE, "kernel_text", "kernel text and constants", 128 * 1024, "size", unit="bytes"),
    Row(SIZE, "kernel_image", "kernel as loaded, data included", None, "size", unit="bytes"),
    Row(SIZE, "libos_image", "ExOS as loaded", None, "size", unit="bytes"),
]


def choose(pattern):
    """The rows whose id matches one of the comma-separated patterns; all for an empty one. ID_exos comes with ID."""
    patterns = [word for word in (pattern or "*").replace(" ", ",").split(",") if word]
    return [row for row in ROWS if any(fnmatch.fnmatch(row.id, p) or (row.extra and fnmatch.fnmatch(row.of, p))
                                       or (row.source == "host" and (fnmatch.fnmatch(p, row.id) or row.id[:-1] in p)) for p in patterns)]
