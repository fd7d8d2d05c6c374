"""A report as one Markdown page; its pictures are in it, too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

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
    yield from _section("Over seeds: mean ± standard deviation", report.seeds)
    if report.overrides:
        yield "## Settings that differ from the defaults"
        yield fence("\n".join(report.overrides))
    yield from _pictures(report)
    yield from _section("Results", report.results)
    yield from _section("What else differs", report.config.tables, report.config.only_some)
    yield from _commands(report)
    yield from _section("Environment", report.environment)


def _section(title: str, grids: Sequence[Grid], only_some: Sequence[str] = ()) -> Iterable[str]:
    """Tables below a title; nothing where there is none."""
    if any(grid.rows for grid in grids) or only_some:
        yield f"## {title}"
    yield from map(_table, grids)
    if only_some:
        yield f"Settings that only some of them have: {', '.join(map(escape, only_some))}."


def _commands(report: Report) -> Iterable[str]:
    """All of them can be copied at once."""
    lines = [report.checkout] if report.checkout else []
    for run, command in report.commands.rows:
        lines += [command.text] if len(report.names) == 1 else [f"# {run.text}", command.text]
    if report.commands.rows:
        yield "## To have it again" if len(report.names) == 1 else "## To have them again"
        yield fence("\n".join(lines))


def _said(report: Report, alone: bool) -> Iterable[str]:
    tags = [f"{code(tag)} {escape(runs)}".strip() for tag, runs in report.tags]
    yield ", ".join(tags)
    for remarks in report.remarks:
        name = "" if alone else f"**\\#{remarks.run + 1}** "
        yield f"{name}{escape(remarks.state)}" if remarks.state else ""
        yield f"{name}**{escape(remarks.problem)}**" if remarks.problem else ""
        lines = [escape(line) for line in remarks.note.splitlines()]
        yield "\n".join(f"> {name if not i else ''}{line}\n>" for i, line in enumerate(lines))


def _pictures(report: Report) -> Iterable[str]:
    if report.charts.shown:
        yield "## Curves"
        if len(report.names) > 1:
            yield "\n".join(f"- {escape(name)}" for _, name in report.legend)
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
        yield f"Not on this page, as too large, no picture or a link: {listed}."


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
