"""What can be done with the run that is looked at: copy, tag, note, stop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import Binding, BindingType

from engine.tables.commands import resume_command, train_command
from tui.dialogs import ChoiceDialog, ConfirmDialog, TextDialog
from tui.labelling import Change, apply, noting, stopping, tagging
from tui.screens.starting_again import StartingAgain

if TYPE_CHECKING:
    from engine.library.summary import RunSummary


class OneRunActions(StartingAgain):
    """A page of one run, `summary`, whose directory is at `path`."""

    path: str
    summary: RunSummary | None

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "Copy", tooltip="Copy what the cursor is on, or the path of the run"),
        Binding("Y", "copy_command", "Copy the command", show=False),
        Binding("t", "tags", "Tags"),
        Binding("n", "note", "Note"),
        Binding("X", "stop_run", "Stop", tooltip="Ask the run to save and end"),
        Binding("e", "edit", "Edit as new", tooltip="A draft with the config of this run"),
    ]

    def copied(self) -> tuple[str, str]:
        """What `y` copies, and what it is."""
        return self.path, "the path of the run"

    def run_to_start(self) -> RunSummary | None:
        """The run."""
        return self.summary

    def action_copy(self) -> None:
        """Copy what the cursor is on, or the path of the run."""
        text, what = self.copied()
        if text:
            self.thesis.copy(text, what)

    def action_edit(self) -> None:
        """Begin a draft with the config of this run."""
        self.thesis.configure(self.path)

    @work(exclusive=True, group="dialog")
    async def action_copy_command(self) -> None:
        """Copy the command that goes on with the run, or that trains the same again."""
        run = self.summary
        if run is None:
            return
        known = (("go on with it", resume_command(run)), ("train it again", train_command(run)))
        found = [(command, f"{what}: {command}") for what, command in known if command]
        if not found:
            self.notify("no command is known: the run tells no config", timeout=3)
            return
        command: str | None = found[0][0]
        if len(found) > 1:
            command = await self.app.push_screen_wait(ChoiceDialog("copy the command to …", found))
        if command:
            self.thesis.copy(command, "the command")

    @work(exclusive=True, group="dialog")
    async def action_tags(self) -> None:
        """Change the tags."""
        run = self.summary
        if run is None or not self.thesis.may_change():
            return
        dialog = TextDialog(f"tags of {run.name}", " ".join(run.tags), "words with blanks between")
        text = await self.app.push_screen_wait(dialog)
        if text is not None:
            await self._change(tagging(run.tags, text), run)

    @work(exclusive=True, group="dialog")
    async def action_note(self) -> None:
        """Change the note."""
        run = self.summary
        if run is None or not self.thesis.may_change():
            return
        before = " ".join(run.note.split())
        text = await self.app.push_screen_wait(TextDialog(f"note on {run.name}", before))
        if text is not None and text != before:
            await self._change(noting(text.strip()), run)

    @work(exclusive=True, group="dialog")
    async def action_stop_run(self) -> None:
        """Ask the run to save and end."""
        run = self.summary
        if run is None or not self.thesis.may_change():
            return
        change, paths = stopping([run])
        if not paths:
            self.notify("nothing to stop: it is not under way", timeout=3)
            return
        details = "It finishes its present step, saves, and ends; engine resume goes on with it."
        if await self.app.push_screen_wait(ConfirmDialog(f"stop {run.name}?", details)):
            await self._change(change, run)

    async def _change(self, change: Change, run: RunSummary) -> None:
        """Change the run in a thread, and look at it again; say so where that cannot be."""
        problem = await asyncio.to_thread(apply, change, [run.path])
        if problem:
            self.notify(problem, severity="error")
        self.thesis.library.hurry()
