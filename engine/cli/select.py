"""Which runs a command means: the one way to name runs, for every command that takes RUN.

A word is, in this order,

1. a run directory, or the exact name of a run;
2. `last`, `last~N` or `all`;
3. a filter: a word with an operator, such as `latent_space=vq` or `lr>=0.01`;
4. a glob of names;
5. HTCondor's number of a job, such as `77.0`, or 77 alone;
6. a tag, or the name of a sweep;
7. a part of one name.

An archived run is meant by its directory or exact name, or by a filter that asks for `archived`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.shelf import Shelf, ambiguous
from engine.errors import ConfigError

if TYPE_CHECKING:
    from engine.library.summary import RunSummary

ROOT_VARIABLE = "THESIS_OUTPUT_ROOT"
DEFAULT_ROOT = "outputs"

RUN_HELP = (
    "a run: its name or a part of it, a directory, last, last~1; or several: a glob, "
    "a filter such as latent_space=vq, a tag, a sweep, all"
)
"""Help of an argument whose metavar is RUN."""


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


def select(words: Sequence[str], root: str | None, *, archived: bool = False) -> list[RunSummary]:
    """The runs that `words` mean, each once, in the order in which they were named.

    Parameters
    ----------
    words
        Each as the first lines of this module say.
    root
        What `--root` gave.
    archived
        Whether every word may mean archived runs.

    Raises
    ------
    ConfigError
        If a word means no run, or more than one without saying so.
    """
    from engine.library.index import summarise

    return [summarise(path) for path in select_dirs(words, root, archived=archived)]


def select_dirs(words: Sequence[str], root: str | None, *, archived: bool = False) -> list[Path]:
    """As `select`, but the directories alone."""
    if not words:
        raise ConfigError("no run is named", f"Name {RUN_HELP}.")
    shelf = Shelf(output_root(root), archived=archived)
    found = [path for word in words for path in shelf.find(word)]
    return list(dict.fromkeys(found))


def select_one(word: str, root: str | None, *, archived: bool = False) -> Path:
    """The directory of the one run that `word` means.

    Raises
    ------
    ConfigError
        If it means none or several.
    """
    found = select_dirs([word], root, archived=archived)
    if len(found) > 1:
        raise ambiguous(word, found, "This takes one run.")
    return found[0]
