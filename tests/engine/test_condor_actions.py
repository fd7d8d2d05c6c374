"""What is done to jobs on a real pool: held, released, changed, removed, and asked why."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.cli import main
from engine.launch.condor import actions as condor_actions
from engine.launch.condor.client import Condor
from engine.launch.condor.jobs import submit
from engine.launch.condor.queue import Queue
from engine.launch.job import HTCONDOR, JobHandle, JobSpec
from engine.launch.jobs import JobFinder
from engine.launch.record import amend_record, now
from engine.launch.resources import Resources
from engine.library.index import summarise
from tests.engine.condor_pool import Pool
from tests.engine.launching import QUICK, QUICK_LOOP, wait_until

NEVER = Resources(memory="10MB", disk="1MB", requirements="false")
TOO_MUCH = Resources(memory="900GB", disk="1MB")


@pytest.fixture
def condor(pool: Pool) -> Iterator[Condor]:
    with Condor() as asked:
        yield asked
        asked.act("remove", "true", "the test is over")


@pytest.fixture
def quick(own_folder: Path) -> None:
    (own_folder / "quick_loop.py").write_text(QUICK_LOOP)


def submitted(condor: Condor, resources: Resources = NEVER, name: str = "run") -> JobHandle:
    spec = JobSpec(QUICK, Path("outputs/runs", name).absolute(), target=HTCONDOR)
    return submit(spec, resources, condor)


def state_of(job: JobHandle) -> str | None:
    return summarise(str(job.directory)).state


class Typed:
    """Calls the command and keeps what it prints."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *words: str) -> int:
        code = main(["jobs", *words])
        self.out, self.err = self._capsys.readouterr()
        return code

    def listed(self) -> list[dict[str, Any]]:
        assert self("--json") == 0
        return list(json.loads(self.out))


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Typed:
    return Typed(capsys)


def test_a_job_that_can_never_run_says_why_and_runs_once_it_asks_for_less(
    condor: Condor, quick: None, typed: Typed
) -> None:
    job = submitted(condor, TOO_MUCH)
    assert typed("why", "run") == 0
    assert re.match(
        r"run: it has waited for \d+ s: it asks for memory 900 GB, "
        r"and no node has more than 15.62 GB;",
        typed.out,
    )
    assert typed("hold", "last", "--reason", "others first") == 0
    assert typed.out == "run: held\n"
    (listed,) = typed.listed()
    (queued,) = listed["queue"].values()
    assert (listed["state"], queued["state"], queued["hold_code"]) == ("held", "held", 1)
    assert queued["reason"].startswith("others first (by user ")
    assert (queued["job_id"], queued["memory_asked_mib"]) == (job.job_id, 900 << 10)
    assert typed("hold", "last") == 0, "all is as it should be"
    assert typed.out == "run: it is held already\n"
    assert typed("release", job.job_id or "", "--memory", "10MB") == 0
    assert typed.out == "run: released (memory 900GB -> 10MB)\n"
    assert json.loads(job.path.read_text())["resources"]["memory"] == "10MB"
    wait_until(lambda: state_of(job) == "finished")


def test_a_release_without_a_change_of_what_it_was_held_for_is_told(
    condor: Condor, typed: Typed
) -> None:
    own = f'ThesisRunId =?= "{submitted(condor).id}"'
    condor.act("hold", own, "memory usage exceeded request_memory")
    for attribute, code in (("HoldReasonCode", "34"), ("HoldReasonSubCode", "102")):
        condor.edit(own, attribute, code)  # no memory is limited on this pool
    assert typed("why", "last") == 0
    assert ": it took more memory than it asked for: memory usage exc" in typed.out
    assert typed.out.endswith(
        "engine jobs release run --memory 8GB asks for more and lets it go on\n"
    )
    assert typed("release", "last") == 0
    assert typed.out == "run: released\n"
    assert typed.err.startswith("run: it was held because it took more memory than it asked for")


