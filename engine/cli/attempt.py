"""One start of a run: a process that trains in the run's directory, and how it ends."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import secrets
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, TypeGuard

from engine.cli.console import console, exit_code, log_file, report
from engine.errors import ConfigError, DataError, Stopped
from engine.facts.run_dir import RunDir, unwritable_output

log = logging.getLogger("engine")

Loop = Callable[[Any], dict[str, Any]]


def guarded(work: Callable[[], None], failures: list[Exception], debug: bool) -> int:
    """Do `work`, with messages on the console; whatever ends it becomes an exit code.

    Parameters
    ----------
    failures
        What went wrong and was told already; `work` may add to it.
    debug
        Whether to show the traceback of an error.
    """
    try:
        with console(), _signals_as_exceptions():
            work()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Stopped as stop:
        return stop.exit_code
    except SystemExit as leave:
        return exit_code(leave)
    except Exception as error:  # noqa: BLE001 - a bug gets its sentence like any failure
        # Hydra has no words of its own for a folder that it cannot make.
        told = unwritable_output(error.filename, error) if _names_a_file(error) else error
        failures.append(report(told, debug))
    finally:
        _remove_scratch()
    return max((getattr(error, "exit_code", 1) for error in failures), default=0)


def train_in(run_dir: RunDir, loop: Loop, cfg: Any, *, is_new: bool = False) -> None:
    """Train in a run directory: with a record of this start, a heartbeat, and a log.

    A new one is removed again if a mistake or a signal ends the run before its first event.
    """
    from engine.facts.attempts import Heartbeat, begin_attempt

    place = os.path.relpath(run_dir.path)
    with (
        _discarded_if_unused(run_dir) if is_new else contextlib.nullcontext(),
        contextlib.chdir(run_dir.path),
        log_file(run_dir.log),
        Heartbeat(begin_attempt(run_dir)),
    ):
        try:
            loop(cfg)
        finally:
            if run_dir.events.exists():
                log.info("run directory %s", place)


def write_config(run_dir: RunDir, cfg: Any, texts: dict[str, str]) -> None:
    """Write `.hydra/`: the config of a run, and the further files `texts`."""
    from omegaconf import OmegaConf

    for name, text in ({"config.yaml": OmegaConf.to_yaml(cfg)} | texts).items():
        run_dir.write_text(run_dir.hydra / name, text)


def draw_seed(cfg: Any) -> None:
    """Where no seed is given draw one, so that it stands in the config and in the facts."""
    if cfg.phase1.trainer.get("seed", 0) is None:
        cfg.phase1.trainer.seed = secrets.randbits(32)


def import_from_here() -> None:
    """Let loops and components of the user's own be imported from where the command was typed.

    Last on the path, so that no file there takes the place of a package.
    """
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


def find_function(name: str) -> Loop:
    """The training function that `package.module:function` names.

    Raises
    ------
    ConfigError
        If there is none.
    """
    module, _, function = name.partition(":")
    try:
        loop = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"loop={name}: {error}") from error
    if not callable(loop):
        raise ConfigError(f"loop={name}: {function} is not a function")
    return loop


@contextlib.contextmanager
def _discarded_if_unused(run_dir: RunDir) -> Iterator[None]:
    """Leave no directory of a run that a mistake or a signal ended before its first event."""
    try:
        yield
    except (ConfigError, DataError, KeyboardInterrupt, Stopped):
        run_dir.discard_unused()
        raise


def _names_a_file(error: Exception) -> TypeGuard[OSError]:
    return isinstance(error, OSError) and error.filename is not None


def _ended_by() -> list[signal.Signals]:
    """The signals that would end this process; under nohup SIGHUP does not."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [signal.SIGTERM] if ignored else [signal.SIGTERM, signal.SIGHUP]


@contextlib.contextmanager
def _signals_as_exceptions() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind what has begun, as Ctrl-C does, until a training takes over."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise Stopped(signum)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {signum: signal.signal(signum, stop) for signum in _ended_by()}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _remove_scratch() -> None:
    """Remove the empty folders that Hydra made for a run that leaves nothing behind."""
    compose = sys.modules.get("engine.config.compose")
    if compose is not None:
        shutil.rmtree(compose.scratch_dir(), ignore_errors=True)
