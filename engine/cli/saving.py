"""How a command writes the file that an option such as `-o` names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from engine.errors import ConfigError


def save(path: Path, pieces: Iterable[bytes], option: str = "-o") -> None:
    """Write the output file that `option` names, whole or not at all, and where a link leads to.

    What is there and is no ordinary file, such as a pipe or `/dev/null`, is written into.

    Raises
    ------
    ConfigError
        If it is a directory, or lies in none.
    FactsError
        If it cannot be written; an old file is then untouched.
    """
    from engine.facts.files import as_facts_error, replace_file

    if path.is_dir():
        raise ConfigError(f"{option} {path}: this is a directory", "Name a file.")
    if not path.parent.is_dir():
        raise ConfigError(f"{option} {path}: there is no folder {path.parent}")

    def fill(file: IO[bytes]) -> None:
        for piece in pieces:
            file.write(piece)

    if path.exists() and not path.is_file():
        with as_facts_error(path), open(path, "wb") as file:
            fill(file)
    else:
        replace_file(Path(os.path.realpath(path)), fill)
