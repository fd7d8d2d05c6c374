"""Who may write what into the record of a job, and when: several processes do at the same time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from engine.cli.recorded import complete
from engine.errors import ConfigError, LaunchError
from engine.facts import RunDir
from engine.facts.records import MAX_RECORD, read_record
from engine.facts.sweep_dir import SweepDir
from engine.launch import record
from engine.launch.condor import jobs as condor_jobs
from engine.launch.condor.client import Answer, Condor, CouldNotAsk
from engine.launch.condor.doubt import IN_DOUBT_S, submit_again
from engine.launch.condor.jobs import confirm
from engine.launch.condor.node import taken_over
from engine.launch.condor.submit import ID_ATTRIBUTE
from engine.launch.job import HTCONDOR, ID_VARIABLE, JobHandle, JobSpec
from engine.launch.lock import briefly_locked
from engine.launch.record import (
    NO_PROCESS,
    amend_if,
    amend_record,
    lock_of,
    new_entries,
    read_job,
    write_record,
)
from engine.launch.resources import Resources
from engine.launch.submission import submit
from engine.launch.submission import submit_again as submit_sweep_again
from engine.launch.sweep_records import confirm_run, discard_runs, make_run
from engine.launch.sweep_runs import SweepRun, read_runs
from tests.engine.launching import written_ago


@pytest.fixture
def job(own_folder: Path) -> JobHandle:
    """One whose submission is in doubt."""
    run_dir = RunDir.claim(own_folder / "run")
    spec = JobSpec((), run_dir.path, target=HTCONDOR)
    return write_record(run_dir.launch, new_entries(spec, **NO_PROCESS, state="submitting"))


def entries(job: JobHandle) -> dict[str, Any]:
    return json.loads(job.path.read_text())  # type: ignore[no-any-return]


def test_of_several_who_change_a_record_at_once_none_is_undone(job: JobHandle) -> None:
    amend_record(job.path, job.id, number=0)

    def count(_: int) -> int:
        done = 0
        for _ in range(50):
            number = entries(job)["number"]
            done += amend_if(job.path, job.id, {"number": number}, {"number": number + 1})
        return done

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(count, range(4))) == entries(job)["number"]


def test_a_late_word_of_an_old_job_does_not_come_over_a_newer_record(job: JobHandle) -> None:
    newer = new_entries(JobSpec((), job.directory, target=HTCONDOR, resume=True))
    with ThreadPoolExecutor(1) as pool, briefly_locked(lock_of(job.path)):  # somebody says a word
        said = pool.submit(write_record, job.path, newer)
        assert not wait([said], timeout=0.2).done, "a newer record waits for its turn"
        assert entries(job)["id"] == job.id
    assert entries(job)["id"] == newer["id"]
    assert not amend_record(job.path, job.id, state="ended")


def test_a_record_without_a_lock_is_changed_all_the_same(
    job: JobHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    assert amend_record(job.path, job.id, state="queued")
    assert not amend_if(job.path, job.id, {"state": "submitting"}, {"state": "held"})
    assert entries(job)["state"] == "queued"


def test_what_a_job_said_while_its_submission_was_confirmed_stays(
    job: JobHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = {"state": "ended", "exit_code": 3, "reason": "no good", "host": "node"}

    def told_after(path: Path) -> JobHandle | None:
        told = read_job(path)
        monkeypatch.undo()
        amend_record(path, job.id, **end)
        return told

    monkeypatch.setattr(condor_jobs, "read_job", told_after)
    confirm(job, "7.0")
    assert entries(job).items() >= {**end, "job_id": "7.0"}.items()


def test_a_job_that_began_before_it_was_confirmed_keeps_what_it_said(job: JobHandle) -> None:
    amend_record(job.path, job.id, state="running", job_id="7.0", host="node")
    assert confirm(job, "8.0").job_id == "7.0"
    assert entries(job)["state"] == "running"


def test_a_start_that_was_taken_over_says_nothing_of_its_end(
    job: JobHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ID_VARIABLE, job.id or "")
    amend_record(job.path, job.id, cwd=str(job.directory))
    monkeypatch.chdir(job.directory)
    own = taken_over(job)
    amend_record(job.path, job.id, host="newer", pid=7)
    before = entries(job)
    complete(own, 1, "a newer start of this run has taken it over")
    assert entries(job) == before
    complete(taken_over(job), 1, "no good")
    assert entries(job)["state"] == "ended"


def test_a_job_whose_run_is_by_now_that_of_another_start_does_not_begin(
    job: JobHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    amend_record(job.path, job.id, cwd=str(job.directory))
    monkeypatch.setenv(ID_VARIABLE, job.id or "")
    monkeypatch.chdir(job.directory)
    spec = JobSpec((), job.directory, target=HTCONDOR, resume=True)
    newer = write_record(job.path, new_entries(spec, **NO_PROCESS, state="queued"))
    with pytest.raises(LaunchError, match="a newer start has it"):
        taken_over(job)
    assert read_job(job.path) == newer


def test_whoever_is_stopped_while_he_submits_is_not_overtaken(own_folder: Path) -> None:
    told: list[str] = []

    class Stopped(Condor):
        def ping(self) -> str:
            return "schedd"

        def submit(self, *_: object) -> Answer:
            (path,) = own_folder.glob("*/launch.json")
            written_ago(path, IN_DOUBT_S)
            handle = read_job(path)
            assert handle is not None
            with pytest.raises(LaunchError) as caught:
                submit_again(handle, self)
            told.append(caught.value.message)
            return Answer("schedd", 7)

    spec = JobSpec((), own_folder / "run", target=HTCONDOR)
    assert condor_jobs.submit(spec, Resources(), Stopped()).job_id is not None
    assert told == ["run: another process is starting it"]


def test_a_refusal_is_told_though_nobody_tells_whether_the_job_was_taken(own_folder: Path) -> None:
    class Strict(Condor):
        def ping(self) -> str:
            return "schedd"

        def submit(self, *_: object) -> Answer:
            raise LaunchError("HTCondor did not take the job", "HTCondor says: no such group")

        def query(self, *_: object, **__: object) -> list[dict[str, Any]]:
            raise CouldNotAsk("HTCondor's scheduler did not answer within 60 s")

    spec = JobSpec((), own_folder / "run", target=HTCONDOR)
    with pytest.raises(CouldNotAsk, match="run: HTCondor did not take the job, ") as caught:
        condor_jobs.submit(spec, Resources(), Strict())
    assert "did not answer within 60 s" in caught.value.message
    assert caught.value.hint.startswith("HTCondor says: no such group.")
    assert "engine submit --again run" in caught.value.hint
    assert entries(JobHandle(own_folder / "run" / "launch.json"))["state"] == "submitting"


def test_a_sweep_that_is_refused_says_so_though_nobody_tells_what_was_taken(
    own_folder: Path,
) -> None:
    class Strict(Condor):
        def ping(self) -> str:
            return "schedd"

        def submit_each(self, *_: object) -> tuple[list[int], str]:
            return [], "no such group"

        def query(self, *_: object, **__: object) -> list[dict[str, Any]]:
            raise CouldNotAsk("HTCondor's scheduler did not answer within 60 s")

    place = own_folder / "exp_x"
    spec = JobSpec((), place, sweep=True, points=1, target=HTCONDOR, runs=(("a=1",),))
    with pytest.raises(CouldNotAsk, match=r"HTCondor did not take .*: no such group, ") as caught:
        submit(spec, Resources(), Strict())
    assert "engine submit --again exp_x" in caught.value.hint


def test_the_run_that_is_refused_is_named(own_folder: Path) -> None:
    place = own_folder / "exp_x"

    class Few(Condor):
        """It is silent first, though it takes all but the last; and takes no more then."""

        known: Sequence[SweepRun] = ()

        def ping(self) -> str:
            return "schedd"

        def submit_each(self, *_: object) -> tuple[list[int], str]:
            if not self.known:
                self.known = read_runs(SweepDir(place))[:3]
                raise CouldNotAsk("silence")
            return [], "no more jobs"

        def query(self, *_: object, **__: object) -> list[dict[str, Any]]:
            ids = enumerate(run.id for run in self.known)
            return [{"ClusterId": 5 + n, "ProcId": 0, ID_ATTRIBUTE: one} for n, one in ids]

        def history(self, *_: object, **__: object) -> list[dict[str, Any]]:
            return []

        def clusters(self, *_: object) -> list[Any]:
            return []

    runs = tuple((f"phase1.trainer.seed={seed}",) for seed in range(4))
    spec = JobSpec((), place, sweep=True, target=HTCONDOR, points=4, runs=runs)
    condor = Few()
    with pytest.raises(CouldNotAsk):
        submit(spec, Resources(), condor)
    written_ago(SweepDir(place).record, IN_DOUBT_S)
    with pytest.raises(LaunchError, match=r"did not take run_\w*_job3: no more jobs"):
        submit_sweep_again(place, condor)


def test_a_run_of_a_sweep_that_began_is_not_confirmed(
    job: JobHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = SweepRun(0, job.id or "", "run", ())
    began = {"state": "running", "host": "node"}

    def told_after(path: Path, **more: Any) -> Mapping[str, Any] | None:
        told = read_record(path, **more)
        monkeypatch.undo()
        node.start()
        return told

    node = Thread(target=amend_record, args=(job.path, job.id), kwargs=began)
    monkeypatch.setattr(record, "read_record", told_after)
    confirm_run(job.directory.parent, run, state="queued", job_id="7.0")
    node.join()
    assert entries(job).items() >= {**began, "job_id": "7.0"}.items()


def test_a_submission_that_fails_removes_what_it_made_and_no_other_run(own_folder: Path) -> None:
    sweep = {"id": "s", "original_dir": "/s", "target": "htcondor"}
    runs = [SweepRun(number, f"own{number}", f"run_job{number}", ()) for number in range(3)]
    make_run(own_folder, own_folder, sweep, runs[0])
    other = SweepRun(1, "other", "run_job1", ())
    make_run(own_folder, own_folder, sweep, other)
    with pytest.raises(LaunchError, match="another run's"):
        make_run(own_folder, own_folder, sweep, runs[1])
    RunDir.claim(own_folder / runs[2].name)  # its record is still to be written
    discard_runs(own_folder, runs)
    assert sorted(path.name for path in own_folder.iterdir()) == ["run_job1", "run_job2"]
    assert RunDir(own_folder / "run_job1").job_log.exists()
    assert entries(JobHandle(own_folder / "run_job1" / "launch.json"))["id"] == "other"


def test_a_run_whose_record_cannot_be_written_is_not_left(own_folder: Path) -> None:
    sweep = {"id": "s", "original_dir": "/s", "cwd": "x" * MAX_RECORD}
    with pytest.raises(LaunchError, match="too long"):
        make_run(own_folder, own_folder, sweep, SweepRun(0, "own", "run", ()))
    assert list(own_folder.iterdir()) == []


class Silent(Condor):
    """Has nothing, and takes what it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0
        self.meanwhile: Callable[[], object] = lambda: None

    def query(self, *_: Any, **__: Any) -> list[dict[str, Any]]:
        self.meanwhile()
        return []

    history = query

    def submit(self, description: Mapping[str, str]) -> Answer:
        self.taken += 1
        return Answer("here", self.taken)


