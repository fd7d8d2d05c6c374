"""What values may be: every bound exactly where it is said to be, every default within it."""

from __future__ import annotations

import copy
import functools
import itertools
import math
import os
import pwd
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf, open_dict

from engine.config.compose import compose
from engine.config.fields import FIELDS, Field
from engine.config.schema import value_problems

ids = [field.key for field in FIELDS]
of_every_field = pytest.mark.parametrize("field", FIELDS, ids=ids)
of_every_number = pytest.mark.parametrize(
    "field", [f for f in FIELDS if f.kind in (int, float)], ids=lambda field: field.key
)
LATENTS, LOOPS = ("none", "linear", "vq"), ("ae", "gan_ae", "diffusion_ae", "test_mlp")
LOGGING = ("plots_minimal", "plots_standard", "plots_full")
ALL = itertools.product(LOOPS, LATENTS, LOGGING)
PRODUCT = [one for one in ALL if one[0] != "test_mlp" or one[1] == "none"]
# Every loop with every latent space and every logging; the other combinations only confirm it.
COMBINATIONS = [
    combination
    if LATENTS.index(combination[1]) == LOGGING.index(combination[2])
    else pytest.param(*combination, marks=pytest.mark.slow)
    for combination in PRODUCT
]


@functools.cache
def composed(*overrides: str) -> DictConfig:
    return compose(overrides)


def config_with(key: str) -> DictConfig:
    """A fresh config that has `key`."""
    spaces = ["phase1/latent_space=vq", "phase1/latent_space=linear"]
    graphs = ["phase1/encoder=gnn", "phase1/decoder=gnn"]
    diffusion = ["loop=diffusion_ae", "loop=diffusion_ae phase1/encoder=diffusion"]
    gan = ["loop=gan_ae", "loop=gan_ae phase1/encoder=gan"]
    choices = ["loop=ae", *spaces, *graphs, *diffusion, *gan, "loop=test_mlp", "launcher=htcondor"]
    for choice in choices:
        cfg = composed(*choice.split())
        if OmegaConf.select(cfg, key, default=...) is not ...:
            return copy.deepcopy(cfg)
    raise AssertionError(f"no config has {key}")


def with_value(key: str, value: Any) -> DictConfig:
    cfg = config_with(key)
    OmegaConf.update(cfg, key, value, merge=False)
    return cfg


def step(field: Field, bound: float, direction: int) -> float:
    """The nearest number beyond `bound`, upwards or downwards."""
    if field.kind is int:
        return int(bound) + direction
    return math.nextafter(bound, direction * math.inf)


def at_bound(field: Field, bound: float) -> float:
    return int(bound) if field.kind is int else bound


def accepted(field: Field) -> list[Any]:
    """Values at the edge of what is allowed."""
    values: list[Any] = [*field.choices]
    values += [None] if field.optional else []
    values += [True, False] if field.kind is bool else []
    values += [at_bound(field, b) for b in (field.minimum, field.maximum) if b is not None]
    values += [step(field, field.above, +1)] if field.above is not None else []
    values += [step(field, field.below, -1)] if field.below is not None else []
    return values


def refused(field: Field) -> list[Any]:
    """Values just beyond it, and of the wrong kind."""
    values: list[Any] = [] if field.optional else [None]
    values += [step(field, field.minimum, -1)] if field.minimum is not None else []
    values += [step(field, field.maximum, +1)] if field.maximum is not None else []
    values += [at_bound(field, b) for b in (field.above, field.below) if b is not None]
    values += [] if field.kind is str else ["some text"]
    values += [] if field.kind is bool else [True]
    values += [f"{choice}x" for choice in field.choices]
    values += [3] if field.kind in (bool, str) else []
    values += [1.5] if field.kind is int else []
    values += [math.nan, math.inf, -math.inf] if field.kind in (int, float) else []
    return values


def cases(of: Any) -> Any:
    pairs = [(field, value) for field in FIELDS for value in of(field)]
    names = [f"{field.key}={value}" for field, value in pairs]
    return pytest.mark.parametrize(("field", "value"), pairs, ids=names)


@of_every_field
def test_every_field_is_a_key_of_some_config(field: Field) -> None:
    assert OmegaConf.select(config_with(field.key), field.key, default=...) is not ...


