"""Real trainings in processes of their own, ended by signals: what is left can be read."""

from __future__ import annotations

import itertools
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import pytest
import torch

from engine.cli.train import main
from engine.facts import RunDir, read_events
from engine.training_loops.checkpoints import load_checkpoint
from engine.training_loops.fit import Fit
from engine.training_loops.fit_state import FitState
from tests.conftest import Outcome, long_form
from tests.engine.interruptions import check_readable, train_and_die

LONG = [
    "phase1.trainer.epochs=100000",
    "data.limit_samples=256",
    "logging.make_plots=false",
    "logging.progress_every_s=0.05",
    "device=cpu",
    "hydra.run.dir=run",
]


TWO_EPOCHS = [
    "phase1.trainer.epochs=2",
    "data.limit_samples=64",
    "logging.make_plots=false",
    "phase1/latent_space=vq",
    "device=cpu",
    "hydra.run.dir=run",
]


@contextmanager
def training(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A training in the background; ended whatever happens."""
    command = [sys.executable, "-m", "engine", "train", *LONG, *words]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for a condition, as long as the process lives and a minute has not gone by."""
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "the training did not come so far in a minute"
        time.sleep(0.01)


def epochs_done(run: RunDir) -> int:
    return len(read_events(run.path).of("on_epoch_end")) if run.events.exists() else 0


@pytest.mark.parametrize(
    ("signum", "code"),
    [(signal.SIGTERM, 143), *long_form((signal.SIGINT, 130), (signal.SIGHUP, 129))],
    ids=["sigterm", "ctrl-c", "terminal closed"],
)
def test_a_signal_ends_a_training_cleanly(own_folder: Path, signum: int, code: int) -> None:
    run = RunDir(own_folder / "run")
    with training("phase1/latent_space=vq") as process:
        wait_until(lambda: epochs_done(run) >= 2, process)
        process.send_signal(signum)
        out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "stopped after" in out
    assert "run directory run" in out
    assert err == ""
    log = read_events(run.path)
    assert log.records[-1]["moment"] == "on_train_end"
    assert log.records[-1]["stopped"] is True
    last = torch.load(run.last, weights_only=True)
    assert last["epoch"] == len(log.of("on_epoch_end"))
    assert last["step"] == log.records[-1]["step"]


def test_a_signal_during_the_test_split_records_no_half_a_test(
    thesis_train: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    test = Fit._test

    def interrupted(self: Fit) -> float | None:
        os.kill(os.getpid(), signal.SIGTERM)
        return test(self)

    monkeypatch.setattr(Fit, "_test", interrupted)
    outcome = thesis_train()
    log = read_events(outcome.run.path)
    assert outcome.code == 143
    assert log.of("on_test_end") == []
    assert log.records[-1]["stopped"] is True
    assert load_checkpoint(outcome.run.last)["epoch"] == 2


def test_a_signal_ends_a_sweep_with_the_run_it_hits(own_folder: Path) -> None:
    words = ["-m", "phase1.trainer.seed=1,2,3", "hydra.sweep.dir=.", "hydra.sweep.subdir=run"]
    run = RunDir(own_folder / "run")
    with training(*words) as process:
        wait_until(lambda: epochs_done(run) >= 1, process)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "the runs of this sweep that have not started yet are left out" in out
    assert sorted(p.name for p in own_folder.iterdir()) == ["multirun.yaml", "run"]


def test_kill_9_of_a_training_leaves_files_that_all_readers_accept(own_folder: Path) -> None:
    run = RunDir(own_folder / "run")
    with training("phase1/latent_space=vq") as process:
        wait_until(lambda: epochs_done(run) >= 3, process)
        process.kill()
        process.communicate()
    assert epochs_done(run) >= 3
    check_readable(run)


@pytest.mark.parametrize("every", [20, pytest.param(1, marks=pytest.mark.slow)])
def test_kill_9_before_any_system_call_leaves_files_that_all_readers_accept(
    own_folder: Path, every: int
) -> None:
    """The states of the files that a crash of a two-epoch training can leave."""
    for at_call in itertools.count(1, every):
        folder = own_folder / str(at_call)
        folder.mkdir()
        if not train_and_die(folder, TWO_EPOCHS, at_call=at_call):
            break
        check_readable(RunDir(folder / "run"))
    assert at_call > 40


def test_a_run_whose_directory_is_removed_says_so_and_does_not_make_it_anew(
    thesis_train: Callable[..., Outcome],
    own_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    save = FitState.keep

    def removed(self: FitState, *numbers: dict[str, float]) -> None:
        shutil.rmtree(own_folder / "run")
        save(self, *numbers)

    monkeypatch.setattr(FitState, "keep", removed)
    assert thesis_train("hydra.run.dir=run").code == 1
    told = capsys.readouterr().err
    assert "here/run is gone: it was removed, or moved, while this run trained" in told
    assert told.count("error: ") == 1
    assert not (own_folder / "run").exists()


def test_a_terminal_shows_a_bar(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent, child = pty.openpty()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    words = ["phase1.trainer.epochs=3", "data.limit_samples=2000"]
    with ThreadPoolExecutor(1) as reader, open(child, "w", encoding="utf-8") as terminal:
        shown = reader.submit(read_all, parent)
        with redirect_stdout(terminal):
            assert main([*LONG, *words]) == 0
        terminal.close()
        screen = shown.result()
    assert "ETA" in screen
    assert "━" in screen
    assert screen.count("events/s") >= 3
    assert "predicting the mean" in screen


def read_all(terminal: int) -> str:
    """What a program writes to its terminal until it closes it."""
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # how Linux says that the other side is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(terminal)
    return b"".join(parts).decode("utf-8", "replace")
