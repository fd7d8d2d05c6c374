"""Pictures made of pixels, in the cells of a terminal that can draw them.

A widget fills the cells of a picture with signs that tell their place in it (`cells_of`). What is
sent for these is found only when a frame is put together (`sent_for`), so that a part of a picture
beside a dialog or below a message is drawn like any other part of the screen.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Protocol
from weakref import WeakValueDictionary

from rich.segment import Segment
from rich.style import Style

from tui.terminal.graphics import Graphics

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_CELLS = 297
"""Columns or rows of a picture: kitty numbers no more."""

_FIRST = 0x100000  # the sign of the first column; no font has these
_META = "pixels"
_NUMBERS = itertools.cycle(range(128, 256))  # these can be told by a colour out of 256
_shown: WeakValueDictionary[int, Picture] = WeakValueDictionary()


class Picture(Protocol):
    """A picture that a terminal can draw."""

    number: int
    columns: int
    rows: int

    @property
    def begin(self) -> str:
        """What is sent once, before any of its cells."""

    @property
    def end(self) -> str:
        """What is sent when none of its cells is seen any more."""

    def cells(self, row: int, first: int, n: int) -> str:
        """What is sent for some of its cells; the cursor stands on the first, then behind them."""


def picture_of(image: Image, columns: int, rows: int, graphics: Graphics) -> Picture:
    """A picture as the terminal draws it; `image` has the pixels of its cells."""
    from tui.terminal.kitty import KittyPicture
    from tui.terminal.sixel import SixelPicture

    kind = KittyPicture if graphics.kind == "kitty" else SixelPicture
    picture: Picture = kind(image, next(_NUMBERS), columns, rows)
    _shown[picture.number] = picture
    return picture


def cells_of(picture: Picture, row: int) -> Segment:
    """A line of a picture, to be put into a strip."""
    signs = "".join(map(chr, range(_FIRST, _FIRST + picture.columns)))
    return Segment(signs, Style(meta={_META: (picture.number, row)}))


def is_picture(text: str) -> bool:
    """Whether a text is signs of `cells_of`."""
    return bool(text) and ord(text[0]) >= _FIRST


def sent_for(segment: Segment) -> str | None:
    """What is sent for cells of a picture; None if it is forgotten, or dimmed behind a dialog."""
    text, style, _ = segment
    number, row = style.meta.get(_META, (0, 0)) if style else (0, 0)
    picture = _shown.get(number)
    return picture.cells(row, ord(text[0]) - _FIRST, len(text)) if picture else None