def test_no_field_is_listed_twice() -> None:
    assert len(set(ids)) == len(ids)


@of_every_number
def test_every_number_has_a_lower_bound(field: Field) -> None:
    assert (field.minimum is None) != (field.above is None)


@cases(accepted)
def test_a_value_at_the_bound_is_accepted(field: Field, value: Any) -> None:
    assert field.problem(value) is None


@cases(refused)
def test_a_value_beyond_the_bound_or_of_another_kind_is_refused(field: Field, value: Any) -> None:
    problem = field.problem(value)
    assert problem is not None
    assert problem.startswith(field.key)
    assert field.expected() in problem
    assert value is None or str(value) in problem


@of_every_field
def test_a_wrong_value_is_found_in_a_config_and_is_the_only_problem(field: Field) -> None:
    (problem,) = value_problems(with_value(field.key, refused(field)[-1]))
    assert problem.startswith(f"{field.key}=")


@of_every_field
def test_what_is_expected_names_every_bound(field: Field) -> None:
    limits = (field.minimum, field.above, field.below, field.maximum)
    bounds = [bound for bound in limits if bound is not None]
    words = [*field.choices, *(f"{bound:g}" for bound in bounds)]
    words += ["null"] if field.optional else []
    assert all(word in field.expected() for word in words)


@pytest.mark.parametrize(("loop", "latent", "logging"), COMBINATIONS)
def test_the_defaults_of_every_combination_have_no_problems(
    loop: str, latent: str, logging: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER", "somebody")
    env = "local" if logging == "plots_standard" else "stoomboot"
    chosen = [f"loop={loop}", f"phase1/latent_space={latent}", f"logging={logging}", f"env={env}"]
    assert value_problems(compose(chosen)) == []


@pytest.mark.parametrize(
    "key", ["phase1.encoder.hidden_dims", "phase1.decoder.hidden_dims", "test_mlp.hidden_dims"]
)
@pytest.mark.parametrize("value", [[0], [64, -1], [1.5], [True], ["64"], 64, "64", [[64]], {}])
def test_layers_must_be_a_list_of_whole_numbers_above_0(key: str, value: Any) -> None:
    (problem,) = value_problems(with_value(key, value))
    assert problem.startswith(f"{key}=")


@pytest.mark.parametrize("value", [[], [1], [256, 128, 64]])
def test_any_number_of_layers_is_fine(value: list[int]) -> None:
    assert value_problems(with_value("phase1.encoder.hidden_dims", value)) == []


def test_all_wrong_values_are_told_in_the_order_of_the_fields() -> None:
    cfg = copy.deepcopy(composed("loop=ae"))
    wrong = {"data.batch_size": 0, "device": "tpu", "phase1.trainer.lr": -1}
    for key, value in wrong.items():
        OmegaConf.update(cfg, key, value)
    keys = [problem.partition("=")[0] for problem in value_problems(cfg)]
    assert keys == ["device", "phase1.trainer.lr", "data.batch_size"]


@pytest.mark.parametrize("key", ["data.root", "data.file", "env.output_root"])
def test_a_place_must_be_given(key: str) -> None:
    problems = value_problems(with_value(key, None))
    assert any(key in problem for problem in problems)


def test_a_key_of_a_component_that_is_not_there_is_no_problem() -> None:
    assert value_problems(compose(["~phase1.encoder.dropout"])) == []


@pytest.mark.parametrize("field", [f for f in FIELDS if f.required], ids=lambda f: f.key)
def test_a_key_that_nothing_goes_without_must_be_there(field: Field) -> None:
    node, _, name = field.key.rpartition(".")
    cfg = compose()
    with open_dict(cfg):
        del OmegaConf.select(cfg, node)[name]
    (problem,) = value_problems(cfg)
    assert problem.startswith(f"{field.key} is missing")


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (["phase1.latent_space=vq"], "phase1/latent_space=vq"),
        (["logging.families=all"], "logging.families=all"),
        (["logging.families=null"], "logging.families is empty"),
        (["phase1.decoder=null"], "phase1.decoder is empty"),
        (["phase1.trainer.early_stopping=5"], "phase1.trainer.early_stopping=5"),
        (["ae.loss_weights=1"], "ae.loss_weights=1"),
        (["~data"], "data is empty"),
        (["+phase1.trainer.epochz=3"], "did you mean phase1.trainer.epochs?"),
        (["data.norm=log_zscore", "data.log_features=[foo]"], "foo is none of the features"),
        (["evaluation.background=tttt"], "such as [tttt]"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_a_node_with_a_wrong_shape_or_a_slip_of_the_pen_is_named(
    overrides: list[str], named: str
) -> None:
    (problem,) = value_problems(compose(overrides))
    assert named in problem


def test_features_for_the_logarithm_matter_only_where_it_is_taken() -> None:
    assert value_problems(compose(["data.log_features=[foo]"])) == []


def test_codes_that_would_never_follow_are_refused() -> None:
    (problem,) = value_problems(compose([VQ, "phase1.latent_space.decay=1"]))
    assert "must be a number at least 0 and below 1" in problem


VQ, DENOISER = "phase1/latent_space=vq", "loop=diffusion_ae"


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (
            [VQ, "phase1.latent_space.cosine=true", "phase1.latent_space.levels=2"],
            "phase1.latent_space.cosine=true: goes with phase1.latent_space.levels=1 only",
        ),
        (
            [DENOISER, "phase1.decoder.hidden_dims=[]"],
            "phase1.decoder.hidden_dims=[]: a denoiser needs a hidden layer, such as [128]",
        ),
        (
            [DENOISER, "phase1.decoder.sampling_steps=50", "phase1.decoder.noise_steps=20"],
            "phase1.decoder.sampling_steps=50: goes up to phase1.decoder.noise_steps=20",
        ),
        (
            ["phase1/encoder=gnn", "data.features=[E,pT,eta,angle]"],
            "phase1/encoder=gnn: needs the feature phi, which data.features does not name",
        ),
    ],
    ids=["cosine", "denoiser", "steps", "gnn"],
)
def test_values_that_do_not_go_together_are_told_by_their_keys(
    overrides: list[str], told: str
) -> None:
    assert value_problems(compose(overrides)) == [told]
    for left_out in overrides[1:]:
        assert value_problems(compose([one for one in overrides if one != left_out])) == []


