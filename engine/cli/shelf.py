"""The runs below a root, and which of them a word means; see `engine.cli.select`."""

from __future__ import annotations

import difflib
import fnmatch
import os
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ConfigError, FactsError
from engine.facts.text import plain

if TYPE_CHECKING:
    from engine.library.summary import RunSummary

_LAST = re.compile(r"last(?:~(\d{1,9}))?")
_GLOB = re.compile(r"[*?\[]")
_OPERATOR = re.compile(r".[=<>~]|^has:", re.IGNORECASE)
_SHOWN = 8
"""Runs that are listed where a word means too many."""


def is_run(path: Path) -> bool:
    """Whether `path` has the facts or the launch record of a run, or may not be looked into."""
    from engine.facts.run_dir import RunDir
    from engine.library.find import is_closed

    run_dir = RunDir(path)
    return os.path.isdir(run_dir.facts) or os.path.isfile(run_dir.launch) or is_closed(str(path))


def is_last(word: str) -> bool:
    """Whether a word is `last` or `last~N`."""
    return bool(_LAST.fullmatch(word))


def no_runs_yet(root: Path) -> ConfigError:
    """What there is to say where no run is."""
    hint = "thesis-train starts one; --root names another folder."
    return ConfigError(f"there are no runs in {root} yet", hint)


