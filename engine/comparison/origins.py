"""With what the runs of a comparison were trained, as each of them has recorded it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from engine.facts.events import read_events
from engine.facts.provenance import git_commit, start_meta
from engine.facts.text import plain
from engine.facts.values import text
from engine.facts.words import count
from engine.library.summary import RunSummary

_LONGEST = 60


class Origin(NamedTuple):
    """Commit and versions of one start of a run; None for what it has not recorded."""

    commit: str | None
    engine: str | None
    torch: str | None
    python: str | None

    def __str__(self) -> str:
        commit = f"commit {self.commit[:10]}" if self.commit else "no commit recorded"
        named = {"thesis-ml": self.engine, "torch": self.torch, "Python": self.python}
        return ", ".join([commit, *(f"{name} {version or '?'}" for name, version in named.items())])


Origins = dict[Origin, list[str]]
"""Origin to the names of its runs."""


def origins_of(runs: Iterable[RunSummary]) -> Origins:
    """The origins of the runs, the one with the most of them first.

    A run that was interrupted and went on has that of each start.

    Raises
    ------
    FactsError
        If the events of a run cannot be read.
    """
    found: Origins = {}
    for run in runs:
        for origin in dict.fromkeys(map(_origin, _starts(run.path))):
            found.setdefault(origin, []).append(run.name)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def warning(origins: Origins) -> tuple[str, list[str]] | None:
    """That the runs are of several origins and what to do, and a line for each; None if of one."""
    if len(origins) < 2:
        return None
    (first, most), *others = origins.items()
    lines = [f"{first}: {count(len(most), 'run')}"]
    lines += [f"{origin}: {', '.join(names)}" for origin, names in others]
    return (
        "The runs were not all trained with the same code, so that their numbers may differ for "
        "that alone: remove those that differ, with engine remove, and repeat the command, which "
        "trains them again."
    ), lines


def this_process() -> Origin:
    """With what this process measures."""
    return _origin({"git_commit": git_commit(), **start_meta()})


def _starts(path: str) -> list[dict[str, Any]]:
    """What the starts of a run say of themselves, from the last one that began from nothing."""
    told = [event.get("meta") for event in read_events(path).of("on_start")]
    starts = [meta if isinstance(meta, dict) else {} for meta in told] or [{}]
    anew = [number for number, meta in enumerate(starts) if not meta.get("resumed_from")]
    return starts[anew[-1] if anew else 0 :]


def _origin(meta: Mapping[str, Any]) -> Origin:
    keys = ("git_commit", "engine_version", "torch_version", "python_version")
    values = [text(meta.get(key)) for key in keys]
    return Origin(*(None if value is None else plain(value)[:_LONGEST] for value in values))
