"""Charts: what they show of any values, and how little is sent when they grow."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from textual.geometry import Region

from tests.tui.charted import BLUE, SIZES, Shown, falling, line, panels, run, seen
from tests.tui.conftest import lines_of, text_of
from tui.charts.chart import Chart
from tui.charts.title import shown_value
from tui.charts.view import View
from tui.look import Look

DOTS = range(0x2801, 0x2900)


@pytest.mark.parametrize(
    ("size", "look"),
    [(size, Look()) for size in [(1, 1), (20, 5), *SIZES, (300, 100)]]
    + [((60, 16), Look(ascii=True)), ((60, 16), Look(colour=False))],
)
def test_charts_can_be_drawn_at_every_size(
    tmp_path: Path, size: tuple[int, int], look: Look
) -> None:
    async def test() -> None:
        what = panels(4) | {"two": [line(falling()), line(falling(seed=1), run="s", label="m")]}
        app = Shown(tmp_path, what, look)
        async with seen(app, size=size) as pilot:
            await pilot.press("s", "c", "left", "enter", "plus", "l")
            assert len(lines_of(app)) == size[1]
            assert look.ascii <= text_of(app).isascii()

    run(test())


@pytest.mark.parametrize(
    "values",
    [[], [1], [math.nan] * 3, [2] * 50, [-1e308, 1e308, 5e-324], [0, 0, 0], [1e-310, 1e-320],
     [1, math.nan, 3], [math.inf, 1, -math.inf]],
)  # fmt: skip
@pytest.mark.parametrize("view", [View(), View(log_x=True, log_y=True, weight=0.9, trim=True)])
def test_any_values_can_be_drawn(tmp_path: Path, values: list[float], view: View) -> None:
    async def test() -> None:
        app = Shown(tmp_path, {"loss": [line(values)]})
        async with seen(app, size=(60, 16)) as pilot:
            app.grid.charts.view = view
            app.grid.draw()
            await pilot.pause()
            assert "loss" in text_of(app)

    run(test())


def test_a_chart_without_values_says_so_calmly(tmp_path: Path) -> None:
    async def test() -> None:
        app = Shown(tmp_path, {"loss": [], "other": [line([math.nan])]})
        async with seen(app, size=(80, 20)):
            assert text_of(app).count("no values yet") == 2

    run(test())


@pytest.mark.parametrize(
    ("view", "told"),
    [
        (View(log_y=True), "no values above 0"),
        (View(window=(500, 900)), "no values in this part"),
        (View(window=(500, 900), log_y=True), "no values in this part"),
    ],
)
def test_a_chart_with_values_that_are_not_seen_says_why(
    tmp_path: Path, view: View, told: str
) -> None:
    async def test() -> None:
        app = Shown(tmp_path, {"loss": [line([-1, -2, -3])]})
        async with seen(app, size=(80, 20)) as pilot:
            app.grid.charts.view = view
            app.grid.draw()
            await pilot.pause()
            assert told in text_of(app)
            assert "yet" not in text_of(app)

    run(test())


def test_the_title_tells_the_last_and_the_best_value(tmp_path: Path) -> None:
    async def test() -> None:
        app = Shown(tmp_path, {"val_loss": [line([0.5, 0.25, 0.3])]})
        async with seen(app, size=(80, 20)):
            assert "0.3000  best 0.2500" in lines_of(app)[0]

    run(test())


def test_values_with_wide_names_end_where_the_chart_does(tmp_path: Path) -> None:
    async def test() -> None:
        lines = [line([0.5, 0.25], run=name, label=f"模型{name}") for name in "甲乙"]
        app = Shown(tmp_path, {"val_loss": lines})
        async with seen(app, size=(80, 20)):
            title = lines_of(app)[0]
            assert title.count("0.2500") == 4
            assert "模型乙" in title

    run(test())


def test_no_value_is_read_where_a_run_has_none(tmp_path: Path) -> None:
    async def test() -> None:
        what = {"x": [line([1, 2], run="a", label="A"), line(range(50), run="b", label="B")]}
        app = Shown(tmp_path, what)
        async with seen(app, size=(80, 20)) as pilot:
            await pilot.press("c")
            assert "A -  ● B 49.00" in lines_of(app)[0]

    run(test())


def test_a_mean_at_the_cursor_says_of_how_many_seeds_it_is(tmp_path: Path) -> None:
    async def test() -> None:
        lines = [line([4.0] * n, run=f"r{n}", group="g") for n in (5, 9)]
        app = Shown(tmp_path, {"x": lines})
        async with seen(app, size=(80, 20)) as pilot:
            await pilot.press("c")
            assert "4.000 of 1" in lines_of(app)[0]
            await pilot.press("home")
            assert "of 1" not in lines_of(app)[0]

    run(test())


def test_a_mean_is_dim_where_a_seed_has_no_values(tmp_path: Path) -> None:
    async def test() -> None:
        lines = [line([4.0] * n, run=f"r{n}", group="g") for n in (50, 100)]
        app = Shown(tmp_path, {"x": lines})
        async with seen(app, size=(80, 20)):
            chart = app.query_one(Chart)
            strips = [chart.render_line(y) for y in range(1, 16)]
            dots = [p for strip in strips for p in strip if set(p.text) & set(map(chr, DOTS))]
            assert len({part.style.color for part in dots if part.style}) == 2

    run(test())


def test_runs_are_named_below_the_charts_and_told_apart_without_colours(tmp_path: Path) -> None:
    async def test() -> None:
        what = {"loss": [line(falling(), run="a", label="lr=1"), line(falling(seed=1), run="b",
                label="lr=2", colour=BLUE)]}  # fmt: skip
        app = Shown(tmp_path, what, Look(colour=False))
        async with seen(app, size=(60, 16)):
            assert "● lr=1  ■ lr=2" in lines_of(app)[-1]
            assert {"●", "■"} <= set("".join(lines_of(app)[1:12]))

    run(test())


def test_a_restart_is_marked(tmp_path: Path) -> None:
    async def test() -> None:
        app = Shown(tmp_path, panels(1))
        async with seen(app, size=(60, 16)):
            assert text_of(app).count("┊") > 5

    run(test())


def test_hostile_names_are_drawn_without_their_escapes(tmp_path: Path) -> None:
    async def test() -> None:
        label = "\x1b[31mred\u202e[b]日本"
        app = Shown(tmp_path, {"lo\x1b[2Jss": [line([1, 2], label=label), line([2, 3], run="b")]})
        async with seen(app, size=(100, 16)):
            text = text_of(app)
            assert "\x1b" not in text
            assert "loss" in text
            assert "[b]日本" in text

    run(test())


def test_nothing_is_refreshed_when_nothing_changes(tmp_path: Path) -> None:
    async def test() -> None:
        app = Shown(tmp_path, panels(4))
        async with seen(app, size=(120, 40)) as pilot:
            await pilot.pause()
            assert refreshed(app) == []

    run(test())


def test_a_point_more_changes_few_cells(tmp_path: Path) -> None:
    async def test() -> None:
        app = Shown(tmp_path, panels(4, 100))
        async with seen(app, size=(120, 40)) as pilot:
            app.what = panels(4, 101)  # the axis goes ahead
            refreshed(app)
            await pilot.pause()
            app.what = panels(4, 102)
            cells = sum(region.area for region in refreshed(app))
            assert 0 < cells < 150

    run(test())


def refreshed(app: Shown) -> list[Region]:
    """The regions of all charts that are refreshed by drawing again."""
    regions: list[Region] = []
    for chart in app.query(Chart):
        chart.refresh = lambda *parts, **_: regions.extend(parts)  # type: ignore[method-assign]
    app.grid.charts.take(app.what)
    app.grid.draw()
    for chart in app.query(Chart):
        del chart.refresh
    return regions


def test_new_data_are_drawn_at_most_twice_a_second(tmp_path: Path) -> None:
    async def test() -> None:
        app = Shown(tmp_path, panels(1))
        async with seen(app, size=(60, 16)):
            before = app.query_one(Chart).plot
            for length in range(101, 120):
                app.grid.show(panels(1, length))
            assert app.query_one(Chart).plot is before

    run(test())


def test_another_theme_changes_the_colours(tmp_path: Path) -> None:
    async def test() -> None:
        app = Shown(tmp_path, panels(1))
        async with seen(app, size=(60, 16)) as pilot:
            grounds = []
            for theme in ("textual-dark", "textual-light"):
                app.theme = theme
                await pilot.pause()
                strip = app.query_one(Chart).render_line(3)
                grounds.append({s.style.bgcolor for s in strip if s.style})
            assert grounds[0] != grounds[1]

    run(test())


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1234, "0.1234"), (12_345, "12.35k"), (2.5e6, "2.500M"), (1e-5, "1.000e-5"),
     (0, "0"), (math.nan, "-"), (1234.5, "1234")],
)  # fmt: skip
def test_values_are_shown_with_four_digits(value: float, text: str) -> None:
    assert shown_value(value) == text
