"""One line of a file of facts as an event or a row, whatever the line holds."""

from __future__ import annotations

import csv
import json
import re
from typing import Any

LONG_LINE = 1 << 20
"""Bytes that are parsed at once; parsed, a line takes up to about 40 times its bytes."""

MAX_COLUMNS = 10_000
"""Columns that a header may have."""

# The whole of a flat object: everything but braces, and strings with anything in them.
_HISTORIES = re.compile(rb'"histories"\s*+:\s*+\{(?:[^{}"]++|"(?:[^"\\]|\\.)*+")*+\}')

_decode = json.JSONDecoder().decode


def parse_event(line: bytes) -> dict[str, Any] | None:
    """The event that a line holds; None if it holds none.

    An event is a JSON object with a text for its `moment`. Every other field may be of any type or
    missing; numbers may be NaN or infinite (older writers). A line longer than `LONG_LINE` loses
    its `histories`; if it is too long without them it is none.
    """
    if len(line) > LONG_LINE:
        line = _HISTORIES.sub(b'"histories":{}', line)
        if len(line) > LONG_LINE:
            return None
    try:
        # As text: from bytes, json would take zeros for a sign of another encoding.
        record = _decode(line.decode())
    except (ValueError, RecursionError):
        return None
    if isinstance(record, dict) and isinstance(record.get("moment"), str):
        return record
    return None


def parse_cells(line: bytes) -> list[str]:
    """The cells of one line of comma-separated values; none if it is no such line."""
    if len(line) > LONG_LINE:
        return []
    text = line.decode("utf-8", "replace").replace("\0", "")
    try:
        return next(csv.reader([text]), [])
    except csv.Error:
        return []


class RowParser:
    """Lines of a `scalars.csv` as rows; the first line is the header."""

    def __init__(self) -> None:
        self.header: list[str] | None = None

    def __call__(self, line: bytes) -> dict[str, str] | None:
        """The row that a line holds, empty for the header; None for a line that does not fit it."""
        cells = parse_cells(line)
        if self.header is None:
            self.header = cells if len(cells) <= MAX_COLUMNS else []
            return {}
        if not cells or len(cells) != len(self.header):
            return None
        return dict(zip(self.header, cells, strict=True))
