"""Configure a training: a form, what it composes to, the points of a sweep, a check, the start."""

from __future__ import annotations

import os
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from engine.facts.text import plain
from engine.facts.words import count
from tui.configure.check_list import CheckList
from tui.configure.estimate import time_of
from tui.configure.form_list import FormList
from tui.configure.form_pane import FormPane
from tui.configure.jumping import Jumping
from tui.configure.messages import PointsChecked, PointsMade
from tui.configure.override_line import OverrideLine
from tui.configure.part_list import PartList
from tui.configure.points_list import PointsList
from tui.configure.preview import Preview, told_changed
from tui.configure.target_words import NOTHING_CHANGED, head_title
from tui.configure.told_lines import CommandLine, FieldLines, ProblemLines
from tui.widgets.key_line import KeyLine
from tui.widgets.listing import Listing
from tui.widgets.said_line import SaidLine
from tui.widgets.search_line import SearchLine
from tui.widgets.tab_line import TabLine

PARTS = ("Form", "Composed", "Points", "Check")
_IDS = ("form", "composed", "points", "check")

WIDE = 100
"""Columns from which on the form has another part beside it."""


class ConfigurePage(Jumping):
    """The form at the left, what comes of it at the right, the command below.

    Parameters
    ----------
    run
        Path of a run to begin with its config; empty for the draft that was written last.
    """

    HELP_TITLE = "configure"
    DEFAULT_CSS = """
    ConfigurePage {
        & #parts { height: 1fr; }
        & FormPane { width: 3fr; height: 1fr; }
        & ContentSwitcher { width: 2fr; height: 1fr; margin-left: 1; }
        & ContentSwitcher > Listing { height: 1fr; width: 1fr; }
        &.narrow FormPane, &.narrow ContentSwitcher { width: 1fr; margin: 0; }
        &.narrow.other FormPane { display: none; }
        &.narrow.own ContentSwitcher { display: none; }
        &.low FieldLines { height: 1; }
        &.tiny FieldLines, &.tiny CommandLine, &.tiny KeyLine { display: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(n + 1), f"part({n})", name, show=False)
            for n, name in enumerate(PARTS)
        ),
        Binding("tab", "next_part(1)", "Next part"),
        Binding("shift+tab", "next_part(-1)", "Previous part", show=False),
        Binding("T", "target", "HTCondor", tooltip="Train on HTCondor, or on this machine"),
        Binding("y", "copy", "Copy", show=False, tooltip="Copy the command"),
        Binding("escape,q", "back", "Back", key_display="esc"),
    ]  # fmt: skip

    def __init__(self, run: str = "") -> None:
        super().__init__(run)
        self.part = 0
        """The part that the keys are for."""
        self._beside = 1
        self._typed_problem = ""

    def compose(self) -> ComposeResult:
        """Tabs, form and what is beside it, problems, the field, overrides, command, keys."""
        look = self.thesis.look
        yield TabLine(PARTS)
        with Horizontal(id="parts"):
            yield FormPane(look, id="form")
            with ContentSwitcher(initial="composed"):
                yield Preview(id="composed", ascii=look.ascii)
                yield PointsList(look, id="points")
                yield CheckList(look, id="check")
        yield SearchLine()
        yield ProblemLines()
        yield FieldLines(look)
        yield OverrideLine()
        yield CommandLine()
        yield SaidLine()
        yield KeyLine()

    def on_mount(self) -> None:
        """Begin with the draft that was written last."""
        self.query_one(ProblemLines).display = False
        self._lay_out()
        self.query_one(FormList).focus()
        self.begin()

    @property
    def is_settled(self) -> bool:
        """Whether all that this page shows is there."""
        if not self._is_ready:
            return False
        points = self.query_one(PointsList)
        checked = len(points.problems) == len(points.points)
        return self.is_composed and self.is_idle and checked and not self.doing

    def runs_changed(self) -> None:
        """What past runs took may be known better."""
        if self._is_ready:
            self.query_one(FormList).suggest(self.suggestions())
            self._show_note()

    # The layout.

    def on_resize(self) -> None:
        """Fit the parts to the room."""
        if self._is_ready:
            self._lay_out()
            self._show_lines()

    @property
    def _is_ready(self) -> bool:
        """Whether all parts are there: not yet at the beginning, and no longer at the end."""
        return self.is_running and bool(self.query(KeyLine))

    def _lay_out(self) -> None:
        width, height = self.size.width or self.app.size.width, self.app.size.height
        self.set_class(width < WIDE, "narrow")
        self.set_class(height < 20, "low")
        self.set_class(height < 10, "tiny")
        self.set_class(self.part == 0, "own")
        self.set_class(self.part != 0, "other")
        self.query_one(ContentSwitcher).current = _IDS[self._beside]

    def _room(self, low: int, high: int) -> int:
        """Lines that something may take, by the height of the screen."""
        return low if self.app.size.height < 24 else high

    # What the draft says.

    def show_draft(self) -> None:
        """Show the draft at once, with what was composed before."""
        overrides = self.draft.overrides
        self.forget_report()
        self.query_one(FormList).show_form(None, overrides)
        self.query_one(OverrideLine).show(overrides)
        self.query_one(PointsList).show_struck(self.draft.struck)
        self._show_lines()

    def show_form(self) -> None:
        """Show what the draft composes to."""
        pane = self.query_one(FormPane)
        pane.form.show_form(self.form, self.draft.overrides)
        self.show_resources()
        pane.place()
        self.query_one(Preview).show_composed(self.composed)
        self.problem_at = -1
        self.show_report()

    def show_points(self, message: PointsMade) -> None:
        """Show the points of the sweep."""
        self.query_one(PointsList).show_points(message.points, message.problem)
        self._show_lines()

    def show_checked(self, message: PointsChecked) -> None:
        """Show which points are right."""
        self.query_one(PointsList).show_problems(message.problems)
        self._show_note()

    def show_typed(self, problem: str) -> None:
        """Show what is wrong with what is being typed."""
        self._typed_problem = problem
        self._show_field()

    def show_report(self) -> None:
        """Show what the check found."""
        self.query_one(CheckList).show_report(self.problems(), self.report, self.doing)
        self.query_one(FormList).suggest(self.suggestions())
        self._show_lines()

    def show_check(self) -> None:
        """Open the part with the report."""
        self.action_part(3)

    def show_form_part(self) -> None:
        """Open the form."""
        self.action_part(0)

    def _show_lines(self) -> None:
        """All that stands around the parts."""
        # The part with the check has them all.
        problems = [] if self.part == 3 else [problem.text for problem in self.problems()]
        self.query_one(ProblemLines).show(problems, self._room(1, 4), self.problem_at)
        self.query_one(CommandLine).show(self.command, self._room(1, 3))
        self._show_field()
        self._show_note()
        self.refresh_bindings()

    def _show_field(self) -> None:
        """What is known of the line under the cursor; of a key what the form knows of it."""
        view, form = self._view(), self.query_one(FormList)
        row = form.row_of(view.key) if view.key else view.told
        self.query_one(FieldLines).show(row, self._typed_problem)

    def _show_note(self) -> None:
        name, parent = plain(self.draft.name), plain(os.path.basename(self.draft.parent))
        title = f"draft {name}" if name else f"from {parent}" if parent else "new training"
        told = self._note()
        title = head_title(title, self.target, told, self.size.width)
        self.query_one(TabLine).show(title, self.part, told)

    def _note(self) -> str:
        """The state of the draft, in a few words."""
        if self.doing or not self.is_composed:
            return self.doing or "composing …"
        points = self.query_one(PointsList)
        changed = told_changed(self.composed, self.form, self.draft.overrides)
        problems = count(len(self.problems()), "problem")
        checked = "checked" if self.report and self.report.ok and not problems else ""
        seconds = self.report.epoch_s if self.report else None
        time = time_of(self.form, seconds, self.thesis.runs, points.n_left or 1)
        told = [problems, changed, points.note(), time, checked]
        return ", ".join(filter(None, told)) or NOTHING_CHANGED

    @on(PartList.Moved)
    def _moved(self, message: PartList.Moved) -> None:
        message.stop()
        row = self.query_one(FormList).row
        if self.part == 0 and row is not None and row.kind != "group":
            self.query_one(Preview).show_key(row.key)
        self._show_field()

    # Parts.

    def action_part(self, number: int) -> None:
        """Open a part."""
        self.part = number
        self._beside = number or self._beside
        self.query_one(SearchLine).display = False
        self._lay_out()
        self._view().focus()
        self._show_lines()

    def action_next_part(self, way: int) -> None:
        """Open the next part, or the one before."""
        self.action_part((self.part + way) % len(PARTS))

    def _view(self) -> PartList:
        """The list of the open part."""
        place = "FormList" if self.part == 0 else f"#{_IDS[self.part]}"
        return self.query_one(place, PartList)

    @on(events.DescendantFocus)
    def _focused(self, event: events.DescendantFocus) -> None:
        """A click into a part opens it."""
        views: list[Widget] = [self.query_one(FormList), self.query_one(Preview)]
        views += [self.query_one(PointsList), self.query_one(CheckList)]
        if event.widget in views and views.index(event.widget) != self.part:
            self.part = views.index(event.widget)
            self._show_lines()

    @on(TabLine.Opened)
    def _tab_clicked(self, event: TabLine.Opened) -> None:
        self.action_part(event.number)

    @on(Listing.SearchAsked)
    def _search(self, event: Listing.SearchAsked) -> None:
        self.query_one(SearchLine).ask(event.listing)

    # The clipboard, and out.

    @on(CommandLine.Clicked)
    def action_copy(self) -> None:
        """Copy the command."""
        self.thesis.copy(self.command, "the command")

    def action_back(self) -> None:
        """One layer out: a failure, a search, the other part, the screen; the draft is kept."""
        view = self._view()
        if self.query_one(SaidLine).put_away():
            return
        if view.searched:
            view.search("")
        elif isinstance(view, FormList) and view.changed_only:
            view.action_changed_only()
        elif self.part != 0:
            self.action_part(0)
        else:
            self.dismiss(None)
