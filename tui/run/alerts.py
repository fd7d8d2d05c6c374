"""What to act on in a run: each alert says what is wrong, the likely cause, and what to do.

Pure functions, and careful ones: an alert that is wrong once is not believed again. Curves are
compared by medians, so that a noisy training is not called a bad one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from engine.facts.last_seen import UNKNOWN_RHYTHM_S
from engine.facts.series import Series
from engine.facts.state import BADLY
from engine.facts.text import plain
from engine.facts.verdict import KILLED, NODE_GONE, OUT_OF_MEMORY, RESTARTED
from engine.facts.words import in_words
from engine.library.summary import RunSummary
from engine.tables.units import show_duration, show_number
from tui.run.robust import Array, noise, smoothed

ERROR, WARNING, INFO = "error", "warning", "info"
LEVELS = (ERROR, WARNING, INFO)
"""The loudest first."""

NEWEST = 4000
"""Values of a curve that are looked at: the last ones."""

SPIKE_BEFORE = 8
"""Values that a spike is compared with, at least."""
SPIKE_SIGMAS = 10.0
SPIKE_FACTOR = 1.5
SPIKE_RECENT = 3
"""A jump is told for so many values, as long as the loss does not come back."""

FEWEST_FOR_TREND = 12
"""Values before anything is said of a growing gap;"""
FEWEST_FOR_PLATEAU = 30
"""likewise of a plateau."""
SLOWER = 0.6
"""Share of its former speed below which a training has become slow."""


@dataclass(frozen=True)
class Alert:
    """Something to act on."""

    kind: str
    """`nan`, `spike`, `plateau`, `gap`, `throughput`, `silent`, `lost`, `failed` or `held`."""
    level: str
    """One of `LEVELS`."""
    text: str
    """What is wrong, and why."""
    action: str
    """What to do."""
    step: float | None = None
    """Where on the curve it is."""


@dataclass(frozen=True)
class _Curve:
    """One number over the epochs; gaps are left out."""

    steps: Array
    epochs: Array
    values: Array
    first_gap: float | None = None
    """Epoch of the first value that is missing."""


def alerts(run: RunSummary, series: Mapping[str, Series], now: float) -> list[Alert]:
    """What to act on, the loudest first.

    Parameters
    ----------
    series
        Numbers of the run by name: of these `train_loss`, `val_loss`, `throughput` and `lr` are
        looked at, each over the epochs.
    now
        Unix seconds.
    """
    known = ("train_loss", "val_loss", "throughput", "lr")
    curves = {name: _curve(series[name]) for name in known if name in series}
    with np.errstate(all="ignore"):  # of numbers near the largest
        found = [alert for check in _CHECKS for alert in check(run, curves, now)]
    if any(alert.kind == "gap" for alert in found):  # which says more
        found = [alert for alert in found if alert.kind != "plateau"]
    return sorted(found, key=lambda alert: LEVELS.index(alert.level))


def _curve(series: Series) -> _Curve:
    steps, epochs, _, values = (np.frombuffer(part)[-NEWEST:] for part in series)
    finite = np.isfinite(values)
    gaps = epochs[~finite]
    first = float(gaps[0]) if gaps.size and np.isfinite(gaps[0]) else None
    return _Curve(steps[finite], epochs[finite], values[finite], first)


def _over(run: RunSummary, _curves: Mapping[str, _Curve], _now: float) -> Iterator[Alert]:
    """A run that ended as nobody meant it, or waits for somebody."""
    sentence = plain(run.sentence)
    text = sentence.removeprefix(f"{run.state}: ") or str(run.state)
    if run.state == "failed":
        if _LOSS_GONE.search(sentence):
            yield Alert("nan", ERROR, text, f"start anew: {_gentler(run)}")
        else:
            yield Alert("failed", ERROR, text, "the log (2) says where; R goes on")
    elif run.state == "lost":
        yield Alert("lost", ERROR, text, _LOST.get(run.cause or "", _LOST[""]))
    elif run.state == "held":
        memory = run.cause == OUT_OF_MEMORY
        action = "Q, then E: ask for more memory" if memory else "Q: W tells why, U releases it"
        yield Alert("held", WARNING, text, action)


_LOSS_GONE = re.compile(r"loss is (nan|[+-]?inf)", re.IGNORECASE)

_LOST = {
    OUT_OF_MEMORY: "resume with more memory, or train anew with a smaller data.batch_size",
    KILLED: "R goes on from the last checkpoint; the log (2) may say who ended it",
    RESTARTED: "R goes on from the last checkpoint",
    NODE_GONE: "wait a little, the node may come back; else R goes on elsewhere",
    "": "look into the log (2); R goes on from the last checkpoint",
}


def _not_finite(run: RunSummary, curves: Mapping[str, _Curve], _now: float) -> Iterator[Alert]:
    """Losses or metrics that were NaN or infinite."""
    if not run.nonfinite or (run.state == "failed" and _LOSS_GONE.search(run.sentence)):
        return  # the end says it
    names = [plain(name) for name in run.nonfinite]
    loss = next((name for name in ("train_loss", "val_loss") if name in run.nonfinite), None)
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    curve = curves.get(loss or "")
    where = f" in epoch {curve.first_gap:.0f}" if curve and curve.first_gap is not None else ""
    verb = "was" if len(names) == 1 else "were"
    text = f"{shown} {verb} NaN or infinite{where}"
    if loss is None:
        yield Alert("nan", WARNING, text, "the loss is not hurt; see how the metric divides")
    else:
        yield Alert("nan", ERROR, text, _gentler(run))


def _gentler(run: RunSummary) -> str:
    """What keeps a loss finite."""
    rate = run.config.get("phase1.trainer.lr")
    now = f" (now {show_number(rate)})" if isinstance(rate, int | float) else ""
    return f"lower lr{now}, or clip the gradients"


def _spike(run: RunSummary, curves: Mapping[str, _Curve], _now: float) -> Iterator[Alert]:
    """A loss that just jumped far out of its noise."""
    if run.state not in ("running", *BADLY):
        return
    for name in ("train_loss", "val_loss"):
        curve = curves.get(name)
        last = min(SPIKE_RECENT, len(curve.values) - SPIKE_BEFORE) if curve else 0
        for back in range(last, 0, -1):
            at = len(curve.values) - back if curve else 0
            if (
                curve
                and _is_spike(curve.values, at)
                and not _rate_rose(curves.get("lr"), curve, at)
            ):
                usual = float(np.median(curve.values[:at][-SPIKE_BEFORE:]))
                height = _jump(float(curve.values[at]), usual)
                text = f"{name} jumped {height} in epoch {curve.epochs[at]:.0f}"
                action = "if it stays up, lower lr or clip the gradients"
                yield Alert("spike", WARNING, text, action, float(curve.steps[at]))
                return


def _is_spike(values: Array, at: int) -> bool:
    """Whether a value stands far above the noise of those before it, and the last one does too."""
    before = values[max(0, at - 3 * SPIKE_BEFORE) : at]
    level = float(np.median(before[-SPIKE_BEFORE:]))
    above = float(values[at]) - level
    far = max(SPIKE_SIGMAS * noise(before), (SPIKE_FACTOR - 1) * abs(level))
    return above > far and float(values[-1]) - level > far / 2


def _rate_rose(rate: _Curve | None, curve: _Curve, at: int) -> bool:
    """Whether the learning rate was just raised: a jump is then what was asked for."""
    if rate is None:
        return False
    near = rate.values[np.abs(rate.epochs - curve.epochs[at]) <= SPIKE_RECENT]
    return bool(near.size > 1 and np.any(near[1:] > 1.2 * near[:-1]))


def _plateau(run: RunSummary, curves: Mapping[str, _Curve], _now: float) -> Iterator[Alert]:
    """A loss that has stood still for long, with many epochs to come."""
    curve = curves.get("val_loss") or curves.get("train_loss")
    left = (run.epochs or 0) - run.epochs_done
    if run.state != "running" or curve is None or left < max(5, 0.1 * (run.epochs or 0)):
        return
    values = curve.values
    window = max(20, len(values) // 3)
    if len(values) < max(FEWEST_FOR_PLATEAU, window + 10):
        return
    best = int(np.argmin(values))
    still = len(values) - 1 - best
    older, newer = np.median(values[-window : -window // 2]), np.median(values[-window // 2 :])
    doubt = noise(values[-window:]) / np.sqrt(window / 2)
    if still < window or older - newer > max(0.002 * abs(older), 2 * doubt):
        return
    name = "val_loss" if "val_loss" in curves else "train_loss"
    saves = f", which saves {show_duration(run.eta_s)}" if run.eta_s else ""
    text = f"{name} has not improved for {still} epochs, its best is {show_number(values[best])}"
    action = f"stop (X){saves}, or lower lr"
    yield Alert("plateau", INFO, text, action, float(curve.steps[best]))


def _gap(run: RunSummary, curves: Mapping[str, _Curve], _now: float) -> Iterator[Alert]:
    """A validation loss that rises while the training loss still falls."""
    train, val = curves.get("train_loss"), curves.get("val_loss")
    if train is None or val is None:
        return
    _, of_train, of_val = np.intersect1d(train.epochs, val.epochs, return_indices=True)
    one, other = train.values[of_train], val.values[of_val]
    if len(one) < FEWEST_FOR_TREND:
        return
    seen, wanted = smoothed(one), smoothed(other)
    best = int(np.argmin(wanted))
    since = len(wanted) - 1 - best
    rise = float(wanted[-1] - wanted[best])
    clear = rise > max(0.1 * abs(wanted[best]), 4 * noise(other))
    fell = seen[best] - seen[-1] > max(0.02 * abs(seen[best]), noise(one))
    if since < max(5, len(wanted) // 6) or not clear or not fell:
        return
    epoch = val.epochs[of_val][int(np.argmin(other))]
    text = (
        f"val_loss rises since epoch {epoch:.0f}, from {_shown(wanted[best])} to"
        f" {_shown(wanted[-1])},"
        " while train_loss falls: it learns by heart"
    )
    stop = "stop (X); " if run.state == "running" else ""
    action = f"{stop}best_val.pt has the best weights; try weight decay, dropout, or more data"
    yield Alert("gap", WARNING, text, action, float(val.steps[of_val][best]))


def _slower(run: RunSummary, curves: Mapping[str, _Curve], _now: float) -> Iterator[Alert]:
    """A training that has become slow."""
    curve = curves.get("throughput")
    if run.state != "running" or curve is None or len(curve.values) < 11:
        return
    usual, last = float(np.median(curve.values[:-3])), curve.values[-3:]
    doubt = noise(curve.values[:-3])
    if usual <= 0 or last.max() > SLOWER * usual or usual - last.max() < 5 * doubt:
        return
    text = f"{np.median(last):,.0f} events/s, usually {usual:,.0f}"
    host = f" on {plain(run.host)}" if run.host else ""
    action = f"see what else runs{host}, or whether its disk is slow"
    yield Alert("throughput", WARNING, text, action, float(curve.steps[-3]))


def _silent(run: RunSummary, _curves: Mapping[str, _Curve], now: float) -> Iterator[Alert]:
    """A training that says nothing for far longer than usual."""
    if run.state != "running" or run.updated is None:
        return
    usual, heard = run.usual_gap_s, run.updated
    if run.begun is not None and run.begun > heard:  # it was started again, and loads first
        usual, heard = None, run.begun
    silence = now - heard
    if silence <= (3 * usual + 30 if usual else UNKNOWN_RHYTHM_S):
        return
    rhythm = f", usually every {in_words(max(1, usual))}" if usual else ""
    host = f" on {plain(run.host)}" if run.host else ""
    action = f"see the log (2), and whether it hangs{host}; X asks it to stop"
    yield Alert("silent", WARNING, f"no event for {in_words(silence)}{rhythm}", action)


_CHECKS: tuple[Callable[[RunSummary, Mapping[str, _Curve], float], Iterator[Alert]], ...] = (
    _over, _not_finite, _spike, _gap, _slower, _silent, _plateau,
)  # fmt: skip


def _jump(value: float, usual: float) -> str:
    factor = value / usual if usual > 0 else math.inf
    return f"{factor:.3g}-fold" if factor < 1000 else f"to {show_number(value)}"


def _shown(value: float) -> str:
    return f"{value:.3g}"
