"""Asks for the name of a file, and writes what is seen to it."""

from __future__ import annotations

import asyncio
import os
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
"""Ending of a file's name to what makes its text; it is called in a thread."""


async def export(app: ThesisApp, stem: str, makers: Makers) -> None:
    """Ask for a name, and write the file; one that is there is replaced only after a yes.

    To be called in a worker, as it waits for answers.
    """
    if not app.may_change():
        return
    folder, ends = _folder(), list(makers)
    told = f"in {plain(folder)}" if folder else "the folder that this was started in is gone"
    hint = f"its ending says what is written: {', '.join(ends)}\n{told}"
    answer = free_name(stem, ends[0], folder) if folder else f"{stem}{ends[0]}"
    problem: str | None = ""
    while problem is not None:
        dialog = TextDialog("Export to a file", answer, hint, problem)
        typed = await app.push_screen_wait(dialog)
        if typed is None:
            return
        answer, problem = typed, await _write(app, typed, makers)


def _folder() -> Path | None:
    """Where a name without a folder leads; None if that is no longer there."""
    try:
        return Path.cwd()
    except OSError:
        return None


async def _write(app: ThesisApp, answer: str, makers: Makers) -> str | None:
    """Write the file; why another name is wanted, or None if it is done."""
    try:
        path = path_of(answer)
        make, write = makers[format_of(path, list(makers))], write_new
        if os.path.lexists(path):
            if not await app.push_screen_wait(ConfirmDialog(f"Replace {path}?", "It is there.")):
                return ""
            write = write_over
        # Millions of values take seconds: in a thread the keys go on.
        await asyncio.to_thread(lambda: write(path, make()))
    except EngineError as error:
        return error.in_a_line
    app.notify(f"wrote {path}", timeout=4)
    return None
