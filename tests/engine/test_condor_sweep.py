"""Sweeps on a real pool: each run is submitted once, whoever is killed, and ended together."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from engine.cli import main
from engine.errors import ConfigError, LaunchError
from engine.facts import read_events
from engine.facts.condor_log import LogReader
from engine.facts.sweep_dir import SweepDir
from engine.launch.condor import sending as condor_sending
from engine.launch.condor.client import Condor, CouldNotAsk
from engine.launch.condor.doubt import IN_DOUBT_S
from engine.launch.configs import FOLDER
from engine.launch.job import HTCONDOR, JobHandle, JobSpec
from engine.launch.jobs import find_jobs
from engine.launch.record import read_job
from engine.launch.resources import Resources
from engine.launch.submission import submit, submit_again
from engine.launch.sweep_runs import read_runs
from engine.library.index import summarise
from tests.conftest import long_form
from tests.engine.launching import QUICK, QUICK_LOOP, WAITING, WAITING_LOOP, wait_until, written_ago
from tests.engine.test_condor_runs import condor, helpers_here  # noqa: F401 - a fixture

SMALL = Resources(memory="10MB", disk="1MB")
NEVER = Resources(memory="10MB", disk="1MB", requirements="false")
LITTLE = ("launcher.memory=10MB", "launcher.disk=1MB")


@pytest.fixture(autouse=True)
def loops(own_folder: Path) -> None:
    (own_folder / "quick_loop.py").write_text(QUICK_LOOP)
    (own_folder / "waiting_loop.py").write_text(WAITING_LOOP)


def sweep(*words: str, number: int = 3, name: str = "exp_x") -> JobSpec:
    runs = tuple((*words, f"phase1.trainer.seed={seed}") for seed in range(number))
    directory = Path("outputs/multiruns", name).absolute()
    return JobSpec(words, directory, sweep=True, target=HTCONDOR, points=number, runs=runs)


def paths() -> list[Path]:
    return sorted(Path("outputs/runs").absolute().iterdir())


def states() -> Counter[str | None]:
    return Counter(summarise(str(path)).state for path in paths())


def jobs_of(asked: Condor, job: JobHandle) -> dict[str, int]:
    """Id of each run of a sweep that HTCondor has, to how many jobs."""
    ads = asked.query(f'ThesisSweepId =?= "{job.id}"', ["ThesisRunId"])
    return Counter(str(ad["ThesisRunId"]) for ad in ads)


def ids(job: JobHandle) -> set[str]:
    return {run.id for run in read_runs(SweepDir(job.directory))}


def starts() -> list[int]:
    """How often HTCondor started each run."""
    readers = [LogReader(path / "job.log") for path in paths()]
    for reader in readers:
        reader.read()
    return [sum(job.starts for job in reader.jobs.values()) for reader in readers]


@pytest.mark.parametrize("number", [3, *long_form(12)])
def test_each_run_of_a_sweep_is_a_job_and_trains_once(
    condor: Condor,  # noqa: F811
    number: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seeds = f"phase1.trainer.seed=range(0,{number})"
    assert main(["submit", "-m", *QUICK, seeds, *LITTLE, "--wait"]) == 0
    told = capsys.readouterr()
    assert f": {number} jobs of " in told.out
    assert told.err.splitlines()[-1] == f"{number} of {number} runs finished"
    assert starts() == [1] * number
    (job,) = find_jobs("outputs")
    assert (job.state.state, job.state.sentence) == ("finished", told.err.splitlines()[-1])
    stem = job.name.replace("exp_", "run_")
    assert [path.name for path in paths()] == sorted(f"{stem}_job{n}" for n in range(number))
    for path in paths():
        run = read_job(path / "launch.json")
        assert run is not None
        assert (run.kind, run.sweep_id, run.state) == ("run", job.handle.id, "ended")
        assert f"phase1.trainer.seed={run.number}" in run.overrides
        assert read_events(path).records[0]["meta"]["hydra_job_id"] == str(run.number)
        assert [run.configs] == [str(one.absolute()) for one in Path("outputs", FOLDER).iterdir()]
    assert main(["submit", "--again", job.name]) == 2, "nothing is left to do"


SUBMIT_HERE = """\
import sys
from pathlib import Path
from engine.launch.condor import sending as condor_sending
from engine.launch.condor.client import Condor
from engine.launch.job import HTCONDOR, JobSpec
from engine.launch.resources import Resources
from engine.launch.submission import submit
condor_sending.CHUNK, condor_sending.MOST_SINGLE = 2, int(sys.argv[1])
place = Path("outputs/multiruns/exp_x").absolute()
runs = tuple((f"phase1.trainer.seed={n}",) for n in range(8))
spec = JobSpec((), place, sweep=True, target=HTCONDOR, points=8, runs=runs)
print("ready", flush=True)
with Condor() as condor:
    submit(spec, Resources(memory="10MB", disk="1MB", requirements="false"), condor)
