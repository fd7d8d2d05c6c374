"""A table as text for other programs: CSV, JSON and LaTeX."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from engine.cli.json_text import plain_json
from engine.cli.output import machine_text
from engine.facts.text import plain
from engine.tables.cells import Spread, as_number, machine, show


class Field(NamedTuple):
    """One entry of a table."""

    kind: str
    """As in `engine.tables.keys.Key`."""
    value: Any


Rows = Iterable[Sequence[Field]]

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
    # After the end of a row these two would be taken for its options.
    "[": "{[}",
    "*": "{*}",
} | {character: f"\\{character}" for character in "&%$#_{}"}
_POWER = re.compile(r"(\d)e([+-])0*(\d+)")
_FORMULA = re.compile(r"[=+@\-]")


def split_spreads(
    titles: Sequence[str], rows: Sequence[Sequence[Field]]
) -> tuple[list[str], list[list[Field]]]:
    """The table with the spread of a column, where it has one, in a column beside it."""
    split_titles: list[str] = []
    columns: list[list[Field]] = []
    for number, title in enumerate(titles):
        column = [row[number] for row in rows]
        split_titles.append(title)
        columns.append([_mean(field) for field in column])
        if any(isinstance(field.value, Spread) for field in column):
            split_titles.append(f"{title}_std")
            columns.append([Field(kind, getattr(value, "std", None)) for kind, value in column])
    return split_titles, [list(row) for row in zip(*columns, strict=True)]


def _mean(field: Field) -> Field:
    return Field(field.kind, field.value.mean) if isinstance(field.value, Spread) else field


def csv_lines(titles: Sequence[str], rows: Rows) -> Iterator[str]:
    """Comma-separated values, numbers with all their digits."""
    yield _csv_line([_text_cell(title) for title in titles])
    for row in rows:
        yield _csv_line([_csv_cell(machine(field.kind, field.value)) for field in row])


def _csv_cell(value: Any) -> str:
    text = machine_text(value)
    return _text_cell(text) if as_number(value) is None else text


def _text_cell(text: str) -> str:
    """Text as it is, but for what a spreadsheet would run as a formula."""
    text = plain(text)
    return f"'{text}" if _FORMULA.match(text) else text


def _csv_line(cells: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue()


def json_lines(titles: Sequence[str], rows: Rows) -> Iterator[str]:
    """A list with one object a row; numbers that are not finite are null."""
    before = "[\n"
    for row in rows:
        entries = zip(titles, row, strict=True)
        record = {title: plain_json(machine(*field)) for title, field in entries}
        yield before + json.dumps(record, allow_nan=False)
        before = ",\n"
    yield "[]\n" if before.startswith("[") else "\n]\n"


def latex_lines(titles: Sequence[str], rows: Rows) -> Iterator[str]:
    """A table for the package booktabs, with numbers as people read them."""
    rows = list(rows)
    yield "% \\usepackage[T1]{fontenc}, \\usepackage{booktabs}\n"
    yield f"\\begin{{tabular}}{{{_alignment(len(titles), rows)}}}\n\\toprule\n"
    yield _latex_row(latex_text(title) for title in titles)
    yield "\\midrule\n"
    for row in rows:
        yield _latex_row(_latex_cell(field) for field in row)
    yield "\\bottomrule\n\\end{tabular}\n"


def _alignment(n_columns: int, rows: Sequence[Sequence[Field]]) -> str:
    """A column of numbers to the right, any other to the left."""
    numeric = (
        all(row[n].value is None or as_number(row[n].value) is not None for row in rows)
        for n in range(n_columns)
    )
    return "".join("r" if right else "l" for right in numeric)


def _latex_cell(field: Field) -> str:
    text = latex_text(show(field.kind, field.value))
    if as_number(field.value) is None:
        return text
    # A power of ten, and a minus as long as a plus.
    text = _POWER.sub(lambda m: rf"{m[1]}$\times10^{{{m[2].strip('+')}{m[3]}}}$", text)
    return re.sub(r"^-", "$-$", text)


def latex_text(text: object) -> str:
    """Text with everything escaped that LaTeX would take for more than text."""
    return "".join(_LATEX.get(character, character) for character in plain(text))


def _latex_row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + " \\\\\n"


WRITERS: dict[str, Callable[[Sequence[str], Rows], Iterator[str]]] = {
    "csv": csv_lines,
    "json": json_lines,
    "latex": latex_lines,
}
"""Format to its writer, which gives the text piece by piece."""
