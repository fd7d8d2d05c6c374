"""What would end a training before its first step is told before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.cli import main
from engine.cli.submit_check import pool_warnings
from engine.facts.job_report import JobReport
from engine.facts.last_seen import LastSeen
from engine.facts.run_dir import RunDir
from engine.facts.state import run_state
from engine.launch.job import JobSpec
from engine.launch.record import NO_PROCESS, amend_record, new_entries, write_record
from engine.launch.resources import Resources


@pytest.fixture(autouse=True)
def no_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake is told without a scheduler."""
    monkeypatch.setenv("CONDOR_CONFIG", "/nothing/here")


@pytest.mark.parametrize("command", ["launch", "submit"])
def test_a_missing_data_file_is_told_with_all_other_mistakes(
    command: str, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = own_folder / "gone.h5"
    assert main([command, f"data.path={gone}"]) == 2
    assert f"there is no data file {gone}" in capsys.readouterr().err
    assert main([command, f"data.path={gone}", "phase1.trainer.lr=x"]) == 2
    told = capsys.readouterr().err
    assert "2 problems in this configuration" in told
    assert f"  - there is no data file {gone}\n    Set data.file=NAME" in told
    assert "  - phase1.trainer.lr=x: must be a number above 0" in told
    assert not Path("outputs").exists()


def test_each_data_file_of_a_sweep_is_looked_at_once(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["data.path=/gone/a.h5,/gone/b.h5", "phase1.trainer.seed=1,2,3"]
    assert main(["submit", "-m", *words]) == 2
    told = capsys.readouterr().err
    assert [told.count(f"no data file /gone/{name}.h5") for name in "ab"] == [1, 1]


def test_a_file_of_another_shape_and_an_output_place_that_cannot_be_made_are_told(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").touch()
    assert main(["launch", "data.n_tokens=3", "env.output_root=file/outputs"]) == 2
    told = capsys.readouterr().err
    assert "data.columns." in told
    assert f"the output root {own_folder}/file/outputs cannot be made" in told


def test_a_loop_of_the_users_own_may_have_no_need_of_the_file(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", "loop=mine:train", "data.path=/gone.h5"]) != 2
    assert "no data file" not in capsys.readouterr().err


def test_a_job_that_ended_before_its_first_event_says_why(own_folder: Path) -> None:
    run_dir = RunDir(own_folder / "run")
    run_dir.path.mkdir()
    job = write_record(run_dir.launch, new_entries(JobSpec((), run_dir.path), **NO_PROCESS))
    amend_record(job.path, job.id, state="ended", exit_code=2, reason="there is no data file x")
    told = run_state(run_dir, LastSeen(), JobReport("ended", exit_code=2))
    assert (told.state, told.sentence) == ("failed", "failed: there is no data file x")
    other = run_state(run_dir, LastSeen(), JobReport("ended", exit_code=3))
    assert other.sentence == "its job ended with exit code 3"


def test_a_check_of_jobs_says_that_nobody_takes_them() -> None:
    (told,) = pool_warnings(Resources())
    assert told.startswith(("HTCondor's scheduler cannot be found", "HTCondor's Python bindings"))
