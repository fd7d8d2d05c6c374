"""What stands in the cells of the table of runs: pieces of text, each with a name of its style."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.cells import cell_len, set_cell_size

from engine.facts.state import UNDER_WAY
from engine.facts.text import plain
from engine.library.summary import RunSummary
from engine.tables.cells import Progress, Spread, as_number, show
from engine.tables.groups import comparable, value_of
from engine.tables.keys import BROKEN, Key
from engine.tables.units import show_age
from tui.look import Look
from tui.table.columns import WORDS, Column
from tui.table.keys import CURVE, MAIN, MEAN, SEEN, Values, best_run
from tui.table.sparks import sparkline
from tui.table.tree import Row

Parts = tuple[tuple[str, str], ...]
"""Texts, each with the name of its style; empty for that of the row."""

_STAMP = re.compile(r"run_[0-9]{4}([0-9]{4})-([0-9]{4})[0-9]{2}_", re.ASCII)
"""The time in a name; day and minute are enough where there is no room,"""
_WITH_TIME = 22
"""and nothing of it in so few places."""
_SHORTENED = 12
_GIVEN_NAME = re.compile(r"(?:run_[0-9]{8}-[0-9]{6}_)?(.+?)(?:_job[0-9]+)?(?:_[0-9]+)?", re.ASCII)

_NUMERIC = frozenset({"number", "metric", "duration", "size", "age"})


@dataclass(frozen=True)
class CellScene:
    """What cells depend on, beside their run."""

    look: Look = field(default_factory=Look)
    now: float = 0.0
    """Unix seconds."""
    values: Values = lambda path: ()
    """The course of a run's `val_loss`, by its path."""
    n_gone: int = 0
    """Characters that all names begin with, and that go where there is no room."""
    best: str = ""
    """Path of the best run of all."""
    stale: frozenset[str] = frozenset()
    """Paths of the runs of which nobody says any more how they are."""


def value(key: Key, row: Row) -> Any:
    """What a row has in a column: of several runs the best loss, and means of what is measured.

    Both of those that have finished; of all where none has.
    """
    if key.name == MAIN and len(row.runs) > 1:
        best = best_run(comparable(row.runs))
        return best.numbers[MAIN].best if best else None
    if key.name == MEAN and row.kind == "run":
        return None
    if key.name == "eta" and len(row.runs) > 1:
        return max((run.eta_s for run in row.runs if run.eta_s is not None), default=None)
    if key.name == "progress" and len(row.runs) > 1:
        return _progress_of(row.runs)
    return value_of(key, row.runs)


def is_numeric(key: Key, rows: Sequence[Row]) -> bool:
    """Whether a column holds numbers, which stand to the right."""
    if key.kind != "any":
        return key.kind in _NUMERIC
    values = [value(key, row) for row in rows]
    return all(one is None or as_number(one) is not None for one in values)


def width_of(key: Key, row: Row, scene: CellScene) -> int:
    """How wide the cell is where there is room."""
    if key.name == CURVE:
        return 0
    if key.name == "name":
        return cell_len(_named(row, scene.look))
    if key.name == "state":
        return sum(cell_len(text) for text, _ in _state(row, WORDS * 2, scene))
    return cell_len(text_of(key, row, scene.now))


def short_name(row: Row, scene: CellScene) -> int:
    """How wide a name is with its time to the minute."""
    width = cell_len(_named(row, scene.look))
    stamp = _STAMP.match(row.run.name) if row.kind == "run" else None
    return width - len(stamp[0]) + len("MMDD-hhmm ") if stamp else width


def text_of(key: Key, row: Row, now: float) -> str:
    """The text of a cell."""
    if key.name == SEEN:
        newest = max((run.updated for run in row.runs if run.updated is not None), default=None)
        return "" if newest is None else show_age(max(0.0, now - newest))
    if key.name == "age":
        begun = max((run.started for run in row.runs if run.started is not None), default=None)
        return "" if begun is None else show_age(max(0.0, now - begun))
    found = value(key, row)
    text = show(key.kind, found)
    is_of_few = isinstance(found, Spread) and found.n < len(row.runs)
    return f"{text} n={found.n}" if is_of_few else text


def cell(key: Key, column: Column, row: Row, scene: CellScene) -> Parts:
    """The pieces of a cell, together exactly as wide as its column."""
    width = column.width
    if column.name == "state":
        return _filled(_state(row, width, scene), width)
    if column.name == "name":
        return _filled(_name(row, column, scene), width)
    if column.name == "progress":
        return _filled(_progress(key, row, column, scene.look), width)
    if column.name == CURVE:
        return _filled(_curve(row, width, scene), width)
    text = cut(text_of(key, row, scene.now), width, scene.look)
    style = "tag" if column.name == "tag" else ""
    if column.name == MAIN and any(run.path == scene.best for run in comparable(row.runs)):
        style = "best"
    style = "muted" if column.name in (SEEN, "age", "where") else style
    if column.is_numeric:
        return ((" " * (width - cell_len(text)) + text, style),)
    return _filled(((text, style),), width)


