"""Run directories full of rubbish, opened in the app: it shows what it can, and stays alive."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from textual.pilot import Pilot

from tests.bench.tree import make_run
from tests.engine.test_fuzz import make, run_directories
from tests.tui.conftest import AppAt, run, text_of, wait_for
from tui.run.tabs import TABS
from tui.screens.compare import TABS as PARTS
from tui.screens.compare import ComparePage
from tui.screens.run import RunPage
from tui.screens.runs import RunsPage

Files = dict[str, tuple[str, bytes]]

NAMES = [
    *("run", "x" * 200, "[bold]run[/]", "$(touch executed)", "-rf", "line\nline", "tab\tname"),
    *("\x1b[31mred", "\x1b]0;title\x07", "\x9b31m", "\u202eturned", "宽宽宽", "a\u0301\u200d"),
    os.fsdecode(b"\xff"),
]
"""Names of directories; behind each stands its number."""

HARMFUL = {*map(chr, range(32)), *map(chr, range(0x7F, 0xA0))} | set(
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"
)
"""What must not reach a terminal: it would move the cursor, or turn the text round."""


def rubbish(number: int, begin: int) -> list[Files]:
    """The same files each time for the same beginning."""
    made: list[Files] = []

    @seed(begin)
    @settings(
        max_examples=number,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
        database=None,
    )
    @given(st.data())
    def draw(data: st.DataObject) -> None:
        made.append(data.draw(run_directories))

    draw()
    return made[:number]


def make_rubbish(root: Path, files: Sequence[Files]) -> list[Path]:
    """A run directory of each, and one that is as it should be."""
    paths = [make_run(root / "runs" / "whole", epochs=3)]
    for number, one in enumerate(files):
        path = root / "runs" / f"{NAMES[number % len(NAMES)]} {number}"
        (path / "facts").mkdir(parents=True)
        make(path, one)
        paths.append(path)
    return paths


def check_screen(app: Any, place: object) -> None:
    """No exception so far, something to read, nothing that steers the terminal."""
    assert app._exception is None, f"{place}: {app._exception!r}"
    shown = text_of(app)
    assert shown.strip(), f"{place}: the screen is empty"
    assert HARMFUL & {*shown.replace("\n", "")} == set(), f"{place}: {shown!r}"


async def check_runs(pilot: Pilot[int], paths: Sequence[str], *, anew: bool) -> None:
    """Look at runs in all tabs: each on a page of its own, or all but the first on the same."""
    app: Any = pilot.app
    for path in paths:
        if isinstance(app.screen, RunPage):
            app.screen.show_path(path)
        else:
            app.remembered.keep("run.tab", TABS[0])
            app.open_run(path)
        await wait_for(pilot, lambda: isinstance(app.screen, RunPage) and app.is_settled)
        for tab in TABS:
            app.screen.action_tab(tab)
            await wait_for(pilot, lambda: app.is_settled)
            check_screen(app, (path, tab))
        if anew:
            await app.pop_screen()
    if not anew:
        await app.pop_screen()


async def check_comparison(pilot: Pilot[int], paths: Sequence[str]) -> None:
    """Compare runs in every part of the page."""
    app: Any = pilot.app
    app.remembered.keep("compare.tab", 0)
    app.compare(paths)
    await wait_for(pilot, lambda: isinstance(app.screen, ComparePage) and app.screen.pane)
    for number, part in enumerate(PARTS):
        await app.screen.action_tab(number)
        await wait_for(pilot, lambda: app.is_settled)
        check_screen(app, (paths, part))
        await pilot.press("down", "b")
        check_screen(app, (paths, part, "folded"))
    await app.pop_screen()


async def check_table(pilot: Pilot[int], n_runs: int) -> None:
    """Every run is in the table, in each way of looking at it."""
    app: Any = pilot.app
    assert isinstance(app.screen, RunsPage)
    table = app.screen.table
    await wait_for(pilot, lambda: len(table.arranged.rows) == n_runs)
    check_screen(app, "runs")
    for key in ("end", "home", "f", "f", "S", "question_mark", "escape"):
        await pilot.press(key)
        check_screen(app, ("runs", key))
    for _ in range(min(n_runs, 20)):
        await pilot.press("down")
        check_screen(app, table.row.id)


LONG = [pytest.param(25, n, marks=pytest.mark.slow, id=f"{n} of 20") for n in range(1, 21)]


@pytest.mark.parametrize(("number", "begin"), [pytest.param(4, 0, id="short"), *LONG])
def test_broken_runs_are_listed_opened_and_compared(
    app_at: AppAt, own_folder: Path, number: int, begin: int
) -> None:
    root = own_folder / "outputs"
    made = make_rubbish(root, rubbish(number, begin))

    async def test() -> None:
        async with app_at(root, size=(100, 30)) as pilot:
            app: Any = pilot.app
            assert {run.path for run in app.runs} == {str(path) for path in made}
            await check_table(pilot, number + 1)
            paths = [run.path for run in app.runs]
            await check_runs(pilot, paths, anew=begin > 0)
            await check_comparison(pilot, paths[:2])
            await check_comparison(pilot, paths)

    run(test())
    assert not Path("executed").exists()
