# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""A tree of files in memory: what the guest's root will hold, before it becomes an archive.

Nodes are keyed by their path without a leading slash ("" is the root). Invariant: the parent of every node is a folder of the
tree. Putting something at a path follows symbolic links of the tree in the folders on the way, as a file system would, and
replaces what was there.
"""

import os
import posixpath
import stat
import subprocess

from . import Trouble

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

DEFAULT_FOLDERS = ("bin", "dev", "etc", "home", "mnt", "proc", "root", "run", "sbin", "sys", "usr", "usr/bin", "usr/sbin",
                   "usr/local", "usr/local/bin", "usr/local/sbin", "var", "var/log", "var/tmp", "tmp")
DEFAULT_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n"
                  "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
                  "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\ndaemon:x:1:\ntty:x:5:\nnogroup:x:65534:\n",
    "etc/profile": f"export PATH={PATH}\n",
    "etc/shells": "/bin/sh\n",
    "etc/hostname": "tricolor\n",
    "etc/hosts": "127.0.0.1\tlocalhost\n::1\tlocalhost\n",
    "etc/os-release": 'NAME="Tricolor"\nID=tricolor\nPRETTY_NAME="Tricolor"\n',
}


class Node:
    """One file: `data` (bytes, or a link's target) or `path` (a host file of `size` bytes), or a folder or device."""

    def __init__(self, mode, data=b"", path=None, size=0, mtime=0, link_key=None, device=(0, 0)):
        self.mode, self.data, self.path, self.size, self.mtime = mode, data, path, size, mtime
        self.link_key, self.device = link_key, device


def node_of_host(path, follow=False):
    """Describes a host file; returns None for what an archive can't hold (sockets)."""
    info = os.stat(path) if follow else os.lstat(path)
    mode, mtime = info.st_mode, int(info.st_mtime)
    if stat.S_ISREG(mode):
        key = (info.st_dev, info.st_ino) if info.st_nlink > 1 else None
        return Node(mode, path=path, size=info.st_size, mtime=mtime, link_key=key)
    if stat.S_ISLNK(mode):
        return Node(mode, data=os.fsencode(os.readlink(path)), mtime=mtime)
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        return Node(mode, mtime=mtime, device=(os.major(info.st_rdev), os.minor(info.st_rdev)))
    if stat.S_ISDIR(mode) or stat.S_ISFIFO(mode):
        return Node(mode, mtime=mtime)
    return None


class Tree:
    def __init__(self):
        self.nodes = {"": Node(stat.S_IFDIR | 0o755)}

    def _follow(self, path, depth=0):
        """The path with every symbolic link in it replaced by where it leads in this tree."""
        if depth > 40:
            raise Trouble(f"too many symbolic links in the guest's path /{path}")
        done = ""
        parts = [p for p in path.split("/") if p not in ("", ".")]
        for i, part in enumerate(parts):
            done = posixpath.dirname(done) if part == ".." else posixpath.join(done, part)
            node = self.nodes.get(done)
            if node and stat.S_ISLNK(node.mode):
                target = os.fsdecode(node.data)
                base = "" if target.startswith("/") else posixpath.dirname(done)
                return self._follow("/".join([base, target, *parts[i + 1:]]), depth + 1)
        return done

    def folder(self, path, mode=0o755, mtime=0):
        """Makes a folder and its parents where they are missing; returns its real path."""
        real = self._follow(path)
        if real not in self.nodes:
            if real:
                self.folder(posixpath.dirname(real), mtime=mtime)
            self.nodes[real] = Node(stat.S_IFDIR | mode, mtime=mtime)
        elif not stat.S_ISDIR(self.nodes[real].mode):
            raise Trouble(f"the guest's /{path} is a file, not a folder")
        return real

    def put(self, path, node):
        """Puts a node that is no folder at a path; replaces any file there."""
        name = posixpath.basename(path)
        real = posixpath.join(self.folder(posixpath.dirname(path), mtime=node.mtime), name)
        old = self.nodes.get(real)
        if old and stat.S_ISDIR(old.mode):
            raise Trouble(f"the guest's /{real} is a folder, and can't be replaced by a file")
        self.nodes[real] = node

    def put_host(self, host, guest):
        """Puts a host file, or a folder with all it holds, at a guest path."""
        try:
            top = node_of_host(host, follow=True)
            if top is None:
                raise Trouble(f"{host} is neither a file nor a folder")
            if not stat.S_ISDIR(top.mode):
                self._check_readable(top, host)
                self.put(guest, top)
                return
            self._put_folder(host, guest, top)
        except OSError as error:
            raise Trouble(f"can't read {error.filename or host}: {error.strerror}") from error

    @staticmethod
    def _check_readable(node, host):
        if stat.S_ISREG(node.mode) and not os.access(host, os.R_OK):
            raise Trouble(f"can't read {host}: Permission denied")

    def _put_folder(self, host, guest, info):
        real = self.folder(guest, mtime=info.mtime)
        self.nodes[real].mode, self.nodes[real].mtime = info.mode, info.mtime
        for name in sorted(os.listdir(host)):
            path = os.path.join(host, name)
            node = node_of_host(path)
            if node is None:
                continue
            if stat.S_ISDIR(node.mode):
                self._put_folder(path, posixpath.join(real, name), node)
            else:
                self._check_readable(node, path)
                self.put(posixpath.join(real, name), node)

    def write(self, writer, prefix):
        """Writes all nodes to a cpio Writer, parents first, under a folder `prefix`."""
        links = {}
        for node in self.nodes.values():
            if node.link_key:
                links[node.link_key] = links.get(node.link_key, 0) + 1
        for path in sorted(self.nodes):
            node = self.nodes[path]
            name = posixpath.join(prefix, path) if path else prefix
            if node.path is not None:
                count = links.get(node.link_key, 1)
                key = node.link_key if count > 1 else None
                writer.add_file(name, node.mode, node.path, node.size, node.mtime, key, count)
            elif stat.S_ISCHR(node.mode) or stat.S_ISBLK(node.mode):
                writer.add_device(name, node.mode, *node.device, node.mtime)
            else:
                writer.add_bytes(name, node.mode, node.data, node.mtime)


def applets(busybox):
    """The paths where a busybox wants its applets, such as "bin/ls"."""
    full = subprocess.run([busybox, "--list-full"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    names = full.stdout.decode().split()
    if full.returncode != 0 or not names:
        listed = subprocess.run([busybox, "--list"], stdout=subprocess.PIPE, check=True)
        names = ["bin/" + name for name in listed.stdout.decode().split()]
    return names


def default_root(busybox):
    """Debian's static busybox with a link for each applet, and the files that a shell expects around it."""
    info = node_of_host(busybox, follow=True)
    mtime = info.mtime  # everything bears the package's date: the same input gives the same archive
    info.link_key = None
    tree = Tree()
    tree.nodes[""].mtime = mtime
    for folder in DEFAULT_FOLDERS:
        tree.folder(folder, mode={"tmp": 0o1777, "var/tmp": 0o1777, "root": 0o700}.get(folder, 0o755), mtime=mtime)
    tree.put("bin/busybox", info)
    for path in applets(busybox):
        path = path.lstrip("/")
        if path not in ("bin/busybox", "linuxrc"):
            tree.put(path, Node(stat.S_IFLNK | 0o777, data=b"/bin/busybox", mtime=mtime))
    for path, text in DEFAULT_FILES.items():
        tree.put(path, Node(stat.S_IFREG | 0o644, data=text.encode(), mtime=mtime))
    return tree


def is_static_elf(path):
    """True when the file is an ELF program that asks for no dynamic loader."""
    try:
        with open(path, "rb") as source:
            head = source.read(4096)
    except OSError:
        return False
    if head[:6] != b"\x7fELF\x02\x01":
        return False
    offset, size, count = int.from_bytes(head[32:40], "little"), head[54], head[56]
    kinds = [head[offset + i * size] for i in range(count) if offset + i * size < len(head)]
    return 3 not in kinds  # PT_INTERP
