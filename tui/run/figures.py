"""The figures of a run: which there are, without looking into them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from engine.facts.run_dir import RunDir
from engine.facts.text import plain

MOST_FIGURES = 500

_NAME = re.compile(r"(?P<family>.+)-(?P<moment>on_[a-z_]+)-e(?P<epoch>\d{1,18})\.png")
_ENDS = ("on_train_end", "on_test_end")


class Figure(NamedTuple):
    """A file with a picture."""

    path: str
    title: str
    changed: float
    """Unix seconds."""
    size: int


def figures_of(run: str) -> list[Figure]:
    """The figures of a run: the newest of each family, in the order of their names.

    Raises
    ------
    OSError
        If the folder is there and cannot be looked into.
    """
    folder = RunDir(Path(run)).figures
    if folder.is_symlink():
        return []  # what is told of a run is its own
    newest: dict[str, tuple[tuple[int, int, float], Figure]] = {}
    try:
        with os.scandir(folder) as found:
            entries = [entry for entry in found if entry.name.endswith(".png")]
    except FileNotFoundError:
        return []
    for entry in entries[:10_000]:
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue  # it was removed meanwhile; the others are there
        match = _NAME.fullmatch(entry.name)
        family, title = entry.name, plain(entry.name.removesuffix(".png"))
        order = (0, 0, status.st_mtime)
        if match:
            epoch = int(match["epoch"])
            family, title = match["family"], plain(f"{match['family']}, epoch {epoch}")
            order = (epoch, match["moment"] in _ENDS, status.st_mtime)
        figure = Figure(entry.path, title, status.st_mtime, status.st_size)
        if family not in newest or order > newest[family][0]:
            newest[family] = (order, figure)
    return [newest[family][1] for family in sorted(newest)][:MOST_FIGURES]


def family_of(figure: Figure) -> str:
    """What a figure and its older ones have in common."""
    match = _NAME.fullmatch(os.path.basename(figure.path))
    return match["family"] if match else figure.path


def name_of(figure: Figure) -> str:
    """A short name."""
    return figure.title.rsplit(", epoch ", 1)[0]
