"""Curves as dots: nothing is lost, and nothing is drawn where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.charts.axes import Axis, exact, kept
from tui.charts.braille import cells, mask, spans
from tui.series import Curve, curve_of

COLUMNS, ROWS = 40, 24


def curve(xs: list[float], ys: list[float]) -> Curve:
    return curve_of(np.array(xs, dtype=float), np.array(ys, dtype=float))


def dots(points: Curve, across: Axis, up: Axis) -> np.ndarray:
    return mask(spans(points, across, up, COLUMNS, ROWS), ROWS)


def place_of(points: Curve, row: int, across: Axis, up: Axis) -> tuple[int, int]:
    """Row and column of the dot of a point."""
    down = (1 - up.place(float(points.ys[row]))) * (ROWS - 1)
    column = min(int(across.place(float(points.xs[row])) * COLUMNS), COLUMNS - 1)
    return int(np.floor(down + 0.5)), column


@given(st.integers(2, 3000), st.data())
def test_a_spike_of_one_step_is_never_lost(length: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, length - 1))
    up_or_down = data.draw(st.sampled_from([1.0, -1.0]))
    first = data.draw(st.integers(0, length - 1))
    ys = np.random.default_rng(length).normal(0, 0.01, length)
    ys[at] = up_or_down
    points = curve_of(np.arange(float(length)), ys)
    across = exact(min(first, at), max(first, at) + 1)
    row, column = place_of(points, at, across, Axis(-1, 1))
    columns = slice(max(column - 1, 0), column + 2)
    assert dots(points, across, Axis(-1, 1))[row, columns].any()


@given(st.lists(st.floats(-1e308, 1e308), min_size=1, max_size=60), st.booleans())
def test_each_point_has_its_dot(ys: list[float], log: bool) -> None:
    points = curve(list(range(len(ys))), [abs(y) + 1e-6 if log else y for y in ys])
    across = exact(0, len(ys) - 1)
    up = kept(None, float(points.ys.min()), float(points.ys.max()), log)
    shown = dots(points, across, up)
    for number in range(len(ys)):
        row, column = place_of(points, number, across, up)
        assert shown[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2].any()


@given(st.lists(st.floats(0, 1) | st.just(float("nan")), max_size=200), st.floats(0, 300))
def test_any_part_of_a_curve_can_be_drawn(ys: list[float], begin: float) -> None:
    points = curve(list(range(len(ys))), ys)
    shown = dots(points, exact(begin, begin + 10), Axis(0, 1))
    assert shown.shape == (ROWS, COLUMNS)


def test_points_are_joined() -> None:
    shown = dots(curve([0, 1], [0, 1]), Axis(0, 1), Axis(0, 1))
    assert shown.any(axis=0).all()
    assert shown.any(axis=1).all()


def test_a_line_goes_on_beyond_what_is_seen() -> None:
    shown = dots(curve([0, 100], [0, 1]), Axis(40, 60), Axis(0, 1))
    assert shown.any(axis=0).all()
    assert shown[: ROWS // 4].sum() == 0


def test_nothing_is_drawn_across_a_gap() -> None:
    points = curve(list(range(8)), [0.5, 0.5, 0.5, np.nan, np.nan, 0.5, 0.5, 0.5])
    shown = dots(points, Axis(0, 7), Axis(0, 1)).any(axis=0)
    assert not shown[20:25].any()
    assert shown[:10].all()


def test_what_is_off_the_axis_is_cut() -> None:
    shown = dots(curve([0, 1, 2], [0.5, 9.0, 0.5]), Axis(0, 2), Axis(0, 1))
    assert shown[0].any()
    assert not shown[:, COLUMNS // 2].any()


def test_curves_without_points_have_no_dots() -> None:
    assert not dots(curve([], []), Axis(0, 1), Axis(0, 1)).any()


def test_points_without_a_place_on_a_log_axis_are_left_out() -> None:
    shown = dots(curve([-1, 0, 10], [0, 0, 1]), Axis(1, 100, True), Axis(0, 1))
    assert shown.any(axis=0).sum() == 1


@pytest.mark.parametrize("log", [False, True])
def test_the_dots_of_the_cells_are_those_of_the_rows(log: bool) -> None:
    points = curve(list(range(1, 200)), list(np.abs(np.sin(np.arange(1, 200) / 9)) + 0.1))
    part = spans(points, Axis(1, 199, log), Axis(0, 1.2), COLUMNS, ROWS)
    found = cells(part, ROWS // 4)
    bits = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]]
    shown = np.array(
        [[bool(found[y // 4, x // 2] & bits[y % 4][x % 2]) for x in range(COLUMNS)]
         for y in range(ROWS)]
    )  # fmt: skip
    assert (shown == mask(part, ROWS)).all()


def test_new_points_leave_old_columns_alone() -> None:
    ys = np.random.default_rng(0).normal(size=1000)
    across, up = Axis(0, 2000), Axis(-5, 5)
    before = dots(curve_of(np.arange(900.0), ys[:900]), across, up)
    after = dots(curve_of(np.arange(1000.0), ys), across, up)
    assert (before[:, :17] == after[:, :17]).all()
    assert not before[:, 18:].any()
