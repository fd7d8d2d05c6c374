"""Jobs on HTCondor in the table and on the screen of jobs, with a stand-in for the queue."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.errors import LaunchError
from engine.facts.holds import hold_remedy
from engine.launch.condor import actions as condor_actions
from engine.launch.condor import editing as condor_editing
from engine.launch.condor import why as condor_why
from engine.launch.condor.acting import Done
from engine.launch.job import HTCONDOR, JobHandle, JobState
from engine.launch.jobs import Job
from engine.library.summary import RunSummary
from tests.tui.clustered import HELD, QUEUED, RUNNING, FakeQueue, submitted_run
from tests.tui.conftest import AppAt, lines_of, run, text_of, wait_for
from tests.tui.test_jobs_page import opened
from tui import app as app_module
from tui.app import ThesisApp
from tui.dialogs import TellDialog, TextDialog
from tui.job_menu import JobMenu, Meant, as_words, asked_now, changed, offers, proposed
from tui.queue_feed import QueueFeed, Standing
from tui.queue_words import by_keys
from tui.screens.acting_on_jobs import asks_and_takes, told_done, wrong_change
from tui.screens.job_actions import why_not
from tui.screens.jobs import JobsPage
from tui.screens.run import RunPage
from tui.widgets.said_line import SaidLine


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> FakeQueue:
    """What the app asks."""
    fake = FakeQueue(job1=RUNNING, job2=QUEUED, job3=HELD)
    monkeypatch.setattr(app_module, "QueueFeed", partial(QueueFeed, queue=fake, first_s=0))
    return fake


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a job that runs, one that waits, and one that is held."""
    outputs = tmp_path / "outputs"
    for number in (1, 2, 3):
        submitted_run(outputs, number)
    return outputs


@contextlib.asynccontextmanager
async def at_jobs(
    app_at: AppAt, root: Path, name: str = "", size: tuple[int, int] = (130, 40), **settings: Any
) -> AsyncIterator[tuple[Pilot[int], JobsPage]]:
    """The screen of jobs once the queue has told, with the cursor on a job."""
    async with app_at(root, size, **settings) as pilot:
        page = await opened(pilot)
        jobs = page.job_list
        await wait_for(pilot, lambda: "held" in [one.state.state for one in jobs.shown])
        names = [job.name for job in jobs.shown]
        jobs.go_to(next(n for n, one in enumerate(names) if one.endswith(name)))
        await pilot.pause()
        yield pilot, page


def words(pilot: Pilot[int]) -> str:
    """What stands on the screen, wherever its lines end."""
    return " ".join(text_of(pilot.app).split())


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str], Mapping[str, Any]]]:
    """What HTCondor was asked to do: action, names of the jobs, changes."""
    actions: list[tuple[str, list[str], Mapping[str, Any]]] = []

    def doing(name: str) -> Callable[..., Done]:
        def do(jobs: Sequence[JobHandle], changes: Mapping[str, Any] | None = None) -> Done:
            actions.append((name, [job.name[-4:] for job in jobs], dict(changes or {})))
            return Done(jobs=list(jobs))

        return do

    for name in ("hold", "release", "remove"):
        monkeypatch.setattr(condor_actions, name, doing(name))
    monkeypatch.setattr(condor_editing, "edit", doing("edit"))
    return actions


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (130, 40)])
def test_a_row_says_how_its_job_stands(
    queue: FakeQueue, root: Path, app_at: AppAt, size: tuple[int, int]
) -> None:
    async def test() -> None:
        async with at_jobs(app_at, root, "3_ae", size) as (pilot, _):
            told = ["it took more memory", "E changes what it asks for"]
            told += ["1.0 wn-7", "2.0 waits 5 min", "3.0 held 5 min"] if size[0] > 60 else []
            await wait_for(pilot, lambda: not [one for one in told if one not in words(pilot)])
            await pilot.press("escape")
            await wait_for(pilot, lambda: not isinstance(pilot.app.screen, JobsPage))
            if size[0] > 60:
                await wait_for(pilot, lambda: "2.0 waits 5" in words(pilot))
            assert queue.looks

    run(test())


