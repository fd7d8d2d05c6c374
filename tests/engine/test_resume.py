"""A run that ended early goes on in its own directory, and gives the facts of one that did not."""

from __future__ import annotations

import errno
import functools
import io
import itertools
import os
import pickle
import shlex
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import engine.cli
import engine.cli.train
from engine.facts import RunDir, read_events, read_scalars
from engine.facts.attempts import begin_attempt, newest_attempt, own_attempt
from engine.library.index import summarise
from engine.training_loops.fit import Fit
from engine.training_loops.objective import Objective
from engine.training_loops.session import Session
from tests.conftest import long_form
from tests.engine.interruptions import EVERYTHING, RUN, facts_of, train

STEPS_AN_EPOCH = 10
BY_HAND = [word for word in EVERYTHING if not word.startswith("run.")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The facts of the training that nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    assert train(folder) == 0
    return facts_of(RunDir(folder / RUN))


def resume(*words: str) -> int:
    return engine.cli.main(["resume", RUN, *words])


def here() -> RunDir:
    """The run; a training, during which this is called too, works in its directory."""
    folder = Path.cwd()
    return RunDir(folder if folder.name == RUN else folder / RUN)


def call_before(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, at: int, act: Callable[[], None]
) -> None:
    """Let `act` happen just before the call number `at` of a method, counted from 1."""
    method, count = getattr(owner, name), itertools.count(1)

    @functools.wraps(method)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        if next(count) == at:
            act()
        return method(*arguments, **named)

    monkeypatch.setattr(owner, name, wrapped)


def ask() -> None:
    here().stop.touch()


ENDED: dict[tuple[type, str, int], bytes] = {}
"""Runs that ended early, packed: where another test begins with the same one it is unpacked."""


def end_early(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, at: int) -> None:
    """Train until the file `stop` appears just before a call; then take the trap away."""
    key = (owner, name, at)
    if key in ENDED:
        with tarfile.open(fileobj=io.BytesIO(ENDED[key])) as packed:
            packed.extractall(here().path.parent, filter="data")
    else:
        with monkeypatch.context() as patch:
            call_before(patch, owner, name, at, ask)
            assert engine.cli.train.main(BY_HAND) == 0
        into = io.BytesIO()
        with tarfile.open(fileobj=into, mode="w") as packed:
            packed.add(here().path, RUN)
        ENDED[key] = into.getvalue()
    log = read_events(RUN)
    assert log.records[-1]["moment"] == "on_train_end"
    assert log.records[-1]["stopped"] is True
    assert summarise(here().path).state == "stopped"
    assert not here().stop.exists()


@pytest.mark.parametrize(
    "step", [1, STEPS_AN_EPOCH, *long_form(5, STEPS_AN_EPOCH + 1, 4 * STEPS_AN_EPOCH)]
)
def test_a_file_named_stop_ends_a_run_within_a_step_and_it_can_go_on(
    monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any], step: int
) -> None:
    end_early(monkeypatch, Objective, "train_batch", step)
    assert read_events(RUN).records[-1]["step"] == step
    assert resume() == 0
    assert facts_of(here()) == whole


@pytest.mark.parametrize(("name", "at"), [("_evaluate", 2), ("_test", 1)])
def test_a_run_that_was_stopped_while_it_did_not_train_goes_on_as_well(
    monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any], name: str, at: int
) -> None:
    end_early(monkeypatch, Fit, name, at)
    assert resume() == 0
    assert facts_of(here()) == whole


def test_the_restart_is_an_event_that_says_from_where_it_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    end_early(monkeypatch, Objective, "train_batch", 15)
    assert resume() == 0
    first, second = read_events(RUN).of("on_start")
    assert (first["meta"]["attempt"], second["meta"]["attempt"]) == (1, 2)
    assert "resumed_from" not in first["meta"]
    assert second["meta"]["resumed_from"] == {"epoch": 1, "step": 15}
    assert (second["epoch"], second["step"]) == (1, 15)
    assert "going on after 1 epochs and 15 steps" in here().log.read_text()


