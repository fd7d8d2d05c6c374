"""What a chart says where it shows no value. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tui.charts.view import Stroke, View
from tui.series import within


def why_empty(strokes: Sequence[Stroke], view: View) -> str:
    """Why none of the strokes has anything to be seen."""
    curves = [stroke.raw for stroke in strokes if len(stroke.raw.xs)]
    if not curves:
        return "no values yet"
    if view.log_x and not any((curve.xs > 0).any() for curve in curves):
        return f"no {view.axis} above 0: x for another axis, L for a linear one"
    if view.window is not None and not any(len(within(one, *view.window).xs) for one in curves):
        return "no values in this part: 0 shows all"
    if view.log_y and not any((np.asarray(curve.ys) > 0).any() for curve in curves):
        return "no values above 0: l for a linear axis"
    return "no values here"
