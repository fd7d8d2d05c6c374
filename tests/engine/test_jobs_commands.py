"""`engine launch` and `engine jobs` as they are typed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import engine.cli
from engine.errors import LaunchError
from engine.facts import RunDir, machine
from engine.launch import jobs as launch_jobs
from engine.launch.control import kill_job
from engine.launch.job import JobHandle, JobSpec
from engine.launch.jobs import JobFinder, find_jobs
from engine.launch.record import command_text, new_entries, read_job, write_record
from engine.launch.usage import Meter, members
from tests.engine.launching import LONG, QUICK, TINY, Jobs, jobs, wait_until

__all__ = ["jobs"]


class Typed:
    """Calls the command and keeps what it prints."""

    def __init__(self, jobs: Jobs, capsys: pytest.CaptureFixture[str]) -> None:
        self._jobs, self._capsys = jobs, capsys
        self.out = self.err = ""

    def __call__(self, *words: str) -> int:
        code = engine.cli.main(list(words))
        self.out, self.err = self._capsys.readouterr()
        return code

    def launch(self, *words: str) -> dict[str, Any]:
        assert self("launch", *words, "--json") == 0, self.err
        told: dict[str, Any] = json.loads(self.out)
        name = "sweep.json" if told["kind"] == "sweep" else "launch.json"
        job = read_job(Path(told["directory"]) / name)
        assert job is not None
        self._jobs.watch(job)
        return told | {"handle": job}

    def listed(self, *words: str) -> list[dict[str, Any]]:
        assert self("jobs", *words, "--json") == 0
        found: list[dict[str, Any]] = json.loads(self.out)
        return found


@pytest.fixture
def typed(jobs: Jobs, capsys: pytest.CaptureFixture[str]) -> Typed:
    return Typed(jobs, capsys)


def test_a_launched_run_is_listed_shown_stopped_and_gone_on_with(jobs: Jobs, typed: Typed) -> None:
    told = typed.launch(*LONG)
    assert told["directory"].startswith(str(Path("outputs/runs/run_").absolute()))
    wait_until(lambda: find_jobs("outputs")[0].runs[0].epochs_done)
    (listed,) = typed.listed()
    assert (listed["id"], listed["state"], listed["pid"]) == (told["id"], "running", told["pid"])
    assert listed["memory_bytes"] > 50 * 2**20
    assert listed["cpu_percent"] > 0
    assert typed("jobs") == 0
    assert typed.out.splitlines()[1].split("\t")[:3] == [told["name"], "run", "running"]
    assert typed("jobs", "log", "last", "-n", "1") == 0
    assert len(typed.out.splitlines()) == 1
    assert typed("jobs", "stop", told["name"][-6:]) == 0
    assert "asked to stop" in typed.out
    jobs.ended(told["handle"])
    assert typed.listed()[0]["state"] == "stopped"
    assert typed("jobs", "stop", "last") == 1
    done = find_jobs("outputs")[0].runs[0].epochs_done
    again = typed.launch("--resume", "last", f"phase1.trainer.epochs={done + 1}")
    assert (again["name"], again["kind"]) == (told["name"], "resume")
    assert jobs.ended(again["handle"]).exit_code == 0
    assert typed("launch", "--resume", "last") == 2
    assert "has finished" in typed.err


def test_every_mistake_is_told_at_once_and_nothing_is_started(typed: Typed) -> None:
    assert typed("launch", "phase1.trainer.epochs=x", "data.bla=1", "phase1/latent_space=vqq") == 2
    for text in ("3 problems", "phase1.trainer.epochs=x", "data.bla", "did you mean vq"):
        assert text in typed.err
    assert not Path("outputs").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--at-once", "2"], "add --multirun"),
        (["-m", "--at-once", "0"], "at least one"),
        (["-m", "phase1.trainer.seed=1,2", "--leave-out", "2"], "there is no point 2"),
        (["-m", "phase1.trainer.seed=1,2", "--leave-out", "0,1"], "no point of the sweep is left"),
        (["-m", "--leave-out", "x"], "numbers of points"),
        (["--config-dir", "nowhere"], "there is no such folder"),
        (["--resume", "last", "-m"], "nothing else"),
        (["--resume", "nothing"], "there are no runs"),
        (["phase1.trainer.seed=1,2"], "--multirun takes each"),
        (["logging.save_artifacts=false"], "needs a directory"),
        (["--", "--cfg"], "without dashes"),
        (["loop=nothing_here"], "no such option"),
    ],
)
def test_what_makes_no_sense_is_refused(typed: Typed, words: list[str], said: str) -> None:
    assert typed("launch", *words) == 2
    assert said in typed.err
    assert not Path("outputs/runs").exists()


@pytest.mark.parametrize(
    ("words", "leave_out", "runs"),
    [
        (["-m", "phase1.trainer.seed=1,2,3"], (), 3),
        (["-m", "phase1.trainer.seed=1,2,3", "--leave-out", "2"], (2,), 2),
        (["-m", "phase1.trainer.seed=1,2,3", "hydra.sweeper.leave_out=[1]"], (1,), 2),
        (["-m", "phase1.trainer.seed=1,2,3", "hydra.sweeper.leave_out=[1]", "--leave-out", "0,1"],
         (0, 1), 1),
        (["-m", "phase1.trainer.seed=1,2", "phase1.trainer.seed=3,4"], (), 2),
        (["phase1/experiment=compare_latent_spaces"], (), 3),
    ],
)  # fmt: skip
def test_a_sweep_that_is_launched_knows_its_runs_and_those_that_are_none(
    typed: Typed,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    leave_out: tuple[int, ...],
    runs: int,
) -> None:
    asked: list[JobSpec] = []

    def submit(spec: JobSpec) -> JobHandle:
        asked.append(spec)
        raise LaunchError("enough")

    monkeypatch.setattr("engine.launch.local.submit", submit)
    assert typed("launch", *words) == 1
    (spec,) = asked
    assert (spec.sweep, spec.leave_out, spec.points) == (True, leave_out, runs)
    assert spec.directory.parent.name == "multiruns"
    assert command_text(spec).count("leave_out") == bool(leave_out)


@pytest.mark.parametrize("command", ["train", "check", "launch"])
@pytest.mark.parametrize("second", [["-cd", "b"], ["--config-dir=b"]])
def test_a_second_folder_of_groups_is_refused(
    typed: Typed, command: str, second: list[str]
) -> None:
    assert typed(command, "--config-dir", "a", *second) == 2
    assert "only one such folder" in typed.err


def test_a_sweep_is_one_job_in_a_directory_of_its_own(jobs: Jobs, typed: Typed) -> None:
    words = ("-m", "phase1.trainer.seed=1,2,3", "--leave-out", "1", *QUICK)
    told = typed.launch(*words, "hydra.sweep.dir=there/sweep")
    assert told["directory"] == str(Path("there/sweep").absolute())
    assert jobs.ended(told["handle"]).exit_code == 0
    (job,) = find_jobs(".")
    assert (job.state.state, job.state.sentence) == ("finished", "2 of 2 runs over")
    assert job.counts == {"finished": 2}
    assert typed("runs", "--root", ".", "--columns", "name,sweep") == 0
    assert typed.out.count("\tsweep") == 3, "the title and two runs, and not the sweep itself"


def test_kill_ends_all_processes_of_a_job_and_asks_before(
    jobs: Jobs, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("deaf_loop.py").write_text(DEAF_LOOP)
    handle = jobs.submit("loop=deaf_loop:train", *QUICK[1:])
    wait_until(lambda: (handle.directory / "deaf").exists() and len(members(handle)) == 2)
    assert typed("jobs", "kill", "last") == 2
    assert "--yes says so" in typed.err
    assert typed("jobs", "kill", "last", "--yes", "--grace", "0.2") == 0
    assert "ended by SIGKILL" in typed.out
    assert members(handle) == []
    assert typed.listed()[0]["state"] == "lost"
    assert typed("jobs", "kill", "last", "--yes") == 1
    assert "has ended already" in typed.out


DEAF_LOOP = """\
import signal, subprocess, sys, time
from pathlib import Path

