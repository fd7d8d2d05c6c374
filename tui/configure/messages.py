"""What is asked of the thread that composes, and the messages that it answers with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from engine.config.form import Form
    from engine.config.points import Point


@dataclass(frozen=True)
class Wanted:
    """A draft to make a form of."""

    number: int
    """Higher for a newer one."""
    overrides: tuple[str, ...]
    before: tuple[str, ...] | None = None
    """The draft before an option was chosen: values that have gone with it are dropped."""
    parent: str = ""
    """Path of the run to compare with."""


@dataclass(frozen=True)
class Composed:
    """What a draft gives, as texts by their keys, beside what it is compared with."""

    values: Mapping[str, str] = field(default_factory=dict)
    default: Mapping[str, str] = field(default_factory=dict)
    parent: Mapping[str, str] = field(default_factory=dict)
    """Empty without a parent."""
    options: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)
    """Of each group the option by default, of the parent, and now; empty without a parent."""


class FormMade(Message):
    """The form of a draft."""

    def __init__(
        self, wanted: Wanted, form: Form, composed: Composed, dropped: Sequence[str]
    ) -> None:
        super().__init__()
        self.wanted, self.form, self.composed = wanted, form, composed
        self.dropped = tuple(dropped)

    def can_replace(self, message: Message) -> bool:
        """A newer form makes an older one worthless, unless that tells of values dropped."""
        return isinstance(message, FormMade) and not message.dropped


class PointsMade(Message):
    """The points of a sweep; none of a draft that is no sweep."""

    def __init__(self, number: int, points: Sequence[Point], problem: str = "") -> None:
        super().__init__()
        self.number, self.points, self.problem = number, tuple(points), problem


class PointsChecked(Message):
    """What is wrong with some points, by their numbers."""

    def __init__(self, number: int, problems: Mapping[int, str]) -> None:
        super().__init__()
        self.number, self.problems = number, problems


class Cloned(Message):
    """A past run as a draft, or why it cannot be one."""

    def __init__(self, path: str, overrides: Sequence[str], problem: str = "") -> None:
        super().__init__()
        self.path, self.overrides, self.problem = path, tuple(overrides), problem
