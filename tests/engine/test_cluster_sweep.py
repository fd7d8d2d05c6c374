"""Sweeps of `thesis-train` whose runs a real pool trains."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from engine.cli.train import main
from engine.facts import RunDir
from engine.launch.condor.client import Condor
from engine.launch.jobs import find_jobs
from engine.launch.record import read_job
from tests.engine.condor_pool import Pool
from tests.engine.launching import TINY, WAITING, WAITING_LOOP, wait_until

CLUSTER = ("-m", "hydra/launcher=htcondor", "launcher.memory=10MB", "launcher.disk=1MB")
HUGE = "1e30"


@pytest.fixture
def condor(pool: Pool) -> Iterator[Condor]:
    with Condor() as asked:
        yield asked
        asked.act("remove", "true", "the test is over")


def test_a_sweep_waits_for_its_runs_and_one_that_fails_hides_no_other(
    condor: Condor, capfd: pytest.CaptureFixture[str]
) -> None:
    words = [*TINY, "phase1.trainer.epochs=1", f"phase1.trainer.lr=1e-3,{HUGE},1e-4"]
    assert main([*CLUSTER, *words]) == 1
    told = capfd.readouterr()
    (job,) = find_jobs("outputs")
    states = {run.name.rpartition("_")[2]: run.state for run in job.runs}
    assert states == {"job0": "finished", "job1": "failed", "job2": "finished"}
    assert {run.sweep for run in job.runs} == {job.name}
    assert (job.state.state, job.handle.exit_code) == ("failed", 1)
    for run in job.runs:
        assert f"{run.name}: {run.sentence}" in told.out
        config = yaml.safe_load((RunDir(Path(run.path)).hydra / "config.yaml").read_text())
        assert config["launcher"]["memory"] == "10MB"
    assert "3 queued" in told.out  # all may end between two looks
    assert told.err == "", "what failed was told when it did"


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_the_jobs_go_on_without_the_command_and_it_comes_back_to_them(
    condor: Condor, own_folder: Path, signum: int
) -> None:
    (own_folder / "waiting_loop.py").write_text(WAITING_LOOP)
    words = [*CLUSTER, *WAITING, "phase1.trainer.seed=1,2"]
    command = [sys.executable, "-m", "engine", "train", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "queued" in line or "running" in line:
                break
        process.send_signal(signum)
        said = process.stdout.read()
    code = 128 + signum if signum != signal.SIGKILL else -signum
    assert process.returncode == code
    (sweep,) = Path("outputs/multiruns").iterdir()
    back = f"hydra.sweep.dir={os.path.relpath(sweep)}"
    if signum != signal.SIGKILL:
        assert f"the jobs of {sweep.name} go on without this command" in said
        assert f"{back}\n" in said
    runs = [RunDir(path) for path in Path("outputs/runs").iterdir()]
    wait_until(lambda: all(run.events.exists() for run in runs))
    (job,) = find_jobs("outputs")
    assert job.state.state == "running"
    for run in runs:
        run.stop.touch()
    assert main([*words, back]) == 1, "both were stopped"
    assert {run.path for run in runs} == {*Path("outputs/runs").iterdir()}
    assert len({one.job_id for run in runs if (one := read_job(run.launch))}) == len(runs) == 2


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer_ends_no_waiting(
    pool: Pool, condor: Condor, own_folder: Path
) -> None:
    (own_folder / "waiting_loop.py").write_text(WAITING_LOOP)
    words = [*CLUSTER, *WAITING, "phase1.trainer.seed=1,2"]
    command = [sys.executable, "-m", "engine", "train", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        runs = Path("outputs/runs")
        wait_until(lambda: len(list(runs.glob("*/facts/events.jsonl"))) == 2)
        with pool.frozen("schedd"):
            begun = time.monotonic()
            assert process.stdout is not None
            for line in process.stdout:
                if "not answering since" in line:
                    break
            assert process.poll() is None
            assert time.monotonic() - begun < 120
            for path in runs.iterdir():
                RunDir(path).stop.touch()
        process.stdout.read()
    assert process.returncode == 1
    (job,) = find_jobs("outputs")
    assert {run.state for run in job.runs} == {"stopped"}
