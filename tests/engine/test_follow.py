"""Following: every whole line once and in order, whatever happens to the file meanwhile."""

from __future__ import annotations

import json
import os
import threading
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.errors import FactsError
from engine.facts import (
    RunDir,
    append_jsonl_event,
    append_scalars_csv,
    build_event_payload,
    read_events,
    read_scalars,
)
from engine.facts.curves import CurvesFollower
from engine.facts.follow import (
    Chunk,
    EventFollower,
    Pace,
    ScalarsFollower,
    Tail,
    parse_event,
)
from engine.facts.parse import LONG_LINE, MAX_COLUMNS
from tests.conftest import long_form

LARGE = 1 << 26  # bytes


def everything(tail: Tail, max_bytes: int = 1 << 20) -> tuple[list[bytes], bool]:
    """All lines there are now, and whether they start from the top."""
    lines: list[bytes] = []
    restarted, chunk = False, Chunk([], more=True)
    while chunk.more:
        chunk = tail.read(max_bytes)
        if chunk.restarted:
            restarted = True
            lines.clear()
        lines += chunk.lines
    return lines, restarted


def whole_lines(content: bytes) -> list[bytes]:
    return content.split(b"\n")[:-1]


def event(**fields: Any) -> bytes:
    return json.dumps({"moment": "on_epoch_end", **fields}).encode()


def put(run_dir: Path, content: bytes, name: str = "events.jsonl") -> Path:
    path = RunDir(run_dir).facts / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


pieces = st.binary(max_size=12) | st.sampled_from([b"\n", b"a\n", b"\0\n", b"longer than a read\n"])
changes = st.tuples(
    st.sampled_from(["append"] * 6 + ["cut", "replace", "vanish", "reopen"]), pieces
)


@settings(max_examples=60, deadline=None)
@given(st.lists(changes, max_size=16), st.integers(1, 9))
def test_the_lines_seen_are_those_of_the_file_whatever_was_done_to_it(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, bytes]], max_bytes: int
) -> None:
    path = tmp_path_factory.mktemp("tail") / "file"
    tail, seen, content = Tail(path), [], b""
    for number, (change, piece) in enumerate(steps):
        mark = b"%d" % number  # what a writer puts there instead is never the same
        if change == "append":
            content += piece
            with open(path, "ab") as file:
                file.write(piece)
        elif change == "cut":
            content = mark + piece
            path.write_bytes(content)
        elif change == "replace":
            content = mark + piece
            beside = path.with_name("beside")
            beside.write_bytes(content)
            os.replace(beside, path)
        elif change == "vanish":
            content = b""
            path.unlink(missing_ok=True)
        else:
            tail = Tail.from_state(path, json.loads(json.dumps(tail.state())))
        lines, restarted = everything(tail, max_bytes)
        seen = lines if restarted else seen + lines
        if path.exists():
            assert seen == whole_lines(content)
            assert tail.torn == (content != b"" and not content.endswith(b"\n"))


def test_a_cut_file_that_grew_past_the_offset_starts_anew(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one\ntwo\n")
    tail = Tail(path)
    assert everything(tail) == ([b"one", b"two"], False)
    inode = path.stat().st_ino
    path.write_bytes(b"six\nten\nmore\n")
    assert path.stat().st_ino == inode
    assert everything(tail) == ([b"six", b"ten", b"more"], True)


def test_a_replaced_file_starts_anew_though_its_end_is_the_same(tmp_path: Path) -> None:
    path, beside = tmp_path / "file", tmp_path / "beside"
    same = b"x" * 5000 + b"\n"
    path.write_bytes(b"old\n" + same)
    tail = Tail(path)
    assert len(everything(tail)[0]) == 2
    beside.write_bytes(b"new\n" + same)
    beside.replace(path)
    assert everything(tail) == ([b"new", b"x" * 5000], True)


def test_a_file_that_vanished_and_came_back_is_read_from_its_top(tmp_path: Path) -> None:
    path = tmp_path / "file"
    tail = Tail(path)
    assert tail.read() == Chunk([])
    path.write_bytes(b"one\n")
    assert tail.read() == Chunk([b"one"])
    path.rename(tmp_path / "away")
    assert tail.read() == Chunk([])
    (tmp_path / "away").rename(path)
    assert tail.read() == Chunk([b"one"], restarted=True)


def test_a_restart_is_not_forgotten_when_the_read_after_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"first\nsecond\n")
    tail = Tail(path)
    tail.read()
    path.write_bytes(b"new\n")
    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", fail)
        with pytest.raises(FactsError, match="Input/output error"):
            tail.read()
    assert tail.read() == Chunk([b"new"], restarted=True)


def fail(*_: object) -> bytes:
    raise OSError(5, os.strerror(5))


