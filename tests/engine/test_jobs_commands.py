"""`engine launch` and `engine jobs` as they are typed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

import engine.cli
from engine.config.compose import compose
from engine.errors import LaunchError
from engine.facts import RunDir, append_jsonl_event, build_event_payload, machine
from engine.launch import jobs as launch_jobs
from engine.launch import local
from engine.launch.control import ask_job_to_stop, kill, kill_job
from engine.launch.job import ID_VARIABLE, JobHandle, JobSpec
from engine.launch.jobs import JobFinder, find_jobs
from engine.launch.record import command_text, new_entries, read_job, write_record
from engine.launch.usage import Meter, Usage, members
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
        (["-m", "--at-once", "0"], "must be at least 1"),
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


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[JobSpec]:
    """What would be started; nothing is."""
    specs: list[JobSpec] = []

    def keep(spec: JobSpec) -> JobHandle:
        specs.append(spec)
        return JobHandle(spec.directory / "launch.json", kind=spec.kind, points=spec.points)

    monkeypatch.setattr(local, "submit", keep)
    return specs


EXPERIMENT = "phase1/experiment=compare_vq_vs_none"


def test_an_experiment_is_a_sweep_by_itself(typed: Typed, asked: list[JobSpec]) -> None:
    words = ("launch", EXPERIMENT, "phase1.trainer.seed=1,2")
    assert typed(*words, "--leave-out", "1", "--at-once", "2") == 0, typed.err
    assert typed("launch", EXPERIMENT, "hydra.mode=RUN") == 0, typed.err
    sweep, run = asked
    assert (sweep.kind, sweep.points, sweep.leave_out, sweep.at_once) == ("sweep", 3, (1,), 2)
    assert sweep.directory.parent.name == "multiruns"
    assert (run.kind, run.points, run.directory.parent.name) == ("run", None, "runs")


def past_run(*words: str) -> RunDir:
    """The directory of a run that has left its config."""
    run_dir = RunDir.claim(Path("outputs/runs/run_before").absolute())
    run_dir.write_text(run_dir.hydra / "config.yaml", OmegaConf.to_yaml(compose(words)))
    run_dir.write_text(run_dir.hydra / "overrides.yaml", yaml.safe_dump(list(words)))
    return run_dir


def test_values_are_taken_from_the_run_that_is_named(
    own_folder: Path, typed: Typed, asked: list[JobSpec]
) -> None:
    words = ("phase1/latent_space=vq", "phase1.latent_space.decay=0.5", "phase1.trainer.epochs=3")
    past_run(*words, "phase1.trainer.seed=7")
    assert typed("launch", "--parent", "run_before", "phase1.trainer.epochs=4") == 0, typed.err
    assert typed("launch", "--parent", "run_before", "phase1/latent_space=linear") == 0, typed.err
    assert typed("launch", "--parent", "run_before", "-m", "phase1.trainer.seed=1,2") == 0, (
        typed.err
    )
    changed, linear, seeds = asked
    assert changed.overrides == (*words[:2], "phase1.trainer.epochs=4", "phase1.trainer.seed=7")
    assert linear.overrides == (
        *("phase1/latent_space=linear", "phase1.trainer.epochs=3", "phase1.trainer.seed=7"),
    )
    assert (seeds.points, seeds.overrides[-1]) == (2, "phase1.trainer.seed=1,2")
    assert {spec.parent for spec in asked} == {"run_before"}


def test_a_run_that_names_what_is_not_trusted_gives_no_values(
    own_folder: Path, typed: Typed, asked: list[JobSpec]
) -> None:
    run_dir = past_run()
    config = run_dir.hydra / "config.yaml"
    config.write_text(config.read_text().replace("loop: ae", "loop: quick_loop:train"))
    assert typed("launch", "--parent", "run_before") == 2
    assert "quick_loop" in typed.err
    assert asked == []


def test_a_run_that_goes_on_takes_the_number_of_epochs_as_resume_does(
    own_folder: Path, typed: Typed, asked: list[JobSpec]
) -> None:
    run_dir = past_run()
    ended = build_event_payload("on_train_end", run_dir.path, stopped=True)
    append_jsonl_event(run_dir.path, ended)
    assert typed("launch", "--resume", "run_before", "--epochs", "9") == 0, typed.err
    assert asked == [JobSpec(("phase1.trainer.epochs=9",), run_dir.path, resume=True)]
    assert typed("launch", "--epochs", "9") == 2
    assert "--epochs is for --resume" in typed.err


def test_the_short_options_are_those_of_the_training_command(
    own_folder: Path, typed: Typed, asked: list[JobSpec]
) -> None:
    name = EXPERIMENT.replace("=", "/")
    assert typed("launch", "-cd", ".", "-cn", name, "phase1.trainer.seed=1") == 0, typed.err
    assert asked[0].config_dirs == (own_folder,)
    assert asked[0].overrides == (EXPERIMENT, "phase1.trainer.seed=1")


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
        (["-m", "data.file=tops_20k.h5,none.h5", "--leave-out", "1"], (1,), 1),
        (["-m", "loop=ae,gan_ae", "phase1/decoder=mlp,gan", "--leave-out", "1"], (1,), 3),
    ],
)  # fmt: skip
def test_a_sweep_that_is_launched_knows_its_runs_and_those_that_are_none(
    typed: Typed, asked: list[JobSpec], words: list[str], leave_out: tuple[int, ...], runs: int
) -> None:
    assert typed("launch", *words) == 0, typed.err
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
    assert (job.state.state, job.state.sentence) == ("finished", "2 of 2 runs finished")
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


@pytest.fixture
def asleep() -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts processes that lead a session of two, with the mark of a job."""
    started: list[subprocess.Popen[bytes]] = []

    def start(job_id: str) -> subprocess.Popen[bytes]:
        words = ["sh", "-c", "sleep 1000 & echo && wait"]
        environment = os.environ | {ID_VARIABLE: job_id}
        process = subprocess.Popen(
            words, env=environment, start_new_session=True, stdout=subprocess.PIPE
        )
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def entries_of(process: subprocess.Popen[bytes], directory: Path) -> dict[str, Any]:
    """The record of a job whose first process that is."""
    started = machine.process_start(process.pid)
    named = {"pid": process.pid, "pid_started": started}
    return new_entries(JobSpec((), directory)) | named


