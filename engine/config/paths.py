"""Where the files that belong to the package lie, in a checkout and in an installed wheel."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from engine.packaged import packaged

_COPY: ContextVar[Path | None] = ContextVar("copy of the configs", default=None)


def config_dir() -> Path:
    """The folder with our config groups: `configs/`, or the copy that a job composes from."""
    return _COPY.get() or packaged("configs")


@contextlib.contextmanager
def composing_from(copy: Path | None) -> Iterator[None]:
    """Compose from a copy of our config groups for as long as the block runs, if there is one."""
    token = _COPY.set(copy)
    try:
        yield
    finally:
        _COPY.reset(token)


def sample_dir() -> Path:
    """The folder with the sample of simulated collisions."""
    return packaged("data/samples")


def make_paths_absolute(cfg: Any) -> None:
    """Paths of the config as seen from where the command was typed, not from the run directory."""
    places = ((cfg.env, "data_root"), (cfg.env, "output_root"), (cfg.data, "root"))
    for node, key in (*places, (cfg.data, "path")):
        if isinstance(node.get(key), str) and "://" not in node[key]:
            node[key] = os.path.abspath(os.path.expanduser(node[key]))
