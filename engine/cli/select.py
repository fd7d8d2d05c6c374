"""Which runs a command means: paths, names, parts of names, globs, `last`."""

from __future__ import annotations

import argparse
import difflib
import fnmatch
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ConfigError
from engine.facts.text import plain

if TYPE_CHECKING:
    from engine.library.summary import RunSummary

ROOT_VARIABLE = "THESIS_OUTPUT_ROOT"
DEFAULT_ROOT = "outputs"

RUN_HELP = "a run: its name, a part of it, a glob, a directory, last, last~1"
"""Help of an argument whose metavar is RUN."""

_LAST = re.compile(r"last(?:~(\d{1,9}))?")
_GLOB = re.compile(r"[*?\[]")
_SHOWN = 8


def add_root_option(parser: argparse.ArgumentParser) -> None:
    """Add `--root DIR`: where the runs are."""
    text = f"the output root (default: ${ROOT_VARIABLE}, else ./{DEFAULT_ROOT})"
    parser.add_argument("--root", metavar="DIR", help=text)


def add_run_argument(parser: argparse.ArgumentParser, *, many: bool = True) -> None:
    """Add the argument `runs`: one or more RUN (always a list)."""
    parser.add_argument("runs", metavar="RUN", nargs="+" if many else 1, help=RUN_HELP)


def output_root(given: str | None) -> Path:
    """The root that `--root` gives, else the environment, else `outputs` in this folder."""
    named = given or os.environ.get(ROOT_VARIABLE) or DEFAULT_ROOT
    return Path(os.path.expanduser(named))


def existing_root(given: str | None) -> Path | None:
    """The root; None where nobody named one and there is none yet.

    Raises
    ------
    ConfigError
        If a root that was named is no directory.
    """
    root = output_root(given)
    if root.is_dir():
        return root
    if given is None and not os.environ.get(ROOT_VARIABLE) and not os.path.lexists(root):
        return None
    named = "--root" if given else f"${ROOT_VARIABLE}"
    raise ConfigError(f"{named}: {root} is no directory", "Name the directory that holds runs/.")


def select(words: Sequence[str], root: str | None) -> list[RunSummary]:
    """The runs that `words` mean, each once, in the order in which they were named.

    Raises
    ------
    ConfigError
        If a word means no run, or more than one without being a glob.
    """
    from engine.library.index import summarise

    return [summarise(path) for path in select_dirs(words, root)]


def select_dirs(words: Sequence[str], root: str | None) -> list[Path]:
    """As `select`, but the directories alone: nothing in them is read."""
    if not words:
        raise ConfigError("no run is named", f"Name {RUN_HELP}.")
    candidates = _Candidates(output_root(root))
    found = [path for word in words for path in candidates.find(word)]
    return list(dict.fromkeys(found))


def select_one(word: str, root: str | None) -> Path:
    """The directory of the one run that `word` means.

    Raises
    ------
    ConfigError
        If it means none or several.
    """
    found = select_dirs([word], root)
    if len(found) > 1:
        raise _ambiguous(word, found)
    return found[0]


def is_run(path: Path) -> bool:
    """Whether `path` is a directory with the facts or the launch record of a run."""
    from engine.facts.run_dir import RunDir

    run_dir = RunDir(path)
    return os.path.isdir(run_dir.facts) or os.path.isfile(run_dir.launch)


class _Candidates:
    """The run directories below a root; looked up once, and only if a word is no path."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._dirs: list[Path] | None = None

    @property
    def dirs(self) -> list[Path]:
        if self._dirs is None:
            from engine.library.index import find_runs

            self._dirs = find_runs(self.root) if self.root.is_dir() else []
        return self._dirs

    def find(self, word: str) -> list[Path]:
        """The directories that one word means; never none."""
        path = Path(os.path.expanduser(word))
        if word and is_run(path):
            return [Path(os.path.abspath(path))]
        if os.sep in word:
            raise ConfigError(
                f"{word} is no run directory", "It has neither facts/ nor launch.json."
            )
        exact = [path for path in self.dirs if path.name == word]
        if len(exact) == 1:
            return exact
        last = _LAST.fullmatch(word)
        if last and not exact:
            return [self._last(word, int(last[1] or 0))]
        if _GLOB.search(word) and not exact:
            return self._glob(word)
        return [self._named(word, exact)]

    def _last(self, word: str, back: int) -> Path:
        from engine.library.index import Index

        runs = Index(self.root).refresh() if self.dirs else []
        begun = [run for run in runs if run.started is not None]
        begun.sort(key=lambda run: (run.started, run.path), reverse=True)
        if back >= len(begun):
            there = f"{len(begun)} of the runs in {self.root} have started"
            raise ConfigError(f"{word}: there is no such run", there + ".")
        return Path(begun[back].path)

    def _glob(self, word: str) -> list[Path]:
        found = [path for path in self.dirs if fnmatch.fnmatchcase(path.name, word)]
        return found or [self._named(word)]

    def _named(self, word: str, exact: Sequence[Path] = ()) -> Path:
        """The run of that name, or the only one whose name has `word` in it."""
        found = list(exact) or [path for path in self.dirs if word and word in path.name]
        if len(found) > 1:
            raise _ambiguous(word, found)
        if not found:
            raise self._unknown(word)
        return found[0]

    def _unknown(self, word: str) -> ConfigError:
        names = [plain(path.name) for path in self.dirs]
        if not names:
            return ConfigError(f"{word}: there are no runs in {self.root}", "--root names another.")
        close = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(close)}?" if close else "engine runs lists them."
        return ConfigError(f"{word}: there is no such run in {self.root}", hint)


def _ambiguous(word: str, found: Sequence[Path]) -> ConfigError:
    """Names where they tell the runs apart, else paths."""
    names = [plain(path.name) for path in found]
    shown = names if len(set(names)) == len(names) else list(map(plain, found))
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    listed = ", ".join(shown[:_SHOWN]) + more
    return ConfigError(f"{word} means {len(found)} runs: {listed}", "Write more of the name.")
