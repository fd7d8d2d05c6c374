"""The config of a past run, read back to train with it again."""

from __future__ import annotations

import importlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError
from yaml.events import AliasEvent

from engine.config.compose import register_resolvers
from engine.config.fields import FIELDS
from engine.config.references import strange_references
from engine.config.schema import value_problems
from engine.errors import ConfigError

CHANGEABLE = (
    "phase1.trainer.epochs",
    "phase1.trainer.early_stopping",
    "device",
    "logging",
    "run",
    "evaluation",
    "launcher",
    "data.path",
)
"""Keys, and nodes with all keys below them, that may differ when a run goes on."""

_FIXED = ("logging.save_artifacts", "evaluation.background")
"""Keys below those that may not."""

PLACES = ("env.output_root", "env.data_root", "data.root")
"""Keys that say where things are, not what is trained."""

_COMPONENTS = "engine.architectures"
"""Where the classes lie that a config of ours names."""

_LARGEST = 1 << 20


def load_saved(path: Path) -> DictConfig:
    """The config in a `.hydra/config.yaml`; reading it constructs nothing but plain values.

    Raises
    ------
    ConfigError
        If there is none, or it is no config of this project.
    """
    register_resolvers()
    try:
        text = read_small(path)
        if any(isinstance(event, AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise ConfigError(f"{path} has YAML aliases, which no config of a run has")
        cfg = OmegaConf.create(text)
        is_config = isinstance(cfg, DictConfig) and isinstance(_plain(cfg).get("loop"), str)
    except FileNotFoundError as error:
        raise ConfigError(f"{path} is not there: the run cannot be gone on with") from error
    except (OSError, YAMLError, OmegaConfBaseException, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    if not (is_config and isinstance(cfg, DictConfig)):
        raise ConfigError(f"{path} holds no config of a run")
    return cfg


def _plain(cfg: DictConfig) -> dict[Any, Any]:
    """All values as they are written: what they refer to may be anything, and is not looked up."""
    found: Any = OmegaConf.to_container(cfg)
    return dict(found)


def chosen_options(path: Path) -> dict[str, str]:
    """Group to option in a `.hydra/hydra.yaml`; nothing where it cannot be read."""
    try:
        found = yaml.safe_load(read_small(path))["hydra"]["runtime"]["choices"]
        return {str(group): str(one) for group, one in found.items() if one is not None}
    except (OSError, ValueError, RecursionError, YAMLError, KeyError, TypeError, AttributeError):
        return {}


def read_small(path: Path) -> str:
    """The text of an ordinary file; nothing that waits, or has no end, is read."""
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is no regular file")
        text = file.read(_LARGEST + 1)
    if len(text) > _LARGEST:
        raise ValueError("it is larger than any config")
    return text


def change(cfg: DictConfig, overrides: Sequence[str]) -> None:
    """Set values of `cfg` as `key=value` says, where a run that goes on may have others.

    Raises
    ------
    ConfigError
        If a key is not there or cannot change; lists every problem.
    """
    problems = []
    for text in overrides:
        key, equals, _ = text.partition("=")
        if not equals:
            problems.append(f"{text}: an override is written key=value")
        elif not _is_changeable(key):
            problems.append(f"{key}: cannot change in a run that goes on; start a new one with it")
        elif not _is_value(cfg, key):
            problems.append(f"{key}: there is no such value to change")
        else:
            OmegaConf.update(cfg, key, OmegaConf.select(OmegaConf.from_dotlist([text]), key))
    if any(text.startswith("data.path=") for text in overrides):
        cfg.data.path = os.path.abspath(os.path.expanduser(str(cfg.data.path)))
    problems = problems or value_problems(cfg)
    if problems:
        raise ConfigError.from_problems(problems)


def changeable(overrides: Sequence[str]) -> list[str]:
    """Those of the overrides of a run that may change when it goes on."""
    return [text for text in overrides if _is_changeable(text.partition("=")[0])]


def merged(overrides: Sequence[str], changes: Sequence[str]) -> list[str]:
    """The overrides that a run was started with, and what was changed when it went on."""
    keys = {text.partition("=")[0] for text in changes}
    kept = [text for text in overrides if text.partition("=")[0].lstrip("+~") not in keys]
    return [*kept, *changes]


def differences(saved: DictConfig, typed: DictConfig) -> list[str]:
    """One sentence for each value by which `typed` asks for another training than `saved`.

    A seed that `typed` leaves to chance is the saved one; a key that is not there is as null.
    """
    before, now = dict(_flat(saved)), dict(_flat(typed))
    if now.get("phase1.trainer.seed", 0) is None:
        now["phase1.trainer.seed"] = before.get("phase1.trainer.seed")
    keys = [k for k in before | now if not _is_changeable(k) and k not in PLACES]
    return [
        f"{key}={_text(now, key)}: the run was started with {_text(before, key)}"
        for key in keys
        if before.get(key) != now.get(key)
    ]


def untrusted(
    cfg: DictConfig,
    trusted: Sequence[str],
    is_class: Callable[[Any, Sequence[str]], bool] | None = None,
) -> list[str]:
    """One sentence for each class that `cfg` names and that may not be used.

    A config may come from somebody else, and what it names is called. So it may name classes of
    `engine` and of the packages `trusted`, where they are defined, and nothing else; imports are
    of modules of these packages only. What it refers to by `${…}` is not filled in: a name stands
    as it is, and no reference may call a function that could make one.

    Parameters
    ----------
    is_class
        Tells whether a name is that of a class of these packages; by default they are imported.
    """
    is_class = is_class or _is_class_of
    allowed, plain = (_COMPONENTS, *trusted), _plain(cfg)
    problems = [
        f"{key}={value}: no class of {' or '.join(allowed)}; --trust PACKAGE allows a package"
        for key, value in _targets(plain, "")
        if not is_class(value, allowed)
    ]
    loop = str(plain.get("loop"))
    module, _, function = loop.partition(":")
    if "${" in loop or (function and module.partition(".")[0] not in trusted):
        problems.append(f"loop={loop}: not a package that is trusted; --trust PACKAGE adds it")
    return problems + strange_references(plain)


def _targets(node: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Every `_target_`, in lists too, with its dotted key."""
    entries = enumerate(node) if isinstance(node, list) else node.items()
    for key, value in entries:
        if key == "_target_":
            yield f"{prefix}{key}", value
        elif isinstance(value, dict | list):
            yield from _targets(value, f"{prefix}{key}.")


def _is_class_of(target: Any, packages: Sequence[str]) -> bool:
    module, _, name = str(target).rpartition(".")
    if not _is_within(module, packages) or module.endswith("__main__"):
        return False
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return False
    return isinstance(found, type) and _is_within(found.__module__, packages)


def _is_within(name: str, above: Sequence[str]) -> bool:
    """Whether a dotted name is one of those in `above`, or lies below one."""
    return any(name == known or name.startswith(f"{known}.") for known in above)


def _is_changeable(key: str) -> bool:
    return _is_within(key, CHANGEABLE) and key not in _FIXED


def _is_value(cfg: DictConfig, key: str) -> bool:
    """Whether a key holds a value, or may: a node with keys of its own does not."""
    value = OmegaConf.select(cfg, key, default=...)
    known = value is not ... or key in {field.key for field in FIELDS}
    return known and not isinstance(value, DictConfig)


def _flat(cfg: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a config with its dotted key; lists are values of their own."""
    if isinstance(cfg, DictConfig):
        cfg = OmegaConf.to_container(cfg, resolve=True)
    for key, value in cfg.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _text(values: dict[str, Any], key: str) -> str:
    return str(values[key]) if key in values else "nothing"
