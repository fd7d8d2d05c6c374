"""Who waits for jobs is told what became of them, also where nobody says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from engine.cli import submit_wait
from engine.facts import RunDir, append_jsonl_event, build_event_payload
from engine.facts.job_report import JobReport
from engine.facts.job_state import GRACE_S
from engine.facts.sweep_dir import SweepDir
from engine.launch.condor import following
from engine.launch.condor.client import Condor
from engine.launch.job import HTCONDOR, JobHandle, JobSpec
from engine.launch.record import NO_PROCESS, new_entries, write_record
from engine.launch.sweep_runs import write_runs

if TYPE_CHECKING:
    from engine.launch.job import Kind


class Clock:
    """Seconds that pass while somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.at: dict[float, Callable[[], object]] = {}

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.at.pop(self.now, lambda: None)()


WENT_WELL, REMOVED = JobReport("ended", exit_code=0), JobReport("removed", "via condor_rm")


def job_of(name: str) -> JobHandle:
    run_dir = RunDir.claim(Path(name).absolute())
    spec = JobSpec((), run_dir.path, target=HTCONDOR)
    return write_record(run_dir.launch, new_entries(spec, **NO_PROCESS, state="queued"))


def finish(job: JobHandle) -> None:
    append_jsonl_event(job.directory, build_event_payload("on_train_end", job.directory))


@pytest.mark.parametrize(
    ("report", "state", "seconds"),
    [
        (WENT_WELL, "failed", GRACE_S),
        (REMOVED, "failed", 0),
        (JobReport("ended", exit_code=1), "failed", 0),
        (JobReport("ended", signal=9), "lost", 0),
        (JobReport("ended", reason="HTCondor knows nothing of it any more"), "lost", GRACE_S),
    ],
)
def test_a_run_whose_log_is_silent_is_waited_for_no_longer_than_it_takes(
    own_folder: Path, report: JobReport, state: str, seconds: float
) -> None:
    job, clock = job_of("run"), Clock()
    append_jsonl_event(job.directory, build_event_payload("on_start", job.directory))
    (end,) = submit_wait.ends([job], {job.id or "": report}, clock, clock.pause)
    assert (end.state, clock.now) == (state, seconds)


def test_the_last_words_of_a_good_run_may_come_late(own_folder: Path) -> None:
    jobs, clock = [job_of("one"), job_of("two")], Clock()
    clock.at = {5.0: lambda: finish(jobs[0]), 50.0: lambda: finish(jobs[1])}
    reports = {job.id or "": WENT_WELL for job in jobs}
    found = submit_wait.ends(jobs, reports, clock, clock.pause)
    assert [one.state for one in found] == ["finished"] * 2
    assert clock.now == 50


def test_an_interrupt_while_waiting_says_how_to_return(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(submit_wait, "_wait", interrupt)
    write_runs(SweepDir(own_folder), [])
    for kind, told in (("sweep", "the jobs go on; engine jobs shows"), ("run", "the job goes on")):
        job = JobHandle(own_folder / "sweep.json", "s", kind=cast("Kind", kind))
        with pytest.raises(KeyboardInterrupt):
            submit_wait.wait(job, Condor())
        assert told in capsys.readouterr().err


def test_whoever_waits_is_told_that_the_scheduler_is_silent_and_that_it_answers_again(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job, silent = job_of("run"), "HTCondor not answering since 14:02"
    queued, held = {job.id or "": JobReport("queued")}, {job.id or "": JobReport("held", "why")}
    told = [(queued, None), (queued, silent), (held, silent), (held, None), ({job.id: REMOVED}, "")]
    looks = iter(told)

    class Told:
        def __init__(self, condor: Condor) -> None: ...

        def look(self, runs: object) -> object:
            return next(looks)

    monkeypatch.setattr(following, "Following", Told)
    monkeypatch.setattr(submit_wait, "POLL_S", 0)
    assert submit_wait.wait(job, Condor()) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[:4] == ["queued", silent, "held: why", "HTCondor answers again"]
