"""From the command to the first trained batch, and to a help screen: whole processes."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

FIRST_BATCH = """
import os, sys
from engine.training_loops.objective import Objective
train_batch = Objective.train_batch
def first(self, batch):
    train_batch(self, batch)
    os._exit(0)
Objective.train_batch = first
from engine.cli.train import main
sys.exit(main(["logging.make_plots=false"]))
"""

COMPOSE = """
from engine.config.compose import compose
compose()
"""

HELP = "from engine.cli.train import main; main(['--help'])"

ROUNDS = 7


def main() -> None:
    """Measure start-up against importing torch and composing the config alone."""
    first, floor, help_screen, bare = [], [], [], []
    for _ in range(ROUNDS):
        first.append(_seconds(FIRST_BATCH))
        floor.append(_seconds("import torch\n" + COMPOSE))
        help_screen.append(_seconds(HELP))
        bare.append(_seconds(COMPOSE))
    _print("first batch", first, "import torch, compose", floor, "goal at most 2")
    _print("--help", help_screen, "compose", bare, "goal 300 ms")


def _seconds(code: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        command = [sys.executable, "-c", code]
        environment = os.environ | {"THESIS_OUTPUT_ROOT": folder}
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - started


def _print(what: str, ours: list[float], floor_name: str, floor: list[float], goal: str) -> None:
    mine, least = statistics.median(ours), statistics.median(floor)
    ratio = statistics.median(o / f for o, f in zip(ours, floor, strict=True))
    print(f"{what}  {mine:.2f} s   {floor_name}  {least:.2f} s   ratio {ratio:.2f} ({goal})")


if __name__ == "__main__":
    main()
