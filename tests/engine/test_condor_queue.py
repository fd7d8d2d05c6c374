"""All our jobs followed with few questions: what is known, and since when nobody answers."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.facts import RunDir
from engine.facts.job_report import JobReport, agreed
from engine.launch.condor.absent import LONGEST_S
from engine.launch.condor.ads import Cluster, read_ad
from engine.launch.condor.client import Condor, CouldNotAsk
from engine.launch.condor.following import Following
from engine.launch.condor.queue import Queue, View, look_once
from engine.launch.condor.why import why
from engine.launch.job import HTCONDOR, JobHandle, JobSpec
from engine.launch.record import NO_PROCESS, amend_record, new_entries, read_job, write_record
from engine.library.index import summarise
from tests.engine.launching import written_ago

IDLE, RUNNING, REMOVED, HELD = 1, 2, 3, 5


def ad(run_id: str = "a", status: int = IDLE, **more: Any) -> dict[str, Any]:
    entries = {"ClusterId": 12, "ProcId": 0, "ThesisRunId": run_id, "JobStatus": status}
    return entries | {"ServerTime": 1000, "QDate": 400, "EnteredCurrentStatus": 700} | more


def job(run_id: str = "a", schedd: str | None = None, state: str = "queued") -> JobHandle:
    path = Path("/runs", run_id, "launch.json")
    return JobHandle(path, run_id, target=HTCONDOR, state=state, schedd=schedd)


class Fake(Condor):
    """A scheduler that has these jobs, or does not answer."""

    def __init__(self, schedd: str | None = None) -> None:
        super().__init__(schedd)
        self.ads: list[dict[str, Any]] = []
        self.past: list[dict[str, Any]] = []
        self.making: list[Cluster] = []
        self.silent = False
        self.closed = False
        """Whether its history is not to be had."""
        self.calls: list[str] = []

    def query(
        self, constraint: str, attributes: Sequence[str], *, mine: bool = False
    ) -> list[dict[str, Any]]:
        return self._told("mine" if mine else "by id", self.ads, constraint, mine)

    def clusters(self, constraint: str) -> list[Cluster]:
        self.calls.append("clusters")
        return self.making

    def history(
        self, constraint: str, attributes: Sequence[str], most: int = 1
    ) -> list[dict[str, Any]]:
        return self._told("history", self.past, constraint, False)

    def _told(
        self, call: str, ads: list[dict[str, Any]], constraint: str, mine: bool
    ) -> list[dict[str, Any]]:
        self.asked += 1
        self.calls.append(call)
        if self.silent or (self.closed and call == "history"):
            raise CouldNotAsk("HTCondor's scheduler did not answer within 5 s")
        fit = [one for one in ads if mine or f'"{one["ThesisRunId"]}"' in constraint]
        return [one for one in fit if not (mine and one.get("Owner") == "somebody else")]


class Asked:
    """A queue with a clock that is set by hand."""

    def __init__(self, **settings: Any) -> None:
        self.time = 0.0
        self.ahead = 0.0
        """Seconds by which the clock of the day was set forward."""
        self.fakes: dict[str | None, Fake] = {}
        self.queue = Queue(self._connect, clock=self._clock, now=self._of_day, **settings)

    def _clock(self) -> float:
        return self.time

    def _of_day(self) -> float:
        return self.time + self.ahead

    def _connect(self, schedd: str | None) -> Condor:
        return self.fakes.setdefault(schedd, Fake(schedd))

    @property
    def fake(self) -> Fake:
        return self.fakes.setdefault(None, Fake())

    def states(self, *jobs: JobHandle, later: float = 60) -> Mapping[str, str]:
        self.time += later
        return {name: one.state for name, one in self.queue.look(jobs).jobs.items()}


@pytest.mark.parametrize(
    ("told", "state", "reason"),
    [
        (ad(status=IDLE), "queued", None),
        (ad(status=RUNNING), "running", None),
        (ad(status=6), "running", None),
        (ad(status=7), "queued", None),
        (ad(status=REMOVED, RemoveReason="via condor_rm"), "removed", "via condor_rm"),
        (ad(status=HELD, HoldReasonCode=1, HoldReason="later"), "held", "later"),
        (
            ad(status=HELD, HoldReasonCode=34, HoldReasonSubCode=102, HoldReason="usage 9 GB"),
            "held",
            "it took more memory than it asked for: usage 9 GB",
        ),
        (
            ad(status=HELD, HoldReasonCode=6, HoldReasonSubCode=2, HoldReason="Failed: /x/train"),
            "held",
            "its program cannot be started (No such file or directory): Failed: /x/train",
        ),
        (ad(status=HELD, HoldReasonCode=16), "queued", "its files are on their way"),
        (
            ad(status=IDLE, TerminationPending=True, ExitCode=0),
            "ended",
            None,
        ),
        (ad(status=IDLE, ExitCode=85), "queued", None),
        ({"ThesisRunId": "a", "JobStatus": "x", "ClusterId": None}, "queued", None),
    ],
)
def test_the_state_of_a_job_in_the_queue(
    told: dict[str, Any], state: str, reason: str | None
) -> None:
    found = read_ad(told)
    assert (found.state, found.reason) == (state, reason)


def test_ages_are_by_the_clock_of_the_scheduler() -> None:
    found = read_ad(ad(status=RUNNING, RemoteHost="slot1_2@wn-1"))
    assert (found.since_s, found.queued_s, found.host) == (300, 600, "wn-1")
    assert read_ad(ad(EnteredCurrentStatus=1010)).since_s == 0


def test_one_question_in_an_interval_for_all_jobs() -> None:
    following = Asked()
    following.fake.ads = [ad("a"), ad("b", RUNNING)]
    both = job("a"), job("b")
    assert following.states(*both, later=0) == {"a": "queued", "b": "running"}
    following.states(*both, later=59)
    assert following.queue.asked == 1
    following.states(*both, later=1)
    assert following.queue.asked == 2
    following.states(*both, later=31)
    assert following.queue.asked == 2
    following.queue.watched = True
    following.states(*both, later=0)
    following.states(*both, later=29)
    following.states(*both, later=1)
    assert (following.queue.asked, following.fake.calls) == (4, ["mine"] * 4)
    following.queue.acted()
    following.states(*both, later=1)
    assert following.queue.asked == 4
    following.states(*both, later=1)
    assert following.queue.asked == 5


def test_no_scheduler_is_asked_for_jobs_of_this_machine() -> None:
    following = Asked()
    local = JobHandle(Path("/runs/a/launch.json"), "a", target="local")
    assert following.queue.look([local]).schedulers == ()
    assert following.fakes == {}


def test_each_scheduler_is_asked_once() -> None:
    following = Asked()
    following.fakes = {name: Fake(name) for name in ("x", "y")}
    following.fakes["x"].ads, following.fakes["y"].ads = [ad("a")], [ad("b", HELD)]
    states = following.states(job("a", "x"), job("b", "y"))
    assert (states, following.queue.asked) == ({"a": "queued", "b": "held"}, 2)


def test_what_was_said_last_stays_while_nobody_answers() -> None:
    following = Asked()
    following.fake.ads = [ad("a", RUNNING)]
    following.states(job())
    following.fake.silent = True
    assert following.states(job()) == {"a": "running"}
    (told,) = following.queue.view.schedulers
    assert (told.answered, told.silent_since) == (60, 120)
    at = time.strftime("%H:%M", time.localtime(120))
    assert told.sentence == f"HTCondor not answering since {at}: last known states"
    assert following.queue.view.is_stale(job())
    following.states(job(), later=119)
    assert following.queue.asked == 2, "it is asked less and less often"
    for _ in range(6):
        following.states(job(), later=300)
    assert following.queue.view.schedulers[0].silent_since == 120
    following.fake.silent, following.fake.ads = False, [ad("a", HELD)]
    assert following.states(job(), later=300) == {"a": "held"}
    assert following.queue.view.problems == []


def test_a_job_that_is_missing_once_is_not_gone() -> None:
    following = Asked()
    following.fake.ads = [ad("a", RUNNING)]
    following.states(job())
    following.fake.ads, following.fake.past = [], [ad("a", 4, ExitCode=3, ServerTime=None)]
    assert following.states(job()) == {"a": "running"}
    assert "history" not in following.fake.calls
    assert following.states(job()) == {"a": "ended"}
    assert following.queue.view.report(job()) == JobReport("ended", exit_code=3, told=180)
    following.states(job())
    assert following.fake.calls.count("history") == 1, "what is over is not asked for again"


def test_a_job_that_nobody_knows_is_over_after_a_minute() -> None:
    following = Asked()
    following.fake.ads = [ad("a", RUNNING)]
    following.states(job(), later=0)
    following.fake.ads = []
    states = [following.states(job())["a"] for _ in range(4)]
    assert states == ["running", "running", "ended", "ended"]
    assert following.fake.calls.count("history") == 1


def test_a_job_that_nobody_knows_is_looked_for_again_later() -> None:
    following = Asked()
    following.fake.ads = [ad("a", RUNNING)]
    following.states(job(), later=0)
    following.fake.ads = []
    for _ in range(4):
        following.states(job())
    following.fake.past = [ad("a", 4, ExitCode=3, ServerTime=None)]
    assert following.queue.view.jobs["a"].exit_code is None
    following.states(job(), later=LONGEST_S)
    assert following.queue.view.jobs["a"].exit_code == 3


def test_a_clock_that_is_set_ends_no_job() -> None:
    following = Asked()
    following.fake.ads = [ad("a", RUNNING)]
    following.states(job(), later=0)
    following.fake.ads = []
    following.states(job())
    following.states(job())
    following.ahead = 3600.0
    assert following.states(job(), later=50) == {"a": "running"}


def test_a_history_that_does_not_answer_hides_the_jobs_alone_that_left_the_queue() -> None:
    following = Asked()
    both = job("a"), job("b")
    following.fake.ads = [ad("a", RUNNING), ad("b", IDLE)]
    following.states(*both)
    following.fake.closed, following.fake.ads = True, [ad("b", RUNNING)]
    following.states(*both)
    assert following.states(*both) == {"a": "running", "b": "running"}
    view = following.queue.view
    assert (view.is_stale(both[0]), view.is_stale(both[1])) == (True, False)
    (sentence,) = view.problems
    assert "not answering for 1 job that left the queue since" in sentence
    following.fake.ads = [ad("b", HELD)]
    for _ in range(10):
        assert following.states(*both) == {"a": "running", "b": "held"}
    assert following.fake.calls.count("history") <= 6, "it is asked less and less often"
    following.fake.closed, following.fake.past = False, [ad("a", 4, ExitCode=0, ServerTime=None)]
    assert following.states(*both, later=LONGEST_S) == {"a": "ended", "b": "held"}
    assert following.queue.view.problems == []


def test_a_history_that_does_not_answer_hides_no_job_that_the_queue_has() -> None:
    following = Asked()
    both = job("a"), job("b")
    following.fake.ads = [ad("a", IDLE, Owner="somebody else"), ad("b", RUNNING)]
    following.states(*both)
    following.fake.closed, following.fake.ads = True, following.fake.ads[:1]
    following.states(*both)
    for _ in range(3):
        assert following.states(*both) == {"a": "queued", "b": "running"}
        assert not following.queue.view.is_stale(both[0])
        assert following.queue.view.is_stale(both[1])
    following.fake.ads = [ad("a", RUNNING, Owner="somebody else")]
    assert following.states(*both) == {"a": "running", "b": "running"}


def test_a_job_that_is_there_again_and_leaves_is_not_gone_at_once() -> None:
    following = Asked()
    following.fake.ads = [ad("a", RUNNING)]
    following.states(job(), later=0)
    following.fake.ads = []
    for _ in range(4):
        following.states(job())
    following.fake.ads = [ad("a", RUNNING)]
    assert following.states(job()) == {"a": "running"}
    following.fake.ads, following.fake.past = [], [ad("a", 4, ExitCode=3, ServerTime=None)]
    following.states(job())
    assert following.states(job()) == {"a": "ended"}
    assert following.queue.view.jobs["a"].exit_code == 3


def test_the_job_of_another_user_is_found_by_its_id() -> None:
    following = Asked()
    following.fake.ads = [ad("a", RUNNING, Owner="somebody else")]
    following.states(job())
    assert following.states(job()) == {"a": "running"}
    assert "history" not in following.fake.calls


def test_a_job_of_a_large_sweep_that_is_not_made_yet_is_not_gone() -> None:
    following = Asked()
    waits = replace(job(), sweep_id="s", job_id="12.7")
    following.fake.making = [Cluster(12, "first", 7)]
    for _ in range(4):
        assert following.states(waits) == {}
    assert "history" not in following.fake.calls
    following.fake.making = [Cluster(12, "first", 8)]  # it was made, and has left the queue
    assert following.states(waits, waits, later=120) == {}
    assert following.states(waits) == {"a": "ended"}


def unmade(number: int) -> JobHandle:
    """A job of a large sweep of which nothing is there but its directory."""
    spec = JobSpec((), Path(f"runs/{number}").absolute(), target=HTCONDOR)
    RunDir.claim(spec.directory)
    (spec.directory / "job.log").touch()
    of_sweep = {"sweep_id": "5" * 32, "state": "queued", "job_id": f"12.{number}"}
    return write_record(spec.directory / "launch.json", new_entries(spec, **NO_PROCESS, **of_sweep))


def recorded(one: JobHandle) -> str | None:
    told = read_job(one.path)
    assert told is not None
    return told.state


def test_a_job_that_was_never_made_is_removed_once_its_cluster_is_gone(own_folder: Path) -> None:
    following, last = Asked(), unmade(7)
    following.fake.making = [Cluster(12, "first", 7)]
    assert following.states(last) == {}
    following.fake.making = []
    assert following.states(last) == {last.id: "removed"}
    assert following.fake.calls[-3:] == ["clusters", "by id", "history"], "in this order"
    assert recorded(last) == "removed"
    run = summarise(str(last.directory))
    assert run.sentence == "failed: its job was removed: its sweep left HTCondor before it was made"
    asked = len(following.fake.calls)
    following.states(last)
    assert following.fake.calls[asked:] == ["mine"]


@pytest.mark.parametrize(
    "why", ["no queue", "no history", "in the history", "made", "a log", "by now another state"]
)
def test_a_job_is_not_taken_for_removed_where_anything_speaks_against_it(
    own_folder: Path, why: str
) -> None:
    following, last = Asked(), unmade(7)
    fake = following.fake
    fake.silent, fake.closed = why == "no queue", why == "no history"
    if why == "in the history":
        fake.past = [ad(last.id or "", 4, ExitCode=3)]
    if why == "made":
        fake.making = [Cluster(12, "first", 8)]
    if why == "a log":
        (last.directory / "job.log").write_text(LOGGED[:9])
    if why == "by now another state":
        amend_record(last.path, last.id, state="running")
    assert "removed" not in following.states(last).values()
    written = {"by now another state": "running", "in the history": "ended"}
    assert recorded(last) == written.get(why, "queued")


LOGGED = """\
000 (7.000.000) 2026-11-27 22:00:00 Job submitted from host: <here>
    run a