class Shelf:
    """The runs below a root: looked up once, and read only if a word asks for more than names.

    Parameters
    ----------
    root
        The output root; it need not exist.
    runs
        The runs, if they are known already.
    archived
        Whether every word may mean archived runs.
    """

    def __init__(
        self, root: Path, runs: Sequence[RunSummary] | None = None, *, archived: bool = False
    ) -> None:
        self.root = root
        self._archived = archived
        if runs is not None:
            self.runs = runs

    @cached_property
    def dirs(self) -> list[Path]:
        """The directories of all runs."""
        if "runs" in self.__dict__:
            return [Path(run.path) for run in self.runs]
        from engine.library.index import find_runs

        return find_runs(self.root) if self.root.is_dir() else []

    @cached_property
    def runs(self) -> Sequence[RunSummary]:
        """All that is known of all runs."""
        from engine.library.index import Index

        return Index(self.root).refresh() if self.dirs else []

    @cached_property
    def _listed(self) -> list[RunSummary]:
        """The runs but for archived ones."""
        return [run for run in self.runs if self._archived or not run.archived]

    def is_name(self, word: str) -> bool:
        """Whether a word names runs, rather than asks for some that match it."""
        if word == "all" or any(path.name == word for path in self.dirs) or _LAST.fullmatch(word):
            return True
        return bool(_GLOB.search(word)) and not _OPERATOR.search(word) and " " not in word

    def find(self, word: str) -> list[Path]:
        """The directories that one word means; never none.

        Raises
        ------
        ConfigError
            If it means no run, or more than one without saying so.
        """
        path = Path(os.path.expanduser(word))
        if word and is_run(path):
            return [Path(os.path.abspath(path))]
        if os.sep in word and not _OPERATOR.search(word):
            hint = "It has neither facts/ nor launch.json."
            raise ConfigError(f"{word} is no run directory", hint)
        if not self.dirs:
            raise no_runs_yet(self.root)
        exact = self._exact(word)
        if len(exact) > 1:
            raise ambiguous(word, exact, "Write the directory.")
        return self.named(word) or [self._part(word)]

    def named(self, word: str) -> list[Path]:
        """The runs that a word means as a whole; none if it is at most a part of a name.

        Raises
        ------
        ConfigError
            If fewer runs than it says have started, or if it is a filter that matches none.
        """
        last = _LAST.fullmatch(word)
        if self._exact(word):
            return self._exact(word)
        if last:
            return [self._last(word, int(last[1] or 0))]
        if _OPERATOR.search(word):
            return self._matching(word)
        if word == "all" or _GLOB.search(word):
            return self._open(self._globbed(word))
        labelled = [Path(run.path) for run in self._listed if word in (*run.tags, run.sweep)]
        return self._numbered(word) or labelled

    def _exact(self, word: str) -> list[Path]:
        return [path for path in self.dirs if path.name == word]

    def _globbed(self, word: str) -> list[Path]:
        glob = "*" if word == "all" else word
        return [path for path in self.dirs if fnmatch.fnmatchcase(path.name, glob)]

    def _last(self, word: str, back: int) -> Path:
        begun = [run for run in self._listed if run.started is not None]
        begun.sort(key=lambda run: (run.started, run.path), reverse=True)
        if back >= len(begun):
            hint = f"{len(begun)} of the runs in {self.root} have started."
            raise ConfigError(f"{word}: there is no such run", hint)
        return Path(begun[back].path)

    def _numbered(self, word: str) -> list[Path]:
        """The run whose job has this number at HTCondor, or all of a sweep in that cluster.

        As for `engine.launch.named`, of those to which a scheduler gave it the newer ones count.

        Raises
        ------
        ConfigError
            If several schedulers gave it.
        """
        if not word[:1].isdecimal():
            return []
        from engine.launch.named import check_one_scheduler, has_number

        found = [run for run in self._listed if has_number(word, run.job_id)]
        found.sort(key=lambda run: (run.started or 0.0, run.path))
        newest = {run.schedd: run for run in found}
        check_one_scheduler(word, {schedd: plain(run.name) for schedd, run in newest.items()})
        sweeps = {run.sweep or run.path for run in newest.values()}
        return [Path(run.path) for run in found if (run.sweep or run.path) in sweeps]

    def _matching(self, word: str) -> list[Path]:
        from engine.tables.advice import advice, asks_for
        from engine.tables.query import parse

        query = parse(word)
        runs = self.runs if asks_for(query, "archived") else self._listed
        found = query.select(runs)
        if not found:
            told = f"{word}: none of the {len(runs)} runs in {self.root} matches"
            raise ConfigError(told, advice(query, runs))
        return [Path(run.path) for run in found]

    def _part(self, word: str) -> Path:
        """The only run whose name has `word` in it, but for archived ones."""
        named = [path for path in self.dirs if word and word in path.name]
        found = self._open(named)
        if len(found) == 1:
            return found[0]
        if found:
            raise ambiguous(word, found, f"Write more of the name, or '*{word}*' for all of them.")
        labelled = [Path(run.path) for run in self.runs if word in (*run.tags, run.sweep)]
        raise self._unknown(word, named or self._globbed(word) or labelled)

    def _open(self, paths: Sequence[Path]) -> list[Path]:
        """The runs that are not archived; one that cannot say so is not."""
        return [path for path in paths if self._archived or not _is_archived(path)]

    def _unknown(self, word: str, archived: Sequence[Path]) -> ConfigError:
        message = f"{plain(word)}: there is no such run or sweep in {self.root}"
        if archived:
            names = ", ".join(plain(path.name) for path in archived[:_SHOWN])
            return ConfigError(message, f"Archived runs are named by their whole names: {names}.")
        from engine.tables.advice import fields_with

        fields = fields_with(word, self._listed) if word else []
        others = {name for run in self._listed for name in (*run.tags, run.sweep) if name}
        known = [*(path.name for path in self.dirs), *sorted(others), "last", "all"]
        close = fields or difflib.get_close_matches(word, known, n=3, cutoff=0.5)
        guess = f"Did you mean {' or '.join(map(plain, close))}?"
        return ConfigError(message, guess if close else "engine runs lists them.")


def _is_archived(path: Path) -> bool:
    from engine.facts.labels import read_labels
    from engine.facts.run_dir import RunDir

    try:
        return read_labels(RunDir(path)).archived
    except FactsError:
        return False


def ambiguous(word: str, found: Sequence[Path], hint: str) -> ConfigError:
    """Names where they tell the runs apart, else paths; one a line."""
    names = [plain(path.name) for path in found]
    shown = names if len(set(names)) == len(names) else list(map(plain, found))
    more = [f"and {len(shown) - _SHOWN} more"] if len(shown) > _SHOWN else []
    lines = [*shown[:_SHOWN], *more, hint]
    return ConfigError(f"{plain(word)} means {len(found)} runs", "\n  ".join(lines))
