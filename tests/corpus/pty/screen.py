# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""A terminal's screen in memory, as much of a VT100 as busybox's shell, vi, less and more use.

Two systems may send different bytes for the same picture (a line redrawn once or twice, output in other pieces), so what
is compared is the picture. feed() takes the bytes a program wrote; text() is what a person would see; replies() is what a
terminal answers to questions such as "where is the cursor".
"""

import codecs
import re

CSI = re.compile(r"\x1b\[([?>]?)([0-9;]*)([@-~])")


class Screen:
    def __init__(self, rows=24, columns=80):
        self.rows, self.columns = rows, columns
        self.lines = [[" "] * columns for _ in range(rows)]
        self.y = self.x = 0
        self.wrap = False  # the cursor stands behind the last column
        self.rest = ""
        self.answers = []
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def resize(self, rows, columns):
        kept = [(line + [" "] * columns)[:columns] for line in self.lines]
        drop = max(0, self.y - rows + 1)
        kept = kept[drop : drop + rows]
        self.lines = kept + [[" "] * columns for _ in range(rows - len(kept))]
        self.rows, self.columns = rows, columns
        self.y, self.x, self.wrap = self.y - drop, min(self.x, columns - 1), False

    def text(self):
        return "\n".join("".join(line).rstrip() for line in self.lines).rstrip("\n")

    def cursor(self):
        return self.y, self.x

    def replies(self):
        out, self.answers = b"".join(self.answers), []
        return out

    def feed(self, data):
        text, i = self.rest + self.decoder.decode(data), 0
        self.rest = ""
        while i < len(text):
            c = text[i]
            if c != "\x1b":
                self.char(c)
                i += 1
                continue
            found = CSI.match(text, i)
            if found:
                self.csi(*found.groups())
                i = found.end()
            elif re.fullmatch(r"\x1b(\[[?>]?[0-9;]*)?", text[i:]):
                self.rest = text[i:]
                return
            else:
                i += 2  # a two-character sequence: nothing that busybox needs

    def line_feed(self):
        if self.y == self.rows - 1:
            self.lines = self.lines[1:] + [[" "] * self.columns]
        else:
            self.y += 1

    def char(self, c):
        if c == "\r":
            self.x, self.wrap = 0, False
        elif c == "\n":
            self.line_feed()
            self.wrap = False
        elif c == "\b":
            self.x, self.wrap = max(0, self.x - 1), False
        elif c == "\t":
            self.x = min(self.columns - 1, (self.x // 8 + 1) * 8)
        elif c >= " ":
            if self.wrap:
                self.x, self.wrap = 0, False
                self.line_feed()
            self.lines[self.y][self.x] = c
            self.wrap = self.x == self.columns - 1
            self.x = min(self.x + 1, self.columns - 1)

    def erase(self, first, last):
        """Blank the cells FIRST up to LAST, counted row by row."""
        for cell in range(first, last):
            self.lines[cell // self.columns][cell % self.columns] = " "

    def csi(self, mark, numbers, final):
        n = [int(x) if x else 0 for x in numbers.split(";")]
        here, count = self.y * self.columns + self.x, max(1, n[0])
        if mark:
            return
        self.wrap = False if final in "HfABCDJK" else self.wrap
        if final in "Hf":
            row, column = n[0], n[1] if len(n) > 1 else 1
            self.y, self.x = min(max(row, 1), self.rows) - 1, min(max(column, 1), self.columns) - 1
        elif final == "A":
            self.y = max(0, self.y - count)
        elif final == "B":
            self.y = min(self.rows - 1, self.y + count)
        elif final == "C":
            self.x = min(self.columns - 1, self.x + count)
        elif final == "D":
            self.x = max(0, self.x - count)
        elif final == "J":
            everything = self.rows * self.columns
            self.erase(*[(here, everything), (0, here + 1), (0, everything), (0, everything)][min(n[0], 3)])
        elif final == "K":
            start = self.y * self.columns
            self.erase(*[(here, start + self.columns), (start, here + 1), (start, start + self.columns)][min(n[0], 2)])
        elif final == "n" and n[0] == 6:
            self.answers.append(b"\x1b[%d;%dR" % (self.y + 1, self.x + 1))
