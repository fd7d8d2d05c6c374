"""The command `thesis-tui`."""

from __future__ import annotations

import json
import platform
import re
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

import engine
import engine.cli
from tests.bench.tree import make_tree
from tests.tui.assorted import NOW
from tui.app import ThesisApp
from tui.arguments import main


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is remembered in the developer's own folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def root(own_folder: Path) -> Path:
    """Three runs in `outputs`, where the command looks by itself."""
    make_tree(own_folder / "outputs", 3, epochs=2)
    return own_folder / "outputs"


def picture(file: Path) -> str:
    """The text in a picture; blanks are as they are on the screen."""
    texts = ElementTree.parse(file).iter("{http://www.w3.org/2000/svg}text")
    return " ".join("".join(text.itertext()) for text in texts).replace("\xa0", " ")


def test_help_tells_options_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    for word in ("usage: thesis-tui", "--screenshot", "--read-only", "examples", "NO_COLOR"):
        assert word in told


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"thesis-ml {engine.__version__}\n"


@pytest.mark.parametrize("words", [["--json"], ["--sort", "-lr"], ["seed=1"], ["--limit", "1"]])
def test_once_prints_what_engine_runs_prints(
    root: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)
    assert main(["--once", *words]) == 0
    printed = capsys.readouterr().out
    assert engine.cli.main(["runs", *words]) == 0
    assert printed == capsys.readouterr().out
    assert "run_2025" in printed
    if words == ["--json"]:
        assert len(json.loads(printed)) == 3


def test_without_a_terminal_it_says_so_in_one_sentence(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert "thesis-tui needs a terminal" in err
    assert "--once" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("size", ["120", "x", "19x40", "120x4", "501x40", "-120x40", "1e2x40"])
def test_a_size_that_is_none_is_told_with_the_right_form(
    root: Path, capsys: pytest.CaptureFixture[str], size: str
) -> None:
    assert main(["--screenshot", "a.svg", f"--size={size}"]) == 2
    assert "write it as 120x40, from 20x5 to 500x200" in capsys.readouterr().err
    assert not Path("a.svg").exists()


def test_a_picture_shows_the_runs_and_names_no_machine_or_server(root: Path) -> None:
    assert main(["--screenshot", "runs.svg", "--size", "100x20"]) == 0
    shown = picture(Path("runs.svg"))
    for number in range(3):
        assert f"ae_job{number}" in shown
    source = re.sub("<!--.*?-->|http://www.w3.org/", "", Path("runs.svg").read_text())
    assert "://" not in source
    assert platform.node() not in source


def test_keys_are_pressed_before_the_picture(root: Path) -> None:
    assert main(["--screenshot", "help.svg", "--press", "question_mark"]) == 0
    assert "this screen" in picture(Path("help.svg"))
    assert main(["--screenshot", "one.svg", "--run", "last", "--press", "3"]) == 0
    assert "codebook_size" in picture(Path("one.svg"))


def test_keys_that_no_keyboard_has_are_refused(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = "a,slash,ctrl+p,shift+tab,f1,greater_than_sign,nosuchkey,ctrl+nokey"
    assert main(["--screenshot", "none.svg", "--press", keys]) == 2
    message = capsys.readouterr().err
    assert "no key has the name nosuchkey, ctrl+nokey" in message
    assert not Path("none.svg").exists()


def test_a_picture_of_what_is_filtered(root: Path) -> None:
    assert main(["seed=1", "--screenshot", "one.svg", "--ascii", "--light"]) == 0
    shown = picture(Path("one.svg"))
    assert "1 of 3 runs" in shown
    assert "job1" in shown
    assert "job2" not in shown


def test_a_picture_of_a_root_that_is_not_there_is_the_screen_for_that(own_folder: Path) -> None:
    assert main(["--root", "nowhere", "--screenshot", "none.svg"]) == 0
    shown = picture(Path("none.svg"))
    assert "looks again by itself" in shown
    assert "nowhere" in shown


def test_a_picture_that_is_no_svg_is_not_drawn(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--screenshot", "runs.png"]) == 2
    assert "the picture is an SVG" in capsys.readouterr().err
    assert not Path("runs.png").exists()


def test_a_picture_that_cannot_be_written_is_told(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").touch()
    assert main(["--screenshot", "file/runs.svg"]) == 1
    told = capsys.readouterr().err
    assert "runs.svg" in told
    assert "Traceback" not in told


@pytest.mark.parametrize("name", ["nothing", "run_2025"])
def test_a_run_that_is_not_one_is_told_before_anything_opens(
    root: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["--run", name, "--screenshot", "a.svg"]) == 2
    assert name in capsys.readouterr().err
    assert not Path("a.svg").exists()


def test_a_filter_that_cannot_be_read_is_told(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lr>=", "--screenshot", "a.svg"]) == 2
    assert "lr" in capsys.readouterr().err
    assert not Path("a.svg").exists()


def test_packages_are_trusted_as_by_the_engine(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("THESIS_TRUST", "third")
    apps: list[ThesisApp] = []
    monkeypatch.setattr("tui.screenshot.write_screenshot", lambda app, *_: apps.append(app))
    assert main(["--screenshot", "a.svg", "--trust", "first", "--trust", "second"]) == 0
    assert apps[0].settings.trusted == ("first", "second", "third")
