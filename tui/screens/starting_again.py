"""Keys that start a past run again: to go on with it, or with another seed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from engine.errors import EngineError
from engine.facts.text import plain
from engine.launch.job import HTCONDOR
from engine.library.summary import RunSummary
from tui.dialogs import ConfirmDialog
from tui.page import Page


class StartingAgain(Page):
    """A page with a run that can be started again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("R", "resume_run", "Resume", show=False, tooltip="Go on where it was saved last"),
        Binding("r", "train_again", "Again", show=False, tooltip="Train again with another seed"),
    ]

    def run_to_start(self) -> RunSummary | None:
        """The run that a key is for; None if there is none, or several."""
        raise NotImplementedError

    @work(exclusive=True, group="dialog")
    async def action_resume_run(self) -> None:
        """Go on with the run."""
        from tui import starts  # whoever only looks at runs does not wait for it

        run = self.run_to_start()
        if run is None or not self.thesis.may_change():
            return
        why_not = starts.cannot_resume(run)
        if why_not:
            self.notify(plain(why_not), timeout=5, markup=False)
            return
        details = f"It goes on in its own directory, {place_of(run)}, where it was saved last."
        if await self.app.push_screen_wait(ConfirmDialog(f"go on with {run.name}?", details)):
            trusted = self.thesis.settings.trusted
            await self._start(lambda: starts.resume(run, trusted))

    @work(exclusive=True, group="dialog")
    async def action_train_again(self) -> None:
        """Train the config of the run with another seed."""
        from tui import starts

        run = self.run_to_start()
        if run is None or not self.thesis.may_change():
            return
        try:
            seed = starts.next_seed(run, self.thesis.runs)
        except EngineError as error:
            self.notify(plain(error.message), severity="warning", markup=False)
            return
        settings = self.thesis.settings
        folders, trusted = [str(folder) for folder in settings.config_dirs], settings.trusted
        question = f"train {run.name} again with seed {seed}?"
        details = f"It gets a directory of its own and trains {place_of(run)}; e changes more."
        if await self.app.push_screen_wait(ConfirmDialog(question, details)):
            root = self.thesis.root
            await self._start(lambda: starts.train_again(run, seed, root, folders, trusted))

    async def _start(self, start: Callable[[], Path]) -> None:
        """Start in a thread, and go to see it; say so where that cannot be."""
        try:
            path = await asyncio.to_thread(start)
        except EngineError as error:
            told = error.in_a_line
            self.notify(plain(told), title="not started", severity="error", markup=False)
            return
        self.thesis.show_started(path, sweep=False)


def place_of(run: RunSummary) -> str:
    """Where it is started again: where it was."""
    return "on HTCondor as before" if run.launcher == HTCONDOR else "on this machine"
