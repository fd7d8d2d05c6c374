"""Large sweeps, which are one cluster: HTCondor makes a few of their jobs at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.cli import main
from engine.errors import FactsError, LaunchError
from engine.facts.sweep_dir import SweepDir
from engine.launch.condor import actions as condor_actions
from engine.launch.condor import sending as condor_sending
from engine.launch.condor.absent import still_to_come
from engine.launch.condor.ads import Cluster, of_sweeps
from engine.launch.condor.answers import Acted
from engine.launch.condor.client import Condor, CouldNotAsk
from engine.launch.condor.cluster import jobs_of_clusters
from engine.launch.condor.doubt import IN_DOUBT_S
from engine.launch.condor.submit import ID_ATTRIBUTE
from engine.launch.condor.why import why
from engine.launch.control import kill_job
from engine.launch.job import HTCONDOR, JobHandle, JobSpec
from engine.launch.jobs import find_jobs
from engine.launch.record import read_job
from engine.launch.resources import Resources
from engine.launch.submission import submit, submit_again
from engine.launch.sweep_records import confirm_run
from engine.launch.sweep_runs import read_clusters, read_runs, runs_folder
from engine.library.index import summarise
from tests.engine.launching import wait_until, written_ago
from tests.engine.test_condor_runs import condor  # noqa: F401 - a fixture

FEW = Resources(memory="10MB", disk="1MB", requirements="false", max_materialize=2)


@pytest.fixture(autouse=True)
def large(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs are many."""
    monkeypatch.setattr(condor_sending, "MOST_SINGLE", 1)


def sweep(number: int) -> JobSpec:
    runs = tuple((f"phase1.trainer.seed={seed}",) for seed in range(number))
    directory = Path("outputs/multiruns/exp_x").absolute()
    return JobSpec((), directory, sweep=True, target=HTCONDOR, points=number, runs=runs)


def jobs_of(job: JobHandle) -> list[JobHandle]:
    """Those of the runs of a sweep, in their order."""
    folder = runs_folder(job.directory)
    paths = [folder / run.name / "launch.json" for run in read_runs(SweepDir(job.directory))]
    return [told for told in map(read_job, paths) if told is not None]


