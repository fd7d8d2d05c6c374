"""Hydra set up for a search path, with config files that are read once."""

from __future__ import annotations

import copy
import os
import pickle
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from hydra import version
from hydra._internal.config_repository import ConfigRepository, IConfigRepository
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult, ConfigSource

Stamp = tuple[tuple[str, int, int], ...]
"""Path, time of change and size of every config file."""

T = TypeVar("T")


class Kept(Generic[T]):
    """Something of which copies are given.

    A config is made from bytes in a sixth of the time that `copy.deepcopy` takes, and by several
    threads at once.
    """

    def __init__(self, value: T) -> None:
        self._bytes = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)

    def copy(self) -> T:
        """Another one that is equal."""
        value: T = pickle.loads(self._bytes)  # noqa: S301 - bytes of this very process
        return value


def hydra_for(folders: Sequence[Path]) -> Hydra:
    """Hydra for configs in these folders, the first before the others; the first is our own.

    Hydra, too, takes a file in the folder of `--config-dir` only where ours have none of its name.

    The same object is given again as long as no file in them has changed.
    """
    return _made(tuple(str(folder.absolute()) for folder in folders), _stamp(folders))


@lru_cache(maxsize=8)
def _made(folders: tuple[str, ...], stamp: Stamp) -> Hydra:
    version.setbase("1.3")
    paths = create_config_search_path(folders[0])
    for folder in folders[1:]:
        paths.prepend("command-line", f"file://{folder}", SearchPathQuery(provider="schema"))
    GlobalHydra.instance().clear()
    hydra: Hydra = Hydra.create_main_hydra2(task_name="thesis-train", config_search_path=paths)
    loader: Any = hydra.config_loader
    loader.repository = RememberingRepository(loader.repository, {})
    return hydra


def _stamp(folders: Sequence[Path]) -> Stamp:
    """What changes when a file does."""
    found = []
    for folder in folders:
        for place, _, names in os.walk(folder, followlinks=True):
            for name in names:
                if name.endswith((".yaml", ".yml")):
                    path = os.path.join(place, name)
                    try:
                        status = os.stat(path)
                    except OSError:  # a link to nowhere
                        found.append((path, 0, 0))
                    else:
                        found.append((path, status.st_mtime_ns, status.st_size))
    return tuple(sorted(found))


class RememberingRepository(IConfigRepository):
    """A repository of Hydra's that keeps what it has read.

    Hydra copies its repository for each composition; the copies share what was read, and give
    copies of it, for an override may change a part of the config that it comes from.
    """

    def __init__(self, source: ConfigRepository, known: dict[str, Kept[ConfigResult]]) -> None:
        self._source = source
        self._known = known

    def __deepcopy__(self, memo: dict[int, Any]) -> RememberingRepository:
        # Where its source looks is replaced as a whole, see `initialize_sources`.
        return RememberingRepository(copy.copy(self._source), self._known)

    def load_config(self, config_path: str) -> ConfigResult | None:
        """The config of a path; None if there is none, which is asked anew each time."""
        if config_path not in self._known:
            found = self._source.load_config(config_path=config_path)
            if found is None:
                return None
            self._known[config_path] = Kept(found)
        return self._known[config_path].copy()

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        """Look in other places from now on."""
        self._known = {}  # the others go on with what they share
        self._source.initialize_sources(config_search_path)

    def get_schema_source(self) -> ConfigSource:
        """As in any repository, like all below."""
        return self._source.get_schema_source()

    def group_exists(self, config_path: str) -> bool:
        """Whether there is such a group."""
        return self._source.group_exists(config_path=config_path)

    def config_exists(self, config_path: str) -> bool:
        """Whether there is such a config."""
        return self._source.config_exists(config_path=config_path)

    def get_group_options(
        self, group_name: str, results_filter: ObjectType | None = ObjectType.CONFIG
    ) -> list[str]:
        """The options of a group."""
        return self._source.get_group_options(group_name, results_filter)

    def get_sources(self) -> list[ConfigSource]:
        """Where configs are looked for."""
        return self._source.get_sources()
