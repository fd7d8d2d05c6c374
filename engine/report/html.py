"""A report as one HTML page: no script, and nothing that would have to be fetched."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from importlib import resources

from engine.report.charts import Chart, Line
from engine.report.content import Remarks, Report
from engine.report.draw import SMALL, WIDE, is_dashed, shade, svg
from engine.report.grid import Entry, Grid
from engine.report.markup import Markup, join, tag
from engine.tables.units import show_number

_SHORT = 8
"""Characters of a text such as `#12`, which stays in one line."""

# Should anything on the page ever ask for a script or a file from elsewhere, the browser refuses.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def render(report: Report) -> str:
    """The page."""
    style = resources.files("engine.report").joinpath("page.css").read_text("utf-8")
    head = tag(
        "head",
        Markup('<meta charset="utf-8">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", report.title),
        tag("style", Markup(style)),
    )
    body = tag("body", _header(report), tag("main", *_sections(report)), _footer())
    return f'<!doctype html>\n<html lang="en">{head}{body}</html>\n'


def _header(report: Report) -> Markup:
    count = len(report.names)
    about = f"{report.made} · {count} run{'s' if count > 1 else ''}"
    return tag(
        "header",
        tag("h1", report.title),
        tag("p", about, class_="soft"),
        tag("p", report.headline, class_="headline") if report.headline else None,
    )


def _footer() -> Markup:
    return tag("footer", "Made by thesis-ml with ", tag("code", "engine report"), class_="soft")


def _sections(report: Report) -> Iterable[Markup]:
    alone = len(report.names) == 1
    runs = tag("div", _table(report.runs, report), class_="runs")
    yield _section("Run" if alone else "Runs", runs, *_said(report))
    if report.seeds:
        yield _section("Over seeds: mean ± standard deviation", *_tables(report.seeds, report))
    if report.overrides:
        words = "\n".join(report.overrides)
        yield _section("Settings that differ from the defaults", tag("pre", words))
    if report.charts.shown:
        yield _section("Curves", *_charts(report))
    if any(grid.rows for grid in report.results):
        yield _section("Results", *_tables(report.results, report))
    if report.config.tables or report.config.only_some:
        yield _section("What else differs", *_differences(report))
    if report.figures.shown or report.figures.left_out:
        yield _section("Figures of the run", *_figures(report))
    if report.commands.rows:
        yield _section("To have it again" if alone else "To have them again", *_commands(report))
    if report.environment:
        yield _section("Environment", *_tables(report.environment, report))


def _section(title: str, *children: object) -> Markup:
    return tag("section", tag("h2", title), *children)


def _tables(grids: Iterable[Grid], report: Report) -> list[Markup]:
    return [_table(grid, report) for grid in grids]


def _table(grid: Grid, report: Report) -> Markup:
    """A table; one that is too wide scrolls by itself, beside its first column."""
    titles = tag("tr", *(_cell("th", entry, report) for entry in grid.titles))
    rows = [tag("tr", *(_cell("td", entry, report) for entry in row)) for row in grid.rows]
    return tag("div", tag("table", tag("thead", titles), tag("tbody", *rows)), class_="wide")


def _cell(name: str, entry: Entry, report: Report) -> Markup:
    kinds = [kind for kind, is_so in (("num", entry.numeric), ("best", entry.best)) if is_so]
    if entry.run is not None:
        key = _key(report.colours[entry.run])
        return tag(name, key, entry.text, class_="run" if len(entry.text) < _SHORT else None)
    if entry.is_state:
        kinds += ["state", entry.text]
    content = tag("code", entry.text) if entry.code and entry.text else entry.text
    if name == "th" and entry.numeric:
        content = _breakable(entry.text)
    return tag(name, content, class_=" ".join(kinds) or None)


def _breakable(text: str) -> Markup:
    """The name of a number, which may go on in the next line behind an underscore."""
    return Markup("_<wbr>".join(map(join, text.split("_"))))


def _key(colour: int) -> Markup:
    """The dot that stands for a colour; a ring for a dashed line."""
    return tag("span", class_=f"key k{shade(colour)}{' ring' * is_dashed(colour)}")


def _said(report: Report) -> Iterable[Markup]:
    """What people said about the runs, and what is wrong with them."""
    if report.tags:
        tags = (tag("span", tag("span", name, class_="tag"), runs) for name, runs in report.tags)
        yield tag("p", *tags, class_="tags")
    for remarks in report.remarks:
        yield from _remarks(remarks, len(report.names) == 1)


def _remarks(remarks: Remarks, alone: bool) -> Iterable[Markup]:
    name = None if alone else tag("b", f"#{remarks.run + 1} ")
    if remarks.state:
        yield tag("p", name, remarks.state)
    if remarks.problem:
        yield tag("p", name, remarks.problem, class_="problem")
    if remarks.note:
        yield tag("p", name, remarks.note, class_="note")


def _differences(report: Report) -> Iterable[Markup]:
    yield from _tables(report.config.tables, report)
    if report.config.only_some:
        listed = ", ".join(report.config.only_some)
        yield tag("p", f"Settings that only some of them have: {listed}.", class_="soft")


def _charts(report: Report) -> Iterable[Markup]:
    many = len(report.names) > 1
    if many:
        entries = (tag("li", _key(colour), name) for colour, name in report.legend)
        yield tag("ul", *entries, class_="legend")
    sizes = [SMALL if many or number else WIDE for number in range(len(report.charts.shown))]
    drawn = [
        _chart(chart, number, size, many)
        for number, (chart, size) in enumerate(zip(report.charts.shown, sizes, strict=True))
    ]
    if not many:
        yield tag("div", drawn.pop(0), class_="charts one")
    yield tag("div", *drawn, class_="charts")
    if report.charts.left_out:
        listed = ", ".join(report.charts.left_out)
        yield tag("p", f"Without a chart here: {listed}.", class_="soft")


def _chart(chart: Chart, number: int, size: tuple[float, float], many: bool) -> Markup:
    entries = list(map(_legend_line, chart.lines)) if not many and len(chart.lines) > 1 else []
    if chart.baseline is not None:
        text = f"predicting the mean: {show_number(chart.baseline)}"
        entries.append(tag("li", text, class_="soft"))
    legend = tag("ul", *entries, class_="legend") if entries else None
    caption = tag("figcaption", chart.title, legend)
    return tag("figure", caption, Markup(svg(chart, number, size)))


def _legend_line(line: Line) -> Markup:
    return tag("li", _key(line.colour), line.label)


def _figures(report: Report) -> Iterable[Markup]:
    shown = [
        tag("figure", tag("figcaption", figure.name), _picture(figure.data, figure.name))
        for figure in report.figures.shown
    ]
    if shown:
        yield tag("div", *shown, class_="charts own")
    if report.figures.left_out:
        listed = ", ".join(report.figures.left_out)
        text = f"Not on this page, as too large, no picture or a link: {listed}."
        yield tag("p", text, class_="soft")


def _picture(data: bytes, name: str) -> Markup:
    picture = tag("img", src=data_uri(data), alt=name)
    return Markup(picture.removesuffix("</img>"))


def data_uri(data: bytes) -> str:
    """A PNG as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def _commands(report: Report) -> Iterable[Markup]:
    lines = [report.checkout] if report.checkout else []
    if len(report.names) == 1:
        lines += [command.text for _, command in report.commands.rows]
    if lines:
        yield tag("pre", "\n".join(lines))
    if len(report.names) > 1:
        yield _table(report.commands, report)
