"""Lines of a log, and the reader of a log that grows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.run.log_reader import LogReader
from tui.run.log_text import readable, resolved, seen


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("plain", "plain"),
        (" 10%|#    | 1/10\r 20%|##   | 2/10", " 20%|##   | 2/10"),
        ("done   \r", "done"),
        ("old\r\r   ", "old"),
        ("\r", ""),
    ],
)
def test_a_progress_bar_is_seen_as_it_was_last(line: str, seen: str) -> None:
    assert resolved(line) == seen


def test_colours_become_styles_and_nothing_else_of_the_sequences_is_left() -> None:
    text = readable("\x1b[31mred\x1b[0m \x1b[2K\x1b]0;title\x07\x1b[1mbold\x1b[0m")
    assert text.plain == "red bold"
    assert {str(span.style) for span in text.spans} == {"color(1)", "bold"}


def test_a_link_in_a_log_is_no_link() -> None:
    text = readable("\x1b[32m\x1b]8;;http://evil\x1b\\here\x1b]8;;\x1b\\")
    assert text.plain == "here"
    assert not any(getattr(span.style, "link", None) for span in text.spans)


def test_where_there_is_little_room_the_date_and_info_are_left_out() -> None:
    line = "2026-11-23 08:21:43,803 INFO epoch 1"
    assert readable(line).plain == line
    assert readable(line, brief=True).plain == "08:21:43 epoch 1"
    warned = readable("2026-11-23 08:21:43,803 WARNING hot", brief=True)
    assert warned.plain == "08:21:43 WARNING hot"
    assert any("yellow" in str(span.style) for span in warned.spans)


@given(st.text(max_size=300))
def test_no_line_holds_anything_that_a_terminal_obeys(line: str) -> None:
    shown = readable(line, brief=True).plain
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)


@given(
    st.lists(st.sampled_from(["\x1b[31m", "\x1b[", "\x1b]", "a", "\r", "\x9b", "8;;", "\x1b[m"]))
)
def test_no_mixture_of_sequences_gets_through(parts: list[str]) -> None:
    shown = readable("".join(parts)).plain
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)


STAMPED = "2026-11-23 08:21:43,803 INFO "


@given(
    st.lists(
        st.sampled_from([STAMPED, "\x1b[31m", "\x1b[", "\x1b]", "a", "\r", "\x9b", "\t", "\x1b[m"])
    )
    | st.text(max_size=50).map(list),
    st.booleans(),
)
def test_what_is_searched_is_what_is_seen(parts: list[str], brief: bool) -> None:
    line = "".join(parts)
    assert seen(line, brief) == readable(line, brief).plain


class Log:
    """A log file, and what a reader has of it."""

    def __init__(self, path: Path, most_bytes: int = 8 << 20) -> None:
        self.path, self.reader = path, LogReader(path, most_bytes)
        self.lines: list[str] = []
        self.open = self.problem = ""

    def write(self, data: bytes, mode: str = "ab") -> None:
        with open(self.path, mode) as file:
            file.write(data)

    def look(self) -> int:
        """Read all there is; how many looks brought something."""
        looks = 0
        while (news := self.reader.poll()) is not None:
            looks += 1
            self.lines = [] if news.restarted else self.lines
            self.lines += news.lines
            self.open, self.problem, self.left_out = news.open, news.problem, news.left_out
            if not news.more:
                break
        return looks


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "train.log")


def test_lines_come_once_each_and_the_open_one_is_seen(log: Log) -> None:
    log.write(b"one\ntwo\nthr")
    log.look()
    log.write(b"ee\nfour\n")
    seen = log.open
    log.look()
    assert (seen, log.lines, log.open) == ("thr", ["one", "two", "three", "four"], "")
    assert log.look() == 0


def test_a_progress_bar_that_runs_for_hours_takes_no_memory(log: Log) -> None:
    for step in range(0, 40_000, 100):
        log.write(b"".join(b"\rstep %d of many, all is well" % (step + n) for n in range(100)))
        log.look()
    assert log.open == "step 39999 of many, all is well"
    assert len(log.reader._open) <= 1 << 16


def test_there_is_no_log_yet_and_then_there_is(log: Log) -> None:
    log.look()
    before = log.problem
    log.write(b"begun\n")
    log.look()
    assert (before, log.problem, log.lines) == ("there is no log yet", "", ["begun"])


def test_what_its_job_printed_is_seen_as_long_as_the_run_has_no_log(
    log: Log, tmp_path: Path
) -> None:
    log.reader = LogReader(log.path, before=tmp_path / "job.err")
    (tmp_path / "job.err").write_text("")
    log.look()
    assert log.problem == "there is no log yet"
    log.write(b"")
    (tmp_path / "job.err").write_text("train.sh: no such interpreter\n")
    log.look()
    assert (log.problem, log.lines) == ("", ["train.sh: no such interpreter"])
    assert log.look() == 0
    log.write(b"begun\n")
    log.look()
    assert (log.problem, log.lines) == ("", ["begun"])


def test_of_a_long_log_the_end_is_read_from_a_whole_line_on(tmp_path: Path) -> None:
    log = Log(tmp_path / "train.log", most_bytes=1000)
    log.write(b"".join(b"line %06d\n" % n for n in range(1000)))
    log.look()
    assert log.lines[-1] == "line 000999"
    assert log.lines[0].startswith("line ")
    assert len(log.lines) in (83, 84)
    assert log.left_out == 12_000 - 12 * len(log.lines)


def test_a_file_of_a_gigabyte_of_nothing_is_read_from_its_end(log: Log) -> None:
    log.write(b"start\n")
    os.truncate(log.path, 1 << 30)
    log.write(b"\nend\n")
    log.look()
    assert log.lines[-1] == "end"


@pytest.mark.parametrize("text", [b"new\n", b"one\ntwo\nthree\nfour\nfive\n"])
def test_a_log_that_was_cut_starts_anew(log: Log, text: bytes) -> None:
    log.write(b"ONE\nTWO\nTHREE\n")
    log.look()
    log.write(text, "wb")
    log.look()
    assert log.lines == text.decode().split()


def test_a_log_that_was_replaced_starts_anew(log: Log, tmp_path: Path) -> None:
    log.write(b"a\nb\n")
    log.look()
    (tmp_path / "other").write_bytes(b"c\nd\n")
    os.replace(tmp_path / "other", log.path)
    log.look()
    assert log.lines == ["c", "d"]


def test_a_log_that_is_removed_says_so(log: Log) -> None:
    log.write(b"a\n")
    log.look()
    log.path.unlink()
    log.look()
    assert (log.lines, log.problem) == ([], "there is no log yet")


def test_a_log_that_is_a_link_is_not_followed(log: Log, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret\n")
    log.path.symlink_to(tmp_path / "secret")
    log.look()
    assert (log.lines, "link" in log.problem) == ([], True)


@given(st.lists(st.binary(max_size=40), max_size=12))
def test_however_it_is_written_the_lines_are_those_of_the_file(pieces: list[bytes]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        log = Log(Path(folder) / "train.log")
        log.write(b"")
        for piece in pieces:
            log.write(piece)
            log.look()
        log.look()
        whole = b"".join(pieces).split(b"\n")
        assert len(log.lines) == len(whole) - 1
        for line, raw in zip(log.lines, whole, strict=False):
            if b"\r" not in raw:
                assert line == raw.decode("utf-8", "replace")
