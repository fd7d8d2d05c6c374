"""The command `thesis-train`: from a command line to a training in its own run directory."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import engine
from engine.errors import ConfigError, DataError, EngineError
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
        0 when all went well, 2 for a mistake in the command, 1 for a failure, 130 or 143 when
        a signal ended it.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words or os.environ.get("HYDRA_FULL_ERROR") == "1"
    words = [word for word in words if word != "--debug"]
    if words == ["--version"]:
        print(f"thesis-ml {engine.__version__}")
        return 0
    failures: list[Exception] = []
    if os.getcwd() not in sys.path:  # loops and components of the user's own, as with python -m
        sys.path.insert(0, os.getcwd())
    try:
        from engine.config.command import run_command

        with _console():
            run_command(program, words, _task(failures, debug), list(DISPATCH))
    except KeyboardInterrupt:
        return 130
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except Exception as error:  # noqa: BLE001 - a bug gets its sentence like any failure
        failures.append(_report(error, debug))
    except BaseException as error:
        if not hasattr(error, "exit_code"):
            raise
        return error.exit_code
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
    if not function:
        raise ConfigError(
            f"loop={name}: there is no such loop",
            f"Choose {', '.join(DISPATCH)}, or name a function as package.module:function.",
        )
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"loop={name}: {error}") from error


def _task(failures: list[Exception], debug: bool) -> Callable[[Any], None]:
    """What Hydra calls with each config: trains, and keeps a failure for the end of a sweep."""

    def task(cfg: Any) -> None:
        try:
            _train(cfg)
        except Exception as error:  # noqa: BLE001 - whatever a loop raises must not end a sweep
            failures.append(_report(error, debug))

    return task


def _train(cfg: Any) -> None:
    """One training: checks first, then a directory of its own, then the loop."""
    from engine.config.command import check_values, run_settings

    wanted, texts, job_number = run_settings()
    with _environment(HYDRA_JOB_ID, job_number), _nothing_left_by_a_mistake(wanted):
        loop = find_loop(cfg.loop)
        check_values(cfg)
        _make_paths_absolute(cfg)
        if not cfg.logging.save_artifacts:
            loop(cfg)
            return
        run_dir = _claim(wanted, cfg, texts)
        place = os.path.relpath(run_dir.path)
        with (
            _nothing_left_by_a_mistake(run_dir.path),
            contextlib.chdir(run_dir.path),
            _log_file(run_dir),
        ):
            loop(cfg)
            log.info("run directory %s", place)


@contextlib.contextmanager
def _nothing_left_by_a_mistake(path: Path) -> Iterator[None]:
    """Remove a run directory in which no run came to an event, when the user is at fault."""
    try:
        yield
    except (ConfigError, DataError):
        RunDir(path).discard_unused()
        raise


def _claim(wanted: Path, cfg: Any, texts: dict[str, str]) -> RunDir:
    """A run directory for this training alone, with its config in it."""
    from omegaconf import OmegaConf

    run_dir = RunDir.claim(wanted)
    for name, text in ({"config.yaml": OmegaConf.to_yaml(cfg)} | texts).items():
        run_dir.write_text(run_dir.hydra / name, text)
    return run_dir


def _make_paths_absolute(cfg: Any) -> None:
    """Paths of the config as seen from where the command was typed, not from the run directory."""
    for node, key in ((cfg.env, "data_root"), (cfg.env, "output_root"), (cfg.data, "root")):
        if key in node:
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


class _Stdout(logging.StreamHandler):
    """Prints to whatever standard output is at the moment: a progress bar may have taken it."""

    def emit(self, record: logging.LogRecord) -> None:
        self.setStream(sys.stdout)
        super().emit(record)


@contextlib.contextmanager
def _handler(handler: logging.Handler, level: int) -> Iterator[None]:
    """The engine's messages go to `handler` for as long as the block runs."""
    handler.setLevel(level)
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()


@contextlib.contextmanager
def _console() -> Iterator[None]:
    """Messages on standard output, as they are; Hydra's own handlers do not get them."""
    log.propagate = False
    try:
        with _handler(_Stdout(), logging.INFO):
            yield
    finally:
        log.propagate = True


@contextlib.contextmanager
def _log_file(run_dir: RunDir) -> Iterator[None]:
    """Messages with times, and the traceback of a failure, in `train.log`."""
    handler = logging.FileHandler(run_dir.log, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    with _handler(handler, logging.DEBUG):
        try:
            yield
        except Exception as error:
            log.debug("the training failed: %s", error, exc_info=True)
            error.add_note(str(run_dir.log))
            raise


def _report(error: Exception, debug: bool) -> Exception:
    """Tell the user what went wrong, on standard error; gives the error that was told."""
    if debug:
        traceback.print_exception(error)
    if isinstance(error, OSError) and error.filename:
        error = unwritable_output(error.filename, error)
    if isinstance(error, EngineError):
        text = str(error)
    else:
        logs = "".join(f"; the traceback is in {note}" for note in getattr(error, "__notes__", []))
        text = f"unexpected {type(error).__name__}: {error}{logs}; --debug shows it here"
    print(f"error: {text}", file=sys.stderr)
    return error


def _remove_scratch() -> None:
    """Remove the empty folders that Hydra made for a run that leaves nothing behind."""
    compose = sys.modules.get("engine.config.compose")
    if compose is not None:
        shutil.rmtree(compose.scratch_dir(), ignore_errors=True)
