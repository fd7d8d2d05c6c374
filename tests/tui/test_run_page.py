"""The page of one run."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from textual.pilot import Pilot

from engine.facts.labels import read_labels
from engine.facts.run_dir import RunDir
from tests.bench.tree import make_run
from tests.conftest import long_form
from tests.tui.conftest import AppAt, check_snapshot, lines_of, run, text_of, wait_for
from tui.charts.grid import ChartGrid
from tui.run.alerts_view import AlertsView
from tui.run.config_view import ConfigView
from tui.run.figure_view import FigureView
from tui.run.files_view import FilesView
from tui.run.log_view import LogView
from tui.run.tabs import TABS
from tui.screens.run import RunPage

SIZES = [(60, 16), (120, 40), (200, 60)]
NAME = "run_20250105-093000_ae"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with one finished run of six epochs."""
    make_run(tmp_path / "outputs" / "runs" / NAME, epochs=6)
    return tmp_path / "outputs"


def path_of(root: Path, name: str = NAME) -> Path:
    return root / "runs" / name


async def opened(pilot: Pilot[int], path: Path) -> RunPage:
    """The page of a run, once what it shows is there."""
    app: Any = pilot.app
    app.open_run(str(path))
    await wait_for(pilot, lambda: isinstance(app.screen, RunPage))
    page = app.screen
    assert isinstance(page, RunPage)
    await wait_for(pilot, lambda: page.is_settled)
    return page


async def charted(pilot: Pilot[int], path: Path) -> RunPage:
    page = await opened(pilot, path)
    await wait_for(pilot, lambda: page.query_one(ChartGrid).data())
    return page


