"""Pictures made of characters, which every terminal knows. Nothing here draws.

A cell is about twice as high as wide. With blocks it holds four pixels in two colours, those that
come nearest; with halves two pixels, which every font knows; with shades one, without colours.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.errors import FactsError
from engine.facts.files import as_facts_error, open_own

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int64]

MOST_PIXELS = 50_000_000
"""Of one picture: a small file can hold one that fills the memory."""
MOST_BYTES = 64 << 20
"""Of its file."""
KEPT_PIXELS = 6_000_000
"""A larger picture is kept smaller than it is."""

BLOCKS, HALVES, SHADES = "blocks", "halves", "shades"
KINDS = (BLOCKS, HALVES, SHADES)
"""How a picture may be drawn with characters."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_QUADRANTS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"  # bits: upper left, upper right, lower left, lower right
_SPLITS = (1, 2, 3, 4, 5, 6, 7)  # the others are these with the two colours exchanged
_SHADES = " .:-=+*#%@"
_COLOUR_STEP = 8
"""Colours are rounded to so many levels of a byte, which makes runs of one colour longer."""
_NEARLY_WHITE = 236
"""Faint grid lines, in cells as large as these, would be stains."""
_FLAT = 24.0
"""Pixels of a cell that differ by less, in levels of a byte, are drawn as one."""


class Run(NamedTuple):
    """Cells of one line with the same two colours, `0xRRGGBB`; -1 for the terminal's own."""

    text: str
    colour: int
    ground: int


