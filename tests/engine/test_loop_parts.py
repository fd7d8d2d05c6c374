"""What a loop can train: a contradiction is refused in one sentence, with the way out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.cli import main
from engine.config.command import run_command
from engine.config.compose import compose
from engine.config.form import FormMaker
from engine.config.loop_parts import TRAINS, part_problems
from engine.config.problems import find_problems
from engine.config.schema import value_problems
from engine.errors import ConfigError
from engine.preflight.points import make_points
from tests.conftest import Outcome

CLASSES = "engine.architectures.autoencoder"
LOOP = """# @package _global_
# A loop that trains other decoders than `ae`.
defaults:
  - override /phase1/decoder: gnn

loop: other
"""
WRONG = "phase1/decoder=gnn: loop=ae cannot train it; use loop=other or phase1/decoder=mlp"
TABLE = {"ae": {"decoder": ("mlp",)}, "other": {"decoder": ("gnn",)}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of configs with a loop that chooses a decoder, which `ae` cannot train then."""
    (tmp_path / "loop").mkdir()
    (tmp_path / "loop" / "other.yaml").write_text(LOOP)
    for loop in TRAINS.keys() - TABLE.keys():
        monkeypatch.delitem(TRAINS, loop)
    for loop, parts in TABLE.items():
        monkeypatch.setitem(TRAINS, loop, parts)
    return tmp_path


def test_a_loop_brings_its_decoder_and_the_command_line_wins(folder: Path) -> None:
    assert "gnn" in compose(["loop=other"], config_dirs=[folder]).phase1.decoder._target_
    words = ["loop=other", "phase1/decoder=mlp"]
    assert "mlp" in compose(words, config_dirs=[folder]).phase1.decoder._target_


def test_the_form_shows_the_decoder_of_the_loop_and_where_its_values_are_from(folder: Path) -> None:
    form = FormMaker([folder]).form(["loop=other"])
    (decoder,) = (group for group in form.groups if group.name == "phase1/decoder")
    assert (decoder.chosen, decoder.default) == ("gnn", "mlp")
    (backend,) = (entry for entry in form.entries if entry.key == "phase1.decoder.backend")
    assert backend.origin == "phase1/decoder/gnn"
    assert form.problems == ()
    assert FormMaker([folder]).form(["phase1/decoder=gnn"]).problems == (WRONG,)


def test_a_contradiction_is_one_sentence_with_the_way_out(folder: Path) -> None:
    assert find_problems(["phase1/decoder=gnn"], [folder]) == [WRONG]
    (other,) = find_problems(["loop=other", "phase1/decoder=mlp"], [folder])
    assert other.endswith("loop=other cannot train it; use loop=ae or phase1/decoder=gnn")


def test_of_a_sweep_only_the_points_that_contradict_themselves_are_wrong(folder: Path) -> None:
    assert find_problems(["loop=ae,other"], [folder]) == []
    assert find_problems(["loop=other", "phase1/decoder=gnn"], [folder]) == []
    words = ["loop=ae,other", "phase1/decoder=gnn"]
    assert find_problems(words, [folder]) == [WRONG]
    points, problems = make_points(words, [folder], multirun=True)
    assert [bool(point.problems) for point in points] == [True, False]
    assert [problem.text for problem in problems] == [WRONG]


def test_a_product_of_loops_and_decoders_tells_which_points_fit(folder: Path) -> None:
    words = ["loop=ae,other", "phase1/decoder=mlp,gnn"]
    points, _ = make_points(words, [folder], multirun=True)
    assert [bool(point.problems) for point in points] == [False, True, True, False]


SWEEP = ["loop=ae,other", "phase1/decoder=mlp,gnn"]


def trained(folder: Path, *words: str) -> list[tuple[str, str]]:
    """Loop and decoder of each run that a command would train."""
    runs: list[Any] = []
    run_command("thesis-train", ["--config-dir", str(folder), *words], runs.append, ["ae"])
    return [(cfg.loop, cfg.phase1.decoder._target_.split(".")[-2]) for cfg in runs]


