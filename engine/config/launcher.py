"""Where the runs of a command line are to be started, and what they ask for there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig, OmegaConf

from engine.config.cluster_launcher import HTCONDOR
from engine.config.composer import Composer
from engine.config.draft import key_of
from engine.errors import ConfigError

GROUP = "launcher"
"""Config group, and the node of the config that it fills."""
_HERE = "local"


@dataclass(frozen=True)
class Launcher:
    """What the group `launcher` composes to."""

    target: str = _HERE
    resources: dict[str, Any] = field(default_factory=dict)
    """The other keys: what a job asks a cluster for."""


def wanted_launcher(composer: Composer, overrides: Sequence[str]) -> Launcher:
    """The launcher that a command line chooses; of a sweep that of all its runs.

    A config without one, as that of somebody's own may be, means this machine.
    """
    single = [text for text in overrides if not composer.parse(text).is_sweep_override()]
    node = composer.compose(single).get(GROUP)
    entries: Any = OmegaConf.to_container(node, resolve=True) if node else {}
    return launcher_in({f"{GROUP}.{key}": value for key, value in entries.items()})


def launcher_in(settings: Mapping[str, Any]) -> Launcher:
    """The launcher of a config, resolved and flat."""
    before = f"{GROUP}."
    entries = {
        key.removeprefix(before): value for key, value in settings.items() if key.startswith(before)
    }
    return Launcher(str(entries.pop("target", _HERE)), entries)


def launcher_to_go_on(
    composer: Composer,
    saved: DictConfig,
    words: Sequence[str],
    target: str,
    last: Mapping[str, Any] | None = None,
) -> Launcher:
    """The launcher with which a run goes on at a cluster.

    What its last job there had, or else what its config asks for there, or else the option
    `target` of the group; changed by `words`.

    Parameters
    ----------
    saved
        The config of the run; what it refers to is not looked up.
    last
        What the last job of the run asked for there, which may have been changed since.
    words
        Overrides of the group and its keys.

    Raises
    ------
    ConfigError
        With all that is wrong with the words.
    """
    from engine.config.problems import find_problems

    all_words = [*([] if chooses(words) else [f"{GROUP}={target}"]), *words]
    problems = find_problems(all_words, composer.config_dirs, sweep=False, composer=composer)
    if problems:
        raise ConfigError.from_problems(problems)
    wanted, node = wanted_launcher(composer, all_words), saved.get(GROUP)
    if chooses(words):
        return wanted
    saved_there: Any = OmegaConf.to_container(node) if isinstance(node, DictConfig) else {}
    before = saved_there if saved_there.pop("target", None) == target else {}
    before |= {key: value for key, value in (last or {}).items() if key in wanted.resources}
    typed = {key_of(word).partition(".")[2] for word in words}
    kept = {key: value for key, value in before.items() if key not in typed}
    return Launcher(wanted.target, wanted.resources | kept)


def is_of_launcher(override: str) -> bool:
    """Whether an override chooses the launcher, or sets a key of it."""
    return key_of(override).partition(".")[0] == GROUP


def chooses(overrides: Sequence[str]) -> bool:
    """Whether a command line names a launcher itself."""
    return any(text.partition("=")[0].lstrip("+~") == GROUP for text in overrides)


def with_cluster(argv: Sequence[str]) -> list[str]:
    """A command line whose runs go to a cluster, with the config of that, unless it names one."""
    goes = f"hydra/launcher={HTCONDOR}" in argv and not chooses(argv)
    return [*argv, f"{GROUP}={HTCONDOR}"] if goes else list(argv)
