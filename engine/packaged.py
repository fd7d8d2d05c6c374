"""Where the files lie that belong to the package and are no code of it."""

from __future__ import annotations

from pathlib import Path

import engine

_PACKAGE = Path(engine.__file__).resolve().parent


def packaged(name: str) -> Path:
    """A file or folder, such as `configs`: in the package in a wheel, beside it in a checkout."""
    inside = _PACKAGE / name
    return inside if inside.exists() else _PACKAGE.parent / name
