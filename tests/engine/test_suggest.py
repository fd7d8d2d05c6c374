"""What past runs say a job should ask for."""

from __future__ import annotations

from typing import Any

import pytest

from engine.launch.suggest import quantile, suggestions, too_little_memory
from engine.library.summary import RunSummary

CONFIG = {"loop": "ae", "data.path": "a", "device": "cpu", "phase1.trainer.epochs": 100}


def past(number: int, memory_mib: float | None, epoch_s: float = 10, **config: Any) -> RunSummary:
    """A run that took so much memory, and so long an epoch."""
    run = RunSummary(f"/r{number}", f"r{number}", config=CONFIG | config)
    run.max_memory_mib, run.epoch_time_s, run.started = memory_mib, epoch_s, float(number)
    return run


def test_memory_is_what_nearly_all_runs_took_and_a_fifth_more_in_halves_of_a_gigabyte() -> None:
    runs = [past(n, 2000 + n) for n in range(39)] + [past(40, 90_000)]
    found = suggestions(runs, CONFIG)["launcher.memory"]
    assert found.value == "2.5 GB"
    assert found.sentence == "suggested 2.5 GB: 95 % of 40 runs took at most 2 GB"


@pytest.mark.parametrize(
    ("memories", "value", "why"),
    [
        ([300.0], "0.5 GB", "the one run of this kind took at most 0.29 GB"),
        ([50.0, 60.0], "0.5 GB", "all 2 runs of this kind took at most 60 MB"),
        ([2560.0, None], "3 GB", "the one run of this kind took at most 2.5 GB"),
    ],
)
def test_of_few_runs_the_largest_counts(memories: list[float | None], value: str, why: str) -> None:
    found = suggestions([past(n, mib) for n, mib in enumerate(memories)], CONFIG)
    assert (found["launcher.memory"].value, found["launcher.memory"].why) == (value, why)


@pytest.mark.parametrize(
    ("epochs", "epoch_s", "category"),
    [(20, 10, "express"), (100, 10, "short"), (2000, 10, "medium"), (20_000, 10, "long"),
     (1_000_000, 10, "long")],
)  # fmt: skip
def test_the_category_is_the_smallest_that_is_long_enough_with_a_margin(
    epochs: int, epoch_s: float, category: str
) -> None:
    settings = CONFIG | {"phase1.trainer.epochs": epochs}
    found = suggestions([past(1, None, epoch_s)], settings)["launcher.category"]
    assert found.value == category
    assert f"{epochs} epochs take about" in found.why


def test_what_somebody_has_tried_counts_more_than_past_runs() -> None:
    found = suggestions([past(1, None, 10)], CONFIG, epoch_s=1000)["launcher.category"]
    assert found.value == "long"
    assert "by 1 run" not in found.why


def test_runs_of_another_kind_say_nothing() -> None:
    assert suggestions([past(1, 3000, 10, **{"data.path": "b"})], CONFIG) == {}
    assert suggestions([], CONFIG | {"phase1.trainer.epochs": "x"}, epoch_s=3) == {}


def test_of_runs_on_a_gpu_the_memory_of_the_process_is_not_known() -> None:
    runs = [past(1, 3000, device="cuda")]
    assert "launcher.memory" not in suggestions(runs, CONFIG | {"device": "cuda"})
    assert "launcher.memory" not in suggestions([past(1, 3000)], CONFIG | {"launcher.gpus": 1})


def test_memory_that_is_not_enough_is_told() -> None:
    runs = [past(1, 3000, 100)]
    assert too_little_memory(runs, CONFIG | {"launcher.memory": "2 GB"}) == (
        "launcher.memory: it asks for 2 GB, and the one run of this kind took at most 2.9 GB"
    )
    assert too_little_memory(runs, CONFIG | {"launcher.memory": "4 GB"}) == ""
    assert too_little_memory([], CONFIG | {"launcher.memory": "lots"}) == ""


def test_a_share_of_values_does_not_exceed_the_quantile() -> None:
    assert quantile([3.0, 1.0, 2.0], 0.95) == 3
    assert quantile([float(n) for n in range(1, 101)], 0.95) == 95
