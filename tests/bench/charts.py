"""Curves from arrays to the lines of a terminal: how long it takes, on one thread.

Timed are the first drawing of new values, with smoothing, and drawing the same values again for
another part or size, as zooming, panning and resizing do.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tui.charts.axes import exact, kept
from tui.charts.cells import Inks
from tui.charts.picture import Plot, picture, plot_height
from tui.charts.title import Tones
from tui.charts.view import Strokes, View, x_limits, y_limits
from tui.look import PALETTE, Look
from tui.series import Line

ROUNDS = 15
TONES = Tones("#121212", "#e0e0e0", "#ffa62b")
WIDTH, HEIGHT = 120, 30


def main() -> None:
    """Print one line for each measurement."""
    for what, n_lines, n_points, goal_ms in (
        ("one curve", 1, 1_000_000, 3.0),
        ("four curves", 4, 100_000, None),
        ("overlay of 50 runs", 50, 10_000, 50.0),
    ):
        lines = [_line(number, n_points) for number in range(n_lines)]
        for weight in (0.0, 0.9):
            view = View(weight=weight)
            known = Strokes()
            fresh = _milliseconds(lambda v=view, x=lines: _draw(Strokes(), x, v))
            _draw(known, lines, view)
            again = _milliseconds(lambda k=known, v=view, x=lines: _draw(k, x, v))
            part = replace(view, window=(n_points * 0.1, n_points * 0.9))
            zoomed = _milliseconds(lambda k=known, v=part, x=lines: _draw(k, x, v))
            goal = f"(goal of a redraw {goal_ms:g})" if goal_ms else ""
            print(
                f"{what:20} {n_points:9,} points  smoothing {weight:<4g} "
                f"new values {fresh} ms   redrawn {again} ms   zoomed {zoomed} ms   {goal}"
            )


def _draw(known: Strokes, lines: list[Line], view: View) -> None:
    """All that happens between arrays and strips."""
    strokes = known.of("loss", lines, view)
    across = exact(*(view.window or x_limits(strokes, False) or (0.0, 1.0)))
    limits = y_limits(strokes, across, view) or (0.0, 1.0)
    up = kept(None, *limits, lines=plot_height(HEIGHT))
    inks = Inks(TONES.ground)
    plot = Plot("loss", strokes, across, up, view=view)
    cells = picture(plot, WIDTH, HEIGHT, Look(), TONES, inks)
    for y in range(HEIGHT):
        cells.strip(y, inks)


def _line(number: int, n_points: int) -> Line:
    generator = np.random.default_rng(number)
    steps = np.arange(1.0, n_points + 1)
    values = np.exp(-steps / n_points * 3 + generator.normal(0, 0.1, n_points)) + 0.02 * number
    colour = PALETTE[number % len(PALETTE)]
    return Line(f"run{number}", f"run {number}", colour, steps, steps // 1000, steps, values)


def _milliseconds(action: Callable[[], None]) -> str:
    """The median, and the best."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return f"{1000 * statistics.median(times):6.2f} ({1000 * min(times):.2f})"


if __name__ == "__main__":
    main()
