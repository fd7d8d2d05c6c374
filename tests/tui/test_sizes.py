"""A terminal that is resized again and again, while keys are pressed."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.assorted import make_assorted
from tests.tui.conftest import AppAt, lines_of, run, text_of, wait_for
from tui.run.tabs import TABS
from tui.screens.compare import TABS as PARTS
from tui.screens.compare import ComparePage
from tui.screens.configure import PARTS as CONFIGURE
from tui.screens.configure import ConfigurePage
from tui.screens.run import RunPage
from tui.screens.runs import RunsPage

SMALLEST, LARGEST, USEFUL = (20, 5), (300, 100), (60, 16)
LISTS = ("up", "down", "pageup", "pagedown", "home", "end", "left", "right")
CHARTS = (*LISTS, *"xlLsSochk+-0[]", "enter")
KEYS = {
    "runs": (*LISTS, *"aSfUpx", "space"),
    "charts": CHARTS, "log": (*LISTS, *"fw"), "config": LISTS, "numbers": LISTS,
    "files": LISTS, "figures": (*LISTS, *"+-0bhl"),
    "Curves": (*CHARTS, *"bnNu", "space"), "Differences": (*LISTS, *"bdu"),
    "Values": (*LISTS, *"bdus"), "Scatter": (*LISTS, *"bulL[]", "space"),
    "Form": (*LISTS, *"cdku[]", "space", "ctrl+r"), "Composed": LISTS,
    "Points": (*LISTS, *"xu", "space"), "Check": LISTS,
    "help": LISTS, "columns": (*LISTS, "space"), "tags": ("left", "right", "a", "backspace"),
}  # fmt: skip
"""What is pressed on each view: nothing that leaves it."""

DIALOGS = {"help": "question_mark", "columns": "C", "tags": "t"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of every kind."""
    folder = tmp_path_factory.mktemp("sizes")
    make_assorted(folder)
    return folder


async def enter(pilot: Pilot[int], view: str) -> None:
    """Go to a view, from the table of runs or from another view of the same page."""
    app: Any = pilot.app
    if view in CONFIGURE:
        await enter_configure(pilot, CONFIGURE.index(view))
        return
    page = RunPage if view in TABS else ComparePage if view in PARTS else None
    if page is not None and isinstance(app.screen, page):
        await pilot.press("tab")
        assert app.screen.tab in (view, PARTS.index(view) if view in PARTS else "")
        return
    await leave(pilot)
    paths = [one.path for one in app.runs]
    await wait_for(pilot, lambda: app.screen.table.row)
    if page is RunPage:
        app.open_run(next(path for path in paths if "20250106" in path))
    elif page is ComparePage:
        app.compare(paths)
    elif view in DIALOGS:
        await pilot.press(DIALOGS[view])
        await wait_for(pilot, lambda: app.screen.is_modal and app.screen.is_mounted)
    if page is not None:
        await wait_for(pilot, lambda: isinstance(app.screen, page) and app.is_settled)


async def enter_configure(pilot: Pilot[int], part: int) -> None:
    """Go to a part of the Configure screen, which has a sweep."""
    app: Any = pilot.app
    if not isinstance(app.screen, ConfigurePage):
        await leave(pilot)
        app.configure()
        await wait_for(pilot, lambda: isinstance(app.screen, ConfigurePage) and app.is_settled)
        app.screen.set_overrides(("phase1.trainer.lr=0.1,0", "phase1/latent_space=none,vq"))
        await wait_for(pilot, lambda: app.is_settled)
    app.screen.action_part(part)


async def leave(pilot: Pilot[int]) -> None:
    """Go back to the table of runs."""
    await pilot.resize_terminal(*USEFUL)
    while not isinstance(pilot.app.screen, RunsPage):
        await pilot.app.pop_screen()


def sizes(dice: random.Random, number: int) -> list[tuple[int, int]]:
    """Some that matter, and others between them, of which more are small than large."""
    drawn = dice.sample([SMALLEST, USEFUL, LARGEST], k=min(3, number // 2))
    while len(drawn) < number:
        share = dice.random() ** 3
        pairs = zip(SMALLEST, LARGEST, strict=True)
        width, height = (low + int((high - low) * share * dice.random()) for low, high in pairs)
        drawn.append((width, height))
    dice.shuffle(drawn)
    return drawn


async def check_storm(pilot: Pilot[int], view: str, number: int) -> None:
    """Resize, press keys, look."""
    app: Any = pilot.app
    dice = random.Random(view)
    screen = app.screen
    for size in sizes(dice, number):
        await pilot.resize_terminal(*size)
        await pilot.press(*dice.choices(KEYS[view], k=dice.choice([0, 1, 2])))
        await wait_for(pilot, lambda high=size[1]: len(lines_of(app)) == high)
        assert app._exception is None, f"{view} at {size}: {app._exception!r}"
        assert app.screen is screen, f"{view} was left at {size} for {app.screen}"
        shown = text_of(app)
        assert app.screen.size == size
        if size[0] >= USEFUL[0] and size[1] >= USEFUL[1]:
            words = sum(character.isalpha() for character in shown)
            assert words > 20, f"{view} is empty at {size}:\n{shown}"


LONG = [pytest.param([view], 80, marks=pytest.mark.slow, id=f"{view}, long") for view in KEYS]


@pytest.mark.parametrize(("views", "number"), [pytest.param(list(KEYS), 1, id="short"), *LONG])
def test_every_view_withstands_a_storm_of_sizes(
    app_at: AppAt, root: Path, views: list[str], number: int
) -> None:
    async def test() -> None:
        async with app_at(root, size=USEFUL) as pilot:
            for view in views:
                await enter(pilot, view)
                assert isinstance(pilot.app.screen, RunsPage) == (view == "runs")
                await check_storm(pilot, view, number)

    run(test())
