"""The table of runs with what stands around it; kept up to date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Static

from engine.errors import ConfigError
from engine.library.summary import RunSummary
from engine.tables.groups import comparable
from tui.look import STATE_COLOURS
from tui.page import Page
from tui.table.filter_bar import FilterBar
from tui.table.keys import best_run
from tui.table.rows import Arranged, Arranger, View
from tui.table.run_table import RunTable
from tui.table.summary_lines import LAST, head, info, notice, place
from tui.table.views import SMOOTHED, forget, keep, recall
from tui.widgets.key_line import KeyLine

AT_ONCE = 200
"""So many runs are put in order between two key presses; more in a thread of their own."""

AGES_S = 5.0
"""Between two looks at the ages on the screen."""


class ShownRuns(Page):
    """What is seen of the runs, in one way of looking at them.

    Parameters
    ----------
    filter
        The filter to begin with; without one that of last time.
    """

    DEFAULT_CSS = """
    ShownRuns { layout: vertical; background: $surface; }
    ShownRuns #head, ShownRuns #info {
        height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis;
    }
    ShownRuns RunTable { height: 1fr; }
    ShownRuns #notice {
        height: 1fr; content-align: center middle; text-align: center;
        color: $text-muted; padding: 0 2;
    }
    ShownRuns #info { color: $text-muted; }
    ShownRuns.low KeyLine, ShownRuns.tiny KeyLine, ShownRuns.tiny #head, ShownRuns.tiny #info {
        display: none;
    }
    """

    class Ready(Message):
        """Rows that a thread has made."""

        def __init__(self, runs: Sequence[RunSummary], view: View, result: Arranged | str) -> None:
            super().__init__()
            self.runs, self.view, self.result = runs, view, result

    def __init__(self, filter: str = "") -> None:
        super().__init__()
        self._filter = filter
        self.view = View()
        self.marked: dict[str, None] = {}
        """Paths of the marked runs, in the order in which they were marked."""
        self._result: Arranged | None = None
        self._result_view = View()
        """How the runs are seen that the table has."""
        self._is_last = False
        """Whether a filter is being typed that leaves none, so that the last runs stay."""
        self._arranger = Arranger(
            lambda path: self.thesis.sparks.smoothed(path), lambda: self.thesis.standings
        )
        self._begun = False
        self._arranging = self._again = False
        self._seen: tuple[RunSummary, ...] | None = None
        self._from_top = False
        self._said = ""

    def compose(self) -> ComposeResult:
        """Head, table, filter, what is said about the run, keys."""
        app = self.thesis
        yield Static("", id="head", markup=False)
        table = RunTable(app.look, app.sparks.values)
        table.display = False  # until there are rows
        yield table
        yield Static("", id="notice", markup=False)
        yield FilterBar(app.remembered.texts("runs.history"))
        yield Static("", id="info", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        """See the runs as they were seen last."""
        self.view = recall(self.thesis.remembered, self._filter)
        self._begun = True
        self.set_interval(AGES_S, self.table.update_lines)
        self._arrange()

    def on_resize(self) -> None:
        """Leave out lines where there are few."""
        for name, least in (("low", 10), ("tiny", 7)):
            self.set_class(self.size.height < least, name)
        if self._is_ready:
            self._tell()

    @property
    def table(self) -> RunTable:
        """The table."""
        return self.query_one(RunTable)

    @property
    def is_settled(self) -> bool:
        """Whether all rows are there."""
        return not self._arranging and (self._result is not None or not self.thesis.runs)

    def runs_changed(self) -> None:
        """There are other runs, or more of them is known."""
        if self._seen is not self.thesis.runs or not self.thesis.runs:
            self._arrange()

    def curves_changed(self, paths: frozenset[str]) -> None:
        """More of the small curves is known."""
        if not self._is_ready:
            return
        if self.view.sort[:1] and self.view.sort[0] in SMOOTHED and paths:
            self._arrange()
        else:
            self.table.update_lines()

    @property
    def _is_ready(self) -> bool:
        """Whether all parts are there: no longer at the end, when messages may still come."""
        return self._begun and self.is_running and bool(self.query(RunTable))

    def look_at(self, view: View, *, from_top: bool = False) -> None:
        """See the runs in another way, and remember it.

        Parameters
        ----------
        from_top
            Go to the first row, rather than stay on the run.
        """
        self.view = view
        self._from_top = from_top
        if view.filter != self._filter:
            self._filter = ""
        keep(self.thesis.remembered, view, self._filter)
        self._arrange()

    @property
    def filter_bar(self) -> FilterBar:
        """The line in which a filter is typed."""
        return self.query_one(FilterBar)

    def _arrange(self) -> None:
        """Make the rows anew, here or in a thread; of several times at once, the last counts."""
        runs = self.thesis.runs
        if not self._is_ready:
            return
        self._seen = runs
        if len(runs) > AT_ONCE and self._arranging:
            self._again = True
            return
        self._again = False
        if not runs:
            self._result = None
            self._tell()
        elif len(runs) <= AT_ONCE:
            self._take(self.view, self._arranged(runs, self.view))
        else:
            self._begin(runs)
            self._arranging = True
            self._arrange_behind(runs, self.view)

    def _begin(self, runs: Sequence[RunSummary]) -> None:
        """Show the newest of many runs before all of them are read."""
        view = self.view
        if self._result is None and not (view.filter or view.by or view.seeds):
            telling = self.thesis.remembered.texts("runs.telling")
            self._show(view, self._arranger.first(runs, view, telling))

    # Without a description Textual would write out all arguments, which reads every run.
    @work(thread=True, group="arrange", description="arrange")
    def _arrange_behind(self, runs: Sequence[RunSummary], view: View) -> None:
        self.post_message(self.Ready(runs, view, self._arranged(runs, view)))

    @on(Ready)
    def _ready(self, message: Ready) -> None:
        message.stop()
        self._arranging = False
        if not self._is_ready:
            return
        # Of a list that goes on changing, rows a little older are better than none.
        again = self._again
        is_good = message.runs is self._seen or (again and isinstance(message.result, Arranged))
        if message.view == self.view and is_good:
            self._take(message.view, message.result)
        if again or message.view != self.view:
            self._arrange()

    def _arranged(self, runs: Sequence[RunSummary], view: View) -> Arranged | str:
        """The rows, or why there are none."""
        try:
            return self._arranger.arrange(runs, view, keep=self.filter_bar.is_open)
        except ConfigError as error:
            return f"{error.message}. {(error.hint or '').splitlines()[0] if error.hint else ''}"

    def _take(self, view: View, result: Arranged | str) -> None:
        if isinstance(result, Arranged):
            self._say(result.problem)
            if self.filter_bar.is_open and not result.rows and self._result is not None:
                self._keep_last(f"none of {result.n_listed:,}", result.advice)
                return  # the last runs stay until the filter is decided
            self.thesis.remembered.keep("runs.telling", list(result.telling))
            self._show(view, result)
        elif self.filter_bar.is_open:
            self._keep_last("", result.removesuffix(". "), wrong=view.filter)
        else:
            self._say(result)
            forget(self.thesis.remembered, view.filter)
            self.view = replace(view, filter="")
            self._arrange()

    def _keep_last(self, count: str, problem: str, *, wrong: str = "") -> None:
        """Leave the table as it is while a filter is typed, and say so."""
        self._is_last = True
        self._tell()
        self.filter_bar.tell(count, problem, wrong=wrong)

    def _show(self, view: View, result: Arranged) -> None:
        self._result, self._result_view, self._is_last = result, view, False
        runs = (run.path for row in result.rows for run in row.runs)
        self.thesis.order = tuple(dict.fromkeys(runs))
        self.table.hidden = self.view.hidden
        self.table.show(result, self.view.sort)
        if self._from_top:
            self._from_top = False
            self.table.go_to(0)
        self._tell()

    def _say(self, problem: str) -> None:
        """Tell about a problem, once."""
        if problem and problem != self._said:
            self.notify(problem, severity="warning", markup=False)
        self._said = problem

    def _tell(self) -> None:
        """Everything around the table."""
        app, result = self.thesis, self._result
        root, n_runs = str(app.root), len(app.runs)
        view = self.view if result is None else self._result_view
        typed = self.filter_bar.is_open
        known = (app.listed, n_runs, not app.settings.read_only)
        told = notice(root, result, view, app.problem, *known)
        if told is not None:
            text = Text.assemble((told.title, "bold"), f"\n\n{told.text}" if told.text else "")
            self.write_line("#notice", text)
        self._show_table(told is None)
        shown, styles = result or Arranged(), self._styles()
        urgent = LAST if typed and self._is_last else "; ".join(app.silences)
        before = Text(urgent, styles["held"]) if urgent else place(root)
        self.write_line("#head", head(before, shown, view, app.look, styles, self.size.width))
        if typed and not self._is_last and result is not None and result.rows:
            self.filter_bar.tell(f"{len(result.shown):,} of {result.n_listed:,}", "")
        self.tell_row()

    def _show_table(self, is_there: bool) -> None:
        """Show the table, or the notice in its place."""
        if self.table.display != is_there:
            self.table.display, self.query_one("#notice").display = is_there, not is_there
        if is_there and self.focused is None:
            self.set_focus(self.table)

    def tell_row(self) -> None:
        """What is said about the row under the cursor; and its curve is asked for."""
        row = None if not self.table.display else self.table.row
        self.write_line("#info", info(row, self.view, len(self.marked), self._styles()))
        rows = self.table.visible_rows
        runs = [best_run(comparable(r.runs)) if r.kind == "seeds" else r.run for r in rows]
        wanted = {run.path: run.updated for run in runs if run is not None}
        if self._result is not None and self.view.sort and self.view.sort[0] in SMOOTHED:
            wanted |= {run.path: run.updated for run in self._result.shown}
        self.thesis.sparks.ask(wanted)

    def _styles(self) -> dict[str, str]:
        of = {name: self.table.colour_of(name) for name in (*STATE_COLOURS, "broken", "muted")}
        return of | {"accent": "bold", "warning": of["held"]}

    @on(RunTable.Moved)
    def _moved(self) -> None:
        if self._is_ready:
            self.tell_row()
