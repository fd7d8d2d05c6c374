"""What the app itself does, whatever page is seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.compared import Bare
from tests.tui.conftest import run, text_of, wait_for
from tui.app import Settings


@pytest.fixture
def app(tmp_path: Path) -> Bare:
    folders = {"cache": tmp_path / "index", "state": tmp_path / "state"}
    return Bare(Settings(root=tmp_path / "root", **folders))


def told(app: Bare) -> list[str]:
    return [one.message for one in app._notifications]


def test_nothing_that_a_terminal_would_obey_gets_into_what_is_told(app: Bare) -> None:
    async def test() -> None:
        async with app.run_test(notifications=True) as pilot:
            app.screen.notify("a run \x1b]0;title\x07\x1b[2J[b]named\nso[/b]")
            await wait_for(pilot, lambda: "[b]named" in text_of(app))
            assert told(app) == ["a run [b]named\nso[/b]"]
            assert not any(one.markup for one in app._notifications)

    run(test())


def test_a_path_that_is_no_text_is_not_copied_but_told(app: Bare) -> None:
    async def test() -> None:
        async with app.run_test(notifications=True) as pilot:
            app.copy("/out/\udcff", "the path")
            await wait_for(pilot, lambda: told(app))
            assert "cannot be copied" in told(app)[0]
            assert not app.clipboard
            app.copy("/out/run", "the path")
            assert app.clipboard == "/out/run"

    run(test())
