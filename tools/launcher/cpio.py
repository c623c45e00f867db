# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""A cpio archive of format newc, written deterministically.

The data of every file of at least ALIGN bytes begins at a multiple of ALIGN from the start of the output, so that a guest can map
it from the archive instead of copying it. The name before it is padded with NULs for that (namesize counts them), which readers of
newc accept. Hard links follow cpio's rule: the same inode number and a link count above one; the data stands with the first name,
later names have size zero.
"""

import shutil
import stat

ALIGN = 4096
TRAILER = "TRAILER!!!"


class Writer:
    """Appends entries to `out`, a binary file positioned at offset `start` of the image."""

    def __init__(self, out, start=0):
        self.out = out
        self.offset = start
        self.inode = 0
        self.linked = {}  # key of a hard-linked file -> its inode number

    def _write(self, data):
        self.out.write(data)
        self.offset += len(data)

    def _header(self, name, inode, mode, links, mtime, size, device):
        encoded = name.encode("utf-8", "surrogateescape") + b"\0"
        if len(encoded) > 4096:
            raise ValueError(f"name too long: {name}")
        encoded += b"\0" * (-(self.offset + 110 + len(encoded)) % (ALIGN if size >= ALIGN else 4))
        major, minor = device
        fields = (inode, mode, 0, 0, links, mtime, size, 0, 0, major, minor, len(encoded), 0)
        self._write(b"070701" + b"".join(b"%08X" % (f & 0xFFFFFFFF) for f in fields) + encoded)

    def _new_inode(self):
        self.inode += 1
        return self.inode

    def add_bytes(self, name, mode, data, mtime=0):
        """A file, symbolic link (data is its target) or folder (no data) whose contents are in memory."""
        links = 2 if stat.S_ISDIR(mode) else 1
        self._header(name, self._new_inode(), mode, links, mtime, len(data), (0, 0))
        self._write(data)
        self._write(b"\0" * (-self.offset % 4))

    def add_device(self, name, mode, major, minor, mtime=0):
        self._header(name, self._new_inode(), mode, 1, mtime, 0, (major, minor))

    def add_file(self, name, mode, path, size, mtime=0, link_key=None, links=1):
        """A host file. With `link_key` it is one of `links` names of the same file."""
        if link_key is not None and link_key in self.linked:
            self._header(name, self.linked[link_key], mode, links, mtime, 0, (0, 0))
            return
        inode = self._new_inode()
        if link_key is not None:
            self.linked[link_key] = inode
        self._header(name, inode, mode, links, mtime, size, (0, 0))
        with open(path, "rb") as source:
            before = self.out.tell()
            shutil.copyfileobj(source, self.out, 1 << 20)
            if self.out.tell() - before != size:
                raise OSError(f"{path} changed while it was read")
        self.offset += size
        self._write(b"\0" * (-self.offset % 4))

    def finish(self):
        self._header(TRAILER, 0, 0, 1, 0, 0, (0, 0))
