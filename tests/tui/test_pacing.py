"""How often is drawn what grows all the time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tui import compared
from tests.tui.compared import Bare
from tests.tui.conftest import run, wait_for
from tui.app import Settings
from tui.messages import CurvesGrown
from tui.pacing import SHARE, Pacing
from tui.page import Page


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_pause_begins_at_the_end_and_grows_with_what_it_costs() -> None:
    clock = Clock()
    pacing = Pacing(0.5, clock)
    assert pacing.wait == 0
    with pacing.turn():
        clock.now += 0.01
    assert pacing.wait == pytest.approx(0.5)
    clock.now += 0.6
    assert pacing.wait == 0
    with pacing.turn():
        clock.now += 3
    assert pacing.wait == pytest.approx(3 * SHARE)


def test_curves_that_wait_in_the_queue_are_drawn_together(tmp_path: Path) -> None:
    told: list[frozenset[str]] = []

    class Telling(Page):
        def curves_changed(self, paths: frozenset[str]) -> None:
            told.append(paths)

    async def test() -> None:
        folders = {"cache": tmp_path / "index", "state": tmp_path / "state"}
        app = Bare(Settings(root=tmp_path, **folders))
        async with app.run_test() as pilot:
            await app.push_screen(Telling())
            await pilot.pause()
            told.clear()
            for name in "abcd":
                app.post_message(CurvesGrown(frozenset(name)))
            await wait_for(pilot, lambda: told)
            await pilot.pause()
            assert told == [frozenset("abcd")]

    run(test())


@pytest.fixture
def comparing(tmp_path: Path) -> Callable[..., Any]:
    compared.make_compared(tmp_path / "root", ["mlp"], ["vq"], seeds=3, epochs=3)
    return functools.partial(compared.comparing, tmp_path / "root", folder=tmp_path)


def test_curves_of_compared_runs_are_drawn_a_few_times_a_second(
    comparing: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with comparing() as (pilot, page):
            drawn: list[int] = []
            paths = frozenset(entry.path for entry in page.entries)
            await wait_for(pilot, lambda: not page._pacing.wait)
            monkeypatch.setattr(page, "draw", lambda: drawn.append(1))
            page.curves_changed(frozenset({"/another/run"}))
            assert not drawn
            for _ in range(20):
                page.curves_changed(paths)
            assert len(drawn) == 1
            await wait_for(pilot, lambda: len(drawn) == 2)
            assert page.is_settled

    run(test())
