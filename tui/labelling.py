"""Changes to runs that somebody asks for in the table: labels, and stopping. For threads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

from engine.errors import EngineError
from engine.facts.labels import Labels, change_labels
from engine.facts.run_dir import RunDir
from engine.facts.state import UNDER_WAY
from engine.launch.control import ask_to_stop
from engine.library.summary import RunSummary

Change = Callable[[RunDir], object]


def apply(change: Change, paths: Sequence[str]) -> str:
    """Change each run; what went wrong first, with the number of runs that it went wrong for."""
    problems = []
    for path in paths:
        try:
            change(RunDir(Path(path)))
        except EngineError as error:
            problems.append(error.in_a_line)
    if not problems:
        return ""
    others = f" ({len(problems)} runs could not be changed)" if len(problems) > 1 else ""
    return problems[0] + others


def shared_tags(runs: Sequence[RunSummary]) -> list[str]:
    """The tags that all of the runs have."""
    shared = set.intersection(*(set(run.tags) for run in runs)) if runs else set()
    return sorted(shared)


def tagging(before: Collection[str], text: str) -> Change:
    """Gives runs the tags of a text; of those that they shared before, what is not in it goes."""
    wanted = set(text.replace(",", " ").split())
    gone = set(before) - wanted

    def change(labels: Labels) -> Labels:
        return replace(labels, tags=tuple((set(labels.tags) | wanted) - gone))

    return lambda run_dir: change_labels(run_dir, change)


def noting(text: str) -> Change:
    """Gives runs a note."""
    return lambda run_dir: change_labels(run_dir, lambda labels: replace(labels, note=text))


def archiving(archived: bool) -> Change:
    """Puts runs away, or takes them out again."""
    return lambda run_dir: change_labels(run_dir, lambda labels: replace(labels, archived=archived))


def stopping(runs: Sequence[RunSummary]) -> tuple[Change, list[str]]:
    """Asks runs to stop, and which of them can be asked."""
    return ask_to_stop, [run.path for run in runs if run.state in UNDER_WAY]
