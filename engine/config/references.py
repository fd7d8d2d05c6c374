"""What a config refers to by `${…}`: looked at without filling it in, and filled in with limits.

A config may come from somebody else. A reference can then call a function of whoever reads it, tell
a variable of theirs, or, by references to references, make a text without end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import InterpolationToMissingValueError, OmegaConfBaseException

from engine.errors import ConfigError

ALLOWED = (
    *("oc.env", "now", "sample_dir", "user", "file_name", "join_paths", "artifact_dir"),
    "once",
)
"""Functions that a reference may call: each gives a text, and none makes keys with values."""

OWN_VARIABLES = "THESIS_"
"""How the environment variables begin that are meant for our configs."""

MOST_REFERENCES = 100
MOST_SIGNS = 5_000
"""Of the value that a reference gives; an entry of a list or a node counts as 25."""

_REFERENCE = re.compile(r"\$\{\s*([^\\{}()'\"$:\s]*)\s*([:}]?)")
"""A reference to a key, or the beginning of one that calls a function."""
_VARIABLE = re.compile(r"\$\{\s*oc\.env\s*:\s*([^,}\s]*)")

Path = tuple[Any, ...]


def strange_references(node: Any) -> list[str]:
    """One sentence for each text of a plain config that has a reference of another kind."""
    return [
        f"{_dotted(path)}={short(text)}: of a past run a reference may name a key, or call "
        f"{', '.join(ALLOWED)}"
        for path, text in _referring(node)
        if not all(map(_is_known, _REFERENCE.finditer(text)))
    ]


def _is_known(found: re.Match[str]) -> bool:
    name, end = found.groups()
    return end == "}" or (end == ":" and name in ALLOWED)


def foreign_variables(node: Any, own: Any) -> list[str]:
    """One sentence for each environment variable that a config reads.

    Those of this project may be read, and whatever the config `own` has at the same place.
    """
    ours = set(_referring(own))
    return [
        f"{_dotted(path)}={short(text)}: a config of a past run reads no variable of yours but "
        f"{OWN_VARIABLES}…; give the value itself"
        for path, text in _referring(node)
        if (path, text) not in ours
        and not all(name.startswith(OWN_VARIABLES) for name in _VARIABLE.findall(text))
    ]


def filled_in(cfg: DictConfig) -> dict[Any, Any]:
    """A config as plain values, with all that it refers to filled in; the time has a limit.

    A value is filled in once all that it refers to is, and is then a value as any other.

    Raises
    ------
    ConfigError
        If that cannot be, or gives more than any config has.
    """
    plain: Any = OmegaConf.to_container(cfg)
    waiting = dict(_referring(plain))
    if len(waiting) > MOST_REFERENCES:
        raise ConfigError(f"the config has more than {MOST_REFERENCES} references ${{…}}")
    for path in waiting:
        _below(plain, path[:-1])[path[-1]] = MISSING
    work = OmegaConf.create(plain)
    while waiting:
        left = {path: text for path, text in waiting.items() if not _fill_in(work, path, text)}
        if len(left) == len(waiting):
            path, text = next(iter(left.items()))
            raise ConfigError(f"{_dotted(path)}={short(text)}: refers to what has no value")
        waiting = dict(reversed(left.items()))  # of a chain one end can be filled in first
    found: Any = OmegaConf.to_container(work, resolve=True)
    return dict(found)


def _fill_in(work: Any, path: Path, text: str) -> bool:
    """Put the value of a reference in its place; False if it waits for another one."""
    place, key = _below(work, path[:-1]), path[-1]
    place[key] = text
    try:
        value = place[key]
        if OmegaConf.is_config(value):
            value = MISSING if OmegaConf.missing_keys(value) else OmegaConf.to_container(value)
    except InterpolationToMissingValueError:
        value = MISSING
    except RecursionError as error:
        raise ConfigError(f"{_dotted(path)}={short(text)}: refers to itself") from error
    except OmegaConfBaseException as error:
        told = short(str(error).partition("\n")[0])
        raise ConfigError(f"{_dotted(path)}={short(text)}: {told}") from error
    if _size(value) > MOST_SIGNS:
        raise ConfigError(f"{_dotted(path)}={short(text)}: gives more than {MOST_SIGNS} signs")
    if not (isinstance(value, str) and "${" in value):  # which were escaped, and stay so
        place[key] = value
    return value != MISSING


def _referring(node: Any, above: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every text with a reference, with the keys on the way to it."""
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _referring(value, (*above, key))
    elif isinstance(node, str) and "${" in node:
        yield above, node


def _below(node: Any, path: Path) -> Any:
    for key in path:
        node = node[key]
    return node


def _size(value: Any) -> int:
    if isinstance(value, dict | list):
        entries = value.values() if isinstance(value, dict) else value
        return sum(25 + _size(entry) for entry in entries)
    return len(str(value))


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))


def short(text: str) -> str:
    """A text as a sentence can hold it."""
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:79]}…"
