"""A report as one HTML page: no script, and nothing that would have to be fetched."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from importlib import resources

from engine.report.charts import Chart, Line
from engine.report.content import Remarks, Report
from engine.report.draw import N_COLOURS, SMALL, WIDE, svg
from engine.report.grid import Entry, Grid
from engine.report.markup import Markup, join, tag
from engine.tables.units import show_number

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
    yield _section("Run" if alone else "Runs", _table(report.runs, report), _said(report))
    if report.overrides:
        words = "\n".join(report.overrides)
        yield _section("Settings that differ from the defaults", tag("pre", words))
    if report.config.rows:
        yield _section("What differs", _table(report.config, report))
    if report.results.rows:
        yield _section("Results", _table(report.results, report))
    if report.seeds.rows:
        yield _section("Over seeds", _table(report.seeds, report))
    if report.charts.shown:
        yield _section("Curves", *_charts(report))
    if report.figures.shown or report.figures.left_out:
        yield _section("Figures of the run", *_figures(report))
    if report.commands:
        yield _section("To have it again", *_commands(report))
    if report.environment.rows:
        yield _section("Environment", _table(report.environment, report))


def _section(title: str, *children: object) -> Markup:
    return tag("section", tag("h2", title), *children)


def _table(grid: Grid, report: Report) -> Markup:
    """A table; one that is too wide scrolls by itself."""
    titles = tag("tr", *(_cell("th", entry, report) for entry in grid.titles))
    rows = [tag("tr", *(_cell("td", entry, report) for entry in row)) for row in grid.rows]
    return tag("div", tag("table", tag("thead", titles), tag("tbody", *rows)), class_="wide")


def _cell(name: str, entry: Entry, report: Report) -> Markup:
    kinds = [kind for kind, is_so in (("num", entry.numeric), ("best", entry.best)) if is_so]
    if entry.run is not None:
        return tag(name, _key(report.colours[entry.run]), entry.text, class_="run")
    if entry.is_state:
        kinds += ["state", entry.text]
    content = tag("code", entry.text) if entry.code and entry.text else entry.text
    return tag(name, content, class_=" ".join(kinds) or None)


def _key(colour: int) -> Markup:
    """The dot that stands for a colour; a square or a diamond for a dashed line."""
    form = ("", " d1", " d2")[colour // N_COLOURS % 3]
    return tag("span", class_=f"key k{colour % N_COLOURS}{form}")


def _said(report: Report) -> Markup:
    """What people said about the runs, and what is wrong with them."""
    return join(*(_remarks(remarks, len(report.names) == 1) for remarks in report.remarks))


def _remarks(remarks: Remarks, alone: bool) -> Markup | None:
    state = tag("p", remarks.state) if remarks.state and alone else None
    parts = [
        tag("p", *(tag("span", name, class_="tag") for name in remarks.tags))
        if remarks.tags
        else None,
        tag("p", remarks.note, class_="note") if remarks.note else None,
        tag("p", remarks.problem, class_="state failed") if remarks.problem else None,
    ]
    if not any(parts) and state is None:
        return None
    name = None if alone else tag("h3", f"#{remarks.run + 1}")
    return join(name, state, *parts)


def _charts(report: Report) -> Iterable[Markup]:
    many = len(report.names) > 1
    if many:
        yield tag("ul", *_legend_of_runs(report), class_="legend")
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


def _legend_of_runs(report: Report) -> Iterable[Markup]:
    """One entry for each colour: runs that differ in the seed alone share theirs."""
    for colour in dict.fromkeys(report.colours):
        runs = [i for i, one in enumerate(report.colours) if one == colour]
        numbers = ", ".join(f"#{i + 1}" for i in runs)
        name = report.names[runs[0]] if len(runs) == 1 else report.seeds.titles[colour + 1].text
        yield tag("li", _key(colour), f"{numbers} {name}")


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
        yield tag("p", f"Too large or damaged for this page: {listed}.", class_="soft")


def _picture(data: bytes, name: str) -> Markup:
    picture = tag("img", src=data_uri(data), alt=name)
    return Markup(picture.removesuffix("</img>"))


def data_uri(data: bytes) -> str:
    """A PNG as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def _commands(report: Report) -> Sequence[Markup]:
    if len(report.names) == 1:
        return [tag("pre", text) for _, text in report.commands]
    return [
        tag("div", tag("h3", _key(report.colours[run]), _title_of(run, report)), tag("pre", text))
        for run, text in report.commands
    ]


def _title_of(run: int, report: Report) -> str:
    return f"#{run + 1} {report.names[run]}"
