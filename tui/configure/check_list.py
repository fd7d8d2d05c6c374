"""What the check of a draft found: problems, warnings, and what the training will need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import ClassVar, NamedTuple

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.message import Message

from engine.facts.text import plain
from engine.facts.words import count, in_words
from tui.configure.part_list import PartList
from tui.configure.preflight import Problem, Report
from tui.configure.rows import Row
from tui.look import Look


@dataclass(frozen=True)
class Line:
    """A line: what it is about, what is told, and where that is put right."""

    look: str
    text: str
    name: str = ""
    key: str = ""


class Piece(NamedTuple):
    """As much of a line as has room beside what it is about."""

    line: Line
    text: str
    is_first: bool


_NAMES = 24
"""Width of what a number is about."""


def pieces_of(lines: Sequence[Line], width: int) -> list[Piece]:
    """The lines, broken where the screen ends."""
    found = []
    for line in lines:
        room = max(20, width - (_NAMES + 2 if _has_name(line) else 5))
        texts = wrap(plain(line.text), room, break_on_hyphens=False) or [""]
        found += [Piece(line, text, n == 0) for n, text in enumerate(texts)]
    return found


def _has_name(line: Line) -> bool:
    return line.look != "bad" and line.name not in ("", "ok", "warning")


def lines_of(problems: Sequence[Problem], report: Report | None, doing: str) -> list[Line]:
    """All lines: what is wrong first, then the warnings, then numbers."""
    lines = [Line("bad", one.text, "!", one.key) for one in problems]
    if doing:
        lines.append(Line("muted", doing))
    if report is None:
        return lines or [Line("muted", "not checked yet: P builds the model and tries a batch")]
    if report.failure:
        return [*lines, Line("bad", report.failure, "?")]
    if not problems:
        lines.append(Line("good", "this can be trained", "ok"))
    lines += [Line("loud", text, "warning") for text in report.warnings]
    lines += [Line("muted", text, "remark") for text in report.remarks]
    return lines + list(_needs(report))


def _needs(report: Report) -> Iterator[Line]:
    """What a training needs, as far as it is known."""
    parts = report.parts
    if parts:
        yield Line("title", f"{sum(parts.values()):,}", "parameters")
        for name, number in parts.items():
            yield Line("key", f"{number:,}", f"  {name}")
    told = {
        "points": count(report.points, "point") if (report.points or 0) > 1 else "",
        "memory of a batch": _bytes(report.batch_bytes),
        "an epoch": _time(report.epoch_s),
        "all of it": _time(report.total_s),
        "a checkpoint": _bytes(report.checkpoint_bytes),
        "left on the disk": _bytes(report.disk_free_bytes),
    }
    yield from (Line("key", text, name) for name, text in told.items() if text)
    yield from (Line("key", text, name.replace("_", " ")) for name, text in report.others.items())


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"about {in_words(seconds)}" if seconds >= 1 else "less than 1 s"


def _bytes(number: float | None) -> str:
    if number is None:
        return ""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} TB"


class CheckList(PartList):
    """The report; Enter goes to the field of a problem."""

    SEARCH_HINT = "text"
    HELP_TITLE = "check"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "jump", "To the field", tooltip="Go to the field of the problem"),
    ]

    class Jumped(Message):
        """The field of a key is wanted."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, look: Look, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._look = look
        self._lines: list[Line] = []
        self._pieces: list[Piece] = []

    @property
    def told(self) -> Row | None:
        """The whole text of the line."""
        if self.cursor >= len(self._pieces):
            return None
        one = self._pieces[self.cursor].line
        where = "enter goes to its field" if one.key else ""
        name = {"!": "problem", "?": "not checked", "ok": "checked"}.get(one.name, one.name.strip())
        text = plain(one.text)
        if one.look == "bad":
            return Row("node", one.key or name, value=where, problem=text)
        return Row("node", name or "check", value=where, help=text)

    def show_report(self, problems: Sequence[Problem], report: Report | None, doing: str) -> None:
        """Show what was found, and what is being done."""
        self._lines = lines_of(problems, report, doing)
        self._break()

    def on_resize(self, event: Resize) -> None:
        """Break the lines anew."""
        self._break()
        super().on_resize(event)

    def _break(self) -> None:
        self._pieces = pieces_of(self._lines, self.size.width or self.app.size.width)
        self.show_lines(len(self._pieces))

    def line(self, number: int) -> Text:
        """One of the lines."""
        (one, told, is_first), text = self._pieces[number], Text(no_wrap=True, end="")
        if _has_name(one):
            name = f"   {plain(one.name)}" if is_first else ""
            text.append(name.ljust(_NAMES), self.style_of("muted"))
            return text.append(told, self.style_of(one.look))
        ok = "ok" if self._look.ascii else "✓"
        sign = {"ok": ok, "warning": "!"}.get(one.name, one.name or " ") if is_first else ""
        return text.append(f" {sign.ljust(1)} {told}", self.style_of(one.look))

    def action_jump(self) -> None:
        """Go to the field of the problem."""
        if self.cursor < len(self._pieces) and self._pieces[self.cursor].line.key:
            self.post_message(self.Jumped(self._pieces[self.cursor].line.key))

    def on_click(self, event: Click) -> None:
        """Go to a line; with a second click to its field."""
        again = event.y + self.scroll_offset.y == self.cursor
        super().on_click(event)
        if again or event.chain == 2:
            self.action_jump()
