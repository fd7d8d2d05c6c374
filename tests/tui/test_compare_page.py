"""Comparing runs in the app."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.bench.tree import make_run
from tests.conftest import long_form
from tests.tui import compared
from tests.tui.conftest import lines_of, text_of, wait_for
from tui.compare.curves_pane import RunCharts
from tui.compare.legend import RunLegend
from tui.compare.winners_table import WinnersTable
from tui.look import Look
from tui.screens.compare import ComparePage

SIZES = [(20, 5), (60, 16), (120, 40), (300, 100)]

Opened = Callable[..., Any]


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight runs: two encoders, two latent spaces, two seeds."""
    folder = tmp_path_factory.mktemp("compare")
    compared.make_compared(folder)
    return folder


@pytest.fixture
def comparing(tmp_path: Path) -> Opened:
    """Opens the comparison of the runs below a root."""
    return functools.partial(compared.comparing, folder=tmp_path)


def lines_drawn(page: ComparePage) -> list[Any]:
    return list(page.query_one(RunCharts).charts.panels["val_loss"])


@pytest.mark.parametrize("size", [SIZES[0], *long_form(*((size,) for size in SIZES[1:]))])
def test_every_part_is_drawn_at_every_size(
    root: Path, comparing: Opened, size: tuple[int, int]
) -> None:
    async def test() -> None:
        async with comparing(root, size) as (pilot, page):
            for key in "1234":
                await pilot.press(key, "down", "b")
                assert page.tab == int(key) - 1
                assert len(lines_of(pilot.app)) == size[1]

    run(test())


def test_the_curves_have_the_validation_loss_first_and_a_line_for_each_run(
    root: Path, comparing: Opened
) -> None:
    async def test() -> None:
        async with comparing(root, numbers=[]) as (_, page):
            panels = page.query_one(RunCharts).charts.panels
            assert list(panels)[:2] == ["val_loss", "train_loss"]
            assert "throughput" not in panels
            assert len({line.label for line in panels["val_loss"]}) == 8

    run(test())


