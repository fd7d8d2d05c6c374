"""Jobs that were removed with us while their node is lost: HTCondor keeps them for a while."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from engine.cli.resumable import refusal
from engine.errors import ConfigError
from engine.facts import RunDir, append_jsonl_event, build_event_payload
from engine.facts.job_report import REMOVED_HERE, JobReport
from engine.launch.condor.client import Acted
from engine.launch.condor.sweep import remove_sweep
from engine.launch.going_on import check_is_over
from engine.launch.job import HTCONDOR, JobHandle, JobSpec
from engine.launch.jobs import find_jobs
from engine.launch.record import NO_PROCESS, amend_record, new_entries, read_job, write_record
from engine.library.index import Index, summarise
from tests.engine.test_condor_log import DISCONNECTED, EXECUTE, RECONNECT_FAILED, REMOVED, SUBMIT

CUT_OFF = SUBMIT + EXECUTE + DISCONNECTED
KEPT = "its node cannot be reached since 21:04; HTCondor waits for it until 21:24"
SWEEP = "5eed"


def cut_off(name: str = "run", **more: object) -> RunDir:
    """A run that trained on a node which its scheduler cannot reach."""
    run_dir = RunDir.claim(Path("outputs/runs", name).absolute())
    own = {**NO_PROCESS, "id": "abc", "job_id": "12.0", "state": "running", **more}
    write_record(run_dir.launch, new_entries(JobSpec((), run_dir.path, target=HTCONDOR), **own))
    append_jsonl_event(run_dir.path, build_event_payload("on_start", run_dir.path))
    run_dir.job_log.write_text(CUT_OFF)
    return run_dir


@pytest.mark.parametrize("asked", [None, "running", "removed"])
def test_a_run_whose_node_is_lost_is_stopped_as_soon_as_it_is_removed(asked: str | None) -> None:
    run_dir = cut_off()
    amend_record(run_dir.launch, "abc", state="removed", reason=REMOVED_HERE)
    queue = JobReport(asked, f"{REMOVED_HERE} (by user jan)") if asked else None
    told = f"its job was removed with engine; {KEPT}"
    (listed,) = Index("outputs").refresh(jobs={str(run_dir.path): queue} if queue else None)
    for run in (summarise(run_dir.path, queue), listed):
        assert (run.state, run.sentence, run.job_over) == ("stopped", told, True)
    (job,) = find_jobs("outputs")
    assert (job.state.state, job.on_cluster) == ("stopped", [])
    check_is_over(run_dir)


@pytest.mark.parametrize("log", [CUT_OFF + RECONNECT_FAILED, SUBMIT + REMOVED])
def test_nothing_is_kept_once_the_log_tells_the_end_of_a_removed_job(log: str) -> None:
    run_dir = cut_off()
    amend_record(run_dir.launch, "abc", state="removed", reason=REMOVED_HERE)
    run_dir.job_log.write_text(log.replace("via condor_rm", REMOVED_HERE))
    run = summarise(run_dir.path, JobReport("removed", REMOVED_HERE))
    assert run.state == "stopped"
    assert "cannot be reached" not in (run.sentence or "")


@pytest.fixture(params=["submitted", "waited for"])
def sweep(request: pytest.FixtureRequest) -> JobHandle:
    """A sweep with two runs on a node that is lost, of which one has ended before."""
    place = Path("outputs/multiruns/exp").absolute()
    place.mkdir(parents=True)
    own = {"sweep_id": SWEEP, "sweep_dir": str(place)}
    cut_off("run0", id="a0", **own)
    cut_off("run1", id="a1", **own, state="ended", exit_code=1, reason="no good")
    cut_off("other", id="a2", sweep_id="other")
    runs = [{"id": f"a{number}", "name": f"run{number}", "overrides": []} for number in range(2)]
    if request.param == "submitted":
        (place / "runs.jsonl").write_text("".join(f"{json.dumps(run)}\n" for run in runs))
    spec = JobSpec((), place, sweep=True, target=HTCONDOR)
    return write_record(place / "sweep.json", new_entries(spec, id=SWEEP, state="queued"))


class Scheduler:
    """One that removes whatever it is asked to."""

    def __init__(self, done: int) -> None:
        self.done = done

    def __enter__(self) -> Scheduler:
        return self

    def __exit__(self, *_: object) -> None: ...

    def act(self, *_: object) -> Acted:
        return Acted(self.done, 0, "")


@pytest.mark.parametrize("done", [2, 0])
def test_who_removes_a_sweep_writes_it_down_of_the_runs_that_have_begun(
    sweep: JobHandle, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    monkeypatch.setattr("engine.launch.condor.sweep.Condor", lambda schedd: Scheduler(done))
    if done:
        assert remove_sweep(sweep) == "HTCondor"
    else:
        with pytest.raises(Exception, match="does not have its jobs any more"):
            remove_sweep(sweep)
    jobs = [read_job(Path("outputs/runs", name, "launch.json")) for name in ("run0", "run1")]
    told = [(job.state, job.reason) for job in jobs if job]
    known = ("removed", REMOVED_HERE) if done else ("running", None)
    assert told == [known, ("ended", "no good")]
    other = read_job(Path("outputs/runs/other/launch.json"))
    assert other is not None
    assert other.state == "running"


def test_who_is_refused_a_run_whose_node_is_lost_is_told_the_ways_out(
    resumed: Callable[[RunDir], str],
) -> None:
    run_dir = cut_off()
    told = resumed(run_dir)
    assert "run is running: no event" in told or "run is running: last event" in told
    assert KEPT in told
    assert "engine stop" not in told, "nobody is there to listen"
    assert "engine resume run --take-over goes on with it here" in told
    assert "engine jobs remove run" in told
    run_dir.job_log.write_text(SUBMIT + EXECUTE)
    told = resumed(run_dir)
    assert "engine stop run ends it" in told
    assert "--take-over" not in told


@pytest.fixture(params=["here", "as a job"])
def resumed(request: pytest.FixtureRequest) -> Callable[[RunDir], str]:
    """What somebody is told who wants to go on with a run."""
    config = OmegaConf.create({"phase1": {"trainer": {"epochs": 1}}})
    ways = {"here": lambda run_dir: refusal(run_dir, config), "as a job": check_is_over}

    def told(run_dir: RunDir) -> str:
        with pytest.raises(ConfigError) as caught:
            ways[request.param](run_dir)
        return f"{caught.value.message} {caught.value.hint}"

    return told
