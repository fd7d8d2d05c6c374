"""Curves as arrays, made ready to be drawn and compared. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.errors import ConfigError
from engine.facts.series import Restart, Series

Array = npt.NDArray[np.float64]

AXES = ("step", "epoch", "time")
"""What curves may be drawn over."""

_BLOCK = 64
"""Values that are smoothed by one product with a matrix."""

_SAMPLED = 20_000
"""Values from which percentiles are taken."""


@dataclass(frozen=True, eq=False)
class Line:
    """One number of one run, as it was written."""

    run: str
    """Path of the run."""
    label: str
    colour: str
    """`#RRGGBB`."""
    steps: Array
    epochs: Array
    times: Array
    values: Array
    """NaN is a gap."""
    restarts: tuple[Restart, ...] = ()
    group: str = ""
    """Lines of one group are seeds of the same settings: a mean with a band."""
    sign: str = ""
    """What marks it where colours do not tell it apart; chosen by its place if not given."""

    @classmethod
    def of(
        cls,
        series: Series,
        *,
        run: str,
        label: str,
        colour: str,
        restarts: tuple[Restart, ...] = (),
        group: str = "",
        sign: str = "",
    ) -> Line:
        """A line over the arrays of a series, which are not copied."""
        steps, epochs, times, values = (
            np.frombuffer(part, dtype=np.float64) if part else _NONE for part in series
        )
        return cls(run, label, colour, steps, epochs, times, values, restarts, group, sign)

    def over(self, axis: str) -> Array:
        """The places of the values: steps, epochs or seconds."""
        return {"step": self.steps, "epoch": self.epochs, "time": self.times}[axis]


class Curve(NamedTuple):
    """The points of a line that can be drawn: all finite, from left to right."""

    xs: Array
    ys: Array
    gaps: npt.NDArray[np.intp]
    """Numbers of the points that are not joined to the one before, in order."""


class Band(NamedTuple):
    """The mean of curves and how far they lie apart, all at the same places."""

    mean: Curve
    low: Curve
    """A sample standard deviation below the mean."""
    high: Curve
    counts: npt.NDArray[np.intp]
    """Curves that have a value at each of the places."""


class Point(NamedTuple):
    """One value of a curve."""

    x: float
    y: float


def curve_of(xs: Array, ys: Array) -> Curve:
    """The points that have a place and a value, with the gaps between them.

    A number that is written more seldom than others is missing in between, which is no gap: only
    where more of it is missing than usual is there one.
    """
    n = min(len(xs), len(ys))
    xs, ys = xs[:n], ys[:n]
    gaps = _NO_GAPS
    drawn = np.isfinite(xs) & np.isfinite(ys)
    if not drawn.all():
        kept = np.flatnonzero(drawn)
        gaps = _gaps(kept)
        xs, ys = xs[kept], ys[kept]
    if (xs[1:] >= xs[:-1]).all():
        return Curve(xs, ys, gaps)
    order = np.argsort(xs, kind="stable")
    return Curve(xs[order], ys[order], _NO_GAPS)


def positive(curve: Curve) -> Curve:
    """The points that have a place on a logarithmic axis of values; the others become gaps."""
    if not len(curve.ys) or curve.ys.min() > 0:
        return curve
    seen = curve.ys > 0
    before = np.cumsum(seen)
    after_hole = np.flatnonzero(seen[1:] & ~seen[:-1]) + 1
    gaps = np.concatenate([curve.gaps[seen[curve.gaps]], after_hole])
    numbers = np.unique(before[gaps] - 1)
    return Curve(curve.xs[seen], curve.ys[seen], numbers[numbers > 0])


def smooth(values: Array, weight: float) -> Array:
    """Exponential moving average without the pull of its beginning: `engine.facts.thin.smooth`.

    The same numbers to nine digits, for a million values in milliseconds: values are averaged in
    blocks by a product with the matrix of weights, and what a block leaves to the next ones is
    again such an average, of fewer values.

    Parameters
    ----------
    values
        The values; NaN stays a gap and does not count.
    weight
        Weight of the past, from 0 (the values themselves) to below 1.

    Raises
    ------
    ConfigError
        If `weight` is not in [0, 1).
    """
    if not 0 <= weight < 1:
        raise ConfigError(f"no smoothing has the weight {weight}", "Choose one from 0 to below 1.")
    if weight == 0 or not len(values):
        return values
    if not np.isfinite(values).all():
        seen = np.isfinite(values)
        smoothed = np.full(len(values), np.nan)
        smoothed[seen] = smooth(values[seen], weight)
        return smoothed
    size = max(float(np.abs(values).max()), 1e-300)
    scaled = values / size
    mean = _discounted((1 - weight) * scaled, weight)
    n_unsure = min(len(values), int(np.ceil(-40.0 / np.log(weight))))  # then the weights sum to 1
    mean[:n_unsure] /= -np.expm1(np.arange(1, n_unsure + 1) * np.log(weight))
    return np.clip(mean, -1, 1) * size


def trimmed(values: Array) -> tuple[float, float] | None:
    """The 1st and 99th percentile of the finite values; None if there are none."""
    values = values[:: max(1, len(values) // _SAMPLED)]
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, high = np.percentile(values / 2, (1, 99)) * 2  # halves: their difference has a float
    return float(low), float(high)


def align(curves: Sequence[Curve]) -> tuple[Array, npt.NDArray[np.float64]]:
    """Curves on common places: all places, and one row of values for each curve.

    Between two points of a curve its values lie on a straight line; before the first and after
    the last point there is NaN.
    """
    first = curves[0].xs if curves else _NONE
    if all(np.array_equal(first, curve.xs) for curve in curves):
        places = first
    else:
        places = np.unique(np.concatenate([curve.xs for curve in curves]))
    rows = [_values_at(curve, places) for curve in curves]
    return places, np.array(rows).reshape(len(curves), len(places))


def mean_and_band(curves: Sequence[Curve]) -> Band:
    """Mean and sample standard deviation of curves, wherever one of them has a value."""
    places, rows = align([curve for curve in curves if len(curve.xs)])
    seen = np.isfinite(rows)
    count = np.maximum(seen.sum(axis=0), 1)
    share = np.where(seen, rows / count, 0.0)
    mean = share.sum(axis=0)
    size = max(float(np.abs(rows[seen]).max(initial=0.0)), 1e-300)
    off = np.where(seen, rows / size - mean / size, 0.0)
    std = np.sqrt((off**2).sum(axis=0) / np.maximum(count - 1, 1)) * size
    with np.errstate(over="ignore"):
        low, high = (np.nan_to_num(mean + sign * std) for sign in (-1, 1))
    middle, lowest, highest = (Curve(places, ys, _NO_GAPS) for ys in (mean, low, high))
    return Band(middle, lowest, highest, seen.sum(axis=0))


def within(curve: Curve, low: float, high: float) -> Curve:
    """The points from one place to another, both included."""
    first = int(np.searchsorted(curve.xs, low))
    last = int(np.searchsorted(curve.xs, high, side="right"))
    gaps = curve.gaps[(curve.gaps > first) & (curve.gaps < last)] - first
    return Curve(curve.xs[first:last], curve.ys[first:last], gaps)


def nearest(curve: Curve, x: float) -> Point | None:
    """The point of a curve that is nearest to a place; None where it has none, see `row_at`."""
    row = row_at(curve, x)
    return None if row is None else Point(float(curve.xs[row]), float(curve.ys[row]))


def row_at(curve: Curve, x: float) -> int | None:
    """The number of the point of a curve that is nearest to a place.

    Before the first point, after the last one and within a gap there is none, but for half the way
    that lies between this point and the one on its other side.
    """
    right = int(np.searchsorted(curve.xs, x))
    if right < len(curve.xs) and curve.xs[right] == x:
        return right
    left = right - 1
    if _is_joined(curve, right):
        return left if x - curve.xs[left] <= curve.xs[right] - x else right
    if left >= 0 and x - curve.xs[left] <= _half_way(curve, left):
        return left
    if right < len(curve.xs) and curve.xs[right] - x <= _half_way(curve, right + 1):
        return right
    return None


def difference(curve: Curve, other: Curve) -> Curve:
    """A curve less another one, at the places of the first that the other has reached."""
    if not len(other.xs):
        return Curve(_NONE, _NONE, _NO_GAPS)
    return curve_of(curve.xs, curve.ys - _values_at(other, curve.xs))


_NONE: Array = np.empty(0)
_NO_GAPS: npt.NDArray[np.intp] = np.empty(0, dtype=np.intp)


def _gaps(kept: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Which of the kept points come after more missing ones than usual."""
    if len(kept) < 2:
        return _NO_GAPS
    apart = np.diff(kept)
    usual = int(np.median(apart))
    return np.flatnonzero(apart > 2 * usual - 1) + 1


