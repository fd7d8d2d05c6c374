"""What a start by HTCondor does with a run that it has started before, as on its node."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from engine.cli import main, resumable
from engine.config import paths
from engine.config.paths import config_dir
from engine.facts import RunDir, machine, read_events
from engine.facts.attempts import JOB_ID, read_attempts
from engine.facts.provenance import git_commit
from engine.facts.time_limit import REQUEUE
from engine.launch import configs
from engine.launch.configs import as_submitted
from engine.launch.job import HTCONDOR, ID_VARIABLE, JobSpec
from engine.launch.record import NO_PROCESS, new_entries, read_job, write_record
from engine.library.index import summarise
from engine.packaged import packaged
from engine.training_loops.objective import Objective
from tests.conftest import TINY, long_form
from tests.engine.test_resume import call_before

WORDS = (*TINY, "data.batch_size=64", "phase1.trainer.seed=7", "evaluation.enabled=false")
"""Of a training with four steps in each of two epochs."""
SIXTH = (Objective, "train_batch", 6)


@pytest.fixture
def run_dir(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> RunDir:
    """A job that HTCondor has, on its node."""
    run_dir = RunDir(own_folder / "outputs" / "runs" / "run")
    run_dir.facts.mkdir(parents=True)
    spec = JobSpec(WORDS, run_dir.path, target=HTCONDOR)
    more = {"id": "abc", "job_id": "12.0", "state": "queued"}
    write_record(run_dir.launch, new_entries(spec, **NO_PROCESS, **more))
    monkeypatch.setenv(ID_VARIABLE, "abc")
    monkeypatch.setenv(JOB_ID, "12.0")
    return run_dir


def start(run_dir: RunDir) -> int:
    """Start it, as the script on the node does; the exit code."""
    return main(["train", "--launch", str(run_dir.launch)])


def evict() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def sent_away(run_dir: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start it, and send it away in its second epoch."""
    with monkeypatch.context() as patch:
        call_before(patch, *SIXTH, evict)
        assert start(run_dir) == 128 + signal.SIGTERM
    assert run_dir.last.exists()


def starts(run_dir: RunDir) -> int:
    return len(read_events(run_dir.path).of("on_start"))


