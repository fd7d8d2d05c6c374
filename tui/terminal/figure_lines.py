"""The lines of a screen that show a figure: of pixels, or of characters."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.run.figures import Figure
from tui.terminal.graphics import Graphics
from tui.terminal.pictures import (
    BLOCKS,
    HALVES,
    SHADES,
    PictureView,
    Run,
    draw,
    load_picture,
    part_of,
    size_in_cells,
)  # fmt: skip
from tui.terminal.pixels import MOST_CELLS, Picture, cells_of, picture_of

if TYPE_CHECKING:
    from PIL.Image import Image

    from tui.look import Look

PIXELS = "pixels"


def kinds_of(look: Look) -> tuple[str, ...]:
    """The ways in which a terminal can show a figure, the best first."""
    if look.ascii or not look.colour:
        return (SHADES,)
    characters = (BLOCKS, HALVES)
    return (PIXELS, *characters) if look.graphics.kind else characters


def lines_of(
    figure: Figure, width: int, height: int, kind: str, view: PictureView, graphics: Graphics
) -> tuple[Sequence[Strip], Picture | None]:
    """The lines, and the picture in them if they are made of pixels.

    Parameters
    ----------
    width, height
        The room there is.
    kind
        One of `kinds_of`.
    view
        The part that is seen.

    Raises
    ------
    FactsError
        If the file cannot be read, is no picture, is damaged, or is too large.
    """
    image = _loaded(figure)
    if kind != PIXELS:
        return [_strip(line) for line in draw(image, width, height, kind, view)], None
    picture = _picture(image, width, height, view, graphics)
    return [Strip([cells_of(picture, row)]) for row in range(picture.rows)], picture


def _strip(line: list[Run]) -> Strip:
    return Strip([Segment(run.text, _style(run.colour, run.ground)) for run in line])


def _picture(
    image: Image, width: int, height: int, view: PictureView, graphics: Graphics
) -> Picture:
    across, down = graphics.cell
    room = max(1, min(width, MOST_CELLS)), max(1, min(height, MOST_CELLS))
    columns, rows = size_in_cells(image.width, image.height, *room, graphics.cell)
    part = part_of(image, columns * across, rows * down, view)
    return picture_of(part, columns, rows, graphics)


@functools.lru_cache(maxsize=4)
def _loaded(figure: Figure) -> Image:
    """The picture in a file, kept while it is turned to and zoomed; a newer file is another."""
    return load_picture(figure.path)


@functools.lru_cache(maxsize=8192)
def _style(colour: int, ground: int) -> Style:
    if colour < 0:
        return Style()
    triplets = ((code >> 16, code >> 8 & 255, code & 255) for code in (colour, ground))
    over, under = (Color.from_rgb(*triplet) for triplet in triplets)
    return Style(color=over, bgcolor=under)
