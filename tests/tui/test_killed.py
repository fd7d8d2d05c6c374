"""The app is killed while it launches: no run is without a record, and no record without a run."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

from engine.facts import RunDir
from engine.launch.record import read_job
from tests.bench.terminal import Terminal, terminal
from tests.conftest import long_form
from tests.engine.launching import Jobs, jobs, wait_until

__all__ = ["jobs"]  # a fixture

ROOT = Path(__file__).parents[2]
DRAFT = "loop=test_mlp device=cpu phase1.trainer.epochs=1 logging.make_plots=false"
MOMENTS_S = (-0.05, 0.4)
"""Before and after the key that launches."""


def asked(shown: Terminal) -> None:
    """Bring the app to the question before the launch."""
    shown.until("0 runs")
    shown.send("N")
    shown.until("$ thesis-train")  # the table names the command too
    shown.quiet(0.3)
    shown.send("e")
    shown.until("Have it as it was")
    shown.send(DRAFT)
    shown.until(f" : {DRAFT}")
    shown.send("\r")
    shown.until(f"$ thesis-train {DRAFT}")
    shown.quiet(0.3)
    shown.send("L")
    shown.until("start this training?", 60)


@pytest.mark.parametrize("n_kills", long_form(1, 100))
def test_an_app_that_is_killed_leaves_a_run_with_its_record_or_none(
    own_folder: Path, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, n_kills: int
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(own_folder / "state"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    dice, began = random.Random(n_kills), 0
    for number in range(n_kills):
        root = own_folder / f"outputs{number}"
        root.mkdir()
        with terminal([sys.executable, "-m", "tui", "--root", str(root)], (120, 40)) as shown:
            asked(shown)
            moment = dice.uniform(*MOMENTS_S)
            if moment >= 0:
                shown.send("y")
                time.sleep(moment)  # the random moment itself
            os.kill(shown.pid, signal.SIGKILL)
        settled = time.monotonic() + 1.5
        wait_until(lambda end=settled: time.monotonic() > end)  # a starter that was begun is done
        for path in root.glob("runs/*"):
            began += 1
            record = read_job(RunDir(path).launch)
            assert record is not None, "a run without a record"
            ended = jobs.ended(jobs.watch(record))
            assert ended.exit_code == 0, RunDir(path).log.read_text()
            assert RunDir(path).last.exists(), "a record of a run that never was"
    assert began <= n_kills
    assert began or n_kills < 10
