"""Figures: which are due, what is written, and that no data whatever stops a run."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from engine.monitoring import orchestrator
from engine.monitoring.families import (
    losses,
)
from tests.engine.figures import (
    FAMILIES,
    PNG,
    Payload,
    config,
    payload_in,
)


@pytest.fixture
def payload(tmp_path: Path) -> Payload:
    return payload_in(tmp_path)


# What is due


def test_an_epoch_is_due_when_it_completes_a_round() -> None:
    due = [
        epoch
        for epoch in range(22)
        if orchestrator.due_families(config("losses"), FAMILIES, "on_epoch_end", epoch)
    ]
    assert due == [9, 19]


@pytest.mark.parametrize("every", [0, -1])
def test_no_epoch_is_due_when_there_is_no_round(every: int) -> None:
    settings = config("losses", figure_every_epochs=every)
    assert orchestrator.due_families(settings, FAMILIES, "on_epoch_end", 0) == []
    assert orchestrator.due_families(settings, FAMILIES, "on_train_end", 0) == ["losses"]


@pytest.mark.parametrize(
    ("settings", "supported", "moment"),
    [
        (config("losses", make_plots=False), FAMILIES, "on_train_end"),
        (config("losses", save_artifacts=False), FAMILIES, "on_train_end"),
        (config("losses", moments=["on_test_end"]), FAMILIES, "on_train_end"),
        (config("losses", moments=None), FAMILIES, "on_train_end"),
        (config("losses"), FAMILIES, "on_start"),
        (config("losses"), {"recon"}, "on_train_end"),
        (config("losses"), FAMILIES, "on_epoch_end"),  # of an unknown epoch
        ({"families": {"losses": {"enabled": False}}}, FAMILIES, "on_train_end"),
        ({"families": {"losses": {}}}, FAMILIES, "on_train_end"),
        ({"families": None}, FAMILIES, "on_train_end"),
        ({}, FAMILIES, "on_train_end"),
    ],
)
def test_nothing_is_due(settings: dict[str, Any], supported: set[str], moment: str) -> None:
    assert orchestrator.due_families(settings, supported, moment, None) == []
    assert orchestrator.due_families(OmegaConf.create(settings), supported, moment, None) == []


def test_what_belongs_to_the_test_is_drawn_after_it_and_nothing_else_is() -> None:
    settings = config("losses", "evaluation")
    supported = {"evaluation", "losses"}
    assert orchestrator.due_families(settings, supported, "on_test_end", 3) == ["evaluation"]
    assert orchestrator.due_families(settings, supported, "on_train_end", 3) == ["losses"]


def test_a_family_without_a_module_is_left_out() -> None:
    settings = config("losses", "to_come")
    supported = {"to_come", "losses"}
    assert orchestrator.due_families(settings, supported, "on_train_end", 3) == ["losses"]


# What is written


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_each_family_writes_one_png_under_its_name(family: str, payload: Payload) -> None:
    moment = "on_test_end" if family in orchestrator.OF_THE_TEST else "on_epoch_end"
    paths = orchestrator.handle_event(config(family), FAMILIES, moment, payload)
    folder = Path(payload["run_dir"]) / "figures"
    assert paths == [folder / f"{family}-{moment}-e009.png"]
    assert list(folder.iterdir()) == paths  # no temporary file is left
    content = paths[0].read_bytes()
    assert content.startswith(PNG)
    assert len(content) > 2000


@pytest.mark.parametrize(("fig_format", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_vector_formats(fig_format: str, start: bytes, payload: Payload) -> None:
    settings = config("losses", fig_format=fig_format)
    (path,) = orchestrator.handle_event(settings, FAMILIES, "on_train_end", payload)
    assert path.suffix == f".{fig_format}"
    assert path.read_bytes().startswith(start)


@pytest.mark.parametrize("make", [dict, OmegaConf.create])
def test_a_plain_dict_and_a_hydra_config_give_the_same(
    make: Callable[[dict[str, Any]], Any], payload: Payload
) -> None:
    settings = make(config("losses"))
    (path,) = orchestrator.handle_event(settings, FAMILIES, "on_train_end", payload)
    assert path.name == "losses-on_train_end-e009.png"


def test_a_struct_config_without_any_key_is_accepted(payload: Payload) -> None:
    settings = OmegaConf.create({})
    OmegaConf.set_struct(settings, True)
    assert orchestrator.handle_event(settings, FAMILIES, "on_train_end", payload) == []


@pytest.mark.parametrize(("n_epochs", "name"), [(0, "e000"), (1, "e000"), (7, "e006")])
def test_an_unknown_epoch_is_the_last_of_the_histories(
    n_epochs: int, name: str, payload: Payload
) -> None:
    payload.update(epoch=None)
    payload["histories"]["train_loss"] = [0.5] * n_epochs
    (path,) = orchestrator.handle_event(config("losses"), FAMILIES, "on_train_end", payload)
    assert path.stem.endswith(name)


def test_a_second_figure_replaces_the_first(payload: Payload) -> None:
    for _ in range(2):
        paths = orchestrator.handle_event(config("losses"), FAMILIES, "on_train_end", payload)
    assert list(paths[0].parent.iterdir()) == paths


def test_the_settings_of_the_caller_survive(payload: Payload) -> None:
    before = dict(matplotlib.rcParams)
    orchestrator.handle_event(config("losses"), FAMILIES, "on_train_end", payload)
    assert dict(matplotlib.rcParams) == before


# What goes wrong


def test_a_failing_family_is_logged_and_the_others_are_drawn(
    payload: Payload, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Payload) -> Figure:
        raise ValueError("no such\nthing")

    monkeypatch.setattr(losses, "draw", fail)
    caplog.set_level(logging.DEBUG, logger="engine.monitoring")
    settings = config("losses", "latency")
    paths = orchestrator.handle_event(settings, FAMILIES, "on_train_end", payload)
    assert [path.name for path in paths] == ["latency-on_train_end-e009.png"]
    warning, trace = (r for r in caplog.records if r.name == "engine.monitoring")
    for word in ("losses", "on_train_end", "ValueError", "no such thing"):
        assert word in warning.getMessage()
    assert warning.levelno == logging.WARNING
    assert warning.exc_info is None
    assert trace.levelno == logging.DEBUG
    assert trace.exc_info


def test_a_figure_that_cannot_be_written_leaves_no_file(
    payload: Payload, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_the_disk(self: Figure, path: Path, **_: Any) -> None:
        path.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(Figure, "savefig", fill_the_disk)
    assert orchestrator.handle_event(config("losses"), FAMILIES, "on_train_end", payload) == []
    assert list((Path(payload["run_dir"]) / "figures").iterdir()) == []


@pytest.mark.parametrize("broken", [{"fig_format": "nonsense"}, {"dpi": -1}])
def test_impossible_settings_do_not_raise(broken: dict[str, Any], payload: Payload) -> None:
    settings = config("losses", **broken)
    assert orchestrator.handle_event(settings, FAMILIES, "on_train_end", payload) == []


def test_an_event_without_data_draws_nothing_and_says_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    empty = {"run_dir": tmp_path, "epoch": None, "histories": None}
    paths = orchestrator.handle_event(config(*FAMILIES), FAMILIES, "on_train_end", empty)
    assert paths == []
    assert not [r for r in caplog.records if r.name == "engine.monitoring"]
    assert not (tmp_path / "figures").exists()


# What is loaded


def test_nothing_heavy_is_loaded_until_a_figure_is_due(tmp_path: Path) -> None:
    code = f"""
import sys
from engine.monitoring.orchestrator import handle_event
settings = {{"families": {{"losses": {{"enabled": True}}}}}}
event = {{"run_dir": {str(tmp_path)!r}, "epoch": 0, "histories": {{"train_loss": [1.0]}}}}
assert handle_event(settings, {{"losses"}}, "on_epoch_end", event) == []
print([name for name in ("matplotlib", "numpy", "torch") if name in sys.modules])
assert handle_event(settings, {{"losses"}}, "on_train_end", event)
print([name for name in ("matplotlib.pyplot", "torch") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]
