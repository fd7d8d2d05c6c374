"""Whether a name is that of a class, found out from source files: nothing is imported."""

from __future__ import annotations

import ast
import importlib.util
import os
from collections.abc import Iterator, Sequence
from importlib.machinery import PathFinder
from pathlib import Path

_MOST_STEPS = 5
"""Modules that a class may be imported through."""


def is_class_in_source(target: object, packages: Sequence[str], steps: int = _MOST_STEPS) -> bool:
    """Whether a dotted name is a class that a module of one of the packages defines.

    A module may also have it from another one of these packages, by `from … import`.
    """
    module, _, name = str(target).rpartition(".")
    if steps == 0 or not any(f"{module}.".startswith(f"{known}.") for known in packages):
        return False
    if not all(part.isidentifier() for part in module.split(".")):
        return False  # a part with a slash would lead out of the package
    for node in _statements(module):
        if isinstance(node, ast.ClassDef) and node.name == name:
            return True
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            source = next((one.name for one in node.names if (one.asname or one.name) == name), "")
            if source and is_class_in_source(f"{node.module}.{source}", packages, steps - 1):
                return True
    return False


def _statements(module: str) -> list[ast.stmt]:
    """What stands in the file of a module; nothing where there is none that can be read."""
    try:
        path = next((path for path in _files(*module.split(".")) if path.is_file()), None)
        return ast.parse(path.read_bytes()).body if path is not None else []
    except (ImportError, OSError, ValueError, SyntaxError, RecursionError):
        return []


def _files(first: str, *rest: str) -> Iterator[Path]:
    """Where the text of a module may be."""
    # Of a module on the top, which imports nothing. A training looks in its folder last, too.
    spec = importlib.util.find_spec(first) or PathFinder.find_spec(first, [os.getcwd()])
    if spec is None:
        return
    for place in map(Path, spec.submodule_search_locations or ()):
        yield place.joinpath(*rest, "__init__.py")
        if rest:
            yield place.joinpath(*rest).with_suffix(".py")
    if not rest and spec.origin and spec.has_location:
        yield Path(spec.origin)
