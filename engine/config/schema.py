"""What a value of the config must be: its kind, its range, and a word about it.

Components bring further keys of their own; those are checked by the classes they configure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException


@dataclass(frozen=True)
class Field:
    """One key of the config.

    `minimum` is allowed, `above` is not; `optional` allows null; `choices` lists all values.
    """

    key: str
    kind: type
    minimum: float | None = None
    above: float | None = None
    maximum: float | None = None
    optional: bool = False
    choices: tuple[str, ...] = ()

    def problem(self, value: Any) -> str | None:
        """A sentence about what is wrong with `value`; None if nothing is."""
        if value is None:
            return None if self.optional else f"{self.key} is empty: give {self.expected()}"
        if not self._accepts(value):
            return f"{self.key}={value}: must be {self.expected()}"
        return None

    def expected(self) -> str:
        """What is allowed, in words."""
        if self.choices:
            return " or ".join(self.choices)
        words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
        bounds = [
            f"at least {self.minimum:g}" if self.minimum is not None else "",
            f"above {self.above:g}" if self.above is not None else "",
            f"at most {self.maximum:g}" if self.maximum is not None else "",
        ]
        bound = " and ".join(filter(None, bounds))
        text = f"{words[self.kind]} {bound}".strip()
        return f"{text}, or null" if self.optional else text

    def _accepts(self, value: Any) -> bool:
        if self.kind in (bool, str):
            return isinstance(value, self.kind) and (not self.choices or value in self.choices)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if self.kind is int and not isinstance(value, int):
            return False
        return (
            math.isfinite(value)
            and (self.minimum is None or value >= self.minimum)
            and (self.above is None or value > self.above)
            and (self.maximum is None or value <= self.maximum)
        )


FIELDS = (
    Field("env.output_root", str),
    Field("data.root", str),
    Field("data.file", str),
    Field("device", str, choices=("auto", "cpu", "cuda")),
    Field("phase1.latent_dim", int, minimum=1),
    Field("phase1.id_embedding_dim", int, minimum=1),
    Field("phase1.trainer.epochs", int, minimum=1),
    Field("phase1.trainer.lr", float, above=0),
    Field("phase1.trainer.seed", int, minimum=0, optional=True),
    Field("phase1.trainer.weight_decay", float, minimum=0),
    Field("phase1.trainer.clip_grad_norm", float, above=0, optional=True),
    Field("phase1.trainer.accumulate_batches", int, minimum=1),
    Field("phase1.trainer.schedule", str, choices=("constant", "cosine")),
    Field("phase1.trainer.warmup_epochs", float, minimum=0),
    Field("phase1.trainer.final_lr_fraction", float, minimum=0, maximum=1),
    Field("phase1.trainer.early_stopping.patience", int, minimum=1, optional=True),
    Field("phase1.trainer.early_stopping.min_delta", float, minimum=0),
    Field("phase1.encoder.dropout", float, minimum=0, maximum=1),
    Field("phase1.decoder.dropout", float, minimum=0, maximum=1),
    Field("phase1.decoder.globals_head", bool),
    Field("phase1.latent_space.dim", int, minimum=1),
    Field("phase1.latent_space.codebook_size", int, minimum=2),
    Field("phase1.latent_space.decay", float, minimum=0, maximum=1),
    Field("phase1.latent_space.revive_every", int, minimum=0),
    Field("phase1.latent_space.dead_below", float, minimum=0),
    Field("ae.loss_weights.token_mse", float, minimum=0),
    Field("ae.loss_weights.id_cross_entropy", float, minimum=0),
    Field("ae.loss_weights.globals_mse", float, minimum=0),
    Field("ae.loss_weights.commitment", float, minimum=0),
    Field("task", str, choices=("regression", "binary")),
    Field("test_mlp.dropout", float, minimum=0, maximum=1),
    Field("data.batch_size", int, minimum=1),
    Field("data.limit_samples", int, minimum=1, optional=True),
    Field("data.norm", str, choices=("zscore", "log_zscore")),
    Field("data.n_tokens", int, minimum=1),
    Field("data.n_features", int, minimum=3),
    Field("data.noise", float, minimum=0),
    Field("logging.save_artifacts", bool),
    Field("logging.make_plots", bool),
    Field("logging.progress_every_s", float, minimum=0),
    Field("logging.figure_every_epochs", int, minimum=1),
    Field("logging.fig_format", str, choices=("png", "pdf", "svg")),
    Field("logging.dpi", int, minimum=30, maximum=1200),
    Field("logging.families.losses.enabled", bool),
    Field("logging.families.metrics.enabled", bool),
    Field("logging.families.recon.enabled", bool),
    Field("logging.families.codebook.enabled", bool),
    Field("logging.families.latency.enabled", bool),
)

FIGURE_MOMENTS = ("on_epoch_end", "on_test_end", "on_train_end")
"""When figures can be drawn."""

_ABSENT = object()


def value_problems(cfg: DictConfig) -> list[str]:
    """One sentence for each value of `cfg` that cannot be what it is, in the order of `FIELDS`."""
    return [*_field_problems(cfg), *_list_problems(cfg), *_unresolved(cfg)]


def _field_problems(cfg: DictConfig) -> Iterator[str]:
    for field in FIELDS:
        try:
            value = OmegaConf.select(cfg, field.key, default=_ABSENT)
        except OmegaConfBaseException:
            continue  # said by _unresolved
        # A sum such as 1e-3 reaches us as a number; OmegaConf leaves only true text as text.
        problem = None if value is _ABSENT else field.problem(value)
        if problem:
            yield problem


def _list_problems(cfg: DictConfig) -> Iterator[str]:
    """Lists whose entries have to be of one kind."""
    for key in ("phase1.encoder.hidden_dims", "phase1.decoder.hidden_dims", "test_mlp.hidden_dims"):
        value = OmegaConf.select(cfg, key, default=None)
        if value is None:
            continue
        good = OmegaConf.is_list(value) and all(type(v) is int and v > 0 for v in value)
        if not good:
            yield f"{key}={value}: must be a list of whole numbers above 0, such as [128,128]"
    moments = OmegaConf.select(cfg, "logging.moments", default=None)
    if moments is not None and not (
        OmegaConf.is_list(moments) and set(moments) <= set(FIGURE_MOMENTS)
    ):
        yield f"logging.moments={moments}: must be a list of {', '.join(FIGURE_MOMENTS)}"


def _unresolved(cfg: DictConfig) -> Iterator[str]:
    """Interpolations that point to nothing: a key, or an environment variable that is not set."""
    try:
        OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except InterpolationResolutionError as error:
        reason = str(error).splitlines()[0]
        yield f"{error.full_key}: {reason}"
    except OmegaConfBaseException as error:
        yield str(error).splitlines()[0]
