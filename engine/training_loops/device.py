"""Which device a training runs on, and how much memory it has taken there."""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path
from typing import Any

import torch

from engine.errors import ConfigError, TrainingError


def resolve_device(cfg: Any) -> torch.device:
    """`device=auto` takes a GPU where there is one.

    Raises
    ------
    ConfigError
        If CUDA is asked for and there is none, or the device is unknown.
    """
    wanted = cfg.get("device", "auto")
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise ConfigError(f"device={wanted}: choose auto, cpu or cuda") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            f"device={wanted}, but torch finds no GPU here",
            "Use device=auto or device=cpu, or install a build of torch with CUDA.",
        )
    return device


def reset_max_memory(device: torch.device) -> None:
    """Begin to measure anew, so that a run of a sweep does not show the memory of another."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with contextlib.suppress(OSError):  # not Linux: the peak of the process is all there is
        Path("/proc/self/clear_refs").write_text("5")


def max_memory_mib(device: torch.device) -> float:
    """The largest memory since `reset_max_memory`, in MiB.

    That of tensors on a GPU, and of the process elsewhere.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    with contextlib.suppress(OSError, StopIteration):
        status = Path("/proc/self/status").read_text().splitlines()
        line = next(line for line in status if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch, or the system, had no memory left."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    words = ("can't allocate memory", "ALLOC_FAILED")
    return isinstance(error, RuntimeError) and any(word in str(error) for word in words)


def out_of_memory(cfg: Any, device: torch.device, where: str) -> TrainingError:
    """The error for a lack of memory, with the values that would help."""
    accumulate = cfg.phase1.trainer.get("accumulate_batches", 1)
    hidden = [
        f"phase1.{part}.hidden_dims (now {list(cfg.phase1[part].hidden_dims)})"
        for part in ("encoder", "decoder")
        if part in cfg.phase1 and "hidden_dims" in cfg.phase1[part]
    ]
    smaller = f" Or make the model smaller: {' and '.join(hidden)}." if hidden else ""
    return TrainingError(
        f"out of memory on {device}{where}",
        f"Halve data.batch_size (now {cfg.data.batch_size}) and double phase1.trainer."
        f"accumulate_batches (now {accumulate}), which trains almost the same.{smaller}",
    )
