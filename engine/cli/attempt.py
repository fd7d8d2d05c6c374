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
from collections.abc import Callable, Iterable, Iterator
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from engine.cli.console import console, exit_code, log_file, nobody_reads, report
from engine.errors import ConfigError, DataError, FactsError, Stopped
from engine.facts.run_dir import RunDir

if TYPE_CHECKING:
    from engine.facts.attempts import Attempt

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
    interrupt = Interrupt()
    try:
        with console(), interrupt:
            work()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Stopped as stop:
        return stop.exit_code
    except SystemExit as leave:
        return exit_code(leave)
    except BrokenPipeError:
        return nobody_reads()
    except Exception as error:  # noqa: BLE001 - a bug gets its sentence like any failure
        if interrupt.received is None:  # else it is what the signal left of an import
            failures.append(report(error, debug))
    finally:
        remove_scratch()
    if interrupt.received is not None:
        return 128 + interrupt.received
    return exit_code_of(failures)


def exit_code_of(failures: Iterable[Exception]) -> int:
    """The exit code of a command in which these failed."""
    return max((getattr(error, "exit_code", 1) for error in failures), default=0)


def train_in(
    run_dir: RunDir,
    loop: Loop,
    cfg: Any,
    new: dict[str, str] | None = None,
    begun: Callable[[], object] = lambda: None,
) -> None:
    """Train in a run directory: with a record of this start, a heartbeat, and a log.

    Parameters
    ----------
    begun
        Called once the record of this start is there, for others to see.
    new
        Of a run that begins the texts of `.hydra/` beside the config. Its directory is removed
        again if the run ends before its first event by a mistake, a full disk or a signal.
    """
    from engine.facts.attempts import Heartbeat, begin_attempt

    place = os.path.relpath(run_dir.path)
    links = run_dir.links()
    if links:
        raise ConfigError(f"{links[0]} is a link, and a run writes no file through one")
    with _discarded_if_unused(run_dir) if new is not None else contextlib.nullcontext():
        attempt = begin_attempt(run_dir)
        begun()
        if new is not None:
            if attempt.superseded():
                raise ConfigError(f"another start has taken {run_dir.path} over")
            write_config(run_dir, cfg, new)
        with contextlib.chdir(run_dir.path), log_file(run_dir.log), Heartbeat(attempt):
            _tell_of_other_code(run_dir)
            try:
                call_loop(loop, cfg)
            except BaseException as error:
                _record_end(run_dir, attempt, error)
                raise
            finally:
                if run_dir.events.exists():
                    log.info("run directory %s", place)


def call_loop(loop: Loop, cfg: Any) -> dict[str, Any]:
    """What a loop gives.

    Raises
    ------
    ConfigError
        If it reads a key that its config does not have.
    """
    from omegaconf.errors import ConfigAttributeError, ConfigKeyError

    from engine.config.compose import missing_key

    try:
        return loop(cfg)
    except (ConfigAttributeError, ConfigKeyError) as error:
        raise missing_key(error, str(cfg.loop)) from error


def _tell_of_other_code(run_dir: RunDir) -> None:
    """Warn where a job runs other code than that it was submitted with, which is not copied."""
    from engine.facts.launched import launch_record
    from engine.facts.provenance import git_commit
    from engine.facts.records import text_in

    then, now = text_in(launch_record(run_dir), "git_commit"), git_commit()
    if then and now and then != now:
        log.warning("the code is another than at submission: %.12s then, %.12s now", then, now)


def _record_end(run_dir: RunDir, attempt: Attempt, error: BaseException) -> None:
    """Write the event of an end that the loop has not recorded, as one of the user's own may not.

    A start that came to no event leaves none; a run that a newer one has taken over is not ours.
    """
    from engine.facts import append_jsonl_event, build_event_payload, read_events

    size = run_dir.events.stat().st_size if run_dir.events.exists() else 0
    if size == (attempt.events_size or 0):
        attempt.path.unlink(missing_ok=True)  # it came to nothing, and takes nothing over
        return
    if attempt.superseded() or not run_dir.path.is_dir():
        return
    records = read_events(run_dir.path).records
    if records and records[-1]["moment"] in ("on_exception", "on_train_end"):
        return
    if isinstance(error, Exception):
        payload = build_event_payload("on_exception", run_dir.path, error=error)
    else:
        payload = build_event_payload("on_train_end", run_dir.path, stopped=True)
    with contextlib.suppress(FactsError):  # what ended the run is told, and matters more
        append_jsonl_event(run_dir.path, payload)


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
    """Leave no directory of a run that ended before its first event, but for a bug of the loop."""
    try:
        yield
    except (ConfigError, DataError, FactsError, KeyboardInterrupt, Stopped):
        run_dir.discard_unused()
        raise


class Interrupt:
    """Lets signals unwind what has begun, as Ctrl-C does, until a training takes over.

    What it raises may be lost in an import that is under way; `received` is not.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        """Receive a signal."""
        self.received = signum
        raise KeyboardInterrupt if signum == signal.SIGINT else Stopped(signum)

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            ignored = signal.getsignal(signum) is signal.SIG_IGN
            if not (ignored and signum != signal.SIGTERM):  # as nohup and a shell's & leave them
                self._before[signum] = signal.signal(signum, self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)


def remove_scratch() -> None:
    """Remove the empty folders that Hydra made for a run that leaves nothing behind."""
    compose = sys.modules.get("engine.config.compose")
    if compose is not None:
        shutil.rmtree(compose.scratch_dir(), ignore_errors=True)