def test_a_silent_scheduler_is_told_and_its_rows_are_grey(
    queue: FakeQueue, root: Path, app_at: AppAt
) -> None:
    def colour(pilot: Pilot[int]) -> object:
        strips = pilot.app.screen._compositor.render_strips()  # the colours, not the text alone
        line = next(strip for strip in strips if "‖ held" in strip.text)
        return next(part.style.color for part in line if part.style and "held" in part.text)

    async def test() -> None:
        async with at_jobs(app_at, root) as (pilot, page):
            before = colour(pilot)
            queue.silent = True
            page.thesis.queue.acted()
            await wait_for(pilot, lambda: "not answering since" in lines_of(pilot.app)[0])
            assert "held" in [job.state.state for job in page.job_list.shown]
            await wait_for(pilot, lambda: colour(pilot) != before)
            await pilot.press("escape")
            await wait_for(pilot, lambda: "not answering since" in lines_of(pilot.app)[0])
            await pilot.press("J")
            queue.silent = False
            await wait_for(pilot, lambda: "not answering" not in text_of(pilot.app))

    run(test())


def test_keys_act_on_the_job_under_the_cursor(
    queue: FakeQueue, root: Path, app_at: AppAt, done: list[Any]
) -> None:
    async def test() -> None:
        async with at_jobs(app_at, root, "2_ae") as (pilot, page):
            await pilot.press("U")  # it is not held
            await pilot.press("H")
            await wait_for(pilot, lambda: len(done) == 1)
            page.job_list.go_to([job.name[-4:] for job in page.job_list.shown].index("3_ae"))
            await pilot.pause()
            await pilot.press("U")
            await wait_for(pilot, lambda: len(done) == 2)
            await pilot.press("D")
            await wait_for(pilot, lambda: "y yes" in text_of(pilot.app))
            await pilot.press("n")
            await pilot.press("D")
            await wait_for(pilot, lambda: "y yes" in text_of(pilot.app))
            await pilot.press("y")
            await wait_for(pilot, lambda: len(done) == 3)
            await wait_for(pilot, lambda: queue.actions >= 3)
        assert done == [("hold", ["2_ae"], {}), ("release", ["3_ae"], {}), ("remove", ["3_ae"], {})]

    run(test())


def test_a_held_job_is_given_more_memory_and_goes_on_in_one_go(
    queue: FakeQueue, root: Path, app_at: AppAt, done: list[Any]
) -> None:
    async def test() -> None:
        async with at_jobs(app_at, root, "3_ae") as (pilot, _):
            await pilot.press("E")
            await wait_for(pilot, lambda: isinstance(pilot.app.screen, TextDialog))
            await wait_for(pilot, lambda: "memory=8GB" in text_of(pilot.app))
            assert "it asks for 4 GB of memory, took 4.1 GB" in words(pilot)
            await pilot.press("enter")
            await wait_for(pilot, lambda: bool(done))
        assert done == [("release", ["3_ae"], {"memory": "8GB"})]

    run(test())


def test_the_first_key_replaces_what_a_job_asks_for_now(
    queue: FakeQueue, root: Path, app_at: AppAt, done: list[Any]
) -> None:
    submitted_run(root, 4, resources={"memory": "0.5 GB", "cpus": 2})
    queue.says["4"] = replace(QUEUED, memory_asked_mib=512)

    async def test() -> None:
        async with at_jobs(app_at, root, "4_ae") as (pilot, _):
            await pilot.press("E")
            await wait_for(pilot, lambda: "memory=0.5GB cpus=2" in text_of(pilot.app))
            assert "requirements" in text_of(pilot.app)
            await pilot.press(*"cpus=3", "enter")
            await wait_for(pilot, lambda: bool(done))
        assert done == [("edit", ["4_ae"], {"cpus": 3})]

    run(test())


