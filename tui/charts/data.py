"""What charts show as rows for other programs. Pure functions, for threads too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tui.charts.axes import Axis
from tui.charts.view import Stroke, Strokes, View
from tui.series import Line


def rows_of(
    panels: Mapping[str, Sequence[Line]], view: View, axis: Axis | None
) -> list[dict[str, Any]]:
    """One row for each point that is on the horizontal axis; none where there is no axis."""
    rows: list[dict[str, Any]] = []
    if axis is None:
        return rows
    strokes = Strokes()
    for title, lines in panels.items():
        for stroke in strokes.of(title, lines, view):
            rows += _rows(title, stroke, axis)
    return rows


def _rows(title: str, stroke: Stroke, axis: Axis) -> list[dict[str, Any]]:
    first = int(np.searchsorted(stroke.raw.xs, axis.low))
    last = int(np.searchsorted(stroke.raw.xs, axis.high, side="right"))
    points = zip(
        stroke.raw.xs[first:last].tolist(),
        stroke.raw.ys[first:last].tolist(),
        stroke.shown.ys[first:last].tolist(),
        strict=True,
    )
    run = " ".join(stroke.runs)
    return [
        {"panel": title, "run": run, "label": stroke.label, "x": x, "y": y, "smoothed": smoothed}
        for x, y, smoothed in points
    ]
