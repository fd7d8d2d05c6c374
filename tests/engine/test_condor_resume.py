"""Runs that go on as jobs of a real pool, wherever they trained before."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from engine.cli import main
from engine.errors import LaunchError
from engine.facts import RunDir, read_events
from engine.facts.attempts import read_attempts
from engine.launch.condor.client import Condor, CouldNotAsk
from engine.launch.condor.doubt import IN_DOUBT_S
from engine.launch.job import HTCONDOR, JobSpec
from engine.launch.record import read_job
from engine.launch.resources import Resources
from engine.launch.submission import submit, submit_again
from engine.library.index import summarise
from tests.engine.condor_pool import Pool
from tests.engine.launching import TINY, wait_until, written_ago
from tests.engine.test_condor_runs import LONG, SMALL, Deafer, condor, jobs_of  # noqa: F401

LITTLE = ("launcher.memory=10MB", "launcher.disk=1MB")


@pytest.fixture
def trained(own_folder: Path) -> RunDir:
    """A run that trained here for two epochs, and was asked to stop too late."""
    assert main(["train", *TINY]) == 0
    (path,) = Path("outputs/runs").absolute().iterdir()
    (path / "stop").touch()
    return RunDir(path)


def going_on(run_dir: RunDir, *words: str) -> JobSpec:
    return JobSpec(words, run_dir.path, resume=True, target=HTCONDOR)


def epochs(run_dir: RunDir) -> list[int]:
    records = read_events(run_dir.path).records
    return [record["epoch"] for record in records if record["moment"] == "on_epoch_end"]


def test_a_run_of_this_machine_goes_on_as_a_job_and_then_here_again(
    condor: Condor,  # noqa: F811
    trained: RunDir,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--resume", "last", "--epochs", "3", *LITTLE, "launcher.cpus=2", "--wait"]
    assert main(["submit", *words]) == 0
    assert epochs(trained) == [0, 1, 2]
    entries = json.loads(trained.launch.read_text())
    assert (entries["kind"], entries["state"], entries["exit_code"]) == ("resume", "ended", 0)
    assert entries["overrides"] == ["phase1.trainer.epochs=3"]
    asked = {name: entries["resources"][name] for name in ("cpus", "memory", "disk")}
    assert asked == {"cpus": 2, "memory": "10MB", "disk": "1MB"}
    assert main(["submit", "--resume", "last"]) == 2
    assert "has finished 3 epochs" in capsys.readouterr().err
    assert main(["resume", "last", "--epochs", "4"]) == 0
    assert (epochs(trained), summarise(trained.path).state) == ([0, 1, 2, 3], "finished")


@pytest.mark.slow
def test_a_resumed_run_that_is_evicted_goes_on_at_its_second_start(
    pool: Pool,
    condor: Condor,  # noqa: F811
    own_folder: Path,
) -> None:
    first = submit(JobSpec(LONG, own_folder / "outputs/runs/run", target=HTCONDOR), SMALL, condor)
    run_dir = RunDir(first.directory)
    wait_until(lambda: len(epochs(run_dir)) > 1)
    run_dir.stop.touch()
    wait_until(lambda: summarise(run_dir.path).state == "stopped")
    wait_until(lambda: not jobs_of(condor, first.id))
    job = submit(going_on(run_dir, "logging.make_plots=false"), SMALL, condor)
    told = json.loads(run_dir.launch.read_text())
    assert [one["id"] for one in told["earlier"]] == [first.id]
    assert not run_dir.stop.exists()
    before = len(epochs(run_dir))
    wait_until(lambda: len(epochs(run_dir)) > before)
    pool.call("condor_vacate_job", job.job_id or "")
    wait_until(lambda: len(read_attempts(run_dir)) == 3)
    before = len(epochs(run_dir))
    wait_until(lambda: len(epochs(run_dir)) > before)
    run_dir.stop.touch()
    wait_until(lambda: summarise(run_dir.path).state == "stopped")
    assert epochs(run_dir) == list(range(len(epochs(run_dir))))


def test_what_a_refused_resumption_has_changed_is_put_back(
    condor: Condor,  # noqa: F811
    trained: RunDir,
) -> None:
    wrong = Resources(requirements="a ===")
    with pytest.raises(LaunchError, match="did not take the job"):
        submit(going_on(trained, "phase1.trainer.epochs=3"), wrong, condor)
    assert (trained.launch.exists(), trained.stop.exists()) == (False, True)
    assert summarise(trained.path).state == "finished"


def test_a_resumption_that_is_in_doubt_counts_as_queued_and_is_not_begun_twice(
    condor: Condor,  # noqa: F811
    trained: RunDir,
    capsys: pytest.CaptureFixture[str],
) -> None:
    never = Resources(memory="10MB", disk="1MB", requirements="false")
    with Deafer() as deaf, pytest.raises(CouldNotAsk):
        submit(going_on(trained, "phase1.trainer.epochs=3"), never, deaf)
    assert summarise(trained.path).state == "queued"
    assert main(["submit", "--resume", "last", "--epochs", "3"]) == 2
    assert "is queued" in capsys.readouterr().err
    job = read_job(trained.launch)
    assert job is not None
    written_ago(job.path, IN_DOUBT_S)
    assert submit_again(trained.path, condor).state == "queued"
    assert len(jobs_of(condor, job.id)) == 1
    os.stat(trained.last)
