"""A terminal that only listens: runs a command in a pty, and tells when which bytes came."""

from __future__ import annotations

import codecs
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
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_ANSWERS = {
    b"\x1b[6n": b"\x1b[1;1R",  # where the cursor is
    b"\x1b[c": b"\x1b[?62;22c",  # what kind of terminal this is
    b"\x1b[?2026$p": b"\x1b[?2026;2$y",  # whether it can hold back a frame
}
_PIECE = re.compile(
    r"\x1b[P_][^\x1b]*\x1b\\|"  # a picture, or what belongs to one
    r"\x1b\[([0-?]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.|([^\x1b]+)"
)
_UNFINISHED = re.compile(r"\x1b[P_][^\x1b]*\x1b?\Z|\x1b[^P_][^\x1b]{0,63}\Z|\x1b\Z")
_TICKS = os.sysconf("SC_CLK_TCK")


class Terminal:
    """A command in a pty of some size.

    Parameters
    ----------
    command
        The words of the command.
    size
        Columns and lines.
    answers
        What it says to questions, beside what every terminal says.
    """

    def __init__(
        self,
        command: Sequence[str],
        size: tuple[int, int] = (160, 48),
        answers: Mapping[bytes, bytes] | None = None,
    ) -> None:
        self._answers = _ANSWERS | dict(answers or {})
        self.began = time.perf_counter()
        self.pid, self._handle = pty.fork()
        if self.pid == 0:
            self._become(command, size)
        self._resize(size)
        self.bytes = 0
        """Bytes so far."""
        self.screen = Screen(*size)

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
        self.screen.write(data)
        for question, answer in self._answers.items():
            if question in data:
                os.write(self._handle, answer)
        return data

    def until(self, text: str, timeout: float = 30.0) -> float:
        """Seconds since the command began, when this text is on the screen.

        Raises
        ------
        TimeoutError
            If it does not come.
        """
        end = time.perf_counter() + timeout
        while text not in self.screen.text():
            if time.perf_counter() > end:
                raise TimeoutError(f"{text!r} does not come; there is\n{self.screen.text()}")
            self.listen(0.05)
        return time.perf_counter() - self.began

    def bytes_in(self, seconds: float) -> int:
        """How many bytes come in this time."""
        before, end = self.bytes, time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.listen(left)
        return self.bytes - before

    def quiet(self, seconds: float = 1.0, timeout: float = 60.0) -> None:
        """Wait until nothing has come for some time."""
        end = time.perf_counter() + timeout
        while self.listen(seconds):
            if time.perf_counter() > end:
                raise TimeoutError(f"the screen does not come to rest:\n{self.screen.text()}")

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
def terminal(
    command: Sequence[str],
    size: tuple[int, int] = (160, 48),
    answers: Mapping[bytes, bytes] | None = None,
) -> Iterator[Terminal]:
    """A command in a pty, ended at the end."""
    opened = Terminal(command, size, answers)
    try:
        yield opened
    finally:
        opened.close()


class Screen:
    """What stands on a terminal of which only text, places and erased cells count."""

    def __init__(self, width: int, height: int) -> None:
        self._cells = [[" "] * width for _ in range(height)]
        self._x = self._y = 0
        self._rest = ""
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def text(self) -> str:
        """The lines."""
        return "\n".join("".join(line).rstrip() for line in self._cells)

    def write(self, data: bytes) -> None:
        """Take what a program sends."""
        text = self._rest + self._decode(data)
        last = _UNFINISHED.search(text)
        cut = last.start() if last and not _PIECE.fullmatch(last[0]) else len(text)
        text, self._rest = text[:cut], text[cut:]
        for numbers, letter, plain in _PIECE.findall(text):
            if plain:
                self._put(plain)
            elif letter:
                self._move(numbers, letter)

    def _move(self, numbers: str, letter: str) -> None:
        first, _, second = numbers.partition(";")
        n = int(first) if first.isdecimal() else 1
        if letter == "H":
            self._y, self._x = n - 1, int(second or 1) - 1
        elif letter == "C":
            self._x += n
        elif letter == "X":
            self._fill(self._x, n)
        elif letter == "J":
            self._cells = [[" "] * len(line) for line in self._cells]

    def _fill(self, start: int, n: int) -> None:
        line = self._cells[self._y]
        line[start : start + n] = " " * (min(len(line), start + n) - start)

    def _put(self, text: str) -> None:
        for character in text:
            if character == "\n":
                self._y = min(self._y + 1, len(self._cells) - 1)
            elif character == "\r":
                self._x = 0
            elif self._y < len(self._cells) and self._x < len(self._cells[0]):
                self._cells[self._y][self._x] = character
                self._x += 1
