"""A terminal that only listens: runs a command in a pty, and tells when which bytes came."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

_ANSWERS = {
    b"\x1b[6n": b"\x1b[1;1R",  # where the cursor is
    b"\x1b[c": b"\x1b[?62;22c",  # what kind of terminal this is
    b"\x1b[?2026$p": b"\x1b[?2026;2$y",  # whether it can hold back a frame
}
_ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_TICKS = os.sysconf("SC_CLK_TCK")


class Terminal:
    """A command in a pty of some size.

    Parameters
    ----------
    command
        The words of the command.
    size
        Columns and lines.
    """

    def __init__(self, command: Sequence[str], size: tuple[int, int] = (160, 48)) -> None:
        self.began = time.perf_counter()
        self.pid, self._handle = pty.fork()
        if self.pid == 0:
            self._become(command, size)
        self._resize(size)
        self.bytes = 0
        """Bytes so far."""
        self._heard = b""

    def _become(self, command: Sequence[str], size: tuple[int, int]) -> None:
        env = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        env |= {"COLUMNS": str(size[0]), "LINES": str(size[1]), "LANG": "C.UTF-8"}
        env.pop("NO_COLOR", None)
        with contextlib.suppress(OSError):
            time.sleep(0.01)  # until the size is set
            del env["COLUMNS"], env["LINES"]
            os.execvpe(command[0], list(command), env)
        os._exit(127)

    def _resize(self, size: tuple[int, int]) -> None:
        fcntl.ioctl(self._handle, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    def send(self, keys: str) -> None:
        """Press keys."""
        os.write(self._handle, keys.encode())

    def listen(self, seconds: float) -> bytes:
        """What comes within some time, or at once if something is there already."""
        ready, _, _ = select.select([self._handle], [], [], seconds)
        if not ready:
            return b""
        try:
            data = os.read(self._handle, 1 << 16)
        except OSError:  # the command has ended
            return b""
        self.bytes += len(data)
        for question, answer in _ANSWERS.items():
            if question in data:
                os.write(self._handle, answer)
        return data

    def until(self, text: str, timeout: float = 30.0) -> float:
        """Seconds since the command began, when this text has come; what came before is forgotten.

        Raises
        ------
        TimeoutError
            If it does not come.
        """
        wanted, end = text.encode(), time.perf_counter() + timeout
        while True:
            place = _plain(self._heard).find(wanted)
            if place >= 0:
                self._heard = b""
                return time.perf_counter() - self.began
            if time.perf_counter() > end:
                shown = _plain(self._heard)[-1500:].decode("utf-8", "replace")
                raise TimeoutError(f"{text!r} does not come; the last was\n{shown}")
            self._heard = (self._heard + self.listen(0.05))[-400_000:]

    def bytes_in(self, seconds: float) -> int:
        """How many bytes come in this time."""
        before, end = self.bytes, time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.listen(left)
        self._heard = b""
        return self.bytes - before

    def quiet(self, seconds: float = 1.0, timeout: float = 60.0) -> None:
        """Wait until nothing has come for some time."""
        end = time.perf_counter() + timeout
        while self.listen(seconds):
            if time.perf_counter() > end:
                raise TimeoutError("the screen does not come to rest")
        self._heard = b""

    def cpu_s(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_mib(self) -> float:
        """Memory that the command holds."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        match = re.search(r"VmRSS:\s+(\d+)", status)
        return int(match[1]) / 1024 if match else float("nan")

    def close(self) -> None:
        """End the command."""
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGTERM)
            end = time.perf_counter() + 2
            while time.perf_counter() < end:
                self.listen(0.01)
                if os.waitpid(self.pid, os.WNOHANG)[0]:
                    break
            else:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
        os.close(self._handle)


@contextlib.contextmanager
def terminal(command: Sequence[str], size: tuple[int, int] = (160, 48)) -> Iterator[Terminal]:
    """A command in a pty, ended at the end."""
    opened = Terminal(command, size)
    try:
        yield opened
    finally:
        opened.close()


def _plain(data: bytes) -> bytes:
    """The text without escape sequences."""
    return _ESCAPE.sub(b"", data)
