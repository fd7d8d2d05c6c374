"""A job that is interrupted on its node, on a real pool: its run has the numbers of any other."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.cli.train import main
from engine.facts import RunDir, read_events
from engine.facts.attempts import process_of, read_attempts
from engine.launch.condor import submit as condor_submit
from engine.launch.condor.client import Condor
from engine.launch.condor.jobs import submit
from engine.launch.job import HTCONDOR, JobHandle, JobSpec
from engine.launch.resources import Resources
from engine.library.index import summarise
from tests.conftest import long_form
from tests.engine.condor_pool import Pool
from tests.engine.interruptions import facts_of
from tests.engine.launching import wait_until

HELD_UP = """\
import itertools, os, time
from pathlib import Path
from engine.facts.time_limit import TimeLimit
from engine.training_loops import autoencoder, checkpoints
from engine.training_loops.session import Session

def unless_whole(patch):
    def train(cfg):
        if Path.cwd().name != "whole":
            patch()
        return autoencoder.train(cfg)
    return train

def first_time():
    if Path("held_up").exists():
        return False
    Path("held_up").touch()
    return True

@unless_whole
def in_a_step():
    progress, steps = Session.progress, itertools.count(1)
    def waits(self, *numbers):
        if next(steps) == 12 and first_time():
            while not self.stop_asked:
                time.sleep(0.02)
        progress(self, *numbers)
    Session.progress = waits

@unless_whole
def while_saving():
    replace_file, saves = checkpoints.replace_file, itertools.count(1)
    def half(handle):
        handle.write(b"half a checkpoint")
        handle.flush()
        time.sleep(600)
    def torn(path, write):
        torn = path.name == "last.pt" and next(saves) == 2 and first_time()
        replace_file(path, half if torn else write)
    checkpoints.replace_file = torn

@unless_whole
def for_long():
    looks = itertools.count(1)
    TimeLimit.is_near = lambda self: next(looks) == 45 and first_time()