def test_the_legend_lists_the_runs_by_what_tells_them_apart(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        async with comparing(root) as (pilot, _):
            text = text_of(pilot.app)
            assert "Compare 8 runs" in text
            assert "encoder" in text
            assert "run_2025" not in text

    run(test())


def test_the_highlighted_run_is_on_top_and_the_others_fade(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        async with comparing(root) as (pilot, page):
            await pilot.press("down", "down")
            assert page.picked is page.entries[1]
            lines = lines_drawn(page)
            assert lines[-1].run == page.entries[1].path
            assert lines[-1].colour == page.entries[1].colour
            assert lines[0].colour != page.entries[0].colour
            await pilot.press("escape")
            assert page.picked is None
            assert lines_drawn(page)[0].colour == page.entries[0].colour
            await pilot.press("up")
            assert page.picked is page.entries[-1]
            await pilot.press("down")
            assert page.picked is page.entries[0]

    run(test())


def test_a_hidden_run_leaves_the_picture_and_comes_back(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        async with comparing(root) as (pilot, page):
            await pilot.press("down", "space")
            assert len(lines_drawn(page)) == 7
            assert "1 of 8 hidden" in text_of(pilot.app)
            await pilot.press("space")
            assert len(lines_drawn(page)) == 8

    run(test())


def test_a_removed_run_leaves_the_comparison_until_it_is_brought_back(
    root: Path, comparing: Opened
) -> None:
    async def test() -> None:
        async with comparing(root) as (pilot, page):
            await pilot.press("down", "d")
            assert len(page.entries) == 7
            assert page.picked is page.entries[0]
            await pilot.press("d", "d", "d", "d", "d", "d", "d")
            assert "All runs are removed" in text_of(pilot.app)
            await pilot.press("u")
            assert len(page.entries) == 8

    run(test())


def test_a_key_for_a_run_asks_for_one(
    root: Path, comparing: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with comparing(root) as (pilot, page):
            told: list[str] = []
            monkeypatch.setattr(pilot.app, "notify", lambda text, **_: told.append(text))
            await pilot.press("d")
            assert told == ["choose a run first, with up and down"]
            assert len(page.entries) == 8

    run(test())


def test_runs_keep_their_colours_when_others_go(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        async with comparing(root) as (pilot, page):
            before = {entry.path: entry.colour for entry in page.entries}
            await pilot.press("down", "d")
            assert all(before[entry.path] == entry.colour for entry in page.entries)
            assert len(set(before.values())) == 8

    run(test())


def test_seeds_are_folded_into_one_line_with_a_band(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        async with comparing(root, (160, 40)) as (pilot, page):
            await pilot.press("b")
            assert len(page.entries) == 4
            assert len({line.group for line in lines_drawn(page)}) == 4
            assert "in 4 settings" in text_of(pilot.app)
            assert "±" in text_of(pilot.app)
            await pilot.press("b")
            assert len(page.entries) == 8

    run(test())


def test_the_numbers_that_are_shown_can_be_chosen(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        async with comparing(root) as (pilot, page):
            await pilot.press("m")
            await wait_for(pilot, lambda: "Numbers to show" in text_of(pilot.app))
            await pilot.press("space", "down", "space", "enter")
            await wait_for(pilot, lambda: pilot.app.screen is page)
            charts = page.query_one(RunCharts).charts
            await wait_for(pilot, lambda: list(charts.panels) == ["train_loss"])
            assert page.thesis.remembered.texts("compare.numbers") == ["train_loss"]

    run(test())


def test_the_open_part_is_remembered(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        async with comparing(root, tab=2) as (pilot, page):
            await pilot.press("tab", "tab")
            assert page.tab == 3
            await pilot.press("shift+tab")
            assert page.tab == 2
            assert page.thesis.remembered.number("compare.tab") == 2

    run(test())


def test_one_run_has_no_differences_but_curves(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        paths = [str(next((root / "runs").iterdir()))]
        async with comparing(root, paths=paths) as (pilot, page):
            assert len(lines_drawn(page)) == 1
            await pilot.press("2")
            said = "A single run differs from nothing"
            await wait_for(pilot, lambda: said in text_of(pilot.app))
            await pilot.press("escape")
            assert pilot.app.screen is not page

    run(test())


def test_runs_without_numbers_say_so(tmp_path: Path, comparing: Opened) -> None:
    make_run(tmp_path / "root" / "runs" / "run_a", epochs=0, planned=3, end=None)

    async def test() -> None:
        async with comparing(tmp_path / "root") as (pilot, _):
            for key in "134":
                await pilot.press(key)
                assert "No run has numbers yet" in text_of(pilot.app)

    run(test())


def test_a_run_that_grows_is_drawn_on(tmp_path: Path, comparing: Opened) -> None:
    path = compared.make_compared(tmp_path / "root", ["mlp"], ["vq"], seeds=1, end=None)[0]
    events = path / "facts" / "events.jsonl"
    last = json.loads(events.read_text().splitlines()[-1])

    async def test() -> None:
        async with comparing(tmp_path / "root") as (pilot, page):
            before = len(lines_drawn(page)[0].values)
            last["epoch"], last["step"] = last["epoch"] + 1, last["step"] + 100
            with events.open("a") as file:
                file.write(json.dumps(last) + "\n")
            page.thesis.curves.hurry()
            await wait_for(pilot, lambda: len(lines_drawn(page)[0].values) > before)
            assert lines_drawn(page)[0].values[-1] == last["val_loss"]

    run(test())


def test_plain_characters_are_enough(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        look = Look(ascii=True, colour=False, moving=False)
        async with comparing(root, look=look) as (pilot, page):
            for key in "1234":
                await pilot.press(key, "down", "right")
                await pilot.pause()
                body = "\n".join(lines_of(pilot.app)[:-1])
                assert body.isascii(), [c for c in body if not c.isascii()]
            assert len({entry.sign for entry in page.entries}) == 8

    run(test())


def test_another_theme_brings_other_colours(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        async with comparing(root) as (pilot, page):
            before = {entry.colour for entry in page.entries}
            pilot.app.theme = "textual-light"
            await wait_for(pilot, lambda: {e.colour for e in page.entries}.isdisjoint(before))
            assert len({entry.colour for entry in page.entries}) == 8

    run(test())


def test_nothing_is_sent_when_nothing_changed(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        async with comparing(root) as (pilot, page):
            legend = page.query_one(RunLegend)
            before = list(legend._lines)
            page.runs_changed()
            await pilot.pause()
            assert all(one is other for one, other in zip(legend._lines, before, strict=True))

    run(test())


def test_the_mouse_opens_parts_and_picks_runs(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        async with comparing(root) as (pilot, page):
            await pilot.click("RunLegend", offset=(4, 3))
            await wait_for(pilot, lambda: page.picked is page.entries[2])
            at = lines_of(pilot.app)[0].index("3 Values")
            await pilot.click("TabLine", offset=(at, 0))
            await wait_for(pilot, lambda: page.tab == 2)
            await wait_for(pilot, lambda: page.query(WinnersTable))
            table = page.query_one(WinnersTable)
            await wait_for(pilot, lambda: table.size.height)
            await pilot.click("WinnersTable", offset=(60, 4))
            await wait_for(pilot, lambda: table.row == 2)
            assert table.column > 0

    run(test())
