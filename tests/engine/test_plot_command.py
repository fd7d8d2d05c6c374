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
from engine.cli.curves import Subject, Wanted, build_panels
from engine.cli.picture import SMALLEST, Curve, Look, Panel, draw
from engine.cli.scales import scale_of
from engine.cli.screen import Screen, watch
from engine.facts import RunDir
from engine.library.index import summarise
from tests.bench.tree import config_of, events_of, line_of, make_run, make_tree, write_run

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
    for wrong in ("--smooth 1", "--width -3", "--height 0", "--seeds --x time"):
        assert main(["plot", "job0", *wrong.split()]) == 2
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


def test_of_many_curves_the_best_are_named_in_a_quarter_of_the_picture(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = make_tree(own_folder / "outputs", 14, epochs=3)
    best = {path: summarise(path).numbers["val_loss"].best for path in paths}
    seeds = [paths.index(path) for path in sorted(paths, key=best.__getitem__)]
    lines = drawn(capsys, "run_*", "--width", "80", "--height", "24").split("\n")
    assert lines[0] == "val_loss by lr seed   14 finished"
    end = next(number for number, line in enumerate(lines) if line.startswith("and 6 more"))
    assert end <= 24 // 4
    named = re.findall(r"[*o+x#@%&] [\d.]+ (\d+)  ([\d.]+)", "\n".join(lines[1:end]))
    assert sorted(int(seed) for seed, _ in named) == sorted(seeds[:8])
    for seed, value in named:
        last = summarise(paths[int(seed)]).numbers["val_loss"].last
        assert float(value) == pytest.approx(last, rel=1e-3)
    assert any("." in line[12:] for line in lines[end + 1 : -3])
    assert "--seeds" in lines[end]
    highest = {path: summarise(path).numbers["id_accuracy"].best for path in paths}
    seeds = [paths.index(path) for path in sorted(paths, key=highest.__getitem__)]
    text = drawn(capsys, "run_*", "id_accuracy", "--width", "80", "--height", "24")
    named = re.findall(r"[*o+x#@%&] [\d.]+ (\d+)  ", text)
    assert sorted(map(int, named)) == sorted(seeds[-8:])
    for height in (9, 13):
        lines = drawn(capsys, "run_*", "--width", "50", "--height", str(height)).split("\n")
        assert next(n for n, line in enumerate(lines) if " more " in line) == height // 4
    tiny = drawn(capsys, "run_*", "--width", "30", "--height", "8").removesuffix("\n").split("\n")
    assert len(tiny) == 8
    assert "more" in tiny[2]


def test_the_legend_tells_the_last_and_the_best_value(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events_with(own_folder / "outputs" / "runs" / "run_a", [0.5, 0.25, 0.75])
    head = drawn(capsys, "run_a", "val_loss", "--width", "100").split("\n")[0]
    assert head == "val_loss of run_a   0.7500, best 0.2500   epoch 3/3, finished"


def events_with(path: Path, losses: list[float | None], seed: int = 0, **trainer: float) -> Path:
    """A finished run with these validation losses."""
    cfg = config_of(seed, len(losses))
    cfg["phase1"]["trainer"] |= trainer
    events = list(events_of(path, cfg, len(losses)))
    for event, loss in zip(events[1:], losses, strict=False):
        event["val_loss"] = loss
    write_run(path, events, seed, cfg)
    return path


def test_seeds_are_one_curve_as_far_as_all_of_them_have_come(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = own_folder / "outputs" / "runs"
    events_with(root / "run_a", [1.0, 0.5, 0.25], seed=1, lr=0.1)
    events_with(root / "run_b", [3.0, None, 0.75], seed=2, lr=0.1)
    longer = events_with(root / "run_c", [2.0, 0.5, 0.5], seed=3, lr=0.1)
    events_with(root / "run_d", [9.0, 8.0], seed=3, lr=0.5, epochs=3)
    lines = RunDir(longer).events.read_text().splitlines(keepends=True)
    RunDir(longer).events.write_text("".join(lines[:4]))
    (panel,) = points(capsys, "run_*", "--seeds")
    mean, alone = panel["curves"]
    assert (mean["label"], alone["label"]) == ("lr=0.1", "lr=0.5")
    assert mean["x"] == [0, 1, 2]
    assert mean["y"] == [2.0, None, 0.5]
    assert alone["y"] == [9.0, 8.0]
    assert "0.50 ± 0.25 (n = 3)" in drawn(capsys, "run_*", "--seeds")
    (path,) = root.glob("run_c")
    RunDir(path).events.write_text("".join(lines[:3]))
    assert points(capsys, "run_*", "--seeds")[0]["curves"][0]["x"] == [0, 1]


@pytest.mark.parametrize(("x", "at"), [("epoch", 1.5), ("step", 200.0), ("time", 2.0)])
def test_a_restart_is_marked_where_the_run_went_on(
    own_folder: Path, capsys: pytest.CaptureFixture[str], x: str, at: float
) -> None:
    path = make_run(own_folder / "outputs" / "runs" / "run_a", epochs=0, end=None)
    events = list(events_of(path, config_of(0, 4), 4))
    again = json.loads(json.dumps(events[0])) | {"epoch": 2, "step": 200, "total_time_s": 120.0}
    again["meta"] |= {"attempt": 2, "resumed_from": {"epoch": 2, "step": 200}}
    lines = [line_of(event) for event in [*events[:3], again, *events[3:]]]
    RunDir(path).events.write_text("\n".join(lines) + "\n")
    (panel,) = points(capsys, "run_a", "--x", x)
    assert panel["restarts"] == [at]
    make_run(own_folder / "outputs" / "runs" / "run_b", epochs=4)
    assert points(capsys, "run_a", "run_b", "--x", x)[0]["restarts"] == []
    again |= {"epoch": 0, "step": 0, "total_time_s": 0.0}  # begun again from the first step
    again["meta"] |= {"resumed_from": None}
    lines = [line_of(event) for event in [*events[:3], again, *events[1:]]]
    RunDir(path).events.write_text("\n".join(lines) + "\n")
    assert points(capsys, "run_a", "--x", x)[0]["restarts"] == []


def test_a_gap_is_not_drawn_through() -> None:
    ys = [0.5] * 10 + [math.nan] * 20 + [0.5] * 10
    look = Look(60, 12, coloured=False, ascii=True)
    text = draw(Panel("a", [Curve("a", range(40), ys, 0)], "step"), look)
    (line,) = (line for line in text.split("\n")[1:-2] if "*" in line)
    body = line.partition("+")[2] or line.partition("|")[2]
    assert body[len(body) // 3 : 2 * len(body) // 3].strip() == ""
    assert body[:5].strip() == "*****"
    whole = draw(Panel("a", [Curve("a", range(40), [0.5] * 40, 0)], "step"), look)
    assert max(line.count("*") for line in whole.split("\n")) > 50


def test_where_curves_meet_the_first_one_is_seen() -> None:
    curves = [Curve(name, range(9), range(9), colour) for colour, name in enumerate("ab")]
    text = draw(Panel("a", curves, "step"), Look(40, 12, coloured=False))
    assert "*" in text.split("\n", 2)[2]
    assert "o" not in text.split("\n", 2)[2]


def test_a_loss_that_was_never_finite_is_said_to_be_so(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_run(own_folder / "outputs" / "runs" / "run_a", epochs=2)
    events = [json.loads(line) for line in RunDir(path).events.read_text().splitlines()]
    for event in events:
        event |= {"train_loss": None, "val_loss": None, "nonfinite": ["train_loss", "val_loss"]}
    RunDir(path).events.write_text("".join(line_of(event) + "\n" for event in events))
    assert main(["plot", "run_a"]) == 0
    out, err = capsys.readouterr()
    assert "run_a: no value of train_loss and of val_loss is finite" in err
    assert "(no values)" in out


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
        assert now[0] < 100
        if len(lines) > 3:
            with RunDir(path).events.open("a") as file:
                file.write(lines.pop(3))

    def picture() -> str:
        (panel,) = build_panels([subject], Wanted(["val_loss"], None, 0.0, False, False, 80))
        return panel.status

    watch([subject], picture, wait=wait, clock=lambda: now[0])
    pictures = capsys.readouterr().out.split("\n\f\n")
    assert pictures[0] == "epoch 2/6, running, 3m 59s left"
    assert pictures[-2:] == ["epoch 6/6, finished", ""]
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
