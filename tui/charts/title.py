"""The first line of a chart: its name, and the last and best values in the colours of the runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from textual.color import Color

from engine.facts.text import plain
from tui.charts.tick_labels import span
from tui.charts.view import Stroke, View
from tui.look import Look
from tui.series import nearest

_MOST_NAMED = 6


class Part(NamedTuple):
    """A piece of a line of text."""

    text: str
    colour: str
    """`#RRGGBB`, or the name of one of the `Tones`."""
    bold: bool = False


@dataclass(frozen=True)
class Tones:
    """The colours of what is not a curve, on one ground."""

    ground: str
    text: str
    accent: str
    dark: bool = True

    def of(self, name: str) -> str:
        """A colour by its name; a colour itself is left alone."""
        shares = {"text": 1.0, "muted": 0.6, "dim": 0.4, "faint": 0.2 if self.dark else 0.25}
        if name == "accent":
            return self.accent
        return self.tinted(self.text, shares[name]) if name in shares else name

    def tinted(self, colour: str, share: float) -> str:
        """A colour mixed into the ground."""
        return _blend(self.ground, colour, share)

    @property
    def behind(self) -> float:
        """How much of its colour a raw curve keeps behind the smoothed one."""
        return 0.45 if self.dark else 0.38


def title_parts(
    title: str, strokes: Sequence[Stroke], view: View, look: Look, width: int, selected: bool
) -> tuple[list[Part], list[Part]]:
    """What stands at the left and at the right end of the line: as much as there is room for."""
    sign = (">" if look.ascii else "▸") if selected else " "
    name = plain(title)
    for right in _choices(strokes, view, look):
        if cell_len(name) + 4 + sum(cell_len(part.text) for part in right) <= width:
            break
    else:
        right = []
    if cell_len(name) + 2 > width:
        name = set_cell_size(name, max(0, width - 3)) + look.more
    return [Part(sign, "accent", True), Part(name, "text", True)], right


def shown_value(value: float) -> str:
    """Four digits in few signs: `0.1234`, `12.34k`, `1.234e-5`."""
    if not math.isfinite(value):
        return "-"
    if not value:
        return "0"
    size = abs(value)
    if size and (size < 1e-3 or size >= 1e15):
        mantissa, power = f"{value:.3e}".split("e")
        return f"{mantissa}e{int(power)}"
    for least, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= least:
            return f"{value / (1e3 if suffix == 'k' else least):#.4g}".rstrip(".") + suffix
    return f"{value:#.4g}".rstrip(".")


def shown_place(x: float, axis: str) -> str:
    """A place on the horizontal axis with all its digits."""
    return span(x) if axis == "time" else f"{x:,.0f}"


def signs_of(strokes: Sequence[Stroke], look: Look) -> list[str]:
    """What stands before the name of each curve, and on it where they differ."""
    signs = look.signs
    return [
        stroke.sign or signs[0 if look.colour else number % len(signs)]
        for number, stroke in enumerate(strokes)
    ]


def _choices(strokes: Sequence[Stroke], view: View, look: Look) -> Iterator[list[Part]]:
    """What may stand at the right, from the longest to the shortest."""
    signs = {id(s): sign for s, sign in zip(strokes, signs_of(strokes, look), strict=True)}
    is_signed = len(set(signs.values())) > 1
    strokes = [stroke for stroke in strokes if len(stroke.raw.xs)]
    if view.cursor is not None:
        yield from _readings(strokes, [signs[id(stroke)] for stroke in strokes], view.cursor)
        return
    strokes = [stroke for stroke in strokes if math.isfinite(stroke.last)]
    if not strokes:
        return
    if len(strokes) == 1:
        yield [_last(strokes[0]), *_best(strokes[0], "  best ")]
        yield [_last(strokes[0])]
        return
    if len(strokes) <= _MOST_NAMED:
        names = [Part(f"{signs[id(stroke)]} {stroke.label} ", stroke.colour) for stroke in strokes]
        lasts = [[name, _last(s)] for name, s in zip(names, strokes, strict=True)]
        yield _spaced(
            [[*last, *_best(s, " best ")] for last, s in zip(lasts, strokes, strict=True)]
        )
        yield _spaced(lasts)
        shorts = [(Part(signs[id(s)] if is_signed else "", s.colour), s) for s in strokes]
        yield _spaced([[sign, _last(stroke)] for sign, stroke in shorts])
    yield from _leader(strokes, signs if is_signed else {})


def _readings(strokes: Sequence[Stroke], signs: Sequence[str], x: float) -> Iterator[list[Part]]:
    """The values at the cursor, each after the sign of its curve."""
    values = [_reading(stroke, x) for stroke in strokes]
    if len(strokes) == 1:
        raw = nearest(strokes[0].raw, x)
        if raw and strokes[0].raw is not strokes[0].shown:
            yield [*values[0], Part(f"  raw {shown_value(raw.y)}", "muted")]
        yield values[0]
    elif len(strokes) <= _MOST_NAMED:
        names = [
            Part(f"{sign} {stroke.label} ", stroke.colour)
            for sign, stroke in zip(signs, strokes, strict=True)
        ]
        yield _spaced([[name, *value] for name, value in zip(names, values, strict=True)])
    yield _spaced(values)
    yield _spaced(values[:1])


def _reading(stroke: Stroke, x: float) -> list[Part]:
    """The value of a curve at a place, and of how many lines it is if not of all."""
    point = nearest(stroke.shown, x)
    value = Part(shown_value(point.y) if point else "-", stroke.colour, True)
    n = stroke.n_at(x)
    return [value, Part(f" of {n}", "muted")] if 0 < n < len(stroke.runs) else [value]


def _leader(strokes: Sequence[Stroke], signs: Mapping[int, str]) -> Iterator[list[Part]]:
    """The best of all, after its sign where it has one."""
    known = [stroke for stroke in strokes if math.isfinite(stroke.best)]
    if not known:
        return
    best = (
        max(known, key=lambda s: s.best) if strokes[0].higher else min(known, key=lambda s: s.best)
    )
    value = Part(shown_value(best.best), best.colour, True)
    sign = Part(f"{signs[id(best)]} " if signs else "", best.colour)
    yield [Part("best ", "muted"), sign, value, Part(f" {best.label}", best.colour)]
    yield [Part("best ", "muted"), sign, value]
    yield [value]


def _last(stroke: Stroke) -> Part:
    return Part(shown_value(stroke.last), stroke.colour, True)


def _best(stroke: Stroke, before: str) -> list[Part]:
    if not math.isfinite(stroke.best):
        return []
    return [Part(before, "muted"), Part(shown_value(stroke.best), stroke.colour)]


def _spaced(groups: Sequence[Sequence[Part]]) -> list[Part]:
    """Groups with two columns between them."""
    parts: list[Part] = []
    for group in groups:
        parts += [Part("  ", "muted"), *group] if parts else group
    return parts


@lru_cache(4096)
def _blend(ground: str, colour: str, share: float) -> str:
    return Color.parse(ground).blend(Color.parse(colour), share).hex6