def test_many_jobs_are_one_request_and_each_is_told_of(condor: Condor) -> None:
    jobs = [submitted(condor, name=f"run{number}") for number in range(3)]
    with Condor() as asked:
        done = condor_actions.hold(jobs, connect=lambda schedd: asked)
        assert (len(done.jobs), done.problems, asked.asked) == (3, {}, 2)
    condor.act("release", f'ThesisRunId =?= "{jobs[0].id}"', "meanwhile")
    condor.act("remove", f'ThesisRunId =?= "{jobs[1].id}"', "meanwhile")
    changes = {"memory": "20MB", "cpus": 2, "category": "short", "requirements": "Memory > 1"}
    done = condor_actions.release(jobs, changes)
    assert done.jobs == [jobs[2]]
    assert done.problems == {
        "run0": "it is not held, but queued",
        "run1": "HTCondor does not have it any more",
    }
    wanted = ["RequestMemory", "Requirements", "Environment"]
    (ad,) = condor.query(f'ThesisRunId =?= "{jobs[0].id}"', wanted)
    assert ad["RequestMemory"] == 10, "nothing is changed in what is not released"
    (ad,) = condor.query(f'ThesisRunId =?= "{jobs[2].id}"', wanted)
    assert ad["RequestMemory"] == 20
    assert ad["Requirements"].startswith("(Memory > 1) && (TARGET.Arch ==")
    assert "MKL_NUM_THREADS=2 OMP_NUM_THREADS=2" in ad["Environment"]
    assert ad["Environment"].endswith("THESIS_TIME_LIMIT_S=14400")


def test_an_action_on_a_sweep_is_one_on_all_of_its_runs(condor: Condor, typed: Typed) -> None:
    sweep = {"kind": "sweep", "id": "5eed5eed", "target": "htcondor", "state": "running"}
    folder = Path("outputs/multiruns/exp").absolute()
    folder.mkdir(parents=True)
    (folder / "sweep.json").write_text(json.dumps(sweep | {"points": 2, "submitted": now()}))
    for number in range(2):
        job = submitted(condor, name=f"run{number}")
        amend_record(job.path, job.id, sweep_id="5eed5eed", sweep_dir=str(folder))
        condor.edit(f'ThesisRunId =?= "{job.id}"', "ThesisSweepId", '"5eed5eed"')
    (listed,) = typed.listed()
    assert (listed["name"], listed["state"]) == ("exp", "queued")
    assert listed["sentence"] == "0 of 2 runs finished, 2 queued"
    assert typed("hold", "exp") == 0
    assert typed.out == "exp: 2 held\n"
    (listed,) = typed.listed()
    assert (listed["state"], set(listed["queue"])) == ("held", {"run0", "run1"})
    assert typed("release", "run1") == 0
    assert typed.out == "run1: released\n"
    assert typed("stop", "exp") == 0
    assert all(path.exists() for path in (folder / "stop", Path("outputs/runs/run1/stop")))
    assert typed("kill", "exp", "--yes") == 0
    assert typed.out == "exp: ended by HTCondor\n"
    wait_until(lambda: typed.listed()[0]["state"] == "stopped")


def test_who_removed_a_job_decides_what_became_of_its_run(condor: Condor, typed: Typed) -> None:
    ours, theirs = submitted(condor, name="ours"), submitted(condor, name="theirs")
    assert typed("remove", "ours") == 0
    condor.act("remove", f'ThesisRunId =?= "{theirs.id}"', "via condor_rm")
    wait_until(lambda: (state_of(ours), state_of(theirs)) == ("stopped", "failed"))
    told = summarise(str(theirs.directory)).sentence or ""
    assert told.startswith("failed: removed by ")
    assert typed("why", "theirs") == 0
    assert typed.out == f"theirs: {told}\n"
    assert typed("remove", "ours") == 1
    assert typed.out == "ours: HTCondor does not have it any more\n"


