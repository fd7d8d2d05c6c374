"""The main screens, character by character, at three sizes and at a fixed time."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import tui.app
from tests.tui.assorted import NOW, make_assorted
from tests.tui.conftest import AppAt, check_snapshot, run, text_of, wait_for
from tui.feeds import LibraryFeed

SIZES = [(60, 16), (120, 40), (200, 60)]
SCREENS = {
    "runs": (),
    "runs_folded": ("f",),
    "runs_grouped": (),
    "runs_marked": ("space", "space", "down"),
    "runs_filter": ("slash", *"seed=1"),
    "run_charts": ("enter", "1"),
    "run_charts_full": ("enter", "1", "enter", "c"),
    "run_log": ("enter", "2"),
    "compare_curves": ("a", "c", "1"),
    "compare_seeds": ("a", "c", "1", "b"),
    "help": ("question_mark",),
}
"""Each screen, and the keys that lead to it."""


@pytest.fixture
def _fixed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is `NOW` for whatever asks, in a place without summer time."""
    monkeypatch.setattr(time, "time", lambda: NOW)
    monkeypatch.setattr(tui.app, "LibraryFeed", partial(LibraryFeed, clock=lambda: NOW))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs of every kind in `~/outputs`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    make_assorted(tmp_path / "outputs")
    return tmp_path / "outputs"


@pytest.mark.usefixtures("_fixed_time")
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_looks_as_it_did(
    app_at: AppAt, root: Path, name: str, size: tuple[int, int]
) -> None:
    async def test() -> None:
        async with app_at(root, size=size) as pilot:
            app: Any = pilot.app
            await wait_for(pilot, lambda: app.screen.table.row and app.is_settled)
            if name == "runs_grouped":
                app.screen.look_at(replace(app.screen.view, by=("encoder",)))
            for key in SCREENS[name]:
                await pilot.press(key)
                await wait_for(pilot, lambda: app.is_settled)
            before = ""
            while before != text_of(app):
                before = text_of(app)
                await pilot.pause(0.05)
            assert str(root.parent) not in text_of(app)
            check_snapshot(app, f"{name}_{size[0]}x{size[1]}")

    run(test())
