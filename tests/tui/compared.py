"""Runs that differ in encoder, latent space and seed, and the page that compares them."""

from __future__ import annotations

import itertools
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

import tui.app
from engine.library.index import summarise
from engine.library.summary import RunSummary
from tests.bench.tree import BEGUN, config_of, events_of, write_run
from tests.tui.conftest import wait_for
from tui.app import Settings, ThesisApp
from tui.look import Look
from tui.page import Page
from tui.screens.compare import ComparePage

PARTS = "engine.architectures.autoencoder"
SPACES: dict[str, dict[str, Any]] = {
    "linear": {},
    "vq": {"codebook_size": 512},
    "fsq": {"levels": [8, 5, 5, 5]},
}
HEIGHT = {"mlp": 0.3, "transformer": 0.2, "gnn": 0.25, "linear": 0.0, "vq": 0.06, "fsq": 0.03}


def make_compared(
    root: Path,
    encoders: Sequence[str] = ("mlp", "transformer"),
    spaces: Sequence[str] = ("linear", "vq"),
    seeds: int = 2,
    epochs: int = 6,
    end: str | None = "on_train_end",
) -> list[Path]:
    """A run of each combination; the lowest loss is that of transformer, linear, seed 0."""
    combinations = itertools.product(encoders, spaces, range(seeds))
    return [
        _make(root, number, encoder, space, seed, epochs, end)
        for number, (encoder, space, seed) in enumerate(combinations)
    ]


def compared(root: Path, **options: Any) -> list[RunSummary]:
    """What is known of such runs."""
    return [summarise(path) for path in make_compared(root, **options)]


def _make(
    root: Path, number: int, encoder: str, space: str, seed: int, epochs: int, end: str | None
) -> Path:
    begun = BEGUN + timedelta(minutes=number)
    cfg = config_of(seed, epochs)
    phase = cfg["phase1"]
    phase["encoder"]["_target_"] = f"{PARTS}.encoders.{encoder}.Encoder"
    phase["latent_space"] = {"_target_": f"{PARTS}.latent_spaces.{space}.Space"} | SPACES[space]
    phase["trainer"]["lr"] = 0.001 if encoder == "mlp" else 0.0003
    path = root / "runs" / f"run_{begun:%Y%m%d-%H%M%S}_{encoder}_{space}_job{number}"
    events = list(events_of(path, cfg, epochs, end, False, begun))
    height = HEIGHT[encoder] + HEIGHT[space] + 0.01 * seed
    for event in events:
        if event["moment"] == "on_epoch_end":
            fall = math.exp(-event["epoch"] / 2)
            event["val_loss"], event["train_loss"] = height + fall, 0.9 * (height + fall)
            event["metrics"]["id_accuracy"] = 0.95 - height - 0.5 * fall
        if event["moment"] == "on_test_end":
            event["metrics"] = {"test_loss": height + 0.01, "auroc": 0.9 - height}
    write_run(path, events, seed, cfg)
    return path


class Bare(ThesisApp):
    """The app without its table of runs, which would take time to draw."""

    CSS_PATH = Path(tui.app.__file__).with_name("app.tcss")

    def get_default_screen(self) -> Page:
        return Page()


@asynccontextmanager
async def comparing(
    root: Path,
    size: tuple[int, int] = (120, 30),
    *,
    folder: Path,
    paths: Sequence[str] | None = None,
    tab: int = 1,
    numbers: Sequence[str] = ("val_loss",),
    **settings: Any,
) -> AsyncIterator[tuple[Pilot[int], ComparePage]]:
    """Open the comparison of the runs below a root.

    Parameters
    ----------
    root, folder
        Where the runs are, and where the app keeps its own files.
    paths
        The runs; all if not given.
    tab
        The part that is open, from 1.
    numbers
        The numbers that have charts; none means the usual ones.
    size, settings
        Of the terminal, and of the app.
    """
    settings = {"look": Look(moving=False)} | settings
    folders = {"cache": folder / "index", "state": folder / "state"}
    app = Bare(Settings(root=root, **(folders | settings)))
    async with app.run_test(size=size) as pilot:
        await wait_for(pilot, lambda: app.listed)
        app.remembered.keep("compare.tab", tab - 1)
        app.remembered.keep("compare.numbers", list(numbers))
        page = ComparePage(paths or sorted(run.path for run in app.runs))
        await app.push_screen(page)
        await wait_for(pilot, lambda: page.is_settled and page.pane is not None)
        await pilot.pause()
        yield pilot, page
