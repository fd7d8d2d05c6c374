"""Zoom, pan and the cursor: which part of the horizontal axis is seen. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tui.charts.axes import Axis
from tui.charts.view import Limits
from tui.series import Curve

ZOOM = 1.5
STEP = 0.25
"""Part of the axis by which it is moved."""

_NARROWEST = 1e-7


def zoomed(seen: Axis, whole: Axis, factor: float, place: float = 0.5) -> Limits | None:
    """The part that is seen after zooming at a place; None where all of it is seen."""
    low, high = place - place / factor, place + (1 - place) / factor
    return _inside(seen, whole, low, high)


def panned(seen: Axis, whole: Axis, share: float) -> Limits | None:
    """The part that is seen after moving by a share of it; it stays within the whole."""
    first, last = (seen.place(value) for value in (whole.low, whole.high))
    share = min(max(share, first), last - 1) if last - first > 1 else 0.0
    return _inside(seen, whole, share, 1 + share)


def stepped(curves: Sequence[Curve], seen: Axis, cursor: float, cells: int, towards: int) -> float:
    """The next place with a value, at least a cell away; the cursor itself at the end."""
    place = seen.place(cursor)
    edge = seen.value(place + towards / max(cells, 1))
    found = []
    for curve in curves:
        row = int(np.searchsorted(curve.xs, edge, side="left" if towards > 0 else "right"))
        row -= towards < 0
        if 0 <= row < len(curve.xs):
            found.append(float(curve.xs[row]))
    if towards > 0:
        return min(found, default=cursor)
    return max(found, default=cursor)


def last_place(curves: Sequence[Curve], seen: Axis, first: bool = False) -> float | None:
    """The last (or first) place with a value that is seen."""
    found = []
    for curve in curves:
        xs = curve.xs[np.searchsorted(curve.xs, seen.low) :]
        xs = xs[: np.searchsorted(xs, seen.high, side="right")]
        if len(xs):
            found.append(float(xs[0] if first else xs[-1]))
    if not found:
        return None
    return min(found) if first else max(found)


def _inside(seen: Axis, whole: Axis, low: float, high: float) -> Limits | None:
    """A part given in places, cut to the whole."""
    one, other = max(seen.value(low), whole.low), min(seen.value(high), whole.high)
    size = whole.place(other) - whole.place(one)
    if size > 1 - 1e-6:
        return None
    return (one, other) if size > _NARROWEST else (seen.low, seen.high)
