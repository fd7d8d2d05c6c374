"""An app with nothing but charts, and curves for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from engine.facts.series import Restart
from tui.charts.chart import Chart
from tui.charts.grid import ChartGrid
from tui.look import Look
from tui.remembered import Remembered
from tui.series import Line

SIZES = [(60, 16), (120, 40), (200, 60)]
RED, BLUE = "#D55E00", "#0072B2"


def line(
    values: Any,
    *,
    run: str = "r",
    label: str = "l",
    colour: str = RED,
    group: str = "",
    sign: str = "",
) -> Line:
    values = np.array(values, dtype=float)
    steps = np.arange(1.0, len(values) + 1) * 10
    restarts = (Restart(50.0, 5.0, 500.0),)
    across = (steps, steps // 10, steps * 60)
    return Line(run, label, colour, *across, values, restarts, group, sign)


def falling(length: int = 100, seed: int = 0) -> Any:
    noise = np.random.default_rng(seed).normal(0, 0.02, length)
    return np.exp(-np.arange(length) / 30) + 0.2 + noise


def panels(n: int = 2, length: int = 100) -> dict[str, list[Line]]:
    names = ["val_loss", "id_accuracy", "lr", "throughput", "a_mse", "b_mse"]
    return {name: [line(falling(length))] for name in names[:n]}


class Shown(App[None]):
    """An app with nothing but charts."""

    def __init__(self, folder: Path, what: dict[str, list[Line]], look: Look | None = None) -> None:
        super().__init__()
        self.look = look or Look(moving=False)
        self.remembered = Remembered(folder, folder)
        self.what = what

    def compose(self) -> ComposeResult:
        yield ChartGrid("test")

    def on_mount(self) -> None:
        self.grid.focus()
        self.grid.show(self.what)

    @property
    def grid(self) -> ChartGrid:
        return self.query_one(ChartGrid)

    @property
    def shown(self) -> list[str]:
        charts = (chart for chart in self.query(Chart) if chart.display)
        return [chart.plot.title for chart in charts if chart.plot]


@contextlib.asynccontextmanager
async def seen(app: Shown, size: tuple[int, int]) -> AsyncIterator[Pilot[None]]:
    """The app in a terminal of some size, once its charts have their places."""
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await pilot.pause()
        yield pilot


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)