def test_a_signal_in_the_middle_of_an_epoch_loses_no_step(
    monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any]
) -> None:
    with monkeypatch.context() as patch:
        act = functools.partial(signal.raise_signal, signal.SIGTERM)
        call_before(patch, Objective, "train_batch", 17, act)
        assert engine.cli.train.main(BY_HAND) == 143
    assert engine.cli.train.main([f"resume={RUN}"]) == 0
    assert facts_of(here()) == whole


def test_a_failure_can_be_gone_on_from(
    monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any]
) -> None:
    def fail() -> None:
        raise RuntimeError("the cable is out")

    with monkeypatch.context() as patch:
        call_before(patch, Objective, "train_batch", 25, fail)
        assert engine.cli.train.main(BY_HAND) == 1
    assert summarise(here().path).state == "failed"
    assert resume() == 0
    assert facts_of(here()) == whole
    assert summarise(here().path).state == "finished"


def test_a_run_without_a_checkpoint_begins_again_and_counts_nothing_twice(
    monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    end_early(monkeypatch, Objective, "train_batch", 25)
    here().last.unlink()
    assert resume() == 0
    assert "begins again from the first step" in capsys.readouterr().out
    assert facts_of(here())["rows"] == whole["rows"]
    assert summarise(here().path).epochs_done == 4


def test_a_finished_run_is_left_alone_unless_more_epochs_are_asked_for(
    whole: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert engine.cli.train.main(EVERYTHING) == 0
    before = here().events.read_bytes()
    assert resume() == 2
    assert "run has finished 4 epochs" in capsys.readouterr().err
    assert engine.cli.train.main(EVERYTHING) == 0
    assert here().events.read_bytes() == before
    assert resume("--epochs", "6") == 0
    summary = summarise(here().path)
    assert (summary.state, summary.epochs_done, summary.epochs) == ("finished", 6, 6)
    lengths = [w for w in summary.overrides if w.startswith("phase1.trainer.epochs=")]
    assert lengths == ["phase1.trainer.epochs=6"]
    rows = [(row["epoch"], row["split"]) for row in read_scalars(RUN)]
    assert len(set(rows)) == len(rows) == 7


def test_without_auto_a_second_start_takes_the_next_free_name() -> None:
    words = [*BY_HAND, "phase1.trainer.epochs=1"]
    assert engine.cli.train.main(words) == 0
    assert engine.cli.train.main(words) == 0
    assert sorted(path.name for path in Path().iterdir()) == [RUN, f"{RUN}_2"]


def test_auto_refuses_to_go_on_with_another_training(capsys: pytest.CaptureFixture[str]) -> None:
    assert engine.cli.train.main([*EVERYTHING, "phase1.trainer.epochs=1"]) == 0
    before = here().events.read_bytes()
    assert engine.cli.train.main([*EVERYTHING, "phase1.trainer.lr=0.5", "data.batch_size=16"]) == 2
    err = capsys.readouterr().err
    assert "phase1.trainer.lr=0.5: the run was started with 0.001" in err
    assert "data.batch_size=16: the run was started with 32" in err
    assert here().events.read_bytes() == before


def test_auto_keeps_a_seed_that_was_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    words = [*EVERYTHING, "phase1.trainer.seed=null"]
    with monkeypatch.context() as patch:
        call_before(patch, Objective, "train_batch", 15, ask)
        assert engine.cli.train.main(words) == 0
    assert engine.cli.train.main(words) == 0
    seeds = {event["meta"]["seed"] for event in read_events(RUN).records}
    assert len(seeds) == 1
    assert None not in seeds


def test_what_would_be_another_training_cannot_change(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    end_early(monkeypatch, Objective, "train_batch", 5)
    assert resume("phase1.trainer.lr=1", "devise=cpu", "--epochs", "0") == 2
    err = capsys.readouterr().err
    assert "phase1.trainer.lr: cannot change in a run that goes on" in err
    assert "devise: cannot change" in err
    assert resume("--epochs", "0") == 2
    assert "phase1.trainer.epochs=0: must be a whole number at least 1" in capsys.readouterr().err


def test_no_fewer_epochs_than_are_done_can_be_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    end_early(monkeypatch, Objective, "train_batch", 2 * STEPS_AN_EPOCH + 1)
    assert resume("--epochs", "1") == 2
    assert "run has done 2 epochs; --epochs 3 or more" in capsys.readouterr().err
    assert summarise(here().path).state == "stopped"


def test_a_stop_that_is_left_over_does_not_stop_the_run_that_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    end_early(monkeypatch, Objective, "train_batch", 5)
    here().stop.touch()
    assert resume() == 0
    assert summarise(here().path).state == "finished"


def test_a_run_that_lives_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    end_early(monkeypatch, Objective, "train_batch", 5)
    begin_attempt(here())
    assert resume() == 2
    assert "run is running" in capsys.readouterr().err
    assert engine.cli.train.main(EVERYTHING) == 2
    assert f"process {os.getpid()}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("owner", "name", "at", "every_s"),
    [
        (Session, "start", 1, 1000),
        *long_form((Session, "progress", 15, 0.0001)),
        (Session, "save_last", 2, 1000),
        *long_form((Session, "end_epoch", 2, 1000)),
        *long_form((Session, "end_test", 1, 1000)),
        (Session, "end", 1, 1000),
    ],
)
def test_a_start_that_another_one_takes_over_writes_nothing_more(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    owner: type,
    name: str,
    at: int,
    every_s: float,
) -> None:
    states: list[dict[str, bytes]] = []

    def take_over() -> None:
        begin_attempt(here())
        states.append(contents())

    with monkeypatch.context() as patch:
        call_before(patch, owner, name, at, take_over)
        words = [*BY_HAND, f"logging.progress_every_s={every_s}"]
        assert engine.cli.train.main(words) == 1
    assert "a newer start of this run has taken it over" in capsys.readouterr().err
    assert states == [contents()]


def contents() -> dict[str, bytes]:
    """What belongs to the run: all but its log and its attempts."""
    run = here()
    paths = (run.events, run.scalars, run.best, run.last)
    return {path.name: path.read_bytes() for path in paths if path.exists()}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("_target_", "os.system"),
        *long_form(("_target_", "subprocess.Popen")),
        ("_target_", "engine.facts.provenance.subprocess.Popen"),
        *long_form(("_target_", "engine.facts.files.Path")),
        ("_target_", "engine.cli.train.main"),
        ("_target_", "own_module.Encoder"),
    ],
)
def test_a_config_that_names_what_may_not_be_called_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], key: str, value: str
) -> None:
    end_early(monkeypatch, Objective, "train_batch", 5)
    Path("own_module.py").write_text("open('imported', 'w').close()\nclass Encoder: pass\n")
    config = yaml.safe_load((here().hydra / "config.yaml").read_text())
    config["phase1"]["encoder"] |= {key: value}
    (here().hydra / "config.yaml").write_text(yaml.safe_dump(config))
    assert resume() == 2
    assert f"phase1.encoder._target_={value}: no class of engine" in capsys.readouterr().err
    assert not Path("imported").exists()


