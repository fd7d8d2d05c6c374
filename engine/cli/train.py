"""The command `thesis-train`: from a command line to a training in its own run directory."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import engine
from engine.cli.attempt import Loop, draw_seed, find_function, guarded, import_from_here, train_in
from engine.cli.console import report
from engine.errors import ConfigError, Stopped
from engine.facts.provenance import HYDRA_JOB_ID
from engine.facts.run_dir import RunDir, unwritable_output

log = logging.getLogger("engine")


def _ae(cfg: Any) -> dict[str, Any]:
    from engine.training_loops.autoencoder import train

    return train(cfg)


def _mlp(cfg: Any) -> dict[str, Any]:
    from engine.training_loops.simple_mlp import train

    return train(cfg)


DISPATCH: dict[str, Loop] = {
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

    def work() -> None:
        if any(word.startswith("resume=") for word in words):
            from engine.cli.resume import resume_words

            resume_words(words)
            return
        from engine.config.command import run_command

        try:
            run_command(program, words, _task(failures, debug), list(DISPATCH))
        except OSError as error:
            # Hydra has no words of its own for a folder that it cannot make.
            if error.filename is None:
                raise
            raise unwritable_output(error.filename, error) from error

    return guarded(work, failures, debug)


def entry() -> None:
    """What the installed command calls."""
    sys.exit(main())


def find_loop(name: str) -> Loop:
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
    return find_function(name)


def _task(failures: list[Exception], debug: bool) -> Callable[[Any], None]:
    """What Hydra calls with each config: trains, and keeps a failure for the end of a sweep."""

    def task(cfg: Any) -> None:
        try:
            _train(cfg)
        except (KeyboardInterrupt, Stopped):
            from engine.config.command import is_sweep

            if is_sweep():
                log.info("the runs of this sweep that have not started yet are left out")
            raise
        except Exception as error:  # noqa: BLE001 - whatever a loop raises must not end a sweep
            failures.append(report(error, debug))

    return task


def _train(cfg: Any) -> None:
    """One training: checks first, then a directory of its own, then the loop."""
    from omegaconf import OmegaConf

    from engine.config.command import check_values, has_fixed_directory, run_settings
    from engine.config.paths import make_paths_absolute

    wanted, texts, job_number = run_settings()
    try:
        check_values(cfg)
        import_from_here()
        loop = find_loop(cfg.loop)
    except ConfigError:
        _remove_empty(wanted)
        raise
    make_paths_absolute(cfg)
    with _environment(HYDRA_JOB_ID, job_number):
        if not cfg.logging.save_artifacts:
            draw_seed(cfg)
            loop(cfg)
        elif OmegaConf.select(cfg, "run.resume") == "auto" and RunDir(wanted).facts.is_dir():
            from engine.cli.resume import resume_by_itself

            resume_by_itself(RunDir(wanted), cfg, loop, texts)
        else:
            draw_seed(cfg)
            if OmegaConf.select(cfg, "run.resume") == "auto" and not has_fixed_directory():
                log.warning("run.resume=auto finds its run again with a fixed hydra.run.dir only")
            train_in(RunDir.claim(wanted), loop, cfg, new=texts)


def _remove_empty(wanted: Path) -> None:
    """Remove the folder that Hydra has made for a run which does not begin, if it is empty."""
    if wanted != Path.cwd():
        with contextlib.suppress(OSError):
            wanted.rmdir()


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
