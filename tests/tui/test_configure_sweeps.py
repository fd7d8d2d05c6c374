"""Sweeps in the Configure screen, the check before a start, and the start itself."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ConfigError, LaunchError
from engine.launch.job import JobSpec
from tests.tui.configured import configuring, override, settled
from tests.tui.conftest import AppAt, run, text_of, wait_for
from tui.configure import preflight, starting
from tui.configure.check_list import lines_of, pieces_of
from tui.configure.draft_state import is_struck, turned
from tui.configure.drafts import Drafts
from tui.configure.estimate import total_words
from tui.configure.feed import ComposeFeed
from tui.configure.form_list import FormList
from tui.configure.launch_dialog import LaunchDialog
from tui.configure.preflight import Problem, Report, check, report_of
from tui.screens.run import RunPage

GOOD = {
    "ok": True, "problems": [], "warnings": ["ran already"], "points": [],
    "model": {"parts": [{"name": "encoder", "total": 21345}, {"name": "decoder", "total": 5}]},
    "epoch_s": 3.5, "total_s": 70, "checkpoint": {"best_bytes": 260000, "last_bytes": 500000},
    "batch": {"memory_bytes": 2.1e8}, "disk": {"free_bytes": 4.2e11}, "news": "a word",
}  # fmt: skip
BAD = {"ok": False, "problems": [{"key": "data.path", "text": "data.path: not there"},
                                 {"key": None, "text": "no memory\x1b[2J"}]}  # fmt: skip

Checker = Any


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty root that the config itself names."""
    monkeypatch.setenv("THESIS_OUTPUT_ROOT", str(tmp_path / "outputs"))
    return tmp_path / "outputs"


@pytest.fixture
def checker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checker:
    """Makes the check print a report; what it is called with is in `called.json`."""
    script = tmp_path / "check.py"

    def prints(report: object, wait_s: float = 0.0) -> tuple[str, ...]:
        script.write_text(
            "import json, pathlib, sys, time\n"
            f"pathlib.Path({str(tmp_path / 'called.json')!r}).write_text(json.dumps(sys.argv))\n"
            f"time.sleep({wait_s})\nprint({json.dumps(report)!r})\n"
        )
        words = (sys.executable, "-S", str(script))
        monkeypatch.setitem(preflight.check.__kwdefaults__, "command", words)
        return words

    return prints


def called(tmp_path: Path) -> list[str]:
    return list(json.loads((tmp_path / "called.json").read_text())[1:])


