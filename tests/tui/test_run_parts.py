"""The parts of the page of one run, without the page."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType

from engine.errors import FactsError
from engine.library.summary import Number, RunSummary
from tests.tui.conftest import lines_of, run, text_of, wait_for
from tui.look import Look
from tui.run.config_view import entries_of
from tui.run.figures import family_of, figures_of, name_of
from tui.run.files_view import MOST_FILES, list_files
from tui.run.head import RunHead
from tui.run.panels import panels_of
from tui.run.saved_config import saved_config
from tui.run.words import why_no_curves
from tui.watch import Watch
from tui.widgets.key_line import KeyLine

ROOT_SEES_ALL = hasattr(os, "geteuid") and os.geteuid() == 0


def test_a_metric_and_that_of_training_share_a_chart_losses_first_speed_last() -> None:
    names = ["throughput", "lr", "train_loss", "auroc", "train_mse", "mse", "val_loss", "d_loss"]
    panels = panels_of([*names, "train_only", "max_memory_mib"])
    assert list(panels) == [
        "loss", "auroc", "mse", "d_loss", "train_only", "lr", "throughput", "max_memory_mib",
    ]  # fmt: skip
    assert panels["loss"] == [("train_loss", "train"), ("val_loss", "val")]
    assert panels["mse"] == [("train_mse", "train"), ("mse", "val")]
    assert panels["auroc"] == [("auroc", "")]


@given(st.lists(st.sampled_from(["a", "train_a", "train_loss", "val_loss", "lr", "train_", "b"])))
def test_every_number_stands_in_one_chart(names: list[str]) -> None:
    shown = [name for members in panels_of(names).values() for name, _ in members]
    assert sorted(shown) == sorted(set(names))


def test_the_config_is_a_tree_with_what_was_typed_set_off() -> None:
    config = {"loop": "ae", "a.x": 1, "b.c.y": [1, 2], "a.z": None, "b.w": True}
    lines = list(entries_of(config, ["a.x=1", "b/c=other", "~gone", "+new=3"]))
    assert [(one.path, one.depth, one.value, one.typed) for one in lines] == [
        ("loop", 0, "ae", False),
        ("a", 0, "", False),
        ("a.x", 1, "1", True),
        ("a.z", 1, "null", False),
        ("b", 0, "", False),
        ("b.w", 1, "true", False),
        ("b.c", 1, "", True),
        ("b.c.y", 2, "[1,2]", False),
    ]


_KEYS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(".".join)


@given(st.dictionaries(_KEYS, st.integers()))
def test_every_setting_is_listed_once_below_its_groups(config: dict[str, Any]) -> None:
    lines = list(entries_of(config, []))
    assert sorted(one.path for one in lines if not one.is_group) == sorted(config)
    groups = [one.path for one in lines if one.is_group]
    assert len(groups) == len(set(groups))


def test_files_are_listed_with_sizes_and_links_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "facts").mkdir(parents=True)
    (folder / "facts" / "a").write_bytes(b"123")
    (folder / "top").write_bytes(b"1")
    (folder / "away").symlink_to("/")
    found = [
        (os.path.basename(one.path), one.depth, one.size, one.target)
        for one in list_files(str(folder))
    ]
    assert found == [("away", 0, 0, "/"), ("top", 0, 1, ""), ("facts", 0, 3, ""), ("a", 1, 3, "")]


def test_of_very_many_files_some_are_listed(tmp_path: Path) -> None:
    for number in range(MOST_FILES + 10):
        (tmp_path / str(number)).touch()
    assert len(list(list_files(str(tmp_path)))) == MOST_FILES


@pytest.mark.skipif(ROOT_SEES_ALL, reason="root may look into every folder")
def test_a_folder_that_is_closed_says_so(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    found = list(list_files(str(tmp_path)))
    (tmp_path / "closed").chmod(0o700)
    assert found[1].problem == "Permission denied"


def test_of_each_family_of_figures_the_newest_is_shown(tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    folder.mkdir()
    for name in (
        "losses-on_epoch_end-e009.png", "losses-on_epoch_end-e010.png", "own.png",
        "losses-on_train_end-e010.png", "recon-on_epoch_end-e002.png", "text.txt",
    ):  # fmt: skip
        (folder / name).touch()
    found = figures_of(str(tmp_path))
    assert [one.title for one in found] == ["losses, epoch 10", "own", "recon, epoch 2"]
    assert found[0].path.endswith("on_train_end-e010.png")
    assert [name_of(one) for one in found] == ["losses", "own", "recon"]
    assert family_of(found[0]) == "losses"


def test_a_figure_that_is_removed_meanwhile_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "figures").mkdir()
    for name in ("gone.png", "kept.png"):
        (tmp_path / "figures" / name).touch()
    scandir = os.scandir

    @contextlib.contextmanager
    def removing(folder: Path) -> Iterator[list[os.DirEntry[str]]]:
        with scandir(folder) as found:
            entries = list(found)
        (tmp_path / "figures" / "gone.png").unlink()
        yield entries

    monkeypatch.setattr("tui.run.figures.os.scandir", removing)
    assert [one.title for one in figures_of(str(tmp_path))] == ["kept"]


def test_figures_behind_a_link_are_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.png").touch()
    (tmp_path / "figures").symlink_to(tmp_path / "other")
    assert figures_of(str(tmp_path)) == []


def config_file(folder: Path, text: str) -> Path:
    (folder / ".hydra").mkdir(exist_ok=True)
    (folder / ".hydra" / "config.yaml").write_text(text)
    return folder


def test_the_config_in_the_directory_is_read_flat(tmp_path: Path) -> None:
    assert saved_config(tmp_path) == {}
    config_file(tmp_path, "loop: ae\na: {1: x, b: [1, 2]}\n")
    assert saved_config(tmp_path) == {"loop": "ae", "a.1": "x", "a.b": [1, 2]}


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['true']",
        "a: &a [x]\nb: *a\n",
        "[1, 2]",
        "a: [",
        "a" * (2 << 20),
        "[" * 5000,
        "a: 2025-99-99",
    ],
)
def test_a_hostile_config_is_refused_with_a_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(FactsError, match=r"config\.yaml"):
        saved_config(config_file(tmp_path, text))


@pytest.mark.parametrize(
    ("state", "problem", "whole", "told"),
    [
        ("queued", "", True, "No events yet: queued for 2 min."),
        ("held", "", True, "No events yet: held"),
        ("running", "", True, "the first values come"),
        ("failed", "", True, "ended before its first epoch"),
        ("running", "", False, "reading"),
        ("running", "cannot read it", True, "cannot read it"),
    ],
)
def test_where_there_are_no_curves_it_is_said_why(
    state: str, problem: str, whole: bool, told: str
) -> None:
    waiting = RunSummary("/r", "r", state=state, started=880.0)
    assert told in why_no_curves(waiting, whole, problem, 1000.0)


def test_a_watch_looks_only_while_it_is_on() -> None:
    looks: list[int] = []

    def see() -> tuple[bool, bool]:
        looks.append(1)
        return False, False

    watch = Watch("test", see, print, fastest=0.25)
    resting = watch.look()
    watch._on = True
    waits = watch.look()
    assert (looks, resting > 1000, waits) == ([1], True, 0.25)


class OneWidget(App[None]):
    """An app with a head and a line of keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "first", "First thing"),
        Binding("b", "second", "Second thing"),
        Binding("c", "hidden", "Hidden", show=False),
        Binding("escape", "back", "Back"),
        Binding("question_mark", "help", "Help", key_display="?"),
    ]  # fmt: skip

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look
        self.done: list[str] = []

    def compose(self) -> ComposeResult:
        yield RunHead(self.look)
        yield KeyLine()

    def action_second(self) -> None:
        self.done.append("second")


