"""The table of runs with marks, which say what the next key is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from engine.library.summary import RunSummary
from tui.screens.shown_runs import ShownRuns
from tui.table.views import still_there, without_gone


class MarkedRuns(ShownRuns):
    """Runs are marked, also those that a filter leaves out afterwards."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "Mark"),
        Binding("a", "mark_all", "Mark all that are shown", show=False),
        Binding("x", "unmark", "Mark none", show=False),
    ]

    def on_mount(self) -> None:
        """Mark what was marked last."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self._colour_marks())
        self.set_marks(self.thesis.remembered.texts("runs.marked"))

    def on_screen_resume(self) -> None:
        """Have the colours back that another screen may have given to its runs."""
        self._colour_marks()

    def runs_changed(self) -> None:
        """Forget marks, pins and what is hidden of runs that are no longer there."""
        if self.thesis.runs and self._is_ready:
            self.view = without_gone(self.thesis.remembered, self.view, self.thesis.runs)
        if self.marked and self.thesis.runs and self._is_ready:
            marked = still_there(self.marked, self.thesis.runs)
            if len(marked) < len(self.marked):
                self.set_marks(marked)
        super().runs_changed()

    def set_marks(self, paths: Iterable[str]) -> None:
        """Mark these runs and no others; each has the colour of its curves."""
        self.marked = dict.fromkeys(paths)
        self.thesis.remembered.keep("runs.marked", list(self.marked))
        self.table.marks = self.thesis.colours_of(list(self.marked))
        self.table.update_lines()
        self.tell_row()

    def row_runs(self) -> tuple[RunSummary, ...]:
        """The run under the cursor, or those of the group; none while no table is seen."""
        row = self.table.row if self.table.display else None
        return row.runs if row else ()

    def targets(self) -> tuple[RunSummary, ...]:
        """The marked runs that are still there, or those of the row."""
        marked = tuple(run for run in self.thesis.runs if run.path in self.marked)
        return marked or self.row_runs()

    def told_unseen(self, runs: Sequence[RunSummary], end: str = "") -> str:
        """How many of the runs the table does not show; empty if it shows all of them."""
        shown = {run.path for run in self.table.arranged.shown} if self.table.display else set()
        n = sum(run.path not in shown for run in runs)
        return f"{n} of them {'is' if n == 1 else 'are'} not shown{end}" if n else ""

    def action_mark(self) -> None:
        """Mark the run, or all of the group, or leave them; and go on to the next row."""
        paths = [run.path for run in self.row_runs()]
        if all(path in self.marked for path in paths):
            self.set_marks(path for path in self.marked if path not in paths)
        else:
            self.set_marks([*self.marked, *paths])
        self.table.action_move(1)

    def action_mark_all(self) -> None:
        """Mark all runs that are shown."""
        shown = [run.path for row in self.table.arranged.rows for run in row.runs]
        self.set_marks([*self.marked, *shown])

    def action_unmark(self) -> None:
        """Mark none."""
        self.set_marks(())

    def _colour_marks(self) -> None:
        """Colour the marks anew, while no other screen has the colours."""
        if self.is_current and self._is_ready:
            self.table.marks = self.thesis.colours_of(list(self.marked))
            self.table.update_lines()
