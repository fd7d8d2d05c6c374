"""What can be done with the runs of the table: marked, labelled, compared, copied, stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.message import Message

from engine.facts.words import count
from engine.library.summary import RunSummary
from engine.tables.commands import train_command
from tui.dialogs import ConfirmDialog, TextDialog
from tui.labelling import Change, apply, archiving, noting, shared_tags, stopping, tagging
from tui.screens.marked_runs import MarkedRuns
from tui.screens.starting_again import StartingAgain
from tui.table.run_table import RunTable


class RunActions(MarkedRuns, StartingAgain):
    """What acts on runs: the marked ones, or else those of the row."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "compare", "Compare"),
        Binding("N", "configure", "New", tooltip="Configure a training, and start it"),
        Binding(
            "e", "edit", "Edit as new", show=False, tooltip="A draft with the config of the run"
        ),
        Binding("p", "pin", "Keep on top, or not", show=False),
        Binding("t", "tag", "Tags", show=False),
        Binding("n", "note", "Note", show=False),
        Binding("A", "archive", "Archive, or take out again", show=False),
        Binding("H", "hide", "Hide, or show again", show=False),
        Binding("y", "copy_path", "Copy the path", show=False),
        Binding("Y", "copy_command", "Copy the command that trains the same", show=False),
        Binding("X", "stop", "Ask to stop", show=False),
    ]

    class Changed(Message):
        """Runs were changed, or could not be."""

        def __init__(self, problem: str, done: str) -> None:
            super().__init__()
            self.problem, self.done = problem, done

    async def _is_meant(self, doing: str, runs: Sequence[RunSummary]) -> bool:
        """Whether runs are to be changed: somebody is asked if not all of them are shown."""
        unseen = self.told_unseen(runs)
        if not unseen:
            return True
        question = f"{doing} {_named(runs)}?"
        return await self.app.push_screen_wait(ConfirmDialog(question, unseen))

    @on(RunTable.Opened)
    def _opened(self) -> None:
        row = self.table.row
        if row is not None and row.kind == "run":
            self.thesis.open_run(row.run.path)
        elif row is not None:
            self.table.action_turn(not row.is_open)

    def run_to_start(self) -> RunSummary | None:
        """The run under the cursor; None if there is none, or a group."""
        runs = self.row_runs()
        return runs[0] if len(runs) == 1 else None

    def action_compare(self) -> None:
        """Lay the marked runs over each other, or those of the group."""
        runs = self.targets()
        if len(runs) > 1:
            self.thesis.compare([run.path for run in runs])
        else:
            self.notify("mark two runs or more with space, then compare them", timeout=4)

    def action_configure(self) -> None:
        """Go on with the draft of a training, or begin one."""
        self.thesis.configure()

    def action_edit(self) -> None:
        """Begin a draft with the config of the run."""
        runs = self.row_runs()
        if len(runs) == 1:
            self.thesis.configure(runs[0].path)
        else:
            self.notify("put the cursor on one run, whose config is to be edited", timeout=3)

    def action_pin(self) -> None:
        """Keep the runs on top, or not."""
        paths = frozenset(run.path for run in self.row_runs())
        pinned = self.view.pinned
        self.look_at(
            replace(self.view, pinned=pinned - paths if paths <= pinned else pinned | paths)
        )

    @work
    async def action_hide(self) -> None:
        """Hide the runs, which U shows; or have them back."""
        runs = self.targets()
        paths = frozenset(run.path for run in runs)
        are_hidden = paths <= self.view.hidden
        if not runs or not await self._is_meant("show again" if are_hidden else "hide", runs):
            return
        hidden = self.view.hidden
        if are_hidden:
            self.look_at(replace(self.view, hidden=hidden - paths))
            return
        self.set_marks(path for path in self.marked if path not in paths)
        self.look_at(replace(self.view, hidden=hidden | paths))
        self.notify(f"{count(len(paths), 'run')} hidden; U shows them", timeout=3)

    @work
    async def action_tag(self) -> None:
        """Give the runs other tags."""
        runs = self.targets()
        if not runs or not self.thesis.may_change():
            return
        before = shared_tags(runs)
        hint = "words with blanks between; what is taken away here is taken from the runs"
        title = ". ".join(filter(None, [f"tags of {_named(runs)}", self.told_unseen(runs)]))
        text = await self.app.push_screen_wait(TextDialog(title, " ".join(before), hint))
        if text is not None:
            self._change(tagging(before, text), [run.path for run in runs], "")

    @work
    async def action_note(self) -> None:
        """Give the run another note."""
        runs = self.row_runs()
        if len(runs) != 1 or not self.thesis.may_change():
            return
        title = f"note on {_named(runs)}"
        text = await self.app.push_screen_wait(TextDialog(title, runs[0].note))
        if text is not None:
            self._change(noting(text), [runs[0].path], "")

    @work
    async def action_archive(self) -> None:
        """Put the runs away, or take them out again."""
        runs = self.targets()
        if not runs or not self.thesis.may_change():
            return
        archived = not all(run.archived for run in runs)
        if await self._is_meant("archive" if archived else "take out again", runs):
            told = f"{count(len(runs), 'run')} {'archived' if archived else 'taken out again'}"
            self._change(archiving(archived), [run.path for run in runs], told)

    @work
    async def action_stop(self) -> None:
        """Ask the runs to save and end."""
        runs = self.targets()
        change, paths = stopping(runs)
        if not paths:
            self.notify("nothing to stop: no run under way", timeout=3)
        elif self.thesis.may_change():
            asked = [run for run in runs if run.path in paths]
            what = _named(asked)
            details = "Each finishes its present step, saves, and ends; it can be resumed."
            details = " ".join(filter(None, [details, self.told_unseen(asked, end=".")]))
            if await self.app.push_screen_wait(ConfirmDialog(f"stop {what}?", details)):
                self._change(change, paths, f"asked {what} to stop")

    def action_copy_path(self) -> None:
        """Copy the paths."""
        paths = [run.path for run in self.targets()]
        if paths:
            self.thesis.copy("\n".join(paths), count(len(paths), "path"))

    def action_copy_command(self) -> None:
        """Copy the commands that train the same again."""
        commands = [line for line in map(train_command, self.targets()) if line]
        if commands:
            self.thesis.copy("\n".join(commands), count(len(commands), "command"))
        else:
            self.notify("no command is known: the run tells no config", timeout=3)

    @work(thread=True, group="change", description="change")
    def _change(self, change: Change, paths: Sequence[str], done: str) -> None:
        self.post_message(self.Changed(apply(change, paths), done))

    @on(Changed)
    def _changed(self, message: Changed) -> None:
        message.stop()
        if message.problem:
            self.notify(message.problem, severity="error")
        elif message.done:
            self.notify(message.done, timeout=3)
        self.thesis.library.hurry()


def _named(runs: Sequence[RunSummary]) -> str:
    return runs[0].name if len(runs) == 1 else count(len(runs), "run")
