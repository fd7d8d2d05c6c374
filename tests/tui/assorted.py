"""A root with runs of every kind: a grid with seeds, one that goes on, one that failed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from PIL import Image

from engine.facts.labels import Labels, write_labels
from engine.facts.run_dir import RunDir
from tests.bench.tree import BEGUN, make_run
from tests.tui.compared import make_compared

NOW = (BEGUN + timedelta(days=40)).timestamp()
"""When these runs are looked at: one of them is under way then, the others are weeks old."""

LOG = "reading the events\n" + "".join(f"epoch {n}  25 %\repoch {n} 100 %\n" for n in range(60))


def make_assorted(root: Path) -> list[Path]:
    """Eight runs of a grid, one that failed, and last one that goes on at `NOW`."""
    runs = root / "runs"
    paths = make_compared(root)
    lately = BEGUN + timedelta(days=40, minutes=-3, seconds=-30)
    paths.append(make_run(runs / "run_20250106-093000_ae", end="on_exception", seed=3))
    going = runs / f"run_{lately:%Y%m%d-%H%M%S}_ae"
    paths.append(make_run(going, planned=9, seed=7, end=None, begun=lately))
    for path in paths[-2:]:
        run = RunDir(path)
        run.log.write_text(LOG)
        run.figures.mkdir()
        Image.new("RGB", (70, 50), (0, 96, 0)).save(run.figures / "losses-on_epoch_end-e002.png")
    write_labels(RunDir(paths[0]), Labels(tags=("paper",), note="reference of section 4"))
    return paths
