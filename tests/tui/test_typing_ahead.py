"""Keys that arrive all at once, as over a slow line: faster than a page is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.keys import _character_to_key

from tests.bench.tree import make_tree
from tests.conftest import long_form
from tests.tui.configured import configuring
from tests.tui.conftest import AppAt, run, text_of, wait_for
from tui.screens.configure import ConfigurePage

AT_ONCE = [
    *("enter 2 3", "a c 4 escape", "C escape enter", "/ a escape enter"),
    *long_form("enter > escape", "enter / a", "a c 2", "a c e escape", "t a enter"),
]
NAMES = {"/": "slash", ">": "greater_than_sign", "?": "question_mark"}


@pytest.mark.parametrize("keys", AT_ONCE)
def test_keys_that_come_at_once_are_no_harm(app_at: AppAt, tmp_path: Path, keys: str) -> None:
    make_tree(tmp_path / "out", 3, epochs=2)

    async def test() -> None:
        async with app_at(tmp_path / "out") as pilot:
            app: Any = pilot.app
            await wait_for(pilot, lambda: app.screen.table.row)
            for key in keys.split():
                app.post_message(events.Key(NAMES.get(key, key), key if len(key) == 1 else None))
            for _ in keys:  # from the app to the screen, and back where it has no use for one
                await pilot.pause()
            await wait_for(pilot, lambda: app.is_settled and text_of(app).strip())
            assert app._exception is None

    run(test())


def test_what_is_typed_right_behind_the_key_of_a_line_goes_into_it(
    app_at: AppAt, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    overrides = "phase1.trainer.epochs=7 phase1.trainer.lr=0.5"

    async def test() -> None:
        async with app_at(tmp_path / "out", size=(140, 40)) as pilot:
            app: Any = pilot.app
            await pilot.press("N")
            await wait_for(pilot, lambda: isinstance(app.screen, ConfigurePage))
            await wait_for(pilot, lambda: app.screen.is_settled)
            for sign in f"e{overrides}":
                app.post_message(events.Key(_character_to_key(sign), sign))
            app.post_message(events.Key("enter", None))
            await wait_for(pilot, lambda: len(app.screen.draft.overrides) == 2)
            assert app.screen.draft.overrides == tuple(overrides.split())

    run(test())


def test_what_is_typed_right_behind_the_key_of_the_search_is_looked_for(
    app_at: AppAt, tmp_path: Path
) -> None:
    async def test() -> None:
        async with configuring(app_at, tmp_path / "out") as (pilot, page):
            form: Any = page.query_one("FormList")
            for sign in "/trainer.epochs":
                pilot.app.post_message(events.Key(_character_to_key(sign), sign))
            pilot.app.post_message(events.Key("enter", None))
            pilot.app.post_message(events.Key("enter", None))  # which edits what was found
            for sign in "77":
                pilot.app.post_message(events.Key(_character_to_key(sign), sign))
            pilot.app.post_message(events.Key("enter", None))
            await wait_for(pilot, lambda: page.draft.overrides)
            assert page.draft.overrides == ("phase1.trainer.epochs=77",)
            assert form.searched == "trainer.epochs"
            assert "esc shows all" in text_of(pilot.app)

    run(test())
