"""The figures that a run drew while it trained, as far as a page can hold them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from engine.errors import FactsError
from engine.facts.files import open_own
from engine.facts.run_dir import RunDir
from engine.facts.text import plain

MOST_FIGURES = 24
MOST_BYTES = 2_000_000
"""Of one figure;"""
MOST_BYTES_IN_ALL = 12_000_000
MOST_PIXELS = 40_000_000
"""Of one figure: a small file can hold a picture that fills the memory of a browser."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NAME = re.compile(r"(?P<family>.+)-(?P<moment>on_[a-z_]+)-e(?P<epoch>\d+)\.png")


class OwnFigure(NamedTuple):
    """A figure of a run."""

    name: str
    data: bytes
    """PNG."""


class OwnFigures(NamedTuple):
    """The figures of a run, and the names of those that no page can hold."""

    shown: list[OwnFigure]
    left_out: list[str]


def own_figures(run: str | os.PathLike[str]) -> OwnFigures:
    """The newest figure of each family, and every other PNG file, in the order of their names.

    Only ordinary files of the run are read, no links, and only what is a picture by its content.
    """
    folder = RunDir(Path(run)).figures
    if folder.is_symlink():
        return OwnFigures([], [folder.name])
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".png"))
    except OSError:
        return OwnFigures([], [])
    shown: list[OwnFigure] = []
    left_out: list[str] = []
    room = MOST_BYTES_IN_ALL
    for name in _newest(names):
        data = _read_png(folder / name, min(room, MOST_BYTES))
        if data is None or len(shown) == MOST_FIGURES:
            left_out.append(plain(name))
        else:
            shown.append(OwnFigure(_title(name), data))
            room -= len(data)
    return OwnFigures(shown, left_out)


def _newest(names: list[str]) -> list[str]:
    """The names without figures of a family that a later one replaces."""
    newest: dict[str, tuple[int, bool, str]] = {}
    for name in names:
        match = _NAME.fullmatch(name)
        if match:
            family, epoch = match["family"], int(match["epoch"][:18])
            at_end = match["moment"] == "on_train_end"
        else:
            family, epoch, at_end = name, 0, False
        newest[family] = max(newest.get(family, (-1, False, "")), (epoch, at_end, name))
    return [name for _, _, name in newest.values()]


def _title(name: str) -> str:
    match = _NAME.fullmatch(name)
    return plain(f"{match['family']}, epoch {int(match['epoch'][:18])}" if match else name)


def _read_png(path: Path, at_most: int) -> bytes | None:
    """The bytes of a picture; None for what is none, cannot be read, or is too large."""
    try:
        with open(open_own(path, in_folder=True), "rb") as file:
            data = file.read(at_most + 1)
    except (FactsError, OSError):
        return None
    width, height = (int.from_bytes(data[start : start + 4], "big") for start in (16, 20))
    fits = len(data) <= at_most and 0 < width * height <= MOST_PIXELS
    return data if fits and data.startswith(_SIGNATURE) else None
