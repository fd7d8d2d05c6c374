"""`engine plot`: curves in characters, whose every spike is seen."""

from __future__ import annotations

import io
import json
import math
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.cli import main
from engine.cli.curves import Subject
from engine.cli.picture import SMALLEST, Curve, Look, Panel, draw
from engine.cli.plot import Screen, watch
from engine.cli.scales import scale_of
from engine.facts import RunDir
from tests.bench.tree import config_of, events_of, line_of, make_run, make_tree

ESCAPE = "\x1b"
floats = st.floats(allow_nan=True, allow_infinity=True, width=64)


@pytest.fixture
def runs(own_folder: Path) -> list[Path]:
    return make_tree(own_folder / "outputs", 2, epochs=8)


def drawn(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What the command prints."""
    capsys.readouterr()
    assert main(["plot", *words]) == 0
    return capsys.readouterr().out


def points(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    """What `--json` prints."""
    panels: list[dict[str, Any]] = json.loads(drawn(capsys, *words, "--json"))
    return panels


def test_one_run_shows_both_losses_and_several_runs_their_validation(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (panel,) = points(capsys, "job0")
    assert [curve["label"] for curve in panel["curves"]] == ["train_loss", "val_loss"]
    assert panel["curves"][0]["x"] == list(range(8))
    (panel,) = points(capsys, "job0", "job1")
    assert [curve["label"] for curve in panel["curves"]] == ["lr=0.01, seed=0", "lr=0.001, seed=1"]
    assert panel["title"] == "val_loss"


def test_numbers_share_a_picture_only_if_they_are_losses_of_one_run(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["val_loss", "token_mse", "train_loss"]
    titles = [panel["title"] for panel in points(capsys, "job0", *words)]
    assert titles == [
        f"{names} of {runs[0].name}" for names in ("val_loss, train_loss", "token_mse")
    ]
    assert len(points(capsys, "job0", *words, "--split")) == 3
    assert [panel["title"] for panel in points(capsys, "job0", "job1", *words)] == words


@pytest.mark.parametrize(("x", "last"), [("epoch", 7.0), ("step", 800.0), ("time", 8.0)])
def test_the_axis_across_is_what_is_asked_for(
    runs: list[Path], capsys: pytest.CaptureFixture[str], x: str, last: float
) -> None:
    (panel,) = points(capsys, "job0", "val_loss", "--x", x)
    assert panel["curves"][0]["x"][-1] == last
    assert panel["x"] == {"time": "minutes of training"}.get(x, x)


def test_a_word_that_is_neither_a_run_nor_a_number_is_told_with_the_nearest(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plot", "job0", "val_los"]) == 2
    assert "Did you mean val_loss" in capsys.readouterr().err
    assert main(["plot", "val_loss"]) == 2
    assert main(["plot", "job0", "--smooth", "1"]) == 2
    assert drawn(capsys, "job0", "--list").split() >= ["token_mse"]
    assert "val_loss" in drawn(capsys, "job0", "--list").split()


def test_a_pipe_gets_plain_text_of_the_size_that_is_asked_for(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["job0"], ["job0", "job1"], ["job0", "val_loss", "--log-y"]):
        text = drawn(capsys, *words, "--width", "61", "--height", "17")
        assert ESCAPE not in text
        lines = text.removesuffix("\n").split("\n")
        assert len(lines) == 17
        assert max(map(len, lines)) <= 61
    assert drawn(capsys, "job0", "val_loss", "--ascii").isascii()
    assert not drawn(capsys, "job0", "val_loss").isascii()


class Terminal(io.StringIO):
    """A standard output that is a terminal, in UTF-8."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_has_colours_unless_nobody_wants_them(
    runs: list[Path], monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for coloured in (True, False):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stdout", terminal)
        assert main(["plot", "job0"]) == 0
        assert (f"{ESCAPE}[38;5;" in terminal.getvalue()) is coloured
        monkeypatch.setenv(variable, value)


def test_a_spike_of_one_step_is_drawn_however_narrow_the_picture(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_run(own_folder / "outputs" / "runs" / "run_a", epochs=0, end=None)
    events = list(events_of(path, config_of(0, 3000), 3000, None))
    events[1234]["val_loss"] = 99.0
    events[2000]["val_loss"] = None
    RunDir(path).events.write_text("".join(line_of(event) + "\n" for event in events))
    (panel,) = points(capsys, "run_a", "val_loss", "--width", "30")
    (curve,) = panel["curves"]
    assert len(curve["y"]) <= 60
    assert 99.0 in curve["y"]
    assert None in curve["y"]
    top = drawn(capsys, "run_a", "val_loss", "--width", "30", "--ascii").split("\n")[1:4]
    assert any("*" in line for line in top)
    smooth = points(capsys, "run_a", "val_loss", "--smooth", "0.9")[0]["curves"][0]["y"]
    assert max(value for value in smooth if value is not None) < 20


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.tuples(floats, floats), max_size=8), min_size=1, max_size=3),
    st.booleans(),
    st.booleans(),
    st.integers(SMALLEST[0], 90),
    st.integers(SMALLEST[1], 24),
    st.booleans(),
)
def test_any_numbers_fit_into_any_picture(
    lines: list[list[tuple[float, float]]],
    log_x: bool,
    log_y: bool,
    width: int,
    height: int,
    ascii_only: bool,
) -> None:
    curves = [
        Curve(f"curve {i}", [x for x, _ in line], [y for _, y in line], i)
        for i, line in enumerate(lines)
    ]
    look = Look(width, height, coloured=False, ascii=ascii_only, log_x=log_x, log_y=log_y)
    text = draw(Panel("title", curves, "step", [1.0]), look)
    assert len(text.split("\n")) == height
    assert max(map(len, text.split("\n"))) <= width


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), st.booleans())
def test_every_value_has_its_place_in_order_and_ticks_lie_within(
    values: list[float], log: bool
) -> None:
    scale = scale_of(values, log=log)
    seen = sorted(value for value in values if value > 0 or not log)
    places = [scale.place(value) for value in seen]
    assert all(0 <= place <= 1 for place in places)
    assert places == sorted(places)
    assert all(math.isnan(scale.place(value)) for value in values if log and value <= 0)
    ticks = scale.ticks(6)
    assert len(ticks) <= 25
    assert all(0 <= tick.place <= 1 for tick in ticks)


