"""The cells of a widget: what stands in each of them, and which have changed since they were sent.

Textual sends whole regions again that are refreshed, so a widget that keeps its cells can name the
few that differ. A cell that is blank looks the same in every colour.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

Codes = npt.NDArray[np.int32]

SPACE = 32
JOINED_GAP = 6
"""Cells that have not changed between two that have, up to which all are sent in one go."""

_WIDE = 0  # the second cell of a wide character
_GROUNDS = 1 << 12


class Inks:
    """The colours of cells, each pair of a colour and a ground as one number.

    Parameters
    ----------
    ground
        The colour of the ground that has number 0.
    """

    def __init__(self, ground: str) -> None:
        self._numbers: dict[tuple[str, bool], int] = {}
        self._colours: list[tuple[str, bool]] = []
        self._grounds = [ground]
        self._styles: dict[int, Style] = {}

    def of(self, colour: str, bold: bool = False) -> int:
        """The number of a colour on the plain ground."""
        key = (colour, bold)
        if key not in self._numbers:
            self._numbers[key] = len(self._colours)
            self._colours.append(key)
        return self._numbers[key] * _GROUNDS

    def ground(self, colour: str) -> int:
        """The number of a ground, to be added to that of a colour."""
        if colour not in self._grounds:
            self._grounds.append(colour)
        return self._grounds.index(colour)

    def style(self, ink: int) -> Style:
        """How a cell of this ink is written."""
        if ink not in self._styles:
            colour, bold = self._colours[ink // _GROUNDS]
            self._styles[ink] = _style(colour, self._grounds[ink % _GROUNDS], bold)
        return self._styles[ink]


class Cells:
    """A rectangle of cells, all blank at first."""

    def __init__(self, width: int, height: int, ink: int = 0) -> None:
        self.codes: Codes = np.full((height, width), SPACE, dtype=np.int32)
        self.inks: Codes = np.full((height, width), ink, dtype=np.int32)
        self._runs: tuple[str, Codes, Codes] | None = None
        self._has_wide = False

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.codes.shape[1])

    @property
    def height(self) -> int:
        """Lines."""
        return int(self.codes.shape[0])

    def write(self, x: int, y: int, text: str, ink: int, end: int | None = None) -> int:
        """Write a text, cut at the column `end`; the column after it."""
        end = self.width if end is None else min(end, self.width)
        if not 0 <= y < self.height:
            return x
        if text.isascii() and text.isprintable() and x >= 0:
            text = text[: max(0, end - x)]
            self._part((y, slice(x, x + len(text))))
            self.codes[y, x : x + len(text)] = np.frombuffer(text.encode(), dtype=np.uint8)
            self.inks[y, x : x + len(text)] = ink
            return x + len(text)
        for sign in text:
            size = cell_len(sign)
            if x + size > end or not size:
                continue
            if x >= 0:
                self._part((y, slice(x, x + size)))
                self._has_wide = self._has_wide or size > 1
                self.codes[y, x : x + size] = _WIDE
                self.codes[y, x] = ord(sign)
                self.inks[y, x : x + size] = ink
            x += size
        return x

    def fill(self, place: tuple[int | slice, int | slice], sign: str, ink: int) -> None:
        """Write one sign into all cells of some lines and columns."""
        self._part(place)
        self.codes[place] = ord(sign)
        self.inks[place] = ink

    def strip(self, y: int, inks: Inks) -> Strip:
        """One line; the cells must not be written to any more."""
        if self._runs is None:
            self._runs = self._make_runs()
        text, cuts, colours = self._runs
        first, last = np.searchsorted(cuts, (y * self.width, (y + 1) * self.width))
        ends = cuts[first + 1 : last + 1].tolist()
        segments = []
        begin = y * self.width
        for end, ink in zip(ends, colours[first:last].tolist(), strict=True):
            segments.append(Segment(text[begin:end].replace(chr(_WIDE), ""), inks.style(ink)))
            begin = end
        return Strip(segments, self.width)

    def text(self) -> str:
        """All lines without their colours."""
        return "\n".join(_text(row) for row in self.codes)

    def changed(self, before: Cells) -> list[Region]:
        """The runs of cells that look different than before; both must be of one size.

        A wide character is sent as a whole, also where one was or is half in such a run.
        """
        blank = (self.codes == SPACE) & (before.codes == SPACE)
        same_ground = self.inks % _GROUNDS == before.inks % _GROUNDS
        inked = (self.inks != before.inks) & ~(blank & same_ground)
        differs = (self.codes != before.codes) | inked
        if self._has_wide or before._has_wide:
            seconds = (self.codes[:, 1:] == _WIDE) | (before.codes[:, 1:] == _WIDE)
            differs[:, 1:] |= differs[:, :-1] & seconds
            differs[:, :-1] |= differs[:, 1:] & seconds
        regions = []
        for y in np.flatnonzero(differs.any(axis=1)):
            columns = np.flatnonzero(differs[y])
            breaks = np.flatnonzero(np.diff(columns) > JOINED_GAP + 1)
            firsts = columns[np.concatenate([[0], breaks + 1])]
            lasts = columns[np.concatenate([breaks, [len(columns) - 1]])]
            for first, last in zip(firsts, lasts, strict=True):
                regions.append(Region(int(first), int(y), int(last - first + 1), 1))
        return regions

    def _part(self, place: tuple[int | slice, int | slice]) -> None:
        """Blank the other half of each wide character of which one half is written over."""
        if not self._has_wide:
            return
        taken = np.zeros(self.codes.shape, dtype=np.bool_)
        taken[place] = True
        seconds = self.codes[:, 1:] == _WIDE
        self.codes[:, 1:][seconds & taken[:, :-1]] = SPACE
        self.codes[:, :-1][seconds & taken[:, 1:]] = SPACE

    def _make_runs(self) -> tuple[str, Codes, Codes]:
        """The text of all lines, where runs of one ink begin in it, and these inks.

        A blank cell takes the ink of the cell before it, which saves runs.
        """
        grounds = self.inks % _GROUNDS
        visible = (self.codes != SPACE) | (grounds != np.roll(grounds, 1, axis=1))
        firsts = visible.argmax(axis=1)
        lines = np.arange(self.height)
        firsts[grounds[lines, firsts] != grounds[:, 0]] = 0
        before = np.where(visible, np.arange(self.width), 0)
        before = np.maximum(np.maximum.accumulate(before, axis=1), firsts[:, None])
        inks = np.take_along_axis(self.inks, before, axis=1)
        begins = np.ones_like(visible)
        begins[:, 1:] = inks[:, 1:] != inks[:, :-1]
        cuts = np.append(np.flatnonzero(begins), inks.size)
        return _text(self.codes, keep_wide=True), cuts.astype(np.int32), inks[begins]


def _text(codes: Codes, *, keep_wide: bool = False) -> str:
    text = codes.astype("<u4").tobytes().decode("utf-32-le", "replace")
    return text if keep_wide else text.replace(chr(_WIDE), "")


@lru_cache(4096)
def _style(colour: str, ground: str, bold: bool) -> Style:
    return Style(color=colour, bgcolor=ground, bold=bold or None)
