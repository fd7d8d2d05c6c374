"""What the tests of interrupted trainings share: ending one at will, and comparing facts."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.cli.train import main
from engine.facts import RunDir, read_events, read_scalars
from engine.training_loops.checkpoints import load_checkpoint

SYSTEM_CALLS = ("mkdir", "open", "write", "fsync", "replace", "symlink", "ftruncate", "unlink")

RUN = "run"
"""Name of the run directory in the folder of a test."""

EVERYTHING = [
    f"hydra.run.dir={RUN}",
    "run.resume=auto",
    "run.checkpoint_every_s=0.02",
    "phase1/latent_space=vq",
    "phase1.latent_space.codebook_size=16",
    "phase1.latent_space.revive_every=5",
    "phase1.encoder.dropout=0.1",
    "phase1.trainer.epochs=4",
    "phase1.trainer.accumulate_batches=3",
    "phase1.trainer.schedule=cosine",
    "phase1.trainer.warmup_epochs=0.5",
    "phase1.trainer.clip_grad_norm=1.0",
    "phase1.trainer.early_stopping.patience=3",
    "data.limit_samples=320",
    "data.batch_size=32",
    "logging.make_plots=false",
    "logging.progress_every_s=0.01",
    "device=cpu",
]
"""A training that uses all there is to go on with: randomness, a codebook, a schedule, gradients
that wait for further batches, early stopping."""

_TIMES = {"epoch_time_s", "total_time_s", "throughput", "max_memory_mib"}
"""What differs between two equal runs."""


def train(folder: Path, *words: str) -> int:
    """Train in `folder` in this process; the exit code."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        return main([*EVERYTHING, *words])
    finally:
        os.chdir(before)


def train_and_die(
    folder: Path,
    words: list[str],
    *,
    at_call: int | None = None,
    after_s: float | None = None,
) -> bool:
    """Train in a fork of this process that is killed; whether it was, or had ended before.

    Parameters
    ----------
    at_call
        It kills itself just before this system call, counted from 1.
    after_s
        It is killed after this many seconds.
    """
    child = os.fork()
    if child == 0:
        _die_at(folder, words, at_call)
    timer = threading.Timer(after_s, os.kill, (child, signal.SIGKILL)) if after_s else None
    if timer:
        timer.start()
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    if timer:
        timer.cancel()
        timer.join()
    _, status = os.waitpid(child, 0)
    assert status == 0 or os.WIFSIGNALED(status), f"the training failed: {status}"
    return os.WIFSIGNALED(status)


def _die_at(folder: Path, words: list[str], at_call: int | None) -> None:
    """The life of the child."""
    os.chdir(folder)
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - ends with the process
    if at_call is not None:
        count = itertools.count(1)
        for name in SYSTEM_CALLS:
            setattr(os, name, _dying(getattr(os, name), count, at_call))
    os._exit(main(words))


def _dying(call: Callable[..., Any], count: Iterator[int], at_call: int) -> Callable[..., Any]:
    """`call`, but the process is gone when it is the one whose turn it is."""

    def wrapped(*arguments: Any, **named: Any) -> Any:
        if next(count) == at_call:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **named)

    return wrapped


def check_readable(run: RunDir) -> None:
    """Every reader accepts every file of a run that was killed; no line is lost or doubled."""
    if not run.facts.is_dir():
        return  # killed before the directory was a run's own
    log, rows = read_events(run.path), read_scalars(run.path)
    epochs = [record["epoch"] for record in log.of("on_epoch_end")]
    assert (log.skipped, log.torn) == (0, False)
    assert epochs == list(range(len(epochs)))
    assert len([row for row in rows if row["split"] == "val"]) - len(epochs) in (0, 1)
    for path in (run.last, run.best, run.model):
        if path.exists():
            assert load_checkpoint(path)


def facts_of(run: RunDir) -> dict[str, Any]:
    """All that the facts of a run say, but for times, memory, heartbeats and who wrote them."""
    log = read_events(run.path)
    ended = [r for r in log.records if r["moment"] in ("on_epoch_end", "on_test_end")]
    ended += log.of("on_train_end")[-1:]
    return {
        "events": [_timeless(record) for record in ended],
        "rows": [_timeless(row) for row in read_scalars(run.path)],
    }


def _timeless(record: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in record.items() if k not in _TIMES | {"meta", "run_dir"}}
    if "histories" in kept:
        kept["histories"] = {k: v for k, v in kept["histories"].items() if k not in _TIMES}
    return kept
