"""The mean of curves over seeds."""

from __future__ import annotations

import statistics
from array import array
from collections.abc import Sequence

from engine.facts.series import Series


def mean_series(lines: Sequence[Series], x: str) -> Series:
    """The mean of curves at each place that all of them have reached.

    A curve without any place does not count; a gap in one of the others is a gap in the mean.

    Parameters
    ----------
    lines
        The curves, in the order of their steps.
    x
        What a place is: `epoch` or `step`.
    """
    begun = [line for line in lines if len(line.values)]
    places = [
        dict(zip(line.epochs if x == "epoch" else line.steps, line.values, strict=True))
        for line in begun
    ]
    if not places:
        return Series(array("d"), array("d"), array("d"), array("d"))
    first = begun[0]
    shared = [all(at in one for one in places) for at in places[0]]
    rows = [row for row, is_shared in zip(_rows(first, x), shared, strict=True) if is_shared]
    at = first.epochs if x == "epoch" else first.steps
    means = array("d", (statistics.fmean(one[at[row]] for one in places) for row in rows))
    steps, epochs, times = (
        array("d", (axis[row] for row in rows)) for axis in (first.steps, first.epochs, first.times)
    )
    return Series(steps, epochs, times, means)


def _rows(line: Series, x: str) -> list[int]:
    """Of each place of a curve the last row."""
    axis = line.epochs if x == "epoch" else line.steps
    return list({at: row for row, at in enumerate(axis)}.values())
