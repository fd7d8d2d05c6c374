"""The curves of compared runs as lines of charts."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from textual.color import Color

from engine.facts.series import Series
from engine.library.summary import RunSummary
from engine.report.charts import in_order
from engine.tables.groups import comparable
from tui.compare.comparison import Comparison
from tui.feeds import CurvesFeed
from tui.series import Line

OF_THE_MACHINE = frozenset({"epoch_time_s", "max_memory_mib", "throughput"})
"""Numbers that are not shown unless somebody asks for them."""

FADED = 0.65
"""How much of the ground is in the colour of a line that stands behind a highlighted one."""


class Overlay:
    """Makes lines, and keeps those that have not changed.

    Parameters
    ----------
    feed
        Where the curves come from.
    """

    def __init__(self, feed: CurvesFeed) -> None:
        self._feed = feed
        self._known: dict[tuple[str, str], tuple[Series, tuple[str, ...], Line]] = {}

    def numbers(self, runs: Sequence[RunSummary]) -> list[str]:
        """The numbers that any run has a curve of: the losses first."""
        return in_order(name for run in runs for name in self._feed.names(run.path))

    def panels(
        self,
        comparison: Comparison,
        names: Sequence[str],
        hidden: Collection[str],
        picked: str | None,
        ground: str,
    ) -> dict[str, list[Line]]:
        """The lines of each number, the highlighted one last, so that it lies on top.

        Parameters
        ----------
        comparison
            The runs.
        names
            The numbers.
        hidden, picked
            Paths of the entries that are left out, and of the one that is highlighted.
        ground
            The colour behind the lines.
        """
        shown = [entry for entry in comparison.entries if entry.path not in hidden]
        shown.sort(key=lambda entry: entry.path == picked)
        is_picked = any(entry.path == picked for entry in shown)
        lines: dict[str, list[Line]] = {name: [] for name in names}
        for entry in shown:
            colour = entry.colour
            if is_picked and entry.path != picked:
                colour = Color.parse(colour).blend(Color.parse(ground), FADED).hex
            group = entry.label if len(entry.runs) > 1 else ""
            look = (entry.label, colour, group, entry.sign)
            for run in comparable(entry.runs):
                known = set(self._feed.names(run.path))
                for name in names:
                    series = self._feed.series(run.path, name) if name in known else None
                    if series is not None and len(series.values):
                        lines[name].append(self._line(name, run.path, series, look))
        return lines

    def _line(self, name: str, path: str, series: Series, look: tuple[str, ...]) -> Line:
        known = self._known.get((name, path))
        if known is not None and known[0] is series and known[1] == look:
            return known[2]
        label, colour, group, sign = look
        line = Line.of(series, run=path, label=label, colour=colour, group=group, sign=sign)
        self._known[name, path] = (series, look, line)
        return line