def test_following_draws_what_comes_and_ends_with_the_run(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_run(own_folder / "outputs" / "runs" / "run_a", epochs=6)
    lines = RunDir(path).events.read_text().splitlines(keepends=True)
    RunDir(path).events.write_text("".join(lines[:3]))
    now = [0.0]
    (path / "attempts" / "1.json").unlink()
    os.utime(RunDir(path).events)
    subject = Subject(path, clock=lambda: now[0])

    def wait(seconds: float) -> None:
        now[0] += seconds
        if now[0] > 100:
            raise TimeoutError
        if len(lines) > 3:
            with RunDir(path).events.open("a") as file:
                file.write(lines.pop(3))

    def picture() -> str:
        return f"{len(subject.curves.series('val_loss').values)} epochs"

    watch([subject], picture, wait=wait, clock=lambda: now[0])
    pictures = capsys.readouterr().out.split("\n\f\n")
    assert pictures[0] == "2 epochs"
    assert pictures[-2:] == ["6 epochs", ""]
    assert subject.run.state == "finished"


def test_a_picture_takes_the_place_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("LINES", "5")
    screen = Screen()
    screen.show("a\nb\nc")
    screen.show("d\ne")
    screen.show("\n".join("fghijkl"))
    moves = re.findall(r"\x1b\[(\d+)A", terminal.getvalue())
    assert moves == ["3", "2"]
    assert "i" in terminal.getvalue()
    assert "j" not in terminal.getvalue()


def test_following_ends_with_the_last_picture_of_a_run_that_is_over(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    once = drawn(capsys, "job0")
    assert drawn(capsys, "job0", "--follow") == f"{once}\f\n"
    (line,) = drawn(capsys, "job0", "--follow", "--json").splitlines()
    assert json.loads(line) == points(capsys, "job0")


def test_plotting_loads_nothing_heavy_and_works_in_a_real_terminal(runs: list[Path]) -> None:
    code = (
        "import sys; from engine.cli import main; code = main(['plot', 'job0', 'job1']);"
        "heavy = {'torch', 'numpy', 'pandas', 'matplotlib'} & set(sys.modules);"
        "sys.exit(code or len(heavy))"
    )
    ours, theirs = pty.openpty()
    try:
        answer = subprocess.run([sys.executable, "-c", code], stdout=theirs, timeout=60)
        os.close(theirs)
        assert answer.returncode == 0
        assert b"val_loss" in os.read(ours, 1 << 16)
    finally:
        os.close(ours)
