"""Searching the log of a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.text import Text
from textual.widgets import Static

from engine.facts.run_dir import RunDir
from tests.bench.tree import make_run
from tests.tui.conftest import AppAt, run, text_of, wait_for
from tests.tui.test_run_page import NAME, opened, path_of
from tui.run.log_text import readable
from tui.run.log_view import LogView


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with one finished run."""
    make_run(tmp_path / "outputs" / "runs" / NAME, epochs=2)
    return tmp_path / "outputs"


def test_a_search_shows_its_hit_again_after_the_view_has_moved(app_at: AppAt, root: Path) -> None:
    lines = (f"line {n}\n" for n in range(21_000))
    RunDir(path_of(root)).log.write_text("".join(lines))

    async def test() -> None:
        async with app_at(root) as pilot:
            await opened(pilot, path_of(root))
            await pilot.press("2")
            await wait_for(pilot, lambda: "line 20999" in text_of(pilot.app))
            for _ in range(2):
                await pilot.press("slash", *"1042", "enter")
                await wait_for(pilot, lambda: "line 1042" in text_of(pilot.app))
                await pilot.press("G", "escape")
                assert "line 1042" not in text_of(pilot.app)

    run(test())


def test_the_next_hit_is_the_next_one_when_older_lines_are_forgotten(
    app_at: AppAt, root: Path
) -> None:
    log = RunDir(path_of(root)).log
    log.write_text("".join(f"line {n}\n" for n in range(20_000)))

    async def test() -> None:
        async with app_at(root) as pilot:
            page = await opened(pilot, path_of(root))
            await pilot.press("2")
            view = page.query_one(LogView)
            await wait_for(pilot, lambda: view.note().startswith("20,000 lines"))
            await pilot.press("slash", *"00", "enter", "n", "n")
            assert view._raw(view.cursor) == "line 300"
            with log.open("a") as file:
                file.write("more\n" * 150)
            await wait_for(pilot, lambda: view.forgotten == 150)
            await pilot.press("n")
            assert view._raw(view.cursor) == "line 400"

    run(test())


def test_a_search_makes_no_line_that_is_not_seen(
    app_at: AppAt, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = (f"\x1b[32mepoch\x1b[0m {n}\n" for n in range(5000))
    RunDir(path_of(root)).log.write_text("".join(lines))
    made: list[str] = []

    def counted(line: str, brief: bool = False) -> Text:
        made.append(line)
        return readable(line, brief)

    monkeypatch.setattr("tui.run.log_view.readable", counted)

    async def test() -> None:
        async with app_at(root) as pilot:
            page = await opened(pilot, path_of(root))
            await pilot.press("2")
            await wait_for(pilot, lambda: "epoch 4999" in text_of(pilot.app))
            await pilot.press("slash", *"poch 300")
            note = page.query_one("SearchLine .note", Static)
            await wait_for(pilot, lambda: str(note.content) == "11 lines")
            assert len(made) < 1000

    run(test())
