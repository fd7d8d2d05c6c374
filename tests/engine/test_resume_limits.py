"""What a run may not become when it goes on, and what may not make it do harm."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import engine.cli
import engine.cli.train
from engine.data.h5_loader import make_dataloaders
from engine.facts import RunDir, read_events, read_scalars
from engine.library.index import summarise
from engine.training_loops.checkpoints import load_checkpoint
from engine.training_loops.objective import Objective
from tests.conftest import TINY
from tests.engine.test_resume import BY_HAND, RUN, call_before, end_early, here, resume


@pytest.fixture
def stopped(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> RunDir:
    """A run that was stopped in its second epoch."""
    end_early(monkeypatch, Objective, "train_batch", 15)
    return here()


def edit(run: RunDir, change: Callable[[dict[str, Any]], object]) -> None:
    path = run.hydra / "config.yaml"
    config = yaml.safe_load(path.read_text())
    change(config)
    path.write_text(yaml.safe_dump(config))


def test_a_class_that_is_named_in_a_list_is_found_too(
    stopped: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    trap = [[{"_target_": "pathlib.Path.mkdir", "self": "executed"}]]
    edit(stopped, lambda config: config["phase1"]["encoder"].update(x=trap))
    assert resume() == 2
    assert "phase1.encoder.x.0.0._target_=pathlib.Path.mkdir" in capsys.readouterr().err
    assert not Path("executed").exists()


def test_nothing_is_imported_from_the_folder_of_a_run(stopped: RunDir) -> None:
    for name in ("dill", "opt_einsum", "pynvml", "cuda"):
        (stopped.path / f"{name}.py").write_text("open('executed', 'w').close()\n")
    command = [sys.executable, "-m", "engine", "resume", "."]
    environment = os.environ | {"PYTHONSAFEPATH": "1"}
    subprocess.run(command, cwd=stopped.path, env=environment, check=True, capture_output=True)
    assert not (stopped.path / "executed").exists()
    assert summarise(stopped.path).state == "finished"


BOMB = "a: &a [x, x]\n" + "".join(f"a{i}: &a{i} [*a, *a]\n" for i in range(9)) + "loop: ae\n"


@pytest.mark.parametrize("content", ["pipe", BOMB, "x" * (2 << 20), "- 1\n", "loop: 5\n"])
def test_a_config_that_is_none_is_refused_at_once(
    stopped: RunDir, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = stopped.hydra / "config.yaml"
    path.unlink()
    os.mkfifo(path) if content == "pipe" else path.write_text(content)
    assert resume() == 2
    err = capsys.readouterr().err
    assert "config.yaml" in err
    assert "unexpected" not in err


@pytest.mark.parametrize(
    "change",
    [{"epoch": 10**9}, {"epoch": True}, {"fit": {}}, {"total_time_s": None}],
    ids=lambda change: next(iter(change)),
)
def test_a_checkpoint_that_says_what_cannot_be_is_refused(
    stopped: RunDir, change: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(load_checkpoint(stopped.last) | change, stopped.last)
    assert resume() == 1
    err = capsys.readouterr().err
    assert "last.pt" in err
    assert "unexpected" not in err


def test_a_file_that_is_a_link_is_not_written_through(
    stopped: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("precious").write_text("as it was")
    stopped.log.unlink()
    stopped.log.symlink_to(Path("precious").absolute())
    assert resume() == 2
    assert "train.log is a link" in capsys.readouterr().err
    assert Path("precious").read_text() == "as it was"


def test_a_run_that_goes_on_keeps_its_record(
    stopped: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    assert resume("logging.save_artifacts=false", "logging.nonsense=3", "logging=plots_full") == 2
    err = capsys.readouterr().err
    assert "logging.save_artifacts: cannot change" in err
    assert "logging.nonsense: there is no such value" in err
    assert "logging: there is no such value" in err


def test_data_that_have_moved_are_named_again_and_other_data_are_refused(
    stopped: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = Path("moved.h5")
    moved.symlink_to(yaml.safe_load((stopped.hydra / "config.yaml").read_text())["data"]["path"])
    edit(stopped, lambda config: config["data"].update(path="/gone.h5"))
    assert resume() == 2
    assert "/gone.h5" in capsys.readouterr().err
    edit(stopped, lambda config: config["data"].update(limit_samples=300))
    assert resume(f"data.path={moved}") == 2
    assert "the data are not those that the run began with" in capsys.readouterr().err
    edit(stopped, lambda config: config["data"].update(limit_samples=320))
    assert resume(f"data.path={moved}") == 0


def test_early_stopping_is_named_as_the_reason_and_more_patience_goes_on(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    patience = "phase1.trainer.early_stopping.patience"
    # No epoch is better by so much, so that the second one ends it.
    words = [*BY_HAND, f"{patience}=1", "phase1.trainer.early_stopping.min_delta=10"]
    assert engine.cli.train.main(words) == 0
    assert resume("--epochs", "9") == 2
    assert "has finished 2 epochs, ended by early stopping" in capsys.readouterr().err
    assert resume(f"{patience}=2") == 0
    assert summarise(here().path).epochs_done == 3


def test_more_epochs_stand_in_the_config_and_the_time_is_counted_on(own_folder: Path) -> None:
    assert engine.cli.train.main([*BY_HAND, "phase1.trainer.epochs=1"]) == 0
    before = read_events(RUN).records[-1]["total_time_s"]
    assert resume("--epochs", "2") == 0
    config = yaml.safe_load((here().hydra / "config.yaml").read_text())
    assert config["phase1"]["trainer"]["epochs"] == 2
    assert read_events(RUN).records[-1]["total_time_s"] > before


def test_a_long_epoch_is_saved_on_the_way(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("the power is out")

    with monkeypatch.context() as patch:
        call_before(patch, Objective, "train_batch", 8, fail)
        assert engine.cli.train.main([*BY_HAND, "run.checkpoint_every_s=0.000001"]) == 1
    saved = load_checkpoint(here().last)
    assert (saved["epoch"], saved["step"]) == (0, 7)


def test_kill_leaves_a_sweep_alone_whose_finished_run_is_named(
    own_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that trained it trains the next run by now."""
    assert engine.cli.train.main([*BY_HAND, "phase1.trainer.epochs=1"]) == 0
    sent: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, signum: sent.append(signum) if signum else None)
    assert engine.cli.main(["kill", RUN]) == 1
    assert "finished 1 epoch" in capsys.readouterr().out
    assert sent == []


