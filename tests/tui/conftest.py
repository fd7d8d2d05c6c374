"""The app in a terminal of any size, and what stands on its screen."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from textual.geometry import Region
from textual.pilot import Pilot

from tui.app import Settings, ThesisApp
from tui.look import Look

SNAPSHOTS = Path(__file__).parent / "snapshots"

AppAt = Callable[..., contextlib.AbstractAsyncContextManager[Pilot[int]]]


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run the coroutine of a test to its end."""
    asyncio.run(test)


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a key Textual waits until the process does nothing, which on a busy machine is long.

    Here it waits while the process is hard at work, and not for long; the tests wait for what they
    want to see.
    """

    async def briefly(*_: float) -> None:
        end = time.monotonic() + 0.5
        busy = True
        while busy and time.monotonic() < end:
            before = time.process_time()
            await asyncio.sleep(0.015)
            busy = time.process_time() - before > 0.004

    for module in ("textual.app", "textual.pilot"):
        monkeypatch.setattr(f"{module}.wait_for_idle", briefly)


@pytest.fixture
def app_at(tmp_path: Path) -> AppAt:
    """Opens the app on a root: `async with app_at(root, size=(120, 40)) as pilot`."""

    @contextlib.asynccontextmanager
    async def opened(
        root: Path, size: tuple[int, int] = (120, 40), **settings: Any
    ) -> AsyncIterator[Pilot[int]]:
        settings = {"look": Look(moving=False)} | settings
        folders = {"cache": tmp_path / "index", "state": tmp_path / "state"}
        app = ThesisApp(Settings(root=root, **(folders | settings)))
        async with app.run_test(size=size) as pilot:
            await wait_for(pilot, lambda: app.listed)
            yield pilot

    return opened


async def wait_for(pilot: Pilot[int], condition: Callable[[], object], timeout: float = 40) -> None:
    """Let the app go on until the condition holds."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"still not so:\n{text_of(pilot.app)}")
        await pilot.pause(0.01)


def lines_of(app: Any) -> list[str]:
    """What stands on the screen, line by line."""
    height = app.size.height
    strips = app.screen._compositor.render_strips()
    lines = ["".join(segment.text for segment in strip).rstrip() for strip in strips]
    return lines[:height]


def text_of(app: Any) -> str:
    """What stands on the screen."""
    return "\n".join(lines_of(app))


def check_snapshot(app: Any, name: str, part: Region | None = None) -> None:
    """Compare the screen with `snapshots/NAME.txt`; UPDATE_SNAPSHOTS=1 writes it anew."""
    lines = lines_of(app)
    if part is not None:
        lines = [line[part.x : part.right].rstrip() for line in lines[part.y : part.bottom]]
    path, text = SNAPSHOTS / f"{name}.txt", "\n".join(lines) + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert path.is_file(), f"there is no snapshot {path.name}"
    assert text == path.read_text(), f"the screen is not as in {path.name}:\n{text}"
