"""Axes: round limits that stay, and values in a few characters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.charts.axes import Axis, even, even_ticks, exact, grown, kept, rounded, spread, ticks
from tui.charts.tick_labels import labels, span

ANY = st.floats(allow_nan=False, allow_infinity=False)


@given(ANY, ANY, st.booleans(), st.integers(0, 60))
def test_every_pair_of_values_has_an_axis_with_both_on_it(
    one: float, other: float, log: bool, lines: int
) -> None:
    low, high = min(one, other), max(one, other)
    if log:
        low, high = max(low, 1e-280), max(high, 1e-280)
    for axis in (exact(low, high, log), rounded(low, high, log), kept(None, low, high, log, lines)):
        assert math.isfinite(axis.low)
        assert axis.low < axis.high < math.inf
        assert -1e-6 <= axis.place(low) <= axis.place(high) <= 1 + 1e-6


@given(ANY, ANY, st.booleans(), st.integers(1, 40))
def test_ticks_are_few_in_order_and_on_the_axis(
    one: float, other: float, log: bool, most: int
) -> None:
    axis = rounded(*sorted((abs(one), abs(other))), log)
    for found in (ticks(axis, most), even_ticks(axis, most), ticks(axis, most, "seconds")):
        places = [tick.place for tick in found]
        assert places == sorted(places)
        assert len(found) <= 3 * most + 3
        assert all(-1e-6 <= place <= 1 + 1e-6 for place in places)


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e6), st.integers(3, 60))
def test_round_values_fall_on_whole_lines_of_an_even_axis(
    low: float, size: float, lines: int
) -> None:
    axis = even(low, low + size, lines)
    rows = [(1 - tick.place) * (4 * lines - 1) for tick in even_ticks(axis, lines)]
    off = {round(row % 4, 3) % 4 for row in rows}
    assert len(off) <= 1


def test_an_axis_stays_while_values_are_on_it() -> None:
    known = kept(None, 0.1, 0.9, lines=10)
    assert kept(known, 0.12, 0.85, lines=10) is known
    assert kept(known, 0.1, 2.0, lines=10) != known


def test_an_axis_is_given_up_when_the_values_fill_little_of_it() -> None:
    known = rounded(0, 100)
    assert kept(known, 0, 1).high < 2


def test_the_horizontal_axis_is_as_wide_as_data_that_do_not_grow() -> None:
    assert spread(100, 20_000) == Axis(0, 20_000)
    assert grown(None, 100, 20_000).high == 20_000


def test_the_horizontal_axis_goes_ahead_of_data_that_grow_and_then_stays() -> None:
    axis, changes = None, 0
    for x in range(1000, 2000):
        fresh = grown(axis, 0, x)
        changes += fresh != axis
        axis = fresh
    assert changes <= 5
    assert axis is not None
    assert 2000 <= axis.high <= 2500


def test_data_that_are_being_loaded_get_no_room_ahead() -> None:
    axis = grown(None, 0, 1000)
    assert grown(axis, 0, 90_000).high == 90_000


def test_an_axis_can_be_asked_to_reach_further() -> None:
    known = grown(None, 0, 1000)
    assert grown(known, 0, 1001, to=1350).high == 1500


def test_values_that_have_no_logarithm_have_no_place_on_a_log_axis() -> None:
    places = Axis(1, 100, True).places(np.array([-1.0, 0.0, 10.0, np.nan]))
    assert np.isnan(places[[0, 1, 3]]).all()
    assert places[2] == pytest.approx(0.5)


@pytest.mark.parametrize("axis", [Axis(-1e308, 1e308), Axis(1e-290, 1e308, True), Axis(0, 1)])
def test_places_and_values_belong_together(axis: Axis) -> None:
    for place in (0.0, 0.3, 1.0):
        assert axis.place(axis.value(place)) == pytest.approx(place, abs=1e-6)


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0, 5000, 10_000, 20_000], ["0", "5k", "10k", "20k"]),
        ([0, 2.5e6, 5e6], ["0", "2.5M", "5.0M"]),
        ([0.01, 0.02], ["0.01", "0.02"]),
        ([0, 0.25, 0.5], ["0", "0.25", "0.50"]),
        ([1e-5, 2.5e-4], ["1e-5", "2.5e-4"]),
        ([1e20], ["1e20"]),
        ([], []),
    ],
)
def test_values_are_written_short(values: list[float], texts: list[str]) -> None:
    assert labels(values) == texts


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0"), (40, "40s"), (300, "5min"), (90, "1m30"), (5400, "1h30"), (3600, "1h"),
     (129_600, "1d12h"), (172_800, "2d"), (1e12, "1.16e+07d"), (-300, "-5min")],
)  # fmt: skip
def test_spans_of_time_are_written_short(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_times_are_marked_at_round_minutes_and_hours() -> None:
    texts = [tick.text for tick in ticks(exact(0, 5400), 6, "seconds")]
    assert texts == ["0", "15min", "30min", "45min", "1h", "1h15", "1h30"]


def test_epochs_are_marked_at_whole_numbers() -> None:
    assert [tick.text for tick in ticks(exact(0, 3), 8, "whole")] == ["0", "1", "2", "3"]
