"""What the tests of launching share: jobs of real trainings, ended whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.launch.job import JobHandle, JobSpec
from engine.launch.local import submit
from engine.launch.record import read_job

TINY = (
    "data.limit_samples=64",
    "phase1.trainer.epochs=2",
    "logging.make_plots=false",
    "device=cpu",
)
QUICK_LOOP = """\
from engine.facts import append_jsonl_event, build_event_payload

def train(cfg):
    for moment in ("on_start", "on_train_end"):
        append_jsonl_event(".", build_event_payload(moment, "."))
"""
"""A training that loads no torch."""
WAITING_LOOP = """\
import itertools, time
from pathlib import Path
from engine.facts import append_jsonl_event, build_event_payload

def tell(moment, **more):
    append_jsonl_event(".", build_event_payload(moment, ".", **more))

def train(cfg):
    tell("on_start")
    for epoch in itertools.count():
        tell("on_epoch_end", epoch=epoch)
        if Path("stop").exists():
            break
        time.sleep(0.05)
    tell("on_train_end", stopped=True)
"""
"""One that goes on until the file `stop` is there, and loads no torch either."""
WAITING = ("loop=waiting_loop:train", "logging.make_plots=false")
QUICK = ("loop=quick_loop:train", "logging.make_plots=false")
LONG = (*TINY, "phase1.trainer.epochs=100000", "logging.progress_every_s=0.05")


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait for a condition that comes true within a minute."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come so far in time"
        time.sleep(0.02)


def written_ago(path: Path, seconds: float) -> None:
    """Let a file be as old as it will be after so many seconds more."""
    at = os.stat(path).st_mtime - seconds
    os.utime(path, (at, at))


class Jobs:
    """Starts jobs in this folder and knows how they are."""

    def __init__(self) -> None:
        self.started: list[JobHandle] = []

    def submit(self, *words: str, name: str = "run", **more: object) -> JobHandle:
        """Start `words` in `outputs/runs/NAME`, a sweep in `outputs/multiruns/NAME`."""
        folder = "multiruns" if more.get("sweep") else "runs"
        directory = Path("outputs", folder, name).absolute()
        return self.watch(submit(JobSpec(words, directory, **more)))  # type: ignore[arg-type]

    def watch(self, handle: JobHandle) -> JobHandle:
        """End a job, too, when the test ends."""
        self.started.append(handle)
        return handle

    def ended(self, handle: JobHandle) -> JobHandle:
        """The record of a job once its process has ended."""
        wait_until(lambda: handle.process() != "alive")
        told = read_job(handle.path)
        assert told is not None
        return told

    def end(self) -> None:
        """Kill what is left."""
        for handle in self.started:
            if handle.pid is not None and handle.process() == "alive":
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(handle.pid, signal.SIGKILL)
                wait_until(lambda one=handle: one.process() != "alive")  # type: ignore[misc]


@pytest.fixture
def jobs(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    """Jobs that this test starts."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (own_folder / "quick_loop.py").write_text(QUICK_LOOP)
    (own_folder / "waiting_loop.py").write_text(WAITING_LOOP)
    started = Jobs()
    yield started
    started.end()
