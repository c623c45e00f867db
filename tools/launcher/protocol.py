# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
"""The bytes on the guest's console (COM1). Everything is data, except what follows the escape byte 0xFF:

    to the guest    FF FF        a byte 0xFF of standard input
                    FF 'E'       end of input
                    FF 'W' r R c C   the window has r + 256 R rows and c + 256 C columns
    to the host     FF FF        a byte 0xFF of output
                    FF '1' '2'   what follows is standard output; standard error
                    FF 'R'       the console is ready: input may come (before, the UART would lose bytes)
                    FF 'X' s S   the program ended with status s + 256 S; 256 + n: killed by signal n
                    FF 'M' text NUL   a message for the user

The stream begins as standard output.
"""

ESCAPE = b"\xff"
END_OF_INPUT = b"\xffE"


def encode_input(data):
    return data.replace(ESCAPE, b"\xff\xff")


def encode_window(rows, columns):
    return b"\xffW" + rows.to_bytes(2, "little") + columns.to_bytes(2, "little")


class Decoder:
    """Takes the guest's bytes in any portions; calls on_output(stream, data), on_message(text), on_exit(status), on_ready()."""

    def __init__(self, on_output, on_message, on_exit, on_ready):
        self.on_output, self.on_message, self.on_exit, self.on_ready = on_output, on_message, on_exit, on_ready
        self.stream = 1
        self.rest = b""  # an escape sequence whose end hasn't come yet

    def feed(self, data):
        data = self.rest + data
        self.rest = b""
        position = 0
        pieces = []  # output of the current stream, in order
        while True:
            escape = data.find(ESCAPE, position)
            if escape < 0:
                pieces.append(data[position:])
                break
            pieces.append(data[position:escape])
            length = self._length(data, escape)
            if length is None:
                self.rest = data[escape:]
                break
            if data[escape + 1] == 0xFF:
                pieces.append(ESCAPE)
            else:
                self._flush(pieces)
                pieces = []
                self._act(data[escape:escape + length])
            position = escape + length
        self._flush(pieces)

    @staticmethod
    def _length(data, start):
        """The length of the sequence that begins at `start`, or None when it isn't complete."""
        kind = data[start + 1:start + 2]
        if kind == b"M":
            end = data.find(b"\0", start)
            return None if end < 0 else end + 1 - start
        length = {b"": 2, b"X": 4}.get(kind, 2)
        return length if len(data) - start >= length else None

    def _flush(self, pieces):
        output = b"".join(pieces)
        if output:
            self.on_output(self.stream, output)

    def _act(self, sequence):
        kind = sequence[1:2]
        if kind in (b"1", b"2"):
            self.stream = int(kind)
        elif kind == b"X":
            self.on_exit(int.from_bytes(sequence[2:4], "little"))
        elif kind == b"M":
            self.on_message(sequence[2:-1].decode("utf-8", "replace"))
        elif kind == b"R":
            self.on_ready()
        # Unknown sequences are dropped: a newer guest may say more.