def test_the_page_of_a_job_that_waits_says_why_and_what_can_be_done(
    queue: FakeQueue, root: Path, app_at: AppAt, done: list[Any]
) -> None:
    words = ["phase1/latent_space=vq", "phase1.trainer.lr=0.01"]
    path = submitted_run(root, 4, overrides=words, resources={"memory": "900 GB", "cpus": 2})
    queue.says["4"] = HELD

    async def test() -> None:
        async with app_at(root, (80, 24)) as pilot:
            app: Any = pilot.app
            app.open_run(str(path))
            await wait_for(pilot, lambda: isinstance(app.screen, RunPage))
            await wait_for(pilot, lambda: "it took more memory" in words_below(pilot))
            for told in ("memory=900GB  cpus=2", *words, "U releases it", "Q Act"):
                assert told in text_of(app)
            await pilot.press("Q")
            await wait_for(pilot, lambda: isinstance(app.screen, JobMenu))
            assert "H  hold" not in text_of(app)
            await pilot.press("u")
            await wait_for(pilot, lambda: bool(done))
            await wait_for(pilot, lambda: isinstance(app.screen, RunPage))
        assert done == [("release", ["4_ae"], {})]

    def words_below(pilot: Pilot[int]) -> str:
        return " ".join(" ".join(lines_of(pilot.app)[4:]).split())

    run(test())


def test_the_table_has_the_same_for_the_marked_runs_and_asks_before_it_holds_several(
    queue: FakeQueue, root: Path, app_at: AppAt, done: list[Any]
) -> None:
    async def test() -> None:
        async with app_at(root, (130, 40)) as pilot:
            await wait_for(pilot, lambda: "held" in text_of(pilot.app))
            assert "Q Act" in lines_of(pilot.app)[-1]
            await pilot.press("a", "Q")
            await wait_for(pilot, lambda: isinstance(pilot.app.screen, JobMenu))
            assert "3 runs" in text_of(pilot.app)
            await pilot.press("H")
            await wait_for(pilot, lambda: "hold 2 runs of 3 runs?" in words(pilot))
            await pilot.press("y")
            await wait_for(pilot, lambda: bool(done))
        assert [(name, sorted(names)) for name, names, _ in done] == [("hold", ["1_ae", "2_ae"])]

    run(test())


def test_that_it_is_asked_is_said_at_once_and_a_failure_stays_until_it_was_seen(
    queue: FakeQueue, root: Path, app_at: AppAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()

    def silent(jobs: Sequence[JobHandle]) -> Done:
        answers.wait(10)
        raise LaunchError("taai did not answer")

    monkeypatch.setattr(condor_actions, "hold", silent)

    async def test() -> None:
        async with at_jobs(app_at, root, "2_ae") as (pilot, page):
            await pilot.press("H")
            await wait_for(pilot, lambda: "asking HTCondor to hold run_" in words(pilot))
            answers.set()
            await wait_for(pilot, lambda: "taai did not answer" in words(pilot))
            await pilot.press("up", "l", "l")
            assert "taai did not answer" in words(pilot)
            await pilot.press("escape")
            assert pilot.app.screen is page
            await wait_for(pilot, lambda: "taai did not answer" not in words(pilot))

    run(test())


def test_a_line_counts_the_seconds_and_forgets_a_failure_when_something_else_is_done() -> None:
    line = SaidLine()
    first = line.begin("asking HTCondor to hold a")
    assert line.text == "asking HTCondor to hold a …"
    line.ended(first, "taai did not answer")
    assert line.text == "taai did not answer  (esc)"
    line.begin("asking HTCondor to hold b")
    assert line.text == "asking HTCondor to hold b …"


def test_what_can_be_done_depends_on_the_states() -> None:
    def of(*states: str) -> list[str]:
        return offers(Meant("x", states=dict(enumerate(states))))  # type: ignore[arg-type]

    assert of("queued") == of("running") == ["hold", "edit", "why", "remove"]
    assert of("held") == ["release", "edit", "why", "remove"]
    assert of("held", "running") == ["hold", "release", "edit", "why", "remove"]


def test_what_a_job_asks_for_is_shown_as_it_is_typed_and_only_what_differs_is_changed() -> None:
    asks = {"memory": "4 GB", "gpus": 0, "cpus": 2, "category": None, "schedd": "taai"}
    asks["requirements"] = 'Machine == "wn-9"'
    assert as_words(asks) == ["memory=4GB", "cpus=2", 'requirements=Machine == "wn-9"']
    line = proposed(asks, None)
    assert changed(line, asks) == []
    assert changed(line.replace("cpus=2", "cpus=4"), asks) == ["cpus=4"]

    def shown(asks: dict[str, Any], standing: Standing) -> str:
        return proposed(asked_now(asks, standing), standing)

    assert shown({}, Standing(replace(QUEUED, memory_asked_mib=512), 0.0)) == "memory=0.5GB"
    assert shown(asks, Standing(HELD, 0.0)).startswith("memory=8GB ")
    ten = Standing(replace(QUEUED, memory_asked_mib=10), 0.0)
    assert shown({"memory": "10MB"}, ten) == "memory=10MB"
    less = asked_now({"memory": "8GB"}, ten)
    assert changed("memory=8GB", less) == ["memory=8GB"], "the queue has another than the record"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            "it waits; engine jobs edit run_a memory=… asks for less",
            "it waits; E with memory=… asks",
        ),
        (hold_remedy(34, 102, "run_a"), "E with memory=8GB asks for more and lets it go on"),
        (hold_remedy(46, None, "run_a"), "E with category=long lets it go on"),
        (hold_remedy(7, 2, "run_a"), "see to it that the node can write there, then U"),
        (hold_remedy(1, None, "run_a"), "U lets it go on"),
        ("engine jobs remove run_a ends it now", "D ends it now"),
    ],
)
def test_an_answer_advises_keys(answer: str, told: str) -> None:
    assert by_keys(answer, "run_a").startswith(told)
    assert "engine jobs" not in by_keys(answer, "run_a")
    assert "Q, " in by_keys(answer, "run_a", "Q, ")