def a_run(**fields: Any) -> RunSummary:
    values: dict[str, Any] = {
        "state": "running", "sentence": "last event 3 s ago", "loop": "ae", "encoder": "mlp",
        "latent_space": "vq", "seed": 7, "epochs": 20, "epochs_done": 5, "eta_s": 90.0,
        "throughput": 5432.1, "host": "wn-1", "job_id": "12.0", "attempts": 3,
        "tags": ("good",), "note": "a note", "config": {"phase1.trainer.lr": 0.01},
        "numbers": {"val_loss": Number(0.5, 500, 4, 0.25, 300, 2)},
    }  # fmt: skip
    return RunSummary("/r/run_x", "run_x", **(values | fields))


async def head_of(shown: RunSummary, width: int, height: int, look: Look) -> list[str]:
    app = OneWidget(look)
    async with app.run_test(size=(width, height)) as pilot:
        app.query_one(RunHead).show_run(shown, height)
        lines = 1 if height < 12 else 2 if height < 20 else 3
        await wait_for(pilot, lambda: app.query_one(RunHead).size.height == lines)
        await pilot.pause()
        return lines_of(app)


def test_the_head_tells_state_origin_place_and_progress() -> None:
    async def test() -> None:
        lines = await head_of(a_run(), 120, 40, Look())
        assert lines[0].startswith(" ▶ running  run_x  last event 3 s ago  #good  a note")
        assert lines[0].endswith("2 restarts")
        assert lines[1].startswith(" ae  mlp > vq  lr 0.01  seed 7")
        assert lines[1].endswith("wn-1  job 12.0")
        assert "━━━━━────────" in lines[2]
        assert "5/20 epochs  1m 30s left  best val_loss 0.25 in epoch 2  5,432 events/s" in lines[2]

    run(test())


@pytest.mark.parametrize(("height", "n_lines"), [(5, 1), (16, 2), (30, 3)])
def test_the_head_is_as_high_as_there_is_room_for(height: int, n_lines: int) -> None:
    async def test() -> None:
        lines = await head_of(a_run(), 60, height, Look())
        assert [bool(line) for line in lines[: n_lines + 1]] == [True] * n_lines + [False]

    run(test())


def test_the_head_is_ascii_where_that_is_asked_for() -> None:
    async def test() -> None:
        lines = await head_of(a_run(), 100, 30, Look(ascii=True))
        assert "".join(lines[:3]).isascii()
        assert "> running" in lines[0]

    run(test())


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (60, " a First thing  b Second thing            esc Back  ? Help"),
        (40, " a First thing        esc Back  ? Help"),
        (20, " esc Back  ? Help"),
    ],
)
def test_the_line_of_keys_shows_what_fits_and_always_the_way_out(width: int, shown: str) -> None:
    async def test() -> None:
        app = OneWidget(Look())
        async with app.run_test(size=(width, 10)) as pilot:
            await wait_for(pilot, lambda: "Help" in text_of(app))
            assert lines_of(app)[-1].replace(" ", "") == shown.replace(" ", "")

    run(test())


def test_a_click_on_a_key_presses_it() -> None:
    async def test() -> None:
        app = OneWidget(Look())
        async with app.run_test(size=(60, 10)) as pilot:
            await wait_for(pilot, lambda: "Help" in text_of(app))
            await pilot.click(KeyLine, offset=(18, 0))
            await wait_for(pilot, lambda: app.done)
            assert app.done == ["second"]

    run(test())
