"""Faults on a real pool: no run is lost, doubled or wrongly shown, whatever fails around it.

Each is met once here, and ten times by `make torture`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.cli import main
from engine.cli.jobs_table import look
from engine.facts import RunDir, read_events
from engine.facts.attempts import newest_attempt
from engine.launch.condor.actions import hold, release, remove
from engine.launch.condor.client import Condor, CouldNotAsk
from engine.launch.condor.jobs import submit
from engine.launch.going_on import check_is_over
from engine.launch.job import HTCONDOR, JobHandle, JobSpec
from engine.launch.jobs import find_jobs
from engine.launch.resources import Resources
from engine.library.index import summarise
from tests.conftest import long_form
from tests.engine.condor_pool import Pool
from tests.engine.condor_recorder import Recorder
from tests.engine.launching import WAITING, WAITING_LOOP, wait_until

SMALL = Resources(memory="10MB", disk="1MB")
NEVER = Resources(memory="10MB", disk="1MB", requirements="false")
ROOT = Path("outputs")

times = pytest.mark.parametrize("times", [1, *long_form(10)])


@pytest.fixture
def condor(pool: Pool, own_folder: Path) -> Iterator[Condor]:
    (own_folder / "waiting_loop.py").write_text(WAITING_LOOP)
    with Condor() as asked:
        yield asked
        with contextlib.suppress(CouldNotAsk):
            asked.act("remove", "true", "the test is over")


@contextlib.contextmanager
def recorded(pool: Pool) -> Iterator[Recorder]:
    """A recorder that has looked, and found all as it was."""
    with Recorder(pool, ROOT.absolute()) as recorder:
        yield recorder
        looks = recorder.looks
        wait_until(lambda: recorder.looks > looks + 2)
    assert not recorder.wrong, recorder.wrong


def waiting(condor: Condor, name: str, resources: Resources = SMALL) -> JobHandle:
    """A run that goes on until it is asked to stop."""
    directory = (ROOT / "runs" / name).absolute()
    return submit(JobSpec(WAITING, directory, target=HTCONDOR), resources, condor)


def state_of(job: JobHandle) -> str | None:
    return summarise(str(job.directory)).state


def begun(job: JobHandle, before: int = 0) -> None:
    """Wait until it has written events, more than there were before."""
    wait_until(lambda: len(read_events(job.directory).records) > before)


def ended(pool: Pool, job: JobHandle) -> None:
    """Let it end, and see that it did so once, and that HTCondor had one job of it."""
    RunDir(job.directory).stop.touch()
    wait_until(lambda: state_of(job) == "stopped", 90)
    wait_until(lambda: not ads_of(pool, "condor_q", job), 90)
    moments = [record["moment"] for record in read_events(job.directory).records]
    last = len(moments) - moments[::-1].index("on_start")
    assert moments[last:].count("on_train_end") == 1
    wait_until(lambda: len(ads_of(pool, "condor_history", job)) == 1)


def ads_of(pool: Pool, program: str, job: JobHandle) -> list[str]:
    """The states of its jobs in the queue or the history; `?` where nobody answers."""
    constraint = f'ThesisRunId == "{job.id}"'
    try:
        told = pool.call(program, "-constraint", constraint, "-af", "JobStatus", timeout=10)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return ["?"]
    return told.split()


def answers(condor: Condor) -> bool:
    try:
        condor.ping()
    except CouldNotAsk:
        return False
    return True


@times
def test_the_scheduler_is_killed(pool: Pool, condor: Condor, times: int) -> None:
    with recorded(pool):
        for number in range(times):
            running, queued = waiting(condor, f"run{number}"), waiting(condor, f"q{number}", NEVER)
            begun(running)
            os.kill(pool.process("schedd"), signal.SIGKILL)
            before = len(read_events(running.directory).records)
            wait_until(lambda: answers(condor), 90)
            begun(running, before)
            assert (state_of(running), state_of(queued)) == ("running", "queued")
            ended(pool, running)
            assert not remove([queued]).problems
            wait_until(lambda job=queued: state_of(job) == "stopped")  # type: ignore[misc]


@times
def test_the_scheduler_is_frozen(pool: Pool, condor: Condor, times: int) -> None:
    with recorded(pool):
        for number in range(times):
            job = waiting(condor, f"run{number}")
            begun(job)
            with pool.frozen("schedd"), Condor(deadlines_s={"query": 0.5}) as asked:
                with pytest.raises(CouldNotAsk, match="did not answer"):
                    asked.query("true", ["ClusterId"])
                before = len(read_events(job.directory).records)
                begun(job, before)
                assert state_of(job) == "running"
            ended(pool, job)


@times
def test_a_job_that_was_held_for_memory_is_released_with_more(
    pool: Pool, condor: Condor, times: int
) -> None:
    with recorded(pool):
        for number in range(times):
            job = waiting(condor, f"run{number}")
            begun(job)
            assert not hold([job]).problems
            wait_until(lambda job=job: state_of(job) == "held")  # type: ignore[misc]
            log = RunDir(job.directory).job_log
            text = log.read_text()
            assert "Code 1 Subcode 0" in text
            log.write_text(text.replace("Code 1 Subcode 0", "Code 34 Subcode 102"))
            assert "memory" in (summarise(str(job.directory)).sentence or "")
            before = len(read_events(job.directory).records)
            assert not release([job], {"memory": "20MB"}).problems
            begun(job, before)
            asked = pool.call(
                "condor_q", "-constraint", f'ThesisRunId == "{job.id}"', "-af", "RequestMemory"
            )
            assert asked.split() == ["20"]
            ended(pool, job)


@times
def test_a_job_is_removed_while_it_waits(pool: Pool, condor: Condor, times: int) -> None:
    with recorded(pool) as recorder:
        for number in range(times):
            job = waiting(condor, f"run{number}", NEVER)
            assert not remove([job]).problems
            wait_until(lambda job=job: state_of(job) == "stopped")  # type: ignore[misc]
            assert not RunDir(job.directory).events.exists()
    assert {tuple(states) for states in recorder.seen.values()} <= {
        ("queued", "stopped"),
        ("stopped",),
    }


@times
def test_a_run_directory_is_deleted_under_its_job(pool: Pool, condor: Condor, times: int) -> None:
    for number in range(times):
        job = waiting(condor, f"run{number}")
        begun(job)
        wait_until(lambda job=job: is_deleted(job.directory))  # type: ignore[misc]
        wait_until(lambda job=job: not ads_of(pool, "condor_q", job), 90)  # type: ignore[misc]
        assert not job.directory.exists()
        assert find_jobs(ROOT) == []


def is_deleted(folder: Path) -> bool:
    """Delete it; whoever writes there may have been quicker."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


