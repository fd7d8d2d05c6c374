"""Choices that come back when the app is opened again, and what is given up with a page."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.facts.run_dir import RunDir
from tests.bench.tree import make_run, make_tree
from tests.tui import compared
from tests.tui.conftest import AppAt, run, wait_for
from tests.tui.test_run_page import NAME, opened, path_of
from tests.tui.test_runs_page import ids, page_of
from tui.compare.winners_table import WinnersTable
from tui.run.figure_view import FigureView
from tui.run.log_view import LogView


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_run(tmp_path / "outputs" / "runs" / NAME, epochs=2)
    return tmp_path / "outputs"


def test_a_theme_from_the_palette_is_remembered(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            assert pilot.app.theme == "textual-dark"
            pilot.app.theme = "nord"
            await pilot.pause()
        async with app_at(root) as pilot:
            assert pilot.app.theme == "nord"
        async with app_at(root, light=True) as pilot:
            assert pilot.app.theme == "textual-light"
        async with app_at(root) as pilot:
            assert pilot.app.theme == "nord", "--light is for one time"

    run(test())


def test_how_a_log_and_figures_are_shown_is_remembered(app_at: AppAt, root: Path) -> None:
    RunDir(path_of(root)).log.write_text("line\n")

    async def test() -> None:
        async with app_at(root) as pilot:
            page = await opened(pilot, path_of(root))
            await pilot.press("2", "w", "6", "b")
            kinds = page.query_one(FigureView).kinds
        async with app_at(root) as pilot:
            page = await opened(pilot, path_of(root))
            assert page.query_one(LogView).whole
            assert page.query_one(FigureView).kinds == kinds

    run(test())


def test_the_order_of_the_values_is_remembered(tmp_path: Path) -> None:
    root = tmp_path / "root"
    compared.make_compared(root)

    async def test() -> None:
        async with compared.comparing(root, folder=tmp_path, tab=3) as (pilot, page):
            await pilot.press("s", "s")
            table = page.query_one(WinnersTable)
            by, order = table.by, table.order
            assert by is not None
            await pilot.pause()
        async with compared.comparing(root, folder=tmp_path, tab=3) as (_, page):
            table = page.query_one(WinnersTable)
            assert (table.by, table.order) == (by, order)

    run(test())


def test_pins_and_what_is_hidden_are_forgotten_with_their_runs(
    app_at: AppAt, tmp_path: Path
) -> None:
    make_tree(tmp_path / "outputs", 4, epochs=2)

    async def test() -> None:
        async with app_at(tmp_path / "outputs") as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == 4)
            page = page_of(pilot)
            await pilot.press("p", "down", "H")
            await wait_for(pilot, lambda: page.view.hidden and page.view.pinned)
            for path in page.view.hidden | page.view.pinned:
                shutil.rmtree(path)
            page.thesis.library.hurry()
            await wait_for(pilot, lambda: not (page.view.hidden or page.view.pinned))
            assert page.thesis.remembered.texts("runs.pinned") == []
            assert page.thesis.remembered.texts("runs.hidden") == []

    run(test())


def test_curves_are_followed_while_their_page_is_there(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            page = await opened(pilot, path_of(root))
            assert page.thesis.curves._wanted == (str(path_of(root)),)
            await pilot.press("escape")
            await wait_for(pilot, lambda: page.thesis.curves._wanted == ())

    run(test())


def test_the_filter_that_a_start_brings_is_for_this_time(app_at: AppAt, root: Path) -> None:
    make_run(path_of(root, "run_2027_lr_job0"), epochs=1)

    async def test() -> None:
        async with app_at(root) as pilot:
            pilot.app.show_started(Path("/x/exp_2027_lr"), sweep=True)  # type: ignore[attr-defined]
            await wait_for(pilot, lambda: page_of(pilot).view.filter == "sweep=exp_2027_lr")
            await pilot.press("S")
        async with app_at(root) as pilot:
            assert page_of(pilot).view.filter == ""

    run(test())
