"""Many lines of events at once, for readers who want the numbers of whole runs.

From one line of a run to the next little changes but the numbers and the time. So what stands
between the fixed beginning and the fixed end is cut out of all such lines, and parsed together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from engine.facts.parse import parse_event

MOMENTS = ("on_epoch_end", "on_progress")
"""The frequent moments, whose lines are parsed together."""

FIELDS = (
    *("epoch", "step", "train_loss", "val_loss"),
    *("epoch_time_s", "total_time_s", "throughput", "max_memory_mib"),
)
"""The fields that are read of such a line, beside its metrics and its time."""

_FIXED = {"schema_version", "moment", "run_dir", "epoch", "histories", "error", "traceback", "meta"}
_RARE = {"moment", "meta", "nonfinite", "stopped", "error"}
_TIMES = re.compile(rb"(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00)+")
_TIME_LENGTH = 29
_LONGEST = 1 << 16
_MOST = 4096

_decode = json.JSONDecoder().decode


class Alike(NamedTuple):
    """Events of one moment with the same fields, in the order in which they were written."""

    moment: str
    columns: dict[str, list[Any]]
    """Each field that may change, with one entry per event; `metrics` stand apart."""
    metrics: dict[str, list[Any]]


class Stretch(NamedTuple):
    """Consecutive events, apart by their moment."""

    kinds: list[Alike]
    times: list[str]
    """The timestamps of all, in the order in which they were written."""
    last_moment: str


class Form:
    """The fixed parts of a line, and the middles of the lines that have them.

    Parameters
    ----------
    head
        From the beginning of the line up to the value of `epoch`.
    tail
        What follows the numbers, up to the timestamp.
    end
        What follows the timestamp.
    """

    def __init__(self, moment: str, head: bytes, tail: bytes, end: bytes) -> None:
        self.moment, self.head, self.tail, self.end = moment, head, tail, end
        self.middles: list[bytes] = []
        self._from = len(head)
        self._to = -(len(tail) + _TIME_LENGTH + len(end))
        self._time = slice(-(_TIME_LENGTH + len(end)), -len(end))

    def take(self, line: bytes) -> bytes | None:
        """Keep the middle of a line of this form and give its time, which are not looked at yet.

        None for a line of another form.
        """
        if not (line.startswith(self.head) and line.endswith(self.end)):
            return None
        time = line[self._time]
        middle = line[self._from : self._to]
        if not line.endswith(self.tail + time + self.end) or b"[" in middle:
            return None
        self.middles.append(middle)
        return time

    def parse(self) -> Alike | None:
        """What was taken; None if a line is damaged, or has other fields than the first one."""
        middles, self.middles = self.middles, []
        # A string cannot hold a line end and there is no list in a middle, so an object can only
        # end where its line does.
        together = b'[{"epoch":' + b'},\n{"epoch":'.join(middles) + b"}]"
        try:
            records = _decode(together.decode())
            columns = _columns(records)
            metrics = _columns(columns.pop("metrics"))
        except (ValueError, LookupError, TypeError, RecursionError):
            return None
        if len(records) != len(middles) or not _RARE.isdisjoint(columns):
            return None
        if not columns.keys() >= set(FIELDS):
            return None
        return Alike(self.moment, columns, metrics)


class BulkParser:
    """Lines of events, one chunk after another, as records or as many together."""

    def __init__(self) -> None:
        self._forms: dict[str, Form] = {}
        self._taken: list[bytes] = []
        self._times: list[bytes] = []
        self._last_moment = ""

    def parse(self, lines: Iterable[bytes]) -> Iterator[Stretch | dict[str, Any] | None]:
        """The events in their order; None stands for a line that is none.

        What stands in the `histories` of a line is left out, and not looked at.
        """
        for line in lines:
            if self._takes(line):
                continue
            yield from self._flush()
            form = _form_of(line)
            if form is not None:
                self._forms[form.moment] = form
                if self._takes(line):
                    continue
            yield _parse_without_histories(line)
        yield from self._flush()

    def _takes(self, line: bytes) -> bool:
        if len(self._taken) == _MOST:
            return False
        for form in self._forms.values():
            time = form.take(line)
            if time is not None:
                self._taken.append(line)
                self._times.append(time)
                self._last_moment = form.moment
                return True
        return False

    def _flush(self) -> Iterator[Stretch | dict[str, Any] | None]:
        """What was taken, line by line if anything about it is a surprise."""
        if not self._taken:
            return
        taken, self._taken = self._taken, []
        times, self._times = b"".join(self._times), []
        kinds = [form.parse() for form in self._forms.values() if form.middles]
        known = [kind for kind in kinds if kind is not None]
        if len(known) == len(kinds) and _TIMES.fullmatch(times):
            each = range(0, len(times), _TIME_LENGTH)
            texts = times.decode()
            texts_apart = [texts[start : start + _TIME_LENGTH] for start in each]
            yield Stretch(known, texts_apart, self._last_moment)
        else:
            self._forms.clear()
            yield from map(parse_event, taken)


def _form_of(line: bytes) -> Form | None:
    """The form of a line of a frequent moment whose fixed parts hold nothing that counts."""
    epoch, histories = line.find(b'"epoch":'), line.find(b',"histories":{},')
    time = line.find(b'"timestamp":"', histories)
    if min(epoch, histories - epoch, time) < 0 or len(line) > _LONGEST:
        return None
    time += len(b'"timestamp":"')
    head, tail = line[: epoch + len(b'"epoch":')], line[histories:time]
    end = line[time + _TIME_LENGTH :]
    fixed = head + b"[]" + tail + end
    record = parse_event(fixed)
    if record is None or b"\\" in fixed or fixed.count(b'"epoch"') > 1:
        return None
    fits = record["moment"] in MOMENTS and record.get("epoch") == [] and _FIXED.issuperset(record)
    return Form(record["moment"], head, tail, end) if fits else None


def _columns(records: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Each field of records that all have the same ones.

    Raises
    ------
    LookupError
        If they have not.
    """
    first = records[0]
    if {len(record) for record in records} != {len(first)}:
        raise LookupError("the records differ in their fields")
    return {name: [record[name] for record in records] for name in first}


def _parse_without_histories(line: bytes) -> dict[str, Any] | None:
    """The event of a line without its histories, most of the bytes of a closing line."""
    start = line.find(b'"histories":{"')
    if start >= 0:
        start += len(b'"histories":{')
        record = parse_event(line[:start] + line[line.find(b"}", start) :])
        if record is not None:
            return record
    return parse_event(line)
