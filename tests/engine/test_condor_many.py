"""A thousand jobs on a real pool: quick to submit, cheap to follow, each started once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.facts import RunDir, build_event_payload
from engine.facts.job_report import OVER
from engine.facts.sweep_dir import SweepDir
from engine.launch.condor.client import Condor
from engine.launch.condor.following import Following
from engine.launch.job import HTCONDOR, JobSpec
from engine.launch.record import read_job
from engine.launch.resources import Resources
from engine.launch.submission import submit
from engine.launch.sweep_runs import read_runs
from tests.engine.condor_pool import Pool
from tests.engine.condor_recorder import Recorder
from tests.engine.launching import wait_until

MANY = 1000
EVERY_S = 5.0
TIMES = 10
"""How much longer than the least that can be done may take what we do, on a machine that others
use, too."""

STUB = """\
#!/bin/sh
read -r _ < "$2" && echo "$THESIS_LAUNCH_ID" >> started && cat "{event}" >> facts/events.jsonl
"""
"""Trains nothing, and tells that it finished."""


@contextmanager
def timed(told: dict[str, float], name: str) -> Iterator[None]:
    wall, own = time.monotonic(), time.process_time()
    yield
    told[name], told[f"{name}, own CPU"] = time.monotonic() - wall, time.process_time() - own


def bare(condor: Condor, folder: Path) -> None:
    """The least that submits as many jobs with a file for each: one cluster, and nothing known."""
    folder.mkdir()
    for number in range(MANY):
        (folder / str(number)).write_text("{}")
    never = {"executable": "/bin/true", "requirements": "false", "request_memory": "10MB"}
    cluster = condor.submit_cluster(never, [{"Number": str(n)} for n in range(MANY)])
    condor.act("remove", f"ClusterId == {cluster}", "the test goes on")


@pytest.mark.slow
def test_a_thousand_jobs_are_submitted_at_once_and_each_is_started_once(
    pool: Pool, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, event = own_folder / "stub.sh", own_folder / "event"
    event.write_text(json.dumps(build_event_payload("on_train_end", ".")) + "\n")
    script.write_text(STUB.format(event=event))
    script.chmod(0o755)
    monkeypatch.setenv("THESIS_TRAIN_SCRIPT", str(script))
    runs = tuple((f"phase1.trainer.seed={seed}",) for seed in range(MANY))
    place = Path("outputs/multiruns/exp_x").absolute()
    spec = JobSpec((), place, sweep=True, target=HTCONDOR, points=MANY, runs=runs)
    told: dict[str, float] = {}
    with Condor() as condor, Recorder(pool, Path("outputs").absolute()) as recorder:
        with timed(told, "bare"):
            bare(condor, own_folder / "bare")
        with timed(told, "submitted"):
            sweep = submit(spec, Resources(memory="10MB", disk="1MB"), condor)
        told["questions to submit"] = condor.asked - 2
        folder = Path("outputs/runs").absolute()
        jobs = [read_job(RunDir(folder / run.name).launch) for run in read_runs(SweepDir(place))]
        known = [job for job in jobs if job is not None]
        before, following = condor.asked, Following(condor, every_s=EVERY_S)

        def are_over() -> bool:
            reports, _ = following.look(known)
            return len([one for one in reports.values() if one.state in OVER]) == MANY

        with timed(told, "followed"):
            wait_until(are_over, 540)
        told["questions to follow"] = condor.asked - before
        looks = recorder.looks
        wait_until(lambda: recorder.looks > looks + 1)
    told["looks of the recorder"] = recorder.looks
    for name, value in told.items():
        print(f"{name}: {value:.1f}")
    print("wrong:", len(recorder.wrong), recorder.wrong[:5])
    found = [(folder / job.name / "started").read_text().split() for job in known]
    assert sorted(one for ones in found for one in ones) == sorted(job.id or "" for job in known)
    assert told["submitted"] < TIMES * told["bare"]
    assert told["questions to submit"] <= 3
    assert told["questions to follow"] <= told["followed"] / EVERY_S + 1
    assert not recorder.wrong, recorder.wrong
    assert sweep.state == "queued"
