"""What a value of the config must be: its kind, its range, and a word about it.

Components bring further keys of their own; those are checked by the classes they configure.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException


@dataclass(frozen=True)
class Field:
    """One key of the config.

    `minimum` is allowed, `above` is not; `optional` allows null; `choices` lists all values;
    `required` says that no config can do without it.
    """

    key: str
    kind: type
    minimum: float | None = None
    above: float | None = None
    maximum: float | None = None
    optional: bool = False
    choices: tuple[str, ...] = ()
    required: bool = False

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
        if self.kind is bool:
            return isinstance(value, bool)
        if self.kind is str:
            allowed = value in self.choices if self.choices else bool(value)
            return isinstance(value, str) and allowed
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
    Field("run.resume", str, choices=("never", "auto")),
    Field("run.checkpoint_every_s", float, above=0),
    Field("phase1.latent_dim", int, minimum=1),
    Field("phase1.id_embedding_dim", int, minimum=1),
    Field("phase1.trainer.epochs", int, minimum=1, required=True),
    Field("phase1.trainer.lr", float, above=0, required=True),
    Field("phase1.trainer.seed", int, minimum=0, maximum=2**63 - 1, optional=True),
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
    Field("data.batch_size", int, minimum=1, required=True),
    Field("data.limit_samples", int, minimum=1, optional=True, required=True),
    Field("data.norm", str, choices=("zscore", "log_zscore")),
    Field("data.n_tokens", int, minimum=1),
    Field("data.n_features", int, minimum=3),
    Field("data.n_events.train", int, minimum=1),
    Field("data.n_events.val", int, minimum=1),
    Field("data.n_events.test", int, minimum=1),
    Field("data.seed", int, minimum=0, maximum=2**63 - 1),
    Field("data.datasets.events.train", str),
    Field("data.datasets.events.val", str),
    Field("data.datasets.events.test", str),
    Field("data.datasets.labels.train", str, optional=True),
    Field("data.datasets.labels.val", str, optional=True),
    Field("data.datasets.labels.test", str, optional=True),
    Field("data.noise", float, minimum=0),
    Field("logging.save_artifacts", bool, required=True),
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

FIGURE_MOMENTS = ("on_epoch_end", "on_train_end")
"""When figures can be drawn."""

_ABSENT = object()

Node = DictConfig | dict[Any, Any]
"""A config, or the plain values of one whose references are all filled in."""


NODES = ("env", "data", "logging", "logging.families", "phase1", "phase1.trainer")
"""What every config must have, with keys below it."""

SOURCES = ("h5", "synthetic")
"""The values of `data.source` whose further keys are known here."""

TEXT_LISTS = ("data.features", "data.global_features", "data.log_features", "data.type_names")
"""Keys whose value is a list of names."""

MAPPINGS = ("data.units", "data.columns")
"""Keys, where there are any, with further keys below them; the parents of `FIELDS` are too."""

CLOSED = ("phase1.trainer", "phase1.trainer.early_stopping", "logging", "logging.families")
"""Nodes in which a key that is nearly one of `FIELDS` can only be a slip of the pen."""


def value_problems(cfg: DictConfig) -> list[str]:
    """One sentence for each value of `cfg` that cannot be what it is, in the order of `FIELDS`."""
    node = _resolved(cfg)
    shape = list(_node_problems(node))
    if shape:
        return shape
    problems = [*_field_problems(node), *_list_problems(node), *_near_misses(node)]
    return problems or (list(_unresolved(cfg)) if node is cfg else [])


def _resolved(cfg: DictConfig) -> Node:
    """The config as plain values, looked at in a tenth of the time; itself if one is not known."""
    try:
        plain = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException:
        return cfg
    return plain if isinstance(plain, dict) else cfg


def _node_problems(cfg: Node) -> Iterator[str]:
    """Nodes that are missing, or hold a plain value where keys belong."""
    parents = {field.key.rpartition(".")[0] for field in FIELDS} - {""}
    for key in sorted(key for key in parents | set(NODES) | set(MAPPINGS) if _is_ours(cfg, key)):
        value = _select(cfg, key)
        if isinstance(value, DictConfig | dict) or (value is _ABSENT and key not in NODES):
            continue
        if value is _ABSENT or value is None:
            yield f"{key} is empty, and cannot be"
        else:
            group = key.replace(".", "/")
            yield f"{key}={value}: has keys of its own; write {group}={value} to choose an option"


def _is_ours(cfg: Node, key: str) -> bool:
    """Whether a key means what it says here: not so below `data` of another source."""
    return not key.startswith("data.") or _select(cfg, "data.source") in (*SOURCES, _ABSENT)


def _near_misses(cfg: Node) -> Iterator[str]:
    """Keys that nothing reads, but that look like one of `FIELDS`: typed in a config file."""
    for node in CLOSED:
        known = [f.key.rpartition(".")[2] for f in FIELDS if f.key.rpartition(".")[0] == node]
        for key in map(str, _select(cfg, node) if _select(cfg, node) is not _ABSENT else ()):
            close = difflib.get_close_matches(key, known, n=1, cutoff=0.82)
            if key not in known and close and abs(len(key) - len(close[0])) <= 1:
                yield f"{node}.{key}: there is no such key (did you mean {node}.{close[0]}?)"


def _select(cfg: Node, key: str) -> Any:
    """The value of a key; `_ABSENT` if there is none, or it cannot be found out."""
    if isinstance(cfg, dict):
        return _select_plain(cfg, key)
    try:
        return OmegaConf.select(cfg, key, default=_ABSENT)
    except OmegaConfBaseException:
        return _ABSENT  # said by _unresolved


def _select_plain(node: Any, key: str) -> Any:
    for part in key.split("."):
        if not isinstance(node, dict) or part not in node:
            return _ABSENT
        node = node[part]
    return node


def _field_problems(cfg: Node) -> Iterator[str]:
    for field in (field for field in FIELDS if _is_ours(cfg, field.key)):
        value = _select(cfg, field.key)
        if value is _ABSENT and field.required:
            yield f"{field.key} is missing: give {field.expected()}"
        problem = None if value is _ABSENT else field.problem(value)
        if problem:
            yield problem


def _list_problems(cfg: Node) -> Iterator[str]:
    """Lists whose entries have to be of one kind, and what has to have keys below it."""
    for key in ("phase1.encoder.hidden_dims", "phase1.decoder.hidden_dims", "test_mlp.hidden_dims"):
        value = _select(cfg, key)
        if value is None and key.startswith("phase1."):
            continue  # a component of the user's own may take null
        if value is not _ABSENT and not _is_list(value, lambda v: type(v) is int and v > 0):
            yield f"{key}={value}: must be a list of whole numbers above 0, such as [128,128]"
    for key in (key for key in TEXT_LISTS if _is_ours(cfg, key)):
        value = _select(cfg, key)
        if value is not _ABSENT and not _is_list(value, lambda v: isinstance(v, str)):
            yield f"{key}={value}: must be a list of names"
    yield from _unknown_log_features(cfg)
    moments = _select(cfg, "logging.moments")
    if moments is not _ABSENT and not _is_list(moments, lambda v: v in FIGURE_MOMENTS):
        yield f"logging.moments={moments}: must be a list of {', '.join(FIGURE_MOMENTS)}"


def _unknown_log_features(cfg: Node) -> Iterator[str]:
    names = [_select(cfg, f"data.{key}") for key in ("features", "global_features")]
    logs = _select(cfg, "data.log_features")
    if _is_ours(cfg, "data.log_features") and all(map(_is_list, [*names, logs])):
        for name in sorted(set(map(str, logs)) - {str(n) for known in names for n in known}):
            yield f"data.log_features: {name} is none of the features"


def _is_list(value: Any, good: Callable[[Any], bool] = lambda _: True) -> bool:
    return (isinstance(value, list) or OmegaConf.is_list(value)) and all(map(good, value))


def _unresolved(cfg: DictConfig) -> Iterator[str]:
    """Interpolations that point to nothing: a key, or an environment variable that is not set."""
    try:
        OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except InterpolationResolutionError as error:
        reason = str(error).splitlines()[0]
        yield f"{error.full_key}: {reason}"
    except OmegaConfBaseException as error:
        yield str(error).splitlines()[0]
