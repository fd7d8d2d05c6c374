"""The first screen: all runs in one table."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType

from engine.library.summary import RunSummary
from tui.screens.run_actions import RunActions
from tui.table.column_picker import KeyPicker
from tui.table.filter_bar import FilterBar
from tui.table.keys import Words
from tui.table.rows import Arranged
from tui.table.run_table import RunTable
from tui.table.views import choices, order_by, reversed_order

if TYPE_CHECKING:
    from tui.queue_feed import Standing

_OF_RUNS = frozenset(
    ("filter", "sort", "reverse", "group", "fold", "columns", "everything", "mark", "mark_all",
     "unmark", "compare", "pin", "tag", "note", "archive", "hide", "copy", "copy_command",
     "stop")
)  # fmt: skip
"""What does nothing where there are no runs."""


class RunsPage(RunActions):
    """One row a run: filtered, ordered, grouped, marked.

    Parameters
    ----------
    filter
        The filter to begin with; without one that of last time.
    """

    HELP_TITLE = "runs"
    _had_runs: bool | None = None
    _queue_told: tuple[Mapping[str, Standing], Sequence[str]] = ({}, ())
    BINDINGS: ClassVar[list[BindingType]] = [
        # Before all others, so that what is typed right behind it goes into the filter.
        Binding("slash", "filter", "Filter", key_display="/", priority=True),
        Binding("s", "sort", "Sort"),
        Binding("S", "reverse", "The other way round", show=False),
        Binding("g", "group", "Group"),
        Binding("f", "fold", "Fold seeds"),
        Binding("C", "columns", "Columns"),
        Binding("J", "app.jobs", "Jobs", tooltip="What was launched, with its log"),
        Binding("U", "everything", "Show hidden and archived runs, or not", show=False),
        Binding("escape", "back", "Clear the filter, then the marks", show=False),
        Binding("q", "app.quit", "Quit", show=False),
    ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key does something now: a slash within a filter is part of it."""
        if action in _OF_RUNS and self._begun and not self.thesis.runs:
            return False
        return not (action == "filter" and self.is_mounted and self.filter_bar.is_open)

    def is_offered(self, action: str) -> bool:
        """Whether the line of keys names the key: not before the table is there."""
        return (self._begun or action != "act_on_job") and super().is_offered(action)

    def runs_changed(self) -> None:
        """Offer what can be done with runs once there are some."""
        super().runs_changed()
        if self._had_runs is not bool(self.thesis.runs):
            self._had_runs = bool(self.thesis.runs)
            self.refresh_bindings()

    def queue_changed(self) -> None:
        """HTCondor has said how long jobs wait, and where they run; or it is silent."""
        told = (self.thesis.standings, self.thesis.silences)
        if told != self._queue_told:
            self._queue_told = told
            self._arrange()

    def tell_row(self) -> None:
        """What is said about the row; and its key, if its job is on HTCondor."""
        super().tell_row()
        self.offer_keys()

    def show_only(self, filter: str) -> None:
        """Filter the runs until somebody filters otherwise; the next start knows nothing of it."""
        self._filter = filter
        self.look_at(replace(self.view, filter=filter), from_top=True)

    def action_filter(self) -> None:
        """Type a filter."""
        self.filter_bar.open(self.view.filter, self.thesis.runs)
        self._tell()

    @on(FilterBar.Typed)
    def _preview(self, message: FilterBar.Typed) -> None:
        self.view = replace(self.view, filter=message.text.strip())
        self._arrange()

    @on(FilterBar.Decided)
    @on(FilterBar.Left)
    def _decided(self, message: Any) -> None:
        self.thesis.remembered.keep("runs.history", self.filter_bar.history)
        self.set_focus(self.table)
        self.look_at(replace(self.view, filter=message.text))

    def action_back(self) -> None:
        """One layer out: the filter, then the marks."""
        if self.put_said_away():
            return
        if self.view.filter:
            self.look_at(replace(self.view, filter=""))
        elif self.marked:
            self.action_unmark()

    def _words(self) -> Words:
        return Words(
            self.thesis.runs,
            time.time(),
            self.thesis.sparks.smoothed,
            standings=self.thesis.standings,
        )

    @work
    async def action_sort(self) -> None:
        """Pick what the runs are ordered by."""
        keys = choices(self._words(), self._result or Arranged(), self._example())
        picked = await self.app.push_screen_wait(
            KeyPicker("order by (again: the other way round)", keys, several=False)
        )
        if picked:
            self._sort_by(picked[0])

    @on(RunTable.TitleClicked)
    def _title_clicked(self, message: RunTable.TitleClicked) -> None:
        self._sort_by(message.name)

    def _sort_by(self, name: str) -> None:
        words = self._words()
        if words.usable([name])[0]:
            self.look_at(
                replace(self.view, sort=order_by(name, words, self.view.sort)), from_top=True
            )

    def action_reverse(self) -> None:
        """The other way round."""
        self.look_at(replace(self.view, sort=reversed_order(self.view.sort)), from_top=True)

    @work
    async def action_group(self) -> None:
        """Pick the keys that make the groups."""
        keys = choices(self._words(), self._result or Arranged(), self._example(), to_group=True)
        title, by = "group by", self.view.by
        picked = await self.app.push_screen_wait(KeyPicker(title, keys, by, empty="no groups"))
        if picked is not None:
            self.look_at(replace(self.view, by=picked, turned=frozenset()))

    def action_fold(self) -> None:
        """One row for runs that differ in the seed alone, or one for each."""
        self.look_at(replace(self.view, seeds=not self.view.seeds))

    @work
    async def action_columns(self) -> None:
        """Pick the columns and their order."""
        result = self._result or Arranged()
        keys = choices(self._words(), result, self._example())
        picked = await self.app.push_screen_wait(
            KeyPicker("columns", keys, result.names, empty="the usual ones")
        )
        if picked is not None and picked != result.names:
            self.look_at(replace(self.view, columns=picked))

    def action_everything(self) -> None:
        """Show hidden and archived runs as well, or not."""
        self.look_at(replace(self.view, everything=not self.view.everything))

    @on(RunTable.Turned)
    def _turned(self, message: RunTable.Turned) -> None:
        self.look_at(replace(self.view, turned=self.view.turned ^ {message.id}))

    def _example(self) -> tuple[RunSummary, ...]:
        row = self.table.row
        return row.runs[:1] if row else ()