def test_a_frozen_scheduler_is_told_in_time_and_the_last_states_stay(
    pool: Pool, condor: Condor, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("jobs_table", "jobs_actions"):
        monkeypatch.setattr(f"engine.cli.{module}.ANSWER_S", 0.5)
    job = submitted(condor)
    queue = Queue(deadline_s=0.5, every_s=0)
    assert queue.look([job]).jobs[job.id or ""].state == "queued"
    with pool.frozen("schedd"):
        begun = time.monotonic()
        view = queue.look([job])
        assert (view.jobs[job.id or ""].state, view.is_stale(job)) == ("queued", True)
        (listed,) = typed.listed()
        assert time.monotonic() - begun < 5
        assert (listed["state"], listed["stale"]) == ("queued", True)
        (said,) = typed.err.splitlines()
        assert typed("why", "last") == 1
        assert re.match(
            r"run: HTCondor could not be asked at \d\d:\d\d: HTCondor's scheduler did not answer "
            r"within 0\.5 s\. It is stuck or overloaded\. Jobs that run go on; try again .+\n",
            typed.out,
        )
        assert typed("why", "last", "--json") == 1
        assert re.fullmatch(
            r"HTCondor \(.+\) not answering since \d\d:\d\d: last known states "
            r"\(HTCondor's scheduler did not answer within 0\.5 s\)",
            said,
        )
    wait_until(lambda: not queue.look([job]).problems)
    queue.close()


@pytest.mark.slow
def test_each_row_is_right_at_every_moment(pool: Pool, condor: Condor, quick: None) -> None:
    small = Resources(memory="10MB", disk="1MB")
    jobs = [submitted(condor, small, f"run{number:02}") for number in range(12)]
    finder, queue = JobFinder("outputs"), Queue(every_s=0.5, deadline_s=1)
    seen: dict[str, list[str | None]] = {job.name: [] for job in jobs}

    def look() -> bool:
        rows = finder.refresh(reports=queue.view.reports(jobs))
        queue.look([handle for row in rows for handle in row.on_cluster])
        for row in finder.refresh(reports=queue.view.reports(jobs)):
            if row.state.state not in seen[row.name][-1:]:
                seen[row.name].append(row.state.state)
        return all(states[-1:] == ["finished"] for states in seen.values())

    wait_until(lambda: look() or any("running" in states for states in seen.values()))
    with pool.frozen("schedd"):
        wait_until(lambda: look() or queue.view.problems)
    wait_until(look)
    queue.close()
    # What is over soon may be seen late, and never goes back.
    right = ["queued", "running", "finished"]
    for name, states in seen.items():
        assert states == [state for state in right if state in states], name
        assert states[-1] == "finished", name


def test_jobs_of_this_machine_start_no_helper(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, own_folder: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nobody asked for a cluster")

    monkeypatch.setattr("engine.launch.condor.client.subprocess.Popen", refuse)
    record = own_folder / "outputs" / "runs" / "run" / "launch.json"
    record.parent.mkdir(parents=True)
    entries = {"kind": "run", "id": "abc", "target": "local", "state": "running"}
    entries |= {"submitted": now()}
    record.write_text(json.dumps(entries))
    (listed,) = typed.listed()
    assert (listed["queue"], listed["stale"]) == ({}, False)
    assert typed("hold", "run") == 1
    assert typed.out == "run: it is no job on HTCondor\n"
    assert typed("why", "run") == 0
    entries |= {"target": "htcondor", "state": "queued"}
    record.write_text(json.dumps(entries))
    amend_record(record, "abc", state="ended", exit_code=1, reason="no good")
    (listed,) = typed.listed()
    assert (listed["state"], listed["queue"]) == ("failed", {})


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("edit", "run"), "nothing is to be changed"),
        (("edit", "run", "memroy=1GB"), "memroy: there is no such key; did you mean memory?"),
        (("release", "run", "--memory", "8"), "memory='8': a size with its unit is needed"),
        (("hold", "run", "--cpus", "8"), "--cpus is for release and edit, not for hold"),
        (("hold",), "engine jobs hold: name a job"),
        (("why", "nobody"), "nobody: there is no such job"),
    ],
)
def test_mistakes_are_told_before_anybody_is_asked(
    typed: Typed, words: tuple[str, ...], told: str
) -> None:
    assert typed(*words) == 2
    assert told in typed.err