"""
"""Trainings that wait, once, for what interrupts them; not in a run that is called `whole`."""

LOSS_WEIGHTS = "{token_mse: 1.0, id_cross_entropy: 0.1, globals_mse: 0.1, commitment: 0.25}"
WORDS = (
    *("phase1/latent_space=vq", "phase1.encoder.dropout=0.1", "phase1.trainer.epochs=4"),
    *("phase1.trainer.seed=7", "data.limit_samples=256", "data.batch_size=32"),
    *("logging.make_plots=false", "device=cpu", f"+ae.loss_weights={LOSS_WEIGHTS}"),
)
SMALL = Resources(memory="10MB", disk="1MB", time_limit="10min")

ten_times = pytest.mark.parametrize("number", long_form(*range(10)))


@pytest.fixture
def condor(pool: Pool, own_folder: Path) -> Iterator[Condor]:
    (own_folder / "held_up.py").write_text(HELD_UP)
    with Condor() as asked:
        yield asked
        asked.act("remove", "true", "the test is over")


def submitted(condor: Condor, how: str) -> JobHandle:
    words = (*WORDS, f"loop=held_up:{how}")
    return submit(JobSpec(words, Path("run").absolute(), target=HTCONDOR), SMALL, condor)


def state_of(job: JobHandle) -> str | None:
    """The state of a run that must not fail."""
    told = summarise(str(job.directory))
    assert told.state not in ("failed", "lost"), told.sentence
    return told.state


def check_like_a_whole_one(job: JobHandle, how: str, starts: int) -> None:
    """Wait for the end of a run, and compare it with one that nothing interrupted."""
    wait_until(lambda: state_of(job) == "finished", seconds=150)
    run_dir = RunDir(job.directory)
    assert main([*WORDS, f"loop=held_up:{how}", "hydra.run.dir=whole"]) == 0
    assert facts_of(run_dir) == facts_of(RunDir(Path("whole")))
    attempts = read_attempts(run_dir)
    assert [attempt.job_id for attempt in attempts] == [job.job_id] * starts
    begun = read_events(run_dir.path).of("on_start")
    told = [(one["meta"]["attempt"], one["meta"]["job_id"], one["meta"]["device"]) for one in begun]
    assert told == [(number, job.job_id, "cpu") for number in range(1, starts + 1)]
    assert [one["meta"]["hostname"] for one in begun] == [attempt.host for attempt in attempts]
    log = run_dir.log.read_text()
    assert (log.count("events to train on"), log.count("going on after")) == (starts, starts - 1)


@pytest.mark.slow
def test_a_job_whose_time_is_over_goes_on_at_its_next_start(condor: Condor) -> None:
    job = submitted(condor, "for_long")
    seen = set()

    def finished() -> bool:
        told = summarise(str(job.directory))
        assert told.state not in ("failed", "lost"), told.sentence
        seen.add((told.state, told.sentence))
        return told.state == "finished"

    wait_until(finished, seconds=150)
    over = "its time was over; saved after 2 of 4 epochs; waits for its next start"
    assert ("queued", over) in seen
    assert {state for state, _ in seen} == {"queued", "running", "finished"}
    check_like_a_whole_one(job, "for_long", starts=2)


@pytest.mark.slow
def test_a_job_that_is_evicted_goes_on_at_its_next_start(pool: Pool, condor: Condor) -> None:
    job = submitted(condor, "in_a_step")
    wait_until((job.directory / "held_up").exists)
    pool.call("condor_vacate_job", job.job_id or "")
    check_like_a_whole_one(job, "in_a_step", starts=2)


@pytest.mark.slow
def test_a_job_that_is_held_and_released_goes_on_at_its_next_start(condor: Condor) -> None:
    job = submitted(condor, "in_a_step")
    wait_until((job.directory / "held_up").exists)
    own = f'ThesisRunId =?= "{job.id}"'
    condor.act("hold", own, "let others go first")
    wait_until(lambda: state_of(job) == "held")
    condor.act("release", own, "now")
    check_like_a_whole_one(job, "in_a_step", starts=2)


@ten_times
def test_a_job_that_is_killed_while_it_saves_goes_on_from_the_checkpoint_before(
    pool: Pool, condor: Condor, number: int
) -> None:
    job = submitted(condor, "while_saving")
    wait_until((job.directory / "held_up").exists)
    pool.call("condor_vacate_job", "-fast", job.job_id or "")
    wait_until(lambda: len(read_attempts(RunDir(job.directory))) == 2)
    check_like_a_whole_one(job, "while_saving", starts=2)


@pytest.mark.slow
def test_a_run_whose_directory_is_removed_ends_and_does_not_make_it_anew(condor: Condor) -> None:
    job = submitted(condor, "in_a_step")
    wait_until((job.directory / "held_up").exists)
    (attempt,) = read_attempts(RunDir(job.directory))
    shutil.rmtree(job.directory)
    own = f'ThesisRunId =?= "{job.id}"'
    condor.act("hold", own, "so that it saves")
    wait_until(lambda: process_of(attempt) == "gone")
    assert not job.directory.exists()


@ten_times
def test_a_job_whose_node_dies_is_started_again_once_its_lease_is_over(
    pool: Pool, condor: Condor, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(condor_submit, "LEASE_S", 30)
    job = submitted(condor, "in_a_step")
    wait_until((job.directory / "held_up").exists)
    (attempt,) = read_attempts(RunDir(job.directory))
    starter, startd = pool.parent_of(attempt.pid or 0), pool.process("startd")
    for pid in (startd, starter, attempt.pid or 0):  # at once, as a node that loses its power
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    told: list[tuple[str | None, str | None]] = []

    def finished() -> bool:
        summary = summarise(str(job.directory))
        told.append((summary.state, summary.sentence))
        return summary.state == "finished"

    wait_until(finished, seconds=150)
    cut_off = [sentence for state, sentence in told if state == "running"]
    assert any("; its node cannot be reached since" in (one or "") for one in cut_off)
    assert any(state == "queued" and "expired" in (one or "") for state, one in told)
    check_like_a_whole_one(job, "in_a_step", starts=2)
