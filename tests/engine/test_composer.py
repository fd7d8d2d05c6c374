"""Configs that are composed again and again are those that Hydra gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf

from engine.config.compose import compose
from engine.config.composer import Composer

COMMANDS = [
    [],
    ["phase1/latent_space=vq", "phase1.latent_space.codebook_size=64"],
    ["~ae.loss_weights.commitment"],
    ["loop=test_mlp", "task=binary"],
    ["phase1/experiment=compare_vq_vs_none", "phase1.trainer.epochs=3"],
    ["+a.b=1", "++a.b=2", "phase1.trainer.lr=1e-4"],
    ["data.file='a b.h5'", "data.log_features=[E]"],
    ["logging=plots_full", "logging.families.latency.enabled=false"],
    ["hydra.job.name=x", "env=stoomboot"],
    ["phase1.encoder={_target_:a.b,hidden_dims:[1]}"],
]


def test_every_command_gives_what_hydra_gives_in_any_order_and_again() -> None:
    composer = Composer()
    for overrides in [*COMMANDS, *reversed(COMMANDS)]:
        given = OmegaConf.to_yaml(composer.compose(overrides))
        assert given == OmegaConf.to_yaml(compose(overrides)), overrides


def test_what_is_done_to_a_config_does_not_reach_the_next_one() -> None:
    composer = Composer()
    cfg = composer.compose()
    cfg.phase1.trainer.epochs = 99
    assert composer.compose().phase1.trainer.epochs != 99


def test_a_wrong_override_is_refused_as_by_hydra() -> None:
    composer = Composer()
    for wrong in ("phase1/encoder=nosuch", "phase1.trainer.epoch=1", "a b", "~nosuch"):
        with pytest.raises(HydraException):
            composer.compose([wrong])
    assert composer.compose().phase1.trainer.epochs


def test_a_file_of_ours_counts_before_one_of_its_name_in_a_further_folder_as_in_a_training(
    tmp_path: Path,
) -> None:
    for folder, name in (("a", "default"), ("a", "mine"), ("b", "mine")):
        option = tmp_path / folder / "phase1" / "trainer" / f"{name}.yaml"
        option.parent.mkdir(parents=True, exist_ok=True)
        option.write_text(f"epochs: 77\nlr: 0.1\nof: {folder}\n")
    composer = Composer([tmp_path / "a", tmp_path / "b"])
    assert composer.compose() == Composer().compose()
    assert composer.compose(["phase1/trainer=mine"]).phase1.trainer.of == "a"


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    option = tmp_path / "phase1" / "trainer" / "mine.yaml"
    option.parent.mkdir(parents=True)
    option.write_text("epochs: 7\nlr: 0.1\n")
    composer = Composer([tmp_path])
    assert composer.compose(["phase1/trainer=mine"]).phase1.trainer.epochs == 7
    option.write_text("epochs: 8888\nlr: 0.1\n")
    assert composer.compose(["phase1/trainer=mine"]).phase1.trainer.epochs == 8888
    option.unlink()
    with pytest.raises(HydraException):
        composer.compose(["phase1/trainer=mine"])
