"""The app that ends while a page is only being opened."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.bench.tree import make_run
from tests.conftest import long_form
from tests.tui.conftest import AppAt

STEPS = [(0, 2, 8, 21), *long_form(((1, 3, 5, 13, 34),))]


@pytest.mark.parametrize("steps", STEPS, ids=str)
@pytest.mark.parametrize("page", ["run", "configure", "compare", "jobs", "help"])
def test_the_app_ends_in_peace_however_far_a_page_has_come(
    app_at: AppAt, tmp_path: Path, page: str, steps: tuple[int, ...]
) -> None:
    path = str(make_run(tmp_path / "out" / "runs" / "run_20250106-093000_ae", seed=7))

    async def ended_after(number: int) -> int | None:
        """How it ended; an error on the way is raised where the app is left."""
        async with app_at(tmp_path / "out") as pilot:
            app: Any = pilot.app
            openers = {
                "run": lambda: app.open_run(path),
                "configure": lambda: app._show_page(""),
                "compare": lambda: app.compare([path]),
                "jobs": app.action_jobs,
                "help": app.action_help,
            }
            openers[page]()
            for _ in range(number):
                await asyncio.sleep(0)
        return app.return_code

    for number in steps:
        assert asyncio.run(ended_after(number)) in (None, 0)
