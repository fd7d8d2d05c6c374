"""The screen of jobs: what was launched, how it is, and how it is ended."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.facts import machine
from engine.launch.job import HTCONDOR
from engine.launch.jobs import find_jobs
from tests.bench.tree import make_run
from tests.conftest import long_form
from tests.engine.launching import LONG, Jobs, jobs
from tests.tui.conftest import AppAt, run, text_of, wait_for
from tui.screens.compare import ComparePage
from tui.screens.compared_runs import CURVES, DIFFERENCES
from tui.screens.help import sections
from tui.screens.jobs import JobsPage

__all__ = ["jobs"]  # a fixture

SIZES = [(60, 16), (120, 40), (200, 60)]


def record(directory: Path, kind: str, name: str = "launch.json", **more: Any) -> None:
    """A record as a launcher leaves it, of a process that is gone."""
    directory.mkdir(parents=True)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    entries = {
        "schema_version": 1, "id": "a" * 32, "kind": kind, "target": "local", "state": "running",
        "submitted": now, "command": "thesis-train", "overrides": ["phase1.trainer.seed=1"],
        "host": machine.host_name(), "pid": 2**22 - 7, "pid_started": 1, "points": 4,
        "boot_id": machine.boot_id(), "pid_namespace": machine.pid_namespace(),
    }  # fmt: skip
    (directory / name).write_text(json.dumps(entries | more))
    (directory / "train.log").write_text("it began\nand this is its last line\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with four jobs that are over, one of them long ago, and a damaged one."""
    outputs = tmp_path / "outputs"
    record(outputs / "runs" / "run_gone", "run")
    record(
        outputs / "runs" / "run_failed", "run", state="ended", exit_code=2,
        reason="data.path: there is no file \x1b[31mx", ended="2026-01-01T00:00:00.000+00:00",
    )  # fmt: skip
    record(outputs / "multiruns" / "exp_swept", "sweep", "sweep.json", parent="run_parent")
    record(outputs / "runs" / "run_old", "run", submitted="2020-01-01T00:00:00.000+00:00")
    record(outputs / "runs" / "run_rubbish", "run")
    (outputs / "runs" / "run_rubbish" / "launch.json").write_text("[1, 2")
    return outputs


async def opened(pilot: Pilot[int]) -> JobsPage:
    """The screen of jobs, with all there is to see."""
    await pilot.press("J")
    await wait_for(pilot, lambda: isinstance(pilot.app.screen, JobsPage))
    page = pilot.app.screen
    assert isinstance(page, JobsPage)
    await wait_for(pilot, lambda: page.job_list.is_settled)
    return page


@pytest.mark.parametrize("size", SIZES)
def test_jobs_of_all_kinds_are_listed_with_their_state(
    root: Path, app_at: AppAt, size: tuple[int, int]
) -> None:
    async def test() -> None:
        async with app_at(root, size) as pilot:
            await opened(pilot)
            await wait_for(pilot, lambda: "run_gone" in text_of(pilot.app))
            shown = text_of(pilot.app)
            assert "exp_swept" in shown
            assert "failed" in shown
            assert "lost" in shown
            assert "run_old" not in shown
            await pilot.press("a")
            await wait_for(pilot, lambda: "run_old" in text_of(pilot.app))

    run(test())


def test_what_is_said_about_a_job_follows_the_cursor_and_so_does_its_log(
    root: Path, app_at: AppAt
) -> None:
    async def test() -> None:
        async with app_at(root, (140, 40)) as pilot:
            page = await opened(pilot)
            await wait_for(pilot, lambda: len(page.job_list.shown) > 2)
            names = [job.name for job in page.job_list.shown]
            page.job_list.go_to(names.index("run_failed"))
            await wait_for(pilot, lambda: "there is no file" in text_of(pilot.app))
            assert "\x1b" not in text_of(pilot.app)
            await wait_for(pilot, lambda: "this is its last line" in text_of(pilot.app))
            page.job_list.go_to(names.index("exp_swept"))
            await wait_for(pilot, lambda: "from run_parent" in text_of(pilot.app))

    run(test())