def notices(pilot: Pilot[int], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the app tells from now on, in a corner of the screen."""
    said: list[str] = []
    monkeypatch.setattr(pilot.app, "notify", lambda text, **how: said.append(text))
    return said


@pytest.mark.parametrize("size", SIZES)
def test_the_page_shows_state_progress_and_curves(
    app_at: AppAt, root: Path, size: tuple[int, int]
) -> None:
    async def test() -> None:
        async with app_at(root, size=size) as pilot:
            await charted(pilot, path_of(root))
            shown = text_of(pilot.app)
            assert "finished" in shown
            assert NAME in shown
            assert "6/6 epochs" in shown
            assert "loss" in shown

    run(test())


@pytest.mark.parametrize("size", [(20, 5), *long_form(((60, 16),), ((300, 100),))])
def test_every_tab_opens_at_every_size(app_at: AppAt, root: Path, size: tuple[int, int]) -> None:
    async def test() -> None:
        async with app_at(root, size=size) as pilot:
            page = await opened(pilot, path_of(root))
            for number, tab in enumerate(TABS):
                await pilot.press(str(number + 1))
                await pilot.pause()
                assert page.tab == tab
                assert pilot.app.focused is not None
            await pilot.press("tab")
            assert page.tab == TABS[0]
            await pilot.press("shift+tab")
            assert page.tab == TABS[-1]

    run(test())


@pytest.mark.parametrize("size", SIZES)
def test_config_and_numbers_look_as_they_did(
    app_at: AppAt, root: Path, size: tuple[int, int]
) -> None:
    async def test() -> None:
        async with app_at(root, size=size) as pilot:
            page = await opened(pilot, path_of(root))
            for tab in ("config", "numbers"):
                page.action_tab(tab)
                await pilot.pause()
                assert page.tab == tab
                check_snapshot(pilot.app, f"run_{tab}_{size[0]}x{size[1]}")

    run(test())


def test_training_and_validation_stand_in_one_chart_the_losses_first(
    app_at: AppAt, root: Path
) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            page = await charted(pilot, path_of(root))
            seen = [(row["panel"], row["label"]) for row in page.query_one(ChartGrid).data()]
            order = list(dict.fromkeys(seen))
            assert order[:4] == [
                ("loss", "train"), ("loss", "val"),
                ("token_mse", "train"), ("token_mse", "val"),
            ]  # fmt: skip
            assert order[-1][0] == "max_memory_mib"

    run(test())


def test_new_events_of_a_run_appear_by_themselves(app_at: AppAt, tmp_path: Path) -> None:
    root = tmp_path / "outputs"
    whole = make_run(tmp_path / "whole", epochs=4, end=None)
    lines = RunDir(whole).events.read_text().splitlines(keepends=True)
    make_run(path_of(root), epochs=4, planned=8, end=None)
    RunDir(path_of(root)).events.write_text("".join(lines[:3]))

    async def test() -> None:
        async with app_at(root) as pilot:
            page = await charted(pilot, path_of(root))
            before = len(page.query_one(ChartGrid).data())
            with RunDir(path_of(root)).events.open("a") as file:
                file.writelines(lines[3:])
            await wait_for(pilot, lambda: len(page.query_one(ChartGrid).data()) > before)
            assert page.path == str(path_of(root))

    run(test())


def test_escape_goes_back_to_the_runs(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            await opened(pilot, path_of(root))
            await pilot.press("escape")
            await wait_for(pilot, lambda: not isinstance(pilot.app.screen, RunPage))
            assert len(pilot.app.screen_stack) == 1

    run(test())


def test_the_next_run_is_shown_in_the_same_tab(app_at: AppAt, root: Path) -> None:
    make_run(path_of(root, "run_20250106-093000_ae"), epochs=3, seed=2)

    async def test() -> None:
        async with app_at(root) as pilot:
            page = await opened(pilot, path_of(root))
            await pilot.press("3", "greater_than_sign")
            await wait_for(
                pilot, lambda: page.summary is not None and page.path != str(path_of(root))
            )
            assert "run_20250106" in text_of(pilot.app)
            assert page.tab == "config"
            await pilot.press("less_than_sign")
            assert page.path == str(path_of(root))

    run(test())


def test_of_the_next_run_all_is_seen(app_at: AppAt, root: Path) -> None:
    make_run(path_of(root, "run_20250106-093000_ae"), epochs=3, seed=2)

    async def test() -> None:
        async with app_at(root) as pilot:
            page = await charted(pilot, path_of(root))
            charts = page.query_one(ChartGrid).charts
            await pilot.press("1", "plus", "plus", "c")
            assert charts.view.window is not None
            assert charts.view.cursor is not None
            await pilot.press("greater_than_sign")
            assert page.path != str(path_of(root))
            assert (charts.view.window, charts.view.cursor) == (None, None)

    run(test())


def test_the_next_run_is_the_one_that_follows_in_the_table(app_at: AppAt, root: Path) -> None:
    names = [f"run_20250106-09300{number}_ae" for number in range(4)]
    for number, name in enumerate(names):
        make_run(
            path_of(root, name),
            epochs=3,
            seed=70 + number,
            begun=datetime(2025, 1, 6, 9, number, tzinfo=UTC),
        )

    async def test() -> None:
        async with app_at(root, filter="seed>=70 not seed=71") as pilot:
            page = await opened(pilot, path_of(root, names[3]))
            seen = []
            for _ in range(3):
                await pilot.press("greater_than_sign")
                seen.append(Path(page.path).name)
            assert seen == [names[2], names[0], names[3]], "newest first, without what is filtered"

    run(test())


def test_a_run_that_vanishes_is_told_and_its_curves_stay(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            await charted(pilot, path_of(root))
            shutil.rmtree(path_of(root))
            app: Any = pilot.app
            app.library.hurry()
            await wait_for(pilot, lambda: "this run is gone" in text_of(app))
            assert NAME in text_of(app)

    run(test())


def test_a_run_that_vanishes_is_gone_in_every_tab_and_needs_nothing(
    app_at: AppAt, tmp_path: Path
) -> None:
    path = make_run(tmp_path / "outputs" / "runs" / NAME, epochs=6, planned=9, end=None)

    async def test() -> None:
        async with app_at(tmp_path / "outputs") as pilot:
            page = await charted(pilot, path)
            await wait_for(pilot, lambda: "lost" in text_of(pilot.app))
            assert page.query_one(AlertsView).display
            app: Any = pilot.app
            shutil.rmtree(path)
            app.library.hurry()
            await wait_for(pilot, lambda: "this run is gone" in text_of(app))
            assert not page.query_one(AlertsView).display
            for key in ("2", "5", "6"):
                await pilot.press(key)
                await wait_for(pilot, lambda: "is not there any more:" in text_of(app))
                assert "there is no" not in text_of(app)
                assert "✗ gone" in lines_of(app)[0]
            await pilot.press("3")
            await wait_for(pilot, lambda: "phase1" in text_of(app))
            assert isinstance(app.focused, ConfigView)

    run(test())


def test_a_setting_that_goes_on_at_the_edge_says_so(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root, size=(60, 20)) as pilot:
            page = await opened(pilot, path_of(root))
            await pilot.press("3")
            view = page.query_one(ConfigView)
            value = "/data/" + "x" * 40 + "/end"
            view.show_config({"data.path": value, "data.n": 3}, ())
            await wait_for(pilot, lambda: "/data/x" in text_of(pilot.app))
            line = next(line for line in lines_of(pilot.app) if "/data/x" in line)
            assert line.endswith("…")
            assert "→ More" in lines_of(pilot.app)[-1]
            await pilot.press(*["right"] * 4)
            line = next(line for line in lines_of(pilot.app) if "/end" in line)
            assert line.endswith("/end")

    run(test())


def test_a_path_without_a_run_says_so(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            app: Any = pilot.app
            app.open_run(str(path_of(root, "none")))
            await wait_for(pilot, lambda: "is not there any more" in text_of(app))
            assert "no run here" in text_of(app)

    run(test())


def test_a_queued_run_says_that_it_waits(app_at: AppAt, root: Path) -> None:
    queued = path_of(root, "run_20250107-093000_ae")
    queued.mkdir(parents=True)
    record = {"run_id": queued.name, "command": [], "target": "local", "state": "queued"}
    (queued / "launch.json").write_text(json.dumps(record))

    async def test() -> None:
        async with app_at(root) as pilot:
            await opened(pilot, queued)
            await wait_for(pilot, lambda: "No events yet: queued" in text_of(pilot.app))
            assert "appear here by themselves" in text_of(pilot.app)

    run(test())


def test_a_run_whose_events_are_no_file_is_told_with_the_reason(app_at: AppAt, root: Path) -> None:
    events = RunDir(path_of(root)).events
    events.unlink()
    events.mkdir()

    async def test() -> None:
        async with app_at(root) as pilot:
            await opened(pilot, path_of(root))
            await wait_for(pilot, lambda: "cannot be read" in text_of(pilot.app))
            assert "no regular file" in text_of(pilot.app)

    run(test())


def test_a_failed_run_shows_why_and_what_to_do(app_at: AppAt, root: Path) -> None:
    make_run(path_of(root, "run_20250108-093000_ae"), epochs=3, end="on_exception")

    async def test() -> None:
        async with app_at(root) as pilot:
            page = await opened(pilot, path_of(root, "run_20250108-093000_ae"))
            view = page.query_one(AlertsView)
            await wait_for(pilot, lambda: view.display)
            assert "the loss is nan" in text_of(pilot.app)
            assert "lower lr" in text_of(pilot.app)
            await pilot.press("greater_than_sign")
            await wait_for(pilot, lambda: not view.display)
            assert view.alerts == []

    run(test())


def test_tags_and_note_are_typed_and_written(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            await opened(pilot, path_of(root))
            await pilot.press("t")
            await wait_for(pilot, lambda: len(pilot.app.screen_stack) == 3)
            await pilot.press(*"b a", "enter")
            await wait_for(pilot, lambda: "#a #b" in text_of(pilot.app))
            await pilot.press("n")
            await wait_for(pilot, lambda: len(pilot.app.screen_stack) == 3)
            await pilot.press(*"good", "enter")
            await wait_for(pilot, lambda: "good" in text_of(pilot.app))
            labels = read_labels(RunDir(path_of(root)))
            assert (labels.tags, labels.note) == (("a", "b"), "good")

    run(test())


def test_read_only_changes_nothing(
    app_at: AppAt, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with app_at(root, read_only=True) as pilot:
            await opened(pilot, path_of(root))
            said = notices(pilot, monkeypatch)
            await pilot.press("t", "n", "X")
            await wait_for(pilot, lambda: len(said) == 3)
            assert "read-only" in said[0]
            assert len(pilot.app.screen_stack) == 2
            assert not RunDir(path_of(root)).labels.exists()

    run(test())


def test_stopping_asks_first_and_then_leaves_the_file(app_at: AppAt, root: Path) -> None:
    path = make_run(path_of(root, "run_20250109-093000_ae"), epochs=3, planned=9, end=None)
    os.utime(RunDir(path).events)
    os.utime(path / "attempts" / "1.json")

    async def test() -> None:
        async with app_at(root) as pilot:
            page = await opened(pilot, path)
            assert page.summary is not None
            assert page.summary.state == "running"
            await pilot.press("X")
            await wait_for(pilot, lambda: "stop run_20250109" in text_of(pilot.app))
            assert not RunDir(path).stop.exists()
            await pilot.press("y")
            await wait_for(pilot, RunDir(path).stop.exists)
            assert RunDir(path).stop.read_bytes() == b""

    run(test())


def test_a_run_that_is_over_is_not_stopped(
    app_at: AppAt, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            await opened(pilot, path_of(root))
            said = notices(pilot, monkeypatch)
            await pilot.press("X")
            await wait_for(pilot, lambda: said)
            assert "nothing to stop" in said[0]
            assert not RunDir(path_of(root)).stop.exists()

    run(test())


def test_y_copies_what_the_tab_is_about(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            page = await opened(pilot, path_of(root))
            await pilot.press("1", "y")
            assert pilot.app.clipboard == str(path_of(root))
            await pilot.press("3", "slash", *"trainer.lr", "enter", "y")
            assert pilot.app.clipboard == "phase1.trainer.lr=0.01"
            await pilot.press("5")
            files = page.query_one(FilesView)
            await wait_for(pilot, lambda: "files" in files.note())
            await pilot.press("y")
            assert os.path.dirname(pilot.app.clipboard).startswith(str(path_of(root)))
            await pilot.press("Y")
            await wait_for(pilot, lambda: pilot.app.clipboard.startswith("thesis-train"))

    run(test())


def test_the_config_is_searched_while_typing(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            page = await opened(pilot, path_of(root))
            await pilot.press("3", "slash", *"codebook")
            view = page.query_one(ConfigView)
            assert [entry.path for entry in view._shown] == ["phase1.latent_space.codebook_size"]
            assert "512" in text_of(pilot.app)
            await pilot.press("escape")
            assert len(view._shown) > 20
            assert pilot.app.focused is view

    run(test())


def test_the_log_is_followed_searched_and_its_colours_resolved(app_at: AppAt, root: Path) -> None:
    log = RunDir(path_of(root)).log
    log.write_text("".join(f"line {n}\n" for n in range(300)) + "\x1b[31mred\x1b[0m\n")

    async def test() -> None:
        async with app_at(root) as pilot:
            page = await opened(pilot, path_of(root))
            await pilot.press("2")
            await wait_for(pilot, lambda: "red" in text_of(pilot.app))
            view = page.query_one(LogView)
            assert view.follow
            with log.open("a") as file:
                file.write("10%\r20%\r30%")
            await wait_for(pilot, lambda: "30%" in text_of(pilot.app))
            assert "20%" not in text_of(pilot.app)
            await pilot.press("slash", *"Line   42", "enter")
            assert "line 42" in text_of(pilot.app)
            assert not view.follow
            await pilot.press("escape", "G")
            assert view.follow
            await pilot.press("g")
            assert "line 0" in text_of(pilot.app)
            assert not view.follow

    run(test())


def test_a_long_log_is_read_from_the_end(app_at: AppAt, root: Path) -> None:
    RunDir(path_of(root)).log.write_text("".join(f"step {n}\n" for n in range(200_000)))

    async def test() -> None:
        async with app_at(root) as pilot:
            page = await opened(pilot, path_of(root))
            await pilot.press("2")
            await wait_for(pilot, lambda: "step 199999" in text_of(pilot.app))
            assert "20,000 lines" in page.query_one(LogView).note()

    run(test())


def test_figures_are_drawn_and_newer_ones_appear(app_at: AppAt, root: Path) -> None:
    figures = RunDir(path_of(root)).figures
    figures.mkdir()
    Image.new("RGB", (70, 50), (0, 96, 0)).save(figures / "losses-on_epoch_end-e002.png")

    async def test() -> None:
        async with app_at(root) as pilot:
            page = await opened(pilot, path_of(root))
            await pilot.press("6")
            view = page.query_one(FigureView)
            await wait_for(pilot, lambda: view._lines_drawn)
            (segment,) = view._lines_drawn[0]
            assert segment.style.bgcolor.get_truecolor() == (0, 0x60, 0)
            assert "losses, epoch 2" in text_of(pilot.app)
            Image.new("RGB", (70, 50)).save(figures / "losses-on_epoch_end-e005.png")
            (figures / "recon-on_epoch_end-e005.png").write_bytes(b"\x89PNG no")
            await wait_for(pilot, lambda: "losses, epoch 5  recon" in text_of(pilot.app))
            await pilot.press("right")
            await wait_for(pilot, lambda: "no PNG picture" in text_of(pilot.app))
            Image.new("RGB", (70, 50)).save(figures / "third.png")
            await wait_for(pilot, lambda: "third" in text_of(pilot.app))
            assert "no PNG picture" in text_of(pilot.app)

    run(test())


def test_hostile_texts_of_a_run_never_reach_the_terminal(app_at: AppAt, root: Path) -> None:
    run_dir = RunDir(path_of(root))
    bad = "\x1b[2Jx[bold]y[/]\x07\u202e"
    run_dir.labels.write_text(json.dumps({"tags": ["[red]t[/]"], "note": bad}))
    run_dir.log.write_text(bad + "\n")
    run_dir.figures.mkdir()
    (run_dir.figures / f"{bad.replace('/', '')}.png").write_bytes(b"none")
    (run_dir.path / f"{bad.replace('/', '')}").write_bytes(b"")
    lines = run_dir.events.read_text().replace("token_mse", "[bold]\\u001b[2J")
    run_dir.events.write_text(lines)

    async def test() -> None:
        async with app_at(root) as pilot:
            await opened(pilot, path_of(root))
            for tab in range(1, 7):
                await pilot.press(str(tab))
                await pilot.pause(0.05)
                shown = text_of(pilot.app)
                assert "[red]t[/]" in shown
                assert not any((ord(c) < 32 and c != "\n") or c == "\u202e" for c in shown)

    run(test())
