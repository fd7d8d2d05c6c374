"""Which curves a report shows: numbers only, nothing is drawn here."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engine.errors import FactsError
from engine.facts.curves import load_curves
from engine.facts.series import Curves
from engine.facts.thin import thin
from engine.library.best import higher_is_better
from engine.library.summary import RunSummary
from engine.tables.measures import has_best

MOST_CHARTS = 24
"""Charts on a page; the names of further numbers are listed."""

_POINTS = 800
_LARGEST = 1e100
"""What is larger has no place on an axis, and is a gap."""
_OF_THE_MACHINE = ("epoch_time_s", "throughput", "max_memory_mib")
"""Numbers without a chart: they tell of the machine, not of the training."""

TRAINING, VALIDATION = 1, 0
"""Colours of the two losses of a single run: the house's orange and blue."""


class Line(NamedTuple):
    """One curve; NaN is a gap."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float]
    colour: int
    """Number of the colour; curves beyond those that there are stand in the background."""


class Chart(NamedTuple):
    """Curves that share their axes."""

    title: str
    lines: list[Line]
    x_title: str = "epoch"
    marks: Sequence[float] = ()
    """Where a run went on from a checkpoint."""
    best: tuple[float, float, int] | None = None
    """The best point of all, and the colour of its curve."""
    baseline: float | None = None
    """The loss of predicting the mean."""


class Charts(NamedTuple):
    """The charts of a page, and the numbers for which it has none."""

    shown: list[Chart]
    left_out: list[str]


def make_charts(runs: Sequence[RunSummary], colours: Sequence[int]) -> Charts:
    """A chart for each number that some run has, the losses first.

    The curves are labelled with the numbers of the runs: no text of a file is in a picture.

    Parameters
    ----------
    runs
        The runs.
    colours
        The colour of each of them.
    """
    curves = [_curves(run) for run in runs]
    numbers = in_order(name for one in curves for name in one.names())
    numbers = [name for name in numbers if name not in _OF_THE_MACHINE]
    charts = [_chart(number, curves, colours) for number in numbers]
    if len(runs) == 1:
        charts = _of_one_run(charts, runs[0])
    told = [chart for chart in charts if any(_has_a_course(line) for line in chart.lines)]
    told = [chart for chart in told if chart.title != "lr" or _varies(chart)]
    shown = [chart._replace(lines=list(filter(_is_seen, chart.lines))) for chart in told]
    return Charts(shown[:MOST_CHARTS], [chart.title for chart in shown[MOST_CHARTS:]])


def _chart(number: str, curves: Sequence[Curves], colours: Sequence[int]) -> Chart:
    """One number of all runs: over the epochs, or over the steps if one has it by steps alone."""
    with_it = [one for one in curves if number in one.names()]
    by_epoch = all(number in one.names("epochs") for one in with_it)
    lines = [
        _line(f"#{index}", one, number, colour, by_epoch)
        for index, (one, colour) in enumerate(zip(curves, colours, strict=True), start=1)
    ]
    # Of several runs nobody could tell which one it was that went on there.
    marks = _marks(curves[0]) if by_epoch and len(curves) == 1 else []
    return Chart(number, lines, "epoch" if by_epoch else "step", marks, _best(number, lines))


def _curves(run: RunSummary) -> Curves:
    """The curves of a run; none where its events cannot be read, which its summary tells."""
    try:
        return load_curves(run.path)
    except FactsError:
        return Curves()


def in_order(names: Iterable[str]) -> list[str]:
    """Losses, then what was validated, then the training's own, then times and memory."""

    def rank(name: str) -> int:
        if name in ("val_loss", "train_loss"):
            return ("val_loss", "train_loss").index(name)
        if name == "lr" or name in _OF_THE_MACHINE:
            return 4
        return 3 if name.startswith("train_") else 2

    return sorted(dict.fromkeys(names), key=rank)


def _of_one_run(charts: Sequence[Chart], run: RunSummary) -> list[Chart]:
    """Training and validation in one chart, as in the run's own figures."""
    by_name = {chart.title: chart for chart in charts}
    together = []
    for name, chart in by_name.items():
        base = name.removeprefix("train_")
        other = "val_loss" if base == "loss" else base
        train = by_name.get("train_loss" if name == "val_loss" else f"train_{name}")
        if name.startswith("train_") and other in by_name:
            continue
        lines = [chart.lines[0]._replace(label="validation", colour=VALIDATION)]
        if train and train.x_title == chart.x_title:
            lines.insert(0, train.lines[0]._replace(label="training", colour=TRAINING))
        together.append(chart._replace(lines=lines))
    if together and together[0].title in ("val_loss", "train_loss"):
        baseline = run.results.get("baseline_val_loss")
        together[0] = together[0]._replace(title="loss", baseline=baseline)
    return together


def _line(label: str, curves: Curves, number: str, colour: int, by_epoch: bool) -> Line:
    series = curves.series(number)
    xs, ys = thin(series.epochs if by_epoch else series.steps, series.values, _POINTS)
    places = [i for i, x in enumerate(xs) if abs(x) < _LARGEST]
    values = [ys[i] if abs(ys[i]) < _LARGEST else math.nan for i in places]
    return Line(label, [xs[i] for i in places], values, colour)


def _marks(curves: Curves) -> list[float]:
    """Between the last epoch that was done and the next one, for each restart."""
    return [restart.epoch - 0.5 for restart in curves.restarts if restart.epoch > 0]


def _best(number: str, lines: Sequence[Line]) -> tuple[float, float, int] | None:
    """The best point; None for a number of which no value is better than another."""
    if not has_best(number):
        return None
    points = [
        (x, y, line.colour)
        for line in lines
        for x, y in zip(line.xs, line.ys, strict=True)
        if math.isfinite(x) and math.isfinite(y)
    ]
    choose = max if higher_is_better(number) else min
    return choose(points, key=lambda point: point[1], default=None)


def _is_seen(line: Line) -> bool:
    return any(map(math.isfinite, line.ys))


def _has_a_course(line: Line) -> bool:
    return any(math.isfinite(a + b) for a, b in itertools.pairwise(line.ys))


def _varies(chart: Chart) -> bool:
    return any(len(set(filter(math.isfinite, line.ys))) > 1 for line in chart.lines)
