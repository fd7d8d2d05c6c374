"""The keys of a config file, found without making its values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml
from yaml.constructor import ConstructorError
from yaml.error import MarkedYAMLError
from yaml.nodes import MappingNode, Node

# The parser in C takes a tenth of the time, where there is one.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def file_keys(path: Path) -> list[str]:
    """The dotted keys of the values in a YAML file; lists and empty nodes are values.

    Raises
    ------
    yaml.YAMLError
        If it is no YAML, or has a key twice; tells the line.
    OSError, ValueError
        If it cannot be read, or is no text.
    """
    node = yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER)
    return list(_keys(node, "")) if isinstance(node, MappingNode) else []


def where_wrong(error: MarkedYAMLError) -> str:
    """Line, column and what is wrong there, in one line."""
    mark = error.problem_mark or error.context_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return place + ", ".join(filter(None, [error.problem, error.context]))


def _keys(node: MappingNode, prefix: str) -> Iterator[str]:
    seen: set[str] = set()
    for key, value in node.value:
        name = f"{prefix}{key.value}"
        if name in seen:
            raise ConstructorError(
                "while reading keys", node.start_mark, f"found {name} twice", key.start_mark
            )
        seen.add(name)
        if _has_keys(value):
            yield from _keys(value, f"{name}.")
        else:
            yield name


def _has_keys(node: Node) -> bool:
    return isinstance(node, MappingNode) and bool(node.value)
