"""Code of the user's own: the blocks of the training guide, run as they stand there."""

from __future__ import annotations

import importlib
import json
import math
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from textwrap import indent
from typing import Any

import h5py
import pytest
import torch
from omegaconf import OmegaConf

import engine
import engine.cli.train
from engine.cli import main as engine_main
from engine.config.complete import complete
from engine.config.paths import sample_dir
from engine.facts import read_events, read_scalars
from engine.training_loops.checkpoints import load_checkpoint
from tests.conftest import Outcome

Train = Callable[..., Outcome]

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "TRAINING_GUIDE.md"
BLOCKS = dict(
    re.findall(r"^```\w+ (\S+)\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.M | re.S)
)
"""Name of a file in the guide to its text."""

LOOP = "engine/training_loops/my_loop.py"
PACKAGES = (
    "engine.training_loops",
    "engine.architectures.autoencoder.encoders",
    "engine.architectures.autoencoder.losses",
    "engine.data",
)
"""Where the guide adds modules."""


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def in_ours(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The guide's files as if they lay in our packages: in a folder that these look into too."""
    folder = own_folder / "beside"
    for name in PACKAGES:
        package = importlib.import_module(name)
        place = folder / name.replace(".", "/")
        place.mkdir(parents=True)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(place)])
    for name, text in BLOCKS.items():
        if name.startswith("engine/"):
            put(folder / name, text)
    return folder


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """`DISPATCH` as the guide writes it into `engine/cli/train.py`."""
    text = BLOCKS["engine/cli/registration.py"]
    known = vars(engine.cli.train)
    others = {name: None for name in re.findall(r"\b_\w+", text) if name not in known}
    namespace = {**others, **known}
    exec(compile(text, "registration.py", "exec"), namespace)  # noqa: S102
    monkeypatch.setattr(engine.cli.train, "DISPATCH", namespace["DISPATCH"])


def filled_loop() -> str:
    """The guide's loop with its gaps filled: training, validation, checkpoints, evaluation."""
    text = BLOCKS[LOOP].replace("import time\n", "import shutil\nimport time\n")
    for kind, depth in (("training", 12), ("validation", 16)):
        gap = indent(f"# ... {kind} logic ...\npass\n", " " * depth)
        assert gap in text
        text = text.replace(gap, indent(BLOCKS[f"{kind}_logic.py"], " " * depth))
    begin, stored = "    histories = {", '        histories["val_loss"].append(val_loss)\n'
    text = text.replace(begin, f'    best_val = float("inf")\n{begin}')
    text = text.replace(stored, stored + indent(BLOCKS["checkpoint.py"], " " * 8))
    return text + BLOCKS["batch_loss.py"]


def run_block(name: str, **namespace: Any) -> dict[str, Any]:
    """Run a block of the guide between other code; gives what it defined."""
    exec(compile(BLOCKS[name], name, "exec"), namespace)  # noqa: S102
    return namespace


def moments(outcome: Outcome) -> list[str]:
    return [record["moment"] for record in read_events(outcome.run.path).records]


def config_of(outcome: Outcome) -> dict[str, Any]:
    return read_events(outcome.run.path).of("on_start")[0]["meta"]["config"]


def test_a_loop_runs_without_touching_our_files(thesis_train: Train, own_folder: Path) -> None:
    put(own_folder / "my_package" / "my_loop.py", BLOCKS[LOOP])
    outcome = thesis_train("loop=my_package.my_loop:train", "logging.make_plots=true")
    assert outcome.code == 0
    assert moments(outcome) == ["on_start", "on_epoch_end", "on_epoch_end", "on_train_end"]
    assert [row["epoch"] for row in read_scalars(outcome.run.path)] == ["0", "1"]
    assert list(outcome.run.figures.glob("losses-*"))


@pytest.mark.usefixtures("in_ours", "registered")
def test_a_loop_of_dispatch_has_its_own_settings(thesis_train: Train, own_folder: Path) -> None:
    settings = "my_configs/my_loop_trainer.yaml"
    put(own_folder / settings, BLOCKS[settings])
    outcome = thesis_train("--config-dir", "my_configs", "loop=my_loop", "my_loop.lr=0.5")
    assert outcome.code == 0
    assert config_of(outcome)["my_loop"] == {"epochs": 20, "lr": 0.5, "custom_param": 42}
    assert thesis_train("loop=my_loop").code == 0  # and none without that file


def test_a_dotted_loop_has_its_own_settings(thesis_train: Train, own_folder: Path) -> None:
    settings = "my_configs/my_loop_trainer.yaml"
    put(own_folder / settings, BLOCKS[settings])
    put(own_folder / "my_package" / "my_loop.py", BLOCKS[LOOP])
    outcome = thesis_train("--config-dir", "my_configs", "loop=my_package.my_loop:train")
    assert outcome.code == 0
    assert config_of(outcome)["my_loop"]["custom_param"] == 42


@pytest.mark.usefixtures("in_ours")
def test_an_encoder_is_an_option_of_its_group(thesis_train: Train, own_folder: Path) -> None:
    option = "my_configs/phase1/encoder/my_encoder.yaml"
    put(own_folder / option, BLOCKS[option])
    outcome = thesis_train("--config-dir", "my_configs", "phase1/encoder=my_encoder")
    assert outcome.code == 0
    weights = load_checkpoint(outcome.run.best)
    assert weights["encoder.fc.weight"].shape == (32, 12)


