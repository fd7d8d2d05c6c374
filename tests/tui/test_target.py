"""Where a draft is to train: switched by a key, shown, suggested for, asked about and launched."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from engine.errors import LaunchError
from engine.launch.condor.client import CouldNotAsk
from engine.launch.job import HTCONDOR, LOCAL, JobSpec
from engine.launch.record import command_text
from engine.launch.suggest import Suggestion
from tests.tui.configured import configuring, override, settled
from tests.tui.conftest import AppAt, lines_of, run, text_of, wait_for
from tui.app import ThesisApp
from tui.configure import starting
from tui.configure.launch_dialog import LaunchDialog
from tui.configure.preflight import Report
from tui.configure.rows import Row, advised
from tui.configure.target_words import NOTHING_CHANGED, asked_for, head_title
from tui.screens.configure import ConfigurePage


@pytest.fixture
def root(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty root that the config itself names, so that no command has to."""
    monkeypatch.setenv("THESIS_DATA_ROOT", "/data")
    return own_folder / "outputs"


@pytest.mark.parametrize(
    ("target", "note", "width", "title"),
    [
        (LOCAL, NOTHING_CHANGED, 120, "new training on this machine"),
        (HTCONDOR, NOTHING_CHANGED, 120, "new training on HTCondor"),
        (HTCONDOR, "2 changed, about 3 min", 120, "new training on HTCondor"),
        (HTCONDOR, "2 changed, about 3 min", 80, "HTCondor"),
        (HTCONDOR, "2 changed, about 3 min", 60, "HTCondor: 2 changed"),
        (HTCONDOR, NOTHING_CHANGED, 60, "HTCondor"),
        (LOCAL, "2 changed, about 3 min", 90, "new training"),
        (LOCAL, "2 changed, about 3 min", 60, "2 changed"),
    ],
)
def test_the_head_says_where_at_any_width(target: str, note: str, width: int, title: str) -> None:
    assert head_title("new training", target, note, width) == title


def test_what_a_job_asks_for_is_told_in_a_few_words() -> None:
    asked = {"cpus": 2, "gpus": 1, "gpu_capability": 7.0, "memory": "4 GB", "category": "short"}
    assert asked_for(asked) == (
        "2 cores, 1 GPU of capability 7.0 or more, 4 GB of memory, category short"
    )
    assert asked_for({"cpus": 1, "gpus": 0}) == "1 core, no GPU"


def test_a_suggestion_stands_where_the_value_is_another() -> None:
    found = {"launcher.memory": Suggestion("launcher.memory", "3 GB", "they took 2 GB")}
    row = advised(Row("value", "memory", "launcher.memory", value="'4 GB'"), found)
    assert (row.suggested, row.advice) == ("3 GB", "suggested 3 GB: they took 2 GB")
    for same in ("3GB", "'3 GB'", "3 gb"):
        assert not advised(Row("value", "memory", "launcher.memory", value=same), found).suggested


def test_the_command_of_a_cluster_says_the_target_once() -> None:
    spec = JobSpec(("launcher=htcondor", "a=1"), Path("/x"), sweep=True, target=HTCONDOR)
    assert command_text(spec) == "engine submit --multirun a=1"
    mine = JobSpec(("launcher=mine", "a=1"), Path("/x"), target=HTCONDOR)
    assert command_text(mine) == "engine submit launcher=mine a=1"


def test_a_key_switches_the_target_and_keeps_what_a_job_was_to_ask_for(
    app_at: AppAt, root: Path
) -> None:
    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            assert "on this machine" in lines_of(pilot.app)[0]
            await pilot.press("T")
            await settled(pilot, page)
            assert page.draft.overrides == ("launcher=htcondor",)
            assert "on HTCondor" in lines_of(pilot.app)[0]
            assert "$ engine submit" in text_of(pilot.app)
            assert page.query_one("FormList").row.key == "launcher.memory"  # type: ignore[attr-defined]
            await override(pilot, page, " launcher.memory=9GB")
            await pilot.press("T")
            await settled(pilot, page)
            assert page.draft.overrides == ()
            assert "$ thesis-train" in text_of(pilot.app)
            await pilot.press("T")
            await settled(pilot, page)
            assert page.draft.overrides == ("launcher=htcondor", "launcher.memory=9GB")
            assert page._spec().resources["memory"] == "9GB"
            await pilot.press("u")
            await settled(pilot, page)
            assert page.draft.overrides == ()

    run(test())