@pytest.mark.parametrize("unknown", ["pid_started", "boot_id", "pid_namespace", "id"])
def test_no_process_is_killed_that_a_record_does_not_name_for_sure(
    own_folder: Path, asleep: Callable[[str], subprocess.Popen[bytes]], unknown: str
) -> None:
    run_dir, process = RunDir.claim(own_folder / "run"), asleep("ab" * 16)
    entries = entries_of(process, run_dir.path) | {"id": "ab" * 16}
    del entries[unknown]
    job = write_record(run_dir.launch, entries)
    for end in (lambda: kill_job(job), lambda: kill(run_dir)):
        with pytest.raises(LaunchError, match="nothing proves that process"):
            end()
    assert process.poll() is None
    whole = write_record(run_dir.launch, entries | entries_of(process, run_dir.path))
    assert not members(whole), "another id than the process has"
    named = entries_of(process, run_dir.path) | {"id": "ab" * 16}
    kill_job(write_record(run_dir.launch, named), grace_s=0.1)
    assert process.wait() == -signal.SIGTERM


def test_a_copy_of_a_run_ends_nothing(
    own_folder: Path, asleep: Callable[[str], subprocess.Popen[bytes]]
) -> None:
    run_dir, process = RunDir.claim(own_folder / "run"), asleep("ab" * 16)
    entries = entries_of(process, run_dir.path) | {"id": "ab" * 16}
    write_record(run_dir.launch, entries)
    copy = RunDir(own_folder / "copy")
    shutil.copytree(run_dir.path, copy.path)
    job = read_job(copy.launch)
    assert job is not None
    for end in (lambda: kill_job(job), lambda: kill(copy), lambda: ask_job_to_stop(job)):
        with pytest.raises(LaunchError, match="this is another directory"):
            end()
    assert process.poll() is None
    assert not copy.stop.exists()
    (own_folder / "link").symlink_to(run_dir.path)
    assert kill(RunDir(own_folder / "link")) == "SIGTERM"


def test_what_is_left_of_a_job_is_told_by_its_mark(
    own_folder: Path, asleep: Callable[[str], subprocess.Popen[bytes]]
) -> None:
    process = asleep("ab" * 16)
    entries = entries_of(process, own_folder) | {"id": "ab" * 16}
    process.kill()
    process.wait()
    job = write_record(own_folder / "launch.json", entries)
    assert len(members(job)) == 1
    assert members(replace(job, id="cd" * 16)) == []
    assert kill_job(job) == "SIGTERM"


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


