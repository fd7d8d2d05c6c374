"""What keys do with runs, in the table and on the page of one: tags, note, stopping, copying."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on, work
from textual.message import Message

from engine.facts.words import count
from engine.library.summary import RunSummary
from engine.tables.commands import resume_command, train_command
from tui.dialogs import ChoiceDialog, ConfirmDialog, TextDialog
from tui.labelling import Change, apply, noting, shared_tags, stopping, tagging
from tui.screens.runs_on_htcondor import RunsOnHTCondor, named
from tui.screens.starting_again import StartingAgain


class ChangingRuns(StartingAgain, RunsOnHTCondor):
    """A page with runs that a key is for."""

    class Changed(Message):
        """Runs were changed, or could not be."""

        def __init__(self, problem: str, done: str) -> None:
            super().__init__()
            self.problem, self.done = problem, done

    def row_runs(self) -> tuple[RunSummary, ...]:
        """Those that a key for one run is for: there may be more of them, or none."""
        return self.targets()

    def copied(self) -> tuple[str, str]:
        """What `y` copies, and what it is."""
        raise NotImplementedError

    def run_to_start(self) -> RunSummary | None:
        """The run that a key for one run is for; None if there is none, or several."""
        runs = self.row_runs()
        return runs[0] if len(runs) == 1 else None

    @work(exclusive=True, group="dialog")
    async def action_tag(self) -> None:
        """Give the runs other tags."""
        runs = self.targets()
        if not runs or not self.thesis.may_change():
            return
        before = shared_tags(runs)
        title = ". ".join(filter(None, [f"tags of {named(runs)}", self.told_unseen(runs)]))
        hint = "words with blanks between"
        if len(runs) > 1:
            hint += "; what is taken away here is taken from the runs"
        text = await self.app.push_screen_wait(TextDialog(title, " ".join(before), hint))
        if text is not None:
            self.change(tagging(before, text), [run.path for run in runs])

    @work(exclusive=True, group="dialog")
    async def action_note(self) -> None:
        """Give the run another note."""
        run = self.run_to_start()
        if run is None or not self.thesis.may_change():
            return
        text = await self.app.push_screen_wait(TextDialog(f"note on {run.name}", run.note))
        if text is not None and text != run.note:
            self.change(noting(text.strip()), [run.path])

    @work(exclusive=True, group="dialog")
    async def action_stop(self) -> None:
        """Ask the runs to save and end."""
        runs = self.targets()
        change, paths = stopping(runs)
        if not paths:
            self.notify("nothing to stop: no run under way", timeout=3)
        elif self.thesis.may_change():
            asked = [run for run in runs if run.path in paths]
            what, each = named(asked), "It" if len(asked) == 1 else "Each"
            details = f"{each} finishes its present step, saves, and ends; it can be resumed."
            details = " ".join(filter(None, [details, self.told_unseen(asked, end=".")]))
            if await self.app.push_screen_wait(ConfirmDialog(f"stop {what}?", details)):
                self.change(change, paths, f"asked {what} to stop")

    def action_copy(self) -> None:
        """Copy what the cursor is on, or where the runs are."""
        text, what = self.copied()
        if text:
            self.thesis.copy(text, what)

    @work(exclusive=True, group="dialog")
    async def action_copy_command(self) -> None:
        """Copy what trains the runs again; of one that can go on somebody chooses what to do."""
        runs = self.targets()
        commands = [line for line in map(train_command, runs) if line]
        resume = resume_command(runs[0]) if len(runs) == 1 else None
        if resume:
            ways = zip(("go on with it", "train it again"), (resume, *commands), strict=False)
            found = [(command, f"{what}: {command}") for what, command in ways]
            chosen: str | None = resume
            if len(found) > 1:
                dialog = ChoiceDialog("copy the command to …", found)
                chosen = await self.app.push_screen_wait(dialog)
            commands = [chosen] if chosen else []
        if commands:
            what = "the command" if len(commands) == 1 else count(len(commands), "command")
            self.thesis.copy("\n".join(commands), what)
        elif runs and not resume:
            self.notify("no command is known: the run tells no config", timeout=3)

    @work(thread=True, group="change", description="change")
    def change(self, change: Change, paths: Sequence[str], done: str = "") -> None:
        """Change the runs, and look at them again; tell what was done, or why it cannot be."""
        self.post_message(self.Changed(apply(change, paths), done))

    @on(Changed)
    def _changed(self, message: Changed) -> None:
        message.stop()
        if message.problem:
            self.notify(message.problem, severity="error")
        elif message.done:
            self.notify(message.done, timeout=3)
        self.thesis.library.hurry()
