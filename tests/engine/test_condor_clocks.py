"""Clocks that are off by an hour change no state: of the node, of who submitted, of the files.

Each of the three machines gives times of its own: the events and the attempts have those of the
node, the record that of who submitted, and every file one of its server.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from engine.facts import RunDir
from engine.facts.attempts import begin_attempt
from engine.launch.going_on import entries_before
from engine.launch.job import HTCONDOR, JobSpec
from engine.launch.record import NO_PROCESS, new_entries, write_record
from engine.library.index import Index, summarise
from tests.engine.test_condor_log import EXECUTE, HELD, RELEASED, SUBMIT
from tests.engine.test_condor_state import EVICTED, run_dir, tell  # noqa: F401 - a fixture

_TIME = re.compile(r"(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d)([.\d]*(?:\+00:00|Z))")


def queued(run_dir: RunDir) -> None:  # noqa: F811
    run_dir.job_log.write_text(SUBMIT)


def running(run_dir: RunDir) -> None:  # noqa: F811
    run_dir.job_log.write_text(SUBMIT + EXECUTE)
    attempt = begin_attempt(run_dir, "12.0")
    own = json.loads(attempt.path.read_text())
    attempt.path.write_text(json.dumps(own | {"host": "wn-1", "boot_id": "other"}))
    rewritten(attempt.path, seconds=-600)
    older(run_dir, 600)
    os.utime(attempt.path)
    tell(run_dir, "on_start")
    tell(run_dir, "on_epoch_end", epoch=0)


def held(run_dir: RunDir) -> None:  # noqa: F811
    running(run_dir)
    older(run_dir, 120)
    run_dir.job_log.write_text(SUBMIT + EXECUTE + HELD)


def waiting_again(run_dir: RunDir) -> None:  # noqa: F811
    running(run_dir)
    tell(run_dir, "on_train_end", stopped=True)
    run_dir.job_log.write_text(SUBMIT + EXECUTE + EVICTED)


def released(run_dir: RunDir) -> None:  # noqa: F811
    held(run_dir)
    run_dir.job_log.write_text(SUBMIT + EXECUTE + HELD + RELEASED)


def finished(run_dir: RunDir) -> None:  # noqa: F811
    running(run_dir)
    tell(run_dir, "on_train_end")


def submitted_again(run_dir: RunDir) -> None:  # noqa: F811
    finished(run_dir)
    older(run_dir, 10)  # somebody looked at it, and let it go on
    spec = JobSpec((), run_dir.path, resume=True, target=HTCONDOR)
    entries = new_entries(spec, **NO_PROCESS, id="def", state="queued")
    write_record(run_dir.launch, entries | entries_before(run_dir))


def node(run_dir: RunDir, hours: int) -> None:  # noqa: F811
    for path in (run_dir.events, *run_dir.attempts.glob("*.json")):
        rewritten(path, 3600 * hours)


def submitter(run_dir: RunDir, hours: int) -> None:  # noqa: F811
    rewritten(run_dir.launch, 3600 * hours)


def server(run_dir: RunDir, hours: int) -> None:  # noqa: F811
    older(run_dir, -3600 * hours)


def rewritten(path: Path, seconds: float) -> None:
    """Tell other times, with the file's own as it was."""
    if not path.exists():
        return
    status = os.stat(path)

    def moved(found: re.Match[str]) -> str:
        at = datetime.fromisoformat(found[1]) + timedelta(seconds=seconds)
        return at.isoformat() + found[2]

    text, number = _TIME.subn(moved, path.read_text())
    assert number
    path.write_text(text)
    os.utime(path, (status.st_atime, status.st_mtime))


def older(run_dir: RunDir, seconds: float) -> None:  # noqa: F811
    """Give all files and folders times so many seconds before."""
    for path in (*run_dir.path.rglob("*"), run_dir.path):
        at = os.stat(path).st_mtime - seconds
        os.utime(path, (at, at))


@pytest.mark.parametrize("hours", [-1, 1])
@pytest.mark.parametrize("whose", [node, submitter, server])
@pytest.mark.parametrize(
    ("stage", "state"),
    [
        (queued, "queued"),
        (running, "running"),
        (held, "held"),
        (waiting_again, "queued"),
        (released, "queued"),
        (finished, "finished"),
        (submitted_again, "queued"),
    ],
)
def test_a_clock_that_is_off_by_an_hour_changes_no_state(
    run_dir: RunDir,  # noqa: F811
    stage: Callable[[RunDir], None],
    state: str,
    whose: Callable[[RunDir, int], None],
    hours: int,
) -> None:
    stage(run_dir)
    assert summarise(run_dir.path).state == state
    whose(run_dir, hours)
    assert summarise(run_dir.path).state == state
    (run,) = Index("outputs").refresh()
    assert run.state == state