def test_a_job_in_doubt_is_sent_once_though_several_ask_for_it_at_once(job: JobHandle) -> None:
    written_ago(job.path, IN_DOUBT_S)
    condor, refused = Silent(), []

    def ask_too() -> None:
        with pytest.raises(LaunchError, match="run: another process is starting it") as caught:
            submit_again(job, Silent())
        refused.append(caught)

    condor.meanwhile = ask_too
    assert submit_again(job, condor).job_id == "1.0"
    assert refused
    with pytest.raises(ConfigError, match="no job whose submission is in doubt"):
        submit_again(job, condor)  # who knows the record as it was
    assert condor.taken == 1


@pytest.mark.parametrize("hours", [-1, 0, 1])
def test_how_long_a_submission_is_in_doubt_is_told_by_the_clock_of_its_files(
    job: JobHandle, hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of who submitted, and of who asks, may be off by an hour."""
    submitted = datetime.now(UTC) + timedelta(hours=hours)
    amend_record(job.path, job.id, submitted=submitted.isoformat())
    present = time.time() - 3600 * hours
    monkeypatch.setattr(time, "time", lambda: present)
    with pytest.raises(LaunchError, match="may still get it") as caught:
        submit_again(job, Silent())
    assert caught.value.hint == "Try again in 5 min."
    written_ago(job.path, IN_DOUBT_S)
    assert submit_again(job, Silent()).state == "queued"
