"""Lines read together: what they say is what each of them says alone, and most of them are."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.facts import RunDir, append_jsonl_event, build_event_payload
from engine.facts.alike import FREQUENT, LONGEST, Alike, Form, Reader, Stretch
from engine.facts.numbers import AXES, FIELDS
from engine.facts.parse import parse_event
from engine.facts.values import number

NUMBERS = [*AXES, *FIELDS]
NAMES = ["a", "step", "val_loss", 'b"\\é', "x:1,", "7310000"]


def written(run_dir: Path, moment: str = "on_epoch_end", **fields: Any) -> bytes:
    """The line that our own writer makes of an event."""
    append_jsonl_event(run_dir, build_event_payload(moment, run_dir, **fields))
    content = RunDir(run_dir).events.read_bytes()
    RunDir(run_dir).events.unlink()
    return content.removesuffix(b"\n")


def read_together(lines: Sequence[bytes], wanted: Sequence[str] | None = None) -> list[bytes]:
    """The lines that are read together, after a check that nothing is lost or changed by it."""
    together: list[bytes] = []
    place = 0
    for found in Reader(wanted).read(lines):
        if not isinstance(found, Stretch):
            assert repr(found) == repr(parse_event(lines[place]))
            place += 1
            continue
        assert found.lines == list(lines[place : place + len(found.lines)])
        place += len(found.lines)
        together += found.lines
        records = [parse_event(line) or {} for line in found.lines]
        assert [time.decode() for time in found.times] == [r["meta"]["timestamp"] for r in records]
        assert found.last["moment"] == records[-1]["moment"]
        for kind in found.kinds:
            own = [record for record in records if record["moment"] == kind.record["moment"]]
            assert_same(kind, own, wanted)
    assert place == len(lines)
    return together


def assert_same(kind: Alike, records: list[Any], wanted: Sequence[str] | None) -> None:
    """Fail unless events read together are those that were read one by one."""
    assert [time.decode() for time in kind.times] == [r["meta"]["timestamp"] for r in records]
    gaps = [None] * len(records)
    for name in NUMBERS:
        if wanted is None or name in wanted or name in AXES:
            assert_column(kind.fields.get(name, gaps), [record.get(name) for record in records])
    for record in records:
        known = record["metrics"] if isinstance(record.get("metrics"), dict) else {}
        assert kind.metrics.keys() >= {
            name
            for name, value in known.items()
            if number(value) is not None and (wanted is None or name in wanted)
        }
        assert rest(record, kind) == rest(kind.record, kind)
    for name, column in kind.metrics.items():
        assert_column(column, [record["metrics"][name] for record in records])


def assert_column(column: Sequence[Any], values: list[Any]) -> None:
    """Fail unless both hold the same numbers, of the same kind."""
    known = [value if type(value) in (int, float) else None for value in values]
    assert repr(list(column)) == repr(known)


def rest(record: Mapping[str, Any], kind: Alike) -> str:
    """All of an event but its numbers and its time."""
    kept = {name: value for name, value in record.items() if name not in NUMBERS}
    kept["meta"] = kept["meta"] | {"timestamp": None}
    if isinstance(kept.get("metrics"), dict):
        free = {k for k, v in kept["metrics"].items() if type(v) in (int, float)} | {*kind.metrics}
        kept["metrics"] = {k: v for k, v in kept["metrics"].items() if k not in free}
    return repr(kept)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"step":7', b'"step":07'),
        (b'"step":7', b'"step":7.'),
        (b'"step":7', b'"step":.7'),
        (b'"step":7', b'"step":+7'),
        (b'"step":7', b'"step":-'),
        (b'"step":7', b'"step":'),
        (b'"step":7', b'"step":7e'),
        (b'"step":7', b'"step":NaN'),
        (b'"step":7', b'"step":7e400'),
        (b'"step":7', b'"step":7e5'),
        (b'"step":7', b'"step":' + b"9" * 40),
        (b'"step":7', b'"step":' + b"9" * 5000),
        (b'"step":7', b'"step":true'),
        (b'"step":7', b'"step":null'),
        (b'"step":7', b'"step":nul'),
        (b'"step":7', b'"step":[7'),
        (b'"step":7', b'"step":7},{"step":7'),
        (b'"epoch":3', b'"Epoch":3'),
        (b'"epoch":3', b'"epoch":3,"epoch":4'),
        (b'"a":1.0', b'"a":1_0'),
        (b'"a":1.0', b'"a":01'),
        (b'"split":null', b'"split":5'),
        (b"on_epoch_end", b"on_other"),
        (b'"moment":"on_epoch_end"', b'"moment":"on_start","more":{"moment":"on_epoch_end"}'),
        (b'"moment":"on_epoch_end"', b'"moment":"on_epoch_end","more":{"moment":7}'),
        (b'"timestamp":"', b'"timestamp":"\\u0041'),
        (b'"timestamp":"', b'"timestamp":"\t'),
        (b'"timestamp":"', b'"timestamp":"\xc3\xa9'),
        (b'"timestamp":"', b'"timestamp":"\xc3'),
        (b"}}", b"}"),
        (b"}}", b"}}\r"),
        (b"}}", b'},"step":9}'),
        (b"}}", b'},"stopped":true}'),
    ],
)
@pytest.mark.parametrize("wanted", [None, ["val_loss"]])
def test_no_difference_or_damage_is_read_over(
    old: bytes, new: bytes, wanted: list[str] | None, tmp_path: Path
) -> None:
    line = written(tmp_path, epoch=3, step=7, val_loss=0.5, metrics={"a": 1.0})
    other = line.replace(b"0.5", b"-1.25e-05").replace(b'"step":7', b'"step":10')
    assert old in line
    odd = line.replace(old, new)
    assert read_together([line] * 5 + [other] * 5, wanted) == [line] * 5 + [other] * 5
    read_together([line] * 9 + [odd], wanted)
    read_together([line] * 5 + [odd] * 5, wanted)
    read_together([odd] * 9 + [line] * 9, wanted)


finite = st.floats(allow_nan=False, allow_infinity=False)
values = st.one_of(
    *(finite, finite, st.integers(-9, 9), st.integers(-(2**70), 2**70)),
    st.sampled_from([None, None, True, "1", ":5,", [], [1], {}, {"a": 1}, math.nan, math.inf]),
)
events = st.tuples(
    st.sampled_from([*FREQUENT, "on_epoch_end", "on_start"]),
    st.dictionaries(st.sampled_from([*NUMBERS, "split", "error"]), values, max_size=5),
    st.dictionaries(st.sampled_from(NAMES), values, max_size=4),
    st.sampled_from([(",", ":"), (", ", ": ")]),
)
damages = st.tuples(
    st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from(b'0019.-+eE"\\,:{}[]nN \0\xff')
)
orders = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9)), max_size=6)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(events, min_size=1, max_size=3),
    orders,
    st.lists(damages, max_size=2),
    st.sampled_from([None, ["a", "val_loss"], []]),
    st.randoms(use_true_random=False),
)
def test_lines_of_any_kind_say_together_what_they_say_alone(
    kinds: list[Any],
    order: list[tuple[int, int]],
    damage: list[tuple[int, int, int]],
    wanted: list[str] | None,
    draw: random.Random,
) -> None:
    lines = []
    for which in (which for which, times in order for _ in range(times)):
        moment, fields, metrics, separators = kinds[which % len(kinds)]
        meta = {"timestamp": f"2026-11-03T14:00:{draw.randrange(60):02}+00:00", "run_id": "r"}
        event = {"moment": moment} | changed(fields, draw)
        event |= {"metrics": changed(metrics, draw), "meta": meta}
        lines.append(json.dumps(event, separators=separators).encode())
    for where, place, byte in damage if lines else []:
        line = bytearray(lines[where % len(lines)])
        line[place % len(line)] = byte
        lines[where % len(lines)] = bytes(line).replace(b"\n", b"")
    assert len(read_together(lines, wanted)) <= len(lines)


def changed(numbers: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """Other numbers by the same names; seldom something else."""
    others = [0.25, -7, 1e-07, 123456, None if draw.random() < 0.02 else 0]
    is_number = {name: type(value) in (int, float) for name, value in numbers.items()}
    return {n: draw.choice([v, *others]) if is_number[n] else v for n, v in numbers.items()}


def test_two_kinds_in_turn_are_read_together(tmp_path: Path) -> None:
    beat = written(tmp_path, "on_progress", epoch=3, step=7, train_loss=0.5)
    line = written(tmp_path, epoch=3, step=7, val_loss=0.5, metrics={"a": 1.0})
    many = [one.replace(b'"step":7', b'"step":%d' % n) for n in range(100) for one in (beat, line)]
    assert read_together(many) == many
    *_, stretch = (one for one in Reader().read(many) if isinstance(one, Stretch))
    assert sorted(kind.record["moment"] for kind in stretch.kinds) == [
        "on_epoch_end",
        "on_progress",
    ]


def test_lines_of_which_each_is_different_are_soon_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [written(tmp_path, step=7, metrics={f"m{n}": 1.0}) for n in range(200)]
    made: list[bytes] = []
    real = Form.of
    monkeypatch.setattr(Form, "of", lambda line, *more: made.append(line) or real(line, *more))
    assert len(read_together(lines)) == len(made)
    assert 3 < len(made) < 7


def test_a_long_line_is_read_alone(tmp_path: Path) -> None:
    metrics = {f"metric_{n}": 0.5 for n in range(LONGEST // 16)}
    assert read_together([written(tmp_path, step=7, metrics=metrics)] * 9) == []


def test_what_is_not_wanted_is_not_read(tmp_path: Path) -> None:
    line = written(tmp_path, step=7, val_loss=0.5, train_loss=0.25, metrics={"a": 1.0, "b": 2.0})
    (stretch,) = (s for s in Reader(["a", "val_loss"]).read([line] * 9) if isinstance(s, Stretch))
    (kind,) = stretch.kinds
    assert [*kind.metrics] == ["a"]
    assert {*kind.fields} - {*AXES} == {"val_loss"}
