"""A config as a form, its sweeps, and the drafts that past runs make."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import RunMode
from omegaconf import OmegaConf

from engine.config import draft
from engine.config.classes import is_class_in_source
from engine.config.clone import overrides_of
from engine.config.compose import PRIMARY, compose, search_path
from engine.config.composer import Composer
from engine.config.fitting import missing
from engine.config.form import Entry, Form, FormMaker
from engine.config.loop_parts import loops_that_train
from engine.config.paths import config_dir
from engine.config.points import check, first_point, points, seeds
from engine.config.problems import find_problems
from engine.config.references import filled_in
from engine.config.sweep_problems import sweep_problems
from engine.errors import ConfigError


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Our configs, as a copy that can be broken."""
    copied = Path(shutil.copytree(config_dir(), tmp_path / "place" / "configs"))
    monkeypatch.setattr("engine.packaged._PACKAGE", copied.parent / "engine")
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
            loops = loops_that_train(group.name.removeprefix("phase1/"), option.name)[:1]
            chosen = [f"loop={loop}" for loop in loops]
            form = maker.form((*chosen, f"{group.name}={option.name}"))
            assert not form.problems, option
            assert form.entries
            assert next(g for g in form.groups if g.name == group.name).chosen == option.name


def test_an_entry_knows_value_default_kind_help_and_origin(maker: FormMaker) -> None:
    form = maker.form(("phase1.trainer.lr=0.1",))
    lr, clip = entry(form, "phase1.trainer.lr"), entry(form, "phase1.trainer.clip_grad_norm")
    assert (lr.text, lr.value, lr.default, lr.origin) == ("0.1", 0.1, "0.001", draft.TYPED)
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
    assert [option.name for option in encoder.options] == ["diffusion", "gan", "gnn", "mlp"]


def test_an_option_that_is_broken_drops_no_values(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "broken.yaml").write_text("a: [\n")
    values = ("phase1.trainer.lr=0.3", "data.batch_size=3")
    assert missing(Composer([tmp_path]), values, ("data=broken", *values)) == ()


EXPERIMENT = "phase1/experiment=compare_latent_spaces"
SEED = "phase1.trainer.seed"


