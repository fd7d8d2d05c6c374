"""Jobs whose run directory was removed: known by the number that HTCondor gave them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.cli import main
from engine.launch.condor.answers import Acted
from engine.launch.condor.client import Action
from engine.launch.job import HTCONDOR
from tests.engine.test_condor_acting import recorded
from tests.engine.test_condor_queue import HELD, RUNNING, Fake, ad

GONE = "/gone/outputs/runs/run_x"
NO_DIRECTORY = {"HoldReasonCode": 14, "HoldReasonSubCode": 2, "HoldReason": "Cannot access it"}


class Scheduler(Fake):
    """One that is asked with expressions, and removes what it is told to."""

    def query(self, constraint: str, attributes: Any, *, mine: bool = False) -> list[Any]:
        told = self._told("mine", self.ads, constraint, mine)
        if not mine:
            return told
        numbers = ("ClusterId =?= 77 ", "ProcId =?= 0")
        return told if all(one in constraint for one in numbers) or "Sweep" in constraint else []

    def act(self, action: Action, constraint: str, reason: str) -> Acted:
        self.calls.append(f"{action} {constraint}")
        return Acted(1, 0, "")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Scheduler:
    """What HTCondor says: it holds a job whose directory is gone."""
    asked = Scheduler()
    asked.ads = [ad("a", HELD, ClusterId=77, Iwd=GONE, **NO_DIRECTORY)]
    monkeypatch.setattr("engine.cli.jobs_actions._connect", lambda schedd: asked)
    monkeypatch.setattr("engine.launch.control.remove.__defaults__", (lambda schedd: asked,))
    return asked


@pytest.fixture
def sweep(own_folder: Path) -> Path:
    """The record of a sweep with one run that is there, and one that is not."""
    runs, sweeps = own_folder / "outputs/runs", own_folder / "outputs/multiruns"
    for folder in (runs, sweeps):
        folder.mkdir(parents=True)
    recorded(runs, "run_y", id="b", sweep_id="5eed", sweep_dir=str(sweeps / "exp"))
    recorded(sweeps, "exp", kind="sweep", id="5eed", points=2)
    (runs / "run_y" / "facts").mkdir()
    return runs


def test_it_says_by_its_number_that_its_directory_is_gone(
    asked: Scheduler, sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["jobs", "why", "77.0"]) == 0
    assert capsys.readouterr().out == (
        f"run_x: its run directory {GONE} is gone; it has been held for 5 min; "
        "engine jobs remove 77.0 ends it\n"
    )
    assert main(["jobs", "why", "78.0"]) == 2
    assert "78.0: there is no such job" in capsys.readouterr().err
    asked.silent = True
    assert main(["jobs", "why", "77.0"]) == 1
    told = capsys.readouterr().err
    assert "77.0: no record has that number, and HTCondor could not be asked: " in told


@pytest.mark.parametrize("words", [("remove", "77.0"), ("kill", "77.0", "--yes")])
def test_it_is_ended_by_its_number(
    asked: Scheduler, sweep: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert main(["jobs", *words]) == 0
    assert capsys.readouterr().out in ("run_x: removed\n", "run_x: ended by HTCondor\n")
    assert asked.calls[-1] == 'remove ProcId =!= undefined && member(ThesisRunId, {"a"})'


def test_a_sweep_tells_of_its_runs_whose_directories_are_gone(
    asked: Scheduler, sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = ad("b", RUNNING, ClusterId=78, Iwd=str(sweep / "run_y"))
    asked.ads.append(here)
    assert main(["jobs", "why", "exp"]) == 0
    assert f"\nrun_x: its run directory {GONE} is gone" in capsys.readouterr().out
    assert main(["jobs", "why", "exp", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == ["run_y", "run_x"]
    asked.ads[0] |= {"JobStatus": 3}
    assert main(["jobs", "why", "exp", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == ["run_y"], "it is over"
    asked.silent = True
    assert main(["jobs", "why", "exp"]) == 1


def test_a_number_of_a_run_of_another_output_root_says_whose_it_is(
    asked: Scheduler, sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other" / "runs"
    other.mkdir(parents=True)
    directory = recorded(other, "run_z", id="a", target=HTCONDOR).directory
    asked.ads[0] |= {"Iwd": str(directory)}
    assert main(["jobs", "remove", "77.0"]) == 2
    told = capsys.readouterr().err
    assert f"77.0: it is the job of {directory}" in told
    assert f"--root {other.parent} finds it" in told
    (directory / "launch.json").unlink()
    assert main(["jobs", "why", "77.0"]) == 0
    assert f"{directory} has no record of it" in capsys.readouterr().out


def test_a_number_is_asked_about_only_where_htcondor_may_have_it(
    asked: Scheduler, own_folder: Path
) -> None:
    assert main(["jobs", "why", "77"]) == 2
    assert asked.asked == 0
