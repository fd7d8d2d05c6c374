"""What a user sees when something is wrong: one sentence, what to do, and the right exit code."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from engine.cli.train import main
from engine.config import sample_dir
from engine.data.batches import TensorBatches
from engine.facts import RunDir, read_events
from engine.training_loops.objective import Objective
from tests.conftest import TINY, Outcome, long_form

Train = Callable[..., Outcome]
SAMPLE = sample_dir() / "tops_20k.h5"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["phase1/latent_space=vqq"], ["phase1/latent_space=vqq", "vq", "linear"]),
        (["loop=gan"], ["loop=gan", "test_mlp"]),
        *long_form((["loop=no.such:train"], ["loop=no.such:train"])),
        (["phase1.trainer.epoch=3"], ["phase1.trainer.epoch", "did you mean"]),
        (["phase1.trainer.epochs=-1"], ["phase1.trainer.epochs=-1", "at least 1"]),
        *long_form((["phase1.trainer.epochs=1.5"], ["phase1.trainer.epochs=1.5", "whole number"])),
        (["phase1.trainer.lr=abc"], ["phase1.trainer.lr=abc", "number above 0"]),
        *long_form((["data.batch_size=0"], ["data.batch_size=0", "at least 1"])),
        *long_form((["data.norm=none"], ["data.norm=none", "zscore or log_zscore"])),
        *long_form((["device=gpu"], ["device=gpu", "auto or cpu or cuda"])),
        (["phase1.encoder.hidden_dims=64"], ["phase1.encoder.hidden_dims=64", "list"]),
        (["phase1/latent_space=none,vq"], ["phase1/latent_space=none,vq", "--multirun"]),
        *long_form((["phase1.trainer.epochs"], ["phase1.trainer.epochs", "key=value"])),
        (["data.file=nope.h5"], ["nope.h5", "THESIS_DATA_ROOT"]),
        (["data.datasets.events.train=X"], ["no dataset X", "X_train"]),
        (["data.columns.total=93"], ["X_train", "16000 x 92", "93"]),
        *long_form((["data.columns.tokens=[20,91]"], ["data.columns.tokens"])),
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
    real, saved = os.replace, []

    def fails_later(source: Path, target: Path) -> None:
        if Path(target).suffix == ".pt":
            saved.append(target)
        if len(saved) > 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, target)

    monkeypatch.setattr(os, "replace", fails_later)
    outcome = thesis_train("phase1.trainer.epochs=4")
    monkeypatch.undo()
    assert outcome.code == 1
    assert torch.load(outcome.run.last, weights_only=True)["epoch"] >= 1
    assert torch.load(outcome.run.best, weights_only=True)
    assert not list(outcome.run.path.glob(".*.tmp"))


def test_a_mistake_touches_no_directory_of_another_run(thesis_train: Train) -> None:
    """Also of one that has claimed its directory, but come to no event yet."""
    other = RunDir.claim(Path("same"))
    other.write_text(other.hydra / "config.yaml", "loop: ae")
    before = sorted(other.path.rglob("*"))
    for words in (["phase1.trainer.epochs=-1"], ["data.file=nope.h5"]):
        assert thesis_train("hydra.run.dir=same", *words).code == 2
    assert sorted(other.path.rglob("*")) == before
    assert [path.name for path in Path.cwd().iterdir()] == ["same"]


@pytest.mark.parametrize("mistake", ["phase1.trainer.epochs=-1", "data.file=nope.h5"])
@pytest.mark.parametrize("folder", [".", "mine"])
def test_a_mistake_touches_no_files_of_the_user(
    thesis_train: Train, own_folder: Path, mistake: str, folder: str
) -> None:
    place = own_folder / folder
    (place / ".hydra").mkdir(parents=True)
    (place / "notes").write_text("mine")
    before = sorted(place.rglob("*"))
    assert thesis_train(f"hydra.run.dir={folder}", mistake).code == 2
    assert [p for p in before if not p.exists()] == []
    assert (place / "notes").read_text() == "mine"


def test_a_mistake_in_an_empty_folder_leaves_the_folder(
    thesis_train: Train, own_folder: Path
) -> None:
    assert thesis_train("hydra.run.dir=.", "data.file=nope.h5").code == 2
    assert list(own_folder.iterdir()) == []


def test_a_wrong_value_in_a_sweep_is_told_before_its_first_run(
    thesis_train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = thesis_train("-m", "phase1.trainer.epochs=1,-1")
    assert (outcome.code, outcome.runs) == (2, [])
    assert "phase1.trainer.epochs=-1" in capsys.readouterr().err
    assert list(Path.cwd().iterdir()) == []


def test_figure_data_that_fail_stop_nothing(
    thesis_train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.training_loops import autoencoder

    def fail(*arguments: object) -> None:
        raise torch.OutOfMemoryError("no room for figures")

    monkeypatch.setattr(autoencoder, "reconstruction_sample", fail)
    outcome = thesis_train("logging.make_plots=true")
    assert outcome.code == 0
    assert "no room for figures" in outcome.run.log.read_text()


def test_a_validation_loss_that_is_not_finite_is_a_failure(
    thesis_train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = thesis_train("phase1.trainer.lr=1e30", "data.limit_samples=100")
    assert outcome.code == 1
    assert "the validation loss is nan in epoch 0" in capsys.readouterr().err
    assert not outcome.run.best.exists()
    assert not outcome.run.last.exists()


def test_a_failure_before_the_first_step_is_recorded(
    thesis_train: Train, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(self: TensorBatches, device: torch.device) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(TensorBatches, "to", fail)
    outcome = thesis_train()
    assert outcome.code == 1
    assert "data.batch_size (now 128)" in capsys.readouterr().err
    assert [r["moment"] for r in read_events(outcome.run.path).records] == ["on_exception"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["logging=null"], "logging"),
        (["loop=os:path"], "not a function"),
        *long_form((["loop=:f"], "loop")),
        (["loop=test_mlp", "test_mlp.hidden_dims=null"], "test_mlp.hidden_dims"),
        (["loop=test_mlp", "data=h5_tokens"], "data=synthetic"),
        *long_form((["data=synthetic"], "data=h5_tokens")),
        (["data.units=null"], "data.units"),
        *long_form((["data.type_names=5"], "data.type_names")),
        *long_form((["phase1.encoder._target_=engine.nowhere.Encoder"], "phase1.encoder")),
        (["+phase1.encoder.no_such=3"], "no_such"),
        (["phase1/encoder=mpl", "--help"], "phase1/encoder=mpl"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_value_of_the_wrong_shape_is_a_mistake(
    thesis_train: Train, words: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = thesis_train(*words)
    message = capsys.readouterr().err
    assert (outcome.code, outcome.runs) == (2, [])
    assert named in message
    assert "error: unexpected" not in message


def test_an_error_of_ones_own_loop_is_told_as_it_is(
    thesis_train: Train, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own_folder / "opens.py").write_text("def train(cfg):\n    open('/nonexistent/table.csv')\n")
    assert thesis_train("loop=opens:train").code == 1
    message = capsys.readouterr().err
    assert "unexpected FileNotFoundError" in message
    assert "THESIS_OUTPUT_ROOT" not in message


@pytest.mark.parametrize("read", ["cfg.huber.delta", "cfg['huber']"])
@pytest.mark.parametrize("within", ["if True", "with Session(cfg, set())"])
def test_settings_that_a_loop_lacks_are_one_sentence_and_leave_no_run(
    thesis_train: Train,
    own_folder: Path,
    capsys: pytest.CaptureFixture[str],
    read: str,
    within: str,
) -> None:
    name = f"lacks_{len(read)}_{len(within)}"
    text = "from engine.training_loops.session import Session\n\n\ndef train(cfg):\n"
    (own_folder / f"{name}.py").write_text(f"{text}    {within}:\n        return {read}\n")
    outcome = thesis_train(f"loop={name}:train")
    assert (outcome.code, outcome.runs) == (2, [])
    said = capsys.readouterr().err
    assert f"loop={name}:train: it reads the key huber, which its config does not have" in said
    assert f"{name}_trainer.yaml" in said
    assert "Traceback" not in said


def test_a_key_that_was_taken_away_from_a_loop_of_ours_is_told(
    thesis_train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    assert thesis_train("loop=gan_ae", "~gan_ae.r1_weight").code == 2
    said = capsys.readouterr().err
    assert "reads the key gan_ae.r1_weight, which its config does not have" in said
    assert "++gan_ae.r1_weight=VALUE" in said
    assert "trainer.yaml" not in said


def test_no_file_of_the_working_folder_takes_the_place_of_a_package(
    thesis_train: Train, own_folder: Path
) -> None:
    (own_folder / "select.py").write_text("raise RuntimeError('imported')\n")
    (own_folder / "matplotlib.py").write_text("raise RuntimeError('imported')\n")
    assert thesis_train("logging.make_plots=true", "logging=plots_minimal").code == 0


def test_output_that_nobody_reads_ends_in_silence(own_folder: Path) -> None:
    words = [sys.executable, "-m", "engine", "train", *TINY, "phase1.trainer.epochs=4"]
    shell = f"{shlex.join(words)} | head -n 1"
    answer = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True)
    (run,) = (own_folder / "outputs" / "runs").iterdir()
    assert answer.stderr == ""
    assert len(read_events(run).of("on_epoch_end")) == 4


def test_places_are_seen_from_where_the_command_was_typed(
    thesis_train: Train, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_folder / "mine.h5").symlink_to(SAMPLE)
    assert thesis_train("data.path=mine.h5").code == 0
    assert thesis_train(f"data.file={own_folder}/mine.h5").code == 0
    monkeypatch.setenv("HOME", str(own_folder / "home"))
    monkeypatch.setenv("THESIS_OUTPUT_ROOT", "~/results")
    assert thesis_train().code == 0
    assert len(list((own_folder / "home" / "results" / "runs").iterdir())) == 1


def test_a_seed_that_is_not_given_is_drawn_and_recorded(thesis_train: Train) -> None:
    seeds = [
        read_events(thesis_train("phase1.trainer.seed=null").run.path).of("on_start")[0]["meta"]
        for _ in range(2)
    ]
    assert seeds[0]["seed"] != seeds[1]["seed"]
    assert all(meta["config"]["phase1"]["trainer"]["seed"] == meta["seed"] for meta in seeds)


def test_a_date_can_be_a_seed(thesis_train: Train) -> None:
    assert thesis_train("phase1.trainer.seed=20251103140953").code == 0


def test_hydra_flags_that_are_not_there_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*TINY, "--no-such-flag"]) == 2
    assert "--no-such-flag" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["--epochs", "3"],
            "--epochs: there is no such option (did you mean phase1.trainer.epochs?)",
        ),
        (["-m", "--lr=0.1"], "--lr=0.1: there is no such option (did you mean phase1.trainer.lr?)"),
        (["-x"], "-x: there is no such option"),
    ],
)
def test_a_flag_that_does_not_exist_is_told_with_the_key_that_is_meant(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert told in capsys.readouterr().err
