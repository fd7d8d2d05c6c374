"""The small questions: what they answer, and that Esc is no answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.screen import ModalScreen
from textual.widgets import Input

from tests.tui.conftest import run, text_of, wait_for
from tui.compare.export_dialog import export
from tui.dialogs import ChoiceDialog, ConfirmDialog, SeveralDialog, TextDialog

OPTIONS = [("a", "first [b]thing"), ("b", "second"), ("c", "third")]

CASES: dict[str, tuple[Callable[[], ModalScreen[Any]], list[str], object]] = {
    "a text": (lambda: TextDialog("Note", "old"), ["x", "enter"], "oldx"),
    "no text": (lambda: TextDialog("Note", "old"), ["x", "escape"], None),
    "an empty text": (lambda: TextDialog("Note"), ["enter"], ""),
    "many lines left as they are": (lambda: TextDialog("Note", "a\nb"), ["enter"], "a\nb"),
    "many lines in one": (lambda: TextDialog("Note", "a\r\nb\x1b[2J"), ["x", "enter"], "a bx"),
    "yes": (lambda: ConfirmDialog("Stop it?"), ["y"], True),
    "no": (lambda: ConfirmDialog("Stop it?"), ["n"], False),
    "neither": (lambda: ConfirmDialog("Stop it?"), ["escape"], False),
    "enter is no yes": (lambda: ConfirmDialog("Stop it?"), ["enter", "n"], False),
    "a choice": (lambda: ChoiceDialog("Axis", OPTIONS, "b"), ["down", "enter"], "c"),
    "no choice": (lambda: ChoiceDialog("Axis", OPTIONS), ["escape"], None),
    "several": (lambda: SeveralDialog("Keys", OPTIONS, ["c"]), ["space", "enter"], ["a", "c"]),
    "none of several": (lambda: SeveralDialog("Keys", OPTIONS, ["a"]), ["space", "enter"], []),
    "several given up": (lambda: SeveralDialog("Keys", OPTIONS), ["space", "escape"], None),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("size", [(80, 24), (20, 5)], ids=str)
def test_a_question_gives_its_answer(case: str, size: tuple[int, int]) -> None:
    make, keys, expected = CASES[case]

    async def test() -> None:
        app: App[None] = App()
        answers: list[object] = []
        async with app.run_test(size=size) as pilot:
            app.push_screen(make(), answers.append)
            await pilot.pause()
            await pilot.press(*keys)
            await wait_for(pilot, lambda: answers)
        assert answers == [expected]

    run(test())


def test_text_of_runs_is_shown_as_it_is() -> None:
    async def test() -> None:
        app: App[None] = App()
        async with app.run_test(size=(80, 24)) as pilot:
            app.push_screen(ChoiceDialog("a [red]title\x1b[0m", OPTIONS))
            await pilot.pause()
            assert "a [red]title" in text_of(app)
            assert "first [b]thing" in text_of(app)

    run(test())


def test_a_text_of_many_lines_is_asked_for_in_one() -> None:
    async def test() -> None:
        app: App[None] = App()
        async with app.run_test(size=(80, 24)) as pilot:
            app.push_screen(TextDialog("Note", "one\ntwo"))
            await wait_for(pilot, lambda: "one two" in text_of(app))
            assert app.screen.query_one(Input).value == "one two"

    run(test())


def test_a_file_that_cannot_be_written_is_refused_within_the_dialog(tmp_path: Path) -> None:
    async def test() -> None:
        app: Any = App()
        app.may_change = lambda: True
        async with app.run_test(size=(100, 30)) as pilot:
            worker = app.run_worker(export(app, "curves", {".csv": lambda: "a,b\n"}))
            await wait_for(pilot, lambda: isinstance(app.screen, TextDialog))
            app.screen.query_one(Input).value = str(tmp_path / "missing" / "a.csv")
            await pilot.press("enter")
            await wait_for(pilot, lambda: "there is no folder" in text_of(app))
            assert app.screen.query_one(Input).value.endswith("a.csv")
            app.screen.query_one(Input).value = str(tmp_path / "a.csv")
            await pilot.press("enter")
            await wait_for(pilot, lambda: worker.is_finished)
            assert (tmp_path / "a.csv").read_text() == "a,b\n"

    run(test())
