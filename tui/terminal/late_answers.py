"""Keeps a terminal's answer from being taken for keys when it comes after the app has started."""

from __future__ import annotations

from collections.abc import Iterable

from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver
from textual.message import Message

from tui.terminal.graphics import without_answers


class PatientParser(XTermParser):
    """Reads keys, and leaves out what answers our question."""

    def feed(self, data: str) -> Iterable[Message]:
        """The events in what came."""
        keys = without_answers(data)
        # The empty text means that there is no more to come.
        return super().feed(keys) if keys or not data else ()


def expect_late_answers() -> None:
    """Have Textual read keys so; it has no place of its own to say it."""
    linux_driver.XTermParser = PatientParser  # type: ignore[attr-defined]