def test_a_loop_of_ones_own_goes_on_once_its_package_is_trusted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("loop_to_trust.py").write_text("from engine.training_loops.autoencoder import train\n")
    weights = "{token_mse: 1, id_cross_entropy: 1, globals_mse: 1, commitment: 1}"
    words = [*BY_HAND, "loop=loop_to_trust:train", f"+ae.loss_weights={weights}"]
    with monkeypatch.context() as patch:
        call_before(patch, Objective, "train_batch", 5, ask)
        assert engine.cli.train.main(words) == 0
    assert resume() == 2
    assert "loop=loop_to_trust:train: not a package that is trusted" in capsys.readouterr().err
    assert resume("--trust", "loop_to_trust") == 0
    assert summarise(here().path).state == "finished"


def test_a_config_with_python_objects_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    end_early(monkeypatch, Objective, "train_batch", 5)
    text = "a: !!python/object/apply:os.mkdir [executed]\n"
    (here().hydra / "config.yaml").write_text(text)
    assert resume() == 2
    assert "config.yaml cannot be read" in capsys.readouterr().err
    assert not Path("executed").exists()


class Trap:
    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, ("executed",)


@pytest.mark.parametrize(
    "content",
    [pickle.dumps(Trap()), b"", b"PK\x03\x04 torn", pickle.dumps({"format": 2})],
    ids=["a trap", "empty", "torn", "a plain pickle"],
)
def test_a_damaged_or_hostile_checkpoint_is_refused_and_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    end_early(monkeypatch, Objective, "train_batch", 15)
    here().last.write_bytes(content)
    before = here().events.read_bytes()
    assert resume() == 1
    assert "last.pt" in capsys.readouterr().err
    assert not Path("executed").exists()
    assert here().events.read_bytes() == before