OWN_LOOP = """
from engine.facts import append_jsonl_event, append_scalars_csv, build_event_payload

def train(cfg):
    append_jsonl_event(".", build_event_payload("on_start", "."))
    for epoch in range(2):
        append_scalars_csv(".", epoch=epoch, split="val", train_loss=1.0, val_loss=1.0, metrics={},
                           epoch_time_s=None, throughput=None, max_memory_mib=None)
    open("signal.npy")
"""


def test_a_loop_of_ones_own_that_fails_has_failed_and_records_no_epoch_twice(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("loop_that_fails.py").write_text(OWN_LOOP)
    words = [*TINY, f"hydra.run.dir={RUN}", "loop=loop_that_fails:train"]
    assert engine.cli.train.main(words) == 1
    assert resume("--trust", "loop_that_fails") == 1
    assert "unexpected FileNotFoundError" in capsys.readouterr().err
    summary = summarise(here().path)
    assert summary.state == "failed"
    assert "signal.npy" in summary.sentence
    assert [row["epoch"] for row in read_scalars(RUN)] == ["0", "1"]


def test_a_disk_that_is_full_from_the_beginning_leaves_no_run(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert engine.cli.train.main(BY_HAND) == 1
    assert not Path(RUN).exists()


SIGNAL_IN_AN_IMPORT = """
import os, signal, sys
import engine.data.h5_loader as loader
make = loader.make_dataloaders

def interrupted(cfg):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except BaseException:
        pass  # as an import of a compiled module does
    return make(cfg)

import engine.data
engine.data.make_dataloaders = loader.make_dataloaders = interrupted
from engine.cli.train import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_signal_that_an_import_swallows_is_not_lost(own_folder: Path) -> None:
    assert make_dataloaders is not None
    words = [*BY_HAND, "phase1.trainer.epochs=100000"]
    command = [sys.executable, "-c", SIGNAL_IN_AN_IMPORT, *words]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 128 + signal.SIGTERM, answer.stderr


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("queued", "run_1 is queued and has not begun yet"),
        (
            "ended",
            "run_1 has never begun: there is nothing to go on with\n  engine submit a=1   tr",
        ),
    ],
)
def test_a_run_that_never_began_is_told_apart_from_one_without_a_config(
    own_folder: Path, capsys: pytest.CaptureFixture[str], state: str, told: str
) -> None:
    record = {"id": "a" * 32, "kind": "run", "target": "htcondor", "state": state}
    path = own_folder / "outputs" / "runs" / "run_1" / "launch.json"
    path.parent.mkdir(parents=True)
    words = ["launcher=htcondor", "a=1"]
    more = {"command": "engine submit a=1", "overrides": words, "reason": "removed"}
    path.write_text(json.dumps(record | more))
    assert engine.cli.main(["resume", str(path.parent)]) == 2
    assert told in capsys.readouterr().err
    typed = ["a=2", "launcher.memory=8GB", "--epochs", "4"]
    assert engine.cli.main(["submit", "--resume", str(path.parent), *typed]) == 2
    with_typed = "engine submit a=2 launcher.memory=8GB phase1.trainer.epochs=4   trains it anew."
    assert (with_typed in capsys.readouterr().err) == (state == "ended")
