"""Lines below the form: all problems, what is known of the line under the cursor, the command."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.message import Message
from textual.strip import Strip

from engine.facts.text import plain
from tui.configure.rows import Row
from tui.look import Look
from tui.widgets.painted import Painted, fit, strip_of

_LOOKS = """
    {name} {{ height: {height}; background: $panel; }}
    {name} > .told--muted {{ color: $foreground 65%; }}
    {name} > .told--key {{ color: $foreground; text-style: bold; }}
    {name} > .told--bad {{ color: $text-error; }}
    {name} > .told--sign {{ color: $text-accent; text-style: bold; }}
    {name} > .told--value {{ color: $foreground; }}
"""
_NAMES = {"told--muted", "told--key", "told--bad", "told--sign", "told--value"}


MOST_WRAPPED = 4
"""Lines that one problem may take,"""
_NOTE_CELLS = 9
"""and the cells at the end of a line for how many more there are."""


class ProblemLines(Painted):
    """All that is wrong, a line each; a click goes to the field."""

    DEFAULT_CSS = _LOOKS.format(name="ProblemLines", height="auto")
    COMPONENT_CLASSES: ClassVar[set[str]] = _NAMES

    class Clicked(Message):
        """The field of a problem is wanted."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self) -> None:
        super().__init__()
        self._problems: tuple[str, ...] = ()
        self._most = 1
        self._at = -1

    def show(self, problems: Sequence[str], most: int, at: int = -1) -> None:
        """Show as many problems as there is room for; `at` is the one last gone to."""
        self._problems, self._most, self._at = tuple(problems), most, at
        self.display = bool(problems)
        self._fit_height()
        self.repaint()

    def _fit_height(self) -> None:
        """A line for each, and for the one last gone to as many as it needs."""
        n = min(len(self._problems), self._most)
        if 0 <= self._at < len(self._problems):
            n += len(self._whole(self.size.width or self.app.size.width)) - 1
        if self.styles.height is None or self.styles.height.value != n:
            self.styles.height = n

    def _whole(self, width: int) -> list[str]:
        """The problem last gone to, broken where the line ends."""
        text, room = plain(self._problems[self._at]), max(20, width - 4 - _NOTE_CELLS)
        lines = wrap(text, room, break_on_hyphens=False)
        return [*lines[: MOST_WRAPPED - 1], " ".join(lines[MOST_WRAPPED - 1 :])][: len(lines)]

    @property
    def _first(self) -> int:
        """The problem in the first line: so that the one last gone to is seen."""
        rest = max(0, len(self._problems) - self._most)
        return min(rest, max(0, self._at - self._most + 1))

    def paint(self, width: int, height: int) -> list[Strip]:
        """The lines."""
        shown = self._problems[self._first : self._first + self._most]
        more = len(self._problems) - len(shown)
        lines = []
        for n, problem in enumerate(shown, start=self._first):
            last = n == self._first + len(shown) - 1
            note = f" +{more} more " if more and last else " ! next " if n == self._first else ""
            sign = "> " if n == self._at else "! "
            room, bad = width - len(sign) - 1 - len(note), self.style_of("told--bad")
            texts = self._whole(width) if n == self._at else [plain(problem)]
            for text in texts:
                parts = [(f" {sign}", bad), (fit(text, room), bad)]
                lines.append(strip_of(*parts, (note, self.style_of("told--muted"))))
                sign, note = " " * len(sign), " " * len(note)
        return lines

    def on_resize(self) -> None:
        """Take the lines that the width asks for."""
        self._fit_height()
        super().on_resize()

    def on_click(self, event: events.Click) -> None:
        """Go to the field of a problem."""
        y, here = event.y, self._at - self._first
        if 0 <= here < y:  # the lines of the one that is told in full are one problem
            y = max(here, y - len(self._whole(self.size.width)) + 1)
        if self._first + y < len(self._problems):
            self.post_message(self.Clicked(self._first + y))


