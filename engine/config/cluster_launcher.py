"""`hydra/launcher=htcondor`: the runs of a sweep are jobs of a cluster, and Hydra waits for them.

Hydra's half of it: what each job is to train. The other one, which submits and waits, comes with
the function that Hydra trains with: see `Cluster`.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from engine.errors import ConfigError
from engine.launch.sweep_names import own_name

HTCONDOR = "htcondor"
"""Option of the groups `hydra/launcher` and `launcher`, and the target of the latter."""

_PLUGIN_MODULE = "hydra_plugins.thesis_ml_htcondor"

OF_THE_SWEEP = (
    *("hydra/launcher", "hydra.launcher", "hydra/sweeper", "hydra.sweeper", "hydra.sweep"),
    *("hydra.mode", "hydra.run.dir", "hydra.job.num"),
)
"""Settings of Hydra that say how a sweep is run, and nothing of what each run trains."""

_OUR_SUBDIR = "../../runs/run_${now:"


@dataclass(frozen=True)
class ClusterPoint:
    """One run of a sweep that is to be a job."""

    number: int
    """In the sweep, from 0; it stands in the name of the run."""
    overrides: tuple[str, ...]
    """What a single run has the same config by."""
    directory: Path
    """The run directory that is wanted, absolute."""
    config: DictConfig
    """What it trains with."""


@dataclass(frozen=True)
class ClusterSweep:
    """The command that the points belong to."""

    directory: Path
    """Of the sweep, absolute."""
    overrides: tuple[str, ...]
    """As on the command line."""
    config_dirs: tuple[Path, ...]
    """Further folders with config groups."""


@dataclass(frozen=True)
class Trained:
    """What came of a point."""

    directory: Path | None
    """Of its run; None where there is none."""
    value: float | None
    """What the sweeper gets to judge it by."""
    failure: Exception | None = None
    """Why there is no such value."""


class Cluster(Protocol):
    """A task function that can also have runs trained as jobs."""

    def __call__(self, cfg: Any) -> Any:
        """Train here."""

    def train_on_cluster(
        self, sweep: ClusterSweep, points: Sequence[ClusterPoint]
    ) -> Sequence[Trained]:
        """Train all points as jobs, and return when they are over; in their order."""


class HTCondorLauncher(Launcher):
    """Has every run of a sweep trained by HTCondor."""

    # As of the sweeper: Hydra takes plugins by the name of their module, see `sweeper`.
    __module__ = _PLUGIN_MODULE

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Take in what Hydra has to say.

        Raises
        ------
        ConfigError
            If the sweep is of something that a job cannot train.
        """
        if not hasattr(task_function, "train_on_cluster"):
            raise ConfigError("hydra/launcher=htcondor: thesis-train is needed to train with it")
        self._context, self._config = hydra_context, config
        self._task: Cluster = task_function  # type: ignore[assignment]

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Train all points, and return when they are over: what became of each, in their order."""
        setup_globals()
        sweep = _sweep_of(self._config)
        given = [list(words) for words in job_overrides]
        numbered = enumerate(given, initial_job_idx)
        composed = [self._compose(sweep, number, words) for number, words in numbered]
        points = [
            self._point(sweep, config, words) for config, words in zip(composed, given, strict=True)
        ]
        trained = self._task.train_on_cluster(sweep, points)
        return [_told(*one) for one in zip(composed, points, trained, strict=True)]

    def _compose(self, sweep: ClusterSweep, number: int, words: list[str]) -> DictConfig:
        """The whole config of a point, Hydra's own node included."""
        config = self._load(words)
        with open_dict(config):
            config.hydra.job.num = number
            config.hydra.job.id = f"{config.hydra.job.name}_{number}"
            config.hydra.sweep.dir = str(sweep.directory)
            own = own_name(sweep.directory.name)
            texts: Any = OmegaConf.to_container(config.hydra.sweep, resolve=False)
            if own and texts["subdir"].startswith(_OUR_SUBDIR):
                # With the time of the sweep: one that is gone on with has an older one than now.
                config.hydra.sweep.subdir = f"../../runs/run_{own}_job{number}"
        return config

    def _load(self, words: list[str]) -> DictConfig:
        """The config that some overrides give, with a cluster to go to.

        Raises
        ------
        ConfigError
            If another place is asked for.
        """
        load = self._context.config_loader.load_sweep_config
        config = load(self._config, words)
        if _target(config) != HTCONDOR:
            words.insert(0, f"launcher={HTCONDOR}")
            config = load(self._config, words)
        if _target(config) != HTCONDOR:
            raise ConfigError(
                f"launcher.target={_target(config)}: hydra/launcher={HTCONDOR} sends to HTCondor",
                f"Choose launcher={HTCONDOR}, or leave that out.",
            )
        return config

    def _point(self, sweep: ClusterSweep, config: DictConfig, words: list[str]) -> ClusterPoint:
        number = config.hydra.job.num
        HydraConfig.instance().set_config(config)  # for ${hydra:…} in the name
        try:
            directory = os.path.join(config.hydra.sweep.dir, config.hydra.sweep.subdir)
        finally:
            HydraConfig.instance().set_config(self._config)
        kept = [
            one for one in self._config.hydra.overrides.hydra if not _sets([one], *OF_THE_SWEEP)
        ]
        own = (*kept, "hydra.mode=RUN", f"hydra.job.num={number}", *words)
        place = Path(os.path.abspath(directory))
        return ClusterPoint(number, own, place, without_hydra(config))


