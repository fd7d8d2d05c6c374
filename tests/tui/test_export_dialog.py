"""Asking for the name of a file, and writing it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input
from textual.worker import Worker

from tests.tui.compared import Bare
from tests.tui.conftest import run, text_of, wait_for
from tui.app import Settings
from tui.compare.export_dialog import export

Makers = dict[str, Callable[[], str]]


async def asked(app: Any, makers: Makers) -> Worker[Any]:
    """The worker that asks, once the question is seen."""
    worker: Worker[Any] = app.run_worker(export(app, "compare", makers))
    return worker


async def answer(pilot: Pilot[int], name: str) -> None:
    """Type a name into the question, in the place of the one that stands there."""
    await wait_for(pilot, lambda: pilot.app.screen.query(Input))
    pilot.app.screen.query_one(Input).value = name
    await pilot.press("enter")


@pytest.fixture
def app(tmp_path: Path) -> Bare:
    folders = {"cache": tmp_path / "index", "state": tmp_path / "state"}
    return Bare(Settings(root=tmp_path / "root", **folders))


def test_a_file_is_made_in_a_thread_so_that_keys_go_on(app: Bare, tmp_path: Path) -> None:
    go_on, seen = threading.Event(), []

    def make() -> str:
        seen.append(threading.current_thread())
        go_on.wait(10)
        return "made"

    async def test() -> None:
        async with app.run_test() as pilot:
            worker = await asked(app, {".csv": make})
            await answer(pilot, str(tmp_path / "a.csv"))
            await wait_for(pilot, lambda: seen)
            assert not worker.is_finished
            go_on.set()
            await worker.wait()
            assert seen != [threading.main_thread()]
            assert (tmp_path / "a.csv").read_text() == "made"

    run(test())


@pytest.mark.parametrize("name", [300 * "a" + ".csv", f"{300 * 'a'}/b.csv", "\ud800.csv", "a.doc"])
def test_a_name_that_cannot_be_is_told_in_the_question_which_stays(
    app: Bare, tmp_path: Path, name: str
) -> None:
    async def test() -> None:
        async with app.run_test() as pilot:
            worker = await asked(app, {".csv": lambda: "made"})
            await answer(pilot, f"{tmp_path}/{name}")
            await wait_for(pilot, lambda: pilot.app.screen.query(".problem"))
            assert not worker.is_finished
            await answer(pilot, str(tmp_path / "good.csv"))
            await worker.wait()
            assert (tmp_path / "good.csv").read_text() == "made"

    run(test())


def test_the_folder_that_it_was_started_in_may_be_gone(
    app: Bare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)

    async def test() -> None:
        async with app.run_test() as pilot:
            gone.rmdir()
            worker = await asked(app, {".csv": lambda: "made"})
            await wait_for(pilot, lambda: "is gone" in text_of(pilot.app))
            await pilot.press("enter")
            await wait_for(pilot, lambda: "cannot write" in text_of(pilot.app))
            await answer(pilot, str(tmp_path / "a.csv"))
            await worker.wait()
            assert (tmp_path / "a.csv").is_file()

    try:
        run(test())
    finally:
        os.chdir(tmp_path)