class FieldLines(Painted):
    """What is known of the line under the cursor: what it may be, and what its file says."""

    DEFAULT_CSS = _LOOKS.format(name="FieldLines", height=2)
    COMPONENT_CLASSES: ClassVar[set[str]] = _NAMES

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._dot = " - " if look.ascii else " · "
        self._row: Row | None = None
        self._problem = ""

    def show(self, row: Row | None, problem: str = "") -> None:
        """Show a line of the form; `problem` is about what is being typed."""
        if (row, problem) != (self._row, self._problem):
            self._row, self._problem = row, problem
            self.repaint()

    def paint(self, width: int, height: int) -> list[Strip]:
        """Key and what it may be; then the problem, or the comment."""
        row = self._row
        if row is None:
            return []
        muted = self.style_of("told--muted")
        problem = self._problem or row.problem
        advice = f"{row.advice}; s takes it" if row.advice else ""
        facts = self._facts(row)
        key = plain(row.key.lstrip("#") or row.name)
        first = [(f" {key}", self.style_of("told--key"))]
        room = width - cell_len(key) - 2
        told = self._dot.join(filter(None, facts))
        first.append((f" {self._dot.strip()} {told}" if told and room > 8 else "", muted))
        if height < 2:
            if problem:
                return [strip_of((f" ! {plain(problem)}", self.style_of("told--bad")))]
            if advice:
                return [strip_of((f" {key}", self.style_of("told--key")), (f" {advice}", muted))]
            return [strip_of(*first)]
        second = (f" ! {plain(problem)}", self.style_of("told--bad"))
        return [
            strip_of(*first),
            strip_of(second if problem else (f" {plain(advice or row.help)}", muted)),
        ]

    def _facts(self, row: Row) -> list[str]:
        if row.kind == "title":
            return ["enter chooses an option" if row.name == "Groups" else "enter edits a value"]
        if row.kind == "node":
            return [plain(row.value)]
        what = f"one of {plain(row.expected)}" if row.kind == "group" else plain(row.expected)
        default = f"default {plain(row.default)}" if row.typed and row.default else ""
        resolved = f"now {plain(row.resolved)}" if row.resolved else ""
        origin = f"from {plain(row.origin)}" if row.origin and not row.typed else ""
        return [what, resolved, default, "typed" if row.typed else origin]


class CommandLine(Painted):
    """The exact command, in as many lines as it needs, up to a limit."""

    DEFAULT_CSS = _LOOKS.format(name="CommandLine", height=1)
    COMPONENT_CLASSES: ClassVar[set[str]] = _NAMES

    class Clicked(Message):
        """The command is wanted in the clipboard."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self._most = 1

    def show(self, command: str, most: int) -> None:
        """Show a command in at most so many lines."""
        self.text, self._most = command, most
        self._fit_height()
        self.repaint()

    def _fit_height(self) -> None:
        room = max(1, (self.size.width or self.app.size.width) - 4)
        needed = max(1, -(-cell_len(plain(self.text)) // room))
        height = min(self._most, needed)
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height

    def paint(self, width: int, height: int) -> list[Strip]:
        """The command, broken where the line ends."""
        text, room = plain(self.text), max(1, width - 4)
        lines = [text[n : n + room] for n in range(0, max(1, len(text)), room)]
        if len(lines) > height:
            lines[height - 1] = lines[height - 1][: room - 1] + "…"
        sign, value = self.style_of("told--sign"), self.style_of("told--value")
        signs = [" $ ", *["   "] * (len(lines) - 1)]
        pairs = zip(signs, lines, strict=True)
        return [strip_of((before, sign), (line, value)) for before, line in pairs][:height]

    def on_resize(self) -> None:
        """Take the lines that the width asks for."""
        self._fit_height()
        super().on_resize()

    def on_click(self) -> None:
        """Copy the command."""
        self.post_message(self.Clicked())
