"""What the feeds find, look by look, without their threads."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from textual.message import Message

from engine.facts import RunDir
from engine.facts.curves import load_curves
from engine.library.index import Index
from tests.bench.tree import BEGUN, config_of, events_of, line_of, make_run, make_tree
from tui import feeds
from tui.feeds import CurvesFeed, Feed, LibraryFeed, SparksFeed
from tui.messages import CurvesGrown, FeedFailed, RunsListed
from tui.table.sparks import smoothed

NOW = BEGUN.timestamp() + 1e7


class Inbox(list[Message]):
    """Collects what a feed posts."""

    def take(self) -> list[Message]:
        taken = self[:]
        self.clear()
        return taken


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def library(root: Path, inbox: Inbox) -> LibraryFeed:
    return LibraryFeed(Index(root, root.parent / "cache"), inbox.append, lambda: NOW)


def add_epochs(path: Path, more: int) -> None:
    """Let a run without an end go on."""
    run = RunDir(path)
    n_before = len(run.events.read_text().splitlines())
    events = list(events_of(path, config_of(0, 100), n_before - 1 + more, None))
    with run.events.open("a") as file:
        file.writelines(line_of(event) + "\n" for event in events[n_before:])


def test_runs_are_told_once_and_again_when_something_changes(tmp_path: Path, inbox: Inbox) -> None:
    make_tree(tmp_path / "outputs", 2, epochs=1)
    feed = library(tmp_path / "outputs", inbox)
    feed.look()
    (listed,) = inbox.take()
    assert isinstance(listed, RunsListed)
    assert [run.state for run in listed.runs] == ["finished"] * 2
    feed.look()
    assert inbox.take() == []
    make_run(tmp_path / "outputs" / "runs" / "run_new", epochs=1, seed=7)
    feed.look()
    (listed,) = inbox.take()
    assert isinstance(listed, RunsListed)
    assert "run_new" in [run.name for run in listed.runs]


def test_a_root_that_is_not_there_is_told_with_what_to_do(tmp_path: Path, inbox: Inbox) -> None:
    library(tmp_path / "missing", inbox).look()
    (listed,) = inbox.take()
    assert isinstance(listed, RunsListed)
    assert listed.runs == ()
    assert str(tmp_path / "missing") in listed.problem


def test_looks_become_rare_while_nothing_happens_and_never_take_more_than_a_share(
    tmp_path: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tree(tmp_path / "outputs", 1, epochs=1)
    feed = library(tmp_path / "outputs", inbox)
    moment = iter(range(0, 100_000, 20))
    monkeypatch.setattr(feeds.time, "monotonic", lambda: float(next(moment)))
    waits = [feed.look() for _ in range(40)]
    assert waits[0] <= 1.5
    assert waits[-1] >= feeds.LIST_EVERY_S[1]


def test_a_list_replaces_an_older_one_that_nobody_has_read() -> None:
    assert RunsListed(()).can_replace(RunsListed(()))
    assert not RunsListed(()).can_replace(CurvesGrown(frozenset()))


def test_curves_are_read_in_pieces_and_followed(tmp_path: Path, inbox: Inbox) -> None:
    path = make_run(tmp_path / "run", epochs=3, planned=100, end=None)
    feed = CurvesFeed(inbox.append)
    assert feed.series(str(path), "val_loss") is None
    feed.want([str(path)])
    assert not feed.is_idle
    while not feed.is_idle:
        feed.look()
    assert {p for message in inbox.take() for p in message.paths} == {str(path)}  # type: ignore[attr-defined]
    series = feed.series(str(path), "val_loss")
    assert series is not None
    assert len(series.values) == 3
    add_epochs(path, 2)
    feed._runs[str(path)].due = 0
    feed.look()
    series = feed.series(str(path), "val_loss")
    assert series is not None
    assert len(series.values) == 5
    assert "token_mse" in feed.names(str(path))
    assert feed.restarts(str(path)) == []


def test_nothing_is_told_while_no_curve_grows(tmp_path: Path, inbox: Inbox) -> None:
    path = make_run(tmp_path / "run", epochs=3)
    feed = CurvesFeed(inbox.append)
    feed.want([str(path)])
    for _ in range(5):
        feed.look()
        feed._runs[str(path)].due = 0
    inbox.take()
    feed.look()
    assert inbox == []


def test_a_run_that_cannot_be_read_has_a_problem_and_disturbs_no_other(
    tmp_path: Path, inbox: Inbox
) -> None:
    good, bad = make_run(tmp_path / "good", epochs=2), tmp_path / "bad"
    (bad / "facts").mkdir(parents=True)
    (bad / "facts" / "events.jsonl").mkdir()
    feed = CurvesFeed(inbox.append)
    feed.want([str(bad), str(good)])
    while not feed.is_idle:
        feed.look()
    assert "events.jsonl" in feed.problem(str(bad))
    assert feed.problem(str(good)) == ""
    assert feed.series(str(good), "val_loss") is not None


def test_curves_of_many_runs_are_forgotten_from_the_oldest_on(
    tmp_path: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "MOST_LOADED", 2)
    paths = [str(make_run(tmp_path / f"run_{n}", epochs=1, seed=n)) for n in range(5)]
    feed = CurvesFeed(inbox.append)
    for path in paths:
        feed.want([path])
        feed.look()
    assert list(feed._runs) == paths[2:]


def test_sparks_are_read_once_and_again_when_a_run_says_more(tmp_path: Path, inbox: Inbox) -> None:
    path = make_run(tmp_path / "run", epochs=3, planned=100, end=None)
    feed = SparksFeed(inbox.append)
    feed.ask({str(path): 1.0})
    assert not feed.is_idle
    feed.look()
    assert feed.is_idle
    assert len(feed.values(str(path))) == 3
    assert len(inbox.take()) == 1
    feed.look()
    assert inbox == []
    add_epochs(path, 1)
    feed.ask({str(path): 2.0})
    feed.look()
    assert len(feed.values(str(path))) == 4
    assert feed.values("/missing") == ()


def test_of_a_long_run_few_values_are_kept_and_its_smoothed_end(
    tmp_path: Path, inbox: Inbox
) -> None:
    path = make_run(tmp_path / "run", epochs=300, planned=1000, end=None)
    feed = SparksFeed(inbox.append)
    feed.ask({str(path): 1.0})
    feed.look()
    values = load_curves(path, ["val_loss"]).series("val_loss", "epochs").values
    assert len(values) == 300
    assert len(feed.values(str(path))) == 64
    assert {min(values), max(values)} <= set(feed.values(str(path)))
    assert feed.smoothed(str(path)) == pytest.approx(smoothed(values))
    assert feed.smoothed("/missing") is None


def test_only_runs_that_grow_are_kept_open(tmp_path: Path, inbox: Inbox) -> None:
    paths = [make_run(tmp_path / f"run_{n}", epochs=2, planned=9, end=None) for n in range(3)]
    feed = SparksFeed(inbox.append)
    feed.ask({str(path): 1.0 for path in paths})
    feed.look()
    assert not feed._readers
    add_epochs(paths[0], 1)
    asked = {str(paths[0]): 2.0} | {str(path): 1.0 for path in paths[1:]}
    feed.ask(asked)
    feed.look()
    assert list(feed._readers) == [str(paths[0])]
    assert len(feed.values(str(paths[0]))) == 3


def test_a_feed_looks_until_it_is_stopped() -> None:
    looks = threading.Semaphore(0)

    class Counting(Feed):
        def look(self) -> float:
            looks.release()
            return 60.0

    feed = Counting("counting", print)
    feed.start()
    assert looks.acquire(timeout=10)
    feed.hurry()
    assert looks.acquire(timeout=10)
    feed.stop()
    feed.join(timeout=10)
    assert not feed.is_alive()


def test_a_feed_that_fails_says_so(inbox: Inbox) -> None:
    class Failing(Feed):
        def look(self) -> float:
            raise OSError("gone")

    feed = Failing("failing", inbox.append)
    feed.start()
    feed.join(timeout=10)
    (told,) = inbox
    assert isinstance(told, FeedFailed)
    assert str(told.error) == "gone"


def test_who_draws_does_not_wait_for_a_file(tmp_path: Path, inbox: Inbox) -> None:
    path = str(make_run(tmp_path / "run", epochs=3))
    feed = CurvesFeed(inbox.append)
    feed.want([path])
    while not feed.is_idle:
        feed.look()
    inbox.take()
    with feed._runs[path].lock:  # as while it is being read
        assert feed.names(path)
        assert feed.series(path, "val_loss") is None
    feed._runs[path].due = 0
    feed.look()
    assert len(inbox) == 1, "it is told again"
    series = feed.series(path, "val_loss")
    assert series is not None
    assert len(series.values) == 3


def test_a_thread_is_called_by_what_it_does() -> None:
    assert SparksFeed(lambda _: None).name == "sparks"
    assert CurvesFeed(lambda _: None).name == "curves"
