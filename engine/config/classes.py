"""Whether a name is that of a class, found out from source files: nothing is imported."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Sequence
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
    first, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(first)  # of a package on the top, which imports nothing
        places = [Path(place) for place in (spec and spec.submodule_search_locations) or ()]
        for place in places:
            for path in (place.joinpath(*rest, "__init__.py"), _beside(place, rest)):
                if path is not None and path.is_file():
                    return ast.parse(path.read_bytes()).body
    except (ImportError, OSError, ValueError, SyntaxError, RecursionError):
        return []
    return []


def _beside(place: Path, rest: Sequence[str]) -> Path | None:
    return place.joinpath(*rest).with_suffix(".py") if rest else None
