"""What came of an action on jobs in words: a line for a run, as few as can be for a sweep."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from engine.facts.words import count

if TYPE_CHECKING:
    from engine.launch.condor.acting import Done

MOST_NAMES = 3
"""Runs that are named of those that have something in common."""

_WORDS = {"hold": "held", "release": "released", "remove": "removed", "edit": "changed"}
_ALREADY = {"hold": "held already", "release": "not held"}
_HOW_LONG = re.compile(r" for \d+ (?:s|min|h|d)\b")


def told_of_each(action: str, done: Done) -> dict[str, str]:
    """Name of each job to what came of it."""
    made = {job.name: _WORDS[action] for job in done.jobs}
    changed = {name: f"{word} ({done.changes[name]})" for name, word in made.items()
               if name in done.changes}  # fmt: skip
    return made | changed | done.already | done.problems


def action_lines(name: str, runs: Sequence[str], action: str, done: Done) -> list[str]:
    """What came of an action on a job, or on these runs of a sweep, a line each."""
    told = told_of_each(action, done)
    if list(runs) == [name]:
        return [f"{name}: {told[name]}"]
    good = [run for run in runs if run not in done.problems]
    states = Counter(told[run] for run in good if run not in done.already)
    parts = [f"{number} {text}" for text, number in states.items()]
    were = sum(run in done.already for run in good)
    parts += [f"{were} {'was' if were == 1 else 'were'} {_ALREADY.get(action)}"] if were else []
    lines = [f"{name}: {', '.join(parts)}"] if parts else []
    problems = {run: done.problems[run] for run in runs if run in done.problems}
    groups = _alike(name, problems).values()
    return lines + [
        f"{name}: {len(alike)} not {_WORDS[action]}: {text}{_names(alike, runs)}"
        for text, alike in groups
    ]


def shared_lines(name: str, runs: Sequence[str], texts: Mapping[str, str]) -> list[str]:
    """What is told of a job, or of some of these runs of a sweep, once where they share it."""
    if list(runs) == [name]:
        return [f"{name}: {text}" for text in texts.values()]
    return [
        f"{name}: {count(len(alike), 'run')}: {text}{_names(alike, runs)}"
        for text, alike in _alike(name, texts).values()
    ]


def _alike(name: str, texts: Mapping[str, str]) -> dict[str, tuple[str, list[str]]]:
    """The texts that differ in more than the name of the run and a time, and whose they are."""
    groups: dict[str, tuple[str, list[str]]] = {}
    for run, text in texts.items():
        of_all = text.replace(run, name)
        groups.setdefault(_HOW_LONG.sub("", of_all), (of_all, []))[1].append(run)
    return groups


def _names(some: Sequence[str], all_runs: Sequence[str]) -> str:
    """The first few of some runs; nothing where it is all of them."""
    if len(some) == len(all_runs):
        return ""
    more = f" and {len(some) - MOST_NAMES} more" if len(some) > MOST_NAMES else ""
    return f" ({', '.join(some[:MOST_NAMES])}{more})"
