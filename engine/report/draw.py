"""Charts as pictures, in the look that all figures share: SVG for HTML, PNG for Markdown."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engine.report.charts import Chart, Line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

N_COLOURS = 7
DASHES = ("solid", (0, (5, 1.5)))
"""Of the first colours, and of those counted on beyond them."""
N_TOLD = N_COLOURS * len(DASHES)
"""Curves whose colour is this number or a higher one stand in the background, in grey."""

SMALL, WIDE = (5.2, 2.9), (7.6, 3.3)
"""Width and height of a chart in inches."""

_DPI = 130
_MARK = "#555555"

# Colours in the SVG that the page gives another value in the dark.
_INK, _FRAME, _GRID, _PAGE = "#222222", "#555555", "#e6e6e6", "#ffffff"
_REST = "#c3c9d0"
_PAINT = re.compile(r"(fill|stroke): (#[0-9a-f]{6})")
_HEAD = re.compile(r"<svg [^>]*?viewBox=\"([^\"]*)\"[^>]*>")
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)


def colours() -> list[str]:
    """The colours of runs, Okabe and Ito's, and that of the background."""
    from engine.monitoring import style

    return [
        style.BLUE, style.ORANGE, style.GREEN, style.VERMILLION,
        style.PURPLE, style.SKY, _INK, _REST,
    ]  # fmt: skip


def shade(colour: int) -> int:
    """Which of the `colours` a curve has."""
    return colour % N_COLOURS if colour < N_TOLD else N_COLOURS


def is_dashed(colour: int) -> bool:
    """Whether a curve of that colour is dashed."""
    return N_COLOURS <= colour < N_TOLD


def svg(chart: Chart, number: int, size: tuple[float, float] = SMALL) -> str:
    """The chart as an SVG element for a page, whose text is numbers and the name of the x axis.

    Its colours are the page's variables `--c0` to `--c7`, `--ink`, `--frame`, `--grid` and
    `--page`; ids in it begin with the chart's number, so that several can stand on one page.
    """
    from engine.monitoring import style

    text = io.StringIO()
    quiet = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with style.context(), _as_svg():
        _draw(chart, size).savefig(text, format="svg", transparent=True, metadata=quiet)
    drawing = text.getvalue()
    drawing = _METADATA.sub("", drawing[drawing.index("<svg ") :])
    drawing = _HEAD.sub(r'<svg viewBox="\1" role="img" aria-hidden="true">', drawing, count=1)
    drawing = drawing.replace(' id="', f' id="c{number}-').replace("url(#", f"url(#c{number}-")
    drawing = drawing.replace('xlink:href="#', f'href="#c{number}-')
    names = {colour.lower(): f"c{i}" for i, colour in enumerate(colours())}
    names |= {_INK: "ink", _FRAME: "frame", _GRID: "grid", _PAGE: "page"}
    return _PAINT.sub(
        lambda match: f"{match[1]}: var(--{names[match[2]]})" if match[2] in names else match[0],
        drawing,
    )


def png(chart: Chart) -> bytes:
    """The chart as a PNG, with a legend if it has several colours."""
    from engine.monitoring import style

    data = io.BytesIO()
    with style.context():
        figure = _draw(chart, SMALL)
        entries = _legend(chart.lines)
        if len(entries) > 1:
            lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
            handles = [lines[label] for label in entries]
            texts = list(entries.values())
            figure.axes[0].legend(handles, texts, loc="upper left", bbox_to_anchor=(1.0, 1.0))
            figure.set_figwidth(SMALL[0] + 1.2)
        figure.savefig(data, format="png", dpi=_DPI)
    return data.getvalue()


def _legend(lines: Sequence[Line]) -> dict[str, str]:
    """The first curve of each look, and which curves have that."""
    alike: dict[int, list[str]] = {}
    for line in lines:
        alike.setdefault(min(line.colour, N_TOLD), []).append(line.label)
    return {labels[0]: ", ".join(labels[:2]) + "…" * (len(labels) > 2) for labels in alike.values()}


def _as_svg() -> Any:
    """Settings: text stays text, in the font of the page, and equal charts are equal bytes."""
    import matplotlib

    return matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "report"})


def _draw(chart: Chart, size: tuple[float, float]) -> Figure:
    from engine.monitoring import style

    figure = style.new_figure(*size)
    axes = figure.add_subplot()
    for line in chart.lines:
        _draw_line(axes, line)
    if chart.baseline is not None and _is_among(chart.baseline, chart.lines):
        axes.axhline(chart.baseline, color=style.GREY, linewidth=1.0, linestyle="--")
    for mark in chart.marks if chart.x_title == "epoch" else ():
        axes.axvline(mark, color=_MARK, linewidth=0.8, linestyle=":")
    if chart.best:
        _mark_best(axes, *chart.best)
    axes.margins(y=0.12)
    style.log_if_wide(axes, *(line.ys for line in chart.lines))
    if chart.x_title == "epoch":
        last = max(x for line in chart.lines for x in line.xs if x == x)
        style.epoch_axis(axes, int(last) + 1)
    else:
        axes.set_xlabel(chart.x_title)
    return figure


def _is_among(value: float, lines: Sequence[Line]) -> bool:
    """Whether a value lies between others, so that it takes no room from them."""
    values = [y for line in lines for y in line.ys if y == y]
    return min(values) <= value <= max(values)


def _draw_line(axes: Axes, line: Line) -> None:
    import numpy as np

    from engine.monitoring.series import marked

    is_behind = line.colour >= N_TOLD
    place: dict[str, Any] = {
        "color": colours()[shade(line.colour)],
        "zorder": 1.9 if is_behind else 2.0,
    }
    dash = DASHES[is_dashed(line.colour)]
    xs, ys = np.asarray(line.xs), np.asarray(line.ys)
    width = 1.1 if is_behind else 1.5
    axes.plot(xs, ys, linestyle=dash, linewidth=width, label=line.label, **place)
    dots = marked(ys, few=12)
    axes.plot(xs[dots], ys[dots], marker="o", markersize=3.0, linestyle="none", **place)


def _mark_best(axes: Axes, x: float, y: float, colour: int) -> None:
    axes.plot(
        [x], [y], marker="o", markersize=7.5, color=colours()[shade(colour)],
        markeredgecolor=_PAGE, markeredgewidth=1.3, zorder=5,
    )  # fmt: skip
