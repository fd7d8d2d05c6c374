"""What can be done with the run that is looked at: copy, tag, note, stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from engine.facts.state import RESUMABLE, UNDER_WAY
from tui.screens.changing_runs import ChangingRuns

if TYPE_CHECKING:
    from engine.library.summary import RunSummary


class OneRunActions(ChangingRuns):
    """A page of one run, `summary`, whose directory is at `path`."""

    path: str
    summary: RunSummary | None

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "Copy", tooltip="Copy what the cursor is on, or the path of the run"),
        Binding("Y", "copy_command", "Copy the command", show=False),
        Binding("t", "tag", "Tags"),
        Binding("n", "note", "Note"),
        Binding("X", "stop", "Stop", tooltip="Ask the run to save and end"),
        Binding("R", "resume_run", "Resume", tooltip="Go on where it was saved last"),
        Binding("e", "edit", "Edit as new", tooltip="A draft with the config of this run"),
    ]

    def copied(self) -> tuple[str, str]:
        """What `y` copies, and what it is."""
        return self.path, "the path of the run"

    def targets(self) -> tuple[RunSummary, ...]:
        """The run."""
        return (self.summary,) if self.summary else ()

    def is_offered(self, action: str) -> bool:
        """Whether a key does something with the run: it can be stopped, or gone on with."""
        states = {"stop": UNDER_WAY, "resume_run": RESUMABLE}
        if action in states:
            return self.summary is not None and self.summary.state in states[action]
        return super().is_offered(action)

    def action_edit(self) -> None:
        """Begin a draft with the config of this run."""
        self.thesis.configure(self.path)