@times
def test_a_run_directory_is_deleted_while_its_job_waits(
    pool: Pool, condor: Condor, times: int
) -> None:
    for number in range(times):
        job = waiting(condor, f"run{number}", NEVER)
        shutil.rmtree(job.directory)
        own = f'ThesisRunId =?= "{job.id}"'
        condor.edit(own, "Requirements", "true")
        wait_until(lambda job=job: ads_of(pool, "condor_q", job) == ["5"])  # type: ignore[misc]
        assert not job.directory.exists()
        assert remove([job]).jobs == [job]
        wait_until(lambda job=job: not ads_of(pool, "condor_q", job))  # type: ignore[misc]


@times
def test_the_disk_of_the_logs_is_full(pool: Pool, condor: Condor, times: int) -> None:
    with small_disk(ROOT):
        for number in range(times):
            job = waiting(condor, f"run{number}", NEVER)
            with full(ROOT, job):
                condor.edit(f'ThesisRunId =?= "{job.id}"', "Requirements", "true")
                over = ("failed", "its job ended with exit code 1")  # it cannot write its record
                while told_by_jobs(job) != over:
                    assert state_of(job) == "queued"
            wait_until(lambda job=job: not ads_of(pool, "condor_q", job), 120)  # type: ignore[misc]
            assert len(ads_of(pool, "condor_history", job)) == 1
            assert (state_of(job), told_by_jobs(job)) == ("failed", over)
            shutil.rmtree(job.directory)


@times
def test_a_removal_is_told_though_no_log_could_take_it(
    pool: Pool, condor: Condor, times: int
) -> None:
    with small_disk(ROOT):
        for number in range(times):
            job = waiting(condor, f"run{number}", NEVER)
            with full(ROOT, job):
                pool.call("condor_rm", job.job_id or "")
                wait_until(lambda job=job: ads_of(pool, "condor_history", job))  # type: ignore[misc]
                for _ in range(2):  # the record cannot take it either
                    state, sentence = told_by_jobs(job)
                    assert (state, "removed by" in sentence) == ("failed", True)
                assert state_of(job) == "queued"
            assert told_by_jobs(job)[0] == state_of(job) == "failed", "it is written down"
            shutil.rmtree(job.directory)


@pytest.mark.slow
@times
def test_a_job_is_killed_and_its_log_loses_the_end(pool: Pool, condor: Condor, times: int) -> None:
    for number in range(times):
        job = waiting(condor, f"run{number}")
        begun(job)
        process = newest_attempt(RunDir(job.directory))
        assert process is not None
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        wait_until(lambda job=job: ads_of(pool, "condor_history", job))  # type: ignore[misc]
        log = RunDir(job.directory).job_log
        wait_until(lambda log=log: "\n005 (" in log.read_text())  # type: ignore[misc]
        log.write_text(log.read_text().partition("005 (")[0])
        assert state_of(job) == "running", "nobody was asked yet"
        lost = ("lost", "its job was ended by signal 9 (SIGKILL)")
        assert told_by_jobs(job) == lost
        now = summarise(str(job.directory))
        assert (now.state, now.sentence) == lost, "it is written down for all others"
        check_is_over(RunDir(job.directory))


