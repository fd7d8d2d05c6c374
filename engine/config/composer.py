"""Configs composed again and again: for a form that is edited, for every point of a sweep.

Hydra reads each file anew and merges them all each time, which takes a tenth of a second. Here the
config that the choices of options give is kept, and values are set on copies of it by Hydra's own
code, so that the result is the one Hydra would give.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.default_element import ResultDefault
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, flag_override

from engine.config.compose import PRIMARY, search_path
from engine.config.remembering import Kept

MOST_KEPT = 64
"""Choices of options whose configs are kept."""

_LOADED: WeakKeyDictionary[ConfigLoader, OrderedDict[tuple[str, ...], Kept[DictConfig]]]
_LOADED = WeakKeyDictionary()
"""What was read by each loader of Hydra's, which is another once a file has changed."""

_LOADING = threading.Lock()
"""What several ask for at once is read once."""


@dataclass(frozen=True)
class Base:
    """What a choice of options gives."""

    kept: Kept[DictConfig]
    find_parts: Callable[[], tuple[ResultDefault, ...]]

    @functools.cached_property
    def parts(self) -> tuple[ResultDefault, ...]:
        """The files that it is merged from, in their order."""
        return self.find_parts()

    @functools.cached_property
    def config(self) -> DictConfig:
        """The config, Hydra's own node included."""
        return self.kept.copy()

    @functools.cached_property
    def kept_bare(self) -> Kept[DictConfig]:
        """Without Hydra's own node, which is larger and takes longer to copy."""
        cfg = self.kept.copy()
        _drop_hydra(cfg)
        return Kept(cfg)

    @functools.cached_property
    def bare(self) -> DictConfig:
        """The config without Hydra's own node."""
        return self.kept_bare.copy()


class Composer:
    """Composes from our configs and those in further folders; for one thread at a time.

    Parameters
    ----------
    config_dirs
        Further folders with config groups; of files with one name ours counts, then the first.
    """

    def __init__(self, config_dirs: Sequence[Path] = ()) -> None:
        self.config_dirs = tuple(config_dirs)
        self._loader: Any = None
        self._bases: OrderedDict[tuple[str, ...], Base] = OrderedDict()
        self._parsed: dict[str, Override] = {}
        self.explained: dict[tuple[str, ...], str] = {}
        """Options and an override that does not go with them, to the sentence about it."""

    def compose(self, overrides: Sequence[str] = ()) -> DictConfig:
        """The config that these overrides give, as `engine.config.compose.compose` does.

        Raises
        ------
        hydra.errors.HydraException, omegaconf.errors.OmegaConfBaseException
            Those of `COMPOSE_ERRORS`, if an override is wrong or a file cannot be read.
        """
        return self._composed(overrides, with_hydra=False)

    def compose_with_hydra(self, overrides: Sequence[str] = ()) -> DictConfig:
        """The same with Hydra's own node; what that tells of the overrides is left out."""
        return self._composed(overrides, with_hydra=True)

    def _composed(self, overrides: Sequence[str], *, with_hydra: bool) -> DictConfig:
        with search_path(self.config_dirs), _told_as_errors():
            parsed = [self._parse(text) for text in overrides]
            values = [one for one in parsed if not self._is_choice(one)]
            base = self._base(parsed)
            is_bare = not with_hydra and not any(map(_is_of_hydra, values))
            cfg = (base.kept_bare if is_bare else base.kept).copy()
            ConfigLoaderImpl._apply_overrides_to_config(values, cfg)
        if with_hydra:
            cfg.hydra.runtime.cwd = os.getcwd()  # what is kept may have been read from another
        elif not is_bare:
            _drop_hydra(cfg)
        return cfg

    def base(self, overrides: Sequence[str] = ()) -> Base:
        """What the options among these overrides give; values are not looked at."""
        with search_path(self.config_dirs), _told_as_errors():
            return self._base([self._parse(text) for text in overrides])

    def files(self) -> object:
        """Another object once a config file has changed."""
        with search_path(self.config_dirs):
            return self._current()

    def parse(self, text: str) -> Override:
        """What an override means.

        Raises
        ------
        hydra.errors.OverrideParseException
            If it cannot be read.
        """
        with search_path(self.config_dirs):
            return self._parse(text)

    def is_choice(self, text: str) -> bool:
        """Whether an override chooses an option of a group."""
        with search_path(self.config_dirs):
            return self._is_choice(self._parse(text))

    def _current(self) -> Any:
        """Hydra's loader; what is kept is forgotten when a file has changed since."""
        loader: Any = GlobalHydra.instance().config_loader()
        if loader is not self._loader:
            self._loader = loader
            self._bases.clear()
            self._parsed.clear()
            self.explained.clear()
        return loader

    def _parse(self, text: str) -> Override:
        loader = self._current()
        if text not in self._parsed:
            self._parsed[text] = OverridesParser.create(loader).parse_overrides([text])[0]
        return self._parsed[text]

    def _is_choice(self, override: Override) -> bool:
        """As Hydra decides it; further folders of configs count as one."""
        name = override.key_or_group
        is_group = bool(self._current().repository.group_exists(name))
        return name == "hydra.searchpath" or (is_group and not isinstance(override.value(), dict))

    def _base(self, overrides: Sequence[Override]) -> Base:
        loader = self._current()
        chosen = tuple(str(one.input_line) for one in overrides if self._is_choice(one))
        if chosen in self._bases:
            self._bases.move_to_end(chosen)
            return self._bases[chosen]
        kept = _load(loader, chosen)

        def parts() -> tuple[ResultDefault, ...]:
            return tuple(loader.compute_defaults_list(PRIMARY, list(chosen), RunMode.RUN).defaults)

        self._bases[chosen] = base = Base(kept, parts)
        if len(self._bases) > MOST_KEPT:
            self._bases.popitem(last=False)
        return base


def _load(loader: ConfigLoader, chosen: tuple[str, ...]) -> Kept[DictConfig]:
    """What options give, which all composers ask for, and which is read once."""
    with _LOADING:
        configs = _LOADED.setdefault(loader, OrderedDict())
        if chosen not in configs:
            cfg = loader.load_configuration(PRIMARY, list(chosen), RunMode.RUN, False)
            configs[chosen] = Kept(cfg)
            if len(configs) > MOST_KEPT:
                configs.popitem(last=False)
        return configs[chosen]


@contextlib.contextmanager
def _told_as_errors() -> Iterator[None]:
    """What Hydra has no words for, as where its own node is overridden by nothing."""
    try:
        yield
    except HydraException:
        raise  # one of which is an OSError too
    except (AssertionError, AttributeError, TypeError, LookupError, RecursionError) as error:
        told = str(error) or type(error).__name__
        raise ValueError(f"Hydra cannot compose this: {told}") from error
    except OSError as error:
        raise ValueError(f"a config file cannot be read: {error}") from error


def _is_of_hydra(override: Override) -> bool:
    return override.key_or_group.partition(".")[0] == "hydra"


def _drop_hydra(cfg: DictConfig) -> None:
    with flag_override(cfg, ["struct", "readonly"], [False, False]):
        del cfg["hydra"]
