"""Curves as arrays: smoothing, gaps, alignment, and the values at a place."""

from __future__ import annotations

import math
from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.facts.series import Series
from engine.facts.thin import smooth as smooth_slowly
from tui.series import (
    AXES,
    Curve,
    Line,
    curve_of,
    difference,
    mean_and_band,
    nearest,
    positive,
    smooth,
    trimmed,
)

NAN = math.nan
WEIGHTS = st.sampled_from([0.0, 0.3, 0.6, 0.9, 0.99, 0.999])
VALUES = st.lists(st.floats(-1e6, 1e6) | st.just(NAN), max_size=300)


def curve(xs: list[float], ys: list[float]) -> Curve:
    return curve_of(np.array(xs, dtype=float), np.array(ys, dtype=float))


@given(VALUES, WEIGHTS)
def test_smoothing_gives_the_numbers_of_the_facts(values: list[float], weight: float) -> None:
    found = smooth(np.array(values, dtype=float), weight)
    wanted = np.array(smooth_slowly(values, weight))
    assert np.allclose(found, wanted, rtol=1e-9, atol=1e-3 * 1e-6, equal_nan=True)


@pytest.mark.parametrize("length", [1, 63, 64, 65, 4096, 4097, 5000])
@pytest.mark.parametrize("weight", [0.6, 0.99])
def test_smoothing_is_the_same_at_every_length(length: int, weight: float) -> None:
    values = np.random.default_rng(length).normal(size=length)
    wanted = np.array(smooth_slowly(values, weight))
    assert np.abs(smooth(values, weight) - wanted).max() < 1e-9


def test_smoothing_keeps_within_the_values_however_large_they_are() -> None:
    found = smooth(np.array([1e308, 1e308, -1e308, 5e-324]), 0.9)
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= 1e308


def test_smoothing_refuses_a_weight_that_is_none() -> None:
    with pytest.raises(ConfigError):
        smooth(np.ones(3), 1.0)


def test_a_line_can_be_made_of_a_series_without_any_points() -> None:
    empty = Series(array("d"), array("d"), array("d"), array("d"))
    line = Line.of(empty, run="r", label="l", colour="#ffffff")
    assert [len(line.over(axis)) for axis in AXES] == [0, 0, 0]


def test_a_line_shares_the_memory_of_its_series() -> None:
    values = array("d", [1.0, 2.0])
    line = Line.of(Series(values, values, values, values), run="r", label="l", colour="#ffffff")
    assert np.shares_memory(line.values, np.frombuffer(values))


def test_what_has_no_value_is_a_gap() -> None:
    found = curve([0, 1, 2, 3], [5, NAN, 7, 8])
    assert found.ys.tolist() == [5, 7, 8]
    assert found.gaps.tolist() == [1]


def test_a_number_that_is_written_at_every_fifth_step_has_no_gaps() -> None:
    ys = [float(n) if n % 5 == 0 else NAN for n in range(50)]
    assert curve(list(range(50)), ys).gaps.tolist() == []


def test_points_are_put_in_order() -> None:
    assert curve([2, 0, 1], [3, 1, 2]).ys.tolist() == [1, 2, 3]


def test_values_that_are_not_positive_become_gaps_on_a_log_axis() -> None:
    found = positive(curve([0, 1, 2, 3, 4], [1, 2, 0, -1, 3]))
    assert found.ys.tolist() == [1, 2, 3]
    assert found.gaps.tolist() == [2]


def test_a_gap_stays_where_it_was_when_values_are_left_out() -> None:
    found = positive(curve([0, 1, 2, 3, 4], [-1, 1, NAN, 3, 4]))
    assert found.gaps.tolist() == [1]


def test_outliers_are_outside_of_the_trimmed_range() -> None:
    values = np.concatenate([np.linspace(1, 2, 1000), [1e9, -1e9]])
    low, high = trimmed(values) or (0, 0)
    assert 0.9 < low < high < 2.1


def test_nothing_is_trimmed_of_no_values() -> None:
    assert trimmed(np.array([NAN])) is None


def test_the_band_is_a_standard_deviation_around_the_mean() -> None:
    band = mean_and_band([curve([0, 1], [1, 2]), curve([0, 1], [3, 4])])
    assert band.mean.ys.tolist() == [2, 3]
    assert band.high.ys == pytest.approx([2 + math.sqrt(2), 3 + math.sqrt(2)])


def test_curves_with_other_places_are_averaged_on_straight_lines_between_them() -> None:
    band = mean_and_band([curve([0, 2], [0, 2]), curve([0, 1, 2], [1, 2, 3])])
    assert band.mean.xs.tolist() == [0, 1, 2]
    assert band.mean.ys == pytest.approx([0.5, 1.5, 2.5])


def test_a_curve_that_ended_early_leaves_the_mean_to_the_others() -> None:
    band = mean_and_band([curve([0, 1], [0, 0]), curve([0, 1, 2], [2, 2, 2])])
    assert band.mean.ys.tolist() == [1, 1, 2]
    assert band.low.ys[2] == 2
    assert band.counts.tolist() == [2, 2, 1]


def test_the_band_of_huge_values_is_finite() -> None:
    band = mean_and_band([curve([0], [1e308]), curve([0], [-1e308])])
    assert all(np.isfinite(part.ys).all() for part in band[:3])


def test_the_nearest_value_is_read_off() -> None:
    found = curve([0, 10, 20], [1, 2, 3])
    assert [nearest(found, x) for x in (0, 4, 6, 20)] == [(0, 1), (0, 1), (10, 2), (20, 3)]
    assert nearest(curve([], []), 1) is None


def test_a_value_stands_for_half_the_way_to_the_next_one_where_there_is_none() -> None:
    found = curve([0, 10, 20], [1, 2, 3])
    assert [nearest(found, x) for x in (-6, -5, 25, 26)] == [None, (0, 1), (20, 3), None]
    assert nearest(curve([3], [1]), 3) == (3, 1)
    assert nearest(curve([3], [1]), 4) is None


def test_nothing_is_read_off_within_a_gap() -> None:
    ys = [1.0, 2, NAN, NAN, NAN, NAN, 3, NAN, NAN, 4, 5, 6, 7, 8]
    found = curve(list(range(14)), ys)
    assert [nearest(found, x) for x in (1.4, 3.5, 5.9)] == [(1, 2), None, None]
    assert [nearest(found, x) for x in (6, 6.2, 8.4, 8.6)] == [(6, 3), None, None, (9, 4)]


def test_the_difference_is_taken_where_both_curves_are() -> None:
    found = difference(curve([0, 1, 2], [5, 6, 7]), curve([0, 1], [1, 3]))
    assert found.ys.tolist() == [4, 3]
