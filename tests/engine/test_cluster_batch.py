"""Runs of a sweep that are submitted and waited for together, with a scheduler of our own."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.cli.cluster_sweep import _standing, way_back
from engine.errors import ConfigError, LaunchError
from engine.facts import RunDir, append_jsonl_event, build_event_payload
from engine.facts.job_report import REMOVED_HERE, JobReport
from engine.facts.job_state import GRACE_S
from engine.facts.sweep_dir import SweepDir
from engine.launch.awaited_sweep import awaited, begin_sweep
from engine.launch.condor.ads import one_of
from engine.launch.condor.client import Answer, Condor, CouldNotAsk
from engine.launch.condor.doubt import IN_DOUBT_S
from engine.launch.hydra_launcher import RETRY_S, AwaitedRuns, Point
from engine.launch.job import HTCONDOR, JobHandle, JobSpec
from engine.launch.record import amend_record, read_job
from engine.launch.resources import Resources
from engine.library.index import summarise
from tests.engine.launching import written_ago

SILENT = "HTCondor's scheduler does not answer"


class Cluster(Condor):
    """Takes jobs and runs none; it is also what follows them."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = True
        self.refuses: list[str] = []
        self.taken: list[str] = []
        self.reports: dict[str, JobReport] = {}
        self.now = 0.0

    def ping(self) -> str:
        if not self.answers:
            raise CouldNotAsk(SILENT)
        return "here"

    def submit(self, description: Mapping[str, str]) -> Answer:
        self.ping()
        name = Path(description["initialdir"]).name
        if name in self.refuses:
            raise LaunchError("HTCondor did not take the job")
        self.taken.append(name)
        return Answer("here", len(self.taken))

    def query(self, *_: Any, **__: Any) -> list[dict[str, Any]]:
        self.ping()
        return []

    history = query

    def look(self, jobs: Sequence[JobHandle]) -> tuple[dict[str, JobReport], str | None]:
        known = {job.id or "": self.reports.get(job.name) for job in jobs}
        found = {one: report for one, report in known.items() if report}
        return found, None if self.answers else SILENT

    def remedy(self, job: JobHandle) -> str:
        return f"engine jobs release {job.name}"

    def clock(self) -> float:
        return self.now


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


class Sweep:
    """A sweep of some runs, and what was told of it."""

    def __init__(self, cluster: Cluster, numbers: int, *words: str) -> None:
        directory = Path("outputs/multiruns/exp_x").absolute()
        overrides = words or ("hydra/launcher=htcondor",)
        spec = JobSpec(overrides, directory, sweep=True, target=HTCONDOR)
        runs = Path("outputs/runs").absolute()
        points = [
            Point(
                JobSpec((f"hydra.job.num={n}",), runs / f"run_x_job{n}", target=HTCONDOR),
                Resources(),
            )
            for n in range(numbers)
        ]
        self.record, self.told = begin_sweep(spec), list[str]()
        self.batch = AwaitedRuns(
            points, self.record, cluster, cluster, self.told.append, clock=cluster.clock
        )

    def values(self) -> list[float | None]:
        return [self.batch.ends[place].value for place in sorted(self.batch.ends)]


def trained(number: int, **last: Any) -> RunDir:
    """The facts of a run that has ended."""
    run_dir = RunDir(Path("outputs/runs", f"run_x_job{number}"))
    append_jsonl_event(run_dir.path, build_event_payload("on_start", run_dir.path))
    moment = "on_exception" if "error" in last else "on_train_end"
    append_jsonl_event(run_dir.path, build_event_payload(moment, run_dir.path, **last))
    return run_dir


ENDED = JobReport("ended", exit_code=0)


