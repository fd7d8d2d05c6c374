"""A training that is killed again and again, and goes on each time, gives the same facts."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
import torch

from engine.facts import RunDir, read_events
from engine.library.index import summarise
from tests.engine.interruptions import (
    EVERYTHING,
    RUN,
    check_readable,
    facts_of,
    train,
    train_and_die,
)


@pytest.mark.parametrize("kills", [4, pytest.param(200, marks=pytest.mark.slow)])
def test_a_run_that_is_killed_and_resumed_again_and_again_gives_the_facts_of_one_that_was_not(
    own_folder: Path, kills: int
) -> None:
    whole = own_folder / "whole"
    whole.mkdir()
    started = time.perf_counter()
    assert train(whole) == 0
    duration = time.perf_counter() - started
    chance, left, n_runs = random.Random(kills), kills, 0
    while left:
        n_runs += 1
        folder = own_folder / f"killed_{n_runs}"
        folder.mkdir()
        left = torture(folder, chance, left, duration)
        assert facts_of(RunDir(folder / RUN)) == facts_of(RunDir(whole / RUN))
        check_same_weights(folder / RUN, whole / RUN)


def torture(folder: Path, chance: random.Random, kills: int, duration: float) -> int:
    """Kill and resume one run until it comes to its end; how many kills are left."""
    run, killed = RunDir(folder / RUN), True
    while killed and kills:
        if chance.random() < 0.5:
            killed = train_and_die(folder, EVERYTHING, at_call=chance.randint(1, 150))
        else:
            killed = train_and_die(folder, EVERYTHING, after_s=chance.uniform(0.01, duration))
        kills -= killed
        check_readable(run)
        check_summary(run, ended=not killed)
    if killed:
        assert not train_and_die(folder, EVERYTHING)
    return kills


def check_summary(run: RunDir, *, ended: bool) -> None:
    if not run.facts.is_dir():
        return
    summary = summarise(run.path)
    assert summary.problem is None
    recorded = len(read_events(run.path).of("on_epoch_end"))
    assert summary.epochs_done - recorded in (0, 1)  # saved, and not recorded yet
    if ended:
        assert summary.state == "finished"
    else:  # killed, perhaps after the last line
        assert summary.state in ("lost", "finished", "running")


def check_same_weights(one: Path, other: Path) -> None:
    for name in ("best_val.pt", "last.pt"):
        left, right = (torch.load(path / name, weights_only=True) for path in (one, other))
        left, right = left.get("model", left), right.get("model", right)
        assert left.keys() == right.keys()
        assert all(torch.equal(left[key], right[key]) for key in left)