"""


@pytest.mark.parametrize(
    ("delay_s", "single"),
    [(0.2, 100), *long_form(*((n / 40, (100, 1)[n % 2]) for n in range(2, 22)))],
)
def test_a_sweep_is_finished_whenever_its_submission_was_killed(
    condor: Condor,  # noqa: F811
    delay_s: float,
    single: int,
) -> None:
    words = [sys.executable, "-c", SUBMIT_HERE, str(single)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        threading.Event().wait(delay_s)
        process.kill()
    wait_until(lambda: not helpers_here())
    job = read_job(Path("outputs/multiruns/exp_x/sweep.json").absolute())
    if job is None:
        assert condor.query("true", ["ClusterId"]) == []
        return
    if job.state == "submitting":
        with contextlib.suppress(LaunchError):
            submit_again(job.directory, condor)
        written_ago(job.path, IN_DOUBT_S)
        with contextlib.suppress(ConfigError):  # the first look found all of them
            submit_again(job.directory, condor)
    assert jobs_of(condor, job) == dict.fromkeys(ids(job), 1)
    assert {(read_job(path / "launch.json") or job).state for path in paths()} == {"queued"}
    assert (read_job(job.path) or job).state == "queued"


class Deaf(Condor):
    """A scheduler that takes jobs and is not heard."""

    def submit_each(self, descriptions: object) -> tuple[list[int], str]:
        super().submit_each(descriptions)  # type: ignore[arg-type]
        raise CouldNotAsk("HTCondor's scheduler did not answer within 60 s")

    def submit_cluster(self, description: object, items: object) -> int:
        super().submit_cluster(description, items)  # type: ignore[arg-type]
        raise CouldNotAsk("HTCondor's scheduler did not answer within 60 s")


@pytest.mark.parametrize("single", [100, 1], ids=["single jobs", "a cluster"])
def test_jobs_that_were_taken_unheard_are_found_also_where_they_are_still_to_come(
    condor: Condor,  # noqa: F811
    single: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(condor_sending, "MOST_SINGLE", single)
    few = Resources(memory="10MB", disk="1MB", requirements="false", max_materialize=2)
    with Deaf() as deaf, pytest.raises(CouldNotAsk, match="which of its jobs HTCondor has"):
        submit(sweep(number=5), few, deaf)
    (told,) = find_jobs("outputs")
    assert told.state.sentence.startswith("being submitted; 0 of 5 runs finished, 5 queued")
    found = submit_again(paths()[0], condor)
    assert (found.state, found.kind) == ("queued", "sweep")
    numbers = [(read_job(path / "launch.json") or found).job_id for path in paths()]
    assert len(set(numbers)) == 5
    ads = condor.query("true", ["ClusterId"])
    assert len({ad["ClusterId"] for ad in ads}) == (5 if single > 1 else 1)
    assert main(["jobs", "kill", "exp_x", "--yes"]) == 0
    wait_until(lambda: condor.query("true", ["ClusterId"]) == condor.clusters("true") == [])


class Deafer(Condor):
    """One that gets nothing."""

    def submit_each(self, descriptions: object) -> tuple[list[int], str]:
        raise CouldNotAsk("HTCondor's scheduler did not answer within 60 s")


def test_a_sweep_that_never_arrived_can_be_given_up(
    condor: Condor,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Deafer() as deafer, pytest.raises(CouldNotAsk):
        submit(sweep(*QUICK), SMALL, deafer)
    with pytest.raises(LaunchError, match="does not have 3 of its runs yet, and may still get"):
        submit_again(Path("outputs/multiruns/exp_x").absolute(), condor)
    assert main(["jobs", "kill", "exp_x", "--yes"]) == 0
    assert states() == {"stopped": 3}
    assert main(["submit", "--again", "exp_x"]) == 2
    assert "exp_x: nothing of it is left to submit" in capsys.readouterr().err
    assert condor.query("true", ["ClusterId"]) == []


def test_a_sweep_that_is_stopped_begins_no_more_runs(
    condor: Condor,  # noqa: F811
) -> None:
    submit(sweep(*WAITING), SMALL, condor)
    condor.act("hold", "true", "let others go first")
    wait_until(lambda: states() == {"held": 3})
    (told,) = find_jobs("outputs")
    assert (told.state.state, told.state.sentence) == ("held", "0 of 3 runs finished, 3 held")
    assert main(["jobs", "stop", "exp_x"]) == 0
    condor.act("release", "true", "now it is their turn")
    wait_until(lambda: states() == {"stopped": 3})
    for path in paths():
        (event,) = read_events(path).records
        assert (event["moment"], event["meta"]["hydra_job_id"]) == ("on_train_end", path.name[-1])
    (told,) = find_jobs("outputs")
    assert (told.state.state, told.state.sentence) == (
        "stopped",
        "0 of 3 runs finished, 3 stopped",
    )


@pytest.mark.slow
def test_runs_that_train_are_stopped_with_their_sweep(condor: Condor) -> None:  # noqa: F811
    submit(sweep(*WAITING), SMALL, condor)
    wait_until(lambda: states()["running"] >= 1)
    assert main(["jobs", "stop", "exp_x"]) == 0
    wait_until(lambda: states() == {"stopped": 3})


def test_a_sweep_that_htcondor_refuses_leaves_nothing(condor: Condor) -> None:  # noqa: F811
    with pytest.raises(LaunchError, match="did not take"):
        submit(sweep(*QUICK), Resources(requirements="a ==="), condor)
    left = [path for path in Path("outputs").rglob("*") if not path.is_dir()]
    assert [path for path in left if FOLDER not in path.parts] == []
    assert paths() == list(Path("outputs/multiruns").iterdir()) == []


def test_what_runs_ask_for_is_the_same_in_a_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["launcher.memory=4GB,8GB", "hydra.sweep.subdir=mine"]
    assert main(["submit", "-m", "phase1.trainer.seed=1,2", *words]) == 2
    told = capsys.readouterr().err
    assert "launcher.memory=8GB: the runs of a sweep ask for the same" in told
    assert "hydra.sweep.subdir=mine: the runs of a sweep on a cluster are named" in told
    assert not Path("outputs").exists()


def test_an_experiment_is_a_sweep_whose_runs_are_single_ones(
    condor: Condor,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["phase1/experiment=compare_latent_spaces", "launcher.requirements='false'"]
    assert main(["submit", *words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["points"] == len(paths()) == len(condor.query("true", ["ClusterId"]))
