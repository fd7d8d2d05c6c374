"""The tables and the scatter plot of compared runs, and what is written to files."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from engine.library.summary import RunSummary
from engine.tables.measures import has_best
from tests.tui import compared
from tests.tui.conftest import check_snapshot, lines_of, text_of, wait_for
from tui.compare.comparison import differences, entries_of
from tui.compare.difference_table import DifferenceTable
from tui.compare.scatter import Scatter
from tui.compare.winners_table import WinnersTable

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


@pytest.mark.parametrize("size", [(60, 16), (120, 40), (200, 60)])
def test_tables_and_points_look_as_before(
    root: Path, comparing: Opened, size: tuple[int, int]
) -> None:
    async def test() -> None:
        async with comparing(root, size, tab=2) as (pilot, page):
            for key, name in {"2": "differences", "3": "values", "4": "scatter"}.items():
                await pilot.press(key)
                await wait_for(pilot, lambda: page.pane.main.size.height)
                await pilot.press("right")
                await pilot.pause()
                check_snapshot(pilot.app, f"compare-{name}-{size[0]}x{size[1]}")

    run(test())


def test_differences_show_what_differs_and_nothing_else(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        async with comparing(root, tab=2) as (pilot, _):
            text = text_of(pilot.app)
            assert "transformer" in text
            assert "codebook_size" in text
            assert "batch_size" not in text

    run(test())


def test_differences_can_be_searched(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        async with comparing(root, tab=2) as (pilot, page):
            await pilot.press("slash", *"lr")
            table = page.query_one(DifferenceTable)
            assert [row.name for row in table.rows] == ["lr"]
            await pilot.press("enter")
            assert table.has_focus
            assert len(table.rows) == 1
            await pilot.press("escape")
            assert len(table.rows) > 1
            assert pilot.app.screen is page

    run(test())


def test_a_wide_table_scrolls_both_ways(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        async with comparing(root, (40, 8), tab=2) as (pilot, page):
            await pilot.press("ctrl+end", "end")
            table = page.query_one(DifferenceTable)
            assert (table.row, table.column) == (len(table.rows) - 1, 7)
            assert "● 8" in text_of(pilot.app) or "8" in lines_of(pilot.app)[1]
            assert table.rows[-1].name in text_of(pilot.app)
            await pilot.press("ctrl+home", "home")
            assert (table.row, table.column) == (0, 0)

    run(test())


def test_the_cursor_stays_on_its_run_when_the_order_changes(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        async with comparing(root, tab=3) as (pilot, page):
            table = page.query_one(WinnersTable)
            entry = page.entries[2]
            await pilot.press("down", "down", "s")
            assert table.order[0] != 0
            assert page.pane.entry == entry
            await pilot.press("s")
            assert page.pane.entry == entry
            page._removed |= {page.entries[0].path}
            page.runs_changed()
            assert page.pane.entry.path == entry.path

    run(test())


def test_the_cursor_stays_on_the_column_of_its_run(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        async with comparing(root, tab=2) as (pilot, page):
            await pilot.press("right", "right", "right")
            path = page.entries[3].path
            page._removed |= {page.entries[0].path, page.entries[5].path}
            page.runs_changed()
            assert page.pane.entry.path == path

    run(test())


def test_runs_of_one_name_have_a_column_each_in_a_file() -> None:
    runs = [
        RunSummary(f"/{name}/run", "run", config={"lr": number})
        for number, name in enumerate("abc")
    ]
    table = DifferenceTable()
    table._comparison = entries_of(runs, {run.path: "#000000" for run in runs})
    table._rows = differences(table._comparison)
    assert table.export() == [{"key": "lr", "/a/run": "0", "/b/run": "1", "/c/run": "2"}]


def test_the_winner_has_a_sign_and_rows_can_be_sorted(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        async with comparing(root, tab=3) as (pilot, page):
            await pilot.press("s")
            table = page.query_one(WinnersTable)
            best = page.entries[table.order[0]]
            assert "transformer" in best.label
            row = next(line for line in lines_of(pilot.app) if "transformer" in line)
            assert "★" in row
            await pilot.press("s")
            assert table.order[-1] == page.entries.index(best)
            await pilot.press("s")
            assert table.order == list(range(8))

    run(test())


def test_numbers_without_a_best_have_their_last_value_only(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        async with comparing(root, tab=3) as (_, page):
            source = page.query_one(WinnersTable).source
            assert source is not None
            heads = [
                (source.group(n).split()[0], source.head(n).text) for n in range(source.n_columns)
            ]
            assert ("lr", "last") in heads
            assert all(has_best(name) for name, part in heads if part == "best")

    run(test())


def test_enter_on_a_value_opens_its_run(
    root: Path, comparing: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with comparing(root) as (pilot, page):
            opened: list[str] = []
            monkeypatch.setattr(page.thesis, "open_run", opened.append)
            await pilot.press("3", "down", "enter")
            await wait_for(pilot, lambda: opened)
            assert opened == [page.entries[1].path]

    run(test())


def test_points_are_chosen_from_left_to_right(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        async with comparing(root, tab=4) as (pilot, page):
            await pilot.press("right")
            await wait_for(pilot, lambda: page.picked)
            seen = page.query_one(Scatter).seen
            assert page.scene.picked == seen[0].entry.path
            await pilot.press("end")
            await wait_for(pilot, lambda: page.scene.picked == seen[-1].entry.path)
            assert "encoder = transformer" in text_of(pilot.app)

    run(test())


def test_the_axes_of_the_scatter_plot_can_be_chosen(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        async with comparing(root, tab=4) as (pilot, page):
            await pilot.press("x", "down", "enter")
            await wait_for(pilot, lambda: "val_loss over latent_space" in text_of(pilot.app))
            await pilot.press("left_square_bracket")
            await wait_for(pilot, lambda: "val_loss over encoder" in text_of(pilot.app))
            await pilot.press("down")
            await wait_for(pilot, lambda: "val_loss.last over" in text_of(pilot.app))
            page.thesis.remembered.keep("compare.scatter.x", "seed")
            await pilot.press("l")
            await wait_for(pilot, lambda: "(log) over seed" in text_of(pilot.app))
            assert "rank correlation" in text_of(pilot.app)

    run(test())


def test_what_is_seen_can_be_written_to_a_file(
    root: Path, comparing: Opened, tmp_path: Path
) -> None:
    files = [tmp_path / name for name in ("a.svg", "b.csv", "c.json", "d.svg")]

    async def test() -> None:
        async with comparing(root) as (pilot, page):
            for tab, file in zip("1234", files, strict=True):
                await pilot.press(tab, "e")
                await wait_for(pilot, lambda: pilot.app.screen.query(Input))
                pilot.app.screen.query_one(Input).value = str(file)
                await pilot.press("enter")
                await wait_for(pilot, lambda: pilot.app.screen is page)

    run(test())
    assert all("transformer" in file.read_text() for file in files)
    assert len(json.loads(files[2].read_text())) == 8


def test_a_file_that_is_there_is_replaced_after_a_yes_only(
    root: Path, comparing: Opened, tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("old")

    async def test() -> None:
        async with comparing(root) as (pilot, page):
            for answer in ("n", "y"):
                await pilot.press("2", "e")
                await wait_for(pilot, lambda: pilot.app.screen.query(Input))
                pilot.app.screen.query_one(Input).value = str(file)
                await pilot.press("enter")
                await wait_for(pilot, lambda: "Replace" in text_of(pilot.app))
                assert file.read_text() == "old"
                await pilot.press(answer)
                if answer == "n":  # asks for another name
                    await wait_for(pilot, lambda: pilot.app.screen.query(Input))
                    await pilot.press("escape")
                await wait_for(pilot, lambda: pilot.app.screen is page)

    run(test())
    assert "encoder" in file.read_text()


def test_nothing_is_written_with_read_only(
    root: Path, comparing: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with comparing(root, read_only=True) as (pilot, page):
            told: list[str] = []
            monkeypatch.setattr(pilot.app, "notify", lambda text, **_: told.append(text))
            await pilot.press("e")
            await wait_for(pilot, lambda: told)
            assert "read-only" in told[0]
            assert pilot.app.screen is page

    run(test())


def test_the_command_that_shows_the_same_is_copied(root: Path, comparing: Opened) -> None:
    words = {"1": "engine plot", "2": "engine diff", "3": "engine diff", "4": "--columns"}

    async def test() -> None:
        async with comparing(root) as (pilot, _):
            for tab, told in words.items():
                await pilot.press(tab, "y")
                assert told in pilot.app.clipboard

    run(test())


def test_runs_that_are_not_there_say_so(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        async with comparing(root, paths=["/nowhere"]) as (pilot, _):
            assert "These runs are no longer there" in text_of(pilot.app)
            assert "1 no longer there" in lines_of(pilot.app)[0]

    run(test())
