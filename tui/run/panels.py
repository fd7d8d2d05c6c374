"""Which numbers of a run stand together in one chart, and in which order. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.facts.text import plain
from tui.feeds import CurvesFeed
from tui.series import Line

TRAIN = "train_"
LAST = ("lr", "throughput", "epoch_time_s", "max_memory_mib")
"""What says how the training goes, not how good the model is."""

TITLES = {"val_loss": "loss", "epoch_time_s": "epoch_time"}


def panels_of(names: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """Titles of charts to the numbers in them, each with the label of its line.

    The losses come first, then each metric, of training and validation together, as the run told
    them; learning rate, speed and memory last.
    """
    known = list(dict.fromkeys(names))
    bases = list(dict.fromkeys(_base(name, known) for name in known))
    bases.sort(key=_place)
    panels: dict[str, list[tuple[str, str]]] = {}
    for base in bases:
        members = [name for name in (_train(base), base) if name in known]
        labels = ["train" if name != base else "val" for name in members]
        if len(members) == 1:
            labels = [_alone(members[0])]
        panels[TITLES.get(base, base)] = list(zip(members, labels, strict=True))
    return panels


def _base(name: str, known: list[str]) -> str:
    """The number that a chart is of: `X` for `train_X` as well, where there are both."""
    if name == "train_loss":
        return "val_loss"
    base = name.removeprefix(TRAIN)
    return base if base in known else name


def _train(base: str) -> str:
    return "train_loss" if base == "val_loss" else TRAIN + base


def _alone(name: str) -> str:
    return {"train_loss": "train", "val_loss": "val"}.get(name, "")


def _place(base: str) -> tuple[int, int]:
    if base == "val_loss":
        return 0, 0
    if base.startswith("lr_"):
        return 2, 0
    return (2, LAST.index(base)) if base in LAST else (1, 0)


def lines_of(curves: CurvesFeed, path: str, palette: Sequence[str]) -> dict[str, list[Line]]:
    """The charts of a run: titles to lines, training and validation in two colours."""
    restarts = tuple(curves.restarts(path))
    panels: dict[str, list[Line]] = {}
    for title, members in panels_of(curves.names(path)).items():
        lines = panels.setdefault(plain(title), [])
        for name, label in members:
            series = curves.series(path, name)
            if series is not None:
                colour = palette[1 if label == "train" else 0]
                lines.append(
                    Line.of(series, run=path, label=label, colour=colour, restarts=restarts)
                )
    return panels
