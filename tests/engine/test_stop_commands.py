"""`engine stop` and `engine kill` on real trainings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import engine.cli
from engine.errors import LaunchError
from engine.facts import RunDir, read_events
from engine.facts.attempts import begin_attempt
from engine.launch import control
from engine.library.index import summarise
from tests.conftest import TINY

DEAF = """
import os, signal, sys, time
from pathlib import Path
from engine.facts import RunDir, append_jsonl_event, build_event_payload
from engine.facts.attempts import begin_attempt
run = RunDir(Path("outputs/runs/run"))
signal.signal(signal.SIGTERM, signal.SIG_IGN)
run.facts.mkdir(parents=True)
begin_attempt(run)
append_jsonl_event(run.path, build_event_payload("on_start", run.path))
while True:
    time.sleep(1)
"""


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not come so far in a minute"
        time.sleep(0.01)


@pytest.fixture
def training(own_folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A training in a process of its own that has begun, and would take for ever."""
    words = ["phase1.trainer.epochs=100000", "data.limit_samples=256", "logging.make_plots=false"]
    command = [sys.executable, "-m", "engine", "train", *words]
    command += ["device=cpu", "hydra.run.dir=outputs/runs/run"]
    yield from begun(command)


@pytest.fixture
def deaf(own_folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that owns a run and does not listen to SIGTERM."""
    yield from begun([sys.executable, "-c", DEAF])


def begun(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        try:
            wait_until(lambda: run_dir().events.exists() or process.poll() is not None)
            assert process.poll() is None, process.communicate()
            yield process
        finally:
            process.kill()


def run_dir() -> RunDir:
    return RunDir(Path("outputs/runs/run").absolute())


def test_stop_ends_a_run_cleanly_and_waits_for_it(
    training: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert summarise(run_dir().path).state == "running"
    assert engine.cli.main(["stop", "last", "--wait"]) == 0
    assert "run: stopped" in capsys.readouterr().out
    assert training.wait(timeout=60) == 0
    assert read_events(run_dir().path).records[-1]["stopped"] is True
    assert run_dir().last.exists()
    assert engine.cli.main(["stop", "last"]) == 1
    assert "stopped" in capsys.readouterr().out


def test_kill_ends_what_does_not_listen(
    deaf: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert engine.cli.main(["kill", "run", "--grace", "0.1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"run": "ended by SIGKILL"}
    assert deaf.wait(timeout=60) == -signal.SIGKILL
    assert summarise(run_dir().path).state == "lost"
    assert engine.cli.main(["kill", "run"]) == 1
    assert "run: lost" in capsys.readouterr().out


def test_a_process_is_looked_at_again_before_it_is_signalled(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its id may be somebody else's by then."""
    sent: list[int] = []
    answers = iter(["alive", "reused"])
    run_dir().facts.mkdir(parents=True)
    begin_attempt(run_dir())
    monkeypatch.setattr(control, "os", SimpleNamespace(kill=lambda pid, signum: sent.append(pid)))
    monkeypatch.setattr(control, "process_of", lambda attempt: next(answers, "reused"))
    control.kill(run_dir(), grace_s=0)
    assert sent == []


def test_kill_leaves_a_process_alone_that_only_has_the_same_id(
    deaf: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (record,) = run_dir().attempts.glob("*.json")
    entries = json.loads(record.read_text())
    record.write_text(json.dumps(entries | {"pid_started": entries["pid_started"] - 1}))
    assert engine.cli.main(["kill", "run"]) == 1
    record.write_text(json.dumps(entries | {"host": "elsewhere"}))
    assert engine.cli.main(["kill", "run"]) == 1
    assert "it runs on elsewhere" in capsys.readouterr().out
    assert deaf.poll() is None


def test_a_directory_that_is_gone_is_not_made_again(own_folder: Path) -> None:
    with pytest.raises(LaunchError, match="run: its directory is gone"):
        control.ask_to_stop(run_dir())
    assert not run_dir().path.exists()
    run_dir().path.mkdir(parents=True)
    for _ in range(2):  # as often as somebody likes
        control.ask_to_stop(run_dir())
    assert run_dir().stop.read_bytes() == b""


def test_a_job_that_was_asked_to_stop_while_it_waited_does_not_begin(own_folder: Path) -> None:
    """As that of HTCondor it finds its directory, and the file `stop` in it."""
    (own_folder / "never.py").write_text("def train(cfg):\n    raise RuntimeError('it began')\n")
    run_dir().facts.mkdir(parents=True)
    run_dir().stop.touch()
    words = [*TINY, "loop=never:train", "run.resume=auto", "hydra.run.dir=outputs/runs/run"]
    assert engine.cli.main(["train", *words]) == 0
    (end,) = read_events(run_dir().path).records
    assert (end["moment"], end["stopped"]) == ("on_train_end", True)
    assert summarise(run_dir().path).state == "stopped"
    assert not run_dir().stop.exists(), "it has been obeyed"
