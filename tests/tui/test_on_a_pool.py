"""The app and a real pool: what is submitted, followed, held, released and removed by keys."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.launch.condor.client import Condor
from engine.launch.job import HTCONDOR, JobSpec
from engine.launch.resources import Resources
from engine.launch.submission import submit
from tests.bench.app import APP
from tests.bench.terminal import Terminal, terminal
from tests.bench.tree import make_tree
from tests.engine.condor_pool import Pool, pool, running_pool
from tests.engine.launching import TINY
from tests.tui.configured import configuring, override, settled
from tests.tui.conftest import AppAt, run, text_of, wait_for
from tests.tui.test_jobs_page import opened
from tui import queue_feed
from tui.configure.launch_dialog import LaunchDialog
from tui.configure.preflight import Report
from tui.screens.jobs import JobsPage

__all__ = ["pool", "running_pool"]  # fixtures

SMALL = Resources(memory="10MB", disk="1MB")
LONGEST_S = 0.15
"""From a key to what it changes on the screen, whatever the scheduler does."""
KEYS = 40


@pytest.fixture
def condor(pool: Pool) -> Iterator[Condor]:
    """The scheduler, without jobs at the end."""
    with Condor() as asked:
        yield asked
        asked.act("remove", "true", "the test is over")


def states(page: JobsPage) -> list[str | None]:
    """The state of each job that is listed."""
    return [job.state.state for job in page.job_list.shown]


@pytest.mark.slow
def test_a_sweep_is_configured_submitted_and_followed_to_its_end(
    condor: Condor, own_folder: Path, app_at: AppAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_feed, "FIRST_S", 0.0)
    asked = [*TINY, "launcher.memory=10MB", "launcher.disk=1MB", "phase1.trainer.seed=1,2"]

    async def test() -> None:
        root = own_folder / "outputs"
        async with configuring(app_at, root, (130, 40)) as (pilot, page):
            app: Any = pilot.app
            await pilot.press("T")
            await settled(pilot, page)
            await override(pilot, page, " " + " ".join(asked))
            page.report = Report(ok=True)  # the check itself has tests of its own
            await pilot.press("L")
            await wait_for(pilot, lambda: isinstance(app.screen, LaunchDialog))
            await pilot.press("y")
            await wait_for(pilot, lambda: "sweep=exp_" in text_of(app), 30)
            await wait_for(pilot, lambda: len(app.runs) == 2, 30)
            seen: set[str] = set()

            def over() -> bool:
                seen.update(one.state for one in app.runs)
                return {one.state for one in app.runs} == {"finished"}

            await wait_for(pilot, over, 120)
            assert "running" in seen
            await wait_for(pilot, lambda: drawn(app), 30)
            jobs = await opened(pilot)
            await wait_for(pilot, lambda: states(jobs) == ["finished"], 30)
            assert "2/2" in text_of(app)

    run(test())


def drawn(app: Any) -> bool:
    """Whether the small curve of each run is there."""
    return all(len(app.sparks.values(one.path)) == 2 for one in app.runs)


@pytest.mark.slow
def test_a_job_is_held_released_and_removed_by_keys(
    condor: Condor, own_folder: Path, app_at: AppAt
) -> None:
    root = own_folder / "outputs"
    never = Resources(memory="10MB", disk="1MB", requirements="false")
    submit(JobSpec(TINY, root / "runs" / "run_a", target=HTCONDOR), never, condor)

    async def state(pilot: Pilot[int], page: JobsPage, wanted: str) -> None:
        await wait_for(pilot, lambda: states(page) == [wanted], 40)

    async def test() -> None:
        async with app_at(root, (130, 40)) as pilot:
            page = await opened(pilot)
            await state(pilot, page, "queued")
            await wait_for(pilot, lambda: "waits" in text_of(pilot.app), 40)
            await pilot.press("W")
            await wait_for(pilot, lambda: "no node fulfils" in text_of(pilot.app), 30)
            await pilot.press("escape", "H")
            await state(pilot, page, "held")
            await pilot.press("E")
            await wait_for(pilot, lambda: "memory=10MB disk=1MB" in text_of(pilot.app))
            await pilot.press(*"memory=20MB", "enter")
            await state(pilot, page, "queued")
            (ad,) = condor.query("true", ["RequestMemory"])
            assert ad["RequestMemory"] == 20
            await pilot.press("D")
            await wait_for(pilot, lambda: "y yes" in text_of(pilot.app))
            await pilot.press("y")
            await state(pilot, page, "stopped")
            assert condor.query("true", ["ClusterId"]) == []

    run(test())


def until_told(shown: Terminal, key: str, name: str) -> float:
    """Seconds from a key until the line below the table tells of a run."""
    began = time.perf_counter()
    shown.send(key)
    return shown.until(f"\n {name}  ", 10) + shown.began - began


@pytest.mark.slow
def test_keys_are_answered_at_once_while_the_scheduler_is_frozen(
    pool: Pool, condor: Condor, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = own_folder / "outputs"
    names = [path.name for path in make_tree(root, KEYS, epochs=5)][::-1]
    for number in range(3):
        spec = JobSpec(TINY, root / "runs" / f"run_30000101-00000{number}", target=HTCONDOR)
        submit(spec, Resources(memory="10MB", disk="1MB", requirements="false"), condor)
    monkeypatch.setenv("XDG_STATE_HOME", str(own_folder / "state"))
    with terminal([*APP, "--root", str(root)]) as shown:
        shown.until("waits", 60)
        shown.send("J")
        shown.until("3 under way")
        with pool.frozen("schedd"):
            shown.send("HW")  # nobody answers that
            shown.bytes_in(0.5)
            shown.send("\x1b")
            shown.until(names[0], 30)
            shown.send("\x1b[B" * 2)  # behind the three that wait
            shown.bytes_in(1)
            delays = []
            for name in names:
                delays.append(until_told(shown, "\x1b[B", name))
                shown.bytes_in(random.uniform(0.05, 0.15))
            shown.until("not answering since", 100)
            delays += [until_told(shown, "\x1b[A", name) for name in names[-2:5:-1]]
            began = time.perf_counter()
            shown.send("q")
            while shown.listen(0.05):
                pass
            took = time.perf_counter() - began
    assert max(delays) < LONGEST_S, sorted(delays)[-5:]
    assert took < 3
