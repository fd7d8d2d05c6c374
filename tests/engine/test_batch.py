"""The batch way of the guide, on a real pool: condor_submit hpc/stoomboot/train.sub."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.cli.train import main
from engine.facts import RunDir, read_events
from engine.facts.attempts import read_attempts
from engine.library.index import summarise
from tests.engine.condor_pool import SCRIPT, Pool
from tests.engine.launching import QUICK, QUICK_LOOP, wait_until

ROOT = SCRIPT.parents[1]
TINY = "data.limit_samples=64 phase1.trainer.epochs={} logging.make_plots=false device=cpu"


@pytest.fixture
def checkout(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the batch files, whose settings name the interpreter of this machine."""
    shutil.copytree(ROOT / "hpc" / "stoomboot", own_folder / "hpc" / "stoomboot")
    python, place = shlex.quote(sys.executable), shlex.quote(str(ROOT))
    settings = f"PYTHON={python}\nexport PYTHONPATH={place}\n"
    (own_folder / "hpc" / "stoomboot" / "settings.sh").write_text(settings)
    for name in ("stdout", "stderr"):
        (own_folder / "logs" / name).mkdir(parents=True)
    monkeypatch.setenv("USER", "student")
    return own_folder


def batch(pool: Pool, file: str, arguments: str) -> str:
    """Submit as the guide does; the number of the job."""
    words = [f"arguments = {arguments}", "LOGS = logs", "request_memory = 10 MB"]
    words += ["OUTPUTS = outputs"] if file == "report.sub" else []
    given = [part for word in [*words, "request_disk = 1 MB"] for part in ("-append", word)]
    told = pool.call("condor_submit", "-terse", f"hpc/stoomboot/{file}", *given)
    return told.split()[0]


def is_over(pool: Pool) -> bool:
    return not pool.call("condor_q", "-af", "ClusterId").strip()


def only_run() -> Path:
    (path,) = Path("outputs/runs").iterdir()
    return path


def test_a_batch_job_trains(pool: Pool, checkout: Path) -> None:
    job = batch(pool, "train.sub", TINY.format(1))
    wait_until(lambda: is_over(pool))
    path = only_run()
    assert path.name.startswith("run_20")
    assert path.name.endswith(f"_ae_c{job}")
    assert summarise(str(path)).state == "finished"
    assert "[1/1] epoch 0" in Path("logs", "stdout", f"train_{job}.out").read_text()


def start(own_folder: Path, zone: str, *words: str) -> list[str]:
    """What a start of the same job gives to the command, on a node in some time zone."""
    (own_folder / "show").write_text('#!/bin/sh\nshift 4\nprintf "%s\\n" "$@"\n')
    (own_folder / "show").chmod(0o755)
    of_job = {"THESIS_JOB_ID": "12.0", "THESIS_SUBMITTED": "1795843857", "TZ": zone}
    script = ROOT / "hpc" / "stoomboot" / "train.sh"
    return subprocess.run(
        [script, *words],
        env={"PATH": os.environ["PATH"], "PYTHON": str(own_folder / "show"), **of_job},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (["phase1/experiment=compare_vq_vs_none"], 2),
        (["-m"], 1),
        ([], 1),
    ],
)
def test_each_start_of_a_batch_job_finds_the_runs_of_the_first(
    own_folder: Path, words: list[str], number: int
) -> None:
    (own_folder / "quick_loop.py").write_text(QUICK_LOOP)
    for zone in ("UTC", "Asia/Tokyo"):
        assert main(start(own_folder, zone, *words, *QUICK)) == 0
    runs = list(Path("outputs/runs").iterdir())
    assert len(runs) == number
    assert all(path.name.startswith("run_20261128-053057_") for path in runs)
    assert all("_c12.0" in path.name for path in runs)
    assert len(list(Path("outputs").glob("multiruns/*"))) <= 1
    assert all(len(read_events(path).of("on_start")) == 1 for path in runs)


@pytest.mark.slow
def test_a_batch_job_goes_on_where_it_was_sent_away_from_and_a_report_is_made_of_it(
    pool: Pool, checkout: Path
) -> None:
    job = batch(pool, "train.sub", TINY.format(100000) + " logging.progress_every_s=0.05")
    wait_until(lambda: Path("outputs/runs").is_dir() and RunDir(only_run()).scalars.exists())
    path = only_run()
    pool.call("condor_vacate_job", job)
    wait_until(lambda: len(read_events(path).of("on_start")) == 2)
    (path / "stop").touch()
    wait_until(lambda: is_over(pool))
    assert summarise(str(path)).state == "stopped"
    assert [one.job_id for one in read_attempts(RunDir(path))] == [job, job]
    epochs = [record["epoch"] for record in read_events(path).of("on_epoch_end")]
    assert epochs == list(range(len(epochs)))
    batch(pool, "report.sub", "last -o page.html")
    wait_until(lambda: is_over(pool))
    assert path.name in Path("page.html").read_text()