...
005 (7.000.000) 2026-11-27 22:00:09 Job terminated.
\t(1) Normal termination (return value 0)
...
"""


def on_htcondor(name: str, log: str, **entries: Any) -> JobHandle:
    """A job of which there is a directory, whose log told something long ago."""
    place = RunDir.claim(Path("runs", name).absolute())
    told = {"state": "running", "job_id": "7.0"} | entries
    new = new_entries(JobSpec((), place.path, target=HTCONDOR), **NO_PROCESS, **told)
    handle = write_record(place.launch, new)
    place.job_log.write_text(log.replace("run a", f"run {handle.id}"))
    written_ago(place.job_log, 100)
    return handle


def told_once(fake: Fake, *jobs: JobHandle) -> View:
    return look_once(jobs, lambda schedd: fake)


CUT_OFF = LOGGED[: LOGGED.index("005")] + "001 (7.000.000) 2026-11-27 22:00:05 Job executing\n...\n"
SIGKILLED = {"ExitBySignal": True, "ExitSignal": 9, "ServerTime": None}


def test_who_looks_once_is_told_at_once_what_became_of_a_job_that_is_gone(
    own_folder: Path,
) -> None:
    fake, one = Fake(), on_htcondor("a", CUT_OFF)
    assert summarise(one.directory).state == "running"
    fake.past = [ad(one.id or "", 4, **SIGKILLED)]
    view = told_once(fake, one)
    assert (fake.calls, view.problems) == (["mine", "by id", "history"], [])
    for report in (view.report(one), None):  # who asks nobody reads it in the record
        run = summarise(one.directory, report)
        assert (run.state, run.sentence) == ("lost", "its job was ended by signal 9 (SIGKILL)")


def test_why_tells_what_became_of_a_job_that_is_gone(own_folder: Path) -> None:
    fake, one = Fake(), on_htcondor("a", CUT_OFF)
    fake.past = [ad(one.id or "", 4, **SIGKILLED)]
    told = why(one, lambda schedd: fake)
    assert told == "HTCondor does not have it: its job was ended by signal 9 (SIGKILL)"
    fake.silent = True
    assert (why(one, lambda schedd: fake) or "").startswith("HTCondor could not be asked at")


@pytest.mark.parametrize("log", ["", CUT_OFF])
def test_a_removal_that_only_the_history_tells_is_seen(own_folder: Path, log: str) -> None:
    fake, one = Fake(), on_htcondor("a", log, state="queued")
    fake.past = [ad(one.id or "", 3, RemoveReason="via condor_rm (by user jan)", ServerTime=None)]
    run = summarise(one.directory, told_once(fake, one).report(one))
    assert (run.state, run.sentence) == ("failed", "failed: removed by jan")
    assert summarise(one.directory).state == "failed", "it is written down"


def test_a_job_that_nobody_knows_is_over_once_its_log_says_nothing_new_for_a_minute(
    own_folder: Path,
) -> None:
    fake, one = Fake(), on_htcondor("a", CUT_OFF)
    os.utime(one.directory / "job.log")
    assert told_once(fake, one).report(one) is None, "it may have been sent just now"
    written_ago(one.directory / "job.log", 100)
    run = summarise(one.directory, told_once(fake, one).report(one))
    assert run.state == "lost"
    assert "HTCondor knows nothing of it any more" in run.sentence
    assert recorded(one) == "running", "that is no end that somebody told"


@pytest.mark.parametrize("why", ["no queue", "no history", "to come", "in the queue"])
def test_a_job_is_not_gone_for_who_looks_once_unless_that_is_answered(
    own_folder: Path, why: str
) -> None:
    fake = Fake()
    one = on_htcondor("a", CUT_OFF, job_id="12.7", sweep_id="5" * 32)
    fake.silent, fake.closed = why == "no queue", why == "no history"
    fake.making = [Cluster(12, "first", 7)] if why == "to come" else []
    fake.ads = [ad(one.id or "", RUNNING, Owner="somebody else")] if why == "in the queue" else []
    view = told_once(fake, one)
    assert summarise(one.directory, view.report(one)).state == "running"
    assert recorded(one) == "running"
    assert view.is_stale(one) == why.startswith("no ")


@pytest.mark.parametrize("why", ["the log tells", "by now another state", "a copy"])
def test_an_end_of_the_history_is_not_written_over_what_is_better_known(
    own_folder: Path, why: str
) -> None:
    fake, one = Fake(), on_htcondor("a", CUT_OFF)
    fake.past = [ad(one.id or "", 4, **SIGKILLED)]
    if why == "the log tells":
        (one.directory / "job.log").write_text(LOGGED.replace("run a", f"run {one.id}"))
    if why == "by now another state":
        amend_record(one.path, one.id, state="held")
    if why == "a copy":
        shutil.copytree(one.directory, "copy")
        copy = read_job(Path("copy/launch.json").absolute())
        assert copy is not None
        one = copy
    before = one.path.read_bytes()
    assert told_once(fake, one).jobs[one.id or ""].state == "ended"
    assert one.path.read_bytes() == before


def test_a_submission_in_doubt_is_not_gone() -> None:
    following = Asked()
    for _ in range(4):
        assert following.states(job(state="submitting")) == {}
    assert following.fake.calls == ["mine"] * 4


def test_a_job_of_a_scheduler_that_was_never_heard_is_as_its_record_has_it(
    own_folder: Path,
) -> None:
    place = RunDir.claim(Path("runs/a").absolute())
    entries = {"state": "running", "host": "wn-1", "job_id": "12.0", "pid": 7}
    handle = write_record(
        place.launch, new_entries(JobSpec((), place.path, target=HTCONDOR), **entries)
    )
    place.job_log.touch()
    later = time.time() + 7200
    assert summarise(place.path, now=later).state == "lost"
    following = Asked()
    following.fake.silent = True
    following.states(handle)
    view = following.queue.view
    assert (view.is_stale(handle), len(view.problems)) == (True, 1)
    run = summarise(place.path, view.report(handle), now=later)
    assert (run.state, "its job is running on wn-1" in run.sentence) == ("running", True)
    place.job_log.write_text(LOGGED.replace("run a", f"run {handle.id}"))
    assert summarise(place.path, view.report(handle), now=later).state == "failed", "the log tells"
    following.fake.silent = False
    assert following.states(handle, later=300) == {}, "it does not have it, and that is an answer"
    assert not following.queue.view.is_stale(handle)


def test_a_job_that_cannot_be_looked_for_is_as_its_record_has_it() -> None:
    following = Asked()
    following.fake.closed = True
    following.states(job(state="running"))
    assert following.states(job(state="running")) == {"a": "running"}
    assert following.states(job(state="submitting")) == {}


@pytest.mark.parametrize(
    ("logged", "asked", "counts"),
    [
        (None, JobReport("running", told=9), "running"),
        (JobReport("running", told=5), None, "running"),
        (JobReport("ended", told=5), JobReport("running", told=9), "ended"),
        (JobReport("running", told=5), JobReport("removed", told=1), "removed"),
        (JobReport("queued", told=5), JobReport("running", told=9), "running"),
        (JobReport("running", told=9), JobReport("queued", told=5), "running"),
        (JobReport("running"), JobReport("held", told=5), "running"),
    ],
)
def test_the_end_counts_and_else_what_was_told_last(
    logged: JobReport | None, asked: JobReport | None, counts: str
) -> None:
    told = agreed(logged, asked)
    assert told is not None
    assert told.state == counts


def test_logs_tell_first_and_the_queue_where_they_are_silent(own_folder: Path) -> None:
    (own_folder / "a").mkdir()
    (own_folder / "a" / "job.log").write_text(LOGGED)
    runs = [
        JobHandle(own_folder / name / "launch.json", name, target=HTCONDOR, job_id=f"{number}.0")
        for number, name in ((7, "a"), (8, "b"))
    ]
    fake, now = Fake(), [0.0]
    following = Following(fake, clock=lambda: now[0])
    told = lambda: {name: one.state for name, one in following.look(runs)[0].items()}  # noqa: E731
    assert told() == {"a": "ended"}
    assert fake.calls == []
    fake.ads = [ad("b", RUNNING)]
    now[0] = 30.0
    assert told() == {"a": "ended", "b": "running"}
    fake.silent, now[0] = True, 60.0
    reports, problem = following.look(runs)
    assert reports["b"].state == "running"
    assert "not answering since" in (problem or "")
    fake.silent, fake.ads, now[0] = False, [], 1000.0
    assert told() == {"a": "ended", "b": "running"}, "missing once is not yet gone"
    fake.past, now[0] = [ad("b", 4, ExitCode=0)], 1030.0
    assert told() == {"a": "ended", "b": "ended"}
