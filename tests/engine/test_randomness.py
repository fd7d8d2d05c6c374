"""Every source of randomness goes on where it was."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.training_loops.checkpoints import load_checkpoint
from engine.training_loops.randomness import random_state, restore_random_state

SOURCES: dict[str, Callable[[], float]] = {
    "python": random.random,
    "python, normal": lambda: random.gauss(0, 1),
    "numpy": np.random.random,
    "numpy, normal": np.random.standard_normal,
    "torch": lambda: float(torch.rand(())),
}


@pytest.mark.parametrize("draw", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("before", [0, 1, 700])
def test_the_numbers_that_follow_are_the_same(
    tmp_path: Path, draw: Callable[[], float], before: int
) -> None:
    for _ in range(before):
        draw()
    torch.save(random_state(), tmp_path / "state.pt")
    expected = [draw() for _ in range(5)]
    restore_random_state(load_checkpoint(tmp_path / "state.pt"))
    assert [draw() for _ in range(5)] == expected
