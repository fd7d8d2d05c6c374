"""The losses and metrics of a run as a table: best and last values, and those of the test."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from engine.facts.text import plain
from engine.library.summary import RunSummary
from engine.tables.measures import has_best
from engine.tables.units import show_measured, show_number
from tui.widgets.listing import Listing

_WIDTH = 11
_EPOCH = 7


class NumbersView(Listing):
    """Every number that a run has told, and the results of the test."""

    SEARCH_HINT = "search the numbers"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: list[Text] = []
        self._run: RunSummary | None = None

    def show_run(self, run: RunSummary) -> None:
        """Show the numbers of a run."""
        self._run = run
        rows = list(self._table(run))
        before, self._rows = self._rows, rows
        self.show_lines(len(rows), redraw=len(before) != len(rows))
        for number, (old, new) in enumerate(zip(before, rows, strict=False)):
            cells = max(len(old), len(new))
            pairs = zip(old.plain.ljust(cells), new.plain.ljust(cells), strict=True)
            differ = [at for at, (one, other) in enumerate(pairs) if one != other]
            if differ:
                self.redraw_line(number, differ[0], differ[-1])

    def line(self, number: int) -> Text:
        """One row."""
        return self._rows[number].copy()

    def note(self) -> str:
        """What there is, in a few words."""
        run = self._run
        return f"{len(run.numbers)} numbers, {len(run.results)} results" if run else ""

    def on_resize(self, event: object) -> None:
        """Fit the width."""
        if self._run is not None:
            self.show_run(self._run)

    def copied(self) -> tuple[str, str]:
        """The row under the cursor, and what it is."""
        return (self._rows[self.cursor].plain.strip() if self._rows else "", "the row")

    def _table(self, run: RunSummary) -> Iterator[Text]:
        shown = {_tested(name) for name in run.numbers} & set(run.results)
        rest = {name: value for name, value in run.results.items() if name not in shown}
        told = {f"{word}_{name}" for name in run.numbers for word in ("best", "final")}
        rest = {name: value for name, value in rest.items() if name not in told}
        width = max([8, *(len(plain(name)) for name in (*run.numbers, *rest))])
        width = min(width, max(8, self.size.width - 3 * _WIDTH - _EPOCH - 2))
        if not run.numbers and not run.results:
            yield Text(" no numbers yet: the first come with the end of the first epoch")
            return
        groups = (
            ("losses", [n for n in run.numbers if n in ("train_loss", "val_loss")]),
            ("validation", [n for n in run.numbers if _is_metric(n)]),
            ("training", [n for n in run.numbers if n.startswith("train_") and n != "train_loss"]),
            ("settings", [n for n in run.numbers if n == "lr" or n.startswith("lr_")]),
        )
        first = True
        for title, names in groups:
            if names:
                if not first:
                    yield Text("")
                yield self._head(title, width, first)
                first = False
                yield from (self._row(run, name, width) for name in names)
        if rest:
            yield Text("")
            yield self._head("results", width, False)
            for name, value in rest.items():
                yield Text.assemble(f" {_cut(name, width)}", f"{show_number(value):>{_WIDTH}}")
        if run.nonfinite:
            bad = ", ".join(map(plain, run.nonfinite))
            yield Text("")
            yield Text(f" not finite in some epoch: {bad}", style=self.style_of("bad"))

    def _head(self, title: str, width: int, columns: bool) -> Text:
        text = Text(f" {title:{width}}", style=self.style_of("title"))
        if columns:
            heads = f"{'best':>{_WIDTH}}{'epoch':>{_EPOCH}}{'last':>{_WIDTH}}"
            heads += f"{'test':>{_WIDTH}}"
            text.append(heads, style=self.style_of("muted"))
        return text

    def _row(self, run: RunSummary, name: str, width: int) -> Text:
        number, test = run.numbers[name], run.results.get(_tested(name))
        best = has_best(name)
        bad = name in run.nonfinite
        text = Text(f" {_cut(name, width)}", style=self.style_of("bad") if bad else "")
        epoch = str(number.best_epoch) if best and number.best_epoch is not None else ""
        is_new = best and number.best_epoch == number.last_epoch
        style = self.style_of("good") if name == "val_loss" or is_new else self.style_of("value")
        shown = show_measured(number.best) if best else ""
        text.append(f"{shown:>{_WIDTH}}", style=style)
        text.append(f"{epoch:>{_EPOCH}}", style=self.style_of("muted"))
        text.append(f"{show_measured(number.last):>{_WIDTH}}")
        if test is not None:
            text.append(f"{show_measured(test):>{_WIDTH}}", style="bold")
        return text


def _is_metric(name: str) -> bool:
    return not name.startswith("train_") and name not in ("val_loss", "lr") and name[:3] != "lr_"


def _tested(name: str) -> str:
    """What the number is called among the results of the test."""
    return "test_loss" if name == "val_loss" else f"test_{name}"


def _cut(name: str, width: int) -> str:
    name = plain(name)
    return f"{name:{width}}" if len(name) <= width else name[: width - 1] + "…"
