"""What the arguments of the commands take, for tab completion."""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from engine.cli.select import existing_root

if TYPE_CHECKING:
    from engine.launch.jobs import Job
    from engine.library.summary import RunSummary

FILES = "\t"
"""Stands for the names of files, which the shell knows."""

_LASTS = 9
"""Runs before the last one that are offered."""


class Values:
    """What arguments take, told by their metavar (see `Command`); read when it is asked for.

    Parameters
    ----------
    words
        The words of the line before the one that is to be completed: `engine`, the command …
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._command = words[1] if len(words) > 1 else ""

    def of(self, action: argparse.Action, begun: str) -> list[str]:
        """The values of one argument for a word; a blank at the end where they are whole."""
        if action.choices is not None:
            return [f"{choice} " for choice in action.choices]
        metavar = action.metavar if isinstance(action.metavar, str) else ""
        kind = metavar.split(",")[0]
        if kind == "RUN":
            return list(self._of_run(begun))
        if kind == "JOB":
            return self._of_job()
        if kind in ("FILE", "DIR"):
            return [FILES]
        if kind == "FILTER":
            return [*_lasts(begun), *self._filters(begun)]
        if kind not in _LISTED:
            return []
        head, comma, last = begun.rpartition(",")
        sign = last[:1] if last[:1] in ("+", "-") and kind == "KEY" else ""
        return [f"{head}{comma}{sign}{word}" for word in _LISTED[kind](self._runs)]

    def signed_tags(self, begun: str) -> list[str]:
        """`+TAG` and `-TAG` of `engine tag`, for a word that begins so."""
        sign = begun[:1]
        if self._command != "tag" or sign not in ("+", "-") or begun.startswith("--"):
            return []
        return [f"{sign}{tag} " for tag in _tags(self._runs)]

    def _of_run(self, begun: str) -> Iterator[str]:
        """Names of runs; for a word that none begins with, what else selects some."""
        if begun.startswith((".", "~", "/")) or os.sep in begun:
            yield FILES
        listed = [run for run in self._runs if not run.archived and self._makes_sense(run)]
        if begun and not any(begun in run.name for run in listed):
            listed = [run for run in self._runs if self._makes_sense(run)]
        yield from (f"{_typable(run)} " for run in listed)
        yield from _lasts(begun)
        if begun and not any(run.name.startswith(begun) for run in listed):
            others = {name for run in listed for name in (*run.tags, run.sweep) if name}
            yield from (f"{name} " for name in sorted(others))
            yield "all "
            yield from self._filters(begun)

    def _of_job(self) -> list[str]:
        """Names of jobs that the action can do something with; what `edit` changes as well."""
        from engine.launch.condor.changes import CHANGEABLE
        from engine.launch.jobs import find_jobs

        folder = existing_root(self._root())
        action = next((word for word in self._words[2:] if word in _CHOICES), "")
        jobs = find_jobs(folder) if folder else []
        names = [f"{job.name} " for job in jobs if not action or _CHOICES[action](job)]
        changing = not {"edit", "release"}.isdisjoint(self._words)
        return names + [f"{key}=" for key in CHANGEABLE if changing]

    def _makes_sense(self, run: RunSummary) -> bool:
        """Whether the command can do something with a run in its state."""
        from engine.facts.state import RESUMABLE, UNDER_WAY

        states = {"stop": UNDER_WAY, "kill": UNDER_WAY, "resume": RESUMABLE}
        return self._command not in states or run.state in states[self._command]

    def _filters(self, begun: str) -> list[str]:
        from engine.tables.suggest import complete

        return complete(begun, self._runs)

    @cached_property
    def _runs(self) -> Sequence[RunSummary]:
        from engine.library.index import Index

        folder = existing_root(self._root())
        return Index(folder).refresh() if folder else []

    def _root(self) -> str | None:
        """The `--root` that was typed."""
        words = self._words
        given = [after for word, after in itertools.pairwise(words) if word == "--root"]
        given += [word.removeprefix("--root=") for word in words if word.startswith("--root=")]
        return given[-1] if given else None


def _has_held(job: Job) -> bool:
    return bool(job.on_cluster) and any(run.state == "held" for run in job.runs)


_CHOICES: dict[str, Callable[[Job], bool]] = {
    "stop": lambda job: job.under_way,
    "kill": lambda job: job.under_way,
    "release": _has_held,
    **dict.fromkeys(("hold", "remove", "edit", "why"), lambda job: bool(job.on_cluster)),
}
"""Action of `engine jobs` to whether it does something to a job."""


def _typable(run: RunSummary) -> str:
    """The name of a run; a path where the name would be taken for something else."""
    if run.name.startswith(("-", "+", "~")):
        return os.path.join(".", os.path.relpath(run.path))
    return run.name


def _lasts(begun: str) -> list[str]:
    if not begun.startswith("last~"):
        return ["last "]
    return [f"last~{number} " for number in range(1, _LASTS + 1)]


def _keys(runs: Sequence[RunSummary]) -> list[str]:
    from engine.tables.keys import Vocabulary

    return Vocabulary(runs).names()


def _metrics(runs: Sequence[RunSummary]) -> list[str]:
    return list(dict.fromkeys(name for run in runs for name in run.numbers))


def _tags(runs: Sequence[RunSummary]) -> list[str]:
    return sorted({tag for run in runs for tag in run.tags})


def _classes(runs: Sequence[RunSummary]) -> list[str]:
    known = (run.config.items() for run in runs)
    named = {str(name) for items in known for key, name in items if key.startswith(_CLASS_NAMES)}
    return sorted(named)


def _options_of(group: str) -> Callable[[Sequence[RunSummary]], list[str]]:
    """The options of a config group of ours."""

    def options(runs: Sequence[RunSummary]) -> list[str]:
        from engine.config.paths import config_dir

        return sorted(path.stem for path in (config_dir() / group).glob("*.yaml"))

    return options


_CLASS_NAMES = "data.class_names."

_LISTED: dict[str, Callable[[Sequence[RunSummary]], list[str]]] = {
    "KEY": _keys,
    "METRIC": _metrics,
    "TAG": _tags,
    "CLASS": _classes,
    "LOOP": _options_of("loop"),
    "ENCODER": _options_of("phase1/encoder"),
    "LATENT_SPACE": _options_of("phase1/latent_space"),
}