@pytest.mark.usefixtures("in_ours")
def test_a_loss_of_ones_own_is_a_number() -> None:
    module = importlib.import_module("engine.architectures.autoencoder.losses.my_loss")
    loss = module.MyCustomLoss(weight=2.0)(torch.ones(3), torch.zeros(3))
    assert loss.item() == 2.0


@pytest.mark.usefixtures("in_ours")
def test_data_of_ones_own_come_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = importlib.import_module("engine.data.my_dataset")
    # What the guide leaves to fill in.
    monkeypatch.setattr(module.MyDataset, "data", torch.arange(10.0), raising=False)
    for name, value in (("val_dl", []), ("test_dl", []), ("meta", {"n_events": 10})):
        monkeypatch.setattr(module, name, value, raising=False)
    cfg = OmegaConf.create({"data": {"batch_size": 4}})
    train_dl, *others, meta = module.make_my_dataloaders(cfg)
    assert [len(batch) for batch in train_dl] == [4, 4, 2]
    assert (others, meta) == ([[], []], {"n_events": 10})


def test_the_error_event_is_written_and_the_error_goes_on(tmp_path: Path) -> None:
    text = BLOCKS["error_event.py"].replace("    ...\n", "    raise RuntimeError('no luck')\n")
    namespace = {"outdir": str(tmp_path), "cfg": None, **vars(engine.facts)}
    with pytest.raises(RuntimeError, match="no luck"):
        exec(compile(text, "error_event.py", "exec"), namespace)  # noqa: S102
    (record,) = read_events(tmp_path).records
    assert (record["moment"], record["error"]) == ("on_exception", "no luck")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"device": "cpu"}, "cpu"),
        ({"device": "meta"}, "meta"),
        ({}, None),
        ({"device": "auto"}, None),
    ],
)
def test_the_device_rule_gives_what_the_config_says(
    settings: dict[str, str], expected: str | None
) -> None:
    auto = "cuda" if torch.cuda.is_available() else "cpu"
    made = run_block("device_rule.py", torch=torch, cfg=OmegaConf.create(settings))
    assert made["device"].type == (expected or auto)


def test_the_checkpoint_block_keeps_the_best_weights(tmp_path: Path) -> None:
    model = torch.nn.Linear(2, 1)
    given = {"os": os, "torch": torch, "shutil": shutil, "model": model, "outdir": str(tmp_path)}
    best = math.inf
    for number, val_loss in enumerate((0.5, 0.4, 0.6)):
        torch.nn.init.constant_(model.weight, number)
        best = run_block("checkpoint.py", val_loss=val_loss, best_val=best, **given)["best_val"]
    assert best == 0.4
    assert load_checkpoint(tmp_path / "best_val.pt")["weight"].tolist() == [[1.0, 1.0]]
    assert (tmp_path / "model.pt").resolve() == tmp_path / "best_val.pt"


@pytest.fixture
def small_sample(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample of the default config, with few events."""
    folder = own_folder / "data"
    folder.mkdir()
    with (
        h5py.File(sample_dir() / "tops_20k.h5") as file,
        h5py.File(folder / "tops_20k.h5", "w") as few,
    ):
        for name in file:
            few[name] = file[name][:96]
    monkeypatch.setenv("THESIS_DATA_ROOT", str(folder))


def test_a_config_made_by_hand_gets_what_it_lacks_and_keeps_what_it_says() -> None:
    component = {"_target_": "my_parts.MeanEncoder"}
    cfg = OmegaConf.create({"data": {"batch_size": 32}, "phase1": {"encoder": dict(component)}})
    added = complete(cfg)
    assert {"data.path", "phase1.trainer", "phase1.decoder", "device"} <= set(added)
    assert (cfg.data.batch_size, cfg.phase1.encoder) == (32, component)
    assert Path(cfg.data.path).name == "tops_20k.h5"
    assert complete(cfg) == []


@pytest.mark.usefixtures("small_sample")
def test_the_test_of_the_guide_passes(in_ours: Path) -> None:
    put(in_ours / LOOP, filled_loop())
    namespace = run_block("tests/test_my_loop.py", __name__="test_my_loop")
    assert namespace["test_my_loop"]() is None


def test_a_run_of_a_loop_with_load_and_build_is_evaluated(
    thesis_train: Train, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(own_folder / "my_package" / "my_loop.py", filled_loop() + BLOCKS["evaluation.py"])
    run = thesis_train("loop=my_package.my_loop:train").run
    capsys.readouterr()
    assert engine_main(["evaluate", "last", "--trust", "my_package", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["run"] == run.run_id
    assert told["scores"]["reconstruction_error"]["signals"]["tttt"]["auroc"] > 0
    assert engine_main(["check", "loop=my_package.my_loop:train", "data.limit_samples=64"]) == 0
    assert "total" in capsys.readouterr().out


def test_what_a_loop_lacks_to_be_evaluated_is_told(
    thesis_train: Train, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = filled_loop() + "from engine.training_loops.autoencoder import load\n"
    put(own_folder / "my_package" / "half_loop.py", text)
    thesis_train("loop=my_package.half_loop:train")
    capsys.readouterr()
    assert engine_main(["evaluate", "last", "--trust", "my_package"]) == 2
    said = capsys.readouterr().err
    assert "my_package.half_loop has no function build" in said