def train(cfg):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    Path("deaf").touch()
    while True:
        time.sleep(1)
"""


def test_what_outlives_the_first_process_of_a_job_is_killed_and_nobody_else(jobs: Jobs) -> None:
    Path("deaf_loop.py").write_text(DEAF_LOOP)
    handle = jobs.submit("loop=deaf_loop:train", *QUICK[1:])
    wait_until(lambda: (handle.directory / "deaf").exists() and len(members(handle)) == 2)
    assert handle.pid is not None
    os.kill(handle.pid, signal.SIGKILL)
    wait_until(lambda: handle.process() != "alive")
    (left,) = members(handle)
    entries = json.loads(handle.path.read_text())
    other = write_record(handle.path, entries | {"id": "0" * 32})
    assert members(other) == [], "a session of the same number, but another job's"
    assert kill_job(handle, grace_s=0.1) == "SIGKILL"
    assert members(handle) == []
    assert left != handle.pid


def test_one_damaged_record_hides_no_other_job(own_folder: Path, typed: Typed) -> None:
    for number, text in enumerate(["{", "[]", '{"kind": [], "pid": "x", "sweep_dir": 3}', "\x00"]):
        run_dir = RunDir.claim(own_folder / f"outputs/runs/run{number}")
        run_dir.launch.write_text(text)
    for number, text in enumerate(["{", '{"state": "running", "host": "moon", "pid": 1}']):
        folder = own_folder / f"outputs/multiruns/exp{number}"
        folder.mkdir(parents=True)
        (folder / "sweep.json").write_text(text)
    (own_folder / "outputs/runs/run9").mkdir()
    (own_folder / "outputs/runs/run9/launch.json").symlink_to("/etc/hostname")
    run_dir = RunDir.claim(own_folder / "outputs/runs/good")
    write_record(run_dir.launch, new_entries(JobSpec(TINY, run_dir.path)))
    listed = {job["name"]: job for job in typed.listed("--all")}
    assert len(listed) == 7
    assert listed["good"]["problem"] is None
    assert "damaged" in listed["run0"]["problem"]
    assert (listed["exp1"]["state"], listed["exp1"]["sentence"]) == (
        None,
        "it is on moon, and cannot be asked from here",
    )
    assert typed("jobs", "--all") == 0, typed.err


def test_a_record_is_read_again_only_when_it_has_changed(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    for number in range(3):
        run_dir = RunDir.claim(own_folder / f"outputs/runs/run{number}")
        write_record(run_dir.launch, new_entries(JobSpec(TINY, run_dir.path)))
    finder = JobFinder("outputs")
    assert len(finder.refresh()) == 3
    original = launch_jobs._read

    def noted(path: Path) -> Any:
        read.append(path)
        return original(path)

    monkeypatch.setattr(launch_jobs, "_read", noted)
    assert len(finder.refresh()) == 3
    assert read == []
    path = own_folder / "outputs/runs/run1/launch.json"
    write_record(path, json.loads(path.read_text()) | {"parent": "somebody"})
    assert [job.handle.parent for job in finder.refresh()].count("somebody") == 1
    assert read == [path]


@pytest.fixture
def busy() -> Iterator[int]:
    """A process in a session of its own that takes CPU time until it is killed."""
    script = "while True: pass"
    with subprocess.Popen([sys.executable, "-c", script], start_new_session=True) as process:
        yield process.pid
        process.kill()


def test_cpu_is_told_since_the_last_look(own_folder: Path, busy: int) -> None:
    clock = iter([0.0, 10.0, 20.0])
    entries = new_entries(JobSpec((), own_folder)) | {"pid": busy}
    entries["pid_started"] = machine.process_start(busy)
    handle = write_record(own_folder / "launch.json", entries)
    meter = Meter(lambda: next(clock))

    def cpu_s() -> float:
        now = Meter()
        now.look()
        usage = now.usage(handle)
        assert usage is not None
        return usage.cpu_s

    meter.look()
    first = meter.usage(handle)
    assert first is not None
    wait_until(lambda: cpu_s() > first.cpu_s + 0.1, 30)
    meter.look()
    second = meter.usage(handle)
    assert second is not None
    assert second.cpu_s > first.cpu_s
    assert second.cpu_percent == pytest.approx(10 * (second.cpu_s - first.cpu_s))
    assert second.processes == 1
