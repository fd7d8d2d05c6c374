"""The program that launches is killed at any moment: a run has a record, a record has its run."""

from __future__ import annotations

import itertools
import os
import random
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.facts import RunDir
from engine.launch.job import JobSpec
from engine.launch.local import message
from engine.launch.record import read_job
from engine.library.index import Index
from tests.conftest import long_form
from tests.engine.launching import QUICK, Jobs, jobs, wait_until

__all__ = ["jobs"]

MARK = "THESIS_TEST_CRASH"
LAUNCHER = """
import sys
from pathlib import Path
from engine.launch.job import JobSpec
from engine.launch.local import submit
words, directory = tuple(sys.argv[2:]), Path(sys.argv[1]).absolute()
print("ready", flush=True)
submit(JobSpec(words, directory))
print("launched", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("times", [6, *long_form(100)])
def test_a_launcher_that_is_killed_leaves_a_job_with_a_record_or_nothing(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setenv(MARK, str(os.getpid()))
    chance = random.Random(5)
    moments = [0.0, None, *(chance.uniform(0, 0.3) for _ in range(times - 2))]
    for number, moment in enumerate(moments):
        launch_and_kill(f"run{number}", moment)
        wait_until(lambda: not marked(b"engine.launch.start"))
    wait_until(lambda: not marked(b"--launch"), seconds=120)
    runs = Path("outputs/runs")
    left = sorted(runs.iterdir()) if runs.is_dir() else []
    records = [read_job(RunDir(path).launch) for path in left]
    assert [(job.state, job.exit_code) for job in records if job] == [("ended", 0)] * len(left)
    assert "run1" in {path.name for path in left}, "the one whose launcher was killed last"
    states = [run.state for run in Index("outputs").refresh()] if left else []
    assert states == ["finished"] * len(left)


def launch_and_kill(name: str, after_s: float | None) -> None:
    """Kill a launcher and its process group so long after it begins; with None once it is done."""
    command = [sys.executable, "-c", LAUNCHER, f"outputs/runs/{name}", *QUICK]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        if after_s is None:
            assert process.stdout.readline() == b"launched\n"
        else:
            select.select([], [], [], after_s)  # the moment itself is what is tried
        os.killpg(process.pid, signal.SIGKILL)


def marked(word: bytes) -> list[int]:
    """Processes of this test that live and have a word in their command line."""
    found = []
    mark = f"{MARK}={os.getpid()}".encode()
    for folder in Path("/proc").iterdir():
        try:
            command = (folder / "cmdline").read_bytes() if folder.name.isdecimal() else b""
            if word in command and mark in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def test_a_part_of_a_message_starts_nothing(jobs: Jobs) -> None:
    whole = message(JobSpec(QUICK, Path("outputs/runs/run").absolute()))
    command = [sys.executable, "-P", "-m", "engine.launch.start"]
    for cut in (0, 1, len(whole) // 2, len(whole) - 1):
        answer = subprocess.run(command, input=whole[:cut], capture_output=True)
        assert (answer.returncode, answer.stdout) == (1, b"")
    assert not Path("outputs").exists()


def test_a_launcher_that_does_not_listen_changes_nothing(jobs: Jobs) -> None:
    whole = message(JobSpec(QUICK, Path("outputs/runs/run").absolute()))
    command = [sys.executable, "-P", "-m", "engine.launch.start"]
    reading, writing = os.pipe()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=writing)
    os.close(writing)
    os.close(reading)
    process.communicate(whole)
    record = RunDir(Path("outputs/runs/run")).launch
    wait_until(record.exists)
    job = read_job(record)
    assert job is not None
    assert jobs.ended(jobs.watch(job)).exit_code == 0


def test_while_jobs_start_every_look_finds_them_under_way_or_not_at_all(jobs: Jobs) -> None:
    """Nobody sees a run that is lost or broken only because it has just begun."""
    seen, index = set(), Index("outputs")
    started = [jobs.submit(*QUICK, name=f"run{number}") for number in range(2)]
    for _ in itertools.count():
        states = {run.name: run.state for run in index.refresh()}
        seen |= set(states.values())
        if set(states.values()) == {"finished"} and len(states) == 2:
            break
        assert time.time() - os.stat(started[0].directory).st_ctime < 60
    assert seen <= {"running", "finished"}
