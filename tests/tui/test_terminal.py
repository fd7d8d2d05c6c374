"""The app in a real terminal: what is on the screen, what is sent, and how it ends."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.bench.terminal import Terminal, terminal
from tests.bench.tree import make_tree

ROOT = Path(__file__).parents[2]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The app on a root with four runs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    make_tree(tmp_path / "outputs", 4, epochs=5)
    return [sys.executable, "-m", "tui", "--root", str(tmp_path / "outputs")]


def ends_with(shown: Terminal) -> tuple[int, bytes]:
    """The exit code, and what was sent until then."""
    sent, end = b"", time.monotonic() + 20
    while time.monotonic() < end:
        sent += shown.listen(0.05)
        done, status = os.waitpid(shown.pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), sent + shown.listen(0.05)
    raise TimeoutError("the app does not end")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_as_a_key_does(command: list[str], number: signal.Signals) -> None:
    with terminal(command, (100, 30)) as shown:
        shown.until("job3")
        os.kill(shown.pid, number)
        code, sent = ends_with(shown)
        assert code == 128 + number
        assert b"\x1b[?1049l" in sent, "the terminal is as it was"


def test_nothing_is_sent_while_nothing_changes(command: list[str]) -> None:
    with terminal([*command, "--run", "last"], (100, 30)) as shown:
        shown.until("throughput")
        shown.quiet(2.0)
        assert shown.bytes_in(2.0) == 0


def test_what_is_sent_piece_by_piece_is_the_screen_that_is_sent_at_once(command: list[str]) -> None:
    single = [*command, "--run", "job2"]
    with terminal(command, (100, 30)) as shown, terminal(single, (100, 30)) as at_once:
        shown.until("job3")
        for key in ("f", "f", "s", "\x1b", "\x1b[B", "\r", "2", "3", "1", "l", "l"):
            shown.send(key)
            shown.quiet(0.2)
        shown.until("throughput")
        at_once.until("throughput")
        for one in (shown, at_once):
            one.quiet(0.5)
        assert shown.screen.text() == at_once.screen.text()


def test_the_first_screen_fits_a_slow_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    make_tree(tmp_path / "outputs", 60, epochs=5)
    app = [sys.executable, "-m", "tui", "--root", str(tmp_path / "outputs")]
    with terminal(app, (160, 48)) as shown:
        shown.until("60 finished")
        shown.quiet(1.0)
        assert shown.bytes < 40_000


def test_in_ascii_mode_nothing_else_is_sent(command: list[str]) -> None:
    with terminal([*command, "--ascii"], (100, 30)) as shown:
        shown.until("job3")
        sent = b""
        for key in (
            "f",
            "f",
            "?",
            "\x1b",
            "s",
            "\x1b",
            "\x10",
            "\x1b",
            "a",
            "c",
            "4",
            "3",
            "\x1b",
            "\r",
        ):
            shown.send(key)
            while data := shown.listen(0.2):
                sent += data
        assert len(sent) > 5000
        assert sent.isascii()


READ = """
import os, select, termios, tty
tty.setcbreak(0, termios.TCSANOW)
left = os.read(0, 999) if select.select([0], [], [], 1)[0] else b""
print("LEFT", left.hex() or "nothing", flush=True)
"""


def test_an_answer_of_the_terminal_is_not_left_at_the_prompt(command: list[str]) -> None:
    """The app asks, and ends before it has listened: there is no such run."""
    app = shlex.join([*command, "--run", "nosuch"])
    reader = shlex.join([sys.executable, "-c", READ])
    with terminal(["sh", "-c", f"{app}; {reader}"], (100, 30)) as shown:
        shown.until("LEFT")
        shown.quiet(0.2)
        text = shown.screen.text()
        assert "nosuch" in text
        assert "LEFT nothing" in text
