"""How the app ends: by signals, by errors, and in peace whatever it was at."""

from __future__ import annotations

import asyncio
import signal
import threading

from textual.app import App
from textual.css.query import NoMatches


class Ending(App[int]):
    """An app that leaves the terminal as it was, and no error but those that are ones."""

    def end_on_signals(self) -> None:
        """End as by `q` when the line is cut or somebody says so, with the terminal as it was."""
        if threading.current_thread() is threading.main_thread():
            loop = asyncio.get_running_loop()
            for number in (signal.SIGHUP, signal.SIGTERM):
                loop.add_signal_handler(number, self.exit, 128 + number)

    def _handle_exception(self, error: Exception) -> None:
        """End with an error, but not with that a screen, while all ends, misses its own parts.

        Textual takes the parts of a screen apart while messages still reach it.
        """
        if self.is_running or not isinstance(error, NoMatches):
            super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """End after an error that nobody thought of: where it was, without the data it had."""
        from rich.segment import Segments
        from rich.traceback import Traceback

        trace = Traceback(show_locals=False, width=None, extra_lines=1, max_frames=8)
        lines = self.console.render(trace, self.console.options)
        self._exit_renderables.append(Segments(lines))
        self._close_messages_no_wait()