def test_points_are_struck_out_and_taken_in_again(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            await override(pilot, page, "phase1.trainer.lr=0.1,0.2,0")
            points = page.points_list
            assert points.wrong == (2,)
            await pilot.press("3", "end", "x")
            assert (points.left_out, points.wrong, points.n_left) == ((2,), (), 2)
            await wait_for(pilot, lambda: "1 changed" in text_of(pilot.app))
            assert page.command == (
                "thesis-train --multirun phase1.trainer.lr=0.1,0.2,0 'hydra.sweeper.leave_out=[2]'"
            )
            assert "leave_out=[2]" in text_of(pilot.app)
            await settled(pilot, page)
            await override(pilot, page, "phase1.trainer.seed=42,1")
            assert points.left_out == (4, 5)  # the same value, with another list
            assert "2 changed" in text_of(pilot.app)
            await pilot.press("3", "end", "x")
            assert points.left_out == (4,)
            await override(pilot, page, "'hydra.sweeper.leave_out=[0,4]'")
            assert points.left_out == (0, 4)
            assert page.command.count("leave_out") == 1
            await pilot.press("3", "home", "x")
            await settled(pilot, page)
            assert points.left_out == (4,)
            assert not any("leave_out" in text for text in page.draft.overrides)

    run(test())


def test_seeds_are_as_many_as_asked_for(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            await pilot.press("S")
            await wait_for(pilot, lambda: "how many seeds" in text_of(pilot.app))
            await pilot.press("x")
            await wait_for(pilot, lambda: "3x: give a whole number" in text_of(pilot.app))
            await pilot.press("enter")
            assert pilot.app.screen is not page, "the question stays"
            await pilot.press("backspace", "backspace", "5", "enter")
            await wait_for(pilot, lambda: page.draft.overrides)
            assert page.draft.overrides == ("phase1.trainer.seed=range(42,47)",)
            await settled(pilot, page)
            assert [one.differing[0][-2:] for one in page.points_list.points] == [
                "42", "43", "44", "45", "46"
            ]  # fmt: skip

    run(test())


def test_an_experiment_shows_its_own_points_and_an_interval_says_why_not(
    app_at: AppAt, root: Path
) -> None:
    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            await override(pilot, page, "phase1/experiment=compare_vq_vs_none")
            assert [one.differing for one in page.points_list.points] == [
                ("phase1/latent_space=none",), ("phase1/latent_space=vq",)
            ]  # fmt: skip
            assert page.is_sweep
            await pilot.press("u")
            await override(pilot, page, "'phase1.trainer.lr=interval(0,1)'")
            await wait_for(pilot, lambda: "an interval has no list" in text_of(pilot.app))
            assert [one.key for one in page.problems()] == ["phase1.trainer.lr"]
            for typo in ("r.epochs", "phase1.latent_dim=(1,4)"):
                page.set_overrides(("phase1.trainer.epochs=1,2", typo))
                await settled(pilot, page)
                assert [one.text.partition(":")[0] for one in page.problems()] == [typo]

    run(test())


def test_a_hundred_points_are_checked_and_an_edit_does_not_wait_for_them(
    app_at: AppAt, root: Path
) -> None:
    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            many = ("phase1.trainer.seed=range(0,50)", "phase1.trainer.lr=0.1,0.2")
            page.set_overrides(many)
            await wait_for(pilot, lambda: len(page.points_list.problems) > 3)
            assert len(page.points_list.points) == 100
            page.set_overrides(("phase1.trainer.lr=0.3",))
            await wait_for(pilot, lambda: page.is_composed and page.is_idle)
            assert page.points_list.points == ()
            page.set_overrides(many)
            await settled(pilot, page)
            assert list(page.points_list.problems.values()) == [""] * 100

    run(test())


def test_the_check_is_shown_and_an_edit_makes_it_worthless_and_ends_the_next(
    app_at: AppAt,
    root: Path,
    checker: Checker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    happened: list[str] = []

    async def never(*_: object, **__: object) -> Report:
        happened.append("checking")
        try:
            return await asyncio.Future()
        finally:
            happened.append("no longer")

    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            checker(GOOD)
            await override(pilot, page, "phase1.trainer.lr=0.1,0.2")
            await pilot.press("P")
            await wait_for(pilot, lambda: "21,345" in text_of(pilot.app))
            assert called(tmp_path) == ["--multirun", "phase1.trainer.lr=0.1,0.2"]
            shown = text_of(pilot.app)
            for told in ("21,345", "760 kB", "420 GB", "ran already", "about 70 s", "a word"):
                assert told in shown
            monkeypatch.setattr(preflight, "check", never)
            await pilot.press("P")
            await wait_for(pilot, lambda: "checking" in happened)
            page.set_overrides(())
            assert (page.report, page.doing) == (None, "")
            await wait_for(pilot, lambda: "no longer" in happened)

    run(test())


def test_problems_of_the_check_lead_to_their_fields(
    app_at: AppAt, root: Path, checker: Checker
) -> None:
    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            checker(BAD)
            await pilot.press("L")
            await wait_for(pilot, lambda: "no memory" in text_of(pilot.app))
            await wait_for(pilot, lambda: not page.doing)
            assert not isinstance(pilot.app.screen, LaunchDialog)
            await pilot.press("home", "enter")
            form = page.query_one(FormList)
            assert (form.row and form.row.key, form.has_focus) == ("data.path", True)

    run(test())


def test_a_start_is_asked_for_once_and_leads_to_the_run(
    app_at: AppAt, root: Path, checker: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[JobSpec] = []

    def launch(spec: JobSpec) -> Path:
        started.append(spec)
        return spec.directory

    monkeypatch.setattr(starting, "launch", launch)

    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            checker(GOOD)
            await override(pilot, page, "phase1.trainer.epochs=2")
            await pilot.press("L")
            await wait_for(pilot, lambda: isinstance(pilot.app.screen, LaunchDialog))
            await wait_for(pilot, lambda: "start this training?" in text_of(pilot.app))
            assert "ran already" in text_of(pilot.app)
            await pilot.press("n")
            assert not started
            await pilot.press("L")
            await wait_for(pilot, lambda: isinstance(pilot.app.screen, LaunchDialog))
            await wait_for(pilot, lambda: "start this training?" in text_of(pilot.app))
            promised = text_of(pilot.app)
            await pilot.press("y")
            await wait_for(pilot, lambda: isinstance(pilot.app.screen, RunPage))
            (spec,) = started
            assert spec.overrides == ("phase1.trainer.epochs=2",)
            assert spec.directory.parent == root / "runs"
            assert spec.directory.name.endswith("_ae")
            assert spec.directory.name in promised
            assert not spec.sweep
            drafts: Drafts = pilot.app.drafts  # type: ignore[attr-defined]
            assert drafts.history.present.started
            assert len(pilot.app.screen_stack) == 2
            await pilot.press("escape")
            await pilot.press("N")
            await wait_for(pilot, lambda: hasattr(pilot.app.screen, "draft"))
            assert pilot.app.screen.draft.is_empty  # type: ignore[attr-defined]

    run(test())


def test_an_edit_while_a_training_is_started_is_the_next_draft(
    app_at: AppAt, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited = threading.Event()

    def launch(spec: starting.LaunchSpec) -> Path:
        edited.wait(10)
        return spec.directory

    monkeypatch.setattr(starting, "launch", launch)

    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            page.report = Report(ok=True)
            await pilot.press("L")
            await wait_for(pilot, lambda: isinstance(pilot.app.screen, LaunchDialog))
            await pilot.press("y")
            await wait_for(pilot, lambda: page.doing)
            page.set_overrides(("phase1.latent_dim=7",))
            edited.set()
            await wait_for(pilot, lambda: isinstance(pilot.app.screen, RunPage))
            drafts: Drafts = pilot.app.drafts  # type: ignore[attr-defined]
            assert drafts.history.present.overrides == ("phase1.latent_dim=7",)
            assert not drafts.history.present.started

    run(test())


def test_a_sweep_that_is_started_leads_to_the_table_filtered_to_it(
    app_at: AppAt, root: Path, checker: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[JobSpec] = []
    monkeypatch.setattr(starting, "launch", lambda spec: started.append(spec) or spec.directory)

    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            checker(GOOD)
            await override(pilot, page, "phase1.trainer.lr=0.1,0.2,0.3")
            await pilot.press("3", "x", "L")
            await wait_for(pilot, lambda: isinstance(pilot.app.screen, LaunchDialog))
            await wait_for(pilot, lambda: "start 2 runs?" in text_of(pilot.app))
            await pilot.press("plus", "plus")
            await wait_for(pilot, lambda: "n_jobs=3" in text_of(pilot.app))
            await pilot.press("y")
            await wait_for(pilot, lambda: len(pilot.app.screen_stack) == 1)
            (spec,) = started
            assert (spec.sweep, spec.at_once, spec.leave_out) == (True, 3, (0,))
            table: Any = pilot.app.screen
            await wait_for(pilot, lambda: table.view.filter == f"sweep={spec.directory.name}")

    run(test())


STRUCK = frozenset({("lr=1",), ("lr=2", "seed=1")})


@pytest.mark.parametrize(
    ("point", "after"),
    [
        (("lr=3", "seed=1"), {("lr=1",), ("lr=2", "seed=1"), ("lr=3", "seed=1")}),
        (("lr=2", "seed=1"), {("lr=1",)}),
        (("lr=1", "seed=1"), {("lr=1", "seed=2"), ("lr=2", "seed=1")}),
    ],
)
def test_one_point_is_left_out_or_taken_in_and_the_others_stay(
    point: tuple[str, ...], after: set[tuple[str, ...]]
) -> None:
    points = [(f"lr={lr}", f"seed={seed}") for lr in (1, 2, 3) for seed in (1, 2)]
    turned_ = turned(STRUCK, point, points)
    assert turned_ == after
    changed = [one for one in points if is_struck(STRUCK, one) != is_struck(turned_, one)]
    assert changed == [point]


@pytest.mark.parametrize(
    ("overrides", "sweep", "directory"),
    [
        ((), False, r"outputs/runs/run_\d{8}-\d{6}_ae"),
        (("loop=test_mlp",), False, r"outputs/runs/run_\d{8}-\d{6}_test_mlp"),
        (("hydra.job.name='a/b'",), True, r"outputs/multiruns/exp_\d{8}-\d{6}_a_b"),
        (("env.output_root=/there",), False, r"/there/runs/run_\d{8}-\d{6}_ae"),
        (("hydra.run.dir=/there/mine",), False, "/there/mine"),
        (("phase1.trainer.lr=1,2", "hydra.sweep.dir=/there/all"), True, "/there/all"),
        (("phase1/experiment=compare_latent_spaces",), True,
         r"outputs/multiruns/exp_\d{8}-\d{6}_compare_latent_spaces"),
    ],
)  # fmt: skip
def test_a_training_goes_where_its_config_says(
    root: Path, overrides: tuple[str, ...], sweep: bool, directory: str
) -> None:
    feed = ComposeFeed((), lambda message: None)
    asked = feed.place(overrides, sweep=sweep)
    feed.look()
    assert re.fullmatch(directory.replace("outputs", str(root)), str(asked.result(0)))


def test_a_training_that_goes_nowhere_is_told() -> None:
    feed = ComposeFeed((), lambda message: None)
    asked = feed.place(("logging.save_artifacts=false",), sweep=False)
    feed.look()
    with pytest.raises(ConfigError, match="needs a directory"):
        asked.result(0)


def test_the_check_hears_which_points_are_left_out(checker: Checker, tmp_path: Path) -> None:
    words = checker(GOOD)
    asyncio.run(check(["a=1,2,3"], sweep=True, leave_out=(1, 2), at_once=2, command=words))
    assert called(tmp_path) == ["--multirun", "--leave-out", "1,2", "--at-once", "2", "a=1,2,3"]


@pytest.mark.slow
def test_a_sweep_is_checked_without_the_points_that_are_left_out(root: Path) -> None:
    words = ("loop=test_mlp", "data=synthetic", "phase1.trainer.lr=0.1,0,-1")
    report = asyncio.run(check(words, sweep=True, leave_out=(1, 2), at_once=2))
    assert (report.ok, report.points, report.problems, report.failure) == (True, 1, (), "")


def test_what_cannot_be_started_is_told_and_the_draft_stays(
    app_at: AppAt, root: Path, checker: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(spec: JobSpec) -> Path:
        raise LaunchError("no room", "Delete something.")

    monkeypatch.setattr(starting, "launch", fails)

    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            checker("no report")
            await pilot.press("L")
            await wait_for(pilot, lambda: isinstance(pilot.app.screen, LaunchDialog))
            await wait_for(pilot, lambda: "not checked" in text_of(pilot.app))
            await pilot.press("y")
            why = "not started: no room. Delete something."
            await wait_for(pilot, lambda: why in text_of(pilot.app))
            assert not page.draft.started
            await wait_for(pilot, lambda: pilot.app.screen is page)
            await pilot.press("2")
            assert page.part == 1, "the page still takes keys"

    run(test())


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{", "{}", '{"ok": 3, "model": 1, "problems": {"a": 1}}', '"x"',
             '{"points": 7, "warnings": [1, {}], "model": {"parts": [1, {}]}, "epoch_s": "x"}',
             '{"ok": false}', '{"ok": "true"}', "[" * 100_000]
)  # fmt: skip
def test_a_report_without_a_word_about_being_right_is_not_right(text: str) -> None:
    report = report_of(text, "Traceback\nboom\x1b[2J\n")
    assert not report.ok


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '"x"', "[" * 100_000])
def test_what_is_no_report_tells_what_the_process_said_last(text: str) -> None:
    report = report_of(text, "Traceback\nboom\x1b[2J\n")
    assert "boom" in report.failure
    assert "\x1b" not in report.failure


def test_a_report_with_strange_numbers_is_read_as_far_as_it_goes() -> None:
    text = '{"ok": true, "epoch_s": Infinity, "disk_free_bytes": true}'
    report = report_of(text, "")
    assert (report.ok, report.epoch_s, report.disk_free_bytes) == (True, None, None)


def test_a_check_that_cannot_be_started_says_so() -> None:
    report = asyncio.run(check(["a=1"], command=("/nowhere/engine",)))
    assert "cannot be started" in report.failure


def test_a_check_that_nobody_waits_for_any_more_ends(checker: Checker, tmp_path: Path) -> None:
    words = checker(GOOD, wait_s=60)

    async def test() -> None:
        task = asyncio.create_task(check([], command=words))
        while not (tmp_path / "called.json").exists():  # the process is at work
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 10)

    run(test())


def test_the_time_of_a_sweep_is_that_of_all_its_points() -> None:
    assert total_words(60, 10, 1) == "about 10 min"
    assert total_words(60, 10, 6) == "about 60 min (6 points of 10 min)"
    assert total_words(60, 10, 6, on_cluster=True) == "about 10 min for each of 6 points"
    assert total_words(60, 10, 1, on_cluster=True) == "about 10 min"
    assert total_words(None, 10, 6) == ""
    assert total_words(60, "x", 6) == ""


@pytest.mark.parametrize("width", [20, 80, 200])
def test_what_a_check_says_is_told_in_full_at_any_width(width: int) -> None:
    said = "an equal config already ran: " + " ".join(f"run_20261127-19{n}_ae" for n in range(20))
    problem = Problem("data.path", "data.path: no such file as /a/folder/of/mine/p.h5, line 3")
    lines = lines_of([problem], Report(warnings=(said,)), "")
    pieces = pieces_of(lines, width)
    for line in lines:
        told = [one.text for one in pieces if one.line is line]
        assert "".join(told).replace(" ", "") == line.text.replace(" ", "")
        assert all(len(text) <= max(20, width - 5) for text in told)
