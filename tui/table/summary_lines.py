"""The lines above and below the table of runs, and what is said where there is none. Pure."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from rich.text import Text

from engine.facts.text import plain
from engine.facts.words import count
from engine.library.find import NO_FOLDER
from engine.tables.cells import show
from engine.tables.groups import comparable, spread
from engine.tables.keys import BROKEN
from engine.tables.table import NEWEST_FIRST
from tui.look import Look
from tui.table.keys import MAIN, best_run
from tui.table.rows import Arranged, View
from tui.table.tree import Row

Styles = Mapping[str, str]
"""Name of a style (a state, `muted`, `accent`) to what Rich makes of it."""

_WORDS = 90
"""From so many columns on there are words for states."""

_ORDER = ("running", "queued", "held", "failed", "lost", BROKEN, "stopped", "finished")


LAST = "nothing matches yet; the last that did:"
"""Above the runs that stay while a filter is typed."""


class Notice(NamedTuple):
    """What stands where there is no table."""

    title: str
    text: str = ""


def place(root: str) -> Text:
    """The root, as short as it can be written."""
    return Text(_home(root), "bold")


def head(
    before: Text, arranged: Arranged, view: View, look: Look, styles: Styles, width: int
) -> Text:
    """The root, or what is more urgent; runs by state, and how they are chosen and ordered."""
    line = Text().append_text(before)
    line.append(f"  {_amount(arranged, view)}")
    for state in _ORDER:
        if arranged.counts.get(state):
            sign = look.state(None if state == BROKEN else state)
            number = f"{arranged.counts[state]:,}"
            told = f"  {number} {state}" if width >= _WORDS else f" {number}{sign}"
            line.append(told, styles.get(state, ""))
    for word, text in _choices(view):
        line.append(f"  {look.rule} ", styles.get("muted", ""))
        line.append(f"{word} ", styles.get("muted", ""))
        line.append(plain(text))
    return line


def info(row: Row | None, view: View, n_marked: int, styles: Styles) -> Text:
    """What is to be said about a row, and how many are marked."""
    line = Text()
    if n_marked:
        line.append(f"{n_marked:,} marked  ", styles.get("accent", ""))
    if row is None:
        return line
    if row.kind != "run":
        line.append(_about_group(row))
        return line
    run = row.run
    line.append(f"{plain(run.name)}  ", "bold")
    if run.problem:
        line.append(plain(run.problem), styles.get("warning", ""))
        line.append("  ")
    line.append(plain(run.sentence), styles.get(run.state or BROKEN, ""))
    if run.archived or run.path in view.hidden:
        line.append(f"  {'archived' if run.archived else 'hidden'}", styles.get("muted", ""))
    if run.note:
        line.append(f"  {plain(run.note)}", "italic")
    return line


def notice(
    root: str,
    arranged: Arranged | None,
    view: View,
    problem: str,
    is_listed: bool,
    n_runs: int,
    can_start: bool = True,
) -> Notice | None:
    """What to say instead of an empty table; None where there are rows."""
    if not is_listed:
        return Notice("reading the runs", plain(root))
    if problem:
        title, _, hint = problem.partition(". ")
        told = [plain(hint), "this screen looks again by itself"]
        if can_start and problem.startswith(NO_FOLDER):
            told.insert(1, f"or begin here: {_FIRST}, which makes the folder")
        return Notice(plain(title), "\n\n".join(filter(None, told)))
    if not n_runs:
        first = f"{_FIRST}\n\n" if can_start else ""
        text = (
            f"{plain(root)}\n\n{first}a run appears here as soon as one is started:\n\n"
            "thesis-train phase1.trainer.epochs=20\n\n"
            "runs of another folder: thesis-tui --root FOLDER"
        )
        return Notice("no runs yet", text)
    if arranged is None:
        return Notice("reading the runs", f"{n_runs:,} in {plain(root)}")
    if arranged.rows:
        return None
    if view.filter:
        title = f"none of {arranged.n_listed:,} runs matches"
        return Notice(title, "\n\n".join(filter(None, [plain(view.filter), arranged.advice, _ESC])))
    return Notice("nothing to show", f"{count(arranged.n_left_out, 'run')} hidden or archived: U")


_FIRST = "N configures your first training"
_ESC = "esc clears the filter"


def _amount(arranged: Arranged, view: View) -> str:
    n = len(arranged.shown)
    of = f"{n:,} of {arranged.n_listed:,} runs" if view.filter else f"{n:,} run{'s'[n == 1 :]}"
    return f"{of}, {arranged.n_left_out:,} hidden" if arranged.n_left_out else of


def _choices(view: View) -> list[tuple[str, str]]:
    told = [("filter", view.filter)] if view.filter else []
    if view.by or view.seeds:
        told.append(("by", ", ".join([*view.by, *(["seeds"] if view.seeds else [])])))
    if view.sort and view.sort != NEWEST_FIRST:
        first = view.sort[0]
        told.append(("sort", f"{first[1:]} down" if first.startswith("-") else first))
    return told


def _about_group(row: Row) -> str:
    counts = Counter(run.state or BROKEN for run in row.runs)
    states = ", ".join(f"{n} {state}" for state, n in counts.most_common())
    told = [f"{plain(row.label)}: {states}"]
    runs = comparable(row.runs)
    best = best_run(runs)
    if best is not None:
        number = show("metric", best.numbers[MAIN].best)
        mean = spread(run.numbers[MAIN].best for run in runs if MAIN in run.numbers)
        told.append(f"best {MAIN} {number} of {plain(best.name)}")
        left_out = f", without the {len(row.runs) - len(runs)} that have not finished"
        told.append(f"mean {mean}{left_out if len(runs) < len(row.runs) else ''}")
    return "; ".join(told)


def _home(root: str) -> str:
    home = os.path.expanduser("~")
    inside = root == home or root.startswith(f"{home}/")
    return plain(f"~{root[len(home) :]}" if inside and home != "/" else root)