def test_a_class_of_the_users_own_may_take_what_ours_does_not() -> None:
    own = ["phase1.latent_space._target_=mine.Quantiser", "phase1.decoder._target_=mine.Denoiser"]
    wrong = ["phase1.latent_space.cosine=true", "phase1.latent_space.levels=2"]
    wrong += ["phase1.decoder.hidden_dims=[]"]
    assert value_problems(compose([VQ, DENOISER, *own, *wrong])) == []


ROOTS = {"THESIS_DATA_ROOT": "/data", "THESIS_OUTPUT_ROOT": "/output"}


def test_an_environment_variable_that_is_not_set_is_one_sentence() -> None:
    (problem,) = value_problems(compose(["env.output_root=${oc.env:NO_SUCH_VARIABLE}"]))
    assert "NO_SUCH_VARIABLE" in problem
    assert "\n" not in problem


def test_the_user_is_known_where_no_variable_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER", "LOGNAME", "USERNAME", "LNAME", *ROOTS):
        monkeypatch.delenv(name, raising=False)
    user = pwd.getpwuid(os.getuid()).pw_name
    assert compose(["env=stoomboot"]).env.output_root == f"/data/atlas/users/{user}/outputs"


def test_no_user_is_needed_where_both_places_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("USER", raising=False)
    for name, value in ROOTS.items():
        monkeypatch.setenv(name, value)
    assert value_problems(compose(["env=stoomboot"])) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("memory", "lots"), ("disk", "0 GB"), ("os", "el 9"), ("requirements", "(a\nb)"), ("cpu", 2)],
)
def test_what_a_cluster_would_not_take_is_told_by_its_key(key: str, value: Any) -> None:
    cfg = compose(["launcher=htcondor"])
    OmegaConf.update(cfg, f"launcher.{key}", value, force_add=True)
    (problem,) = value_problems(cfg)
    assert problem.startswith(f"launcher.{key}")
