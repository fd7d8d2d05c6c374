"""Where a run came from: the `meta` of its events.

Nothing is imported here for its own sake: what is known about torch or the config is asked of
the module only where the process has it loaded already, so that a reader of facts stays light.
"""

from __future__ import annotations

import functools
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import engine

HYDRA_JOB_ID = "THESIS_HYDRA_JOB_ID"
"""Environment variable in which the training command leaves the number of a sweep's job."""


def common_meta(run_id: str, cfg: Any) -> dict[str, Any]:
    """The entries that every event carries."""
    return {
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "run_id": run_id,
        "git_commit": git_commit(),
        "hostname": _hostname(),
        "cuda_info": cuda_info(),
        "seed": _seed(cfg),
        "hydra_job_id": os.environ.get(HYDRA_JOB_ID),
    }


def start_meta() -> dict[str, Any]:
    """The further entries of `on_start`: versions and the process."""
    torch = sys.modules.get("torch")
    return {
        "engine_version": engine.__version__,
        "torch_version": str(torch.__version__) if torch else None,
        "python_version": sys.version.split()[0],
        "pid": os.getpid(),
    }


def plain_config(cfg: Any) -> dict[str, Any] | None:
    """`cfg` with its interpolations resolved, as plain dictionaries and lists."""
    if cfg is None or type(cfg) is dict:
        return cfg
    omegaconf = sys.modules.get("omegaconf")
    if omegaconf and isinstance(cfg, omegaconf.DictConfig):
        return omegaconf.OmegaConf.to_container(cfg, resolve=True)
    return dict(cfg)


def _seed(cfg: Any) -> int | None:
    for key in ("phase1", "trainer", "seed"):
        cfg = cfg.get(key) if isinstance(cfg, Mapping) or hasattr(cfg, "get") else None
        if cfg is None:
            return None
    return cfg


@functools.cache
def _hostname() -> str:
    return socket.gethostname()


@functools.cache
def git_commit() -> str | None:
    """The commit of the checkout that `engine` runs from, as it was when this was asked first."""
    return commit_of_code()


def commit_of_code() -> str | None:
    """The commit of the checkout that `engine` lies in now; None for an installed wheel."""
    root = Path(engine.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def cuda_info() -> dict[str, Any] | None:
    """Name, number and memory of the GPU in use; None while no GPU is."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    return _describe_gpu(torch, torch.cuda.current_device())


@functools.cache
def _describe_gpu(torch: Any, index: int) -> dict[str, Any]:
    properties = torch.cuda.get_device_properties(index)
    return {
        "device": index,
        "name": properties.name,
        "memory_mib": properties.total_memory // 2**20,
        "cuda_version": torch.version.cuda,
    }
