"""`engine diff`: results first, components by their names, and as wide as there is room."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.cli import main
from engine.facts.text import plain
from tests.bench.tree import BEGUN, config_of, events_of, write_run

PARTS = "engine.architectures.autoencoder"


def make(name: str, space: str, **more: Any) -> Path:
    """A run in `outputs` with another latent space and settings of its own."""
    path = Path("outputs/runs").absolute() / name
    cfg = config_of(0, 1)
    cfg["phase1"]["latent_space"] = {"_target_": f"{PARTS}.latent_spaces.{space}"} | more
    write_run(path, list(events_of(path, cfg, 1, "on_train_end", False, BEGUN)), 0, cfg)
    return path


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Standard output that says it is a terminal without colours, 100 columns wide."""
    monkeypatch.setattr("engine.cli.diff.on_terminal", lambda: True)
    for name, value in {"COLUMNS": "100", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(["diff", *words]) == 0
    return plain(capsys.readouterr().out, keep_lines=True).splitlines()


def test_components_stand_by_their_names_and_their_own_keys_below(
    terminal: None, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make("a", "vq.VectorQuantiser", codebook_size=512, latent_dim=1)
    make("b", "none.Identity", latent_dim=2)
    lines = [line.split() for line in printed(capsys, "a", "b")]
    kinds = [line[0] for line in lines]
    assert kinds.index("best") < kinds.index("result") < kinds.index("config")
    assert [line for line in lines if line[0] == "config"] == [
        ["config", "latent_space", "vq", "none"],
        ["config", "latent_space.latent_dim", "1", "2"],
        ["config", "codebook_size", "512"],
    ]
    assert main(["diff", "a", "b", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["config"]["phase1.latent_space._target_"][1].endswith("none.Identity")
    assert told["runs"][0].keys() == {"name", "path", "state"}


def test_two_classes_of_one_module_are_told_apart(
    terminal: None, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make("a", "vq.VectorQuantiser")
    make("b", "vq.Residual")
    assert ["config", "latent_space", "vq.VectorQuantiser", "vq.Residual"] in [
        line.split() for line in printed(capsys, "a", "b")
    ]


def test_a_number_and_a_flag_differ(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make("a", "none.Identity", scale=1, size=2)
    make("b", "none.Identity", scale=True, size=2.0)
    rows = [line.split("\t") for line in printed(capsys, "a", "b")]
    assert [row[1:] for row in rows if row[0] == "config"] == [
        ["phase1.latent_space.scale", "1", "true"]
    ]


def test_a_long_config_is_cut_on_a_terminal_and_whole_elsewhere(
    terminal: pytest.MonkeyPatch, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("a", 1), ("b", 2)):
        make(name, "none.Identity", **{f"key_{n}": value for n in range(30)})
    assert main(["diff", "a", "b"]) == 0
    out, err = capsys.readouterr()
    assert out.count("\nconfig ") == 20
    assert "10 more keys (--all shows every key)" in err
    assert "\n".join(printed(capsys, "a", "b", "--all")).count("key_") == 30
    terminal.setattr("engine.cli.diff.on_terminal", lambda: False)
    assert "\n".join(printed(capsys, "a", "b")).count("key_") == 30


@pytest.mark.parametrize("width", [10, 20, 30, 40, 60, 120])
def test_no_run_is_dropped_however_narrow_the_terminal(
    width: int,
    terminal: pytest.MonkeyPatch,
    own_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal.setenv("COLUMNS", str(width))
    make("a", "vq.VectorQuantiser", a_setting_with_a_name_that_is_rather_long=1)
    make("b", "none.Identity")
    text = "\n".join(lines := printed(capsys, "a", "b"))
    assert max(map(len, lines)) <= width
    if width >= 30:
        rows = text[text.index("latent_space") :].split()[1:5]
        assert {"vq", "none"} <= set(rows)