def test_what_came_of_each_run_is_told_and_a_failure_hides_no_other(cluster: Cluster) -> None:
    sweep = Sweep(cluster, 3)
    sweep.batch.step()
    assert sweep.batch.counts() == {"queued": 3}
    cluster.reports["run_x_job0"] = JobReport("ended", exit_code=1)
    cluster.reports["run_x_job1"] = JobReport("running", host="node")
    trained(0, error="two is no good")
    sweep.batch.step()
    assert sweep.batch.counts() == {"queued": 1, "running": 1, "failed": 1}
    for number, loss in ((1, 0.5), (2, 0.25)):
        cluster.reports[f"run_x_job{number}"] = ENDED
        trained(number, metrics={"best_val_loss": loss, "final_val_loss": 1.0})
    sweep.batch.step()
    assert sweep.batch.is_over
    assert sweep.values() == [None, 0.5, 0.25]
    assert sweep.batch.ends[0].sentence == "failed: two is no good"
    assert sweep.told[-1] == "run_x_job2: finished, best validation loss 0.25"
    records = [read_job(job.path) for job in sweep.batch.jobs.values()]
    assert {job.sweep_id for job in records if job} == {sweep.record.id}


def test_a_loop_that_tells_no_best_loss_has_the_lowest_of_its_epochs(cluster: Cluster) -> None:
    sweep = Sweep(cluster, 1)
    sweep.batch.step()
    run_dir = RunDir(Path("outputs/runs/run_x_job0"))
    for epoch, loss in enumerate((3.0, 1.0, 2.0)):
        more = {"epoch": epoch, "split": "val", "val_loss": loss}
        append_jsonl_event(run_dir.path, build_event_payload("on_epoch_end", run_dir.path, **more))
    append_jsonl_event(run_dir.path, build_event_payload("on_train_end", run_dir.path))
    cluster.reports["run_x_job0"] = ENDED
    sweep.batch.step()
    assert sweep.values() == [1.0]


def test_nothing_begins_where_nobody_answers_and_what_has_begun_is_waited_for(
    cluster: Cluster,
) -> None:
    sweep = Sweep(cluster, 2)
    cluster.answers = False
    with pytest.raises(CouldNotAsk):
        sweep.batch.step()
    assert not Path("outputs/runs").exists()
    cluster.answers, sweep = True, Sweep(cluster, 2)
    cluster.refuses = ["run_x_job0"]
    sweep.batch.step()
    assert sweep.told == [
        "run_x_job0: HTCondor did not take the job",
        "run_x_job1: job 1.0 of here",
    ]
    cluster.answers = False
    cluster.now += RETRY_S
    sweep.batch.step()
    assert sweep.batch.silent == SILENT
    assert sweep.batch.counts() == {"queued": 1, "failed": 1}


