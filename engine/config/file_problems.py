"""A config file with which nothing composes: which one it is, where, and what is wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from yaml import MarkedYAMLError

from engine.config.paths import config_dir
from engine.config.yaml_keys import where_wrong


def file_problem(error: Exception, config_dirs: Sequence[Path]) -> str:
    """The sentence for a config file with which nothing composes: which one, where, and what."""
    path = _marked_file(error)
    for folder in (config_dir(), *config_dirs) if path else ():
        if Path(path).is_relative_to(folder.absolute()):
            return f"{_option_of(Path(path).relative_to(folder.absolute()))}: {first_line(error)}"
    missing = _MISSING.match(str(error))
    if missing:
        return f"{_option_of(Path(missing[1]))}: {first_line(error)}"
    return first_line(error)


_MISSING = re.compile(r"In '([^']+)': Could not (?:load|find) '([^']+)'")
"""What Hydra says where the defaults of a file name another that is not there."""


def _option_of(place: Path) -> str:
    """`group=option` for a file in a folder of configs; its name where it is in no group."""
    group = place.parent.as_posix()
    return f"{place.name}" if group == "." else f"{group}={place.stem}"


def _marked_file(error: Exception) -> str:
    """The file that an error of YAML is in; empty where it does not say."""
    mark = (
        (error.problem_mark or error.context_mark) if isinstance(error, MarkedYAMLError) else None
    )
    return mark.name if mark and mark.name else ""


def first_line(error: Exception) -> str:
    """What an error of Hydra or of YAML says, in one line."""
    if isinstance(error, MarkedYAMLError):  # the place first: the end of a long line may be cut
        return ", in ".join(filter(None, [where_wrong(error), _marked_file(error)]))
    missing = _MISSING.match(str(error))
    if missing:
        return f"its defaults name {missing[2]}, which is not there"
    text = re.sub(r"\s+", " ", str(error).strip().split("\n\n")[0])
    return text or type(error).__name__
