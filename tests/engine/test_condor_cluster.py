"""Sweeps as they are described to HTCondor, written down, and told of: nothing is submitted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config.composer import Composer
from engine.config.launcher import launcher_to_go_on
from engine.config.points import points, words_of_runs
from engine.errors import ConfigError, FactsError, LaunchError
from engine.facts.sweep_dir import SweepDir
from engine.launch.condor.cluster import cluster_description
from engine.launch.condor.submit import Submission, description, unfit
from engine.launch.job import HTCONDOR, JobHandle
from engine.launch.jobs import sweep_state
from engine.launch.lock import locked
from engine.launch.record import this_process
from engine.launch.sweep_records import make_run, run_entries
from engine.launch.sweep_runs import SweepRun, planned, read_runs, runs_folder, write_runs
from engine.library.summary import RunSummary
from tests.engine.test_condor_submit import GOLDEN, JOB, TEXTS, as_text, expanded, words

if TYPE_CHECKING:
    pass

RUNS = Path("/data/runs")
SWEEP = replace(JOB, sweep_id="fedcba", batch="exp_20261101-140600_ae")


def of_sweep(number: int, folder: Path = RUNS, **more: object) -> Submission:
    record = folder / f"run_20261101-140600_ae_job{number}" / "launch.json"
    own = {**JOB.environment, "THESIS_LAUNCH_ID": f"id{number}"}
    return replace(SWEEP, record=record, id=f"id{number}", environment=own, **more)


GOLDEN_CLUSTER = """\
universe = vanilla
executable = /project/hpc/stoomboot/train.sh
arguments = "--launch /data/runs/$(ThesisName)/launch.json"
initialdir = /data/runs/$(ThesisName)
output = /data/runs/$(ThesisName)/job.out
error = /data/runs/$(ThesisName)/job.err
log = /data/runs/$(ThesisName)/job.log
should_transfer_files = NO
getenv = False
environment = "HOME=/user/someone LANG=C.UTF-8 THESIS_LAUNCH_ID=$(ThesisRun) \
THESIS_JOB_ID=$(ClusterId).$(ProcId)"
batch_name = exp_20261101-140600_ae
My.ThesisRunId = "$(ThesisRun)"
My.ThesisSweepId = "fedcba"
submit_event_notes = run $(ThesisRun)
notification = Never
on_exit_remove = (ExitCode =!= 85) || (NumJobCompletions >= 50)
job_lease_duration = 1200
request_cpus = 1
request_memory = 4096
request_disk = 2097152
job_max_vacate_time = 300
max_materialize = 1000
"""


def test_a_run_of_a_sweep_says_which_one_it_is_of() -> None:
    line = 'My.ThesisRunId = "0123456789abcdef"\n'
    text = GOLDEN.replace(line, f'{line}My.ThesisSweepId = "fedcba"\n')
    text = text.replace("batch_name = run_", "batch_name = exp_")
    assert as_text(description(SWEEP)) == text


def test_many_runs_are_one_description_with_plain_items() -> None:
    described, items = cluster_description([of_sweep(0), of_sweep(1)])
    assert as_text(described) == GOLDEN_CLUSTER
    assert items == [
        {"ThesisName": f"run_20261101-140600_ae_job{n}", "ThesisRun": f"id{n}"} for n in (0, 1)
    ]


@given(TEXTS, TEXTS)
def test_each_job_of_a_cluster_is_described_as_if_it_were_alone(folder: str, value: str) -> None:
    if unfit(folder) or unfit(value) or folder != folder.strip() or folder.endswith("\\"):
        return
    places = Path("/data/THESISNAME THESISRUNx", folder.replace("/", "").strip(".") or "x")
    if str(places) != str(places).strip():
        return
    variables = {"LANG": value, "THESIS_LAUNCH_ID": "id7"}
    jobs = [replace(of_sweep(7, places), environment=variables)]
    described, (item,) = cluster_description(jobs)
    del described["max_materialize"]
    filled = {}
    for command, text in described.items():
        for name, known in item.items():
            text = text.replace(f"$({name})", known)
        filled[command] = text
    alone = description(jobs[0])
    for command in ("arguments", "environment"):
        assert words(filled.pop(command)) == words(alone.pop(command))
    assert {one: expanded(text) for one, text in filled.items()} == {
        one: expanded(text) for one, text in alone.items()
    }


def test_jobs_that_differ_in_more_or_have_strange_names_are_no_cluster() -> None:
    strange = replace(of_sweep(1), record=Path("/data/runs/a b/launch.json"))
    greedy = of_sweep(2, resources=replace(JOB.resources, cpus=9))
    with pytest.raises(ConfigError) as caught:
        cluster_description([of_sweep(0), strange, greedy, of_sweep(3, Path("/else"))])
    assert [text.split(": ")[1] for text in caught.value.problems] == [
        "letters, digits and . _ - only",
        *["it asks for something else than the others"] * 2,
    ]


def test_runs_are_named_like_those_of_every_sweep(own_folder: Path) -> None:
    sweep = own_folder / "outputs" / "multiruns" / "exp_20261101-140600_ae"
    assert runs_folder(sweep) == own_folder / "outputs" / "runs"
    (runs_folder(sweep) / "run_20261101-140600_ae_job1").mkdir(parents=True)
    names = [run.name for run in planned(sweep, [("a=1",), ("a=2",)])]
    assert names == ["run_20261101-140600_ae_job0", "run_20261101-140600_ae_job1_2"]
    assert runs_folder(own_folder / "mine") == own_folder / "mine"


def test_the_runs_of_a_sweep_are_read_back(own_folder: Path) -> None:
    runs = planned(own_folder / "exp_x", [("a='b\n'", "c=é"), ()])
    write_runs(SweepDir(own_folder), runs)
    assert read_runs(SweepDir(own_folder)) == runs


@pytest.mark.parametrize(
    "line",
    [
        '{"id": "a", "name": "../b", "overrides": []}',
        '{"id": "a b", "name": "b", "overrides": []}',
        '{"id": "a", "name": "b", "overrides": [1]}',
        '{"id": "a"}',
        "[" * 100_000,
        "é",
    ],
)
def test_a_list_of_runs_that_leads_elsewhere_is_refused(own_folder: Path, line: str) -> None:
    place = SweepDir(own_folder)
    place.runs.write_text(f"{line}\n")
    with pytest.raises(FactsError, match="damaged"):
        read_runs(place)


ENTRIES = {"id": "s", "original_dir": "/s", "target": "htcondor", "cwd": "/w", "parent": "p"}


def test_a_directory_is_made_once_and_never_anothers(own_folder: Path) -> None:
    run = SweepRun(2, "own", "run_job2", ("a=1",))
    assert make_run(own_folder, own_folder, ENTRIES, run) == "submitting"
    path = own_folder / run.name / "launch.json"
    told = json.loads(path.read_text())
    assert told == run_entries(ENTRIES, own_folder / run.name, run)
    assert (told["sweep_id"], told["number"], told["cwd"], told["parent"]) == ("s", 2, "/w", "p")
    path.write_text(json.dumps(told | {"state": "running"}))
    assert make_run(own_folder, own_folder, ENTRIES, run) == "running"
    path.write_text("{")  # as a power cut leaves it
    assert make_run(own_folder, own_folder, ENTRIES, run) == "submitting"
    with pytest.raises(LaunchError, match="another run's"):
        make_run(own_folder, own_folder, ENTRIES, replace(run, id="other"))


def test_one_process_at_a_time_submits(own_folder: Path) -> None:
    place = own_folder / "lock"
    with (
        locked(place, "exp_x"),
        pytest.raises(LaunchError, match="exp_x: another process is starting it"),
        locked(place, "exp_x"),
    ):
        pass
    with locked(place, "exp_x"):
        pass


def told(state: str, *states: str, **more: object) -> tuple[str | None, str]:
    handle = JobHandle(Path("/none/exp_x/sweep.json"), target=HTCONDOR, state=state, points=4)
    runs = [RunSummary(f"/r/{n}", str(n), state=one) for n, one in enumerate(states)]
    found = sweep_state(replace(handle, **more), runs)  # type: ignore[arg-type]
    return found.state, found.sentence


@pytest.mark.parametrize(
    ("states", "state", "sentence"),
    [
        ("queued queued queued queued", "queued", "0 of 4 runs finished, 4 queued"),
        ("finished running held queued", "running",
         "1 of 4 runs finished, 1 running, 1 held, 1 queued"),
        ("finished held held failed", "held", "1 of 4 runs finished, 2 held, 1 failed"),
        ("finished finished finished finished", "finished", "4 of 4 runs finished"),
        ("finished stopped finished finished", "stopped", "3 of 4 runs finished, 1 stopped"),
        ("finished stopped lost failed", "failed",
         "1 of 4 runs finished, 1 failed, 1 stopped, 1 lost"),
        ("finished finished finished", "finished", "3 of 4 runs finished, 1 not there"),
    ],
)  # fmt: skip
def test_the_state_of_a_sweep_is_that_of_its_runs(states: str, state: str, sentence: str) -> None:
    assert told("queued", *states.split()) == (state, sentence)


def test_a_submission_that_was_interrupted_is_told_with_what_to_do() -> None:
    known = {"host": "here", "pid": 1}
    assert told("submitting", "queued", **known) == (
        "queued",
        "its submission is not complete: it is not known whether it goes on on here;"
        " 0 of 4 runs finished, 1 queued, 3 not there",
    )


def test_a_submission_that_was_stopped_is_not_to_be_finished(own_folder: Path) -> None:
    (own_folder / "stop").touch()
    gone = this_process() | {"boot_id": "before", "path": own_folder / "sweep.json"}
    _, sentence = told("submitting", "stopped", **gone, points=1)
    assert sentence == (
        "its submission is not complete: it was asked to stop, and engine jobs remove here ends it;"
        " 0 of 1 run finished, 1 stopped"
    )


def test_the_runs_of_a_sweep_are_its_points_without_what_sweepers_need() -> None:
    overrides = ["phase1.trainer.seed=1,2,3", "hydra.sweeper.leave_out=[1]", "loop=a.b:c,ae"]
    runs = words_of_runs(points(Composer([]), overrides), overrides, [0, 1, 5])
    assert runs == (
        ("phase1.trainer.seed=2", "loop=a.b\\:c"),
        ("phase1.trainer.seed=2", "loop=ae"),
        ("phase1.trainer.seed=3", "loop=a.b\\:c"),
    )


def test_a_run_goes_on_with_what_it_asked_for_and_what_is_typed() -> None:
    composer = Composer([])
    local, there = composer.compose([]), composer.compose(["launcher=htcondor", "launcher.cpus=3"])
    words = ["launcher.memory=8GB"]
    found = launcher_to_go_on(composer, local, words, HTCONDOR)
    assert (found.resources["cpus"], found.resources["memory"]) == (1, "8GB")
    found = launcher_to_go_on(composer, there, words, HTCONDOR)
    assert (found.resources["cpus"], found.resources["memory"]) == (3, "8GB")
    found = launcher_to_go_on(composer, there, [*words, "launcher=htcondor"], HTCONDOR)
    assert found.resources["cpus"] == 1
    with pytest.raises(ConfigError, match=r"did you mean launcher\.memory"):
        launcher_to_go_on(composer, there, ["launcher.memroy=1GB"], HTCONDOR)


@given(st.lists(st.sampled_from(["THESISNAME", "THESISRUN", "x", "a"]), max_size=6))
def test_what_stands_for_names_is_in_no_other_text(parts: list[str]) -> None:
    folder = Path("/data", "".join(parts) or "a")
    described, _ = cluster_description([of_sweep(0, folder, batch="".join(parts))])
    assert described["initialdir"] == f"{folder}/$(ThesisName)"
    assert described["batch_name"] == ("".join(parts) or "$(ThesisName)")
