"""What a command prints, what it keeps in a log, and how it tells of a failure."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.errors import EngineError
from engine.facts.text import plain

log = logging.getLogger("engine")

_IN_LOG = "the traceback is in "


class _Stdout(logging.StreamHandler):
    """Prints to whatever standard output is at the moment: a progress bar may have taken it."""

    def emit(self, record: logging.LogRecord) -> None:
        self.setStream(sys.stdout)
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Go on in silence when whoever read the output has gone, as `head` does."""
        if not isinstance(sys.exc_info()[1], BrokenPipeError):
            super().handleError(record)
            return
        nobody_reads()


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
def console(prefix: str = "") -> Iterator[None]:
    """Messages on standard output behind `prefix`; Hydra's own handlers do not get them."""
    log.propagate = False
    # A handler of Hydra's that cannot print, into `head` say, must not fill the screen with it.
    logging.raiseExceptions, before = False, logging.raiseExceptions
    handler = _Stdout()
    handler.setFormatter(logging.Formatter(f"{prefix}%(message)s"))
    try:
        with _handler(handler, logging.INFO):
            yield
    finally:
        log.propagate = True
        logging.raiseExceptions = before


@contextlib.contextmanager
def log_file(path: Path) -> Iterator[None]:
    """Messages with times, and the traceback of a failure, in a file.

    Where standard output is that file, as in the background, the console is silent meanwhile.
    """
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    with _silent_console(is_output(path, 1)), _handler(handler, logging.DEBUG):
        try:
            yield
        except Exception as error:
            log.debug("the training failed: %s", error, exc_info=True)
            error.add_note(f"{_IN_LOG}{path}")
            raise


@contextlib.contextmanager
def _silent_console(silent: bool) -> Iterator[None]:
    consoles = [one for one in log.handlers if silent and isinstance(one, _Stdout)]
    for one in consoles:
        log.removeHandler(one)
    try:
        yield
    finally:
        for one in consoles:
            log.addHandler(one)


def is_output(path: str | os.PathLike[str], descriptor: int) -> bool:
    """Whether standard output (1) or error (2) goes into this very file."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False


def framed(work: Callable[[], int | None], debug: bool = False) -> int:
    """Do `work`, whatever ends it: the frame around everything that a command prints.

    Parameters
    ----------
    work
        Gives an exit code; None stands for 0.
    debug
        Whether to show the traceback of an error.

    Returns
    -------
    int
        The exit code: 2 for a mistake in the command, 1 for a failure, 128 and the signal's number
        for an interrupt or when nobody reads the output any more.
    """
    try:
        _print_any_character()
        code = _ended(work, debug)
        sys.stdout.flush()
    except BrokenPipeError:
        return nobody_reads()
    return code


def _ended(work: Callable[[], int | None], debug: bool) -> int:
    """The exit code of `work`; that nobody reads is left to the caller."""
    try:
        return work() or 0
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except SystemExit as leave:
        return exit_code(leave)
    except Exception as error:  # noqa: BLE001 - a bug gets its sentence like any failure
        report(error, debug)
        return error.exit_code if isinstance(error, EngineError) else 1


def _print_any_character() -> None:
    """Let no text end a command: a character that an output does not have is a question mark."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="replace")


def typed(word: str) -> str:
    """An argument as the person typed it: in UTF-8, also where the locale knows ASCII only."""
    return word.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def typed_in() -> str:
    """All that comes on standard input, as UTF-8."""
    if hasattr(sys.stdin, "buffer"):
        data: bytes = sys.stdin.buffer.read()
        return data.decode("utf-8", "replace")
    return sys.stdin.read()


def report(error: Exception, debug: bool) -> Exception:
    """Tell the user what went wrong, on standard error; gives the error that was told.

    It is not told again where standard error is the log that has its traceback.
    """
    logs = [n[len(_IN_LOG) :] for n in getattr(error, "__notes__", []) if n.startswith(_IN_LOG)]
    if getattr(error, "told", False) or any(is_output(path, 2) for path in logs):
        return error
    if debug:
        traceback.print_exception(error)
    print(f"error: {plain(sentence(error), keep_lines=True)}", file=sys.stderr)
    return error


def sentence(error: Exception) -> str:
    """What an error says to a human."""
    if isinstance(error, EngineError):
        return str(error)
    notes = [note for note in getattr(error, "__notes__", []) if note.startswith(_IN_LOG)]
    logs = "".join(f"; {note}" for note in notes)
    return f"unexpected {type(error).__name__}: {error}{logs}; --debug shows it here"


def exit_code(leave: SystemExit) -> int:
    """The code of an exit that somebody's code asks for; a text is printed, as Python does."""
    if leave.code is None or isinstance(leave.code, int):
        return leave.code or 0
    print(leave.code, file=sys.stderr)
    return 1


def nobody_reads() -> int:
    """Write to nowhere, as the reader has gone, which `head` does; gives the exit code."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return 128 + signal.SIGPIPE
