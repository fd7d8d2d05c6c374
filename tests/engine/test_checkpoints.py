"""Checkpoints: whole or not at all, and reading one executes nothing."""

from __future__ import annotations

import errno
import functools
import os
import pickle
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from engine.errors import FactsError
from engine.facts import RunDir
from engine.training_loops.checkpoints import load_checkpoint, save_best, save_last
from engine.training_loops.objective import Objective
from engine.training_loops.optimisation import Optimisation


class Trainer(dict[str, Any]):
    def __getattr__(self, name: str) -> Any:
        return self[name]


def trained() -> Objective:
    """An objective after three steps, with everything that training brings along."""
    objective = Objective()
    objective.model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    settings = Trainer(epochs=2, lr=0.1, schedule="cosine", weight_decay=0.1)
    objective.optimisation = Optimisation(objective.model.parameters(), settings, 4)
    for _ in range(3):
        objective.optimisation.backward(objective.model(torch.randn(5, 3)).square().sum())
    return objective


def same(found: Any, expected: Any) -> bool:
    """Whether two nested states hold the same."""
    if isinstance(expected, torch.Tensor):
        return torch.equal(found, expected)
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(same(found[k], expected[k]) for k in found)
    if isinstance(expected, list | tuple):
        return len(found) == len(expected) and all(map(same, found, expected))
    return found == expected


def listing(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    (tmp_path / "run").mkdir()
    return RunDir(tmp_path / "run")


def test_last_holds_the_whole_state_and_how_far_it_is(run_dir: RunDir) -> None:
    state = trained().state_dict()
    save_last(run_dir, state, epoch=3, step=12)
    found = torch.load(run_dir.last, weights_only=True)
    assert (found["epoch"], found["step"]) == (3, 12)
    assert isinstance(found["format"], int)
    assert all(same(found[name], state[name]) for name in state)
    assert same(load_checkpoint(run_dir.last), found)


def test_best_is_a_plain_state_dict_that_model_points_to(run_dir: RunDir) -> None:
    weights = trained().model.state_dict()
    save_best(run_dir, weights)
    for path in (run_dir.best, run_dir.model):
        assert same(torch.load(path, weights_only=True), dict(weights))
        assert same(load_checkpoint(path), dict(weights))


def test_a_loaded_state_gives_the_same_model(run_dir: RunDir) -> None:
    objective, other = trained(), trained()
    save_best(run_dir, objective.model.state_dict())
    other.model.load_state_dict(load_checkpoint(run_dir.best))
    inputs = torch.randn(4, 3)
    assert torch.equal(objective.model.eval()(inputs), other.model.eval()(inputs))


class Trap:
    """What a pickle may do to the one who reads it: here it makes a folder."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.marker),)


def save_with_torch(path: Path, value: object) -> None:
    torch.save({"model": value}, path)


def save_with_old_torch(path: Path, value: object) -> None:
    torch.save({"model": value}, path, _use_new_zipfile_serialization=False)


def save_with_pickle(path: Path, value: object) -> None:
    path.write_bytes(pickle.dumps(value))


@pytest.mark.parametrize("save", [save_with_torch, save_with_old_torch, save_with_pickle])
def test_a_checkpoint_that_would_execute_something_is_refused(
    save: Callable[[Path, object], None], tmp_path: Path
) -> None:
    path, marker = tmp_path / "last.pt", tmp_path / "executed"
    save(path, Trap(marker))
    with pytest.raises(FactsError) as caught:
        load_checkpoint(path)
    assert str(path) in caught.value.message
    assert not marker.exists()
    if save is not save_with_pickle:  # the trap does work on whoever asks for it
        torch.load(path, weights_only=False)
        assert marker.exists()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_checkpoint_is_refused_by_name(share: float, run_dir: RunDir) -> None:
    save_last(run_dir, trained().state_dict(), epoch=1, step=1)
    content = run_dir.last.read_bytes()
    run_dir.last.write_bytes(content[: int(share * len(content))])
    with pytest.raises(FactsError) as caught:
        load_checkpoint(run_dir.last)
    assert str(run_dir.last) in caught.value.message


@pytest.mark.parametrize("content", [b"hello", b"\0" * 1000, b"PK\x03\x04 not a zip"])
def test_a_file_that_is_no_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(FactsError):
        load_checkpoint(tmp_path / "model.pt")


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(FactsError, match="no checkpoint") as caught:
        load_checkpoint(tmp_path / "last.pt")
    assert str(tmp_path / "last.pt") in caught.value.message


def test_a_folder_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(FactsError):
        load_checkpoint(tmp_path)


def test_a_state_that_cannot_be_stored_leaves_the_old_checkpoint(run_dir: RunDir) -> None:
    save_last(run_dir, {"model": torch.ones(3)}, epoch=1, step=1)
    before = run_dir.last.read_bytes()
    with pytest.raises((AttributeError, pickle.PicklingError, TypeError)):
        save_last(run_dir, {"model": functools.partial(lambda: None)}, epoch=2, step=2)
    assert run_dir.last.read_bytes() == before
    assert listing(run_dir.path) == {"last.pt"}


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_is_full_leaves_the_old_checkpoint_and_says_so(
    call: str, run_dir: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    save_best(run_dir, {"weight": torch.ones(3)})
    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(FactsError) as caught:
            save_best(run_dir, {"weight": torch.zeros(3)})
    assert "space" in caught.value.hint
    assert torch.equal(load_checkpoint(run_dir.model)["weight"], torch.ones(3))
    assert listing(run_dir.path) == {"best_val.pt", "model.pt"}


def test_a_file_that_cannot_grow_while_torch_writes_is_a_facts_error(run_dir: RunDir) -> None:
    save_last(run_dir, {"model": torch.ones(3)}, epoch=1, step=1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(FactsError, match="too large"):
            save_last(run_dir, {"model": torch.zeros(100_000)}, epoch=2, step=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert listing(run_dir.path) == {"last.pt"}
    assert load_checkpoint(run_dir.last)["epoch"] == 1
