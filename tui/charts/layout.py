"""How charts share the room: so many columns and lines of them, on so many pages. Pure."""

from __future__ import annotations

import math
from typing import NamedTuple

LEAST_WIDTH, LEAST_HEIGHT = 36, 8
"""Cells of the smallest chart."""

_BEST_RATIO = 4.0
"""Columns to lines of a chart that reads well."""


class Layout(NamedTuple):
    """Columns and lines of charts."""

    columns: int
    lines: int

    @property
    def slots(self) -> int:
        """Charts on a page."""
        return self.columns * self.lines

    def pages(self, n_charts: int) -> int:
        """Pages of so many charts."""
        return max(1, math.ceil(n_charts / self.slots))


def layout(n_charts: int, width: int, height: int) -> Layout:
    """The arrangement that shows the most charts, in the form that reads best."""
    most_columns = max(1, width // LEAST_WIDTH)
    most_lines = max(1, height // LEAST_HEIGHT)
    wanted = min(max(n_charts, 1), most_columns * most_lines)
    fitting = [
        Layout(columns, math.ceil(wanted / columns))
        for columns in range(1, most_columns + 1)
        if math.ceil(wanted / columns) <= most_lines
    ]
    return min(fitting, key=lambda one: _badness(one, wanted, width, height))


def shares(length: int, parts: int) -> list[int]:
    """A length in parts that differ by one cell at most."""
    return [length // parts + (number < length % parts) for number in range(parts)]


def _badness(one: Layout, wanted: int, width: int, height: int) -> float:
    """How far the form of a chart is from the best one, and how much room stays empty."""
    ratio = (width / one.columns) / max(height / one.lines, 1)
    return abs(math.log(ratio / _BEST_RATIO)) + 0.5 * (one.slots - wanted) / one.slots
