"""Where the files that belong to the package lie, in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

import engine

_PACKAGE = Path(engine.__file__).resolve().parent


def config_dir() -> Path:
    """The folder `configs/`: inside the package in a wheel, beside it in a checkout."""
    inside = _PACKAGE / "configs"
    return inside if inside.is_dir() else _PACKAGE.parent / "configs"


def sample_dir() -> Path:
    """The folder with the sample of simulated collisions."""
    return _PACKAGE / "data" / "samples"
