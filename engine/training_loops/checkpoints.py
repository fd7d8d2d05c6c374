"""Checkpoints: written whole or not at all, read without executing anything."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import torch

from engine.errors import FactsError
from engine.facts.files import replace_file
from engine.facts.run_dir import RunDir

FORMAT = 2
"""Version of what `last.pt` holds."""


def save_last(run_dir: RunDir, state: dict[str, Any], *, epoch: int, step: int) -> None:
    """Write `last.pt`: all it takes to go on after `epoch` whole epochs and `step` steps.

    Raises
    ------
    FactsError
        If it cannot be written; the one before is then intact.
    """
    _save(run_dir.last, last_record(state, epoch=epoch, step=step))


def last_record(state: dict[str, Any], *, epoch: int, step: int) -> dict[str, Any]:
    """What `last.pt` holds."""
    return {"format": FORMAT, "epoch": epoch, "step": step} | state


def save_best(run_dir: RunDir, weights: dict[str, Any]) -> None:
    """Write `best_val.pt`, a plain state_dict, and point `model.pt` at it."""
    _save(run_dir.best, weights)
    run_dir.link_model()


def _save(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint by way of memory: torch hides what the system says of a full disk."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    replace_file(path, lambda handle: handle.write(buffer.getbuffer()))


def size_as_saved(content: dict[str, Any]) -> int:
    """Bytes of the file that a checkpoint with this content is; nothing is written."""
    counter = _Counter()
    torch.save(content, counter)
    return counter.n_bytes


class _Counter(io.BytesIO):
    """A file that keeps nothing but how much was written to it."""

    n_bytes = 0

    def write(self, data: Any) -> int:
        """Count the bytes of `data`."""
        n_bytes = memoryview(data).nbytes
        self.n_bytes += n_bytes
        return n_bytes


def load_last(run_dir: RunDir) -> dict[str, Any]:
    """What `save_last` wrote, on the CPU; nothing in it is executed.

    Raises
    ------
    FactsError
        If there is no `last.pt`, it is damaged, or another version wrote it.
    """
    state = load_checkpoint(run_dir.last)
    found = state.get("format") if isinstance(state, dict) else None
    if found != FORMAT:
        raise FactsError(
            f"{run_dir.last} has format {found}, and this version goes on from {FORMAT} only",
            "Its weights can still be read; start a new run to train on.",
        )
    counts = (state.get("epoch"), state.get("step"))
    time_s = state.get("total_time_s")
    if not all(type(n) is int and n >= 0 for n in counts) or not isinstance(time_s, int | float):
        raise FactsError(f"{run_dir.last} is damaged: it does not say how far the run was")
    return state


def load_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The tensors and plain values of a checkpoint, on the CPU; nothing in it is executed.

    Raises
    ------
    FactsError
        If there is no such file, or it is no checkpoint.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise FactsError(f"{path} is no regular file")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise FactsError(f"there is no checkpoint {path}") from error
    except Exception as error:  # torch raises its own kinds, and pickle's, for a damaged file
        raise FactsError(f"{path} is not a checkpoint that can be read safely: {error}") from error
