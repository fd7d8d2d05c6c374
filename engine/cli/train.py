"""The command `thesis-train`: from a command line to a training in its own run directory."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import engine
from engine.cli.attempt import (
    Loop,
    call_loop,
    draw_seed,
    exit_code_of,
    find_function,
    guarded,
    import_from_here,
    train_in,
)
from engine.cli.console import report
from engine.cli.launched import Placement
from engine.cli.recorded import reason_of
from engine.cli.sweep import ToldFailure, beside_others, left_out, relayed
from engine.errors import ConfigError, Stopped
from engine.facts.attempts import JOB_ID
from engine.facts.provenance import HYDRA_JOB_ID
from engine.facts.run_dir import RunDir, unwritable_output

log = logging.getLogger("engine")


def _ae(cfg: Any) -> dict[str, Any]:
    from engine.training_loops.autoencoder import train

    return train(cfg)


def _gan_ae(cfg: Any) -> dict[str, Any]:
    from engine.training_loops.gan_autoencoder import train

    return train(cfg)


def _diffusion_ae(cfg: Any) -> dict[str, Any]:
    from engine.training_loops.diffusion_autoencoder import train

    return train(cfg)


def _mlp(cfg: Any) -> dict[str, Any]:
    from engine.training_loops.simple_mlp import train

    return train(cfg)


DISPATCH: dict[str, Loop] = {
    "ae": _ae,
    "gan_ae": _gan_ae,
    "diffusion_ae": _diffusion_ae,
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
    if words[:1] == ["--launch"]:
        from engine.cli.launched import run_launched

        return run_launched(words[1:], debug)
    failures: list[Exception] = []

    def work() -> None:
        if any(word.startswith("resume=") for word in words):
            from engine.cli.resume import resume_words

            resume_words(words)
            return
        from engine.config.command import run_command

        try:
            run_command(program, words, Task(failures, debug), list(DISPATCH))
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


class Task:
    """What Hydra calls with each config: trains, and keeps a failure for the end of a sweep.

    With several runs at once it is copied into processes of their own, where a failure is told
    and then raised to the command, which needs its exit code.

    Parameters
    ----------
    failures
        Gets what went wrong in this process and was told.
    """

    def __init__(
        self, failures: list[Exception], debug: bool, placement: Placement | None = None
    ) -> None:
        self.failures = failures
        self._debug = debug
        self._placement = placement or Placement()
        self._is_copy = False

    def __setstate__(self, state: dict[str, Any]) -> None:
        from engine.config.compose import register_resolvers

        self.__dict__ |= state | {"failures": [], "_is_copy": True}
        register_resolvers()  # Hydra composes the config in the other process, too

    def __call__(self, cfg: Any) -> float | None:
        """Train with one config; gives what a sweeper judges it by, see `best_val_loss`."""
        if not self._is_copy:
            return self._attempt(cfg)
        from engine.config.command import run_number

        with beside_others(run_number()):
            value = self._attempt(cfg)
        if self.failures:
            raise ToldFailure(reason_of(self.failures[0]), exit_code_of(self.failures))
        return value

    def train_on_cluster(self, sweep: Any, points: Sequence[Any]) -> Sequence[Any]:
        """Train all points of a sweep as jobs on HTCondor; what became of each."""
        from engine.cli.cluster_sweep import train_on_cluster

        return train_on_cluster(sweep, points)

    def _attempt(self, cfg: Any) -> float | None:
        try:
            return _train(cfg, self._placement)
        except (KeyboardInterrupt, Stopped):
            from engine.config.command import is_sweep

            if is_sweep() and not self._is_copy:
                log.info("the runs of this sweep that have not started yet are left out")
            raise
        except Exception as error:  # noqa: BLE001 - whatever a loop raises must not end a sweep
            self.failures.append(report(error, self._debug))
            return None


def _train(cfg: Any, placement: Placement) -> float | None:
    """One training: checks first, then a directory of its own, then the loop; its best loss."""
    from omegaconf import OmegaConf

    from engine.cli.resumable import as_begun
    from engine.config.command import (
        check_values,
        has_fixed_directory,
        is_sweep,
        overrides_of_run,
        run_settings,
        sweep_stop,
    )
    from engine.config.paths import make_paths_absolute

    wanted, texts, number = run_settings()
    stop = sweep_stop()
    if stop is not None and stop.exists():
        log.info("left out, as %s is there", stop)
        _remove_empty(wanted)
        return None
    try:
        cfg = as_begun(cfg, RunDir(wanted))
        check_values(cfg)
        placement.check(cfg)
        _tell_where(cfg, placement, number)
        import_from_here()
        loop = find_loop(cfg.loop)
    except ConfigError:
        _remove_empty(wanted)
        raise
    make_paths_absolute(cfg)
    with job_number(number):
        by_itself = OmegaConf.select(cfg, "run.resume") == "auto" and placement.job is None
        by_itself = by_itself or placement.starts_again
        if not cfg.logging.save_artifacts:
            draw_seed(cfg)
            told = call_loop(loop, cfg)
            return told.get("best_val_loss") if isinstance(told, dict) else None
        elif by_itself and (run_dir := RunDir(wanted)).facts.is_dir():
            from engine.cli.resume import resume_by_itself

            stop = stop or placement.sweep_stop
            is_out = run_dir.stop.exists() or (stop is not None and stop.exists())
            with relayed(stop, run_dir.stop):
                typed = overrides_of_run() if placement.job is None else None
                resume_by_itself(run_dir, cfg, left_out if is_out else loop, texts, typed)
        else:
            draw_seed(cfg)
            if by_itself and not has_fixed_directory():
                log.warning("run.resume=auto finds its run again with a fixed hydra.run.dir only")
            place = placement.claimed(wanted, overrides_of_run())
            with place as run_dir, relayed(stop, run_dir.stop):
                train_in(run_dir, loop, cfg, new=texts)
    return _best_of(run_dir) if is_sweep() else None


def _tell_where(cfg: Any, placement: Placement, number: str | None) -> None:
    """Warn, once a command, that a config for a cluster is trained where it was typed."""
    from omegaconf import OmegaConf

    from engine.launch.job import LOCAL

    target = OmegaConf.select(cfg, "launcher.target") or LOCAL
    is_typed = placement.job is None and JOB_ID not in os.environ
    if is_typed and target != LOCAL and number in (None, "0"):
        log.warning(
            "launcher=%s: thesis-train trains on this machine;"
            " engine submit OVERRIDES sends it to HTCondor",
            target,
        )


def _best_of(run_dir: RunDir) -> float | None:
    from engine.library.index import summarise
    from engine.library.summary import best_val_loss

    return best_val_loss(summarise(run_dir.path))


def _remove_empty(wanted: Path) -> None:
    """Remove the folder that Hydra has made for a run which does not begin, if it is empty."""
    if wanted != Path.cwd():
        with contextlib.suppress(OSError):
            wanted.rmdir()


@contextlib.contextmanager
def job_number(number: str | None) -> Iterator[None]:
    """For as long as the block runs a run is that of this number in its sweep; None is of none."""
    before = os.environ.pop(HYDRA_JOB_ID, None)
    if number is not None:
        os.environ[HYDRA_JOB_ID] = number
    try:
        yield
    finally:
        os.environ.pop(HYDRA_JOB_ID, None)
        if before is not None:
            os.environ[HYDRA_JOB_ID] = before
