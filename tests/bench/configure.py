"""The screen on which a training is configured: when it is open, and how soon an edit is composed.

`python -m tests.bench.configure`, or the end of `make bench-app`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from engine.config.composer import Composer
from engine.config.points import check, points
from tests.bench.startup import COMPOSE
from tests.bench.terminal import Terminal, terminal
from tui.configure.opening import WARM_S

APP = [sys.executable, "-m", "tui"]
EDITS = 40
SWEEP = (
    "phase1/latent_space=none,vq",
    "phase1.trainer.lr=range(1,11)",
    "phase1.trainer.seed=1,2,3,4,5",
)


def main() -> None:
    """Print all measurements; the machine should have nothing else to do."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        os.environ["XDG_STATE_HOME"] = f"{folder}/state"
        root = Path(folder) / "outputs"
        root.mkdir()
        least = _hydra_alone()
        _say("a process that loads Hydra and composes once", f"{least:.2f} s", "-")
        for what, quiet_s in (
            ("form open, from the key", WARM_S + 2),
            ("just after the start", 0.5),
        ):
            opening = sorted(_opened(root, quiet_s) for _ in range(5))[2]
            _say(what, f"{opening:.2f} s ({opening / least:.1f} x)", "0.5 s")
        with terminal([*APP, "--root", str(root)]) as shown:
            shown.until("0 runs")
            shown.send("N")
            shown.until("epochs: 20")
            shown.quiet(0.5)
            delays = sorted(_edited(shown, number) for number in range(100, 100 + EDITS))
        worst = delays[int(0.95 * len(delays))]
        _say("edit to composed preview, 95th percentile", f"{1000 * worst:.0f} ms", "300 ms")
    began = time.perf_counter()
    composer = Composer()
    found = list(check(composer, points(composer, SWEEP)))
    _say(f"{len(found)} points composed and checked", f"{time.perf_counter() - began:.2f} s", "3 s")


def _opened(root: Path, quiet_s: float) -> float:
    """Seconds from the key to the form, in an app that has shown its table for a while."""
    with terminal([*APP, "--root", str(root)]) as shown:
        shown.until("0 runs")
        shown.quiet(quiet_s)
        return _pressed(shown, "N", "epochs: 20")


def _hydra_alone() -> float:
    """What the first form cannot do without: the median of five."""
    took = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", COMPOSE], check=True)
        took.append(time.perf_counter() - began)
    return sorted(took)[2]


def _pressed(shown: Terminal, keys: str, text: str) -> float:
    """Seconds from keys until a text is on the screen."""
    began = time.perf_counter()
    shown.send(keys)
    return shown.until(text, 20) + shown.began - began


def _edited(shown: Terminal, epochs: int) -> float:
    """Seconds from the last key of an edit until the config that comes of it is seen."""
    for keys in ("e", "\x15", f"phase1.trainer.epochs={epochs}"):
        shown.send(keys)
        shown.quiet(0.3)
    delay = _pressed(shown, "0", f"epochs: {epochs}0")
    shown.send("\r")
    shown.quiet(0.3)
    return delay


def _say(what: str, value: str, goal: str) -> None:
    print(f"{what:58} {value:>22}   goal {goal}", flush=True)


if __name__ == "__main__":
    main()
