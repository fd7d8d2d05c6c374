"""A line about what is being done: that it is, for how long, and then why it could not be."""

from __future__ import annotations

import time

from textual.widgets import Static

from engine.facts.text import plain


class SaidLine(Static):
    """Not there while there is nothing to say; what went wrong stays until somebody has seen it."""

    DEFAULT_CSS = """
    SaidLine {
        display: none; height: auto; max-height: 5; padding: 0 1;
        background: $panel; color: $text-warning;
        &.problem { color: $text-error; }
    }
    """

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._doings: dict[int, tuple[str, float]] = {}
        self._problems: list[str] = []
        self._number = 0

    def on_mount(self) -> None:
        """Count the seconds."""
        self.set_interval(1.0, self._count)

    def begin(self, what: str) -> int:
        """Something is being done: say so until `ended` is called with the number."""
        self._number += 1
        self._doings[self._number] = (what, time.monotonic())
        self._problems = []
        self._tell()
        return self._number

    def ended(self, number: int, problem: str = "") -> None:
        """It is done, or could not be."""
        self._doings.pop(number, None)
        self._problems += [problem] if problem else []
        self._tell()

    def failed(self, problem: str) -> None:
        """Something could not be done that is told of elsewhere while it is."""
        self._problems = [problem]
        self._tell()

    def put_away(self) -> bool:
        """Take away what went wrong; whether there was anything."""
        had, self._problems = bool(self._problems), []
        self._tell()
        return had

    @property
    def text(self) -> str:
        """What it says."""
        now = time.monotonic()
        lines = [_doing(what, now - since) for what, since in self._doings.values()]
        return "\n".join([*(f"{plain(one)}  (esc)" for one in self._problems), *lines])

    def _count(self) -> None:
        if self._doings:
            self._tell()

    def _tell(self) -> None:
        text = self.text
        self.display = bool(text)
        self.set_class(bool(self._problems), "problem")
        if text != self.content:
            self.update(text)


def _doing(what: str, passed_s: float) -> str:
    return f"{plain(what)} … {passed_s:.0f} s" if passed_s >= 2 else f"{plain(what)} …"
