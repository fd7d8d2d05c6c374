r"""Sweeps: which runs one is made of, and how one with several runs at once comes to its end.

The sweeper is Hydra's own, without the points that are struck out:

    thesis-train -m phase1.trainer.lr=1e-3,1e-4 phase1/latent_space=linear,vq \
        'hydra.sweeper.leave_out=[1]'

Points are counted from 0 in the order of the product, in which the last value changes fastest.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from engine.config.draft import LEAVE_OUT
from engine.errors import ConfigError, LaunchError

log = logging.getLogger("engine")

STOP = "stop"
"""Name of the file in the directory of a sweep that ends it; see `facts.sweep_dir`."""

_ON_CLUSTER = ".HTCondorLauncher"
"""A launcher whose runs are no processes that a signal would end."""

Some = TypeVar("Some")

_PLUGIN_MODULE = "hydra_plugins.thesis_ml"


class PointsSweeper(Sweeper):
    """All combinations of the values, but for those that are left out.

    Hydra's own sweeper does the work.

    Parameters
    ----------
    max_batch_size, params
        As Hydra's.
    leave_out
        Numbers of points that are no runs.
    """

    # Hydra takes plugins from its own package and from `hydra_plugins` only, by the name of their
    # module. `register_sweeper` gives this module that name, and nothing is installed there.
    __module__ = _PLUGIN_MODULE

    def __init__(
        self,
        max_batch_size: int | None,
        params: dict[str, str] | None = None,
        leave_out: Sequence[int] = (),
    ) -> None:
        # Hydra makes this class anew when it looks for plugins, so it is not imported before.
        from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

        self._basic = BasicSweeper(max_batch_size, params)
        self._leave_out = list(leave_out)

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Take in what Hydra has to say."""
        self.config: Any = config
        self._basic.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def sweep(self, arguments: list[str]) -> Any:
        """Run all points; with several at once a signal asks them to save and end first.

        Raises
        ------
        ConfigError
            If a point to leave out does not exist, or none is left.
        LaunchError
            If the process of one of several runs at once was killed.
        """
        basic, size = self._basic, self._basic.max_batch_size
        _name_after_loops(self.config, [*basic._parse_config(), *arguments])
        # The only place where the points are known and none of them runs yet.
        chunks = basic.split_overrides_to_chunks
        basic.split_arguments = lambda overrides, _: list(  # type: ignore
            chunks(without(product(overrides), self._leave_out), size)
        )
        _fix_the_time(self.config)
        with _failures_at_the_end(basic):
            return self._sweep(arguments)

    def _sweep(self, arguments: list[str]) -> Any:
        basic, launcher = self._basic, str(self.config.hydra.launcher.get("_target_"))
        if launcher.endswith(_ON_CLUSTER):
            # That launcher composes all points itself before it submits the first one.
            basic.validate_batch_is_legal = lambda batch: None  # type: ignore[method-assign]
        if launcher.endswith((".BasicLauncher", _ON_CLUSTER)):
            return basic.sweep(arguments)
        with _signals_ask(Path(self.config.hydra.sweep.dir) / STOP):
            try:
                return basic.sweep(arguments)
            except BrokenProcessPool as error:
                raise LaunchError(
                    "the process of a run was killed, and those of the other runs were ended",
                    "engine resume goes on with each that had begun; memory may have run out.",
                ) from error


@contextlib.contextmanager
def _failures_at_the_end(basic: Any) -> Iterator[None]:
    """Let the batches of a sweep run that follow one with a failure; it is raised at the end."""
    launch = basic.launcher.launch
    failed: list[JobReturn] = []

    def launch_all(batch: Any, initial_job_idx: int) -> list[JobReturn]:
        returns = launch(batch, initial_job_idx=initial_job_idx)
        failed.extend(one for one in returns if one.status == JobStatus.FAILED)
        return [one for one in returns if one.status != JobStatus.FAILED]

    basic.launcher.launch = launch_all
    yield
    for one in failed:
        _ = one.return_value  # raises what the run did