class Few(Condor):
    """Makes two jobs of a cluster, or nothing, and may not be heard."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: dict[int, list[str]] = {}
        self.takes = self.is_heard = True
        self.made: list[tuple[int, int, str]] = []
        self.past: list[tuple[int, int, str]] = []

    def ping(self) -> str:
        return "schedd"

    def submit_cluster(self, _: object, items: Sequence[Mapping[str, str]]) -> int:
        number = 10 + len(self.queue)
        if self.takes:
            self.queue[number] = [item["ThesisRun"] for item in items]
            self.made += [(number, n, one) for n, one in enumerate(self.queue[number][:2])]
        if not (self.takes and self.is_heard):
            raise CouldNotAsk("HTCondor's scheduler did not answer within 60 s")
        return number

    def act(self, *_: object) -> Acted:
        done, self.queue = len(self.queue), {}
        return Acted(done)

    def query(self, *_: Any, **__: Any) -> list[dict[str, Any]]:
        return [self._ad(*one) for one in self.made]

    def history(self, *_: Any, **__: Any) -> list[dict[str, Any]]:
        return [self._ad(*one) for one in self.past]

    def clusters(self, _: str) -> list[Cluster]:
        return [Cluster(number, ids[0], 2) for number, ids in self.queue.items()]

    @staticmethod
    def _ad(cluster: int, number: int, run_id: str) -> dict[str, Any]:
        return {"ClusterId": cluster, "ProcId": number, ID_ATTRIBUTE: run_id}


def sent_again(asked: Few, place: SweepDir) -> None:
    """Finish a submission once what HTCondor has not can no longer come."""
    written_ago(place.record, IN_DOUBT_S)
    try:
        submit_again(place.path, asked)
    except CouldNotAsk:
        assert not (asked.takes and asked.is_heard)


@pytest.mark.parametrize("seen", ["queue", "cluster", "history"])
def test_of_each_cluster_of_a_sweep_all_jobs_are_known_by_one(seen: str) -> None:
    asked = Few()
    asked.takes = False
    with pytest.raises(CouldNotAsk):
        submit(sweep(6), FEW, asked)
    place = SweepDir(Path("outputs/multiruns/exp_x").absolute())
    runs = read_runs(place)
    for given_up in (runs[0], runs[3]):  # and the rest is a cluster with other numbers
        confirm_run(runs_folder(place.path), given_up, state="removed")
    asked.takes, asked.is_heard = True, False
    sent_again(asked, place)
    assert read_clusters(place) == [[runs[n].id for n in (1, 2, 4, 5)]]
    if seen != "queue":
        asked.made, asked.past = [], asked.made
    if seen == "history":
        asked.clusters = lambda _: []  # type: ignore[method-assign]
    asked.is_heard = True
    sent_again(asked, place)
    assert list(asked.queue) == [10]
    told = [(job.state, job.job_id) for job in jobs_of(submitted(place))]
    gone, known = ("removed", None), [("queued", f"10.{n}") for n in range(4)]
    assert told == [gone, *known[:2], gone, *known[2:]]
    assert submitted(place).state == "queued"


def submitted(place: SweepDir) -> JobHandle:
    job = read_job(place.record)
    assert job is not None
    return job


def test_of_two_clusters_of_one_sweep_each_is_known_by_its_own_jobs() -> None:
    sent = [["a", "b", "c"], ["d", "e", "f"]]
    known = [(7, 1, "b"), (8, 0, "d"), (9, 0, "x")]
    first = {"a": "7.0", "b": "7.1", "c": "7.2"}
    assert jobs_of_clusters(sent, known) == first | {"d": "8.0", "e": "8.1", "f": "8.2"}
    assert jobs_of_clusters(sent, known[:1]) == first
    assert jobs_of_clusters(sent, [(9, 0, "e")]) == {}, "a single job of that run"


def test_what_is_sent_singly_after_all_is_no_part_of_a_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = Few()
    asked.takes = False
    with pytest.raises(CouldNotAsk):
        submit(sweep(3), FEW, asked)
    place = SweepDir(Path("outputs/multiruns/exp_x").absolute())
    monkeypatch.setattr(condor_sending, "MOST_SINGLE", 9)
    monkeypatch.setattr(condor_sending, "CHUNK", 1)

    def first_alone(_: object) -> tuple[list[int], str]:
        if asked.made:
            raise CouldNotAsk("HTCondor's scheduler did not answer within 60 s")
        asked.made = [(40, 0, read_runs(place)[0].id)]
        return [40], ""

    monkeypatch.setattr(asked, "submit_each", first_alone)
    sent_again(asked, place)
    assert [job.state for job in jobs_of(submitted(place))] == ["queued", *["submitting"] * 2]
    with pytest.raises(LaunchError, match="does not have 2 of its runs"):
        submit_again(place.path, asked)


@pytest.mark.parametrize("line", ['["a b"]', '{"a": 1}', "[[1]]", "a", "[" * 100_000])
def test_a_damaged_list_of_clusters_is_refused(own_folder: Path, line: str) -> None:
    place = SweepDir(own_folder)
    place.clusters.write_text(f"{line}\n")
    with pytest.raises(FactsError, match="damaged"):
        read_clusters(place)


def test_what_is_done_to_the_first_run_is_done_to_none_that_is_to_come(
    condor: Condor,  # noqa: F811
) -> None:
    job = submit(sweep(5), FEW, condor)
    first, *others = jobs_of(job)
    assert condor_actions.hold([first]).jobs == [first]
    (cluster,) = condor.clusters(of_sweeps([job.id]))
    assert (cluster.first_id, cluster.next_job) == (first.id, 2)
    assert still_to_come(condor, [first, *others]) == {one.id for one in others[1:]}
    told = "it waits: HTCondor makes it only once others of its sweep are over"
    assert why(others[-1]) == told
    assert condor_actions.remove([first, others[0]]).problems == {}
    wait_until(lambda: condor.clusters(of_sweeps([job.id]))[0].next_job == 4)
    assert still_to_come(condor, [first, *others]) == {others[-1].id}


@pytest.mark.parametrize("single", [1, 9], ids=["a cluster", "single jobs"])
@pytest.mark.parametrize("by", ["remove", "stop"])
def test_what_arrives_after_its_sweep_was_ended_is_removed(
    condor: Condor,  # noqa: F811
    single: int,
    by: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever ends it does so while the request is on its way."""
    monkeypatch.setattr(condor_sending, "MOST_SINGLE", single)
    monkeypatch.setattr(condor_sending, "CHUNK", 2)
    place = SweepDir(Path("outputs/multiruns/exp_x").absolute())
    ways = {"remove": lambda: kill_job(submitted(place)), "stop": place.stop.touch}

    class Slow(Condor):
        def submit_cluster(self, *words: Any) -> int:
            ways[by]()
            return super().submit_cluster(*words)

        def submit_each(self, *words: Any) -> tuple[list[int], str]:
            ways[by]()
            return super().submit_each(*words)

    with Slow() as slow:
        job = submit(sweep(3), FEW, slow)
    assert job.state == "queued"
    assert [one.state for one in jobs_of(job)] == ["removed"] * 3
    wait_until(lambda: condor.query("true", ["ClusterId"]) == condor.clusters("true") == [])
    assert states() == {"stopped": 3}


