"""Asks once whether to start what is configured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from engine.facts.text import plain

MOST_AT_ONCE = 64


class LaunchDialog(ModalScreen[int | None]):
    """Answers with how many runs train at once; None for not now.

    Parameters
    ----------
    title
        What is started.
    facts
        Tells for so many at once what it is called, where it goes, and the like: names and texts.
    warnings
        What should be known before.
    at_once
        How many points train at the same time; None for a single run.
    """

    DEFAULT_CSS = """
    LaunchDialog { align: center middle; background: $background 60%; }
    LaunchDialog > Vertical {
        width: 84; max-width: 96%; height: auto; max-height: 92%; padding: 1 2; background: $panel;
    }
    LaunchDialog .title { text-style: bold; }
    LaunchDialog .warnings { color: $text-warning; }
    LaunchDialog .hint { color: $text-muted; }
    LaunchDialog Static { margin-bottom: 1; }
    LaunchDialog.low > Vertical { padding: 0 1; }
    LaunchDialog.low Static { margin-bottom: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Start"),
        Binding("n,escape", "answer(False)", "Not now", key_display="n"),
        Binding("plus", "more(1)", "More at once", key_display="+"),
        Binding("minus", "more(-1)", "Fewer", key_display="-"),
    ]

    def __init__(
        self,
        title: str,
        facts: Callable[[int], Sequence[tuple[str, str]]],
        warnings: Sequence[str] = (),
        at_once: int | None = None,
    ) -> None:
        super().__init__()
        self._title, self._facts, self._warnings = title, facts, list(warnings)
        self._at_once = at_once
        self.said: dict[str, str] = {}
        """What became known of the facts since it opened."""

    def tell(self, name: str, text: str) -> None:
        """Have another text for one of the facts."""
        self.said[name] = text
        if self.is_running:
            self.query_one(".facts", Static).update(self._table())

    def warn(self, text: str) -> None:
        """Add a warning, unless it is there: a check before may have found the same."""
        if text in self._warnings:
            return
        self._warnings.append(text)
        if self.is_running:
            warnings = self.query_one(".warnings", Static)
            warnings.display = True
            warnings.update(self._warned())

    def _warned(self) -> Text:
        return Text("\n".join(f"! {plain(text)}" for text in self._warnings))

    def compose(self) -> ComposeResult:
        """Title, facts, warnings, keys."""
        with Vertical():
            yield Static(plain(self._title), classes="title", markup=False)
            yield Static(self._table(), classes="facts")
            warnings = Static(self._warned(), classes="warnings")
            warnings.display = bool(self._warnings)
            yield warnings
            more = "   + - how many at once" if self._at_once else ""
            yield Static(f"y start   n not now{more}", classes="hint", markup=False)
        yield Footer()

    def on_resize(self) -> None:
        """Save room on a small screen."""
        self.set_class(self.size.height < 22, "low")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A single run has no number at once."""
        return self._at_once is not None if action == "more" else True

    def _table(self) -> Table:
        table = Table(box=None, show_header=False, pad_edge=False, expand=True)
        table.add_column(style="dim", no_wrap=True, width=10)
        table.add_column(overflow="fold")
        at_once = [("at once", str(self._at_once))] if self._at_once else []
        for name, told in [*self._facts(self._at_once or 1), *at_once]:
            table.add_row(name, Text(plain(self.said.get(name, told))))
        return table

    def action_more(self, by: int) -> None:
        """More points at the same time, or fewer."""
        if self._at_once is not None:
            self._at_once = max(1, min(MOST_AT_ONCE, self._at_once + by))
            self.query_one(".facts", Static).update(self._table())

    def action_answer(self, answer: bool) -> None:
        """Give the answer."""
        self.dismiss((self._at_once or 1) if answer else None)
