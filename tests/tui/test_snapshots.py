"""The main screens, character by character, at three sizes and at a fixed time."""

from __future__ import annotations

import os
import time
import zlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.pilot import Pilot

import tui.app
import tui.look
from tests.conftest import long_form
from tests.tui.assorted import NOW, make_assorted
from tests.tui.conftest import AppAt, check_snapshot, run, text_of, wait_for
from tui.compare.curves_pane import RunCharts
from tui.feeds import LibraryFeed

N_DRAWN = 6
"""Curves of a comparison, once the seeds are folded; ten before."""

SIZES = [(120, 40), *long_form(((60, 16),), ((200, 60),))]
SCREENS = {
    "runs": (),
    "runs_folded": ("f",),
    "runs_filter": ("f", "slash", *"seed=1"),
    "help": ("escape", "question_mark"),
    "run_charts": ("escape", "end", "enter", "1"),
    "compare_curves": ("escape", "a", "c", "1"),
    "compare_seeds": ("b",),
    "runs_grouped": ("escape",),
}
"""Each screen, and the keys that lead to it from the one before."""

AGAIN = {"run_charts": "enter", "compare_curves": "c"}
"""What is opened twice: its curves are all known then, and axes depend on what was drawn before."""


@pytest.fixture
def _fixed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is `NOW` for whatever asks, in a place without summer time."""
    monkeypatch.setattr(time, "time", lambda: NOW)
    monkeypatch.setattr(tui.app, "LibraryFeed", partial(LibraryFeed, clock=lambda: NOW))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    # Colours go by the paths of runs, which here are others each time: by their names, then.
    numbers = SimpleNamespace(crc32=lambda path: zlib.crc32(os.path.basename(path)))
    monkeypatch.setattr(tui.look, "zlib", numbers)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs of every kind in `~/outputs`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    make_assorted(tmp_path / "outputs")
    return tmp_path / "outputs"


def is_whole(grid: RunCharts) -> bool:
    """Whether the curves of all runs are drawn."""
    return len(grid.charts.panels["val_loss"]) >= N_DRAWN


async def still(pilot: Pilot[int]) -> None:
    """Wait until all is read, and the screen stays as it is."""
    app: Any = pilot.app
    seen: list[str] = []

    def is_still() -> bool:
        seen.append(text_of(app))
        return app.is_settled and len(seen) > 4 and len({*seen[-4:]}) == 1

    await wait_for(pilot, is_still)
    for grid in app.screen.query(RunCharts):
        await wait_for(pilot, partial(is_whole, grid))


@pytest.mark.usefixtures("_fixed_time")
@pytest.mark.parametrize("size", SIZES, ids=("120x40", "60x16", "200x60"))
def test_the_main_screens_look_as_they_did(
    app_at: AppAt, root: Path, size: tuple[int, int]
) -> None:
    async def test() -> None:
        async with app_at(root, size=size) as pilot:
            app: Any = pilot.app
            await wait_for(pilot, lambda: app.screen.table.row)
            for name, keys in SCREENS.items():
                await still(pilot)
                await pilot.press(*keys)
                if name in AGAIN:
                    await still(pilot)
                    await pilot.press("escape", AGAIN[name])
                if name == "runs_grouped":
                    app.screen.look_at(replace(app.screen.view, by=("encoder",)))
                await still(pilot)
                assert str(root.parent) not in text_of(app)
                panel = app.screen.query("HelpPage > VerticalScroll")
                part = panel.first().region if panel else None
                check_snapshot(app, f"{name}_{size[0]}x{size[1]}", part)

    run(test())
