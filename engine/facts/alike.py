"""Lines of events that equal one another but for their numbers and their time, read together.

Nearly all lines of a run do. What stands before the numbers and after them is compared as it is;
a regular expression, the same for all runs with the same metrics, finds the numbers between. The
JSON parser reads those of many lines at once, and so makes of them what it makes of them line by
line.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from engine.facts.numbers import AXES, FIELDS
from engine.facts.parse import parse_event
from engine.facts.series import KINDS

FREQUENT = tuple(KINDS)
"""The moments whose lines are read together."""

LONGEST = 8192
"""Bytes of a line that others are compared with."""

_MOST_FORMS = 6
_WORTH = 8
"""As many lines have to be left for a form of them to be worth while."""

_KIND = re.compile(rb'"moment":\s*+"(?:' + "|".join(FREQUENT).encode() + rb')"')
_NUMBER = re.compile(rb":\s*+(-?[0-9][-+.0-9eE]*+)(?=[,}\s])")
_TIME = re.compile(rb'"timestamp":\s*+"([^"\\]*+)"')
_HISTORIES = b'"histories":{"'
_MARK = 7_310_000_000
_MARK_BEGINS = b"7310000"

_READ = b"-+.0123456789eE" + b"null"
_ANY_TIME = rb"([ -!#-\[\]-~]*+)"
_PASSED_OVER = rb"-?+(?:0|[1-9][0-9]{0,30}+)(?:\.[0-9]{1,40}+)?+(?:[eE][-+]?+[0-9]{1,2}+)?+"

_AXES = {("", name) for name in AXES}

_decode = json.JSONDecoder().decode

Column = Sequence[float | None]
"""One number of some events, as JSON has it: whole or not, infinite if it is too large, None."""


class Alike(NamedTuple):
    """Events of one form, in the order in which they were written."""

    record: Mapping[str, Any]
    """One of them; the others differ from it in the numbers and the time alone."""
    fields: Mapping[str, Column]
    """Those of `AXES` and `FIELDS` that are numbers, and wanted."""
    metrics: Mapping[str, Column]
    times: Sequence[bytes]
    """The timestamps."""


class Stretch(NamedTuple):
    """Consecutive events, those of each moment of one form."""

    kinds: list[Alike]
    lines: list[bytes]
    times: list[bytes]
    """The timestamps of all."""
    last: Mapping[str, Any]
    """The `record` of the form of the last one."""


class Form:
    """What lines have in common with one of them, and where their numbers are.

    Parameters
    ----------
    record
        The event that one of the lines holds.
    head, end
        How the lines begin and end.
    pattern
        Matches what is between, with a group for each number that is read and one for the time.
    fields, metrics
        Name of a number to its group, from 0 on.
    """

    def __init__(
        self,
        record: Mapping[str, Any],
        head: bytes,
        end: bytes,
        pattern: re.Pattern[bytes],
        fields: dict[str, int],
        metrics: dict[str, int],
    ) -> None:
        self.record, self.moment = record, record["moment"]
        self.rows: list[tuple[bytes, ...]] = []
        """The numbers and the time of each line that is to be read, as texts."""
        self._head, self._start = head, len(head)
        self._end, self._cut = end, len(end)
        self._fullmatch = pattern.fullmatch
        self._fields, self._metrics = fields, metrics

    @classmethod
    def of(cls, line: bytes, wanted: Collection[str] | None = None) -> Form | None:
        """The form of a line; None if it is no simple one.

        Parameters
        ----------
        wanted
            The names of the numbers that are wanted beside `AXES`; all if not given.
        """
        times = [match.span(1) for match in _TIME.finditer(line)]
        if len(times) != 1 or len(line) > LONGEST or _MARK_BEGINS in line:
            return None
        time, spans = times[0], [match.span(1) for match in _NUMBER.finditer(line)]
        record, marked = parse_event(line), parse_event(_marked(line, spans, time))
        found = _places(record, marked) if record and marked else {}
        if not record or record["moment"] not in FREQUENT:
            return None
        if not found or time < spans[max(found.values())]:
            return None
        order = sorted(found, key=found.__getitem__)
        read = [wanted is None or key[1] in wanted or key in _AXES for key in order]
        stops = [*(spans[found[key]] for key in order), time]
        pieces = [line[one[1] : other[0]] for one, other in itertools.pairwise(stops)]
        groups = {key: n for n, key in enumerate(itertools.compress(order, read))}
        fields, metrics = (
            {name: group for (part, name), group in groups.items() if part == which}
            for which in ("", "metrics")
        )
        pattern = _pattern(tuple(pieces), tuple(read))
        return cls(record, line[: stops[0][0]], line[time[1] :], pattern, fields, metrics)

    def row_of(self, line: bytes) -> tuple[bytes, ...] | None:
        """The numbers and the time of a line, as texts; None if it is of another form."""
        if not (line.startswith(self._head) and line.endswith(self._end)) or len(line) > LONGEST:
            return None
        match = self._fullmatch(line, self._start, len(line) - self._cut)
        return None if match is None else match.groups()

    def read(self) -> Alike | None:
        """The events of the rows; None if one of them is damaged."""
        *texts, times = zip(*self.rows, strict=True)
        self.rows.clear()
        together = b"\n".join(map(b",".join, texts))
        if together.translate(None, _READ + b",\n"):
            return None
        try:
            columns = _decode(f"[[{together.decode()}]]".replace("\n", "],["))
        except ValueError:
            return None
        if any(len(column) != len(times) for column in columns[: len(texts)]):
            return None
        fields = {name: columns[group] for name, group in self._fields.items()}
        metrics = {name: columns[group] for name, group in self._metrics.items()}
        return Alike(self.record, fields, metrics, times)


class Reader:
    """Lines of events, one chunk after another, as records or as many together.

    Parameters
    ----------
    wanted
        The names of the numbers that are wanted beside `AXES`; all if not given.
    """

    def __init__(self, wanted: Collection[str] | None = None) -> None:
        self._wanted = wanted
        self._forms: list[Form] = []
        self._made = self._n_lines = 0
        self._open: dict[str, Form] = {}  # moment to the form with rows to read
        self._lines: list[bytes] = []  # those of the rows, in their order
        self._times: list[bytes] = []
        self._last: Mapping[str, Any] = {}

    def read(self, lines: Sequence[bytes]) -> Iterator[Stretch | dict[str, Any] | None]:
        """The events in their order; None stands for a line that is none.

        What stands in the `histories` of a line is left out, and not looked at.
        """
        self._n_lines += len(lines)
        for place, line in enumerate(lines):
            form, row = None, None
            for form in self._forms:
                row = form.row_of(line)
                if row is not None:
                    break
            else:
                yield from self._flush()
                form = self._learn(line, len(lines) - place)
                row = form.row_of(line) if form is not None else None
            if form is None or row is None:
                yield _parse_alone(line)
                continue
            if not form.rows:
                if form.moment in self._open:
                    yield from self._flush()
                self._open[form.moment] = form
            form.rows.append(row)
            self._lines.append(line)
            self._times.append(row[-1])
            self._last = form.record
        yield from self._flush()

    def _learn(self, line: bytes, n_lines: int) -> Form | None:
        """The form of a line of which others may follow; ever rarer, should each be different."""
        if n_lines < _WORTH or self._n_lines < _WORTH * self._made**2 or not _KIND.search(line):
            return None
        self._made += 1
        form = Form.of(line, self._wanted)
        if form is not None:
            self._forms = [form, *self._forms][:_MOST_FORMS]
        return form

    def _flush(self) -> Iterator[Stretch | dict[str, Any] | None]:
        """What was taken, line by line if one of them is damaged."""
        if not self._lines:
            return
        kinds = list(map(Form.read, self._open.values()))
        known = [kind for kind in kinds if kind is not None]
        lines, times = self._lines, self._times
        self._open, self._lines, self._times = {}, [], []
        if len(known) == len(kinds):
            yield Stretch(known, lines, times, self._last)
        else:
            yield from map(parse_event, lines)


def _parse_alone(line: bytes) -> dict[str, Any] | None:
    """The event of a line without its histories, most of the bytes of a closing line."""
    start = line.find(_HISTORIES)
    if start >= 0:
        start += len(_HISTORIES) - 1
        record = parse_event(line[:start] + line[line.find(b"}", start) :])
        if record is not None:
            return record
    return parse_event(line)


def _marked(line: bytes, spans: list[tuple[int, int]], time: tuple[int, int]) -> bytes:
    """A line with a mark put for each of its numbers, and for its time."""
    marks = [b"%d" % (_MARK + place) for place in range(len(spans))]
    pieces, end = [], 0
    for (start, next_end), mark in sorted(zip([*spans, time], [*marks, _MARK_BEGINS], strict=True)):
        pieces += [line[end:start], mark]
        end = next_end
    return b"".join([*pieces, line[end:]])


def _places(record: Mapping[str, Any], marked: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """Which mark went to which number: a field, or one of the `metrics`; none in an odd event."""
    meta, metrics = marked.get("meta"), marked.get("metrics")
    if not isinstance(meta, dict) or meta.get("timestamp") != _MARK_BEGINS.decode():
        return {}
    found = {("", name): marked.get(name) for name in (*AXES, *FIELDS)}
    if isinstance(metrics, dict):
        if [*metrics] != [*record["metrics"]]:
            return {}
        found |= {("metrics", name): value for name, value in metrics.items()}
    if any(type(value) is float for value in found.values()):  # NaN, or infinite
        return {}
    return {key: value - _MARK for key, value in found.items() if type(value) is int}


@functools.lru_cache(maxsize=64)
def _pattern(pieces: tuple[bytes, ...], read: tuple[bool, ...]) -> re.Pattern[bytes]:
    """Matches numbers and a time with these pieces of a line between; some numbers are read."""
    parts = []
    for piece, is_read in zip(pieces, read, strict=True):
        parts += [b"([^%b]++)" % re.escape(piece[:1]) if is_read else _PASSED_OVER]
        parts += [re.escape(piece)]
    return re.compile(b"".join([*parts, _ANY_TIME]))
