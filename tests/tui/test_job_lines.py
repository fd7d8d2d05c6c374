"""The lines of the list of jobs: names that can be told apart, numbers that are whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.launch.job import HTCONDOR, JobHandle, JobState
from engine.launch.jobs import Job
from engine.library.summary import RunSummary
from tui.jobs.lines import JobScene, columns_for, line_of, short_name, told
from tui.look import Look

LOOK = Look()


def a_job(name: str, *states: str, **more: int) -> Job:
    """A job on HTCondor; with states, a sweep of runs in these."""
    if not states:
        run = RunSummary(f"/r/{name}", name, state="queued", **more)
        handle = JobHandle(Path(f"/r/{name}/launch.json"), target=HTCONDOR, job_id="7.0")
        return Job(handle, JobState("queued", "queued"), (run,), handles=(handle,))
    runs = tuple(RunSummary(f"/r/{n}", str(n), state=state) for n, state in enumerate(states))
    handle = JobHandle(Path(f"/r/{name}/sweep.json"), kind="sweep", target=HTCONDOR)
    return Job(handle, JobState("running", "4 running, 2 queued"), runs)


def line(job: Job, width: int, *others: Job) -> str:
    scene = JobScene(LOOK, 0.0)
    pieces = line_of(job, columns_for(width, [job, *others], scene), scene)
    return "".join(text for text, _ in pieces)


@pytest.mark.parametrize(
    ("name", "width", "shown"),
    [
        ("run_20261127-234446_ae", 22, "run_20261127-234446_ae"),
        ("run_20261127-234446_ae", 20, "1127-234446 ae"),
        ("exp_20261127-234446_vq", 20, "exp 1127-234446 vq"),
        ("run_20261127-234446_a_long_name", 20, "1127-23444…long_name"),
        ("a_name_of_somebody_else", 11, "a_nam… else"),
    ],
)
def test_short_names_can_be_told_apart(name: str, width: int, shown: str) -> None:
    assert short_name(name, width, LOOK) == shown.replace("… else", "…_else")


def test_at_80_columns_names_and_totals_are_whole() -> None:
    jobs = [a_job(f"run_20261127-23444{n}_ae", epochs=3000, epochs_done=2377) for n in range(2)]
    lines = [line(job, 80, *jobs) for job in jobs]
    assert lines[0] != lines[1]
    assert all("2377/3000" in one and "_ae" in one for one in lines)


def test_one_name_that_has_no_room_shortens_all() -> None:
    jobs = [a_job("run_20261127-234446_ae"), a_job("run_20261127-234447_a_name_that_is_long")]
    lines = [line(job, 60, *jobs) for job in jobs]
    assert [" 1127-23444" in one for one in lines] == [True, True]
    assert [" run_2026" in line(jobs[0], 60), " 1127" in line(jobs[0], 60)] == [True, False]


def test_a_sentence_tells_the_counts_of_a_sweep_once() -> None:
    job = a_job("exp_a", *["running"] * 4, *["queued"] * 2)
    assert told(job).count("4 running") == 1
    lost = replace(job, state=JobState("lost", "process 3 is gone"))
    assert "runs: 4 running, 2 queued" in told(lost)
