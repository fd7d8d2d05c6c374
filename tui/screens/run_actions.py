"""What can be done with the runs of the table: marked, labelled, compared, copied, stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType

from engine.facts.words import count
from engine.library.summary import RunSummary
from tui.dialogs import ConfirmDialog
from tui.job_menu import on_htcondor
from tui.labelling import archiving
from tui.screens.changing_runs import ChangingRuns
from tui.screens.marked_runs import MarkedRuns
from tui.screens.runs_on_htcondor import named
from tui.table.run_table import RunTable


class RunActions(MarkedRuns, ChangingRuns):
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
        Binding("y", "copy", "Copy the path", show=False),
        Binding("Y", "copy_command", "Copy the command that trains the same", show=False),
        Binding("X", "stop", "Ask to stop", show=False),
    ]

    async def _is_meant(self, doing: str, runs: Sequence[RunSummary]) -> bool:
        """Whether runs are to be changed: somebody is asked if not all of them are shown."""
        unseen = self.told_unseen(runs)
        if not unseen:
            return True
        question = f"{doing} {named(runs)}?"
        return await self.app.push_screen_wait(ConfirmDialog(question, unseen))

    @on(RunTable.Opened)
    def _opened(self) -> None:
        row = self.table.row
        if row is not None and row.kind == "run":
            self.thesis.open_run(row.run.path)
        elif row is not None:
            self.table.action_turn(not row.is_open)

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
        held = ", not held: Q does that" if on_htcondor(runs) else ""
        self.notify(f"{count(len(paths), 'run')} hidden{held}; U shows them", timeout=3)

    @work
    async def action_archive(self) -> None:
        """Put the runs away, or take them out again."""
        runs = self.targets()
        if not runs or not self.thesis.may_change():
            return
        archived = not all(run.archived for run in runs)
        if await self._is_meant("archive" if archived else "take out again", runs):
            told = f"{count(len(runs), 'run')} {'archived' if archived else 'taken out again'}"
            self.change(archiving(archived), [run.path for run in runs], told)

    def copied(self) -> tuple[str, str]:
        """The paths of the runs."""
        paths = [run.path for run in self.targets()]
        return "\n".join(paths), count(len(paths), "path")
