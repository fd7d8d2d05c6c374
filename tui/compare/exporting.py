"""What is seen, for other programs: files (CSV, JSON, SVG), and commands that show the same."""

from __future__ import annotations

import csv
import functools
import io
import json
import math
import os
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.errors import ConfigError
from engine.facts.files import as_facts_error, replace_file
from engine.facts.text import plain
from engine.library.summary import RunSummary
from engine.tables.cells import as_number, as_text

Records = Sequence[Mapping[str, Any]]

FORMATS = (".csv", ".json", ".svg")

_FORMULA = re.compile(r"[=+@\-]")


def as_csv(records: Records) -> str:
    """Comma-separated values with all digits; a record without an entry has an empty one there."""
    names = list(dict.fromkeys(name for record in records for name in record))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_csv_cell, names))
    writer.writerows([_csv_cell(record.get(name)) for name in names] for record in records)
    return text.getvalue()


def as_json(records: Records) -> str:
    """A list of objects, one a line; numbers that are not finite are null."""
    encode = json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode
    lines = (encode(_finite(record)) for record in records)
    return f"[\n {text}\n]\n" if (text := ",\n ".join(lines)) else "[]\n"


def format_of(path: Path, formats: Sequence[str] = FORMATS) -> str:
    """The ending of a file's name.

    Raises
    ------
    ConfigError
        If what is seen cannot be written so.
    """
    suffix = path.suffix.lower()
    if suffix not in formats:
        ends = ", ".join(formats[:-1]) + f" or {formats[-1]}"
        raise ConfigError(f"{plain(path.name)}: the name has to end in {ends}")
    return suffix


def path_of(text: str) -> Path:
    """The file that somebody typed.

    Raises
    ------
    ConfigError
        If that is no file, or lies in no folder.
    """
    path = Path(os.path.expanduser(text.strip()))
    if "\0" in text or not text.strip():
        raise ConfigError("no file is named")
    try:
        os.fsencode(path)
        is_folder, has_folder = path.is_dir(), path.parent.is_dir()
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no file has such a name"
        raise ConfigError(f"{_shortened(path)}: {reason}", "Choose another name.") from error
    if is_folder:
        raise ConfigError(f"{plain(path)} is a folder", "Name a file in it.")
    if not has_folder:
        raise ConfigError(f"there is no folder {plain(path.parent)}")
    return path


def _shortened(path: Path) -> str:
    name = plain(path.name)
    return name if len(name) <= 60 else f"{name[:40]}...{name[-10:]}"


def free_name(stem: str, suffix: str, folder: Path) -> str:
    """A name that no file in the folder has: `stem.suffix`, or with a number."""
    name, number = f"{stem}{suffix}", 1
    while os.path.lexists(folder / name):
        number += 1
        name = f"{stem}-{number}{suffix}"
    return name


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet.

    Raises
    ------
    FactsError
        If it is there, or cannot be written.
    """
    with as_facts_error(path), open(path, "x", encoding="utf-8") as file:
        file.write(text)


def write_over(path: Path, text: str) -> None:
    """Write a file that may be there, whole or not at all; where a link leads to is written.

    Raises
    ------
    FactsError
        If it cannot be written; the old one is then untouched.
    """
    replace_file(Path(os.path.realpath(path)), lambda file: file.write(text.encode()))


def plot_command(
    runs: Sequence[RunSummary],
    numbers: Sequence[str],
    root: Path,
    *,
    seeds: bool = False,
    axis: str = "epoch",
    smoothing: float = 0.0,
    log_x: bool = False,
    log_y: bool = False,
) -> str:
    """The command that draws the curves in a plain terminal."""
    words = [*told_apart(runs), *numbers]
    words += ["--seeds"] * (seeds and axis != "time") + ["--x", axis]
    words += ["--log-x"] * log_x + ["--log-y"] * log_y
    words += ["--smooth", f"{smoothing:g}"] if smoothing else []
    return _command("plot", words, root)


def diff_command(runs: Sequence[RunSummary], root: Path) -> str:
    """The command that tells in what runs differ, and their best values."""
    return _command("diff", told_apart(runs), root)


def table_command(
    runs: Sequence[RunSummary], columns: Sequence[str], root: Path, *, seeds: bool = False
) -> str:
    """The command that prints columns of the runs."""
    names = "name=" + ",".join(_quoted(run.name) for run in runs)
    words = [names, "--columns", ",".join(["name", *columns])]
    return _command("runs", [*words, *["--seeds"] * seeds], root)


def told_apart(runs: Sequence[RunSummary]) -> list[str]:
    """The names of runs; the whole path where several have the same name."""
    count = Counter(run.name for run in runs)
    return [run.path if count[run.name] > 1 else run.name for run in runs]


def _quoted(name: str) -> str:
    if re.fullmatch(r"[\w.+-]+", name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _command(name: str, words: Sequence[str], root: Path) -> str:
    """A line for the shell; control characters, which would hide what it does, are left out."""
    return shlex.join(["engine", name, *map(plain, words), "--root", plain(root)])


def _csv_cell(value: Any) -> str:
    """Text as it is, but for what a spreadsheet would run as a formula."""
    kind = type(value)
    if kind is float:  # most cells: millions of them are written in seconds
        return repr(value) if math.isfinite(value) else ""
    if kind is str:
        return _csv_text(value)
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    text = plain(as_text(value))
    return text if as_number(value) is not None else _csv_text(text)


@functools.lru_cache(maxsize=1024)
def _csv_text(text: str) -> str:
    text = plain(text)
    return f"'{text}" if _FORMULA.match(text) else text


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return {plain(name): _finite(entry) for name, entry in value.items()}
    return [_finite(entry) for entry in value] if isinstance(value, list | tuple) else value
