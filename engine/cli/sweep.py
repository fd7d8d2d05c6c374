"""A run of a sweep: asked to end with it, and beside others in a process of its own."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.cli.attempt import Interrupt, remove_scratch
from engine.cli.console import console
from engine.errors import Stopped, TrainingError
from engine.facts.attempts import JOB_ID
from engine.facts.run_dir import RunDir

log = logging.getLogger("engine")

POLL_S = 1.0
"""How long the file `stop` of a sweep may stand before its runs see it."""


class ToldFailure(TrainingError):
    """A failure that another process of a sweep has told; its exit code matters still."""

    told = True

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@contextlib.contextmanager
def relayed(sweep_stop: Path | None, run_stop: Path) -> Iterator[None]:
    """While a run trains, the file `stop` of its sweep gives it one of its own."""
    if sweep_stop is None:
        yield
        return
    sweep_stop, run_stop = sweep_stop.absolute(), run_stop.absolute()
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(POLL_S):
            if sweep_stop.exists():
                with contextlib.suppress(OSError):
                    run_stop.touch()
                return

    thread = threading.Thread(target=look, name="sweep stop", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=2)


def left_out(cfg: Any) -> dict[str, Any]:
    """The training of a run that was asked to stop before its job began: it says so, no more."""
    from engine.facts import append_jsonl_event, build_event_payload

    log.info("left out, as it was asked to stop before it began")
    append_jsonl_event(".", build_event_payload("on_train_end", ".", stopped=True))
    if JOB_ID not in os.environ:  # else it may be started once more
        RunDir(Path()).stop.unlink(missing_ok=True)  # it has been obeyed
    return {}


class _Lines(io.TextIOBase):
    """Standard output without a terminal: several runs draw no bars over each other."""

    def write(self, text: str) -> int:
        return sys.__stdout__.write(text) if sys.__stdout__ else len(text)

    def flush(self) -> None:
        if sys.__stdout__:
            sys.__stdout__.flush()


@contextlib.contextmanager
def beside_others(job_number: str | None) -> Iterator[None]:
    """In a process of a sweep: messages with the number of the run; a signal ends this run only."""
    with contextlib.redirect_stdout(_Lines()), console(f"#{job_number}  "), Interrupt():
        try:
            yield
        except (KeyboardInterrupt, Stopped):
            return
        finally:
            remove_scratch()
