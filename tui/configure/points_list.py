"""The points of a sweep: what differs, what is wrong, which are left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message

from engine.facts.text import plain
from engine.facts.words import count
from tui.configure.draft_state import Struck, is_struck
from tui.configure.part_list import PartList
from tui.configure.rows import Row
from tui.look import Look

if TYPE_CHECKING:
    from engine.config.points import Point

_STRUCK = Style(strike=True)


class PointsList(PartList):
    """One line a point."""

    SEARCH_HINT = "value or problem"
    HELP_TITLE = "points"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "strike", "Strike out", tooltip="Leave the point out, or not"),
        Binding("space", "strike", "Strike out", show=False),
        Binding("S", "screen.seeds", "Seeds", tooltip="Train each point with several seeds"),
    ]

    class Stricken(Message):
        """A point is to be left out, or no longer."""

        def __init__(self, differing: tuple[str, ...]) -> None:
            super().__init__()
            self.differing = differing

    def __init__(self, look: Look, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._look = look
        self.points: tuple[Point, ...] = ()
        self.problems: dict[int, str] = {}
        """Number of a point to what is wrong with it; empty for nothing. Those that are not in it
        are not checked yet."""
        self._struck: Struck = frozenset()
        self.why = ""
        """Why there are no points."""

    def show_points(self, points: Sequence[Point], why: str = "") -> None:
        """Show other points; `why` says why there are none."""
        self.points, self.why, self.problems = tuple(points), why, {}
        self.show_lines(max(1, len(self.points)))

    def show_problems(self, problems: Mapping[int, str]) -> None:
        """Show what was found out about some points."""
        self.problems |= problems
        self.refresh()

    def show_struck(self, struck: Struck) -> None:
        """Show which are left out."""
        if struck != self._struck:
            self._struck = struck
            self.refresh()

    @property
    def left_out(self) -> tuple[int, ...]:
        """The numbers of the points that are struck out."""
        return tuple(one.number for one in self.points if self._is_out(one))

    def _is_out(self, point: Point) -> bool:
        return point.is_out or is_struck(self._struck, point.differing)

    @property
    def wrong(self) -> tuple[int, ...]:
        """The numbers of the points that cannot be trained and are not struck out."""
        out = set(self.left_out)
        return tuple(n for n, told in self.problems.items() if told and n not in out)

    @property
    def n_left(self) -> int:
        """How many will be trained."""
        return len(self.points) - len(self.left_out)

    @property
    def told(self) -> Row | None:
        """The overrides of the point, and what is wrong with it."""
        if self.cursor >= len(self.points):
            return None
        point = self.points[self.cursor]
        out = "left out" if self._is_out(point) else ""
        told = "  ".join(point.differing)
        problem = self.problems.get(point.number, "")
        return Row("node", f"point {point.number}", value=told, help=out, problem=problem)

    def note(self) -> str:
        """How many there are, in a few words."""
        if not self.points:
            return ""
        out, wrong = len(self.left_out), len(self.wrong)
        n, rest = len(self.points), len(self.points) - len(self.problems)
        told = [count(n, "point"), f"{out} out" if out else "", f"{wrong} wrong" if wrong else ""]
        told.append(f"{rest} to check" if rest else "")
        return ", ".join(filter(None, told))

    def action_strike(self) -> None:
        """Leave the point out, or take it in again; go on to the next."""
        if self.cursor < len(self.points):
            self.post_message(self.Stricken(self.points[self.cursor].differing))
            self.action_move(1)

    def line(self, number: int) -> Text:
        """One point."""
        text = Text(no_wrap=True, end="")
        if not self.points:
            told = self.why or "no sweep: give a value a list, as 0.1,0.01 or range(1,6)"
            return text.append(f" {plain(told)}", self.style_of("bad" if self.why else "muted"))
        point = self.points[number]
        is_out, problem = self._is_out(point), self.problems.get(point.number)
        good, wait = ("+", ".") if self._look.ascii else ("✓", "·")
        sign = "x" if is_out else wait if problem is None else "!" if problem else good
        look = "muted" if is_out or problem is None else "bad" if problem else "good"
        text.append(f" {sign} ", self.style_of(look))
        text.append(f"{point.number:>{len(str(len(self.points)))}}  ", self.style_of("muted"))
        style = self.style_of("muted" if is_out else "key")
        told = "  ".join(map(_short, point.differing))
        text.append(told, style + _STRUCK if is_out and self._look.colour else style)
        if problem and not is_out:
            text.append(f"  {plain(problem)}", self.style_of("bad"))
        return text


def _short(override: str) -> str:
    """An override with the last part of its key."""
    key, _, value = override.partition("=")
    return plain(f"{key.lstrip('+').replace('/', '.').rsplit('.', 1)[-1]}={value}")
