"""What a start by HTCondor does with a run that it has started before, as on its node."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from engine.cli import main
from engine.facts import RunDir, read_events
from engine.facts.attempts import JOB_ID
from engine.launch.job import HTCONDOR, ID_VARIABLE, JobSpec
from engine.launch.record import NO_PROCESS, new_entries, read_job, write_record
from engine.library.index import summarise
from engine.training_loops.objective import Objective
from tests.conftest import TINY
from tests.engine.test_resume import call_before

WORDS = (*TINY, "data.batch_size=64", "phase1.trainer.seed=7", "evaluation.enabled=false")
"""Of a training with four steps in each of two epochs."""
SIXTH = (Objective, "train_batch", 6)


@pytest.fixture
def run_dir(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> RunDir:
    """A job that HTCondor has, on its node."""
    run_dir = RunDir(own_folder / "outputs" / "runs" / "run")
    run_dir.facts.mkdir(parents=True)
    spec = JobSpec(WORDS, run_dir.path, target=HTCONDOR)
    more = {"id": "abc", "job_id": "12.0", "state": "queued"}
    write_record(run_dir.launch, new_entries(spec, **NO_PROCESS, **more))
    monkeypatch.setenv(ID_VARIABLE, "abc")
    monkeypatch.setenv(JOB_ID, "12.0")
    return run_dir


def start(run_dir: RunDir) -> int:
    """Start it, as the script on the node does; the exit code."""
    return main(["train", "--launch", str(run_dir.launch)])


def evict() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def sent_away(run_dir: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start it, and send it away in its second epoch."""
    with monkeypatch.context() as patch:
        call_before(patch, *SIXTH, evict)
        assert start(run_dir) == 128 + signal.SIGTERM
    assert run_dir.last.exists()


def starts(run_dir: RunDir) -> int:
    return len(read_events(run_dir.path).of("on_start"))


@pytest.mark.parametrize("kind", ["run", "resume"])
def test_a_run_that_was_asked_to_stop_does_not_go_on_though_it_was_sent_away(
    run_dir: RunDir, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with monkeypatch.context() as patch:
        call_before(patch, *SIXTH, run_dir.stop.touch)
        sent_away(run_dir, monkeypatch)
    assert run_dir.stop.exists()
    entries = json.loads(run_dir.launch.read_text())
    own = {} if kind == "run" else {"kind": kind, "overrides": []}
    write_record(run_dir.launch, entries | own)
    assert start(run_dir) == 0
    assert starts(run_dir) == 1
    assert summarise(str(run_dir.path)).sentence == "stopped after 1 of 2 epochs"
    job = read_job(run_dir.launch)
    assert job is not None
    assert (job.state, job.exit_code) == ("ended", 0)


def test_a_job_that_stopped_as_asked_does_not_go_on_where_it_is_sent_away_at_its_end(
    run_dir: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        call_before(patch, *SIXTH, run_dir.stop.touch)
        assert start(run_dir) == 0
    for _ in range(2):
        assert start(run_dir) == 0
    assert starts(run_dir) == 1
    assert summarise(str(run_dir.path)).state == "stopped"


@pytest.mark.parametrize("signalled", [False, True])
def test_a_training_of_this_machine_keeps_the_file_where_a_signal_ended_it_too(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, signalled: bool
) -> None:
    """Whoever sends the signal may start it again by itself, as a job of another scheduler."""
    words = [*WORDS, "hydra.run.dir=run", "run.resume=auto"]
    with monkeypatch.context() as patch:
        call_before(patch, *SIXTH, Path("run/stop").absolute().touch)
        if signalled:
            call_before(patch, *SIXTH, evict)
        assert main(["train", *words]) == (128 + signal.SIGTERM if signalled else 0)
    assert Path("run/stop").exists() is signalled
    assert main(["train", *words]) == 0
    assert starts(RunDir(Path("run"))) == (1 if signalled else 2)
    assert not Path("run/stop").exists(), "it has been obeyed"
