"""Large sweeps, which are one cluster: HTCondor makes a few of their jobs at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.facts.sweep_dir import SweepDir
from engine.launch.condor import actions as condor_actions
from engine.launch.condor import sending as condor_sending
from engine.launch.condor.absent import still_to_come
from engine.launch.condor.ads import of_sweeps
from engine.launch.condor.client import Condor
from engine.launch.job import HTCONDOR, JobHandle, JobSpec
from engine.launch.record import read_job
from engine.launch.resources import Resources
from engine.launch.submission import submit
from engine.launch.sweep_runs import read_runs, runs_folder
from tests.engine.launching import wait_until
from tests.engine.test_condor_runs import condor  # noqa: F401 - a fixture

FEW = Resources(memory="10MB", disk="1MB", requirements="false", max_materialize=2)


@pytest.fixture(autouse=True)
def large(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs are many."""
    monkeypatch.setattr(condor_sending, "MOST_SINGLE", 1)


def sweep(number: int) -> JobSpec:
    runs = tuple((f"phase1.trainer.seed={seed}",) for seed in range(number))
    directory = Path("outputs/multiruns/exp_x").absolute()
    return JobSpec((), directory, sweep=True, target=HTCONDOR, points=number, runs=runs)


def jobs_of(job: JobHandle) -> list[JobHandle]:
    """Those of the runs of a sweep, in their order."""
    folder = runs_folder(job.directory)
    paths = [folder / run.name / "launch.json" for run in read_runs(SweepDir(job.directory))]
    return [told for told in map(read_job, paths) if told is not None]


def test_what_is_done_to_the_first_run_is_done_to_none_that_is_to_come(
    condor: Condor,  # noqa: F811
) -> None:
    job = submit(sweep(5), FEW, condor)
    first, *others = jobs_of(job)
    assert condor_actions.hold([first]).jobs == [first]
    (cluster,) = condor.clusters(of_sweeps([job.id]))
    assert (cluster.first_id, cluster.next_job) == (first.id, 2)
    assert still_to_come(condor, [first, *others]) == {one.id for one in others[1:]}
    assert condor_actions.remove([first, others[0]]).problems == {}
    wait_until(lambda: condor.clusters(of_sweeps([job.id]))[0].next_job == 4)
    assert still_to_come(condor, [first, *others]) == {others[-1].id}
