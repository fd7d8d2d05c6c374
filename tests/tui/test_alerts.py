"""Alerts: silent on healthy trainings, and not on others."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.facts.series import Series
from engine.library.summary import RunSummary
from tui.run.alerts import LEVELS, Alert, alerts

NOW = 1_000_000.0


def series_of(values: Sequence[float] | np.ndarray) -> Series:
    epochs = array("d", range(len(values)))
    steps = array("d", (100.0 * (epoch + 1) for epoch in epochs))
    return Series(steps, epochs, array("d", epochs), array("d", values))


def a_run(
    done: int = 50, planned: int = 100, state: str = "running", **fields: object
) -> RunSummary:
    run = RunSummary("/runs/one", "one", state=state, sentence=state)
    run.epochs_done, run.epochs = done, planned
    run.updated, run.usual_gap_s = NOW - 5, 10.0
    return replace(run, **fields)


def found(run: RunSummary, now: float = NOW, **curves: Sequence[float] | np.ndarray) -> list[Alert]:
    return alerts(run, {name: series_of(values) for name, values in curves.items()}, now)


def kinds(run: RunSummary, now: float = NOW, **curves: Sequence[float] | np.ndarray) -> list[str]:
    return [alert.kind for alert in found(run, now, **curves)]


def decay(n: int, rng: np.random.Generator, noise: float = 0.05, floor: float = 0.2) -> np.ndarray:
    """A loss that falls to a floor it does not reach, with noise on it."""
    tau = n * rng.uniform(0.3, 1.0)
    curve = floor + np.exp(-np.arange(n) / tau)
    return curve * np.exp(noise * rng.standard_normal(n))


def healthy(number: int) -> tuple[RunSummary, dict[str, np.ndarray]]:
    """A training as most are: any noise, schedule and length."""
    rng = np.random.default_rng(number)
    n = int(rng.integers(5, 301))
    noise, floor = rng.uniform(0.002, 0.15), rng.uniform(0.02, 0.5)
    val = decay(n, rng, noise, floor)
    train = decay(n, rng, noise / 2, floor) * rng.uniform(0.8, 1.0)
    rate = 1e-3 * 0.5 * (1 + np.cos(np.pi * np.arange(n) / n))
    if number % 3 == 0:  # a schedule that starts again, with a bump of the loss each time
        period = max(4, n // 4)
        phase = np.arange(n) % period
        rate = 1e-3 * 0.5 * (1 + np.cos(np.pi * phase / period))
        bump = 1 + 0.3 * np.exp(-phase / 2) * (np.arange(n) >= period)
        val, train = val * bump, train * bump
    speed = 5000 * np.exp(0.1 * rng.standard_normal(n))
    done = n if number % 2 else int(rng.integers(1, n + 1))
    run = a_run(done, n, "finished" if done == n else "running")
    curves = {"train_loss": train, "val_loss": val, "lr": rate, "throughput": speed}
    return run, {name: values[:done] for name, values in curves.items()}


def test_of_400_healthy_trainings_at_most_two_raise_an_alert() -> None:
    trainings = map(healthy, range(400))
    loud = [told for run, curves in trainings if (told := kinds(run, **curves))]
    assert len(loud) <= 2, loud


def test_a_healthy_training_raises_none_at_any_of_its_epochs() -> None:
    rng = np.random.default_rng(5)
    train, val = decay(100, rng, 0.02), decay(100, rng, 0.04)
    told = [kinds(a_run(n, 100), train_loss=train[:n], val_loss=val[:n]) for n in range(1, 101)]
    assert not any(told)


def test_a_loss_that_was_not_finite_is_an_error_with_the_epoch_and_what_to_do() -> None:
    values = [1.0, 0.9, math.nan, math.nan]
    run = a_run(4, nonfinite=("train_loss", "gan"))
    run.config = {"phase1.trainer.lr": 0.5}
    nan = next(one for one in found(run, train_loss=values) if one.kind == "nan")
    assert nan.level == "error"
    assert "epoch 2" in nan.text
    assert "lower lr (now 0.5)" in nan.action


def test_a_run_that_failed_with_its_loss_says_what_to_do_once() -> None:
    run = a_run(state="failed", sentence="failed: the loss is inf", nonfinite=("train_loss",))
    run.config = {"phase1.trainer.lr": 300}
    told = found(run)
    assert [(one.kind, one.level) for one in told] == [("nan", "error")]
    assert told[0].action == "start anew: lower lr (now 300), or clip the gradients"


def test_a_metric_that_was_not_finite_is_a_warning_only() -> None:
    told = found(a_run(nonfinite=("auroc",)), train_loss=[1.0, 0.9])
    assert [(one.kind, one.level) for one in told] == [("nan", "warning")]


@pytest.mark.parametrize("factor", [2.0, 5.0, 100.0, 1e6])
@pytest.mark.parametrize("name", ["train_loss", "val_loss"])
@pytest.mark.parametrize("back", [1, 2, 3])
def test_a_jump_of_the_loss_is_told(factor: float, name: str, back: int) -> None:
    values = decay(60, np.random.default_rng(1), 0.02)
    values[-back:] *= factor
    assert "spike" in kinds(a_run(60), **{name: values})


@pytest.mark.parametrize("epoch", [30, 57, 58])
def test_a_jump_that_came_back_is_not_told(epoch: int) -> None:
    values = decay(60, np.random.default_rng(1), 0.02)
    values[epoch] *= 50
    assert kinds(a_run(60), val_loss=values) == []


def test_a_jump_where_the_learning_rate_was_raised_is_not_told() -> None:
    values = decay(60, np.random.default_rng(1), 0.02)
    values[-1] *= 3
    rate = np.full(60, 1e-4)
    rate[-1] = 1e-2
    assert kinds(a_run(60), val_loss=values, lr=rate) == []


def test_a_spike_names_the_step_and_how_high_it_is() -> None:
    values = [1.0 - 0.01 * n for n in range(30)] + [7.1]
    spike = found(a_run(31), train_loss=values)[0]
    assert spike.step == 3100
    assert "9.53-fold" in spike.text
    assert "epoch 30" in spike.text


def test_a_loss_that_stands_still_with_many_epochs_to_come_is_told() -> None:
    rng = np.random.default_rng(3)
    values = 0.5 + np.exp(-np.arange(120) / 6) + 0.002 * rng.standard_normal(120)
    values[40] = 0.49
    told = found(a_run(120, 400, eta_s=7200.0), val_loss=values)
    assert [one.kind for one in told] == ["plateau"]
    assert "2h 00m" in told[0].action


def test_a_loss_that_stands_still_at_the_end_is_what_was_wanted() -> None:
    values = 0.5 + np.exp(-np.arange(120) / 6)
    assert kinds(a_run(118, 120), val_loss=values) == []
    assert kinds(a_run(120, 120, "finished"), val_loss=values) == []


def test_a_validation_loss_that_rises_while_training_falls_is_told() -> None:
    rng, n = np.random.default_rng(4), np.arange(60)
    train = np.exp(-n / 25) * np.exp(0.02 * rng.standard_normal(60))
    val = (0.5 + np.exp(-n / 8) + 0.008 * np.maximum(0, n - 20)) * np.exp(
        0.02 * rng.standard_normal(60)
    )
    told = found(a_run(60), train_loss=train, val_loss=val)
    assert [one.kind for one in told] == ["gap"]
    assert "best_val.pt" in told[0].action
    assert told[0].action.startswith("stop (X)")


def test_of_a_finished_run_a_gap_does_not_ask_to_stop_it() -> None:
    n = np.arange(60)
    train, val = np.exp(-n / 25), 0.5 + np.exp(-n / 8) + 0.01 * np.maximum(0, n - 20)
    told = found(a_run(60, 60, "finished"), train_loss=train, val_loss=val)
    assert [one.kind for one in told] == ["gap"]
    assert "stop (X)" not in told[0].action


def test_losses_that_rise_together_are_no_growing_gap() -> None:
    n = np.arange(60)
    both = 0.5 + np.exp(-n / 8) + 0.01 * np.maximum(0, n - 20)
    assert "gap" not in kinds(a_run(60), train_loss=both, val_loss=both * 1.1)


def test_a_training_that_became_slow_is_told_with_its_host() -> None:
    speed = [5000.0 + 50 * (n % 3) for n in range(20)] + [2000.0] * 3
    told = found(a_run(23, host="wn-12"), throughput=speed)
    assert [one.kind for one in told] == ["throughput"]
    assert "2,000 events/s, usually 5,050" in told[0].text
    assert "on wn-12" in told[0].action


def test_one_slow_epoch_is_not_told() -> None:
    speed = [5000.0] * 20 + [1000.0, 5000.0, 5000.0]
    assert kinds(a_run(23), throughput=speed) == []


@pytest.mark.parametrize(("silence", "told"), [(59.0, []), (61.0, ["silent"]), (1e5, ["silent"])])
def test_silence_is_told_after_three_times_the_usual_gap_and_half_a_minute(
    silence: float, told: list[str]
) -> None:
    assert kinds(a_run(updated=NOW - silence, usual_gap_s=10.0)) == told


def test_without_a_known_rhythm_there_is_ten_minutes_of_patience() -> None:
    run = a_run(usual_gap_s=None)
    assert kinds(replace(run, updated=NOW - 599)) == []
    assert kinds(replace(run, updated=NOW - 601)) == ["silent"]


@pytest.mark.parametrize("state", ["finished", "stopped", "queued"])
def test_a_run_that_is_not_running_may_be_silent(state: str) -> None:
    assert kinds(a_run(state=state, updated=NOW - 1e6)) == []


@pytest.mark.parametrize(
    ("cause", "word"),
    [
        ("out of memory", "batch_size"),
        ("killed", "R goes on"),
        ("machine restarted", "R goes on"),
        ("node gone", "wait"),
        (None, "log"),
    ],
)
def test_a_lost_run_says_what_to_do_by_its_cause(cause: str | None, word: str) -> None:
    told = found(a_run(state="lost", cause=cause, sentence="process 4 is gone"))
    assert [one.kind for one in told] == ["lost"]
    assert word in told[0].action


def test_a_failed_run_says_why() -> None:
    told = found(a_run(state="failed", sentence="failed: no such file \x1b[31mx"))
    assert told[0].text == "no such file x"


def test_a_held_job_out_of_memory_is_told_to_ask_for_more() -> None:
    told = found(a_run(state="held", cause="out of memory", sentence="held: memory"))
    assert (told[0].kind, "memory" in told[0].action) == ("held", True)


def test_the_loudest_stand_first() -> None:
    values = decay(60, np.random.default_rng(1), 0.02)
    values[-1] *= 9
    run = a_run(60, state="lost", nonfinite=("auroc",), updated=NOW - 1e5)
    levels = [LEVELS.index(one.level) for one in found(run, val_loss=values)]
    assert levels == sorted(levels)
    assert len(levels) == 3


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["train_loss", "val_loss", "throughput", "lr"]),
        st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=60),
    ),
    st.sampled_from(["running", "finished", "failed", "lost", "held", None]),
)
def test_whatever_the_curves_are_there_are_alerts_with_texts(
    curves: dict[str, list[float]], state: str | None
) -> None:
    told = found(a_run(state=state or "running"), **curves)
    assert all(one.text and one.action and one.level in LEVELS for one in told)


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-6, 1e6), st.integers(20, 200))
def test_what_is_told_of_a_curve_does_not_depend_on_its_unit(scale: float, n: int) -> None:
    values = decay(n, np.random.default_rng(n), 0.03)
    values[-1] *= 4
    same = kinds(a_run(n), val_loss=values)
    assert kinds(a_run(n), val_loss=values * scale) == same == ["spike"]


def test_a_run_that_was_started_again_is_given_time_to_load() -> None:
    run = a_run(state="running", updated=NOW - 400, usual_gap_s=1.0, begun=NOW - 5)
    assert kinds(run) == []
    assert kinds(replace(run, begun=NOW - 500)) == ["silent"]
    assert kinds(replace(run, begun=NOW - 5, updated=NOW - 2)) == []