def test_lines_that_are_too_long_are_skipped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.facts.tail.MAX_LINE", 10)
    monkeypatch.setattr("engine.facts.tail.READ_BYTES", 4)
    path = tmp_path / "file"
    content = b"a\n" + b"x" * 10 + b"\n" + b"x" * 11 + b"\nb\n" + b"x" * 99 + b"\nc\n" + b"x" * 50
    path.write_bytes(content)
    for max_bytes in (1, 4, 1000):
        tail = Tail(path)
        assert everything(tail, max_bytes) == ([b"a", b"x" * 10, b"b", b"c"], False)
        assert (tail.skipped, tail.torn) == (2, True)
        again = Tail.from_state(path, tail.state())
        assert (everything(again), again.skipped) == (([], False), 2)


def test_a_read_gives_about_as_much_as_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456\n" * 100)
    chunk = Tail(path).read(80)
    assert (len(chunk.lines), chunk.more) == (10, True)


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "loop", "below a file"])
def test_what_is_no_file_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "events"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path)
    else:
        path.write_text("")
        path = path / "events"
    with pytest.raises(FactsError, match="cannot read"):
        Tail(path).read()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"moment":1}',
        b'{"moment":"a"',
        b'{"moment":"a"}\xff',
        b'{"moment":"\xe9"}',
        '{"moment":"a"}'.encode("utf-16"),
        b"\0" * 9,
        b'{"moment":"a","x":' + b"9" * 5000 + b"}",
        b'{"moment":"a","x":' + b"[" * 100_000 + b"}",
        b'{"moment":"a","x":"' + b"y" * LONG_LINE + b'"}',
    ],
    ids=lambda line: repr(line[:24]),
)
def test_what_is_no_event_is_none(line: bytes) -> None:
    assert parse_event(line) is None


@settings(max_examples=40, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
@example({"__proto__": {"moment": 1}})
def test_an_event_is_what_json_says_it_is(value: object) -> None:
    for ascii_only in (True, False):
        text = json.dumps({"moment": "a", "x": value}, ensure_ascii=ascii_only)
        try:
            line = text.encode()
        except UnicodeEncodeError:  # half a character
            continue
        assert repr(parse_event(line)) == repr(json.loads(text))


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_a_long_line_loses_its_histories_and_nothing_else(separators: tuple[str, str]) -> None:
    name = 'a{b}%s"\\\u00e9'
    record = {"moment": "on_train_end", "histories": {name: [0.5] * 400_000}, "step": 3}
    line = json.dumps(record, separators=separators).encode()
    assert len(line) > LONG_LINE
    assert parse_event(line) == record | {"histories": {}}


def test_followed_events_are_those_that_are_read_at_once(tmp_path: Path) -> None:
    follower, followed = EventFollower(tmp_path), []
    for epoch in range(20):
        append_jsonl_event(tmp_path, build_event_payload("on_epoch_end", tmp_path, epoch=epoch))
        if epoch % 3 == 0:
            with open(RunDir(tmp_path).events, "ab") as file:
                file.write(b'{"moment": "on_ep')
        batch = follower.poll()
        assert not batch.more
        followed += batch.records
    log = read_events(tmp_path)
    assert [record["epoch"] for record in followed] == list(range(20))
    assert followed == log.records
    assert follower.skipped == log.skipped == 7
    assert (follower.torn, log.torn) == (False, False)


def test_a_batch_keeps_to_its_budget_of_records(tmp_path: Path) -> None:
    put(tmp_path, b"".join(event(epoch=n) + b"\n" for n in range(25)))
    follower, sizes, epochs, more = EventFollower(tmp_path), [], [], True
    while more:
        batch = follower.poll(max_records=10)
        more = batch.more
        sizes.append(len(batch.records))
        epochs += [record["epoch"] for record in batch.records]
    assert sizes == [10, 10, 5]
    assert epochs == list(range(25))


def test_a_batch_keeps_to_its_budget_of_time_and_never_stands_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, b"".join(event(epoch=n) + b"\n" for n in range(25)))
    clock = iter(range(10_000))
    monkeypatch.setattr("time.perf_counter", lambda: float(next(clock)))  # a second a look
    follower = EventFollower(tmp_path)
    assert len(follower.poll(max_ms=4500).records) == 5
    assert len(follower.poll(max_ms=0).records) == 1
    assert len(follower.poll(max_ms=1e9).records) == 19


def test_a_restart_starts_the_count_of_damaged_lines_anew(tmp_path: Path) -> None:
    put(tmp_path, b"no\nno\n" + event(epoch=0) + b"\n")
    follower = EventFollower(tmp_path)
    follower.poll()
    assert follower.skipped == 2
    put(tmp_path, b"no\n" + event(epoch=7) + b"\n")
    batch = follower.poll()
    assert batch.restarted
    assert [record["epoch"] for record in batch.records] == [7]
    assert follower.skipped == 1