def test_points_that_are_left_out_of_a_sweep_may_contradict_themselves(folder: Path) -> None:
    with pytest.raises(ConfigError, match="phase1/decoder=gnn: loop=ae") as told:
        trained(folder, "-m", *SWEEP, "hydra.sweeper.leave_out=[2]")
    assert not told.value.problems, "what is wrong with point 2 does not matter"
    kept = trained(folder, "-m", *SWEEP, "hydra.sweeper.leave_out=[1,2]")
    assert kept == [("ae", "mlp"), ("other", "gnn")]


def test_a_check_does_not_tell_what_is_wrong_with_a_point_that_is_left_out(folder: Path) -> None:
    points, problems = make_points(SWEEP, [folder], multirun=True, leave_out=[1])
    assert [bool(point.problems) for point in points] == [False, True, False]
    assert [problem.text.partition(":")[0] for problem in problems] == ["phase1/decoder=mlp"]


def test_every_point_of_a_sweep_is_checked_before_the_first_one_is_trained(folder: Path) -> None:
    values = ["phase1.latent_space.cosine=false,true", "phase1.latent_space.levels=1,2"]
    words = ["phase1/latent_space=vq", *values]
    with pytest.raises(ConfigError, match=r"cosine=true: goes with phase1\.latent_space\.levels=1"):
        trained(folder, "-m", *words)
    assert len(trained(folder, "-m", *words, "hydra.sweeper.leave_out=[3]")) == 3


def test_a_contradiction_ends_a_command_before_anything_begins(
    folder: Path,
    thesis_train: Callable[..., Outcome],
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--config-dir", str(folder), "phase1/decoder=gnn"]
    assert thesis_train(*words).code == 2
    assert WRONG in capsys.readouterr().err
    assert main(["check", *words]) == 2
    assert WRONG in " ".join(capsys.readouterr().out.split())
    assert main(["submit", *words]) == 2
    assert WRONG in capsys.readouterr().err


@pytest.mark.parametrize(
    ("loop", "target"),
    [
        ("ae", "my_package.decoders.Diffusion"),
        ("ae", f"{CLASSES}.losses.reconstruction.Odd"),
        ("ae", None),
        ("my_loop:train", f"{CLASSES}.decoders.gnn.GNNDecoder"),
        ("test_mlp", f"{CLASSES}.decoders.mlp.MLPDecoder"),
        ("test_mlp", None),
        (None, 5),
    ],
)
def test_what_is_the_users_own_is_not_refused(loop: object, target: object) -> None:
    assert list(part_problems(loop, {"decoder": target})) == []


@pytest.mark.parametrize(
    ("choice", "other"),
    [
        ("phase1/encoder=gnn", "loop=ae"),
        ("phase1/encoder=gan", "loop=gan_ae"),
        ("phase1/decoder=diffusion", "loop=diffusion_ae"),
        ("phase1/latent_space=vq", "loop=ae"),
    ],
)
def test_a_part_that_a_loop_does_not_use_is_refused_with_a_loop_that_does(
    choice: str, other: str
) -> None:
    (told,) = find_problems(["loop=test_mlp", choice])
    assert told.startswith(f"{choice}: loop=test_mlp has a network of its own")
    assert other in told
    (swept,) = find_problems(["loop=test_mlp", "phase1/encoder=mlp,gnn"])
    assert swept.startswith("phase1/encoder=gnn")
    assert find_problems(["loop=test_mlp", "phase1/encoder=mlp", "phase1/latent_space=none"]) == []


def test_every_option_can_be_trained_by_some_loop_and_every_option_of_the_table_exists() -> None:
    for part in ("encoder", "decoder"):
        for loop, parts in TRAINS.items():
            for option in parts[part]:
                cfg = compose([f"loop={loop}", f"phase1/{part}={option}"])
                assert value_problems(cfg) == []
