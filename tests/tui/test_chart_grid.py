"""A grid of charts: what the keys and the mouse do, and how charts share the room."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.tui.charted import RED, SIZES, Shown, falling, line, panels, run, seen
from tests.tui.conftest import text_of
from tui.charts.chart import Chart
from tui.charts.grid import ChartGrid
from tui.charts.layout import LEAST_HEIGHT, LEAST_WIDTH, layout, shares
from tui.charts.state import Charts
from tui.charts.view import Strokes, View
from tui.series import Line, smooth


@pytest.mark.parametrize(("size", "n_shown"), [((60, 16), 1), ((120, 40), 6), ((200, 60), 6)])
def test_there_are_as_many_charts_as_fit_and_pages_of_the_others(
    tmp_path: Path, size: tuple[int, int], n_shown: int
) -> None:
    async def test() -> None:
        app = Shown(tmp_path, panels(6))
        async with seen(app, size=size) as pilot:
            assert len(app.shown) == n_shown
            if n_shown < 6:
                await pilot.press("right_square_bracket")
                assert app.shown == ["id_accuracy"]
                await pilot.press("left_square_bracket", "left_square_bracket")
                assert app.shown == ["b_mse"]

    run(test())


def test_enter_gives_one_chart_all_the_room_and_escape_takes_it_back(tmp_path: Path) -> None:
    async def test() -> None:
        app = Shown(tmp_path, panels(4))
        async with seen(app, size=(120, 40)) as pilot:
            await pilot.press("down", "enter")
            assert app.shown == ["id_accuracy"]
            await pilot.press("escape")
            assert len(app.shown) == 4

    run(test())


def test_escape_goes_one_layer_out_at_a_time(tmp_path: Path) -> None:
    async def test() -> None:
        app = Shown(tmp_path, panels(2))
        async with seen(app, size=(120, 40)) as pilot:
            await pilot.press("plus", "c", "enter")
            grid = app.grid
            await pilot.press("escape")
            assert not grid.charts.full
            await pilot.press("escape")
            assert grid.charts.view.cursor is None
            await pilot.press("escape")
            assert grid.charts.view.window is None
            assert grid.check_action("leave", ()) is False

    run(test())


def test_x_goes_through_the_axes_that_there_are(tmp_path: Path) -> None:
    async def test() -> None:
        app = Shown(tmp_path, panels(1))
        async with seen(app, size=(80, 20)) as pilot:
            axes = []
            for _ in range(3):
                await pilot.press("x")
                axes.append(app.grid.charts.view.axis)
            assert axes == ["epoch", "time", "step"]
            await pilot.press("x", "x")
            assert "15h" in text_of(app)

    run(test())


def test_an_axis_without_places_is_passed_over() -> None:
    charts = Charts()
    whole = line(falling())
    nowhere = np.full(len(whole.steps), np.nan)
    charts.take({"loss": [Line("r", "l", RED, whole.steps, nowhere, whole.times, whole.values)]})
    charts.next_axis()
    assert charts.view.axis == "time"


def test_what_was_chosen_is_remembered(tmp_path: Path) -> None:
    async def test() -> None:
        app = Shown(tmp_path, panels(1))
        async with seen(app, size=(80, 20)) as pilot:
            await pilot.press("x", "l", "s", "s", "o")
        app.remembered.save()
        again = Shown(tmp_path, panels(1))
        async with seen(again, size=(80, 20)):
            assert again.grid.charts.view == View("epoch", False, True, 0.9, True)

    run(test())


def test_the_cursor_reads_the_same_place_in_all_charts(tmp_path: Path) -> None:
    async def test() -> None:
        what = {"val_loss": [line([3, 2, 1])], "lr": [line([0.3, 0.2, 0.1])]}
        app = Shown(tmp_path, what)
        async with seen(app, size=(120, 20)) as pilot:
            await pilot.press("c", "left")
            text = text_of(app)
            assert "step 20" in text
            assert "2.000" in text
            assert "0.2000" in text
            await pilot.press("home")
            assert app.grid.charts.view.cursor == 10
            await pilot.press("left", "end")
            assert app.grid.charts.view.cursor == 30
            await pilot.press("c")
            assert app.grid.charts.view.cursor is None

    run(test())


def test_zoom_and_pan_move_all_charts_and_stay_within_the_data(tmp_path: Path) -> None:
    async def test() -> None:
        app = Shown(tmp_path, panels(2))
        async with seen(app, size=(120, 40)) as pilot:
            charts = app.grid.charts
            await pilot.press("plus")
            low, high = charts.view.window or (0, 0)
            assert 0 < low < high < 1000
            await pilot.press(*["full_stop"] * 9)
            assert (charts.view.window or (0, 0))[1] == pytest.approx(1000)
            plots = [chart.plot for chart in app.query(Chart) if chart.plot]
            assert len({plot.across for plot in plots}) == 1
            await pilot.press(*["minus"] * 3)
            assert charts.view.window is None

    run(test())


def test_the_wheel_zooms_at_the_pointer_and_dragging_pans(tmp_path: Path) -> None:
    async def test() -> None:
        app = Shown(tmp_path, panels(1))
        async with seen(app, size=(100, 20)) as pilot:
            charts = app.grid.charts
            charts.zoom(1, 0.0)
            assert (charts.view.window or (9, 0))[0] == 0
            app.grid.draw()
            await pilot.mouse_down(ChartGrid, offset=(60, 8))
            await pilot.hover(ChartGrid, offset=(40, 8))
            await pilot.mouse_up(ChartGrid, offset=(40, 8))
            assert (charts.view.window or (0, 0))[0] > 100
            assert charts.view.cursor is None

    run(test())


def test_a_click_reads_a_value_and_a_second_one_shows_the_chart_alone(tmp_path: Path) -> None:
    async def test() -> None:
        app = Shown(tmp_path, panels(2))
        async with seen(app, size=(120, 20)) as pilot:
            await pilot.click(ChartGrid, offset=(30, 8))
            assert app.grid.charts.view.cursor is not None
            await pilot.double_click(ChartGrid, offset=(100, 8))
            assert app.shown == ["id_accuracy"]

    run(test())


def test_seeds_of_one_group_become_a_mean_with_a_band() -> None:
    lines = [line([n, n + 2], run=f"r{n}", group="lr=0.1") for n in range(3)]
    (stroke,) = Strokes().of("loss", lines, View())
    assert stroke.label == "lr=0.1 (mean of 3)"
    assert stroke.shown.ys.tolist() == [1, 3]
    assert stroke.band is not None
    assert stroke.band.high.ys.tolist() == [2, 4]


def test_the_values_of_a_group_are_those_before_smoothing() -> None:
    ys = [5.0, 1, 5, 5, 5]
    lines = [line(ys, run=f"r{n}", group="g") for n in range(2)]
    (stroke,) = Strokes().of("val_loss", lines, View(weight=0.9))
    assert stroke.best == 1
    assert stroke.raw.ys.tolist() == ys
    assert np.allclose(stroke.shown.ys, smooth(np.array(ys), 0.9))
    assert stroke.band is not None
    assert stroke.band.low.ys.tolist() == ys


def test_a_mean_is_told_only_where_all_its_seeds_have_values() -> None:
    lines = [line(range(10, 10 - n, -1), run=f"r{n}", group="g") for n in (8, 4, 3)]
    lines.append(line([], run="none", group="g"))
    (stroke,) = Strokes().of("val_loss", lines, View())
    assert (stroke.label, stroke.last, stroke.best) == ("g (mean of 3)", 8, 8)
    assert stroke.common == (10, 30)
    assert stroke.n_at(30) == 3
    assert stroke.n_at(40) == 2


def test_seeds_that_never_meet_have_no_last_and_no_best_value() -> None:
    late = line([1, 2], run="late", group="g")
    late = replace(late, steps=late.steps + 100)
    (stroke,) = Strokes().of("val_loss", [line([3, 4], group="g"), late], View())
    assert stroke.common is None
    assert np.isnan([stroke.last, stroke.best]).all()


@pytest.mark.parametrize("n_lines", [1, 2])
def test_a_log_axis_changes_no_values(n_lines: int) -> None:
    lines = [line([3, 1, -2, -5], run=f"r{n}", group="g") for n in range(n_lines)]
    linear, log = (
        Strokes().of("val_loss", lines, View(weight=0.6, log_y=is_log))[0]
        for is_log in (False, True)
    )
    assert (log.last, log.best) == (linear.last, linear.best) == (-5, -5)
    assert log.shown.ys.tolist() == linear.shown.ys.tolist()


def test_rows_on_a_log_axis_are_all_values() -> None:
    charts = Charts()
    charts.take({"loss": [line([3, -2, 1])]})
    charts.view = View(log_y=True)
    assert [row["y"] for row in charts.data()] == [3, -2, 1]


def test_the_cursor_keeps_a_place_on_a_log_axis() -> None:
    charts = Charts()
    start = line(range(1, 9))
    charts.take({"loss": [replace(start, steps=start.steps - 10)]})
    charts.put_cursor(charts.end(-1))
    assert charts.view.cursor == 0
    charts.switch_log_x()
    assert charts.view.cursor == 10
    charts.step(1, 80)
    assert charts.view.cursor == 20
    for _ in range(3):
        charts.step(-1, 80)
    assert charts.view.cursor == 10


def test_strokes_of_runs_that_are_not_shown_any_more_are_forgotten() -> None:
    charts = Charts()
    charts.take({"loss": [line(falling(), run=f"r{n}", group=f"g{n // 2}") for n in range(8)]})
    charts.strokes("loss")
    charts.take({"loss": [line(falling(), run="r0", group="g0")]})
    assert list(charts._strokes._known) == [("loss", "r0", "l")]
    assert not charts._strokes._means


def test_strokes_are_made_anew_only_for_a_line_that_has_grown() -> None:
    strokes, one, other = Strokes(), line(falling()), line(falling(), run="s")
    first = strokes.of("loss", [one, other], View(weight=0.9))
    grown = line(falling(101), run="s")
    second = strokes.of("loss", [one, grown], View(weight=0.9))
    assert second[0] is first[0]
    assert second[1] is not first[1]


def test_charts_on_other_pages_cost_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        app = Shown(tmp_path, panels(6))
        async with seen(app, size=(60, 16)):
            assert len(app.query(Chart)) == 1
            assert {key[0] for key in app.grid.charts._strokes._known} == {"val_loss"}

    run(test())


def test_what_is_seen_can_be_had_as_rows() -> None:
    charts = Charts()
    charts.take({"loss": [line([3, 2, 1], run="/a", label="x")]})
    charts.view = View(weight=0.6, window=(15, 40))
    rows = charts.data()
    assert [(row["x"], row["y"]) for row in rows] == [(20, 2), (30, 1)]
    assert rows[0] | {"smoothed": 0} == {
        "panel": "loss", "run": "/a", "label": "x", "x": 20, "y": 2, "smoothed": 0,
    }  # fmt: skip


@pytest.mark.parametrize("n_charts", [1, 2, 3, 4, 6, 9, 30])
@pytest.mark.parametrize("size", [(20, 5), *SIZES, (300, 100)])
def test_a_chart_is_never_too_small_where_there_is_room(
    n_charts: int, size: tuple[int, int]
) -> None:
    found = layout(n_charts, *size)
    assert size[0] // found.columns >= min(LEAST_WIDTH, size[0])
    assert size[1] // found.lines >= min(LEAST_HEIGHT, size[1])
    assert found.pages(n_charts) * found.slots >= n_charts


def test_lines_are_shared_to_the_last() -> None:
    assert shares(38, 3) == [13, 13, 12]


def test_the_axis_of_a_growing_run_lasts_for_some_seconds() -> None:
    now = [0.0]
    charts = Charts(clock=lambda: now[0])
    axes = []
    for length in range(100, 400):
        now[0] += 0.1
        charts.take({"loss": [line(falling(length))]})
        axes.append(charts.whole)
    assert len(set(axes)) <= 7


def test_a_band_that_reaches_below_zero_is_drawn_to_the_end_of_a_logarithmic_axis(
    tmp_path: Path,
) -> None:
    seeds = [line([1.0, level, 0.5], run=str(level), group="g") for level in (0.001, 5.0)]
    app = Shown(tmp_path, {"loss": seeds})

    async def test() -> None:
        async with seen(app, (60, 16)) as pilot:
            await pilot.press("l")
            await pilot.pause()
            (chart,) = app.query(Chart)
            assert chart.plot is not None
            assert chart.plot.up is not None
            assert chart.plot.up.log
            band = chart.plot.strokes[0].band
            assert band is not None
            assert band.low.ys.min() < 0
            lines = [chart.render_line(y).text for y in range(chart.size.height)]
            assert any("⣿" in text or "⠉" in text or "⡄" in text for text in lines)

    run(test())
