"""The state of a run whose job is on a cluster: its facts first, then the log of the job."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from engine.cli.jobs_table import _progress
from engine.facts import RunDir, append_jsonl_event, build_event_payload
from engine.facts.evidence import Evidence
from engine.facts.job_report import JobReport, known_of
from engine.facts.last_seen import LastSeen
from engine.facts.state import judge
from engine.launch.condor.sweep_state import cluster_sweep_state
from engine.launch.job import HTCONDOR, JobSpec
from engine.launch.jobs import find_jobs, may_be_queued
from engine.launch.record import amend_record, new_entries, read_job, write_record
from engine.library.index import Index, summarise
from engine.tables.commands import resume_command
from tests.engine.test_condor_log import (
    DISCONNECTED,
    EXECUTE,
    HELD,
    KILLED,
    RELEASED,
    REMOVED,
    SUBMIT,
    TERMINATED,
)

EVICTED = """\
004 (012.000.000) 2026-11-27 21:03:57 Job was evicted.
\t(0) CPU times
...
"""
ENDED_WELL = TERMINATED.replace("value 3", "value 0")


@pytest.fixture
def run_dir() -> RunDir:
    """A run that was submitted."""
    run_dir = RunDir.claim(Path("outputs/runs/run").absolute())
    spec = JobSpec((), run_dir.path, target=HTCONDOR)
    nobody = dict.fromkeys(("host", "pid", "pid_started", "pid_namespace", "boot_id"))
    write_record(run_dir.launch, new_entries(spec, **nobody, id="abc", state="queued"))
    return run_dir


def tell(run_dir: RunDir, moment: str, **more: object) -> None:
    append_jsonl_event(run_dir.path, build_event_payload(moment, run_dir.path, **more))


def state_of(run_dir: RunDir) -> tuple[str | None, str | None]:
    (run,) = Index("outputs").refresh()
    alone = summarise(run_dir.path)
    assert (run.state, run.sentence) == (alone.state, alone.sentence)
    return alone.state, alone.sentence


@pytest.mark.parametrize(
    ("log", "state", "sentence"),
    [
        ("", "queued", "queued"),
        (SUBMIT, "queued", "queued"),
        (SUBMIT + EXECUTE, "running", "no event yet; its job is running on wn-1"),
        (
            SUBMIT + EXECUTE + HELD,
            "held",
            "held: it took more memory than it asked for: "
            "Error from slot1_1@wn-1: memory usage exceeded request_memory",
        ),
        (SUBMIT + HELD + RELEASED, "queued", "queued"),
        (SUBMIT + EXECUTE + EVICTED, "queued", "queued: evicted from its node"),
        (SUBMIT + REMOVED, "failed", "failed: removed by daemon"),
        (
            SUBMIT + REMOVED.replace("via condor_rm", "removed with engine"),
            "stopped",
            "its job was removed with engine (by user daemon)",
        ),
        (SUBMIT + EXECUTE + TERMINATED, "failed", "its job ended with exit code 3"),
        (SUBMIT + EXECUTE + KILLED, "lost", "its job was ended by signal 9 (SIGKILL)"),
    ],
)
def test_the_log_tells_of_a_job_whose_training_says_nothing(
    run_dir: RunDir, log: str, state: str, sentence: str
) -> None:
    run_dir.job_log.write_text(log)
    assert state_of(run_dir) == (state, sentence)


@pytest.mark.parametrize(
    ("log", "state"),
    [
        (SUBMIT + EXECUTE, "running"),
        (SUBMIT + EXECUTE + EVICTED, "queued"),
        (SUBMIT + EXECUTE + EVICTED + EXECUTE, "running"),
        (SUBMIT + EXECUTE + EVICTED + HELD, "held"),
        (SUBMIT + EXECUTE + EVICTED + REMOVED, "stopped"),
        (SUBMIT + EXECUTE + ENDED_WELL, "stopped"),
        (SUBMIT + EXECUTE + EVICTED + EXECUTE + TERMINATED, "failed"),
    ],
)
def test_a_run_that_has_saved_goes_on_while_its_job_waits(
    run_dir: RunDir, log: str, state: str
) -> None:
    tell(run_dir, "on_start")
    tell(run_dir, "on_train_end", stopped=True)
    run_dir.job_log.write_text(log)
    assert state_of(run_dir)[0] == state


@pytest.mark.parametrize(
    "log", ["", SUBMIT + EXECUTE, SUBMIT + EXECUTE + EVICTED, SUBMIT + REMOVED]
)
def test_a_run_that_has_finished_stays_so_whatever_its_job_does(run_dir: RunDir, log: str) -> None:
    tell(run_dir, "on_start")
    tell(run_dir, "on_train_end")
    run_dir.job_log.write_text(log)
    assert state_of(run_dir)[0] == "finished"


@pytest.mark.parametrize(
    ("log_s", "now_s", "told"),
    [
        (-10, 5, ("running", "saved; its job is ending")),
        (-10, 90, ("stopped", "stopped")),
        (10, 90, ("running", "started again on wn-1")),
    ],
)
def test_a_job_between_two_starts_is_running(
    run_dir: RunDir, log_s: float, now_s: float, told: tuple[str, str]
) -> None:
    tell(run_dir, "on_start")
    tell(run_dir, "on_train_end", stopped=True)
    run_dir.job_log.write_text(SUBMIT + EXECUTE)
    stopped = run_dir.events.stat().st_mtime
    os.utime(run_dir.job_log, (stopped + log_s, stopped + log_s))
    (run,) = Index("outputs").refresh(now=stopped + now_s)
    assert (run.state, run.sentence) == told


def test_a_log_that_comes_late_is_seen(run_dir: RunDir) -> None:
    tell(run_dir, "on_start")
    tell(run_dir, "on_train_end", stopped=True)
    run_dir.job_log.write_text(SUBMIT + EXECUTE)
    before = run_dir.events.stat().st_mtime - 10
    os.utime(run_dir.job_log, (before, before))
    index = Index("outputs")
    later = run_dir.events.stat().st_mtime + 3600
    (run,) = index.refresh(now=later)
    assert run.state == "stopped"
    with open(run_dir.job_log, "a") as file:  # which changes no folder
        file.write(EVICTED)
    (run,) = index.refresh(now=later + 1)
    assert run.state == "queued"


def test_a_log_of_another_launch_tells_nothing(run_dir: RunDir) -> None:
    run_dir.job_log.write_text((SUBMIT + REMOVED).replace("run abc", "run other"))
    assert state_of(run_dir)[0] == "queued"
    amend_record(
        run_dir.launch, "abc", target="local", state="ended", exit_code=1, reason="no good"
    )
    run_dir.job_log.write_text(SUBMIT + EXECUTE)
    assert state_of(run_dir)[0] == "failed"


def test_a_log_that_is_a_link_is_a_problem_and_not_read(run_dir: RunDir) -> None:
    Path("log").write_text(SUBMIT + REMOVED)
    run_dir.job_log.symlink_to(Path("log").absolute())
    summary = summarise(run_dir.path)
    assert summary.state == "queued"
    assert "job.log: it is a link" in (summary.problem or "")


def test_a_removal_that_the_log_never_tells_is_in_the_record(run_dir: RunDir) -> None:
    tell(run_dir, "on_start")
    run_dir.job_log.write_text(SUBMIT + EXECUTE)
    amend_record(run_dir.launch, "abc", state="removed", reason="removed with engine")
    asked = run_dir.launch.stat().st_mtime
    assert summarise(run_dir.path, now=asked + 59).state == "running", "it saves"
    for job in (None, JobReport("running", told=asked), JobReport("removed", "gone")):
        later = summarise(run_dir.path, job, now=asked + 61)
        assert (later.state, later.sentence) == ("stopped", "its job was removed with engine")
        assert later.job_over


def test_a_job_whose_node_is_cut_off_is_running_still(run_dir: RunDir) -> None:
    run_dir.job_log.write_text(SUBMIT + EXECUTE + DISCONNECTED)
    assert state_of(run_dir) == (
        "running",
        "no event yet; its job is running on wn-1; its node cannot be reached since 21:04; "
        "HTCondor waits for it until 21:24",
    )


def test_the_list_of_jobs_says_that_a_node_is_cut_off_and_not_how_far_its_run_is(
    run_dir: RunDir,
) -> None:
    def progress(log: str) -> str:
        run_dir.job_log.write_text(log)
        (job,) = find_jobs("outputs")
        (run,) = job.runs
        return _progress(replace(job, runs=(replace(run, epochs=5, epochs_done=2),)))

    assert progress(SUBMIT + EXECUTE) == "2/5 epochs"
    assert "its node cannot be reached since 21:04" in progress(SUBMIT + EXECUTE + DISCONNECTED)


def test_a_job_that_ended_well_without_a_word_has_failed_after_a_minute(run_dir: RunDir) -> None:
    tell(run_dir, "on_start")
    run_dir.job_log.write_text(SUBMIT + EXECUTE + ENDED_WELL)
    ended = run_dir.job_log.stat().st_mtime
    assert summarise(run_dir.path, now=ended + 59).state == "running", "its facts may be on the way"
    later = summarise(run_dir.path, now=ended + 61)
    assert (later.state, later.sentence) == ("failed", "failed: ended without finishing")


def test_the_queue_tells_where_the_log_is_silent(run_dir: RunDir) -> None:
    run_dir.job_log.write_text("")
    told = [
        summarise(run_dir.path, job).state
        for job in (
            JobReport("queued"),
            JobReport("held", "later"),
            JobReport("running", host="wn-1"),
            JobReport("ended", exit_code=3),
            JobReport("removed", "removed with engine (by user jan)"),
        )
    ]
    assert told == ["queued", "held", "running", "failed", "stopped"]


@pytest.mark.parametrize(
    ("log", "record", "asked", "over"),
    [
        ("", "running", None, False),
        (SUBMIT + EXECUTE, "running", None, False),
        (SUBMIT + EXECUTE, "running", JobReport("running", told=1), False),
        (SUBMIT + EXECUTE + ENDED_WELL, "running", None, True),
        ("", "ended", None, True),
        ("", "removed", None, True),
        ("", "running", JobReport("ended", reason="HTCondor knows nothing of it any more"), True),
    ],
)
def test_a_run_that_was_stopped_is_asked_about_until_its_job_is_over(
    run_dir: RunDir, log: str, record: str, asked: JobReport | None, over: bool
) -> None:
    tell(run_dir, "on_start")
    tell(run_dir, "on_train_end", stopped=True)
    run_dir.job_log.write_text(log)
    amend_record(run_dir.launch, "abc", state=record)
    before = run_dir.events.stat().st_mtime - 100
    for path in (run_dir.launch, run_dir.job_log):
        os.utime(path, (before, before))
    index, later = Index("outputs"), time.time() + 90
    reports = {str(run_dir.path): asked} if asked else {}
    (run,) = index.refresh(jobs=reports, now=later)
    handle = read_job(run_dir.launch)
    assert handle is not None
    assert (run.state, run.job_over, may_be_queued(run, handle)) == ("stopped", over, not over)
    told = {str(run_dir.path): JobReport("queued", told=later)}
    (run,) = index.refresh(jobs=told, now=later)
    assert run.state == ("stopped" if over else "queued"), "the queue is heard until then"


def test_facts_that_end_count_while_the_job_is_in_the_queue(run_dir: RunDir) -> None:
    tell(run_dir, "on_start")
    tell(run_dir, "on_train_end")
    for job in (JobReport("running", host="wn-1"), JobReport("ended", exit_code=0)):
        assert summarise(run_dir.path, job).state == "finished"


@pytest.mark.parametrize(
    ("job", "state", "sentence"),
    [
        (JobReport("ended", exit_code=0), "stopped", "stopped after 2 of 5 epochs"),
        (JobReport("ended", exit_code=85), "stopped", "stopped after 2 of 5 epochs"),
        (JobReport("ended", exit_code=143), "stopped", "stopped after 2 of 5 epochs"),
        (JobReport("ended", signal=9), "stopped", "stopped after 2 of 5 epochs"),
        (JobReport("removed", "via condor_rm"), "stopped", "stopped after 2 of 5 epochs"),
        (JobReport("ended", reason="nobody knows it"), "stopped", "stopped after 2 of 5 epochs"),
        (
            JobReport("ended", "loop=mine: no module\nnamed mine", exit_code=2),
            "failed",
            "stopped after 2 of 5 epochs; its next start failed: loop=mine: no module",
        ),
        (
            JobReport("ended", exit_code=127),
            "failed",
            "stopped after 2 of 5 epochs; its next start failed with exit code 127",
        ),
    ],
)
@pytest.mark.parametrize("reopened", [False, True])
def test_a_run_that_was_stopped_has_failed_where_its_next_start_did(
    job: JobReport, state: str, sentence: str, reopened: bool
) -> None:
    seen = LastSeen("on_train_end", stopped=True, epochs_done=2, epochs=5)
    told = judge(Evidence(seen=seen, job=job, reopened=reopened))
    if reopened and state == "stopped":
        sentence += "; a later start came to nothing"
    assert (told.state, told.sentence) == (state, sentence)


def test_a_next_start_that_failed_counts_in_a_sweep_and_can_be_gone_on_with(
    run_dir: RunDir,
) -> None:
    tell(run_dir, "on_start")
    tell(run_dir, "on_train_end", stopped=True)
    run_dir.job_log.write_text(SUBMIT + EXECUTE + EVICTED + EXECUTE + TERMINATED)
    assert state_of(run_dir) == ("failed", "stopped; its next start failed with exit code 3")
    (job,) = find_jobs("outputs")
    assert cluster_sweep_state(replace(job.handle, points=1), job.runs).state == "failed"
    assert job.runs[0].job_over
    assert resume_command(job.runs[0]) == "engine submit --resume run"


LEFT = SUBMIT + EXECUTE + EVICTED
ITS_ERROR = "failed: OSError: [Errno 28] full"


def failed_just_now(run_dir: RunDir, log: str, told_s: float, record: str = "ended") -> float:
    """Let a training fail, which its job writes down, and the log change so much later; when."""
    tell(run_dir, "on_start")
    tell(run_dir, "on_exception", error=OSError(28, "full"))
    amend_record(run_dir.launch, "abc", state=record, exit_code=1, reason="OSError: full")
    run_dir.job_log.write_text(log)
    at = time.time() - 100
    times = {run_dir.events: at, run_dir.launch: at + 0.01, run_dir.job_log: at + told_s}
    for path, told in times.items():
        os.utime(path, (told, told))
    return at


@pytest.mark.parametrize(
    ("log", "told_s", "state", "sentence"),
    [
        (SUBMIT + EXECUTE, -10, "failed", ITS_ERROR),
        (SUBMIT, -10, "failed", ITS_ERROR),
        (SUBMIT + EXECUTE + TERMINATED, 1, "failed", ITS_ERROR),
        (LEFT + REMOVED, 1, "failed", ITS_ERROR),
        (LEFT, 1, "queued", f"queued: evicted from its node; its last start {ITS_ERROR}"),
        (
            LEFT + HELD.replace("Code 34 Subcode 102", "Code 1 Subcode 0"),
            1,
            "held",
            "held: Error from slot1_1@wn-1: memory usage exceeded request_memory; "
            f"its last start {ITS_ERROR}",
        ),
        (LEFT + EXECUTE, 1, "running", "started again on wn-1"),
        (LEFT + EXECUTE + TERMINATED, 1, "failed", ITS_ERROR),
    ],
)
def test_an_exception_while_a_job_is_sent_away_is_not_its_end(
    run_dir: RunDir, log: str, told_s: float, state: str, sentence: str
) -> None:
    failed_just_now(run_dir, log, told_s)
    assert state_of(run_dir) == (state, sentence)
    run, handle = summarise(run_dir.path), read_job(run_dir.launch)
    assert handle is not None
    assert run.job_over == (state == "failed")
    assert may_be_queued(run, handle) == (state != "failed")


@pytest.mark.parametrize(("code", "told"), [(1, "; its last start failed: no space"), (143, "")])
def test_a_start_that_fails_at_writing_its_end_is_told_of_by_its_record(
    run_dir: RunDir, code: int, told: str
) -> None:
    at = failed_just_now(run_dir, LEFT, 1, record="running")
    run_dir.events.write_text(run_dir.events.read_text().splitlines(keepends=True)[0])
    amend_record(run_dir.launch, "abc", state="ended", exit_code=code, reason="no space")
    for path in (run_dir.events, run_dir.launch):
        os.utime(path, (at, at))
    assert state_of(run_dir) == ("queued", f"queued: evicted from its node{told}")


GROWN = """\
006 (012.000.000) 2026-11-27 21:03:56 Image size of job updated: 176024
...
"""


@pytest.mark.parametrize("code", [0, 1])
def test_a_job_that_ended_does_not_run_again_because_its_log_tells_of_its_size(
    run_dir: RunDir, code: int
) -> None:
    at = failed_just_now(run_dir, SUBMIT + EXECUTE + GROWN, 1, record="running")
    if code == 0:
        run_dir.events.unlink()
        tell(run_dir, "on_start")
        tell(run_dir, "on_train_end", stopped=True)
        os.utime(run_dir.events, (at, at))
    amend_record(run_dir.launch, "abc", state="ended", exit_code=code, reason=None)
    os.utime(run_dir.launch, (at + 0.01, at + 0.01))
    expected = {0: ("stopped", "stopped"), 1: ("failed", ITS_ERROR)}
    assert state_of(run_dir) == expected[code]


def test_a_job_that_ended_well_is_about_to_leave_its_node(run_dir: RunDir) -> None:
    ended = JobReport("ended", exit_code=0, told=1.0)
    assert known_of(None, JobReport("running", told=2.0), ended) == ended
    again = JobReport("queued", told=2.0)
    assert known_of(None, again, ended) == again, "it was sent away"


def test_the_queue_is_heard_of_a_run_that_failed_until_its_job_is_over(run_dir: RunDir) -> None:
    at = failed_just_now(run_dir, SUBMIT + EXECUTE, -10, record="running")
    run, handle = summarise(run_dir.path), read_job(run_dir.launch)
    assert handle is not None
    assert (run.state, run.job_over, may_be_queued(run, handle)) == ("failed", False, True)
    held = summarise(run_dir.path, JobReport("held", "later", told=at + 2))
    assert (held.state, held.sentence) == ("held", f"held: later; its last start {ITS_ERROR}")
    assert summarise(run_dir.path, JobReport("queued", told=at - 2)).state == "failed", "before it"
    over = summarise(run_dir.path, JobReport("ended", exit_code=1, told=at + 2))
    assert (over.state, may_be_queued(over, handle)) == ("failed", False)
