"""The batch way of the guide, on a real pool: condor_submit hpc/stoomboot/train.sub."""

from __future__ import annotations

import os
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
    """A folder with the batch files, and one for what is printed."""
    shutil.copytree(ROOT / "hpc" / "stoomboot", own_folder / "hpc" / "stoomboot")
    for name in ("stdout", "stderr"):
        (own_folder / "logs" / name).mkdir(parents=True)
    monkeypatch.setenv("USER", "student")
    return own_folder


def batch(pool: Pool, file: str, arguments: str, *more: str) -> str:
    """Submit as the guide does, with settings of this machine; what is told."""
    words = [f"arguments = {arguments}", "LOGS = logs", "OUTPUTS = my runs", "request_disk = 1 MB"]
    words += [f"PYTHON = {sys.executable}", f"MORE = PYTHONPATH='{ROOT}'", "request_memory = 10 MB"]
    given = [part for word in words for part in ("-append", word)]
    return pool.call("condor_submit", *more, f"hpc/stoomboot/{file}", *given)


def submit(pool: Pool, file: str, arguments: str) -> str:
    """The number of the job."""
    return batch(pool, file, arguments, "-terse").split()[0]


def is_over(pool: Pool) -> bool:
    return not pool.call("condor_q", "-af", "ClusterId").strip()


def only_run() -> Path:
    (path,) = Path("my runs/runs").iterdir()
    return path


def test_a_batch_job_trains(pool: Pool, checkout: Path) -> None:
    job = submit(pool, "train.sub", TINY.format(1))
    wait_until(lambda: is_over(pool))
    path = only_run()
    assert path.name.startswith("run_20")
    assert path.name.endswith(f"_ae_c{job}")
    assert summarise(str(path)).state == "finished"
    assert "[1/1] epoch 0" in Path("logs", "stdout", f"train_{job}.out").read_text()


def test_settings_have_blanks_and_arguments_quotes(pool: Pool, checkout: Path) -> None:
    told = batch(pool, "train.sub", "env=stoomboot phase1.trainer.epochs=50", "-dry-run", "-")
    assert "THESIS_OUTPUT_ROOT=my' 'runs" in told
    assert 'Args="env=stoomboot phase1.trainer.epochs=50"' in told
    assert '\nJobCategory="short"' in told
    filtered = "\"'state=finished and val_loss<0.5' -o good.html\""
    assert filtered in Path("hpc/stoomboot/report.sub").read_text()
    told = batch(pool, "report.sub", filtered, "-dry-run", "-")
    assert "Arguments=\"state=finished' 'and' 'val_loss<0.5 -o good.html\"" in told
    assert '\nJobCategory="express"' in told


def test_a_user_without_a_name_is_refused(
    pool: Pool, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("USER")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        batch(pool, "train.sub", "", "-dry-run", "-")
    told = "the variable USER is not set here: export USER=$(id -un) sets it"
    assert told in refused.value.stderr


@pytest.mark.parametrize(
    ("script", "words", "remedy"),
    [
        ("train.sh", [], "hpc/stoomboot/settings.sub names it"),
        ("report.sh", ["last"], "hpc/stoomboot/settings.sub names it"),
        ("train.sh", ["--launch", "launch.json"], "has to be where all nodes see it"),
    ],
)
def test_a_missing_interpreter_is_told(script: str, words: list[str], remedy: str) -> None:
    done = subprocess.run(
        [ROOT / "hpc" / "stoomboot" / script, *words],
        env={"PATH": os.environ["PATH"], "PYTHON": "/nothing/bin/python"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr.startswith("there is no interpreter /nothing/bin/python on ")
    assert remedy in done.stderr


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
    job = submit(pool, "train.sub", TINY.format(100000) + " logging.progress_every_s=0.05")
    wait_until(lambda: Path("my runs/runs").is_dir() and RunDir(only_run()).scalars.exists())
    path = only_run()
    pool.call("condor_vacate_job", job)
    wait_until(lambda: len(read_events(path).of("on_start")) == 2)
    (path / "stop").touch()
    wait_until(lambda: is_over(pool))
    assert summarise(str(path)).state == "stopped"
    assert [one.job_id for one in read_attempts(RunDir(path))] == [job, job]
    epochs = [record["epoch"] for record in read_events(path).of("on_epoch_end")]
    assert epochs == list(range(len(epochs)))
    submit(pool, "report.sub", "last -o page.html")
    wait_until(lambda: is_over(pool))
    assert path.name in Path("page.html").read_text()
