"""Configs composed without a command: for tests, for checks, and for other programs."""

from __future__ import annotations

import getpass
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from engine.config.cluster_launcher import register_launcher
from engine.config.paths import config_dir, sample_dir
from engine.config.remembering import hydra_for
from engine.config.sweeper import register_sweeper
from engine.errors import ConfigError

PRIMARY = "config"
EXPERIMENT_GROUP = "phase1/experiment"

COMPOSE_ERRORS = (HydraException, OmegaConfBaseException, YAMLError, ValueError)
"""What Hydra raises for a wrong override, or a config file that cannot be read."""


def scratch_dir() -> Path:
    """Where Hydra may put its empty folders when a run is to leave nothing behind."""
    return Path(tempfile.gettempdir()) / f"thesis-ml-{os.getpid()}"


def register_resolvers() -> None:
    """Make the words known that our configs use in `${…}`.

    `sample_dir:` is the folder of the sample, `user:` the name of the user (also where no
    environment variable tells it, as in a batch job), `file_name:TEXT` the text without what does
    not belong in a file name, `join_paths:FOLDER,FILE` what it says,
    `artifact_dir:SAVE,ROOT` the root, or a scratch folder for a run that saves nothing, `once:TEXT`
    the text as it was where it was read first: for all runs of a sweep what it is for the sweep.
    """
    resolvers: dict[str, Callable[..., str]] = {
        "sample_dir": lambda: str(sample_dir()),
        "user": getpass.getuser,
        "file_name": lambda text: re.sub(r"[^-\w.]+", "_", text),
        "join_paths": lambda *parts: os.path.join(*map(os.path.expanduser, parts)),
        "artifact_dir": _artifact_dir,
    }
    for name, resolver in resolvers.items():
        OmegaConf.register_new_resolver(name, resolver, replace=True)
    OmegaConf.register_new_resolver("once", str, replace=True, use_cache=True)


def _artifact_dir(save: bool, root: str) -> str:
    if not root:
        raise ValueError("the output root is empty")
    return os.path.expanduser(root) if save else str(scratch_dir())


def register_loops(names: Iterable[str], config_dirs: Sequence[Path] = ()) -> None:
    """Make each name an option of the group `loop`, unless a file of that name is one already.

    So a loop that has no config of its own is chosen like any other: one that was added to
    `DISPATCH`, or `package.module:function`. Where a folder of configs has a file
    `NAME_trainer.yaml` (`module_trainer.yaml` of a function), the option brings what stands there.
    """
    for name in names:
        if (config_dir() / "loop" / f"{name}.yaml").exists():
            continue
        node: dict[str, Any] = {"loop": name}
        settings = settings_file(name).removesuffix(".yaml")
        if any((folder / f"{settings}.yaml").is_file() for folder in [config_dir(), *config_dirs]):
            node["defaults"] = [f"/{settings}", "_self_"]
        ConfigStore.instance().store(group="loop", name=name, node=node, package="_global_")


def settings_file(loop: str) -> str:
    """The file that the settings of a loop without a config of its own stand in."""
    return f"{loop.partition(':')[0].rpartition('.')[2]}_trainer.yaml"


def missing_key(error: OmegaConfBaseException, loop: str) -> ConfigError:
    """What is told of a key that a loop reads, and that its config does not have."""
    key = str(error.full_key)
    is_ours = (config_dir() / "loop" / f"{loop}.yaml").exists()
    hint = (
        f"A loop of your own has its settings in {settings_file(loop)}, beside our config.yaml or "
        "in the folder that --config-dir names."
    )
    if is_ours or key.partition(".")[0] in ("phase1", "data", "logging"):
        hint = f"Leave out what takes it away, or set it: ++{key}=VALUE."
    return ConfigError(f"loop={loop}: it reads the key {key}, which its config does not have", hint)


def forget_loops(names: Iterable[str]) -> None:
    """Make names that `register_loops` made known no option any more."""
    for name in names:
        ConfigStore.instance().repo.get("loop", {}).pop(f"{name}.yaml", None)


def dotted_loops(words: Sequence[str]) -> list[str]:
    r"""Loops given as `package.module:function`, in a sweep too; a sweeper may write `\:`."""
    values = [word.removeprefix("loop=") for word in words if word.startswith("loop=")]
    values = [value.replace("\\:", ":") for value in values]
    return [name for value in values for name in value.split(",") if ":" in name]


def compose(
    overrides: Sequence[str] = (), *, config_dirs: Sequence[Path] = (), with_hydra: bool = False
) -> DictConfig:
    """The config that these overrides give.

    Parameters
    ----------
    overrides
        As on the command line.
    config_dirs
        Further folders with config groups.
    with_hydra
        Whether to keep the node `hydra`.

    Raises
    ------
    hydra.errors.HydraException
        If an override is wrong; `engine.config.problems.find_problems` says it in words.
    """
    with search_path(config_dirs):
        return hydra_compose(PRIMARY, list(overrides), return_hydra_config=with_hydra)


@contextmanager
def search_path(config_dirs: Sequence[Path] = ()) -> Iterator[None]:
    """Hydra, set up for our configs and `config_dirs`, for as long as the block runs."""
    register_resolvers()
    register_sweeper()
    register_launcher()
    before = GlobalHydra.instance().hydra
    try:
        # Hydra has no place but this one to say for which configs it works.
        GlobalHydra.instance().hydra = hydra_for([config_dir(), *map(Path, config_dirs)])
        yield
    finally:
        GlobalHydra.instance().hydra = before
