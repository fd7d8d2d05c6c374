"""Autoencoders of every kind: the right shapes, no order, no padding, and they learn."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from engine.architectures.autoencoder.base import Autoencoder, build_from_config
from engine.architectures.autoencoder.outputs import AutoencoderOutput
from engine.config import config_dir
from engine.config.compose import compose
from engine.config.help import group_help
from engine.config.loop_parts import loops_that_train
from engine.config.schema import value_problems
from engine.data import make_dataloaders
from engine.data.fields import EventBatch
from engine.errors import ConfigError
from engine.training_loops.autoencoder import AutoencoderObjective
from engine.training_loops.trial import loop_module


class Kind(NamedTuple):
    """A composition of an autoencoder."""

    latent: str = "none"
    head: bool = False
    encoder: str = "mlp"
    decoder: str = "mlp"


LATENTS = ("none", "linear", "vq")
PAIRS = [("gnn", "gnn"), ("gnn", "mlp"), ("mlp", "gnn")]
PAIRS += [(encoder, "diffusion") for encoder in ("mlp", "gnn", "diffusion")]
PAIRS += [(encoder, "gan") for encoder in ("mlp", "gnn", "gan")]
PAIRS += [("gan", "mlp"), ("gan", "gnn")]
PLAIN = [Kind(latent, head) for latent in LATENTS for head in (False, True)]
KINDS = [*PLAIN, *(Kind(latent, True, *pair) for pair in PAIRS for latent in LATENTS)]
GRAPHS = [kind for kind in KINDS if kind not in PLAIN]
LEARNERS = [
    *PLAIN,
    Kind(encoder="gnn", decoder="gnn"),
    Kind(decoder="diffusion"),
    Kind("linear", True, "gan", "gan"),
    *(pytest.param(kind, marks=pytest.mark.slow) for kind in GRAPHS),
]
CODEBOOK = [
    "phase1.latent_space.codebook_size=512",
    "phase1.latent_space.decay=0.9",
    "phase1.latent_space.revive_every=10",
]
"""A codebook that is in use within a few steps."""
LEVELS = ["phase1.latent_space.levels=4"]
"""Where there is little noise, it is told by what one codebook leaves out."""

LATENT_DIM, B, T, F, TYPES, G = 6, 5, 7, 4, 8, 2
CLOSE: Any = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small only wait for each other on several."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def loop_of(kind: Kind) -> str:
    """The loop that trains it."""
    if "gan" in (kind.encoder, kind.decoder):
        return "gan_ae"
    return "diffusion_ae" if kind.decoder == "diffusion" else "ae"


@functools.cache
def config(kind: Kind) -> DictConfig:
    return compose(
        [
            *(CODEBOOK if kind.latent == "vq" else []),
            *(LEVELS if (kind.latent, kind.decoder) == ("vq", "diffusion") else []),
            f"loop={loop_of(kind)}",
            f"phase1/encoder={kind.encoder}",
            f"phase1/latent_space={kind.latent}",
            f"phase1/decoder={kind.decoder}",
            f"phase1.decoder.globals_head={kind.head}",
            f"phase1.latent_dim={LATENT_DIM}",
            "phase1.encoder.hidden_dims=[64]",
            "phase1.decoder.hidden_dims=[64]",
            "phase1.trainer.lr=0.01",
            "data.limit_samples=64",
            "data.batch_size=64",
        ]
    )


def make_model(cfg: DictConfig) -> Autoencoder:
    torch.manual_seed(0)
    return build_from_config(cfg)


def name_of(kind: Kind) -> str:
    return f"{kind.encoder}-{kind.latent}-{kind.decoder}{'-globals' * kind.head}"


@pytest.fixture(params=KINDS, ids=name_of)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
def model(kind: Kind) -> Autoencoder:
    """A model in use, whose codebook (if any) has seen a batch."""
    model = make_model(config(kind))
    model(*events(1))
    return model.eval()


def events(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Features [B, T, F] and types [B, T] of events with 1 to T objects, in any place."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, TYPES, (B, T), generator=generator)
    ids[:, 0] = 1
    features = torch.randn(B, T, F, generator=generator)
    return features * (ids > 0).unsqueeze(-1), ids


def tensors(output: AutoencoderOutput) -> dict[str, Tensor]:
    """Everything a model gave, by name."""
    named = output.reconstruction._asdict() | output.latent._asdict()
    return {name: value for name, value in named.items() if value is not None}


PER_TOKEN = ("tokens_cont", "id_logits", "z", "codes")


def test_outputs_have_the_described_shapes(kind: Kind, model: Autoencoder) -> None:
    latent, head = kind.latent, kind.head
    reconstruction, found = model(*events())
    assert reconstruction.tokens_cont.shape == (B, T, F)
    assert reconstruction.id_logits.shape == (B, T, TYPES)
    assert (reconstruction.globals is not None) == head
    if reconstruction.globals is not None:
        assert reconstruction.globals.shape == (B, G)
    assert found.z.shape == (B, T, {"linear": 8}.get(latent, LATENT_DIM))
    assert (found.codes is not None) == (found.loss is not None) == (latent == "vq")


def test_permuting_objects_permutes_what_becomes_of_them(model: Autoencoder) -> None:
    features, ids = events()
    order = torch.stack([torch.randperm(T) for _ in range(B)])
    event = torch.arange(B).unsqueeze(1)
    expected = tensors(model(features, ids))
    found = tensors(model(features[event, order], ids[event, order]))
    for name, value in expected.items():
        value = value[event, order] if name in PER_TOKEN else value
        torch.testing.assert_close(found[name], value, **CLOSE)


def test_an_event_does_not_depend_on_the_others_of_its_batch(model: Autoencoder) -> None:
    features, ids = events()
    together = tensors(model(features, ids))
    together.pop("loss", None)
    together.pop("codes", None)  # of equal codes either may be taken: there are more than vectors
    for row in range(B):
        alone = tensors(model(features[row : row + 1], ids[row : row + 1]))
        for name, value in together.items():
            torch.testing.assert_close(alone[name], value[row : row + 1], **CLOSE)


def test_content_of_padding_changes_nothing_that_counts(model: Autoencoder) -> None:
    features, ids = events()
    real = ids > 0
    expected = tensors(model(features, ids))
    features[~real] = 50 * torch.randn(int((~real).sum()), F)
    for name, value in tensors(model(features, ids)).items():
        if name in PER_TOKEN:
            torch.testing.assert_close(value[real], expected[name][real])
        else:
            torch.testing.assert_close(value, expected[name])


def test_an_event_without_objects_gives_finite_numbers(model: Autoencoder) -> None:
    features, ids = events()
    features[2], ids[2] = 0, 0
    assert all(torch.isfinite(value).all() for value in tensors(model(features, ids)).values())


def test_permuting_objects_leaves_the_scores_of_an_event(kind: Kind) -> None:
    features, ids = events()
    order = torch.randperm(T)
    objective = objective_of(kind)
    objective.model(features, ids)
    objective.model.eval()
    batches = [(features, ids), (features[:, order], ids[:, order])]
    expected, found = (
        objective.outcome(EventBatch(*batch, torch.zeros(B, G))).scores for batch in batches
    )
    assert next(iter(found)) == "reconstruction_error"
    torch.testing.assert_close(found, expected, **CLOSE)


def objective_of(kind: Kind) -> AutoencoderObjective:
    torch.manual_seed(0)
    module: Any = loop_module(loop_of(kind))
    return module.build(config(kind), torch.device("cpu"), 1)


@functools.cache
def sample() -> EventBatch:
    """The first 64 training events of the sample."""
    return EventBatch(*make_dataloaders(config(Kind()))[0].tensors)


def test_gradients_reach_every_parameter(kind: Kind) -> None:
    """So that a step changes each one: of the adversaries of an autoencoder too."""
    objective = objective_of(kind)
    before = {name: p.detach().clone() for name, p in objective.model.named_parameters()}
    objective.train_batch(sample())
    after = dict(objective.model.named_parameters())
    assert [name for name, value in before.items() if torch.equal(value, after[name])] == []


@pytest.mark.parametrize("kind", LEARNERS, ids=name_of)
def test_it_learns_64_events_by_heart(kind: Kind) -> None:
    objective = objective_of(kind)
    # A codebook has to be in use first; where the noise is drawn, the loss is that of many draws.
    steps = 100 * (2 if kind.latent == "vq" else 1) * (3 if kind.decoder == "diffusion" else 1)
    losses = [objective.train_batch(sample())[0] for _ in range(steps)]
    assert sum(losses[-20:]) / 20 < 0.1 * losses[0]


SEEDED = [Kind(), Kind("vq"), Kind(decoder="diffusion"), Kind(encoder="gan", decoder="gan")]


@pytest.mark.parametrize("kind", SEEDED, ids=name_of)
def test_the_same_seed_gives_the_same_training(kind: Kind) -> None:
    runs = []
    for _ in range(2):
        objective = objective_of(kind)
        runs.append([objective.train_batch(sample())[0] for _ in range(5)])
    assert runs[0] == runs[1]


class GuideEncoder(nn.Module):
    """An encoder as the training guide writes one."""

    def __init__(self, input_dim: int, latent_dim: int, **kwargs: Any) -> None:
        super().__init__()
        self.fc = nn.Linear(input_dim, latent_dim)
        self.kwargs = kwargs

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x)


class MaskedEncoder(nn.Module):
    """One that wants to know what is padding."""

    def __init__(self, input_dim: int, latent_dim: int, **kwargs: Any) -> None:
        super().__init__()
        self.fc = nn.Linear(input_dim, latent_dim)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        self.seen = mask
        return self.fc(x)


def test_an_encoder_of_the_guide_works_as_a_target() -> None:
    cfg = compose(
        [f"phase1.encoder._target_={__name__}.GuideEncoder", "+phase1.encoder.custom_param=123"]
    )
    model = make_model(cfg)
    assert isinstance(model.encoder, GuideEncoder)
    assert model.encoder.kwargs["custom_param"] == 123
    assert model(*events()).reconstruction.tokens_cont.shape == (B, T, F)


def test_an_encoder_config_of_the_guide_works_as_an_option(tmp_path: Path) -> None:
    folder = tmp_path / "phase1" / "encoder"
    folder.mkdir(parents=True)
    (folder / "my_encoder.yaml").write_text(
        "# @package _global_\n"
        "phase1:\n"
        "  encoder:\n"
        f"    _target_: {__name__}.GuideEncoder\n"
        "    custom_param: 123\n"
    )
    model = make_model(compose(["phase1/encoder=my_encoder"], config_dirs=[tmp_path]))
    assert isinstance(model.encoder, GuideEncoder)
    assert model.encoder.kwargs == {"custom_param": 123}


def test_an_encoder_with_a_mask_parameter_gets_the_mask() -> None:
    cfg = config(Kind()).copy()
    OmegaConf.update(cfg, "phase1.encoder._target_", f"{__name__}.MaskedEncoder")
    model, (features, ids) = make_model(cfg), events()
    model(features, ids)
    assert isinstance(model.encoder, MaskedEncoder)
    assert torch.equal(model.encoder.seen, ids > 0)


def test_a_component_says_itself_what_is_wrong_with_its_arguments() -> None:
    words = ["phase1/latent_space=vq", "phase1.latent_space.cosine=true"]
    cfg = compose([*words, "phase1.latent_space.levels=2"])
    with pytest.raises(ConfigError) as told:
        build_from_config(cfg)
    assert told.value.message == "phase1.latent_space: cosine codes are for one level"
    assert told.value.hint == "Set levels=1 or cosine=false."
    with pytest.raises(ConfigError, match=r"cannot be made: .*'dims'") as told:
        build_from_config(compose(["+phase1.encoder.dims=5"]))
    assert "input_dim" in told.value.hint


GROUPS = sorted(
    path.relative_to(config_dir()).as_posix()
    for path in config_dir().rglob("*")
    if path.is_dir() and any(path.glob("*.yaml"))
)
OPTIONS = [(group, path.stem) for group in GROUPS for path in (config_dir() / group).glob("*.yaml")]
DEFAULTS = [dict(entry) for entry in OmegaConf.load(config_dir() / "config.yaml").defaults[1:]]
# The defaults are in every config of this file already.
OTHERS = [(group, option) for group, option in OPTIONS if {group: option} not in DEFAULTS]


def test_every_config_file_is_an_option_of_its_group() -> None:
    for group in GROUPS:
        files = sorted(option for other, option in OPTIONS if other == group)
        assert set(files) <= set(group_help([config_dir()])[group])


@pytest.mark.parametrize(("group", "option"), OTHERS)
def test_every_option_composes_and_its_model_can_be_built(
    group: str, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER", "somebody")
    loops = loops_that_train(group.removeprefix("phase1/"), option)[:1]
    cfg = compose([*(f"loop={loop}" for loop in loops), f"{group}={option}"])
    assert value_problems(cfg) == []
    if "features" in cfg.data:
        assert tensors(build_from_config(cfg)(*events()))["tokens_cont"].shape == (B, T, F)


@pytest.mark.parametrize("experiment", [name for group, name in OPTIONS if "experiment" in group])
def test_every_run_of_an_experiment_composes(experiment: str) -> None:
    chosen = f"phase1/experiment={experiment}"
    cfg = compose([chosen], with_hydra=True)
    assert cfg.hydra.job.name == experiment
    (swept,) = cfg.hydra.sweeper.params.items()
    values = str(swept[1]).split(",")
    assert len(values) > 1
    compose([chosen, f"{swept[0]}={values[-1]}"])