def trained_by_hydra(overrides: list[str], monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The overrides of each run that Hydra would begin, in its order."""
    begun: list[list[str]] = []

    class Recorder:
        def launch(self, jobs: Sequence[Sequence[str]], initial_job_idx: int) -> list[Any]:
            begun.extend(map(list, jobs))
            return []

    monkeypatch.setattr(Plugins, "instantiate_launcher", lambda self, **_: Recorder())
    monkeypatch.setattr(Sweeper, "validate_batch_is_legal", lambda self, batch: None)
    with search_path():
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        hydra.multirun(PRIMARY, lambda cfg: None, overrides, with_log_configuration=False)
    return begun


@pytest.mark.parametrize(
    "overrides",
    [
        ["phase1/latent_space=vq,none", "phase1.trainer.epochs=3", f"{SEED}=range(1,4)"],
        [EXPERIMENT, f"{SEED}=1,2"],
        [EXPERIMENT, f"{SEED}=1,2", "phase1/latent_space=none,vq"],
        [EXPERIMENT, f"{SEED}=1,2", "phase1/latent_space=vq"],
        [f"{SEED}=1,2", "phase1.trainer.lr=0.1,0.2", f"{SEED}=3,4,5"],
        [f"{SEED}=1,2", f"++{SEED}=3,4", "+mine=a,b", "~phase1.trainer.weight_decay"],
        ["phase1/latent_space=glob(*,exclude=vq)", "phase1.encoder.hidden_dims=[64,64],[128]"],
        ["+x='a,b','c d'", "+y=choice('a b',c)", "+z={a:1},{a:2}", "+w=${device},null,'null'"],
        [
            "phase1.trainer.lr=range(0.1,0.4,0.1)",
            f"{SEED}=sort(3,1,2,reverse=true)",
            "+x=tag(t,choice(a,b))",
        ],
        [f"{SEED}=1,2,3", "hydra.sweeper.leave_out=[1]", "hydra.sweeper.max_batch_size=1"],
        ["hydra.sweeper.leave_out=[0,3]", EXPERIMENT, f"{SEED}=1,2", "hydra.job.name=x"],
    ],
    ids=" ".join,
)
def test_the_points_are_those_that_hydra_trains_in_its_order(
    maker: FormMaker, overrides: list[str], own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = points(maker.composer, overrides)
    assert [point.number for point in found] == list(range(len(found)))
    ours = [[text for text in point.overrides if not text.startswith("hydra.")] for point in found
            if not point.is_out]  # fmt: skip
    assert ours == trained_by_hydra(overrides, monkeypatch)


def test_a_point_is_told_by_the_values_of_its_lists(maker: FormMaker) -> None:
    words = ["phase1.trainer.epochs=3", "phase1.trainer.lr=0.1,0.2", EXPERIMENT]
    assert points(maker.composer, words)[0].differing == (
        "phase1/latent_space=none", "phase1.trainer.lr=0.1"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (f"{SEED}=shuffle(1,2,3)", "gives another order"),
        (f"{SEED}=shuffle(range(1,9))", "gives another order"),
        ("phase1.trainer.lr=interval(0,1)", "an interval"),
        (f"{SEED}=range(1,5,0)", "its step cannot be 0"),
        (f"{SEED}=range(5,1)", "stands for no value"),
        (f"{SEED}=range(0,1000000000000)", "more than 10,000 values"),
        ("hydra.job.name=a,b", "take one value"),
    ],
)
def test_a_sweep_without_points_in_a_fixed_order_is_refused_in_the_same_words_everywhere(
    maker: FormMaker, override: str, said: str
) -> None:
    with pytest.raises(ValueError, match=said) as told:
        points(maker.composer, [override])
    assert find_problems([override], composer=maker.composer) == [str(told.value)]


def test_a_point_that_is_not_there_cannot_be_left_out(maker: FormMaker) -> None:
    with pytest.raises(ValueError, match=r"leave_out: there is no point 5; .* from 0 to 1"):
        points(maker.composer, [f"{SEED}=1,2", "hydra.sweeper.leave_out=[0,5]"])


def test_a_form_is_that_of_the_first_run_that_is_not_left_out(maker: FormMaker) -> None:
    words = ["loop=ae,gan_ae", "phase1/decoder=gan,mlp"]
    assert maker.form(words).problems
    form = maker.form([*words, "hydra.sweeper.leave_out=[0,3]"])
    assert form.problems == ()
    assert {g.name: g.chosen for g in form.groups}["phase1/decoder"] == "mlp"
    assert maker.form([*words, "hydra.sweeper.leave_out=[9]"]).problems, "no such point"


def test_what_is_wrong_with_any_run_of_a_sweep_is_told(maker: FormMaker) -> None:
    words = ["phase1/latent_space=vq", "phase1.latent_space.cosine=true,false"]
    words += ["phase1.latent_space.levels=1,2", "phase1.trainer.lr=0.1,-1,0,x", f"{SEED}=1,2,3"]
    found = check(maker.composer, points(maker.composer, words))
    of_all = {text for _, told in found for text in told}
    told = sweep_problems(maker.composer, words)
    assert len(told) == len(of_all) == 4
    assert set(told) == of_all


def test_few_runs_of_a_sweep_without_mistakes_are_looked_at(
    maker: FormMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose_one, looked_at = maker.composer.compose, []

    def counted(words: Sequence[str]) -> Any:
        looked_at.append(words)
        return compose_one(words)

    monkeypatch.setattr(maker.composer, "compose", counted)
    words = ["phase1/latent_space=vq,none", f"{SEED}=range(1000)", "phase1.trainer.lr=0.1,0.2,0.3"]
    assert sweep_problems(maker.composer, words) == []
    assert len(looked_at) < 10


def test_more_points_than_anybody_wants_are_not_listed(maker: FormMaker) -> None:
    with pytest.raises(ValueError, match="250,000 points"):
        points(maker.composer, [f"{SEED}=range(500)", "phase1.latent_dim=range(1,501)"])


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


@pytest.mark.parametrize(
    "typed",
    [
        "+phase1.encoder.x={_target_:torch.load,f:a.pt,weights_only:false}",
        "phase1.encoder={_target_:os.system}",
        "phase1.encoder._target_=os.system",
        "+hydra={callbacks:{x:{_target_:os.system,command:ls}}}",
        "+hydra.callbacks.x={_target_:os.system}",
        "hydra={sweeper:{_target_:os.system}}",
        "hydra={searchpath:['file:///tmp/theirs']}",
        "hydra.searchpath=['file:///tmp/theirs']",
        "hydra/launcher=basic",
        "hydra=experiment",
        "+phase1/encoder@hydra.callbacks.x=mlp",
        "+phase1/encoder@x._global_.hydra.callbacks.x=mlp",
        "env={output_root:/theirs}",
        "env.output_root=/theirs",
        "phase1.trainer.seed=1,2",
    ],
)
def test_overrides_of_somebody_else_give_their_config_and_nothing_more(
    maker: FormMaker, typed: str
) -> None:
    composer, saved = maker.composer, compose([])
    kept = overrides_of(composer, saved, [typed])
    assert composer.compose(kept) == saved
    theirs, ours = (
        OmegaConf.to_container(composer.compose_with_hydra(one).hydra) for one in (kept, [])
    )
    assert theirs == ours


@pytest.mark.parametrize(
    "written",
    [
        {"hydra.searchpath": ["file:///tmp/theirs"]},
        {"hydra.callbacks": []},
        {"phase1/encoder@hydra.callbacks.x": "mlp"},
        {"phase1/encoder": "mlp"},
        {"x@hydra": 1},
        {"x=1": 1},
        {"phase1.encoder._target_": "os.system"},
        {"x": [{"_target_": "os.system"}]},
        {"name": "os.system", "x": {"_target_": "${name}"}},
        {"x": "${oc.decode:'{_target_: os.system}'}"},
        {"x": "${oc.create:{_target_: os.system}}"},
        {"word": "decode", "x": "${oc.${word}:'{_target_: os.system}'}"},
        {"name": "os:system", "loop": "${name}"},
        {"x": {"_target_": "engine.architectures./tmp/theirs.Encoder"}},
    ],
    ids=str,
)
def test_a_config_of_somebody_else_names_no_code_and_says_nothing_to_hydra(
    maker: FormMaker,
    written: dict[str, object],
) -> None:
    saved = OmegaConf.create({**OmegaConf.to_container(compose([])), **written})  # type: ignore[dict-item]
    with pytest.raises(ConfigError):
        overrides_of(maker.composer, saved, [])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("${oc.env:HOME}", "no variable of yours"),
        ("${nope:1}", "may name a key"),
        ("${not.there}", "not.there"),
        ("${x}", "Recursive"),
        ("${file_name:3}", "TypeError"),
    ],
)
def test_a_reference_that_cannot_be_filled_in_is_told(
    maker: FormMaker, value: str, words: str
) -> None:
    saved = compose(["+x=1"])
    saved.x = value
    with pytest.raises(ConfigError, match=f"x=.*{words}"):
        overrides_of(maker.composer, saved, [])


def test_a_variable_that_the_config_files_read_is_no_matter(maker: FormMaker) -> None:
    assert "oc.env" in str(OmegaConf.to_container(compose([])))
    assert overrides_of(maker.composer, compose([]), []) == ()


@pytest.mark.parametrize(
    "doubled",
    ["${%s}${%s}", {"one": "${%s}", "other": "${%s}"}, ["${%s}", "${%s}"]],
    ids=["text", "keys", "list"],
)
@pytest.mark.parametrize("first", ["", "long enough"])
def test_references_that_double_take_no_time(doubled: object, first: str) -> None:
    texts = {f"x{i}": _put(doubled, f"x{i + 1}") for i in range(40)} | {"x40": first}
    if first or not isinstance(doubled, str):
        with pytest.raises(ConfigError, match="more than"):
            filled_in(OmegaConf.create(texts))
    else:
        assert filled_in(OmegaConf.create(texts))["x0"] == ""


def _put(doubled: object, key: str) -> object:
    if isinstance(doubled, dict):
        return {name: _put(value, key) for name, value in doubled.items()}
    if isinstance(doubled, list):
        return [_put(value, key) for value in doubled]
    return str(doubled).replace("%s", key)


def test_what_a_reference_refers_to_is_filled_in_as_omegaconf_does() -> None:
    written = {
        "keys": ["${b.c}", "x${b.d}", "${b}"],
        "b": {"c": "${.d}", "d": 3},
        "escaped": "\\${b}",
        "function": "${file_name:${keys.1}}",
        "variable": "${oc.env:THESIS_NOT_THERE,9}",
    }
    cfg = OmegaConf.create(written)
    assert filled_in(cfg) == OmegaConf.to_container(cfg, resolve=True)


def test_one_run_of_an_experiment_is_drafted_as_one_run_of_its_name(maker: FormMaker) -> None:
    typed = ["phase1/experiment=compare_latent_spaces", "phase1/latent_space=vq"]
    composer = maker.composer
    kept = overrides_of(composer, compose(typed), typed)
    hydra = composer.compose_with_hydra(kept).hydra
    assert hydra.mode != RunMode.MULTIRUN
    assert hydra.job.name == "compare_latent_spaces"
    assert composer.compose(kept) == compose(typed)


def test_the_loop_of_a_draft_is_that_of_the_config_and_of_a_trusted_package(
    maker: FormMaker,
) -> None:
    saved = compose([])
    saved.loop = "mine.loops:train"
    with pytest.raises(ConfigError, match="mine"):
        overrides_of(maker.composer, saved, [])
    kept = overrides_of(maker.composer, saved, ["loop=theirs:train"], ["mine"])
    assert "loop=mine.loops:train" in kept


def test_a_class_of_a_trusted_package_beside_us_is_found_and_not_imported(own_folder: Path) -> None:
    (own_folder / "my_parts.py").write_text("class Encoder: ...\nraise SystemExit\n")
    assert is_class_in_source("my_parts.Encoder", ["my_parts"])
    assert not is_class_in_source("my_parts.Encoder", [])
    assert not is_class_in_source("my_parts.Decoder", ["my_parts"])


@pytest.mark.parametrize("node", [{"a=b": 1}, {"": 3}, {"c": [{"d'e": 1}]}])
def test_a_key_that_no_override_can_have_is_told(node: dict[str, object]) -> None:
    saved = compose(["+mine={}"])
    saved.mine = node
    with pytest.raises(ConfigError, match=r"mine.*cannot be written"):
        overrides_of(Composer(), saved, [])
