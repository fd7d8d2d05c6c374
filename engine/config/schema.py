"""All that is wrong with the values of a config, as `engine.config.fields` lists them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException

from engine.config.fields import FIELDS
from engine.config.loop_parts import option_of, part_problems
from engine.launch.resources import problems_of

WIDTHS = (
    "phase1.encoder.hidden_dims",
    "phase1.encoder.critic_hidden_dims",
    "phase1.decoder.hidden_dims",
    "gan_ae.discriminator_hidden_dims",
    "test_mlp.hidden_dims",
)
FIGURE_MOMENTS = ("on_epoch_end", "on_train_end", "on_test_end")
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
    problems = [*_field_problems(node), *_list_problems(node), *_resource_problems(node)]
    problems += [*_near_misses(node), *_misfits(node)]
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


def _misfits(cfg: Node) -> Iterator[str]:
    """What is as it should be by itself, and does not go together."""
    parts = ("encoder", "latent_space", "decoder")
    targets = {part: _select(cfg, f"phase1.{part}._target_") for part in parts}
    yield from part_problems(_select(cfg, "loop"), targets)
    encoder, latent_space, decoder = (option_of(part, targets[part]) for part in parts)
    features = _select(cfg, "data.features")
    if encoder == "gnn" and _is_list(features):
        for name in sorted({"eta", "phi"} - set(map(str, features))):
            yield f"phase1/encoder=gnn: needs the feature {name}, which data.features does not name"
    cosine, levels = (_select(cfg, f"phase1.latent_space.{key}") for key in ("cosine", "levels"))
    if latent_space == "vq" and cosine is True and levels not in (1, _ABSENT):
        yield "phase1.latent_space.cosine=true: goes with phase1.latent_space.levels=1 only"
    if decoder == "diffusion" and _select(cfg, "phase1.decoder.hidden_dims") == []:
        yield "phase1.decoder.hidden_dims=[]: a denoiser needs a hidden layer, such as [128]"
    wanted, most = (
        _select(cfg, f"phase1.decoder.{key}") for key in ("sampling_steps", "noise_steps")
    )
    if decoder == "diffusion" and type(wanted) is type(most) is int and wanted > most:
        yield (
            f"phase1.decoder.sampling_steps={wanted}: goes up to phase1.decoder.noise_steps={most}"
        )


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


def _resource_problems(cfg: Node) -> list[str]:
    """What a cluster would not take; values that are no such values at all are told already."""
    wanted = _select(cfg, "launcher")
    plain = OmegaConf.to_container(wanted) if isinstance(wanted, DictConfig) else wanted
    if not isinstance(plain, dict):
        return []
    known = {f.key.partition(".")[2]: f for f in FIELDS if f.key.startswith("launcher.")}
    told = [key for key, value in plain.items() if key in known and known[key].problem(value)]
    entries = {str(key): value for key, value in plain.items() if key not in ("target", *told)}
    return problems_of(entries)


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
    for key in WIDTHS:
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
    yield from _unknown_background(cfg)
    moments = _select(cfg, "logging.moments")
    if moments is not _ABSENT and not _is_list(moments, lambda v: v in FIGURE_MOMENTS):
        yield f"logging.moments={moments}: must be a list of {', '.join(FIGURE_MOMENTS)}"


def _unknown_log_features(cfg: Node) -> Iterator[str]:
    if _select(cfg, "data.norm") != "log_zscore":
        return  # nothing reads them
    names = [_select(cfg, f"data.{key}") for key in ("features", "global_features")]
    logs = _select(cfg, "data.log_features")
    if _is_ours(cfg, "data.log_features") and all(map(_is_list, [*names, logs])):
        for name in sorted(set(map(str, logs)) - {str(n) for known in names for n in known}):
            yield f"data.log_features: {name} is none of the features"


def _unknown_background(cfg: Node) -> Iterator[str]:
    """What is wrong with `evaluation.background`: no list, or classes that the data do not name."""
    background, names = _select(cfg, "evaluation.background"), _select(cfg, "data.class_names")
    if background is _ABSENT or background is None:
        return
    if not _is_list(background, lambda v: type(v) in (int, str)):
        example = background if isinstance(background, str | int) and background else "ttH,ttW"
        yield (
            f"evaluation.background={background}: must be a list of classes, such as [{example}], "
            "or null"
        )
    elif isinstance(names, DictConfig | dict):
        known = {str(text) for entry in names.items() for text in entry}
        for entry in sorted({str(entry) for entry in background} - known):
            choices = ", ".join(map(str, names.values()))
            yield f"evaluation.background: there is no class {entry}; choose from {choices}"


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
