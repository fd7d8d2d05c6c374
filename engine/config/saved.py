"""The config of a past run, read back to train with it again."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from engine.config.compose import register_resolvers
from engine.config.schema import value_problems
from engine.errors import ConfigError

CHANGEABLE = (
    "phase1.trainer.epochs",
    "phase1.trainer.early_stopping",
    "device",
    "logging",
    "run",
)
"""Keys, and nodes with all keys below them, that may differ when a run goes on."""

_PLACES = ("env.output_root",)
"""Keys that say where a run is, not what it trains."""


def load_saved(path: Path) -> DictConfig:
    """The config in a `.hydra/config.yaml`; reading it constructs nothing but plain values.

    Raises
    ------
    ConfigError
        If there is none, or it is no config of this project.
    """
    register_resolvers()
    try:
        cfg = OmegaConf.load(path)
    except FileNotFoundError as error:
        raise ConfigError(f"{path} is not there: the run cannot be gone on with") from error
    except (OSError, YAMLError, OmegaConfBaseException, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(cfg, DictConfig):
        raise ConfigError(f"{path} holds no config")
    return cfg


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
        elif OmegaConf.select(cfg, key.rpartition(".")[0] or key, default=None) is None:
            problems.append(f"{key}: there is no such key")
        else:
            OmegaConf.update(cfg, key, OmegaConf.select(OmegaConf.from_dotlist([text]), key))
    problems = problems or value_problems(cfg)
    if problems:
        raise ConfigError.from_problems(problems)


def differences(saved: DictConfig, typed: DictConfig) -> list[str]:
    """One sentence for each value by which `typed` asks for another training than `saved`.

    A seed that `typed` leaves to chance is the saved one.
    """
    before, now = dict(_flat(saved)), dict(_flat(typed))
    if now.get("phase1.trainer.seed", 0) is None:
        now["phase1.trainer.seed"] = before.get("phase1.trainer.seed")
    keys = [k for k in before | now if not _is_changeable(k) and k not in _PLACES]
    return [
        f"{key}={_text(now, key)}: the run was started with {_text(before, key)}"
        for key in keys
        if before.get(key, ...) != now.get(key, ...)
    ]


def untrusted(cfg: DictConfig, trusted: Sequence[str]) -> list[str]:
    """One sentence for each class that `cfg` names and that may not be used.

    A config may come from somebody else, and what it names is called. So it may name classes of
    `engine` and of the packages `trusted`, where they are defined, and nothing else; imports are
    of modules of these packages only.
    """
    allowed = ("engine", *trusted)
    named = [(k, v) for k, v in _flat(cfg) if k.rpartition(".")[2] == "_target_"]
    problems = [
        f"{key}={value}: no class of {' or '.join(allowed)}; --trust PACKAGE allows a package"
        for key, value in named
        if not _is_class_of(value, allowed)
    ]
    module, _, function = str(cfg.get("loop")).partition(":")
    if function and module.partition(".")[0] not in trusted:
        problems.append(f"loop={cfg.loop}: not a package that is trusted; --trust PACKAGE adds it")
    return problems


def _is_class_of(target: Any, packages: Sequence[str]) -> bool:
    module, _, name = str(target).rpartition(".")
    if module.partition(".")[0] not in packages:
        return False
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return False
    return isinstance(found, type) and found.__module__.partition(".")[0] in packages


def _is_changeable(key: str) -> bool:
    return any(key == known or key.startswith(f"{known}.") for known in CHANGEABLE)


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