def _name_after_loops(config: DictConfig, words: Sequence[str]) -> None:
    """Name a sweep over several loops after all of them."""
    name = loops_of_sweep(OverridesParser.create().parse_overrides(list(words)))
    if name and is_named_after_loop(config):
        with read_write(config.hydra), open_dict(config.hydra):
            config.hydra.job.name = name


def loops_of_sweep(overrides: Iterable[Override]) -> str:
    """The loops that a sweep goes through, as part of its name; empty where it has one."""
    swept = [one for one in overrides if one.key_or_group == "loop" and one.is_discrete_sweep()]
    values = [str(value) for one in swept for value in one.sweep_string_iterator()]
    return "_".join(dict.fromkeys(values))


def is_named_after_loop(config: DictConfig) -> bool:
    """Whether nobody has given the runs of a config, with Hydra's own node, another name."""
    job: Any = OmegaConf.to_container(config.hydra.job, resolve=False)
    return bool(job["name"] == "${loop}")


def _fix_the_time(config: DictConfig) -> None:
    """Let all runs have one time in their names, in whatever process and whenever they begin."""
    with contextlib.suppress(OmegaConfBaseException):  # there is no job number yet
        str(config.hydra.sweep.subdir)  # Hydra remembers what it has resolved


@dataclass
class PointsSweeperConf:
    """What can be set as `hydra.sweeper.…`."""

    _target_: str = f"{_PLUGIN_MODULE}.PointsSweeper"
    max_batch_size: int | None = None
    params: dict[str, str] | None = None
    leave_out: list[int] = field(default_factory=list)


@functools.cache
def register_sweeper() -> None:
    """Make `hydra/sweeper=points`, which `configs/hydra/default.yaml` chooses, known to Hydra."""
    store = ConfigStore.instance()
    store.store(group="hydra/sweeper", name="points", node=PointsSweeperConf, provider="thesis-ml")
    sys.modules[_PLUGIN_MODULE] = sys.modules[__name__]
    Plugins.instance().register(PointsSweeper)


def product(overrides: list[Override]) -> list[list[str]]:
    """The points of a sweep: the overrides of each run."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    (points,) = BasicSweeper.split_arguments(overrides, None)
    return points


def leave_out_problem(leave_out: Sequence[int], total: int) -> str:
    """Which points to leave out do not exist; empty if all do."""
    strange = [str(number) for number in leave_out if not 0 <= number < total]
    if not strange:
        return ""
    points = "one point, 0" if total == 1 else f"{total} points, from 0 to {total - 1}"
    return f"{LEAVE_OUT}: there is no point {', '.join(strange)}; the sweep has {points}"


def without(points: Sequence[Some], leave_out: Sequence[int]) -> list[Some]:
    """The points that are left.

    Raises
    ------
    ConfigError
        If one to leave out does not exist, or none is left.
    """
    problem = leave_out_problem(leave_out, len(points))
    if problem:
        raise ConfigError(problem)
    kept = [point for number, point in enumerate(points) if number not in set(leave_out)]
    if not kept:
        raise ConfigError(f"{LEAVE_OUT}: no point of the sweep is left")
    return kept


@contextlib.contextmanager
def _signals_ask(stop: Path) -> Iterator[None]:
    """A first signal leaves the file `stop`, on which all runs save and end; a second one raises.

    The runs train in processes that an exception here would end at once. What the first signal
    would have raised is raised when they have ended.
    """
    received: list[int] = []

    def ask(signum: int, frame: FrameType | None) -> None:
        if received:
            restore()
            signal.raise_signal(signum)
        received.append(signum)
        with contextlib.suppress(OSError):
            stop.touch()
        with contextlib.suppress(RuntimeError):  # in the middle of another message
            log.info("stopping all runs, as asked; a second time ends them at once")

    def restore() -> None:
        for signum, handler in before.items():
            signal.signal(signum, handler)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(signum) is not signal.SIG_IGN:
                before[signum] = signal.signal(signum, ask)
    try:
        yield
    finally:
        restore()
        if received:
            stop.unlink(missing_ok=True)
    if received:
        signal.raise_signal(received[0])
