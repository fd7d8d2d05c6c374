"""Curves as dots in the cells of a terminal, two across and four down each. Pure functions.

What a column of dots shows is the stretch from the lowest to the highest of all values in it, so
that a spike of a single step is seen at any width.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tui.charts.axes import Axis
from tui.series import Array, Curve

ACROSS, DOWN = 2, 4
"""Dots of a cell."""

BLANK = 0x2800
"""The sign without dots; the bits of a cell are added to it."""

_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.uint8)
_EDGE = 1e-9
_FAR = 4.0


class Spans(NamedTuple):
    """For each column of dots the rows that a curve covers, from the top; NaN where it is not."""

    tops: Array
    bottoms: Array


class _Joints(NamedTuple):
    """Straight lines between points in neighbouring columns that are not empty."""

    x0: Array
    y0: Array
    x1: Array
    y1: Array


def spans(curve: Curve, across: Axis, up: Axis, columns: int, rows: int) -> Spans:
    """Which rows of dots a curve covers in each of the columns; what is off the axes is cut."""
    tops, bottoms = np.full(columns, np.inf), np.full(columns, -np.inf)
    cuts = np.searchsorted(curve.xs, across.values(np.linspace(0.0, 1.0, columns + 1)))
    cuts[-1] = np.searchsorted(curve.xs, across.high, side="right")
    filled = np.flatnonzero(cuts[1:] > cuts[:-1])
    starts, ends = cuts[:-1][filled], cuts[1:][filled]
    if len(filled):
        seen = curve.ys[: ends[-1]]
        lows, highs = np.minimum.reduceat(seen, starts), np.maximum.reduceat(seen, starts)
        tops[filled], bottoms[filled] = _rows(highs, up, rows), _rows(lows, up, rows)
    before, after = cuts[:1] - 1, cuts[-1:]
    before, after = before[before >= 0], after[after < len(curve.xs)]
    outside = [across.places(curve.xs[rows_]) * columns - 0.5 for rows_ in (before, after)]
    xs = np.concatenate([outside[0], filled, outside[1]])
    firsts = curve.ys[np.concatenate([before, starts, after])[1:]]
    lasts = curve.ys[np.concatenate([before, ends - 1, after])[:-1]]
    joined = ~np.isin(np.concatenate([before, starts, after])[1:], curve.gaps)
    joints = _Joints(xs[:-1], _rows(lasts, up, rows), xs[1:], _rows(firsts, up, rows))
    _join(joints, joined, tops, bottoms)
    return _whole(tops, bottoms, rows)


def between(upper: Spans, lower: Spans) -> Spans:
    """All rows from one curve down to another, in the columns that both have."""
    return Spans(np.minimum(upper.tops, lower.tops), np.maximum(upper.bottoms, lower.bottoms))


def mask(part: Spans, rows: int) -> npt.NDArray[np.bool_]:
    """Whether each dot is set: one row of flags for each row of dots."""
    row = np.arange(rows)[:, None]
    return (row >= part.tops) & (row <= part.bottoms)


def cells(part: Spans, height: int) -> npt.NDArray[np.uint8]:
    """The dots of a curve as bits, one number for each cell."""
    shown = part.tops <= part.bottoms
    tops = np.where(shown, part.tops, 0).astype(np.int16)
    ends = np.where(shown, part.bottoms + 1, 0).astype(np.int16)
    first_rows = np.arange(0, height * DOWN, DOWN, dtype=np.int16)[:, None]
    begun = np.minimum(np.maximum(tops - first_rows, 0), DOWN)
    ended = np.minimum(np.maximum(ends - first_rows, 0), DOWN)
    which = begun * (DOWN + 1) + ended
    return _STRETCHES[0][which[:, 0::2]] | _STRETCHES[1][which[:, 1::2]]


def _stretches(across: int) -> npt.NDArray[np.uint8]:
    """The bits of a column of a cell from one dot to before another, at `5 * first + end`."""
    numbers = range(DOWN + 1)
    bits = [_BITS[first:end, across].sum() for first in numbers for end in numbers]
    return np.array(bits, dtype=np.uint8)


_STRETCHES = (_stretches(0), _stretches(1))


def _rows(values: Array, up: Axis, rows: int) -> Array:
    """Rows, not whole ones, in which values stand; far outside they are all the same."""
    places = (1.0 - up.places(values)) * (rows - 1)
    return np.minimum(np.maximum(places, -_FAR * rows), _FAR * rows)


def _join(joints: _Joints, joined: npt.NDArray[np.bool_], tops: Array, bottoms: Array) -> None:
    """Let the spans cover the straight lines as well: each column half a column to either side."""
    columns = len(tops)
    joined = joined & np.isfinite(joints.x0) & np.isfinite(joints.x1)
    x0, y0, x1, y1 = (part[joined] for part in joints)
    slope = (y1 - y0) / np.maximum(x1 - x0, _EDGE)
    begin, end = np.maximum(x0, -0.5), np.minimum(x1, columns - 0.5)
    first = np.clip(np.ceil(begin - 0.5), 0, columns - 1).astype(np.intp)
    last = np.clip(np.floor(end + 0.5), 0, columns - 1).astype(np.intp)
    counts = np.maximum(last - first + 1, 0)
    joint = np.repeat(np.arange(len(counts)), counts)
    column = first[joint] + np.arange(len(joint)) - np.repeat(np.cumsum(counts) - counts, counts)
    left = np.maximum(begin[joint], column - 0.5) - x0[joint]
    right = np.minimum(end[joint], column + 0.5) - x0[joint]
    one, other = (y0[joint] + slope[joint] * at for at in (left, right))
    np.minimum.at(tops, column, np.minimum(one, other))
    np.maximum.at(bottoms, column, np.maximum(one, other))


def _whole(tops: Array, bottoms: Array, rows: int) -> Spans:
    """Whole rows; none for a column that is empty or whose values are all off the axis."""
    empty = ~np.isfinite(tops)
    tops, bottoms = np.floor(tops + 0.5), np.ceil(bottoms - 0.5)
    bottoms = np.maximum(bottoms, tops)
    hidden = empty | (bottoms < 0) | (tops > rows - 1)
    return Spans(np.where(hidden, np.nan, tops), np.where(hidden, np.nan, bottoms))