def states() -> Counter[str | None]:
    return Counter(summarise(str(path)).state for path in Path("outputs/runs").iterdir())


def test_of_a_large_sweep_that_is_removed_also_the_jobs_to_come_are(
    condor: Condor,  # noqa: F811
) -> None:
    submit(sweep(5), FEW, condor)
    assert main(["jobs", "remove", "exp_x"]) == 0
    wait_until(lambda: states() == {"stopped": 5})
    (found,) = find_jobs("outputs")
    assert (found.state.state, found.on_cluster) == ("stopped", [])
    never = summarise(str(jobs_of(found.handle)[-1].directory))
    assert never.sentence == "its job was removed with engine"


@pytest.mark.parametrize("asks", ["list", "remove"])
def test_of_a_sweep_that_somebody_else_removed_it_is_told_once_htcondor_is_asked(
    condor: Condor,  # noqa: F811
    asks: str,
) -> None:
    job = submit(sweep(5), FEW, condor)
    condor.act("remove", of_sweeps([job.id]), "via condor_rm")
    wait_until(lambda: states() == {"failed": 2, "queued": 3})
    if asks == "list":
        assert main(["jobs"]) == 0
    else:
        assert main(["jobs", "remove", "exp_x"]) == 1
    assert states() == {"failed": 5}


@pytest.mark.parametrize("name", ["multiruns/exp_x/stop", "runs/run_x_job1/.launch.json.lock"])
def test_jobs_are_removed_also_where_that_cannot_be_written(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Few()
    monkeypatch.setattr("engine.launch.condor.sweep.Condor", lambda schedd: asked)
    job = submit(sweep(3), FEW, asked)
    Path("outputs", name).unlink(missing_ok=True)
    Path("outputs", name).mkdir()  # no file can be written there, as on a full disk
    told = f"exp_x: its jobs are removed; cannot write .*{name}: Is a directory"
    with pytest.raises(LaunchError, match=told):
        kill_job(job)
    assert asked.queue == {}
    Path("outputs", name).rmdir()  # there is room again
    job.directory.joinpath("stop").touch()
    with pytest.raises(LaunchError, match=r"exp_x: HTCondor does not have its jobs any more$"):
        kill_job(job)
    assert states() == {"stopped": 3}
