"""Sweeps: points that are left out, several runs at once, and how they end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import engine.cli.train
from engine.config.composer import Composer
from engine.config.points import points
from engine.facts import RunDir
from engine.facts.sweep_dir import SweepDir
from engine.launch.control import ask_job_to_stop
from engine.launch.jobs import Job, find_jobs
from engine.launch.record import read_job
from tests.conftest import long_form
from tests.engine.launching import LONG, QUICK, WAITING, Jobs, jobs, wait_until

__all__ = ["jobs"]

SEEDED_LOOP = """\
from engine.facts import append_jsonl_event, build_event_payload

def train(cfg):
    if cfg.phase1.trainer.seed == 2:
        raise RuntimeError("two is no good")
    for moment in ("on_start", "on_train_end"):
        append_jsonl_event(".", build_event_payload(moment, "."))
"""


def seeds_of(runs: Path) -> dict[str, str]:
    """Name to what was swept."""
    found = {}
    for path in sorted(runs.iterdir()):
        job = read_job(RunDir(path).launch)
        words = job.overrides if job else ()
        found[path.name.rpartition("_")[2]] = " ".join(w for w in words if "seed" in w)
    return found


def test_points_are_left_out_in_the_order_in_which_they_are_listed(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own_folder / "quick_loop.py").write_text(SEEDED_LOOP)
    words = ["phase1.trainer.seed=1,3,4", "phase1.trainer.epochs=5,6"]
    listed = points(Composer(), words)
    command = ["-m", *words, *QUICK, "hydra.sweeper.leave_out=[0,3,4]"]
    assert engine.cli.train.main(command) == 0
    told = [
        tuple(line.partition(" : ")[2].split()[:2])
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("\t#")
    ]
    assert told == [listed[number].overrides for number in (1, 2, 5)]


@pytest.mark.parametrize(
    ("numbers", "said"), [("[7,1]", "there is no point 7"), ("[0,1,2]", "no point of the sweep is")]
)
def test_a_point_that_is_not_there_cannot_be_left_out(
    own_folder: Path, capsys: pytest.CaptureFixture[str], numbers: str, said: str
) -> None:
    command = ["-m", "phase1.trainer.seed=1,2,3", f"hydra.sweeper.leave_out={numbers}"]
    assert engine.cli.train.main(command) == 2
    assert said in capsys.readouterr().err
    assert not Path("outputs/runs").exists()


def only(found: list[Job]) -> Job:
    (job,) = found
    return job


def test_several_runs_of_a_sweep_train_at_once_and_one_that_fails_ends_no_other(jobs: Jobs) -> None:
    Path("quick_loop.py").write_text(SEEDED_LOOP)
    words = ("phase1.trainer.seed=1,2,3,4", *QUICK)
    sweep = jobs.submit(*words, sweep=True, at_once=2, leave_out=(0,), points=3)
    told = jobs.ended(sweep)
    log = SweepDir(sweep.directory).log.read_text()
    assert (told.exit_code, told.reason) == (1, "RuntimeError: two is no good"), log
    swept = {"job0": "2", "job1": "3", "job2": "4"}
    found = seeds_of(Path("outputs/runs"))
    assert found == {job: f"phase1.trainer.seed={seed}" for job, seed in swept.items()}
    records = [read_job(RunDir(path).launch) for path in sorted(Path("outputs/runs").iterdir())]
    assert {(job.sweep_id, job.kind) for job in records if job} == {(sweep.id, "run")}
    assert len({job.id for job in records if job}) == 3
    assert [job.exit_code for job in records if job] == [1, 0, 0]
    job = only(find_jobs("outputs"))
    assert job.counts == {"failed": 1, "finished": 2}
    assert job.state.state == "failed"
    assert job.state.sentence.startswith("2 of 3 runs finished, 1 failed: RuntimeError")
    assert {run.sweep for run in job.runs} == {sweep.name}
    assert log.count("two is no good") == 1
    assert "Traceback" not in log


def all_train(number: int) -> Callable[[], bool]:
    """Whether so many runs have done an epoch."""

    def so_many() -> bool:
        runs = [run for job in find_jobs("outputs") for run in job.runs]
        return sum(run.epochs_done > 0 for run in runs) == number

    return so_many


@pytest.mark.parametrize("how", long_form("SIGTERM", "stop"))
def test_a_sweep_ends_with_all_its_runs_saved(jobs: Jobs, how: str) -> None:
    sweep = jobs.submit("phase1.trainer.seed=1,2,3", *LONG, sweep=True, at_once=2)
    assert sweep.pid is not None
    wait_until(all_train(2), seconds=120)
    job = only(find_jobs("outputs"))
    assert job.state.state == "running"
    assert job.usage is not None
    assert job.usage.processes >= 3
    assert job.usage.memory_bytes > 100 * 2**20
    if how == "stop":
        ask_job_to_stop(sweep)
    else:
        os.kill(sweep.pid, signal.SIGTERM)
    told = jobs.ended(sweep)
    assert told.exit_code == (0 if how == "stop" else 128 + signal.SIGTERM)
    job = only(find_jobs("outputs"))
    assert job.state.state == "stopped"
    assert job.usage is None
    assert job.counts == {"stopped": 2}
    assert all((Path(run.path) / "last.pt").exists() for run in job.runs)


def test_a_file_stop_ends_a_sweep_that_trains_one_after_the_other(jobs: Jobs) -> None:
    sweep = jobs.submit("phase1.trainer.seed=1,2,3", *WAITING, sweep=True)
    wait_until(all_train(1))
    SweepDir(sweep.directory).stop.touch()
    assert jobs.ended(sweep).exit_code == 0
    job = only(find_jobs("outputs"))
    assert (job.state.state, job.counts) == ("stopped", {"stopped": 1})
    assert [path.name for path in Path("outputs/runs").iterdir()] == [job.runs[0].name]


def test_the_runs_of_a_sweep_are_named_after_it(jobs: Jobs) -> None:
    Path("quick_loop.py").write_text(SEEDED_LOOP)
    name = "exp_20260102-030405_mine"
    jobs.ended(jobs.submit("phase1.trainer.seed=1,3", *QUICK, sweep=True, name=name))
    runs = sorted(path.name for path in Path("outputs/runs").iterdir())
    assert runs == [f"run_20260102-030405_mine_job{number}" for number in (0, 1)]