def test_events_of_other_versions_are_events_too(tmp_path: Path) -> None:
    records = [
        {"schema_version": 0, "moment": "on_epoch_end", "epoch": 0, "histories": {"a": [1]}},
        {"moment": "on_epoch_end", "loss": 3},
        {"schema_version": "99", "moment": "on_something_else", "metrics": []},
    ]
    put(tmp_path, b"".join(json.dumps(record).encode() + b"\n" for record in records))
    assert EventFollower(tmp_path).poll().records == records


def test_followed_rows_start_anew_when_a_metric_appears(tmp_path: Path) -> None:
    follower, rows, restarts = ScalarsFollower(tmp_path), [], []
    for epoch in range(6):
        metrics = {"a": 0.5} if epoch < 3 else {"a": 0.5, "late": 2.0}
        numbers = dict.fromkeys(("train_loss", "val_loss", "epoch_time_s", "throughput"), 1.0)
        append_scalars_csv(
            tmp_path, epoch=epoch, split="val", metrics=metrics, max_memory_mib=None, **numbers
        )
        batch = follower.poll()
        rows = batch.records if batch.restarted else rows + batch.records
        restarts.append(batch.restarted)
        assert rows == read_scalars(tmp_path)
        assert len(rows) == epoch + 1
    assert restarts == [False, False, False, True, False, False]
    assert follower.skipped == 0


def test_a_header_of_very_many_columns_has_no_rows(tmp_path: Path) -> None:
    header = ",".join(f"c{number}" for number in range(MAX_COLUMNS + 1)).encode()
    put(tmp_path, header + b"\n" + b"," * MAX_COLUMNS + b"\n", "scalars.csv")
    follower = ScalarsFollower(tmp_path)
    assert follower.poll().records == []
    assert follower.skipped == 1


def test_a_follower_beside_a_writer_misses_and_doubles_nothing(tmp_path: Path) -> None:
    path = put(tmp_path, b"")
    lines = [event(epoch=n, text="x" * (n % 300)) + b"\n" for n in range(3000)]

    def write() -> None:
        content = b"".join(lines)
        with open(path, "ab", buffering=0) as file:
            for start in range(0, len(content), 777):
                file.write(content[start : start + 777])

    writer = threading.Thread(target=write)
    writer.start()
    follower, epochs, done = EventFollower(tmp_path), [], False
    while not done:
        done = not writer.is_alive()
        batch = follower.poll(max_records=100)
        epochs += [record["epoch"] for record in batch.records]
        done = done and not batch.more and not batch.records
    writer.join()
    assert epochs == list(range(3000))


HOSTILE: dict[str, Callable[[], bytes]] = {
    "one line": lambda: b"x" * LARGE,
    "one line, ended": lambda: b"x" * LARGE + b"\n",
    "zeros": lambda: b"\0" * LARGE,
    "line ends": lambda: b"\n" * (LARGE >> 4),
    "lists in a line": lambda: b'{"moment":"a","x":[' + b"[]," * (LARGE // 3) + b"[]]}\n",
    "lines of 15 MB": lambda: (b'{"moment":"a","x":[' + b"[]," * 5_000_000 + b"[]]}\n") * 2,
    "lines of a MB": lambda: (b'{"moment":"a","x":[' + b'{"":0},' * 140_000 + b"0]}\n") * 4,
    "histories": lambda: b'{"moment":"a","histories":{"x":[' + b"0," * 7_000_000 + b"0]}}\n",
}
"""Made when they are asked for, as they are large."""


@pytest.mark.parametrize("name", [*list(HOSTILE)[::2], *long_form(*list(HOSTILE)[1::2])])
@pytest.mark.parametrize("follow", [EventFollower, CurvesFollower])
def test_no_file_takes_a_follower_much_memory(name: str, follow: Any, tmp_path: Path) -> None:
    put(tmp_path, HOSTILE[name]())
    follower, more = follow(tmp_path), True
    tracemalloc.start()
    while more:
        more = follower.poll(max_ms=1.0).more
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 90 << 20


def test_looks_are_frequent_after_a_change_and_then_ever_rarer() -> None:
    pace, now, waits = Pace(fastest=0.2, slowest=30.0, hot_for=30.0), 100.0, []
    while now < 500:
        waits.append(pace.next_interval(changed=len(waits) == 0, now=now))
        now += waits[-1]
    assert waits[:150] == [0.2] * 150
    assert waits == sorted(waits)
    assert waits[-1] == 30.0
    assert all(later <= 1.26 * earlier for earlier, later in pairwise(waits))
    assert pace.next_interval(changed=True, now=now) == 0.2


def test_a_first_look_that_finds_nothing_is_followed_by_another_soon() -> None:
    assert Pace().next_interval(changed=False, now=0.0) == 0.2