def put_sweep(folder: Path, **more: object) -> None:
    """The record of a sweep in its directory."""
    folder.mkdir(parents=True)
    spec = JobSpec((), folder, sweep=True)
    write_record(folder / "sweep.json", new_entries(spec, **more))


def put_run_of(folder: Path, name: str, **more: object) -> RunDir:
    """A run that says of which sweep it is."""
    run_dir = RunDir.claim(Path("outputs/runs", name).absolute())
    spec = JobSpec((), run_dir.path)
    write_record(run_dir.launch, new_entries(spec, sweep_dir=str(folder), **more))
    return run_dir


def test_a_run_leads_to_no_sweep_outside_of_the_root(own_folder: Path) -> None:
    (own_folder / "link").symlink_to("outputs")
    inside, outside = own_folder / "outputs/multiruns/exp", own_folder / "elsewhere"
    put_sweep(inside, id="ab" * 16)
    put_sweep(outside, id="cd" * 16)
    put_sweep(own_folder / "outputs/mine", id="ef" * 16)
    put_run_of(own_folder / "link/multiruns/exp", "run1", sweep_id="ab" * 16)
    put_run_of(outside, "run2", sweep_id="cd" * 16)
    put_run_of(own_folder / "outputs/mine", "run3", sweep_id="ef" * 16)
    put_run_of(Path("\0"), "run4", sweep_id="01" * 16)
    assert sorted(job.name for job in find_jobs("outputs")) == ["exp", "mine"]
    assert sorted(job.name for job in find_jobs("link")) == ["exp", "mine"]


def test_a_sweep_that_was_stopped_tells_what_has_finished(own_folder: Path) -> None:
    folder = own_folder / "outputs/multiruns/exp"
    put_sweep(folder, id="ab" * 16, points=3, state="ended", exit_code=0)
    (folder / "stop").touch()
    for name, stopped in (("run1", False), ("run2", True), ("run3", True)):
        run_dir = put_run_of(folder, name, sweep_id="ab" * 16)
        told = {"stopped": True} if stopped else {}
        append_jsonl_event(run_dir.path, build_event_payload("on_start", run_dir.path))
        payload = build_event_payload("on_train_end", run_dir.path, **told)
        append_jsonl_event(run_dir.path, payload)
    (job,) = find_jobs("outputs")
    assert job.state.sentence == "stopped: 1 of 3 runs finished, 2 stopped"


def test_a_pipe_gets_numbers_that_can_be_read_and_titles_with_their_units(
    own_folder: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_run_of(own_folder / "nowhere", "run", kind="resume")
    usage = Usage(1, 264118272, 1.0, 42.49999999999664)
    monkeypatch.setattr(Meter, "usage", lambda meter, job: usage)
    assert typed("jobs") == 0
    titles, row = (line.split("\t") for line in typed.out.splitlines())
    told = dict(zip(titles, row, strict=True))
    assert (told["memory_bytes"], told["cpu_percent"]) == ("264118272", "42.5")
    assert told["age_s"].isdecimal()
    assert "progress" in told


def test_the_log_of_a_job_is_json_where_that_is_asked_for(own_folder: Path, typed: Typed) -> None:
    run_dir = put_run_of(own_folder / "nowhere", "run", kind="resume")
    run_dir.log.write_text("one\ntwo\nthree\n")
    assert typed("jobs", "log", "last", "-n", "2", "--json") == 0
    assert json.loads(typed.out) == {"run": ["two", "three"]}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("jobs", "log", "last", "-n", "0"), "-n 0: must be at least 1"),
        (("jobs", "log", "last", "-n", "-3"), "-n -3: must be at least 1"),
        (("jobs", "kill", "last", "--yes", "--grace", "nan"), "--grace nan: must be a number"),
        (("kill", "last", "--grace", "-1"), "--grace -1: must be a number of seconds, at least 0"),
    ],
)
def test_a_number_that_cannot_be_is_refused(
    own_folder: Path, typed: Typed, words: tuple[str, ...], said: str
) -> None:
    assert typed(*words) == 2
    assert said in typed.err


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