def _is_joined(curve: Curve, row: int) -> bool:
    """Whether a point is joined to the one before."""
    return 0 < row < len(curve.xs) and not (curve.gaps == row).any()


def _half_way(curve: Curve, row: int) -> float:
    """Half the way from a point to the one before; 0 if they are not joined."""
    if not _is_joined(curve, row):
        return 0.0
    return float(curve.xs[row] / 2 - curve.xs[row - 1] / 2)


def _values_at(curve: Curve, places: Array) -> Array:
    if curve.xs is places:
        return curve.ys
    if len(curve.xs) == len(places) and np.array_equal(curve.xs, places):
        return curve.ys
    return np.interp(places, curve.xs, curve.ys, left=np.nan, right=np.nan)


def _discounted(values: Array, weight: float) -> Array:
    """Sums `s[t] = weight * s[t - 1] + values[t]`."""
    n = len(values)
    powers = weight ** np.arange(min(n, _BLOCK) + 1)
    lags = np.subtract.outer(np.arange(len(powers) - 1), np.arange(len(powers) - 1))
    matrix = np.where(lags >= 0, powers[np.maximum(lags, 0)], 0.0)
    if n <= _BLOCK:
        return matrix @ values
    n_whole = n - n % _BLOCK
    sums = np.empty(n)
    blocks = sums[:n_whole].reshape(-1, _BLOCK)
    np.matmul(values[:n_whole].reshape(-1, _BLOCK), matrix.T, out=blocks)
    left_over = _discounted(blocks[:, -1], powers[-1])  # what all blocks up to each one leave
    blocks[1:] += left_over[:-1, None] * powers[1:]
    if n_whole < n:
        sums[n_whole:] = _discounted(values[n_whole:], weight)
        sums[n_whole:] += left_over[-1] * powers[1 : n - n_whole + 1]
    return sums
