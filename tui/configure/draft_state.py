"""The draft that is being written, and the way back to what it was. Nothing here draws."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MOST_STEPS = 500
"""Steps that can be undone."""

Struck = frozenset[tuple[str, ...]]


@dataclass(frozen=True)
class Draft:
    """What is to be trained, as it is written so far."""

    overrides: tuple[str, ...] = ()
    struck: Struck = frozenset()
    """Points of its sweep that are left out, each by the values of the lists that there were: so
    the right ones stay out when further values or lists are added."""
    parent: str = ""
    """Path of the run whose config it began as."""
    name: str = ""
    """The name under which it was saved last."""
    started: bool = field(default=False, compare=False)
    """Whether it was launched as it is."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to lose."""
        return not self.overrides

    def as_record(self) -> dict[str, Any]:
        """All of it as JSON knows it."""
        return {
            "overrides": list(self.overrides),
            "struck": sorted(map(list, self.struck)),
            "parent": self.parent,
            "name": self.name,
            "started": self.started,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Draft:
        """What `as_record` gave; what is damaged in it is left out."""
        struck = record.get("struck")
        points = struck if isinstance(struck, list) else []
        return cls(
            overrides=_texts(record.get("overrides")),
            struck=frozenset(filter(None, map(_texts, points))),
            parent=_text(record.get("parent")),
            name=_text(record.get("name")),
            started=record.get("started") is True,
        )


class History:
    """The present draft, with those before it and those that were undone.

    Parameters
    ----------
    present
        Where it begins.
    before
        What it came from, the oldest first.
    """

    def __init__(self, present: Draft | None = None, before: Sequence[Draft] = ()) -> None:
        self.present = present or Draft()
        self._before = list(before)
        self._undone: list[Draft] = []

    def change(self, draft: Draft) -> bool:
        """Go on to another draft; False if it is the same."""
        if draft == self.present:
            return False
        self._before = [*self._before[1 - MOST_STEPS :], self.present]
        self._undone.clear()
        self.present = draft
        return True

    def amend(self, draft: Draft) -> None:
        """Have another draft in place of the present one, as part of the same step."""
        self.present = draft

    def last(self, number: int) -> tuple[Draft, ...]:
        """So many of the drafts before, the oldest first."""
        return tuple(self._before[-number:])

    def undo(self) -> bool:
        """Go back to the draft before; False if there is none."""
        return self._step(self._before, self._undone)

    def redo(self) -> bool:
        """Take back an `undo`."""
        return self._step(self._undone, self._before)

    def _step(self, source: list[Draft], other: list[Draft]) -> bool:
        if not source:
            return False
        other.append(self.present)
        self.present = source.pop()
        return True


def is_struck(struck: Struck, differing: Collection[str]) -> bool:
    """Whether a point with these values of lists is left out."""
    return any(set(one) <= set(differing) for one in struck)


def turned(struck: Struck, point: tuple[str, ...], points: Iterable[tuple[str, ...]]) -> Struck:
    """With a point left out that was not, or taken in again; all others stay as they are."""
    if not is_struck(struck, point):
        return struck | {point}
    wide = frozenset(one for one in struck if set(one) <= set(point))
    others = {other for other in points if other != point and is_struck(wide, other)}
    return (struck - wide) | others


def changes(before: Sequence[str], after: Sequence[str]) -> str:
    """What another draft has more and less, in a few words."""
    more = [text for text in after if text not in before]
    less = [text for text in before if text not in after]
    return ", ".join([*more, *(f"without {text}" for text in less)])


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(text for text in value if isinstance(text, str))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
