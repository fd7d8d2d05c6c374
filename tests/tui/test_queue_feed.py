"""How the app asks HTCondor: not without a job there, and what it says stays known."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.launch.condor.ads import QueuedJob
from engine.library.index import Index
from tests.bench.tree import make_run
from tests.tui.clustered import HELD, QUEUED, RUNNING, FakeQueue, submitted_run
from tui.messages import QueueTold
from tui.queue_feed import RESTS_S, QueueFeed, Standing
from tui.queue_words import size, where


class Asking:
    """A feed without its thread."""

    def __init__(self, root: Path, **says: QueuedJob) -> None:
        self.root, self.queue = root, FakeQueue(**says)
        self.told: list[QueueTold] = []
        self.feed = QueueFeed(self.told.append, self.queue, first_s=0)  # type: ignore[arg-type]

    def look(self) -> float:
        self.feed.show(Index(self.root).refresh())
        return self.feed.look()

    @property
    def states(self) -> dict[str, str]:
        standings = self.told[-1].standings if self.told else {}
        return {Path(path).name[-4:]: one.job.state for path, one in standings.items()}


def test_without_a_job_there_nobody_is_asked(tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "run_20250105-093000_ae")
    submitted_run(tmp_path, 1, target="local")
    asking = Asking(tmp_path)
    assert asking.look() == RESTS_S
    assert (asking.queue.looks, asking.told) == (0, [])


def test_the_app_is_told_once_of_what_stays_the_same(tmp_path: Path) -> None:
    submitted_run(tmp_path, 1)
    submitted_run(tmp_path, 2)
    asking = Asking(tmp_path, job1=QUEUED, job2=RUNNING)
    assert asking.look() < 1
    asking.look()
    assert asking.states == {"1_ae": "queued", "2_ae": "running"}
    assert (asking.queue.looks, len(asking.told)) == (2, 1)


def test_a_scheduler_that_is_silent_leaves_the_last_states_and_says_since_when(
    tmp_path: Path,
) -> None:
    path = submitted_run(tmp_path, 1)
    asking = Asking(tmp_path, job1=HELD)
    asking.look()
    asking.queue.silent = True
    asking.look()
    last = asking.told[-1]
    assert last.standings[str(path)].is_stale
    assert last.standings[str(path)].job.state == "held"
    assert "not answering since" in last.problems[0]


def test_a_job_that_is_over_is_not_asked_about_again_and_stays_known(tmp_path: Path) -> None:
    submitted_run(tmp_path, 1)
    asking = Asking(tmp_path, job1=QueuedJob("", "", "removed", reason="removed with engine"))
    asking.look()
    assert asking.look() == RESTS_S
    assert asking.states == {"1_ae": "removed"}
    assert (asking.queue.looks, asking.queue.closed) == (1, True)
    (tmp_path / "runs" / "run_20260105-093001_ae" / "launch.json").unlink()
    submitted_again = submitted_run(tmp_path / "again", 1, id="b" * 32)
    submitted_again.joinpath("launch.json").rename(
        tmp_path / "runs" / "run_20260105-093001_ae" / "launch.json"
    )
    asking.queue.says["1"] = QUEUED
    asking.look()
    assert asking.states == {"1_ae": "queued"}


def test_an_end_of_a_job_that_the_queue_has_still_is_asked_about_again(tmp_path: Path) -> None:
    submitted_run(tmp_path, 1)
    asking = Asking(tmp_path, job1=QueuedJob("", "", "ended", exit_code=0, is_leaving=True))
    assert asking.look() < RESTS_S
    asking.queue.says["1"] = QUEUED
    asking.look()
    assert (asking.states, asking.queue.looks) == ({"1_ae": "queued"}, 2)


def test_the_thread_ends_with_what_it_waits_for(tmp_path: Path) -> None:
    asking = Asking(tmp_path)
    asking.feed.stop()
    assert asking.queue.closed


@pytest.mark.parametrize(
    ("job", "text"),
    [
        (QUEUED, "12.0 waits 7 min"),
        (HELD, "12.0 held 7 min"),
        (RUNNING, "12.0 wn-7"),
        (None, "job 12.0"),
    ],
)
def test_where_a_job_is(job: QueuedJob | None, text: str) -> None:
    standing = Standing(job, told=1000.0) if job else None
    assert where("12.0", None, standing, 1120.0, job.state if job else "queued") == text


def test_a_run_whose_facts_say_that_it_runs_does_not_wait_whatever_the_queue_said_before() -> None:
    assert where("12.0", "wn-8", Standing(QUEUED, told=1000.0), 1120.0, "running") == "12.0 wn-8"


def test_where_a_run_is_without_htcondor() -> None:
    assert where(None, "wn-7", None, 0, "running") == "wn-7"
    assert where("12.0", "wn-7.example", None, 0, "running") == "12.0 wn-7"
    assert where(None, None, None, 0, "running") == ""


def test_memory_is_counted_as_jobs_ask_for_it() -> None:
    assert (size(4096), size(1843), size(300)) == ("4 GB", "1.8 GB", "300 MB")