@dataclass(frozen=True)
class PictureView:
    """The part of a picture that is seen, in parts of its width and height."""

    zoom: float = 1.0
    x: float = 0.5
    """The middle of the part; likewise `y`."""
    y: float = 0.5

    def moved(self, dx: float, dy: float) -> PictureView:
        """A part beside this one, by parts of what is seen."""
        return PictureView(
            self.zoom, self.x + dx / self.zoom, self.y + dy / self.zoom
        ).kept_inside()

    def zoomed(self, factor: float) -> PictureView:
        """A smaller or larger part around the same place."""
        return PictureView(min(max(self.zoom * factor, 1.0), 8.0), self.x, self.y).kept_inside()

    def kept_inside(self) -> PictureView:
        """The same, within the picture."""
        half = 0.5 / self.zoom
        x, y = (min(max(place, half), 1 - half) for place in (self.x, self.y))
        return PictureView(self.zoom, x, y)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom edge."""
        half = 0.5 / self.zoom
        return self.x - half, self.y - half, self.x + half, self.y + half


def load_picture(path: str | os.PathLike[str], ground: int = 0xFFFFFF) -> Image:
    """A PNG file, without transparency.

    Parameters
    ----------
    ground
        The colour, `0xRRGGBB`, behind what is transparent.

    Raises
    ------
    FactsError
        If it cannot be read, is no picture, is damaged, or is too large.
    """
    path = Path(path)
    with as_facts_error(path, "read"), open(open_own(path, in_folder=True), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > MOST_BYTES:
            raise FactsError(f"{path.name} is too large a file: {size / 1e6:,.0f} MB")
        head = file.read(24)
        _check_head(path.name, head)
        file.seek(0)
        return _decoded(path.name, file, ground)


def _check_head(name: str, head: bytes) -> None:
    if not head:
        raise FactsError(f"{name} is empty; it may still be written")
    if not head.startswith(_SIGNATURE) or len(head) < 24:
        raise FactsError(f"{name} is no PNG picture")
    width, height = struct.unpack(">II", head[16:24])
    if not 0 < width * height <= MOST_PIXELS:
        raise FactsError(f"{name} is too large: {width:,} x {height:,} pixels")


def _decoded(name: str, file: Any, ground: int) -> Image:
    from PIL import Image

    try:
        opened = Image.open(file, formats=["PNG"])
        opened.load()
        image: Image.Image = opened
        while image.width * image.height > KEPT_PIXELS and image.mode in ("RGB", "RGBA", "L"):
            image = image.reduce(2)
        if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
            image = image.convert("RGBA")
            behind = Image.new("RGBA", image.size, (*_rgb(ground), 255))
            image = Image.alpha_composite(behind, image)
        return image.convert("RGB")
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError, zlib.error, struct.error):
        raise FactsError(f"{name} is damaged, or still being written") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise FactsError(f"{name} is too large") from None


def size_in_cells(
    width: int, height: int, columns: int, rows: int, cell: tuple[int, int] = (1, 2)
) -> tuple[int, int]:
    """Columns and rows of a picture that fills the room and keeps its shape.

    Parameters
    ----------
    width, height
        Of the picture, in pixels.
    columns, rows
        The room there is.
    cell
        Width and height of a cell, in any unit.
    """
    if min(width, height, columns, rows) < 1:
        return 0, 0
    steep = cell[1] / cell[0]
    by_width = columns, max(1, round(columns * height / width / steep))
    by_height = max(1, round(rows * steep * width / height)), rows
    fits = by_width if by_width[1] <= rows else by_height
    return min(fits[0], columns), min(fits[1], rows)


def draw(
    image: Image, columns: int, rows: int, kind: str = BLOCKS, view: PictureView | None = None
) -> list[list[Run]]:
    """The lines of a picture.

    Parameters
    ----------
    columns, rows
        The room there is; the picture keeps its shape.
    kind
        One of `KINDS`.
    view
        The part that is seen; all if not given.
    """
    view = view or PictureView()
    columns, rows = size_in_cells(image.width, image.height, columns, rows)
    if not columns:
        return []
    across, down = {BLOCKS: (2, 2), HALVES: (1, 2), SHADES: (1, 1)}[kind]
    part = part_of(image, columns * across, rows * down, view)
    pixels = np.asarray(part, dtype=np.float32)  # height, width, colour
    if kind == SHADES:
        return _shades(pixels)
    if kind == HALVES:
        return _halves(pixels)
    return _blocks(pixels)


def part_of(image: Image, width: int, height: int, view: PictureView) -> Image:
    """The part that is seen, with so many pixels."""
    from PIL.Image import Resampling

    left, top, right, bottom = view.box
    w, h = image.size
    box = (max(0.0, left) * w, max(0.0, top) * h, min(1.0, right) * w, min(1.0, bottom) * h)
    return image.resize((width, height), Resampling.LANCZOS, box=box, reducing_gap=3.0)


def _shades(pixels: Pixels) -> list[list[Run]]:
    light = pixels @ np.array([0.299, 0.587, 0.114], dtype=np.float32) / 255
    ink = np.sqrt(np.clip(1 - light, 0, 1))  # so that pale colours are seen
    index = np.clip(ink * len(_SHADES), 0, len(_SHADES) - 1).astype(int)
    return [[Run("".join(_SHADES[i] for i in row), -1, -1)] for row in index.tolist()]


def _halves(pixels: Pixels) -> list[list[Run]]:
    upper, lower = _codes(pixels[0::2]), _codes(pixels[1::2])
    signs = np.where(upper == lower, 0, 3)
    return _runs(signs, np.where(signs == 0, lower, upper), lower)


def _blocks(pixels: Pixels) -> list[list[Run]]:
    """Two colours for the four pixels of each cell: those with the least squared error."""
    corners = (pixels[0::2, 0::2], pixels[0::2, 1::2], pixels[1::2, 0::2], pixels[1::2, 1::2])
    four = np.stack(corners, axis=2)  # rows, columns, corner, colour
    total, squares = four.sum(axis=2), (four**2).sum(axis=(2, 3))
    best = np.full(squares.shape, np.inf, dtype=np.float32)
    signs = np.zeros(squares.shape, dtype=np.int64)
    colour = np.empty_like(total)
    for split in _SPLITS:
        bits = [bit for bit in range(4) if split >> bit & 1]
        inside = four[:, :, bits].sum(axis=2)
        outside = total - inside
        explained = (inside**2).sum(axis=2) / len(bits) + (outside**2).sum(axis=2) / (4 - len(bits))
        better = squares - explained < best - 1e-3
        best = np.where(better, squares - explained, best)
        signs = np.where(better, split, signs)
        colour = np.where(better[..., None], inside / len(bits), colour)
    count = np.array([bin(sign).count("1") for sign in range(16)])[signs][..., None]
    ground = (total - colour * count) / (4 - count)
    flat = (four.max(axis=2) - four.min(axis=2)).max(axis=2) < _FLAT
    mean = total / 4
    colour = np.where(flat[..., None], mean, colour)
    ground = np.where(flat[..., None], mean, ground)
    over, under = _codes(colour), _codes(ground)
    signs = np.where(over == under, 0, signs)
    return _runs(signs, np.where(signs == 0, under, over), under)


def _codes(pixels: Pixels) -> Codes:
    """Colours as `0xRRGGBB`, rounded."""
    levels = np.clip(np.round(pixels / _COLOUR_STEP) * _COLOUR_STEP, 0, 255).astype(np.int64)
    levels[levels.min(axis=-1) >= _NEARLY_WHITE] = 255
    return np.asarray(levels[..., 0] << 16 | levels[..., 1] << 8 | levels[..., 2])


def _runs(signs: Codes, colours: Codes, grounds: Codes) -> list[list[Run]]:
    """The cells of each line, those with the same colours together."""
    lines = []
    for row in zip(signs.tolist(), colours.tolist(), grounds.tolist(), strict=True):
        runs: list[Run] = []
        for sign, colour, ground in zip(*row, strict=True):
            character = _QUADRANTS[sign]
            last = runs[-1] if runs else None
            # What is empty has no colour of its own, and goes with any.
            if last and last.ground == ground and (not sign or last.colour == colour):
                runs[-1] = last._replace(text=last.text + character)
            else:
                runs.append(Run(character, colour, ground))
        lines.append(runs)
    return lines


def _rgb(code: int) -> tuple[int, int, int]:
    return code >> 16 & 255, code >> 8 & 255, code & 255
