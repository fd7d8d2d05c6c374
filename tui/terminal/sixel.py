"""Pictures as sixels: six pixels one above the other in each character (DEC, VT340)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

Indices = npt.NDArray[np.uint8]
Palette = npt.NDArray[np.uint8]

_HIGH = 6
_ZERO = 63
_COLOURS = 64


def sixels(indices: Indices, palette: Palette) -> str:
    """What draws a picture at the cursor.

    Parameters
    ----------
    indices
        The colour of each pixel, `[height, width]`.
    palette
        Red, green and blue of each colour, `[colours, 3]`.
    """
    height, width = indices.shape
    used = np.unique(indices).tolist()
    colours = "".join(_colour(index, palette[index]) for index in used)
    bands = "-".join(_band(indices[top : top + _HIGH]) for top in range(0, height, _HIGH))
    return f'\x1bP0;1q"1;1;{width};{height}{colours}{bands}\x1b\\'


def _colour(index: int, rgb: Palette) -> str:
    red, green, blue = (round(int(level) * 100 / 255) for level in rgb)
    return f"#{index};2;{red};{green};{blue}"


def _band(band: Indices) -> str:
    """Six lines of pixels: for each colour, where it is."""
    weights = (1 << np.arange(len(band), dtype=np.uint8))[:, None]
    parts = []
    for index in np.unique(band).tolist():
        bits = ((band == index) * weights).sum(axis=0, dtype=np.uint8)
        parts.append(f"#{index}{''.join(_runs(bits))}")
    return "$".join(parts)


def _runs(bits: Indices) -> Iterator[str]:
    """The characters of a line, those that repeat counted; nothing for an empty end."""
    edges = np.flatnonzero(np.diff(bits)) + 1
    starts = [0, *edges.tolist()]
    ends = [*edges.tolist(), len(bits)]
    values = bits[starts].tolist()
    for start, end, value in zip(starts, ends, values, strict=True):
        if end == len(bits) and not value:
            return
        character, n = chr(_ZERO + value), end - start
        yield character * n if n < 4 else f"!{n}{character}"


class SixelPicture:
    """A picture of which each line of cells is drawn for itself.

    Parameters
    ----------
    image
        With exactly the pixels of its cells.
    number
        By which it is known.
    columns, rows
        The cells.
    """

    begin = end = ""

    def __init__(self, image: Image, number: int, columns: int, rows: int) -> None:
        from PIL.Image import Dither, Quantize

        self.number, self.columns, self.rows = number, columns, rows
        few = image.quantize(_COLOURS, method=Quantize.MEDIANCUT, dither=Dither.NONE)
        self._indices = np.asarray(few, dtype=np.uint8)
        self._palette = np.array(few.getpalette(), dtype=np.uint8).reshape(-1, 3)
        self._width, self._height = image.width // columns, image.height // rows
        self._lines = [self._drawn(row, 0, columns) for row in range(rows)]

    def cells(self, row: int, first: int, n: int) -> str:
        """The cells emptied, the pixels on them, and the cursor behind them."""
        whole = n == self.columns
        drawn = self._lines[row] if whole else self._drawn(row, first, n)
        return f"\x1b[{n}X\x1b7{drawn}\x1b8\x1b[{n}C"

    def _drawn(self, row: int, first: int, n: int) -> str:
        top, left = row * self._height, first * self._width
        part = self._indices[top : top + self._height, left : left + n * self._width]
        return sixels(part, self._palette)
