"""Keys that arrive all at once, as over a slow line: faster than a page is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual import events

from tests.bench.tree import make_tree
from tests.tui.conftest import AppAt, run, text_of, wait_for

AT_ONCE = [
    *("enter 2 3", "enter > escape", "enter / a", "a c 2", "a c 4 escape", "a c e escape"),
    *("C escape enter", "t a enter", "/ a escape enter"),
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
