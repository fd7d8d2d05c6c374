"""Marked runs in the table: what is done to them, and what becomes of marks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.facts.labels import read_labels
from engine.facts.run_dir import RunDir
from tests.bench.tree import make_run, make_tree
from tests.tui.conftest import AppAt, run, text_of, wait_for
from tui.look import LIGHT_PALETTE, PALETTE
from tui.screens.runs import RunsPage


def page_of(pilot: Pilot[int]) -> RunsPage:
    """The page, which stands below whatever is asked."""
    return next(screen for screen in pilot.app.screen_stack if isinstance(screen, RunsPage))


def n_rows(pilot: Pilot[int]) -> int:
    return len(page_of(pilot).table.arranged.rows)


def archived(root: Path) -> int:
    return sum(read_labels(RunDir(path)).archived for path in root.glob("runs/*"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four runs."""
    folder = tmp_path / "out"
    make_tree(folder, 4, epochs=2)
    return folder


async def mark_two_and_filter_one_out(pilot: Pilot[int]) -> None:
    await wait_for(pilot, lambda: n_rows(pilot) == 4)
    await pilot.press("space", "space", "slash", *"seed=3", "enter")
    await wait_for(pilot, lambda: n_rows(pilot) == 1 and not page_of(pilot).filter_bar.is_open)


@pytest.mark.parametrize("key", ["A", "H"])
@pytest.mark.parametrize("answer", ["n", "y"])
def test_marked_runs_that_are_not_shown_are_put_away_only_after_a_question(
    app_at: AppAt, root: Path, key: str, answer: str
) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            await mark_two_and_filter_one_out(pilot)
            page = page_of(pilot)
            await pilot.press(key)
            await wait_for(pilot, lambda: "1 of them is not shown" in text_of(pilot.app))
            assert archived(root) == len(page.view.hidden) == 0
            await pilot.press(answer)
            await wait_for(pilot, lambda: pilot.app.screen is page)
            if answer == "y":
                await wait_for(pilot, lambda: archived(root) + len(page.view.hidden) == 2)
        assert archived(root) + len(page.view.hidden) == (2 if answer == "y" else 0)

    run(test())


def test_tags_and_stopping_tell_how_many_runs_are_not_shown(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        make_run(root / "runs" / "run_20990101-000000_ae", planned=99, seed=3, end=None)
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: n_rows(pilot) == 5)
            await pilot.press("a", "slash", *"seed=0", "enter")
            await wait_for(pilot, lambda: n_rows(pilot) == 1)
            await pilot.press("t")
            await wait_for(pilot, lambda: "4 of them are not shown" in text_of(pilot.app))
            await pilot.press("escape")
            assert pilot.app.screen is page_of(pilot)

    run(test())


def test_marks_of_runs_that_are_gone_go(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: n_rows(pilot) == 4)
            await pilot.press("space", "space")
            first, second = page_of(pilot).marked
            shutil.rmtree(first)
            await wait_for(pilot, lambda: n_rows(pilot) == 3, timeout=20)
            assert list(page_of(pilot).marked) == [second]
            assert pilot.app.remembered.texts("runs.marked") == [second]  # type: ignore[attr-defined]

    run(test())


def test_marks_have_the_colours_of_the_ground(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: n_rows(pilot) == 4)
            await pilot.press("space")
            table = page_of(pilot).table
            assert set(table.marks.values()) <= set(PALETTE)
            pilot.app.theme = "textual-light"
            await wait_for(pilot, lambda: set(table.marks.values()) <= set(LIGHT_PALETTE))
            assert table.marks

    run(test())


def test_nothing_is_done_to_runs_of_a_table_that_is_no_longer_seen(
    app_at: AppAt, root: Path
) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: n_rows(pilot) == 4)
            shutil.rmtree(root)
            await wait_for(pilot, lambda: "looks again" in text_of(pilot.app), timeout=20)
            await pilot.press("space", "t")
            assert pilot.app.screen is page_of(pilot)
            assert not page_of(pilot).marked

    run(test())
