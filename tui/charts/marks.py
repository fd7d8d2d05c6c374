"""Where the signs of curves stand on them, so that each is told apart without its colour. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Place = tuple[int, int]
"""Line and column."""
Covered = npt.NDArray[np.bool_]

LEAST_APART = 12
"""Columns from one sign of a curve to its next."""

_ASIDE = 3
"""Columns by which a sign may give way to another; those at the ends, where all are, to all."""


def places(curves: Sequence[Covered]) -> list[list[Place]]:
    """The cells of the signs of each curve: at its end, and at even distances before it.

    The distances begin elsewhere for each curve, and no two signs share a cell. What is drawn last
    lies on top, and chooses first.

    Parameters
    ----------
    curves
        Of each curve the cells that it covers, [lines, columns].
    """
    n = len(curves)
    shared = np.asarray(np.sum(curves, axis=0, dtype=np.intp) > 1)
    found: list[list[Place]] = [[] for _ in curves]
    taken: set[Place] = set()
    wanted = [list(_columns(covered, number, n)) for number, covered in enumerate(curves)]
    for turn in range(max(map(len, wanted), default=0)):
        for number in reversed(range(n)):
            if turn < len(wanted[number]):
                aside = _ASIDE if turn else max(_ASIDE, n)
                place = _free(curves[number], shared, (wanted[number][turn], aside), taken)
                if place is not None:
                    taken.add(place)
                    found[number].append(place)
    return found


def _columns(covered: Covered, number: int, n: int) -> Iterator[int]:
    """The columns in which a curve is to have its sign, from its end."""
    filled = np.flatnonzero(covered.any(axis=0))
    if not len(filled):
        return
    first, last = int(filled[0]), int(filled[-1])
    yield last
    apart = max(LEAST_APART, 3 * n)
    shift = (number * apart) // n + apart // (2 * n)
    for column in reversed(range(shift, covered.shape[1], apart)):
        if first <= column <= last - LEAST_APART // 3:
            yield column


def _free(
    covered: Covered, shared: Covered, near: tuple[int, int], taken: set[Place]
) -> Place | None:
    """A cell without a sign, so near to a column; one of this curve alone if there is."""
    column, aside = near
    start = max(0, column - aside)
    lines, columns = np.nonzero(covered[:, start : column + aside + 1])
    cells = [place for place in zip(lines.tolist(), (columns + start).tolist(), strict=True)
             if place not in taken]  # fmt: skip
    middle = float(np.median(lines)) if len(lines) else 0.0

    def badness(place: Place) -> tuple[bool, int, float]:
        return bool(shared[place]), abs(place[1] - column), abs(place[0] - middle)

    return min(cells, key=badness, default=None)