def test_a_key_that_does_nothing_with_a_job_says_why() -> None:
    run = RunSummary("/r/a", "a", state="running")
    here = Job(JobHandle(Path("/r/a/launch.json"), target="local"), JobState("running", ""), (run,))
    assert why_not("remove", here).startswith("it runs on this machine, not on HTCondor: X asks")
    there = replace(here, handle=replace(here.handle, target=HTCONDOR), handles=(here.handle,))
    assert why_not("release", there) == "it is not held"
    assert why_not("remove", there) == why_not("", there) == ""
    assert why_not("hold", replace(there, state=JobState("finished", ""))) == "it is over already"


def test_why_a_job_waits_is_told_in_a_dialog(
    queue: FakeQueue, root: Path, app_at: AppAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(condor_why, "why", lambda job: f"no node has room for {job.name}")

    async def test() -> None:
        async with at_jobs(app_at, root, "2_ae") as (pilot, page):
            await pilot.press("W")
            await wait_for(pilot, lambda: isinstance(pilot.app.screen, TellDialog))
            await wait_for(pilot, lambda: "no node has room" in text_of(pilot.app))
            await pilot.press("escape")
            await wait_for(pilot, lambda: pilot.app.screen is page)
            assert "no node has room" not in text_of(pilot.app)

    run(test())


def test_read_only_changes_no_job(
    queue: FakeQueue, root: Path, app_at: AppAt, done: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(ThesisApp, "notify", lambda _, text, **__: told.append(text))

    async def test() -> None:
        async with at_jobs(app_at, root, "3_ae", read_only=True) as (pilot, _):
            await pilot.press("U", "E", "D")
            await wait_for(pilot, lambda: len([one for one in told if "read-only" in one]) == 3)
            assert not done

    run(test())


def test_what_came_of_an_action_is_told_in_a_sentence() -> None:
    one, two = JobHandle(Path("/r/a/launch.json")), JobHandle(Path("/r/b/launch.json"))
    assert told_done(Done([one]), "held", "a") == "held a"
    assert told_done(Done([one, two], remarks={"a": "it runs", "b": "it runs"}), "held", "x") == (
        "held 2 runs. it runs"
    )
    with pytest.raises(Exception, match="held 1 run; b: HTCondor does not have it"):
        told_done(Done([one], {"b": "HTCondor does not have it"}), "held", "x")
    done = Done([], already={"b": "it is held already"})
    assert told_done(done, "held", "x") == "it is held already"
    done = Done([one, two], changes=dict.fromkeys("ab", "memory 8GB -> 2GB"))
    assert told_done(done, "changed", "x") == "changed 2 runs: memory 8GB -> 2GB"


def test_a_change_is_proposed_and_read_as_it_is_typed() -> None:
    assert (proposed({}, None), asks_and_takes(None)) == ("memory=8GB", "")
    assert wrong_change("memory=8GB cpus=2") == ""
    assert "memory" in wrong_change("memry=8GB")
    assert wrong_change("memory='8GB") == "close what is quoted"
