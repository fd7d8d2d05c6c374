"""How the words of a command line are read."""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from engine.errors import ConfigError
from engine.facts.text import plain

_MARK = "\0"
"""Before a word behind `--`: no argument can begin so, and no option does."""

_UNKNOWN = re.compile(r"unrecognized arguments: (\S+).*", re.DOTALL)

_CHOICE = re.compile(r".*invalid choice: '?(\S+?)'? \(choose from (.*)\)", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """Reads options and other words in any order; what follows `--` is no option.

    Parameters
    ----------
    signed
        Options whose value may begin with a minus, such as `--sort -val_loss`.
    """

    def __init__(self, signed: Sequence[str] = (), **settings: Any) -> None:
        super().__init__(**settings)
        self._signed = signed

    def parse_words(self, words: Sequence[str]) -> argparse.Namespace:
        """The arguments that `words` are.

        Raises
        ------
        SystemExit
            After a sentence about what is wrong with them, or the help.
        """
        end = list(words).index("--") if "--" in words else len(words)
        behind = [f"{_MARK}{word}" for word in words[end + 1 :]]
        args = self.parse_intermixed_args([*_joined(words[:end], self._signed), *behind])
        for name, value in vars(args).items():
            if isinstance(value, list):
                setattr(args, name, [_unmarked(entry) for entry in value])
        return args

    def error(self, message: str) -> NoReturn:
        """Tell what is wrong, in the form of all errors, and leave with 2."""
        message = message.replace(_MARK, "")
        unknown, choice = _UNKNOWN.fullmatch(message), _CHOICE.fullmatch(message)
        close = self._close(unknown[1]) if unknown else ""
        if choice:
            import difflib

            found = difflib.get_close_matches(choice[1], re.findall(r"[\w-]+", choice[2]), 1)
            close = found[0] if found else ""
        hint = f"Did you mean {close}?" if close else f"{self.prog} --help tells more."
        print(f"error: {plain(message)}\n  {hint}", file=sys.stderr)
        sys.exit(2)

    def _close(self, word: str) -> str:
        """The option that is spelled much like a word."""
        import difflib

        close = difflib.get_close_matches(word.partition("=")[0], self._option_string_actions, 1)
        return close[0] if close else ""


def listed(given: Sequence[str]) -> list[str]:
    """The words of an option that may be repeated; commas stand between several."""
    return [word.strip() for text in given for word in text.split(",") if word.strip()]


def check_grace(seconds: float) -> None:
    """Raise a `ConfigError` if `--grace` gives no time to wait."""
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ConfigError(f"--grace {seconds:g}: must be a number of seconds, at least 0")


def check_overrides(words: Sequence[str]) -> None:
    """Raise a `ConfigError` if one of the words is no override but an option that nobody knows."""
    flags = [word for word in words if word.startswith("-")]
    if flags:
        raise ConfigError(f"{flags[0]}: a value is set by key=value, without dashes")


def add_config_dir_option(parser: argparse.ArgumentParser) -> None:
    """Let somebody name a folder with config groups."""
    text = "a further folder with config groups of your own"
    parser.add_argument(
        "-cd", "--config-dir", action="append", default=[], metavar="DIR", help=text
    )


def config_folders(given: Sequence[str]) -> list[Path]:
    """The folder of `--config-dir`, absolute, if there is one.

    Raises
    ------
    ConfigError
        If it does not exist, or there are several: training itself takes one.
    """
    folders = [Path(os.path.abspath(os.path.expanduser(folder))) for folder in given]
    if len(folders) > 1:
        raise ConfigError(f"--config-dir {given[1]}: only one such folder can be given")
    if folders and not folders[0].is_dir():
        raise ConfigError(f"--config-dir {given[0]}: there is no such folder")
    return folders


POINTS_OUT = "points of the sweep that are no runs, counted from 0, the last value fastest"
"""What `--leave-out` takes."""


def point_numbers(given: Sequence[str]) -> list[int]:
    """The points that `--leave-out` names.

    Raises
    ------
    ConfigError
        If a word is no number.
    """
    words = listed(given)
    strange = [word for word in words if not word.isdecimal()]
    if strange:
        raise ConfigError(f"--leave-out {strange[0]}: it takes numbers of points, from 0")
    return [int(word) for word in words]


def _joined(words: Sequence[str], signed: Sequence[str]) -> list[str]:
    """`--sort -val_loss` as `--sort=-val_loss`: argparse takes the value for an option else."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in signed:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _unmarked(entry: Any) -> Any:
    return entry.removeprefix(_MARK) if isinstance(entry, str) else entry
