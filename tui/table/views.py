"""How somebody looked at the runs of a root last, and what is said about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from engine.facts.text import plain
from engine.library.summary import RunSummary, higher_is_better
from engine.tables.groups import value_of
from engine.tables.keys import FIELDS, TRAINER
from engine.tables.table import NEWEST_FIRST
from tui.remembered import Remembered
from tui.table.column_picker import Choice
from tui.table.keys import OWN, SEEN, SMOOTH, Words
from tui.table.rows import Arranged, View

MOST_CHOICES = 1000


def recall(remembered: Remembered, filter: str = "") -> View:
    """The view of last time; a filter that was given takes the place of the one of then."""
    return View(
        filter=filter or remembered.text("runs.filter"),
        sort=tuple(remembered.texts("runs.sort")) or NEWEST_FIRST,
        by=tuple(remembered.texts("runs.by")),
        seeds=remembered.switch("runs.seeds"),
        columns=tuple(remembered.texts("runs.columns")),
        pinned=frozenset(remembered.texts("runs.pinned")),
        hidden=frozenset(remembered.texts("runs.hidden")),
        everything=remembered.switch("runs.everything"),
        turned=frozenset(remembered.texts("runs.turned")),
    )


def keep(remembered: Remembered, view: View, given: str = "") -> None:
    """Remember a view, though not the filter that was given with the command."""
    if not given or view.filter != given:
        remembered.keep("runs.filter", view.filter)
    for name in ("sort", "by", "columns"):
        remembered.keep(f"runs.{name}", list(getattr(view, name)))
    for name in ("pinned", "hidden", "turned"):
        remembered.keep(f"runs.{name}", sorted(getattr(view, name)))
    remembered.keep("runs.seeds", view.seeds)
    remembered.keep("runs.everything", view.everything)


def forget(remembered: Remembered, filter: str) -> None:
    """Do not remember a filter that cannot be used."""
    if remembered.text("runs.filter") == filter:
        remembered.keep("runs.filter", "")


def order_by(name: str, words: Words, before: tuple[str, ...]) -> tuple[str, ...]:
    """The order by one key, with its best or newest first; the other way round the second time."""
    if before[:1] == (name,):
        return (f"-{name}", *NEWEST_FIRST)
    if before[:1] == (f"-{name}",):
        return (name, *NEWEST_FIRST)
    kind = words.find(name).kind
    down = kind in ("time", "progress", "size", "duration") and name not in (SEEN, "eta")
    down = down or (kind == "metric" and higher_is_better(name.removesuffix(".last")))
    return (f"-{name}" if down else name, *NEWEST_FIRST)


def reversed_order(sort: tuple[str, ...]) -> tuple[str, ...]:
    """The first key the other way round."""
    first, *others = sort or NEWEST_FIRST
    return (first[1:] if first.startswith("-") else f"-{first}", *others)


def choices(
    words: Words, arranged: Arranged, runs: tuple[RunSummary, ...], *, to_group: bool = False
) -> list[Choice]:
    """The keys that can be picked, each with what it is for a run; those in use first."""
    numbers = [part for name in words.numbers for part in (name, f"{name}.last")]
    config = [words.short(path) for path in words.paths if not path.endswith("._target_")]
    first = [*arranged.telling, "sweep", "loop", "state"] if to_group else [*arranged.names]
    own = [] if to_group else [*OWN, "age"]
    names = [*first, *own, *([] if to_group else numbers), *words.results, *FIELDS, *config]
    names = [name for name in dict.fromkeys(names) if not (to_group and name in _NO_GROUPS)]
    return [Choice(name, _about(name, words, runs)) for name in names[:MOST_CHOICES]]


_NO_GROUPS = frozenset({"name", "path", "sentence", "progress", "started", "ended", "updated"})


def _about(name: str, words: Words, runs: tuple[RunSummary, ...]) -> str:
    if name in OWN:
        return OWN[name]
    from engine.tables.cells import show

    keys, _ = words.usable([name])
    if not keys or not runs:
        return ""
    key = words.find(name)
    text = show(key.kind, value_of(key, runs))
    path = next((p for p in (key.name, TRAINER + name) if p in words.paths and p != name), "")
    return plain(f"{text[:30]:30} {path}".strip())


def still_there(paths: Iterable[str], runs: Iterable[RunSummary]) -> list[str]:
    """Those of the paths at which there still is a run, in their order."""
    there = {run.path for run in runs}
    return [path for path in paths if path in there]


def without_gone(remembered: Remembered, view: View, runs: Iterable[RunSummary]) -> View:
    """The view without what it says of runs that are no longer there, which is forgotten too."""
    if not (view.pinned or view.hidden):
        return view
    there = {run.path for run in runs}
    if view.pinned | view.hidden <= there:
        return view
    view = replace(view, pinned=view.pinned & there, hidden=view.hidden & there)
    remembered.keep("runs.pinned", sorted(view.pinned))
    remembered.keep("runs.hidden", sorted(view.hidden))
    return view


SMOOTHED = (SMOOTH, f"-{SMOOTH}")
"""Orders that need the courses of all runs."""