@pytest.mark.parametrize("kind", ["run", "resume"])
def test_a_run_that_was_asked_to_stop_does_not_go_on_though_it_was_sent_away(
    run_dir: RunDir, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with monkeypatch.context() as patch:
        call_before(patch, *SIXTH, run_dir.stop.touch)
        sent_away(run_dir, monkeypatch)
    assert run_dir.stop.exists()
    entries = json.loads(run_dir.launch.read_text())
    own = {} if kind == "run" else {"kind": kind, "overrides": []}
    write_record(run_dir.launch, entries | own)
    assert start(run_dir) == 0
    assert starts(run_dir) == 1
    assert summarise(str(run_dir.path)).sentence == "stopped after 1 of 2 epochs"
    job = read_job(run_dir.launch)
    assert job is not None
    assert (job.state, job.exit_code) == ("ended", 0)


def test_a_job_that_stopped_as_asked_does_not_go_on_where_it_is_sent_away_at_its_end(
    run_dir: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        call_before(patch, *SIXTH, run_dir.stop.touch)
        assert start(run_dir) == 0
    for _ in range(2):
        assert start(run_dir) == 0
    assert starts(run_dir) == 1
    assert summarise(str(run_dir.path)).state == "stopped"


@pytest.mark.parametrize("signalled", [False, True])
def test_a_training_of_this_machine_keeps_the_file_where_a_signal_ended_it_too(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, signalled: bool
) -> None:
    """Whoever sends the signal may start it again by itself, as a job of another scheduler."""
    words = [*WORDS, "hydra.run.dir=run", "run.resume=auto"]
    with monkeypatch.context() as patch:
        call_before(patch, *SIXTH, Path("run/stop").absolute().touch)
        if signalled:
            call_before(patch, *SIXTH, evict)
        assert main(["train", *words]) == (128 + signal.SIGTERM if signalled else 0)
    assert Path("run/stop").exists() is signalled
    assert main(["train", *words]) == 0
    assert starts(RunDir(Path("run"))) == (1 if signalled else 2)
    assert not Path("run/stop").exists(), "it has been obeyed"


@pytest.fixture
def group(own_folder: Path) -> Path:
    """A file of a config group of one's own."""
    path = own_folder / "configs" / "phase1" / "experiment" / "mine.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("# @package _global_\nphase1:\n  trainer:\n    lr: 0.002\n")
    return path


@pytest.mark.parametrize("edit", ["lr: 0.07", "lr: [", *long_form("lr: -1")])
def test_a_run_that_has_begun_goes_on_with_its_config_whatever_the_files_say_by_now(
    run_dir: RunDir, group: Path, monkeypatch: pytest.MonkeyPatch, edit: str
) -> None:
    entries = json.loads(run_dir.launch.read_text())
    words = [*entries["overrides"], "phase1/experiment=mine"]
    own = {"overrides": words, "config_dirs": [str(group.parents[2])], "number": 3, "sweep_id": "s"}
    write_record(run_dir.launch, entries | own)
    sent_away(run_dir, monkeypatch)
    config = (run_dir.hydra / "config.yaml").read_text()
    assert "lr: 0.002" in config
    group.write_text(group.read_text().replace("lr: 0.002", edit))
    assert start(run_dir) == 0
    assert summarise(str(run_dir.path)).state == "finished"
    assert (run_dir.hydra / "config.yaml").read_text() == config
    told = read_events(run_dir.path).of("on_start")
    assert [one["meta"]["hydra_job_id"] for one in told] == ["3", "3"]


def test_a_batch_job_goes_on_with_its_config_too(
    own_folder: Path, group: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["train", "--config-dir", "configs", *WORDS, "hydra.run.dir=run", "run.resume=auto"]
    words += ["phase1/experiment=mine"]
    monkeypatch.setenv(JOB_ID, "12.0")
    with monkeypatch.context() as patch:
        call_before(patch, *SIXTH, evict)
        assert main(words) == 128 + signal.SIGTERM
    group.write_text(group.read_text().replace("0.002", "-1"))
    assert main(words) == 0
    assert summarise("run").state == "finished"
    assert "lr: 0.002" in Path("run/.hydra/config.yaml").read_text()


def test_a_config_that_somebody_left_for_a_batch_job_may_not_name_what_is_called(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", *WORDS, "hydra.run.dir=run", "run.resume=auto"]
    monkeypatch.setenv(JOB_ID, "12.0")
    assert main(words) == 0
    saved = Path("run/.hydra/config.yaml")
    text = saved.read_text()
    (own,) = [line for line in text.splitlines() if "encoders" in line and "_target_" in line]
    saved.write_text(text.replace(own, f"{own.partition(':')[0]}: os.system"))
    assert main(words) == 2
    assert "os.system" in capsys.readouterr().err


@pytest.fixture
def saving(run_dir: RunDir, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    """The process of a start before, of a run that was sent away; it has not told its end yet."""
    sent_away(run_dir, monkeypatch)
    lines = run_dir.events.read_text().splitlines(keepends=True)
    run_dir.events.write_text("".join(lines[:-1]))
    (attempt,) = read_attempts(run_dir)
    with subprocess.Popen(["sleep", "600"]) as process:
        entries = json.loads(attempt.path.read_text())
        own = {"pid": process.pid, "pid_started": machine.process_start(process.pid)}
        attempt.path.write_text(json.dumps(entries | own))
        yield process
        process.kill()


@pytest.mark.parametrize("kind", ["run", "resume"])
def test_a_start_waits_for_one_before_that_still_saves_here(
    run_dir: RunDir, saving: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    entries = json.loads(run_dir.launch.read_text())
    own = {} if kind == "run" else {"kind": kind, "overrides": []}
    write_record(run_dir.launch, entries | own)

    def sleep(seconds: float) -> None:
        assert starts(run_dir) == 1
        saving.kill()
        saving.wait()

    monkeypatch.setattr(resumable.time, "sleep", sleep)
    assert start(run_dir) == 0
    assert starts(run_dir) == 2
    assert summarise(str(run_dir.path)).state == "finished"


def test_a_job_stays_in_the_queue_where_a_start_before_does_not_end(
    run_dir: RunDir, saving: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = json.loads(run_dir.launch.read_text())
    write_record(run_dir.launch, entries | {"resources": {"max_vacate_time": 5}})
    now = itertools.count()
    monkeypatch.setattr(resumable.time, "monotonic", lambda: float(next(now)))
    monkeypatch.setattr(resumable.time, "sleep", lambda seconds: None)
    assert start(run_dir) == REQUEUE
    assert 5 <= next(now) < 10
    assert saving.poll() is None
    job = read_job(run_dir.launch)
    assert job is not None
    assert job.state == "running", "its next start tells how it ended"
    assert len(read_attempts(run_dir)) == 1


def test_a_start_that_waits_is_sent_away_at_once(
    run_dir: RunDir, saving: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumable.time, "sleep", lambda seconds: evict())
    assert start(run_dir) == 128 + signal.SIGTERM
    assert saving.poll() is None


@pytest.fixture
def kept(run_dir: RunDir, group: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The copy of the config files that the job was submitted with."""
    ours = Path(shutil.copytree(config_dir(), group.parents[3] / "place" / "configs"))

    def ours_or(name: str) -> Path:
        return ours if name == "configs" else packaged(name)

    for module in (configs, paths):
        monkeypatch.setattr(module, "packaged", ours_or)
    entries = json.loads(run_dir.launch.read_text())
    words, folder = [*entries["overrides"], "phase1/experiment=mine"], group.parents[2]
    own = as_submitted([folder], run_dir.path)
    own |= {"overrides": words, "config_dirs": [str(folder)]}
    write_record(run_dir.launch, entries | own)
    trainer = ours / "phase1" / "trainer" / "default.yaml"
    trainer.write_text(trainer.read_text().replace("weight_decay: ", "weight_decay: 7"))
    group.unlink()
    return Path(own["configs"])


def test_a_job_trains_with_the_configs_that_it_was_submitted_with(
    run_dir: RunDir, kept: Path
) -> None:
    assert start(run_dir) == 0
    trainer = OmegaConf.load(run_dir.hydra / "config.yaml").phase1.trainer
    assert (trainer.lr, trainer.weight_decay) == (0.002, 0.0)
    assert config_dir() != kept / "0"
    assert "the code is another" not in run_dir.log.read_text()


def test_a_job_whose_configs_are_gone_does_not_begin_with_others(
    run_dir: RunDir, kept: Path
) -> None:
    shutil.rmtree(kept)
    assert start(run_dir) == 1
    job = read_job(run_dir.launch)
    assert job is not None
    assert job.reason == f"{kept} is gone: the configs that run was submitted with"
    assert (job.state, job.exit_code) == ("ended", 1)
    assert not run_dir.events.exists()


def test_a_start_tells_that_it_runs_other_code_than_was_submitted(run_dir: RunDir) -> None:
    entries = json.loads(run_dir.launch.read_text())
    write_record(run_dir.launch, entries | {"git_commit": "abc" * 20})
    assert start(run_dir) == 0
    now = git_commit() or ""
    told = f"the code is another than at submission: abcabcabcabc then, {now[:12]} now"
    assert (told in run_dir.log.read_text()) is bool(now)
