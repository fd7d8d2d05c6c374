"""Scatter plots: what may stand on the axes, the points, and their rank correlation."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.library.summary import RunSummary
from tests.tui.compared import compared
from tui.compare.comparison import Comparison, Entry, entries_of
from tui.compare.points import Point, Points, points_of, rank_correlation, x_choices, y_choices
from tui.compare.scatter_plot import ScatterInks, ScatterPlot
from tui.widgets.painted import NO_STYLE

NUMBERS = st.floats(-1e6, 1e6)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=40)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[RunSummary]:
    return compared(tmp_path_factory.mktemp("points"))


def entries(runs: list[RunSummary], seeds: bool = False) -> Comparison:
    return entries_of(runs, {run.path: "#0000ff" for run in runs}, seeds=seeds)


def test_differing_settings_may_stand_below_and_numbers_upwards(runs: list[RunSummary]) -> None:
    comparison = entries(runs)
    assert x_choices(comparison)[:2] == ["encoder", "latent_space"]
    assert "val_loss" in x_choices(comparison)
    assert y_choices(comparison)[:2] == ["val_loss", "val_loss.last"]
    assert "encoder" not in y_choices(comparison)


def test_every_choice_has_points(runs: list[RunSummary]) -> None:
    comparison = entries(runs)
    for x in x_choices(comparison):
        for y in y_choices(comparison)[:3]:
            assert points_of(comparison, x, y).points


def test_numbers_stand_at_their_size(runs: list[RunSummary]) -> None:
    points = points_of(entries(runs), "lr", "val_loss")
    assert not points.categories
    assert {point.x for point in points.points} == {0.001, 0.0003}


def test_other_values_stand_side_by_side(runs: list[RunSummary]) -> None:
    points = points_of(entries(runs), "encoder", "val_loss")
    assert points.categories == ("mlp", "transformer")
    assert {point.x for point in points.points} == {0.0, 1.0}
    assert points.rank_correlation is None


def test_a_run_without_a_value_is_counted_as_missing(runs: list[RunSummary]) -> None:
    points = points_of(entries(runs), "codebook_size", "val_loss")
    assert (len(points.points), points.n_missing) == (4, 4)


def test_a_key_of_hidden_runs_alone_leaves_no_points(runs: list[RunSummary]) -> None:
    linear = [run for run in runs if run.latent_space == "linear"]
    points = points_of(entries(linear), "codebook_size", "val_loss", among=runs)
    assert not points.points


def test_seeds_are_one_point_with_their_mean(runs: list[RunSummary]) -> None:
    points = points_of(entries(runs, seeds=True), "lr", "val_loss")
    assert len(points.points) == 4
    assert "±" in points.points[0].told_y


def test_three_points_have_no_rank_correlation(runs: list[RunSummary]) -> None:
    assert points_of(entries(runs[:3]), "seed", "val_loss").rank_correlation is None
    assert points_of(entries(runs[:4]), "seed", "val_loss").rank_correlation is not None


def test_a_rising_order_has_the_correlation_one() -> None:
    assert rank_correlation([1, 2, 3, 4], [10, 100, 1000, 10000]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)


def test_equal_values_share_their_mean_rank() -> None:
    # By hand: ranks 1.5 1.5 3 4 and 1 2 3 4.
    assert rank_correlation([5, 5, 6, 7], [1, 2, 3, 4]) == pytest.approx(4.5 / math.sqrt(4.5 * 5))


def test_a_constant_has_no_correlation() -> None:
    assert rank_correlation([1, 1, 1, 1], [1, 2, 3, 4]) is None


@given(PAIRS)
def test_the_correlation_is_symmetric_and_within_one(pairs: list[tuple[float, float]]) -> None:
    xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
    found = rank_correlation(xs, ys)
    assert found == rank_correlation(ys, xs) or found == pytest.approx(rank_correlation(ys, xs))
    assert found is None or abs(found) <= 1 + 1e-9


@given(PAIRS)
def test_only_the_order_of_values_counts(pairs: list[tuple[float, float]]) -> None:
    xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
    order = {x: float(n) ** 3 for n, x in enumerate(sorted(set(xs)))}
    found, other = rank_correlation(xs, ys), rank_correlation([order[x] for x in xs], ys)
    assert found == other or found == pytest.approx(other)


EXTREMES = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(EXTREMES, min_size=1, max_size=8), st.booleans())
@example([1.7e308, 1.7e308, 1.7e308], True)
@example([-1.7e308, 1.7e308], False)
def test_numbers_of_any_size_can_be_drawn(values: list[float], is_by_category: bool) -> None:
    entry = Entry((RunSummary("/r", "r"),), "r", "r", ("r",), "#0000ff", "o")
    xs = [float(n % 2) if is_by_category else y for n, y in enumerate(values)]
    found = tuple(Point(entry, x, y, "", "") for x, y in zip(xs, values, strict=True))
    points = Points("x", "y", found, ("a", "b") if is_by_category else ())
    inks = ScatterInks(NO_STYLE, NO_STYLE, NO_STYLE, False, "…")
    lines = ScatterPlot(points, found, None, False, False, inks).lines(60, 20)
    assert len(lines) == 20
