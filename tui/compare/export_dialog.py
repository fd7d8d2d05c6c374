"""Asks for the name of a file, and writes what is seen to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import EngineError
from engine.facts.text import plain
from tui.compare.exporting import format_of, free_name, path_of, write_new, write_over
from tui.dialogs import ConfirmDialog, TextDialog

if TYPE_CHECKING:
    from tui.app import ThesisApp

Makers = Mapping[str, Callable[[], str]]
"""Ending of a file's name to what makes its text."""


async def export(app: ThesisApp, stem: str, makers: Makers) -> None:
    """Ask for a name, and write the file; one that is there is replaced only after a yes.

    To be called in a worker, as it waits for answers.
    """
    if not app.may_change():
        return
    ends = list(makers)
    default = free_name(stem, ends[0], Path.cwd())
    hint = f"its ending says what is written: {', '.join(ends)}\nin {plain(Path.cwd())}"
    answer: str | None = default
    problem: str | None = ""
    while answer is not None and problem is not None:
        dialog = TextDialog("Export to a file", answer, hint, problem)
        answer = await app.push_screen_wait(dialog)
        if answer is not None:
            problem = await _write(app, answer, makers)


async def _write(app: ThesisApp, answer: str, makers: Makers) -> str | None:
    """Write the file; why another name is wanted, or None if it is written."""
    try:
        path = path_of(answer)
        make = makers[format_of(path, list(makers))]
        if path.exists() or path.is_symlink():
            if not await app.push_screen_wait(ConfirmDialog(f"Replace {path}?", "It is there.")):
                return ""
            write_over(path, make())
        else:
            write_new(path, make())
    except EngineError as error:
        return str(error)
    app.notify(f"wrote {plain(path)}", timeout=4, markup=False)
    return None
