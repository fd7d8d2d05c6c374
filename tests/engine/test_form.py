"""A config as a form, its sweeps, and the drafts that past runs make."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from omegaconf import OmegaConf

from engine.config.clone import overrides_of
from engine.config.compose import compose
from engine.config.composer import Composer
from engine.config.fitting import missing
from engine.config.form import TYPED, Entry, Form, FormMaker
from engine.config.paths import config_dir
from engine.config.points import check, first_point, points, seeds
from engine.errors import ConfigError


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Our configs, as a copy that can be broken."""
    copied = Path(shutil.copytree(config_dir(), tmp_path / "place" / "configs"))
    monkeypatch.setattr("engine.config.paths._PACKAGE", copied.parent / "engine")
    return copied


@pytest.fixture(scope="module")
def maker() -> FormMaker:
    return FormMaker()


def entry(form: Form, key: str) -> Entry:
    return next(one for one in form.entries if one.key == key)


def test_every_config_file_is_an_option_and_every_option_a_form(maker: FormMaker) -> None:
    groups = {group.name: group for group in maker.form(()).groups}
    for path in config_dir().rglob("*/*.yaml"):
        name = path.parent.relative_to(config_dir()).as_posix()
        assert path.stem in [option.name for option in groups[name].options]
    for group in groups.values():
        for option in group.options:
            form = maker.form((f"{group.name}={option.name}",))
            assert not form.problems, option
            assert form.entries
            assert next(g for g in form.groups if g.name == group.name).chosen == option.name


def test_an_entry_knows_value_default_kind_help_and_origin(maker: FormMaker) -> None:
    form = maker.form(("phase1.trainer.lr=0.1",))
    lr, clip = entry(form, "phase1.trainer.lr"), entry(form, "phase1.trainer.clip_grad_norm")
    assert (lr.text, lr.value, lr.default, lr.origin) == ("0.1", 0.1, "0.001", TYPED)
    assert lr.is_changed
    assert not clip.is_changed
    assert clip.origin == "phase1/trainer/default"
    assert clip.help == "Largest norm of the gradient; null does not clip."
    assert clip.expected == "a number above 0, or null"
    assert entry(form, "device").choices == ("auto", "cpu", "cuda")
    assert entry(form, "data.path").value.endswith("tops_20k.h5")


def test_a_wrong_value_is_told_at_its_entry_and_the_rest_is_there(maker: FormMaker) -> None:
    form = maker.form(("phase1.trainer.epochs=x", "phase1.trainer.lr=-1"))
    assert len(form.problems) == 2
    assert "whole number" in entry(form, "phase1.trainer.epochs").problem
    assert "above 0" in entry(form, "phase1.trainer.lr").problem
    assert not entry(form, "phase1.trainer.seed").problem


def test_what_does_not_compose_is_told_and_the_rest_is_shown(maker: FormMaker) -> None:
    form = maker.form(("phase1/latent_space=vq", "phase1.trainer.epoch=3", "phase1/decoder=no"))
    assert len(form.problems) == 2
    assert entry(form, "phase1.latent_space.codebook_size").value == 512


def test_a_sweep_shows_its_first_point(maker: FormMaker) -> None:
    form = maker.form(("phase1/latent_space=vq,none", "phase1.trainer.lr=0.1,0.2"))
    assert not form.problems
    assert entry(form, "phase1.trainer.lr").text == "0.1,0.2"
    assert entry(form, "phase1.latent_space.codebook_size").value == 512