def test_a_suggestion_is_shown_and_taken_by_a_key(
    app_at: AppAt, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suggestion = Suggestion("launcher.memory", "3 GB", "all 12 runs took at most 2.4 GB")

    def suggestions(page: ConfigurePage) -> dict[str, Suggestion]:
        return {suggestion.key: suggestion} if page.target == HTCONDOR else {}

    monkeypatch.setattr(ConfigurePage, "suggestions", suggestions)

    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            await pilot.press("s")  # there is none yet
            await pilot.press("T")
            await settled(pilot, page)
            shown = text_of(pilot.app)
            assert "suggested 3 GB: s" in shown
            assert "suggested 3 GB: all 12 runs took at most 2.4 GB; s takes it" in shown
            await pilot.press("s")
            await settled(pilot, page)
            assert page.launcher.resources["memory"] == "3 GB"
            assert "suggested" not in text_of(pilot.app)
            await pilot.press("u")
            await settled(pilot, page)
            await wait_for(pilot, lambda: "suggested 3 GB: s" in text_of(pilot.app))

    run(test())


async def launch(pilot: Any, page: ConfigurePage, *warnings: str) -> LaunchDialog:
    """The question before the start, of a draft for HTCondor that counts as checked."""
    await pilot.press("T")
    await settled(pilot, page)
    await override(pilot, page, " launcher.category=express data=synthetic")
    told = ("launcher.category=express: it may be too short", *warnings)
    page.report = Report(ok=True, warnings=told)
    await pilot.press("L")
    await wait_for(pilot, lambda: isinstance(pilot.app.screen, LaunchDialog))
    dialog: Any = pilot.app.screen
    return dialog


def test_the_question_before_the_start_names_the_scheduler_and_warns(
    app_at: AppAt, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs: list[JobSpec] = []
    monkeypatch.setattr(starting, "scheduler", lambda spec: "taai-007")

    def refused(spec: JobSpec) -> Path:
        specs.append(spec)
        raise LaunchError("HTCondor's Python bindings are not here", "pip install htcondor")

    monkeypatch.setattr(starting, "launch", refused)

    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            await launch(pilot, page)
            await wait_for(pilot, lambda: "scheduler taai-007" in text_of(pilot.app))
            shown = " ".join(text_of(pilot.app).split())
            assert "1 core, no GPU, 4 GB of memory" in shown
            assert "it may be too short" in shown
            await pilot.press("y")
            why = (
                "not started: HTCondor's Python bindings are not here. pip install htcondor  (esc)"
            )
            await wait_for(pilot, lambda: why in text_of(pilot.app))
            assert pilot.app.screen is page
            await pilot.press("1", "j")
            await settled(pilot, page)
            assert why in text_of(pilot.app), "it stays"
            await pilot.press("escape")
            await wait_for(pilot, lambda: why not in text_of(pilot.app))
            assert pilot.app.screen is page
        assert [(one.target, one.resources["category"]) for one in specs] == [(HTCONDOR, "express")]

    run(test())


def test_what_could_not_be_started_is_told_also_where_its_screen_was_left(
    app_at: AppAt, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, told = threading.Event(), list[str]()

    def refused(spec: JobSpec) -> Path:
        left.wait(40)
        raise LaunchError("HTCondor did not take the job")

    monkeypatch.setattr(starting, "scheduler", lambda spec: "taai-007")
    monkeypatch.setattr(starting, "launch", refused)
    monkeypatch.setattr(ThesisApp, "notify", lambda _, text, **__: told.append(text))

    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            await launch(pilot, page)
            await pilot.press("y")
            await wait_for(pilot, lambda: page.doing)
            await pilot.press("escape", "escape")
            await wait_for(pilot, lambda: not page.is_running)
            left.set()
            await wait_for(pilot, lambda: bool(told), 8)
        assert "not started: HTCondor did not take the job" in told[0]

    run(test())


@pytest.mark.parametrize("known", [False, True])
def test_a_scheduler_that_does_not_answer_is_told_once_before_the_start(
    app_at: AppAt, root: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    error = CouldNotAsk("HTCondor's scheduler did not answer within 5 s", "It is stuck.")

    def silent(spec: JobSpec) -> str:
        raise error

    monkeypatch.setattr(starting, "scheduler", silent)

    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            dialog = await launch(pilot, page, *([error.in_a_line] if known else []))
            await wait_for(pilot, lambda: dialog.said.get("target") == "HTCondor")
            await wait_for(pilot, lambda: "did not answer within 5 s" in text_of(pilot.app))
            assert text_of(pilot.app).count("did not answer within 5 s") == 1
            await pilot.press("n")
            await wait_for(pilot, lambda: pilot.app.screen is page)
            assert not page.doing

    run(test())