FAILING_LOOP = """\
import signal
from waiting_loop import train as wait

def fail(*_):
    raise OSError(28, "no space left")

def train(cfg):
    signal.signal(signal.SIGTERM, fail)
    wait(cfg)
"""


@pytest.mark.slow
@times
def test_a_training_fails_as_its_job_is_sent_away(
    pool: Pool, condor: Condor, own_folder: Path, times: int
) -> None:
    (own_folder / "failing_loop.py").write_text(FAILING_LOOP)
    failed = re.compile("its last start failed: .*no space left")  # at an event, or after it
    with recorded(pool) as recorder:
        for number in range(times):
            words = ("loop=failing_loop:train", *WAITING[1:])
            place = (ROOT / "runs" / f"run{number}").absolute()
            job = submit(JobSpec(words, place, target=HTCONDOR), SMALL, condor)
            begun(job)
            assert not hold([job]).problems
            wait_until(lambda job=job: state_of(job) == "held")  # type: ignore[misc]
            # HTCondor says held while the training is still to fail at saving.
            wait_until(lambda job=job: failed.search(told_by_jobs(job)[1]))  # type: ignore[misc]
            assert told_by_jobs(job)[0] == "held"
            for send_away in (release, vacated(pool)):
                before = len(read_events(job.directory).records)
                send_away([job])
                begun(job, before + 1)
                wait_until(lambda job=job: state_of(job) == "running")  # type: ignore[misc]
            ended(pool, job)
    for states in recorder.seen.values():
        assert "lost" not in states


def vacated(pool: Pool) -> Callable[[list[JobHandle]], object]:
    """Has HTCondor send jobs away from their nodes."""
    return lambda jobs: [pool.call("condor_vacate_job", job.job_id or "") for job in jobs]


def told_by_jobs(job: JobHandle) -> tuple[str | None, str]:
    """What `engine jobs` says of a job."""
    jobs, _ = look(os.fspath(ROOT))
    (found,) = [one.state for one in jobs if one.name == job.name]
    return found.state, found.sentence


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of one megabyte in the place of a folder."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=777", "tmpfs", str(folder.absolute())]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no small disk can be made here: {made.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder.absolute())], check=True)


@contextlib.contextmanager
def full(folder: Path, job: JobHandle) -> Iterator[None]:
    """No room is left, nor in the last page of a log, which the disk would still take."""
    filler, log = folder / "filler", RunDir(job.directory).job_log
    with log.open("a") as file:
        file.write("-" * (-(log.stat().st_size + 5) % 4096) + "\n...\n")
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"0" * 4096)
    try:
        yield
    finally:
        filler.unlink()


def missing(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    (folder / "htcondor2.py").write_text("raise ImportError('No module named htcondor2')")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return "pip install htcondor"


def misconfigured(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    monkeypatch.setenv("CONDOR_CONFIG", str(folder / "nope"))
    return "HTCondor's scheduler cannot be found"


def not_there(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    monkeypatch.setenv("_CONDOR_SCHEDD_HOST", "nobody")
    return "no scheduler is named nobody"


@pytest.mark.parametrize("fault", [missing, misconfigured, not_there])
def test_htcondor_is_not_there(
    fault: Callable[..., str],
    pool: Pool,
    own_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = fault(monkeypatch, own_folder)
    assert main(["submit", "device=cpu"]) == 1
    assert told in capsys.readouterr().err
    assert not ROOT.exists()


def test_somebody_else_may_not_touch_a_job(pool: Pool, condor: Condor) -> None:
    job = waiting(condor, "run", NEVER)
    with pool.as_somebody_else():
        done = remove([job])
    assert "permission" in done.problems["run"]
    assert state_of(job) == "queued"
    assert ads_of(pool, "condor_q", job) == ["1"]


@pytest.mark.parametrize("zone", ["UTC-1", *long_form("UTC+1", "UTC-12", "UTC+12")])
def test_who_looks_is_in_another_zone(
    pool: Pool, condor: Condor, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    job = waiting(condor, "run")
    begun(job)
    with set_to(zone, monkeypatch):
        assert state_of(job) == "running"
        ended(pool, job)
        assert state_of(job) == "stopped"
        waits = waiting(condor, "next", NEVER)
        assert state_of(waits) == "queued"
        (row, _) = find_jobs(ROOT)
        assert row.state.state == "queued"


@contextlib.contextmanager
def set_to(zone: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Another zone, in which HTCondor's logs tell times; see `test_condor_clocks` for clocks."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        yield
    time.tzset()
