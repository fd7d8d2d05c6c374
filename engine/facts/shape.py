"""Lines of events that equal one another but for their numbers and their time.

Nearly all lines of a long run do. A regular expression made from one of them finds the numbers
of the others several times faster than a JSON parser, and matches nothing that differs in
anything else; what the numbers mean is asked of `numbers_of`, once.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Callable, Collection, Iterator

from engine.facts.numbers import axes_of, numbers_of
from engine.facts.parse import parse_event
from engine.facts.series import KINDS, Curves

LONGEST = 8192
"""Bytes of a line from which a shape is made."""

# A string, or else a number or null.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|(null|-?[0-9][-+.0-9eE]*+)')
_TIMESTAMP = re.compile(rb'"timestamp":\s*+("[^"\\]*+")')
# JSON's numbers, of a length with which they are finite.
_NUMBER = rb"(?:-?+(?:0|[1-9][0-9]{0,30}+)(?:\.[0-9]{1,40}+)?+(?:[eE][-+]?+[0-9]{1,2}+)?+|null)"
_TIME = rb'"([ -!#-\[\]-~]*+)"'


class Shape:
    """What lines have in common with one of them, and where their numbers are.

    Parameters
    ----------
    kind
        The table that the numbers belong to.
    pattern
        Matches a whole line, with a group for each number that counts and for the timestamp.
    time
        Which group is the timestamp.
    axes
        Which group is the step, the epoch and the total time; None for what there is not.
    names
        Which group is which number of the event.
    """

    def __init__(
        self, kind: str, pattern: bytes, time: int, axes: list[int | None], names: dict[str, int]
    ) -> None:
        self.kind = kind
        self.match = re.compile(pattern).fullmatch
        self.rows: list[tuple[bytes, ...]] = []
        """The groups of the lines that matched, for `move_rows`."""
        self._time, self._axes, self._names = time, axes, names

    @classmethod
    def of(cls, line: bytes, wanted: Collection[str] | None = None) -> Shape | None:
        """The shape of a line; None if it belongs to no table, or is no simple one.

        Of its numbers those with one of the names that are `wanted` count, or all.
        """
        times = [match.span(1) for match in _TIMESTAMP.finditer(line)]
        if len(times) != 1 or len(line) > LONGEST:
            return None
        spans = sorted(times + [match.span() for match in _TOKEN.finditer(line) if match[1]])
        # With its place put for each number, the numbers of the event say which one counts as what.
        marks = [b'""' if span in times else b"%d" % place for place, span in enumerate(spans)]
        record = parse_event(b"".join(_replaced(line, spans, marks)))
        meta = record.get("meta") if record else None
        if record is None or not isinstance(meta, dict) or meta.get("timestamp") != "":
            return None
        kind, axes, free = KINDS.get(record["moment"]), axes_of(record), numbers_of(record)
        if kind is None:
            return None
        names = numbers_of(record, wanted)
        time = spans.index(times[0])
        counts = {time, *names.values(), *(place for place in axes if not math.isnan(place))}
        group = {place: number for number, place in enumerate(sorted(map(int, counts)))}
        patterns = [re.escape(line[slice(*span)]) for span in spans]
        for place in map(int, free.values()):
            patterns[place] = _NUMBER
        for place in group:
            patterns[place] = b"(%b)" % _NUMBER
        patterns[time] = _TIME
        return cls(
            kind,
            b"".join(_replaced(line, spans, patterns, re.escape)),
            group[time],
            [None if math.isnan(place) else group[int(place)] for place in axes],
            {name: group[int(place)] for name, place in names.items()},
        )

    def move_rows(self, curves: Curves) -> None:
        """Append the rows to the curves, as `Curves.add` would have done one by one."""
        groups, n = list(zip(*self.rows, strict=True)), len(self.rows)
        self.rows.clear()
        numbers = {name: _floats(groups[group]) for name, group in self._names.items()}
        given = {name: values for name, values in numbers.items() if values is not None}
        gaps = array("d", [math.nan]) * n
        steps, epochs, totals = (
            gaps if group is None else _floats(groups[group]) or gaps for group in self._axes
        )
        clock = curves.clock
        if math.isnan(sum(totals)):
            stamps = (stamp.decode() for stamp in groups[self._time])
            totals = array("d", map(clock.time, totals, stamps))
        else:
            clock.last = max(clock.last, *totals)
        curves.extend(self.kind, steps, epochs, totals, given)


def _replaced(
    line: bytes,
    spans: list[tuple[int, int]],
    marks: list[bytes],
    between: Callable[[bytes], bytes] = bytes,
) -> Iterator[bytes]:
    """The parts of a line with others in the place of some."""
    end = 0
    for (start, next_end), mark in zip(spans, marks, strict=True):
        yield between(line[end:start])
        yield mark
        end = next_end
    yield between(line[end:])


def _floats(texts: tuple[bytes, ...]) -> array[float] | None:
    """The numbers that texts are, NaN for `null`; None if there is no number."""
    first, n = texts[0], len(texts)
    if texts[-1] == first and texts.count(first) == n:
        return None if first == b"null" else array("d", [float(first)]) * n
    try:
        return array("d", map(float, texts))
    except ValueError:
        return array("d", (math.nan if text == b"null" else float(text) for text in texts))
