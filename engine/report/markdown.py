"""A report as one Markdown page; its pictures are in it, too."""

from __future__ import annotations

import re
from collections.abc import Iterable

from engine.facts.text import plain
from engine.report.content import Report
from engine.report.draw import png
from engine.report.grid import Entry, Grid
from engine.report.html import data_uri

# What is markup anywhere, but for an underscore within a word, which is none;
_SPECIAL = re.compile(r"[\\`*\[\]<>|~&$#@]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")
# what begins a list or a line across; and what makes an address of plain text.
_BEGINNING = re.compile(r"^([-+=](?=[-+=\s]|$)|\d+(?=[.)](?:\s|$)))")
_ADDRESS = re.compile(r"(:)(?=//)|(?<=www)(\.)", re.IGNORECASE)
_TICKS = re.compile(r"`+")


def render(report: Report) -> str:
    """The page."""
    return "\n\n".join(filter(None, _blocks(report))) + "\n"


def escape(text: str) -> str:
    """Text in which nothing is markup, and nothing becomes a link by itself."""
    text = _SPECIAL.sub(r"\\\g<0>", _one_line(text))
    text = _ADDRESS.sub(r"\\\g<0>", text)
    return _BEGINNING.sub(lambda match: _escaped(match[1]), text)


def _escaped(beginning: str) -> str:
    """A number gets its backslash behind it, before the dot that would make a list of it."""
    return f"{beginning}\\" if beginning.isdigit() else f"\\{beginning}"


def code(text: str) -> str:
    """Text as it is, in one line, in a frame of backticks that it cannot close."""
    text = _one_line(text)
    frame = "`" * (_longest_run_of_ticks(text) + 1)
    return f"{frame} {text} {frame}" if "`" in text else f"{frame}{text}{frame}"


def fence(text: str) -> str:
    """Lines as they are, in a fence that they cannot close."""
    frame = "`" * max(3, _longest_run_of_ticks(text) + 1)
    return f"{frame}\n{plain(text, keep_lines=True)}\n{frame}"


def _one_line(text: str) -> str:
    return " ".join(plain(text).split())


def _blocks(report: Report) -> Iterable[str]:
    alone = len(report.names) == 1
    yield f"# {escape(report.title)}"
    yield escape(report.made)
    yield escape(report.headline)
    yield "## Run" if alone else "## Runs"
    yield _table(report.runs)
    yield from _said(report, alone)
    if report.overrides:
        yield "## Settings that differ from the defaults"
        yield fence("\n".join(report.overrides))
    for title, grid in (
        ("What differs", report.config),
        ("Results", report.results),
        ("Over seeds", report.seeds),
    ):
        if grid.rows:
            yield f"## {title}"
            yield _table(grid)
    yield from _pictures(report)
    if report.commands:
        yield "## To have it again"
        for run, text in report.commands:
            yield fence(text if alone else f"# run {run + 1}\n{text}")
    if report.environment.rows:
        yield "## Environment"
        yield _table(report.environment)


def _said(report: Report, alone: bool) -> Iterable[str]:
    for remarks in report.remarks:
        lines = [escape(remarks.state)] if alone and remarks.state else []
        lines += [", ".join(map(code, remarks.tags))] if remarks.tags else []
        lines += ["> " + escape(line) for line in remarks.note.splitlines()]
        lines += [f"**{escape(remarks.problem)}**"] if remarks.problem else []
        if lines and not alone:
            yield f"### Run {remarks.run + 1}"
        yield "\n\n".join(lines)


def _pictures(report: Report) -> Iterable[str]:
    if report.charts.shown:
        yield "## Curves"
        if len(report.names) > 1:
            names = enumerate(map(escape, report.names), start=1)
            yield "\n".join(f"- \\#{number}: {name}" for number, name in names)
        for chart in report.charts.shown:
            yield f"**{escape(chart.title)}**"
            yield f"![{escape(chart.title)}]({data_uri(png(chart))})"
    if report.charts.left_out:
        yield f"Without a chart here: {', '.join(map(escape, report.charts.left_out))}."
    if report.figures.shown:
        yield "## Figures of the run"
        for figure in report.figures.shown:
            yield f"![{escape(figure.name)}]({data_uri(figure.data)})"
    if report.figures.left_out:
        listed = ", ".join(map(escape, report.figures.left_out))
        yield f"Too large or damaged for this page: {listed}."


def _table(grid: Grid) -> str:
    rule = ["---:" if entry.numeric else "---" for entry in grid.titles]
    rows = [list(map(_cell, row)) for row in [grid.titles, *grid.rows]]
    lines = [rows[0], rule, *rows[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(entry: Entry) -> str:
    if not entry.text:
        return ""
    # Inside backticks a table knows no other character that ends a cell.
    text = code(entry.text) if entry.code and "|" not in entry.text else escape(entry.text)
    return f"**{text}**" if entry.best else text


def _longest_run_of_ticks(text: str) -> int:
    return max(map(len, _TICKS.findall(text)), default=0)
