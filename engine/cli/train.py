"""The command `thesis-train`: from a command line to a training in its own run directory."""

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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, TypeGuard

import engine
from engine.cli.console import console, exit_code, log_file, report
from engine.errors import ConfigError, DataError, Stopped
from engine.facts.provenance import HYDRA_JOB_ID
from engine.facts.run_dir import RunDir, unwritable_output

log = logging.getLogger("engine")


def _ae(cfg: Any) -> dict[str, Any]:
    from engine.training_loops.autoencoder import train

    return train(cfg)


def _mlp(cfg: Any) -> dict[str, Any]:
    from engine.training_loops.simple_mlp import train

    return train(cfg)


DISPATCH: dict[str, Callable[[Any], dict[str, Any]]] = {
    "ae": _ae,
    "test_mlp": _mlp,
}
"""Loop name to a function that imports and runs it."""


def main(argv: Sequence[str] | None = None, program: str = "thesis-train") -> int:
    """Train as the command line says.

    Returns
    -------
    int
        0 when all went well, 2 for a mistake in the command, 1 for a failure, 128 and the
        signal's number when a signal ended it.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words or os.environ.get("HYDRA_FULL_ERROR") == "1"
    words = [word for word in words if word != "--debug"]
    if words == ["--version"]:
        print(f"thesis-ml {engine.__version__}")
        return 0
    failures: list[Exception] = []
    try:
        from engine.config.command import run_command

        with console(), _signals_as_exceptions():
            run_command(program, words, _task(failures, debug), list(DISPATCH))
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


def entry() -> None:
    """What the installed command calls."""
    sys.exit(main())


def find_loop(name: str) -> Callable[[Any], dict[str, Any]]:
    """The training function of a loop: one of `DISPATCH`, or `package.module:function`.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    if name in DISPATCH:
        return DISPATCH[name]
    module, _, function = name.partition(":")
    if not (module and function):
        raise ConfigError(
            f"loop={name}: there is no such loop",
            f"Choose {', '.join(DISPATCH)}, or name a function as package.module:function.",
        )
    try:
        loop = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"loop={name}: {error}") from error
    if not callable(loop):
        raise ConfigError(f"loop={name}: {function} is not a function")
    return loop


def _task(failures: list[Exception], debug: bool) -> Callable[[Any], None]:
    """What Hydra calls with each config: trains, and keeps a failure for the end of a sweep."""

    def task(cfg: Any) -> None:
        try:
            _train(cfg)
        except Exception as error:  # noqa: BLE001 - whatever a loop raises must not end a sweep
            failures.append(report(error, debug))

    return task


def _train(cfg: Any) -> None:
    """One training: checks first, then a directory of its own, then the loop."""
    from engine.config.command import check_values, run_settings

    wanted, texts, job_number = run_settings()
    try:
        check_values(cfg)
        _import_from_here()
        loop = find_loop(cfg.loop)
    except ConfigError:
        _remove_empty(wanted)
        raise
    _make_paths_absolute(cfg)
    _draw_seed(cfg)
    with _environment(HYDRA_JOB_ID, job_number):
        if not cfg.logging.save_artifacts:
            loop(cfg)
            return
        run_dir = _claim(wanted, cfg, texts)
        place = os.path.relpath(run_dir.path)
        with _discarded_if_unused(run_dir), contextlib.chdir(run_dir.path), log_file(run_dir.log):
            try:
                loop(cfg)
            finally:
                if run_dir.events.exists():
                    log.info("run directory %s", place)


@contextlib.contextmanager
def _discarded_if_unused(run_dir: RunDir) -> Iterator[None]:
    """Leave no directory of a run that a mistake or a signal ended before its first event."""
    try:
        yield
    except (ConfigError, DataError, KeyboardInterrupt, Stopped):
        run_dir.discard_unused()
        raise


def _remove_empty(wanted: Path) -> None:
    """Remove the folder that Hydra has made for a run which does not begin, if it is empty."""
    if wanted != Path.cwd():
        with contextlib.suppress(OSError):
            wanted.rmdir()


def _import_from_here() -> None:
    """Let loops and components of the user's own be imported from where the command was typed.

    Last on the path, so that no file there takes the place of a package.
    """
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


def _draw_seed(cfg: Any) -> None:
    """Where no seed is given draw one, so that it stands in the config and in the facts."""
    if cfg.phase1.trainer.get("seed", 0) is None:
        cfg.phase1.trainer.seed = secrets.randbits(32)


def _claim(wanted: Path, cfg: Any, texts: dict[str, str]) -> RunDir:
    """A run directory for this training alone, with its config in it."""
    from omegaconf import OmegaConf

    run_dir = RunDir.claim(wanted)
    for name, text in ({"config.yaml": OmegaConf.to_yaml(cfg)} | texts).items():
        run_dir.write_text(run_dir.hydra / name, text)
    return run_dir


def _make_paths_absolute(cfg: Any) -> None:
    """Paths of the config as seen from where the command was typed, not from the run directory."""
    places = ((cfg.env, "data_root"), (cfg.env, "output_root"), (cfg.data, "root"))
    for node, key in (*places, (cfg.data, "path")):
        if isinstance(node.get(key), str) and "://" not in node[key]:
            node[key] = os.path.abspath(os.path.expanduser(node[key]))


@contextlib.contextmanager
def _environment(name: str, value: str | None) -> Iterator[None]:
    """An environment variable for as long as the block runs; None leaves it unset."""
    before = os.environ.pop(name, None)
    if value is not None:
        os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before


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
