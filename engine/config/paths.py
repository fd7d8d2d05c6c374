"""Where the files that belong to the package lie, in a checkout and in an installed wheel."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import engine

_PACKAGE = Path(engine.__file__).resolve().parent


def config_dir() -> Path:
    """The folder `configs/`: inside the package in a wheel, beside it in a checkout."""
    inside = _PACKAGE / "configs"
    return inside if inside.is_dir() else _PACKAGE.parent / "configs"


def sample_dir() -> Path:
    """The folder with the sample of simulated collisions."""
    return _PACKAGE / "data" / "samples"


def make_paths_absolute(cfg: Any) -> None:
    """Paths of the config as seen from where the command was typed, not from the run directory."""
    places = ((cfg.env, "data_root"), (cfg.env, "output_root"), (cfg.data, "root"))
    for node, key in (*places, (cfg.data, "path")):
        if isinstance(node.get(key), str) and "://" not in node[key]:
            node[key] = os.path.abspath(os.path.expanduser(node[key]))
