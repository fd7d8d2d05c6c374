"""What a user sees when something is wrong: one sentence, what to do, and the right exit code."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from engine.cli.train import main
from engine.config import sample_dir
from engine.facts import read_events
from engine.training_loops.objective import Objective
from tests.conftest import TINY, Outcome

Train = Callable[..., Outcome]
SAMPLE = sample_dir() / "tops_20k.h5"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["phase1/latent_space=vqq"], ["phase1/latent_space=vqq", "vq", "linear"]),
        (["loop=gan"], ["loop=gan", "test_mlp"]),
        (["loop=no.such:train"], ["loop=no.such:train"]),
        (["phase1.trainer.epoch=3"], ["phase1.trainer.epoch", "did you mean"]),
        (["phase1.trainer.epochs=-1"], ["phase1.trainer.epochs=-1", "at least 1"]),
        (["phase1.trainer.epochs=1.5"], ["phase1.trainer.epochs=1.5", "whole number"]),
        (["phase1.trainer.lr=abc"], ["phase1.trainer.lr=abc", "number above 0"]),
        (["data.batch_size=0"], ["data.batch_size=0", "at least 1"]),
        (["data.norm=none"], ["data.norm=none", "zscore or log_zscore"]),
        (["device=gpu"], ["device=gpu", "auto or cpu or cuda"]),
        (["phase1.encoder.hidden_dims=64"], ["phase1.encoder.hidden_dims=64", "list"]),
        (["phase1/latent_space=none,vq"], ["phase1/latent_space=none,vq", "--multirun"]),
        (["phase1.trainer.epochs"], ["phase1.trainer.epochs", "key=value"]),
        (["data.file=nope.h5"], ["nope.h5", "THESIS_DATA_ROOT"]),
        (["data.datasets.events.train=X"], ["no dataset X", "X_train"]),
        (["data.columns.total=93"], ["X_train", "16000 x 92", "93"]),
        (["data.columns.tokens=[20,91]"], ["data.columns.tokens"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_a_mistake_is_named_and_leaves_no_run(
    thesis_train: Train, words: list[str], named: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = thesis_train(*words)
    message = capsys.readouterr().err
    assert outcome.code == 2
    assert outcome.runs == []
    assert all(word in message for word in named), message
    assert message.startswith("error: ")
    assert "Traceback" not in message
    assert len(message.splitlines()) <= 2


def test_all_mistakes_are_told_at_once(
    thesis_train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["phase1/encoder=mpl", "phase1.trainer.lr=abc", "data.batch_sise=3", "device=tpu"]
    assert thesis_train(*words).code == 2
    message = capsys.readouterr().err
    assert message.startswith("error: 4 problems")
    for word in ("phase1/encoder=mpl", "lr=abc", "data.batch_sise", "device=tpu"):
        assert sum(word in line for line in message.splitlines()) == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_a_mistake(
    thesis_train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = thesis_train("device=cuda")
    assert (outcome.code, outcome.runs) == (2, [])
    assert "device=cpu" in capsys.readouterr().err


def test_debug_and_hydra_full_error_show_the_traceback(
    thesis_train: Train, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    thesis_train("--debug", "phase1.trainer.epochs=0")
    assert "Traceback" in capsys.readouterr().err
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    thesis_train("phase1.trainer.epochs=0")
    assert "Traceback" in capsys.readouterr().err


def broken_file(folder: Path, how: str) -> Path:
    """A data file with one thing wrong."""
    path = folder / "broken.h5"
    shutil.copy(SAMPLE, path)
    if how == "truncated":
        with open(path, "r+b") as handle:
            handle.truncate(path.stat().st_size // 2)
    elif how == "no hdf5":
        path.write_text("not this")
    else:
        with h5py.File(path, "r+") as file:
            file["X_train"][3, 25] = np.nan
    return path


@pytest.mark.parametrize(
    ("how", "named"),
    [("truncated", "truncated"), ("no hdf5", "not an HDF5 file"), ("nan", "NaN")],
)
def test_a_broken_data_file_is_named(
    thesis_train: Train, tmp_path: Path, how: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = broken_file(tmp_path, how)
    outcome = thesis_train(f"env.data_root={tmp_path}", "data.file=broken.h5")
    message = capsys.readouterr().err
    assert (outcome.code, outcome.runs) == (2, [])
    assert named in message
    assert str(path) in message


def test_an_output_root_that_cannot_be_made_is_a_mistake(
    thesis_train: Train, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own_folder / "file").write_text("")
    assert thesis_train("env.output_root=file/outputs").code == 2
    assert "THESIS_OUTPUT_ROOT" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_stops_before_the_optimiser(
    thesis_train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = thesis_train("phase1.trainer.lr=1e30", "data.batch_size=64")
    message = capsys.readouterr().err
    log = read_events(outcome.run.path)
    event = log.of("on_exception")[0]
    assert outcome.code == 1
    assert f"epoch {event['epoch']}, step {event['step']}" in message
    assert "phase1.trainer.lr (now 1e+30)" in message
    assert "NonFiniteLoss" in event["traceback"]
    assert "Traceback" in outcome.run.log.read_text()
    assert "Traceback" not in message
    assert log.records[-1]["moment"] == "on_exception"


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("x: can't allocate memory: 1 B")],
    ids=["gpu", "cpu"],
)
def test_a_lack_of_memory_says_what_would_help_with_the_present_values(
    thesis_train: Train,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    def fail(self: Objective, batch: object) -> None:
        raise error

    monkeypatch.setattr(Objective, "train_batch", fail)
    assert thesis_train("data.batch_size=64").code == 1
    message = capsys.readouterr().err
    assert "data.batch_size (now 64)" in message
    assert "accumulate_batches (now 1)" in message
    assert "hidden_dims (now [128, 128])" in message


def test_a_bug_leaves_its_traceback_in_the_log_alone(
    thesis_train: Train, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(self: Objective, batch: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Objective, "train_batch", fail)
    outcome = thesis_train()
    message = capsys.readouterr().err
    assert outcome.code == 1
    assert "ZeroDivisionError: a bug" in message
    assert str(outcome.run.log) in message
    assert "Traceback" not in message
    assert "Traceback" in outcome.run.log.read_text()


def test_one_failing_run_of_a_sweep_does_not_stop_the_others(
    thesis_train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = thesis_train("-m", "phase1.trainer.lr=0.001,1e30,0.002", "data.batch_size=64")
    ends = [read_events(run.path).records[-1]["moment"] for run in outcome.runs]
    assert ends == ["on_train_end", "on_exception", "on_train_end"]
    assert outcome.code == 1
    assert capsys.readouterr().err.count("error: ") == 1


@pytest.mark.parametrize("after", [0, 3, 6])
def test_a_full_disk_is_one_sentence_and_keeps_what_was_written(
    thesis_train: Train,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    after: int,
) -> None:
    real, calls = os.write, []

    def full(handle: int, data: bytes) -> int:
        calls.append(handle)
        if len(calls) > after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(handle, data)

    monkeypatch.setattr(os, "write", full)
    outcome = thesis_train()
    monkeypatch.undo()
    message = capsys.readouterr().err
    assert outcome.code == 1
    assert "No space left" in message
    assert "Traceback" not in message
    if after:
        assert len(read_events(outcome.run.path).records) >= 1


def test_a_checkpoint_that_cannot_be_written_keeps_the_one_before(
    thesis_train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.training_loops import checkpoints

    real, saved = torch.save, []

    def fails_later(record: dict[str, object], handle: object) -> None:
        if len(saved) >= 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        saved.append(record)
        real(record, handle)

    monkeypatch.setattr(checkpoints.torch, "save", fails_later)
    outcome = thesis_train("phase1.trainer.epochs=4")
    assert outcome.code == 1
    assert torch.load(outcome.run.last, weights_only=True)["epoch"] >= 1
    assert torch.load(outcome.run.best, weights_only=True)
    assert not list(outcome.run.path.glob(".*.tmp"))


def test_hydra_flags_that_are_not_there_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*TINY, "--no-such-flag"]) == 2
    assert "--no-such-flag" in capsys.readouterr().err