@pytest.mark.parametrize(
    "state", [{"format": 1}, {"format": 2}, {"format": 2, "epoch": "x", "step": []}, [1]]
)
def test_a_checkpoint_that_lacks_something_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], state: Any
) -> None:
    end_early(monkeypatch, Objective, "train_batch", 15)
    torch.save(state, here().last)
    assert resume() == 1
    err = capsys.readouterr().err
    assert "last.pt" in err
    assert "unexpected" not in err


def test_without_its_best_weights_a_run_goes_on_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    end_early(monkeypatch, Objective, "train_batch", 15)
    here().best.unlink()
    assert resume() == 0
    assert "the best weights are those of the epochs from here on" in capsys.readouterr().out
    assert summarise(here().path).state == "finished"


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("at", [8, *long_form(7, 12)])
def test_a_disk_that_fails_is_told_in_a_sentence_and_the_checkpoint_before_stays(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    whole: dict[str, Any],
    error: str,
    at: int,
) -> None:
    fsync, count = os.fsync, itertools.count(1)

    def failing(handle: int) -> None:
        if next(count) >= at * 3:
            raise OSError(getattr(errno, error), os.strerror(getattr(errno, error)))
        fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        assert engine.cli.train.main(BY_HAND) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: cannot write ")
    assert "unexpected" not in err
    assert resume() == 0
    assert facts_of(here()) == whole


FULL_DISK = """
set -e
mount -t tmpfs -o size=1200k none disk
cd disk
set +e; {python} -m engine train {words} logging.progress_every_s=0; echo "ended with $?"; set -e
{python} -c 'import torch; torch.load("run/last.pt", weights_only=True)'
mount -o remount,size=100m none .
{python} -m engine resume run logging.progress_every_s=10
cp -r run ..
"""


@pytest.mark.slow
def test_a_full_disk_ends_a_run_in_a_sentence_and_it_goes_on_once_there_is_space(
    own_folder: Path, whole: dict[str, Any]
) -> None:
    (own_folder / "disk").mkdir()
    script = FULL_DISK.format(python=shlex.quote(sys.executable), words=shlex.join(BY_HAND))
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", script]
    answer = subprocess.run(command, capture_output=True, text=True)
    if "mount" in answer.stderr or "unshare" in answer.stderr:
        pytest.skip("this machine lets nobody mount a small disk")
    assert answer.returncode == 0, answer.stderr + answer.stdout
    assert "ended with 1" in answer.stdout
    assert "No space left on device" in answer.stderr
    assert answer.stderr.count("error:") == 1
    assert facts_of(here()) == whole


def test_an_attempt_is_recorded_with_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    end_early(monkeypatch, Objective, "train_batch", 5)
    newest = newest_attempt(here())
    assert newest is not None
    assert (newest.number, newest.pid) == (1, os.getpid())
    assert own_attempt(here()) == newest
