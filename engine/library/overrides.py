"""What was typed to start a run, as OmegaConf writes it below `.hydra/`."""

from __future__ import annotations

import functools
import re
from pathlib import Path

from engine.errors import FactsError
from engine.facts.files import open_own
from engine.facts.launched import launch_record
from engine.facts.run_dir import RunDir

_MOST_BYTES = 1 << 16

_CONFIG_DIR = re.compile(
    r"^ +- path: (.+(?:\n(?! +schema:).*)*)\n +schema: file\n +provider: command-line$",
    re.MULTILINE,
)

_ESCAPE = re.compile(r"\\(?:([^xuU])|[xuU]((?<=x)[0-9A-F]{2}|(?<=u)[0-9A-F]{4}|(?<=U)[0-9A-F]{8}))")
_CHARACTERS = dict(
    zip('0abtnvfre"\\/N_LP', '\0\a\b\t\n\v\f\r\x1b"\\/\x85\xa0\u2028\u2029', strict=True)
)


def read_overrides(path: Path) -> tuple[str, ...]:
    """What was typed to start a run, from its `.hydra/overrides.yaml`; empty where nothing is.

    The file is read as what it is written as, a list of plain or quoted texts; whatever else
    stands in it is left as text.
    """
    entries: list[str] = []
    for line in _read(path).split("\n"):
        if line.startswith("- "):
            entries.append(line[2:])
        elif entries and (line.startswith("  ") or not line):  # a long text goes on
            entries[-1] = _joined(entries[-1], line.strip(" "))
    return tuple(_unquoted(entry.rstrip("\n")) for entry in entries)


def read_config_dirs(run_dir: RunDir) -> tuple[str, ...]:
    """The folders that a run was given with `--config-dir`; empty where none is known.

    A job has them from its launch record: what its `.hydra/` names is a copy.
    """
    told = launch_record(run_dir).get("config_dirs")
    folders = [entry for entry in told if isinstance(entry, str)] if isinstance(told, list) else []
    if not folders:
        text = _read(run_dir.hydra / "hydra.yaml")
        written = (found.split("\n") for found in _CONFIG_DIR.findall(text))
        entries = (
            functools.reduce(_joined, [one.strip(" ") for one in lines]) for lines in written
        )
        folders = [_unquoted(entry) for entry in entries]
    return tuple(folders)


def _read(path: Path) -> str:
    """The text of a small file; empty where there is none, a link or no ordinary one."""
    try:
        with open(open_own(path, in_folder=True), "rb") as file:
            return file.read(_MOST_BYTES).decode("utf-8", "replace")
    except (OSError, FactsError):
        return ""


def _joined(text: str, more: str) -> str:
    """A text and its next line: an empty one stands for a line end, any other for a space."""
    if text.startswith('"') and text.endswith("\\"):
        return text[:-1] + more.removeprefix("\\")
    if not more:
        return text + "\n"
    return text + more if text.endswith("\n") else f"{text} {more}"


def _unquoted(text: str) -> str:
    """The text of a scalar; one that cannot be read stays as it is written."""
    if len(text) < 2 or text[0] != text[-1]:
        return text
    if text[0] == "'":
        return text[1:-1].replace("''", "'")
    if text[0] != '"':
        return text
    return _ESCAPE.sub(_escaped, text[1:-1])


def _escaped(match: re.Match[str]) -> str:
    """The character that an escape sequence stands for; itself if that is none."""
    letter, digits = match[1], match[2]
    if digits:
        code = int(digits, 16)
        return chr(code) if code < 0x110000 else match[0]
    return _CHARACTERS.get(letter, match[0])