def test_a_group_and_a_key_of_the_users_own_appear_by_themselves(tmp_path: Path) -> None:
    (tmp_path / "augmentation").mkdir()
    (tmp_path / "augmentation" / "rotate.yaml").write_text(
        "# Turn events about the beam.\n\n# Largest angle in radians.\nangle: 3.14\n"
    )
    (tmp_path / "phase1" / "encoder").mkdir(parents=True)
    (tmp_path / "phase1" / "encoder" / "mine.yaml").write_text("# Mine.\n_target_: a.B\nwidth: 3\n")
    maker = FormMaker([tmp_path])
    form = maker.form(("+augmentation=rotate", "phase1/encoder=mine"))
    assert not form.problems
    angle = entry(form, "augmentation.angle")
    assert (angle.help, angle.origin) == ("Largest angle in radians.", "augmentation/rotate")
    assert entry(form, "phase1.encoder.width").value == 3


def test_a_loop_of_the_users_own_can_be_typed(maker: FormMaker) -> None:
    form = maker.form(("loop=my_package.loops:train",))
    assert not form.problems
    assert form.config is not None
    assert form.config.loop == "my_package.loops:train"


def test_a_loop_that_was_half_typed_is_no_option(maker: FormMaker) -> None:
    for typed in ("my:t", "my:tr"):
        maker.form((f"loop={typed}",))
    (problem,) = maker.form(("loop=my",)).problems
    assert "my:t" not in problem


def test_a_file_with_an_error_tells_where_and_the_rest_works(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "broken.yaml").write_text("a: 1\nb: [1, 2\nc: 3\n")
    maker = FormMaker([tmp_path])
    form = maker.form(())
    data = next(group for group in form.groups if group.name == "data")
    broken = next(option for option in data.options if option.name == "broken")
    assert "line 3" in broken.problem
    assert not form.problems
    assert maker.form(("data=broken",)).problems


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("phase1/encoder/mlp.yaml", "a: [\n", "phase1/encoder=mlp: line 2, column 1"),
        ("phase1/encoder/mlp.yaml", "defaults:\n- nope\n", "phase1/encoder=mlp: its defaults name"),
        ("config.yaml", "a: [\n", "config.yaml: line 2, column 1"),
        ("hydra/default.yaml", "a: [\n", "hydra=default: line 2, column 1"),
    ],
)
def test_a_broken_default_says_where_and_the_last_form_stays_until_it_is_mended(
    configs: Path, file: str, text: str, told: str
) -> None:
    maker = FormMaker()
    good = maker.form(("phase1.trainer.lr=0.3",))
    whole = (configs / file).read_text()
    (configs / file).write_text(text)
    for overrides in ((), ("data=synthetic", "phase1.trainer.lr=1")):
        form = maker.form(overrides)
        assert len(form.problems) == 1
        assert form.problems[0].startswith(told)
        assert form.entries == good.entries
        assert form.config is None
    assert FormMaker().form(()).problems == form.problems
    (configs / file).write_text(whole)
    assert maker.form(("phase1.trainer.lr=0.3",)) == good


def test_another_option_can_be_chosen_than_a_default_that_is_broken(configs: Path) -> None:
    folder = configs / "phase1" / "encoder"
    (folder / "mlp.yaml").write_text("a: [\n")
    (folder / "mine.yaml").write_text("_target_: a.B\nwidth: 3\n")
    form = FormMaker().form(("phase1/encoder=mine", "phase1.trainer.lr=0.3"))
    assert not form.problems
    encoder = next(group for group in form.groups if group.name == "phase1/encoder")
    assert (encoder.chosen, encoder.default, encoder.sign) == ("mine", None, "")
    assert any(option.problem for option in encoder.options)


def test_what_an_editor_leaves_beside_the_files_is_no_option(tmp_path: Path) -> None:
    folder = tmp_path / "phase1" / "encoder"
    (folder / "x.yaml").mkdir(parents=True)
    (folder / ".#mine.yaml").symlink_to("me@host.1")
    (folder / "lost.yaml").symlink_to("nowhere.yaml")
    form = FormMaker([tmp_path]).form(())
    assert not form.problems
    encoder = next(group for group in form.groups if group.name == "phase1/encoder")
    assert [option.name for option in encoder.options] == ["mlp"]