def cut(text: str, width: int, look: Look) -> str:
    """`text` without its middle where it takes more than `width` places."""
    if cell_len(text) <= width:
        return text
    if width < 2:
        return look.more[:width]
    behind = (width - 1) // 2
    front = set_cell_size(text, width - 1 - behind)
    return f"{front}{look.more}{set_cell_size(text[::-1], behind)[::-1]}"


def title(text: str, width: int, look: Look) -> str:
    """The title of a column, without its end where it is too long."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1) + look.more if width > 2 else ""


def common_beginning(names: Sequence[str]) -> int:
    """How many characters all names begin with, up to a `-` or `_`."""
    if len(names) < 2:
        return 0
    first, last = min(names), max(names)  # what these two share, all do
    pairs = zip(first, last, strict=False)
    n_same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    return max(first.rfind("-", 0, n_same), first.rfind("_", 0, n_same)) + 1


def _filled(parts: Parts, width: int) -> Parts:
    """The pieces with blanks behind them, or without what is too long."""
    filled, left = [], width
    for text, style in parts:
        size = cell_len(text)
        if size > left:
            text, size = set_cell_size(text, left), left
        filled.append((text, style))
        left -= size
    return (*filled, (" " * left, "")) if left else tuple(filled)


def _state(row: Row, width: int, scene: CellScene) -> Parts:
    look = scene.look
    if row.kind == "run":
        state = row.run.state or BROKEN
        sign = look.state(row.run.state)
        style = "muted" if row.run.path in scene.stale else state
        return ((f"{sign} {state}" if width >= WORDS else sign, style),)
    counts = Counter(run.state or BROKEN for run in row.runs).most_common()
    if width < WORDS:
        worst = min((state for state, _ in counts), key=_URGENCY.index)
        return ((look.state(worst), worst),)
    return tuple(_spaced((f"{n}{look.state(state)}", state) for state, n in counts))


_URGENCY = ("running", "failed", "lost", BROKEN, "held", "queued", "stopped", "finished")
"""Which state speaks for a group where there is room for one."""


def _spaced(parts: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for number, part in enumerate(parts):
        if number:
            yield " ", ""
        yield part


def _named(row: Row, look: Look) -> str:
    """The whole name, with what stands before it."""
    indent = "  " * row.depth
    if row.kind == "run":
        return indent + plain(row.run.name)
    sign = look.open if row.is_open else look.closed
    if row.kind == "group":
        return f"{indent}{sign} {plain(row.label)} ({len(row.runs)})"
    names = {_given(run.name) for run in row.runs}
    shared = f"{plain(names.pop())}, " if len(names) == 1 else ""
    return f"{indent}{sign} {shared}{row.label}"


def _given(name: str) -> str:
    match = _GIVEN_NAME.fullmatch(name)
    return match[1] if match else name


def _name(row: Row, column: Column, scene: CellScene) -> Parts:
    width = column.width
    if row.kind != "run":
        return ((cut(_named(row, scene.look), width, scene.look), "group"),)
    before, name = "  " * row.depth, plain(row.run.name)
    stamp = _STAMP.match(name)
    if width >= column.content or cell_len(name) < _SHORTENED:
        end = stamp.end() if stamp else 0
        return (
            (before + name[:end], "muted"),
            (cut(name[end:], width - len(before) - end, scene.look), ""),
        )
    if stamp is None:
        gone = scene.n_gone if scene.n_gone > 1 else 0
        text = before + (scene.look.more if gone else "") + name[gone:]
        return ((cut(text, width, scene.look), ""),)
    given = name[stamp.end() :]
    if width < _WITH_TIME:
        return ((cut(before + given, width, scene.look), ""),)
    before += f"{stamp[1]}-{stamp[2]} "
    return ((before, "muted"), (cut(given, width - len(before), scene.look), ""))


def _progress(key: Key, row: Row, column: Column, look: Look) -> Parts:
    done = value(key, row)
    if not isinstance(done, Progress):
        return ()
    text = str(done)
    number = text.rjust(column.content)
    if len(number) > column.width:
        share = as_number(done)
        number = f"{share:.0%}".rjust(column.width) if share is not None else text
    length = column.width - column.content - 1
    share = as_number(done)
    if length < 2 or share is None:
        return ((number, ""),)
    full = round(min(1.0, max(0.0, share)) * length)
    bar = row.run.state or BROKEN if row.kind == "run" else "group"
    return (
        (number, ""),
        (" ", ""),
        (look.full * full, bar),
        (look.empty * (length - full), "empty"),
    )


def _progress_of(runs: Sequence[RunSummary]) -> Progress | None:
    """The epochs of the runs that say how many they are to have; none counts more than that."""
    planned = [run for run in runs if run.epochs]
    done = sum(min(run.epochs_done, run.epochs or 0) for run in planned)
    return Progress(done, sum(run.epochs or 0 for run in planned)) if planned else None


def _curve(row: Row, width: int, scene: CellScene) -> Parts:
    run = row.run if row.kind == "run" else None
    if row.kind == "seeds":
        run = best_run(comparable(row.runs))
    values = scene.values(run.path) if run else ()
    is_growing = run is not None and run.state in UNDER_WAY
    return ((sparkline(values, width, scene.look.bars), "growing" if is_growing else "curve"),)