def _target(config: DictConfig) -> Any:
    return OmegaConf.select(config, "launcher.target")


def without_hydra(config: DictConfig) -> DictConfig:
    """A config as a training gets it."""
    copy = config.copy()
    with open_dict(copy):
        del copy["hydra"]
    return copy


def _sweep_of(config: DictConfig) -> ClusterSweep:
    """The command that a config of Hydra comes from.

    Raises
    ------
    ConfigError
        If no job could have the same config.
    """
    hydra = config.hydra
    if hydra.job.config_name != "config":
        raise ConfigError(
            f"--config-name {hydra.job.config_name}: a job on the cluster takes config.yaml only",
            "phase1/experiment=NAME chooses an experiment.",
        )
    sources = hydra.runtime.config_sources
    folders = [Path(one.path) for one in sources if one.provider == "command-line"]
    words = [one for one in hydra.overrides.hydra if not _sets([one], "hydra.mode")]
    return ClusterSweep(
        Path(os.path.abspath(hydra.sweep.dir)), (*words, *hydra.overrides.task), tuple(folders)
    )


def _sets(overrides: Sequence[str], *keys: str) -> bool:
    """Whether one of some overrides is of one of these keys, or of what lies below."""
    given = [word.lstrip("+~").partition("=")[0].partition("@")[0] for word in overrides]
    return any(one == key or one.startswith(f"{key}.") for one in given for key in keys)


class _Return(JobReturn):
    """What became of a point; of a failure was told when it came, which Hydra does once more."""

    @property
    def return_value(self) -> Any:
        """The value, or the failure as an exception."""
        if self.status == JobStatus.FAILED:
            raise self._return_value
        return self._return_value

    @return_value.setter
    def return_value(self, value: Any) -> None:
        self._return_value = value


def _told(config: DictConfig, point: ClusterPoint, trained: Trained) -> JobReturn:
    """What became of a point, in Hydra's words."""
    told = _Return()
    told.overrides = list(config.hydra.overrides.task)
    told.cfg = point.config
    told.hydra_cfg = OmegaConf.create({"hydra": config.hydra})
    told.task_name = config.hydra.job.name
    told.working_dir = str(trained.directory or point.directory)
    told.status = JobStatus.FAILED if trained.failure else JobStatus.COMPLETED
    told.return_value = trained.failure or trained.value
    return told


@dataclass
class HTCondorLauncherConf:
    """What can be set as `hydra.launcher.…`: nothing, `launcher.…` says what a job asks for."""

    _target_: str = f"{_PLUGIN_MODULE}.HTCondorLauncher"


@functools.cache
def register_launcher() -> None:
    """Make `hydra/launcher=htcondor` known to Hydra."""
    store = ConfigStore.instance()
    node = HTCondorLauncherConf
    store.store(group="hydra/launcher", name=HTCONDOR, node=node, provider="thesis-ml")
    sys.modules[_PLUGIN_MODULE] = sys.modules[__name__]
    Plugins.instance().register(HTCondorLauncher)