def test_an_option_that_is_broken_drops_no_values(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "broken.yaml").write_text("a: [\n")
    values = ("phase1.trainer.lr=0.3", "data.batch_size=3")
    assert missing(Composer([tmp_path]), values, ("data=broken", *values)) == ()


def test_the_points_are_those_of_hydra_in_its_order(maker: FormMaker) -> None:
    overrides = ["phase1/latent_space=vq,none", "phase1.trainer.epochs=3", "data.norm=zscore",
                 "phase1.trainer.lr=0.1,0.2", "phase1.trainer.seed=range(1,4)"]  # fmt: skip
    parsed = [maker.composer.parse(text) for text in overrides]
    wanted = list(itertools.chain(*BasicSweeper.split_arguments(parsed, None)))
    found = points(maker.composer, overrides)
    assert [list(point.overrides) for point in found] == wanted
    assert [point.number for point in found] == list(range(12))
    assert found[0].differing == (
        "phase1/latent_space=vq", "phase1.trainer.lr=0.1", "phase1.trainer.seed=1"
    )  # fmt: skip


def test_an_experiment_brings_its_own_points(maker: FormMaker) -> None:
    found = points(maker.composer, ["phase1/experiment=compare_vq_vs_none", "device=cpu"])
    assert [point.differing for point in found] == [
        ("phase1/latent_space=none",), ("phase1/latent_space=vq",)
    ]  # fmt: skip


def test_each_point_is_checked_by_itself(maker: FormMaker) -> None:
    found = points(maker.composer, ["phase1.trainer.epochs=1,0", "phase1/latent_space=none,vq"])
    problems = {point.number: told for point, told in check(maker.composer, found)}
    assert not problems[0]
    assert not problems[1]
    assert "epochs=0" in problems[2][0]
    assert "epochs=0" in problems[3][0]


def test_an_interval_has_no_points(maker: FormMaker) -> None:
    with pytest.raises(ValueError, match="interval"):
        points(maker.composer, ["phase1.trainer.lr=interval(0,1)"])


def test_seeds_are_as_many_as_asked_for(maker: FormMaker) -> None:
    assert len(points(maker.composer, [seeds(3, 5)])) == 5
    assert first_point(maker.composer, [seeds(3, 1)]) == ["phase1.trainer.seed=3"]


@pytest.mark.parametrize(
    "typed",
    [
        [],
        ["phase1/latent_space=vq", "phase1.latent_space.decay=0.5", "phase1.trainer.epochs=3"],
        ["loop=test_mlp", "task=binary"],
        ["+mine.note='a b'", "data.log_features=[]", "~ae.loss_weights.commitment"],
    ],
)
def test_a_past_run_gives_a_draft_of_the_same_config(typed: list[str]) -> None:
    saved = compose(typed)
    saved.phase1.trainer.seed = 4711  # drawn by the run
    saved.env.output_root = "/elsewhere"
    saved.phase1.encoder.hidden_dims = [7]  # what the config file said then
    composer = Composer()
    again = composer.compose(overrides_of(composer, saved, typed))
    saved.env.output_root = again.env.output_root
    assert OmegaConf.to_container(again, resolve=True) == OmegaConf.to_container(
        saved, resolve=True
    )


def test_a_past_run_that_names_strange_classes_is_refused() -> None:
    saved = compose([])
    saved.phase1.encoder["_target_"] = "os.system"
    with pytest.raises(ConfigError, match=r"os\.system"):
        overrides_of(Composer(), saved, [])


@pytest.mark.parametrize("node", [{"a=b": 1}, {"": 3}, {"c": [{"d'e": 1}]}])
def test_a_key_that_no_override_can_have_is_told(node: dict[str, object]) -> None:
    saved = compose(["+mine={}"])
    saved.mine = node
    with pytest.raises(ConfigError, match=r"mine.*cannot be written"):
        overrides_of(Composer(), saved, [])
