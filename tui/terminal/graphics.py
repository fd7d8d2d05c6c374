"""Whether a terminal draws pixels, as it says itself.

It is asked before the app starts, for the app reads all that comes as keys. What it answers comes
while modules are loaded, so that nobody waits for it.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import termios
import time
import tty
from typing import Literal, NamedTuple

Kind = Literal["", "kitty", "sixel"]

PATIENCE_S = 1.5
"""How long the app waits for an answer before it starts."""

_NAME, _CELL, _CLASS = "\x1b[>q", "\x1b[16t", "\x1b[c"
_QUESTION = _NAME + _CELL + _CLASS  # every terminal answers the last one
_NAMED = re.compile(r"\x1bP>\|([^\x1b]*)\x1b\\")
_SIZED = re.compile(r"\x1b\[6;(\d{1,4});(\d{1,4})t")
_CLASSED = re.compile(r"\x1b\[\?([\d;]*)c")
_DRAWS_SIXEL = "4"
_KITTY = re.compile(r"kitty\((\d+)\.(\d+)")
_KITTY_SINCE = (0, 28)  # pictures that are placed by characters
_SILENT = ("dumb", "linux", "vt", "ansi", "unknown")


class Graphics(NamedTuple):
    """How a terminal draws pixels."""

    kind: Kind = ""
    """The protocol; empty if it draws none."""
    cell: tuple[int, int] = (10, 20)
    """Width and height of a character in pixels."""


NO_GRAPHICS = Graphics()


class Answer(NamedTuple):
    """What a terminal said, and what else came."""

    graphics: Graphics
    typed: str = ""
    """Keys that were pressed meanwhile."""
    late: bool = False
    """Whether it has not said all yet."""


def understood(text: str, cell: tuple[int, int] | None = None) -> Answer:
    """What an answer says.

    Parameters
    ----------
    text
        All that came.
    cell
        Width and height of a character in pixels, where that is known otherwise.
    """
    named, sized, classed = (p.search(text) for p in (_NAMED, _SIZED, _CLASSED))
    if cell is None and sized and int(sized[1]) and int(sized[2]):
        cell = int(sized[2]), int(sized[1])
    kind: Kind = ""
    if named and _places_by_characters(named[1]):
        kind = "kitty"
    elif cell is not None and classed and _DRAWS_SIXEL in classed[1].split(";"):
        kind = "sixel"
    graphics = Graphics(kind, cell or NO_GRAPHICS.cell)
    return Answer(graphics, without_answers(text), late=classed is None)


def without_answers(text: str) -> str:
    """The keys in what came."""
    for pattern in (_NAMED, _SIZED, _CLASSED):
        text = pattern.sub("", text)
    return text


def _places_by_characters(name: str) -> bool:
    kitty = _KITTY.match(name)
    if kitty:
        return (int(kitty[1]), int(kitty[2])) >= _KITTY_SINCE
    return name.lower().startswith("ghostty")


def answers_questions(term: str) -> bool:
    """Whether a terminal of this name, as in `TERM`, says what it is."""
    return bool(term) and not term.startswith(_SILENT)


class Question:
    """Asks a terminal while the block is entered, and leaves it as it was.

    Parameters
    ----------
    handle
        The terminal, open for reading and writing.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._came = b""

    def __enter__(self) -> Question:
        self._mode = termios.tcgetattr(self._handle)
        tty.setcbreak(self._handle, termios.TCSANOW)  # the answer is neither shown nor held back
        os.write(self._handle, _QUESTION.encode())
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        when = termios.TCSANOW
        try:
            if error is not None:  # nobody will listen, and a shell would take it for keys
                self.answer()
                when = termios.TCSAFLUSH
        finally:
            termios.tcsetattr(self._handle, when, self._mode)

    def answer(self, patience_s: float = PATIENCE_S) -> Answer:
        """What it says; no graphics if it says nothing in time."""
        end = time.monotonic() + patience_s
        while not _CLASSED.search(self._text) and (left := end - time.monotonic()) > 0:
            if select.select([self._handle], [], [], left)[0]:
                self._came += os.read(self._handle, 4096)
        return understood(self._text, cell_of(self._handle))

    @property
    def _text(self) -> str:
        return self._came.decode("utf-8", "replace")


def cell_of(handle: int) -> tuple[int, int] | None:
    """Width and height of a character in pixels, where the terminal has told its size in pixels."""
    size = fcntl.ioctl(handle, termios.TIOCGWINSZ, b"\0" * 8)
    rows, columns, width, height = struct.unpack("HHHH", size)
    if not (rows and columns and width >= columns and height >= rows):
        return None
    return width // columns, height // rows
