"""What a command prints, what it keeps in a log, and how it tells of a failure."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Iterator
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
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


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
def console() -> Iterator[None]:
    """Messages on standard output, as they are; Hydra's own handlers do not get them."""
    log.propagate = False
    # A handler of Hydra's that cannot print, into `head` say, must not fill the screen with it.
    logging.raiseExceptions, before = False, logging.raiseExceptions
    try:
        with _handler(_Stdout(), logging.INFO):
            yield
    finally:
        log.propagate = True
        logging.raiseExceptions = before


@contextlib.contextmanager
def log_file(path: Path) -> Iterator[None]:
    """Messages with times, and the traceback of a failure, in a file."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    with _handler(handler, logging.DEBUG):
        try:
            yield
        except Exception as error:
            log.debug("the training failed: %s", error, exc_info=True)
            error.add_note(f"{_IN_LOG}{path}")
            raise


def report(error: Exception, debug: bool) -> Exception:
    """Tell the user what went wrong, on standard error; gives the error that was told."""
    if debug:
        traceback.print_exception(error)
    if isinstance(error, EngineError):
        text = str(error)
    else:
        notes = [note for note in getattr(error, "__notes__", []) if note.startswith(_IN_LOG)]
        logs = "".join(f"; {note}" for note in notes)
        text = f"unexpected {type(error).__name__}: {error}{logs}; --debug shows it here"
    print(f"error: {plain(text, keep_lines=True)}", file=sys.stderr)
    return error


def exit_code(leave: SystemExit) -> int:
    """The code of an exit that somebody's code asks for; a text is printed, as Python does."""
    if leave.code is None or isinstance(leave.code, int):
        return leave.code or 0
    print(leave.code, file=sys.stderr)
    return 1