def test_what_is_in_doubt_is_sent_once(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = Sweep(cluster, 2)

    def taken_unheard(description: Mapping[str, str]) -> Answer:
        Cluster.submit(cluster, description)
        raise CouldNotAsk(SILENT)

    monkeypatch.setattr(cluster, "submit", taken_unheard)
    sweep.batch.step()
    assert sweep.batch.counts() == {"not submitted": 1, "queued": 1}
    monkeypatch.undo()
    ad = {"ClusterId": 1, "ProcId": 0}
    monkeypatch.setattr(cluster, "query", lambda *_, **__: [ad])
    cluster.now += RETRY_S
    sweep.batch.step()
    assert sweep.batch.counts() == {"queued": 2}
    assert cluster.taken == ["run_x_job0", "run_x_job1"]


def test_who_comes_back_finds_what_was_submitted_and_submits_the_rest(cluster: Cluster) -> None:
    Sweep(cluster, 2).batch.step()
    trained(0, metrics={"best_val_loss": 0.5})
    cluster.reports["run_x_job0"] = ENDED
    sweep = Sweep(cluster, 3, "hydra/launcher=htcondor", "hydra.sweep.dir=x")
    sweep.batch.step()
    assert cluster.taken == ["run_x_job0", "run_x_job1", "run_x_job2"]
    assert sweep.batch.counts() == {"queued": 2, "done": 1}
    assert sweep.values() == [0.5]


def test_a_directory_that_is_taken_is_left_alone(cluster: Cluster) -> None:
    RunDir.claim(Path("outputs/runs/run_x_job0").absolute())
    for _ in range(2):
        Sweep(cluster, 1).batch.step()
    assert cluster.taken == ["run_x_job0_2"]
    job = read_job(Path("outputs/runs/run_x_job0_2/launch.json").absolute())
    assert job is not None
    assert job.original_dir == str(job.directory)


def test_a_run_that_was_gone_on_with_counts_as_that_one(cluster: Cluster) -> None:
    Sweep(cluster, 1).batch.step()
    run_dir = RunDir(Path("outputs/runs/run_x_job0"))
    entries = json.loads(run_dir.launch.read_text())
    more = {"id": "other", "kind": "resume", "target": "local", "overrides": []}
    run_dir.launch.write_text(json.dumps(entries | more))
    sweep = Sweep(cluster, 1)
    sweep.batch.step()
    assert (cluster.taken, sweep.batch.is_over) == (["run_x_job0"], False)
    trained(0, metrics={"best_val_loss": 0.5})
    sweep.batch.step()
    assert sweep.values() == [0.5]


def test_a_sweep_has_one_command_that_waits(cluster: Cluster) -> None:
    record = Sweep(cluster, 1).record
    with pytest.raises(ConfigError, match="holds another sweep: thesis-train --multirun hydra/la"):
        Sweep(cluster, 1, "hydra/launcher=htcondor", "phase1.trainer.lr=1")
    assert Sweep(cluster, 1).record.id == record.id
    amend_record(record.path, record.id, pid=1, pid_started=None, boot_id=None)
    with pytest.raises(ConfigError, match="process 1 waits for"):
        Sweep(cluster, 1)


def test_of_several_commands_that_begin_a_sweep_at_once_one_does(own_folder: Path) -> None:
    spec = JobSpec((), own_folder / "exp_x", sweep=True, target=HTCONDOR)
    others = threading.Barrier(4, timeout=30)

    def begin(_: int) -> str:
        others.wait()
        try:
            with awaited(spec) as record:
                others.wait()
                return record.id or ""
        except ConfigError as error:
            others.wait()
            return error.message

    with ThreadPoolExecutor(4) as pool:
        *_, own = told = sorted(pool.map(begin, range(4)), key=lambda text: " " not in text)
    assert [" waits for " in text for text in told] == [True] * 3 + [False]
    with awaited(spec) as record:
        assert record.id == own
        amend_record(record.path, record.id, host="elsewhere", pid=7)
        with pytest.raises(ConfigError, match="process 7 on elsewhere waits for"), awaited(spec):
            pass


def test_the_way_back_is_the_same_command_with_the_directory(cluster: Cluster) -> None:
    record = Sweep(cluster, 1, "hydra/launcher=htcondor", "a=b c").record
    words = "thesis-train --multirun hydra/launcher=htcondor 'a=b c'"
    assert way_back(record) == f"{words} hydra.sweep.dir=outputs/multiruns/exp_x"
    again = f"{words} hydra.sweep.dir=y"
    assert way_back(replace(record, command=again)) == again


def test_a_hold_is_told_once_with_what_to_do(cluster: Cluster) -> None:
    sweep = Sweep(cluster, 1)
    cluster.reports["run_x_job0"] = JobReport("held", "it took more memory than it asked for")
    for _ in range(3):
        sweep.batch.step()
    assert sweep.batch.counts() == {"held": 1}
    assert sweep.told[1:] == [
        "run_x_job0 is held: it took more memory than it asked for",
        "  engine jobs release run_x_job0; engine kill run_x_job0 gives it up",
    ]


def test_runs_whose_node_is_not_reached_are_told_from_those_that_run(cluster: Cluster) -> None:
    sweep = Sweep(cluster, 3)
    sweep.batch.step()
    lost = JobReport("running", "its node cannot be reached since 21:04", "wn-1")
    cluster.reports = {"run_x_job0": lost, "run_x_job1": lost, "run_x_job2": JobReport("running")}
    sweep.batch.step()
    assert _standing(sweep.batch) == "1 running, 2 running (node not reached)"
    cluster.answers = False
    sweep.batch.step()
    assert _standing(sweep.batch) == f"1 running, 2 running (node not reached); {SILENT}"
    cluster.reports["run_x_job0"] = JobReport("running", None, "wn-1")
    cluster.reports["run_x_job1"] = JobReport("queued", "it waited too long")
    sweep.batch.step()
    assert sweep.batch.counts() == {"queued": 1, "running": 2}


def test_facts_that_come_late_are_waited_for(cluster: Cluster) -> None:
    sweep = Sweep(cluster, 2)
    cluster.reports |= {"run_x_job0": ENDED, "run_x_job1": ENDED}
    sweep.batch.step()
    assert not sweep.batch.ends
    trained(0, metrics={"best_val_loss": 0.5})
    sweep.batch.step()
    assert sweep.values() == [0.5]
    cluster.now += GRACE_S
    sweep.batch.step()
    assert sweep.batch.ends[1].sentence == "failed: ended without finishing"


def test_a_sweep_that_is_stopped_asks_its_runs_to_and_submits_no_more(cluster: Cluster) -> None:
    sweep = Sweep(cluster, 2)
    cluster.refuses = ["run_x_job1"]
    sweep.batch.step()
    SweepDir(sweep.record.directory).stop.touch()
    sweep.batch.step()
    assert Path("outputs/runs/run_x_job0/stop").exists()
    assert sweep.told[-1] == "stopping all runs, as asked"


def test_a_sweep_that_is_stopped_while_it_is_submitted_leaves_nothing_in_the_queue(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep, removed = Sweep(cluster, 3), []

    def stopped_meanwhile(description: Mapping[str, str]) -> Answer:
        SweepDir(sweep.record.directory).stop.touch()
        return Cluster.submit(cluster, description)

    monkeypatch.setattr(cluster, "submit", stopped_meanwhile)
    monkeypatch.setattr(cluster, "act", lambda *words: removed.append(words))
    sweep.batch.step()
    (job,) = sweep.batch.jobs.values()
    assert cluster.taken == ["run_x_job0"]
    assert removed == [("remove", one_of([job.id]), REMOVED_HERE)]
    assert [end.state for end in sweep.batch.ends.values()] == ["stopped"] * 2


def test_a_stopped_sweep_ends_also_where_a_submission_is_in_doubt(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = Sweep(cluster, 1)

    def unheard(_: Mapping[str, str]) -> Answer:
        raise CouldNotAsk(SILENT)

    monkeypatch.setattr(cluster, "submit", unheard)
    sweep.batch.step()
    SweepDir(sweep.record.directory).stop.touch()
    sweep.batch.step()
    cluster.now += RETRY_S
    sweep.batch.step()
    assert not sweep.batch.is_over
    assert sweep.batch.silent == "run_x_job0: HTCondor does not have it yet, and may still get it"
    written_ago(Path("outputs/runs/run_x_job0/launch.json"), IN_DOUBT_S)
    cluster.answers = False
    for _ in range(2):
        cluster.now += RETRY_S
        sweep.batch.step()
    assert (sweep.batch.is_over, sweep.batch.silent) == (False, SILENT)
    cluster.answers = True
    cluster.now += RETRY_S
    sweep.batch.step()
    assert sweep.batch.is_over
    assert sweep.batch.counts() == {"stopped": 1}
    assert summarise("outputs/runs/run_x_job0").state == "stopped"


def test_a_stopped_sweep_waits_for_a_job_that_was_taken_unheard(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = Sweep(cluster, 1)

    def taken_unheard(description: Mapping[str, str]) -> Answer:
        Cluster.submit(cluster, description)
        raise CouldNotAsk(SILENT)

    monkeypatch.setattr(cluster, "submit", taken_unheard)
    sweep.batch.step()
    SweepDir(sweep.record.directory).stop.touch()
    monkeypatch.setattr(cluster, "query", lambda *_, **__: [{"ClusterId": 1, "ProcId": 0}])
    cluster.now += RETRY_S
    for _ in range(2):
        sweep.batch.step()
        cluster.now += RETRY_S
    assert sweep.batch.jobs[0].job_id == "1.0"
    assert sweep.batch.counts() == {"queued": 1}


def test_a_run_that_failed_as_it_was_sent_away_is_waited_for(cluster: Cluster) -> None:
    sweep = Sweep(cluster, 1)
    sweep.batch.step()
    trained(0, error="no space left")
    cluster.reports["run_x_job0"] = JobReport("running", host="node", told=1.0)
    for _ in range(2):
        cluster.now += 2 * RETRY_S
        sweep.batch.step()
    assert sweep.batch.counts() == {"running": 1}, "its scheduler has not told what follows"
    cluster.reports["run_x_job0"] = JobReport("ended", exit_code=1)
    sweep.batch.step()
    assert sweep.batch.counts() == {"failed": 1}