def test_of_a_sweep_of_jobs_the_log_of_a_run_is_shown_as_it_has_none_itself(
    tmp_path: Path, app_at: AppAt
) -> None:
    outputs = tmp_path / "outputs"
    record(outputs / "multiruns" / "exp_far", "sweep", "sweep.json", target=HTCONDOR)
    (outputs / "multiruns" / "exp_far" / "train.log").unlink()
    for number in range(2):
        path = outputs / "runs" / f"run_far_job{number}"
        record(path, "run", sweep_id="a" * 32, target=HTCONDOR, job_id=f"{number}.0", state="ended")
        (path / "train.log").write_text(f"printed by job {number}\n")

    async def test() -> None:
        async with app_at(outputs, (140, 40)) as pilot:
            page = await opened(pilot)
            await wait_for(pilot, lambda: any(job.runs for job in page.job_list.shown))
            page.job_list.go_to([job.name for job in page.job_list.shown].index("exp_far"))
            await wait_for(pilot, lambda: "printed by job 1" in text_of(pilot.app))
            assert "below the log of run_far_job1" in text_of(pilot.app)

    run(test())


def test_a_job_that_is_over_cannot_be_ended(
    root: Path, app_at: AppAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            page = await opened(pilot)
            await wait_for(pilot, lambda: bool(page.job_list.shown))
            told: list[str] = []
            monkeypatch.setattr(pilot.app, "notify", lambda text, **_: told.append(text))
            await pilot.press("K", "D")  # no key is silent
            await wait_for(pilot, lambda: len(told) == 2)
            assert all("over already" in text for text in told)
            (first, keys), *_ = sections(page, page.job_list)
            assert (first, keys[0]) == (
                "this screen",
                ("E", "Change what it asks for; a held job goes on"),
            )

    run(test())


def test_a_sweep_is_opened_at_its_curves(root: Path, app_at: AppAt) -> None:
    path = root / "runs" / "run_20250105-093000_ae_job0"
    make_run(path)
    record(root / "elsewhere", "run", sweep_id="a" * 32)
    (root / "elsewhere" / "launch.json").rename(path / "launch.json")

    async def test() -> None:
        async with app_at(root) as pilot:
            app: Any = pilot.app
            app.remembered.keep("compare.tab", DIFFERENCES)
            page = await opened(pilot)
            await wait_for(pilot, lambda: any(job.runs for job in page.job_list.shown))
            names = [job.name for job in page.job_list.shown]
            page.job_list.go_to(names.index("exp_swept"))
            await pilot.press("enter")
            await wait_for(pilot, lambda: isinstance(app.screen, ComparePage))
            assert app.screen.tab == CURVES
            assert app.remembered.number("compare.tab") == DIFFERENCES

    run(test())


def test_without_jobs_it_says_so(tmp_path: Path, app_at: AppAt) -> None:
    (tmp_path / "outputs").mkdir()

    async def test() -> None:
        async with app_at(tmp_path / "outputs", (60, 16)) as pilot:
            page = await opened(pilot)
            await wait_for(pilot, lambda: "no job" in text_of(pilot.app))
            assert not page.job_list.shown

    run(test())


def test_read_only_ends_no_job(jobs: Jobs, app_at: AppAt, monkeypatch: pytest.MonkeyPatch) -> None:
    handle = jobs.submit(*LONG)

    async def test() -> None:
        async with app_at(Path("outputs").absolute(), read_only=True) as pilot:
            page = await opened(pilot)
            await wait_for(pilot, lambda: bool(page.job_list.shown))
            told: list[str] = []
            monkeypatch.setattr(pilot.app, "notify", lambda text, **_: told.append(text))
            await pilot.press("K", "y", "X", "y")
            await wait_for(pilot, lambda: len([t for t in told if "read-only" in t]) == 2)
            assert handle.process() == "alive"

    run(test())


@pytest.mark.parametrize(("key", "state"), [("X", "stopped"), *long_form(("K", "stopped"))])
def test_a_training_is_seen_from_its_first_moment_and_ended_by_a_key(
    jobs: Jobs, app_at: AppAt, key: str, state: str
) -> None:
    handle = jobs.submit(*LONG)
    root = Path("outputs").absolute()

    async def test() -> None:
        async with app_at(root, (140, 40)) as pilot:
            page = await opened(pilot)
            await wait_for(pilot, lambda: bool(page.job_list.shown))
            assert page.job_list.job is not None
            assert page.job_list.job.state.state == "running"
            await wait_for(pilot, lambda: "events to train on" in text_of(pilot.app), 60)
            await pilot.press(key)
            await wait_for(pilot, lambda: "y yes" in text_of(pilot.app))
            await pilot.press("y")
            await wait_for(pilot, lambda: handle.process() != "alive", 60)
            await wait_for(pilot, lambda: page.job_list.jobs[0].state.state == state, 60)
            assert page.job_list.jobs[0].usage is None

    run(test())
    assert [job.state.state for job in find_jobs(root)] == [state]
