"""Curves: each number once per step, whatever was written twice, begun again, torn or hostile."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.errors import ConfigError, FactsError
from engine.facts import RunDir, alike, append_jsonl_event, build_event_payload, series
from engine.facts.curves import CurvesFollower, load_curves, preview
from engine.facts.parse import parse_event
from engine.facts.series import KINDS, Curves, Restart, Series
from engine.facts.thin import smooth, thin

finite = st.floats(-1e6, 1e6)
values = finite | st.just(math.nan)
curves_with_and_without_gaps = st.lists(finite, min_size=41, max_size=200) | st.lists(
    values, min_size=1, max_size=100
)


def start(step: int | None = None, epoch: int | None = None, **meta: Any) -> dict[str, Any]:
    """The start of a run, or of its continuation from a step."""
    origin = {} if step is None else {"resumed_from": {"epoch": epoch, "step": step}}
    return {"moment": "on_start", "epoch": epoch, "step": step, "meta": {**origin, **meta}}


def epoch_end(step: int | None, loss: float | None, **fields: Any) -> dict[str, Any]:
    return {"moment": "on_epoch_end", "step": step, "val_loss": loss, **fields}


def curves_of(records: Iterable[dict[str, Any]]) -> Curves:
    made = Curves()
    for record in records:
        made.add(record)
    return made


def points(one: Series) -> list[tuple[float, float]]:
    return list(zip(one.steps, one.values, strict=True))


def write_lines(run_dir: Path, lines: Iterable[bytes]) -> None:
    RunDir(run_dir).facts.mkdir(parents=True, exist_ok=True)
    RunDir(run_dir).events.write_bytes(b"".join(line + b"\n" for line in lines))


def written(run_dir: Path, moment: str = "on_epoch_end", **fields: Any) -> bytes:
    """The line that our own writer makes of an event."""
    append_jsonl_event(run_dir, build_event_payload(moment, run_dir, **fields))
    content = RunDir(run_dir).events.read_bytes()
    RunDir(run_dir).events.unlink()
    return content.removesuffix(b"\n")


def everything(made: Curves) -> str:
    """All that curves say, comparable though it may hold NaN."""
    tables = {k: {n: made.series(n, k) for n in sorted(made.names(k))} for k in made.tables}
    return repr((tables, list(made.restarts)))


@settings(max_examples=200, deadline=None)
@given(curves_with_and_without_gaps, st.integers(5, 40))
@example([0.0] * 150 + [1.0] + [0.0] * 149, 5)
@example([0.0] * 150 + [-1.0] + [0.0] * 149, 5)
@example([0.0] * 150 + [-1.0, math.nan, 1.0] + [0.0] * 149, 5)
def test_thinning_loses_no_extreme_and_no_end(ys: list[float], n: int) -> None:
    xs = list(range(len(ys)))
    kept_xs, kept_ys = thin(xs, ys, n)
    rows = [int(x) for x in kept_xs]
    assert len(rows) <= n
    assert rows == sorted(set(rows))
    assert (rows[0], rows[-1]) == (0, len(ys) - 1)
    assert repr(list(kept_ys)) == repr([ys[row] for row in rows])
    numbers = [y for y in ys if not math.isnan(y)]
    assert not numbers or {min(numbers), max(numbers)} <= set(kept_ys)
    # No point lies outside of what is kept near it: no spike is lost.
    near = math.ceil(len(ys) / ((n - 2) // 3))
    for row, y in enumerate(ys):
        around = [ys[r] for r in rows if abs(r - row) <= near and not math.isnan(ys[r])]
        assert math.isnan(y) or min(around) <= y <= max(around)
        assert not math.isnan(y) or any(math.isnan(ys[r]) for r in rows if abs(r - row) <= near)


def test_a_gap_stays_between_its_neighbours() -> None:
    ys = [1.0] * 50 + [math.nan] + [2.0] * 50
    _, kept = thin(range(101), ys, 20)
    words = "".join("-" if math.isnan(y) else str(int(y)) for y in kept)
    assert words.strip("12") == "-"
    assert words.index("-") == words.rindex("1") + 1


@settings(max_examples=50, deadline=None)
@given(st.lists(values, max_size=50), st.floats(0, 0.99))
def test_smoothing_is_a_weighted_mean_of_the_values_so_far(ys: list[float], weight: float) -> None:
    smoothed = smooth(ys, weight)
    for end, y in enumerate(ys):
        past = [value for value in ys[: end + 1] if not math.isnan(value)]
        weights = [weight**age for age in range(len(past))][::-1]
        mean = sum(w * v for w, v in zip(weights, past, strict=True)) / sum(weights) if past else 0
        assert (
            math.isnan(smoothed[end])
            if math.isnan(y)
            else (smoothed[end] == pytest.approx(mean, rel=1e-6, abs=1e-6))
        )


@pytest.mark.parametrize("call", [lambda: smooth([1.0], 1.0), lambda: thin([1.0], [1.0], 4)])
def test_what_cannot_be_drawn_is_said(call: Any) -> None:
    with pytest.raises(ConfigError):
        call()


def test_the_last_value_of_a_step_counts_and_steps_are_in_order() -> None:
    made = curves_of(
        epoch_end(step, loss) for step, loss in [(3, 0.3), (1, 9.0), (2, 0.2), (1, 0.1)]
    )
    assert points(made.series("val_loss")) == [(1, 0.1), (2, 0.2), (3, 0.3)]
    made.add(epoch_end(2, 0.25))
    made.add(epoch_end(4, 0.4))
    assert points(made.series("val_loss")) == [(1, 0.1), (2, 0.25), (3, 0.3), (4, 0.4)]


actions = st.lists(
    st.tuples(st.sampled_from(["row", "row", "row", "resume", "again"]), st.integers(0, 12)),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(actions, st.booleans())
def test_a_restart_makes_later_steps_void(done: list[tuple[str, int]], look: bool) -> None:
    made, expected = Curves(), {}
    for number, (action, step) in enumerate(done):
        if action == "row":
            made.add(epoch_end(step, number))
            expected[step] = number
        elif action == "resume":
            made.add(start(step, epoch=0))
            expected = {s: loss for s, loss in expected.items() if s <= step}
        else:
            made.add(start())
            expected = {}
        if look:
            assert points(made.series("val_loss")) == sorted(expected.items())
    assert points(made.series("val_loss")) == sorted(expected.items())
    starts = sum(action != "row" for action, _ in done[1:])
    assert len(made.restarts) == starts


def test_a_restart_goes_by_epochs_where_there_are_no_steps() -> None:
    rows = [epoch_end(None, epoch / 10, epoch=epoch) for epoch in range(5)]
    one = curves_of([start(), *rows, start(None), *rows[:1]]).series("val_loss")
    assert list(one.epochs) == [0]
    resumed = start() | {"meta": {"resumed_from": {"epoch": 3, "step": None}}}
    one = curves_of([start(), *rows, resumed]).series("val_loss")
    assert list(one.epochs) == [0, 1, 2]
    assert all(map(math.isnan, one.steps))


def test_a_restart_is_marked_where_it_goes_on() -> None:
    rows = [epoch_end(10 * (n + 1), 0.5, epoch=n, total_time_s=2.0 * n) for n in range(4)]
    made = curves_of([start(), *rows, start(20, 2), *rows[2:], start()])
    assert list(made.restarts) == [Restart(20, 2, 6.0), Restart(0, 0, 0.0)]
    assert points(made.series("val_loss")) == []


def test_time_goes_on_after_a_restart_without_the_gap() -> None:
    def at(second: int) -> dict[str, Any]:
        return {"timestamp": f"2026-11-03T14:{second // 60:02}:{second % 60:02}+00:00"}

    records = [
        start(**at(0)),
        epoch_end(10, 0.5, meta=at(30)),
        epoch_end(20, 0.5, meta=at(60)),
        start(20, 2, **at(600)),
        epoch_end(30, 0.5, meta=at(630)),
    ]
    assert list(curves_of(records).series("val_loss").times) == [30, 60, 90]
    for record, total in zip(records, (0, 31, 61, 61, 92), strict=True):
        record["total_time_s"] = total
    assert list(curves_of(records).series("val_loss").times) == [31, 61, 92]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
FIELDS = ["step", "epoch", "train_loss", "val_loss", "metrics", "total_time_s", "meta", "histories"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*KINDS, "on_start", "other"]),
            st.dictionaries(st.sampled_from(FIELDS), anything),
        ),
        max_size=6,
    )
)
@example([("on_epoch_end", {"step": 10**400, "val_loss": -(10**400)})])
@example([("on_start", {}), ("on_start", {"meta": {"resumed_from": {"step": [], "epoch": {}}}})])
@example([("on_epoch_end", {"step": 1, "meta": {"timestamp": "0001-01-01T00:00:00+23:59"}})])
def test_fields_of_any_type_harm_no_curve(events: list[tuple[str, dict[str, Any]]]) -> None:
    made = curves_of({"moment": moment} | fields for moment, fields in events)
    for name in made.names():
        one = made.series(name)
        assert len({*map(len, one)}) == 1
        assert not any(map(math.isinf, [*one.values, *one.steps, *one.epochs]))


def test_truth_values_and_texts_are_no_numbers() -> None:
    metrics = {"a": True, "b": "1.5", "c": [1.0], "d": None, "e": 1}
    assert curves_of([epoch_end(1, None, metrics=metrics)]).names() == ["e"]


def test_the_kinds_of_events_are_apart_and_epochs_come_first() -> None:
    beats = [{"moment": "on_progress", "step": n, "train_loss": n / 10} for n in range(5)]
    made = curves_of([*beats, epoch_end(4, 0.5, train_loss=0.4)])
    assert points(made.series("train_loss")) == [(4, 0.4)]
    assert points(made.series("train_loss", "progress")) == [(n, n / 10) for n in range(5)]
    assert made.names("progress") == ["train_loss"]
    assert points(made.series("no such number")) == []


def test_older_lines_with_histories_on_every_epoch_give_the_same_curves(tmp_path: Path) -> None:
    losses = [1 / (n + 1) for n in range(30)]
    lines = [
        json.dumps(epoch_end(n, loss, histories={"val_loss": losses[: n + 1]}, meta=None)).encode()
        for n, loss in enumerate(losses)
    ]
    write_lines(tmp_path, lines)
    assert points(load_curves(tmp_path).series("val_loss")) == list(enumerate(losses))


numbers = st.none() | st.floats() | st.integers(-(2**40), 2**40)
lines_made_of = st.tuples(
    st.sampled_from(["on_epoch_end", "on_epoch_end", "on_progress", "on_start", "on_train_end"]),
    st.fixed_dictionaries(
        dict.fromkeys(("step", "epoch", "train_loss", "val_loss", "total_time_s"), numbers)
    ),
    st.fixed_dictionaries({"a": numbers, 'b"\\é': numbers}) | st.just({}),
    st.lists(
        st.tuples(st.integers(0, 10**6), st.sampled_from(b'0019.-+eE"\\,:{}[]nN \0\xff')),
        max_size=1,
    ),
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    events=st.lists(lines_made_of, max_size=12), wanted=st.sampled_from([None, ["a", "val_loss"]])
)
def test_many_lines_at_once_give_what_they_give_one_by_one(
    tmp_path: Path,
    events: list[Any],
    wanted: list[str] | None,
) -> None:
    lines = []
    for moment, fields, metrics, damage in events:
        payload = build_event_payload(moment, "run", metrics=metrics, **fields)
        line = bytearray(json.dumps(payload, separators=(",", ":")).encode())
        for where, byte in damage:
            line[where % len(line)] = byte
        lines += [bytes(line)] * (1 + len(metrics))
    write_lines(tmp_path, lines)
    one_by_one, skipped = Curves(wanted), 0
    for line in lines:
        record = parse_event(line)
        if record is None:
            skipped += 1
        else:
            one_by_one.add(record)
    follower = CurvesFollower(tmp_path, wanted)
    growth = follower.poll(math.inf)
    assert everything(follower.curves) == everything(one_by_one)
    assert (growth.n_events, follower.skipped) == (len(lines) - skipped, skipped)


def test_the_lines_of_a_long_run_are_read_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = written(tmp_path, epoch=3, step=7, val_loss=0.5, total_time_s=9.0)
    beat = written(tmp_path, "on_progress", epoch=3, step=7, train_loss=0.5)
    steps = range(2000)
    many = [one.replace(b'"step":7', b'"step":%d' % n) for n in steps for one in (beat, line)]
    write_lines(tmp_path, many)
    parsed: list[bytes] = []
    monkeypatch.setattr(alike, "parse_event", lambda one: parsed.append(one) or parse_event(one))
    made = load_curves(tmp_path)
    assert [list(made.series("val_loss").steps), list(made.series("train_loss").steps)] == [
        [*steps],
        [*steps],
    ]
    assert len(parsed) < 20


def test_lines_of_two_forms_in_one_table_keep_their_order(tmp_path: Path) -> None:
    short = written(tmp_path, step=7, val_loss=0.5)
    long = written(tmp_path, step=7, val_loss=0.25, metrics={"a": 1.0})
    order = [(short, 0), (long, 0)] * 9
    order += [(short, 1), (long, 2), (short, 3), (long, 4), (short, 4), (long, 3), (short, 5)]
    write_lines(tmp_path, [line.replace(b'"step":7', b'"step":%d' % n) for line, n in order])
    expected = [(0, 0.25), (1, 0.5), (2, 0.25), (3, 0.25), (4, 0.5), (5, 0.5)]
    assert points(load_curves(tmp_path).series("val_loss")) == expected


def test_times_count_from_the_first_event_that_has_one(tmp_path: Path) -> None:
    def line(moment: str, second: int) -> bytes:
        meta = {"timestamp": f"2026-11-03T14:00:{second:02}+00:00"}
        return json.dumps(
            {"moment": moment, "step": second, "val_loss": 0.5, "meta": meta}
        ).encode()

    rows = [line("on_progress", 10), line("on_epoch_end", 20)]
    write_lines(tmp_path, [*rows, json.dumps(start()).encode(), *rows])
    made = load_curves(tmp_path)
    assert list(made.series("val_loss", "progress").times) == [0]
    assert list(made.series("val_loss", "epochs").times) == [10]
    follower = CurvesFollower(tmp_path)
    write_lines(tmp_path, [line("on_progress", second) for second in range(20, 40)])
    follower.poll()
    write_lines(tmp_path, [line("on_progress", second) for second in range(7, 17)])
    assert follower.poll().restarted
    assert list(follower.curves.series("val_loss").times) == list(range(10))


def test_growing_curves_are_those_of_the_whole_file(tmp_path: Path) -> None:
    follower, total = CurvesFollower(tmp_path), 0
    for step in [1, 2, 3, 3, 2, 5]:
        append_jsonl_event(
            tmp_path, build_event_payload("on_epoch_end", tmp_path, step=step, val_loss=1 / step)
        )
        growth = follower.poll()
        total += growth.n_events
        assert (growth.restarted, growth.more) == (False, False)
        assert everything(follower.curves) == everything(load_curves(tmp_path))
    assert total == 6
    write_lines(tmp_path, [json.dumps(epoch_end(1, 0.5)).encode()])
    assert follower.poll().restarted
    assert points(follower.curves.series("val_loss")) == [(1, 0.5)]


def test_numbers_that_are_not_wanted_are_not_kept(tmp_path: Path) -> None:
    line = written(tmp_path, step=7, val_loss=0.5, train_loss=0.25, metrics={"a": 1.0})
    write_lines(tmp_path, [line.replace(b'"step":7', b'"step":%d' % n) for n in range(1000)])
    made = load_curves(tmp_path, ["a", "train_loss"])
    assert sorted(made.names()) == ["a", "train_loss"]
    assert list(made.series("a").steps) == list(range(1000))


def test_without_room_the_older_half_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "MAX_CELLS", 100)
    made = curves_of(epoch_end(step, step) for step in range(90))
    one = made.series("val_loss")
    assert list(one.steps) == list(range(90))[-len(one.steps) :]
    assert 10 < len(one.steps) <= 25
    assert made.tables["epochs"].forgotten == 90 - len(one.steps)


def test_names_without_end_take_no_memory_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "MAX_CELLS", 1000)
    monkeypatch.setattr(series, "MAX_NAMES", 50)
    made = curves_of(epoch_end(n, n, metrics={f"m{n}": 1.0}) for n in range(500))
    table = made.tables["epochs"]
    assert len(made.names()) <= 50
    rows = len(made.series("val_loss").steps)
    assert table.cells == 3 * rows + sum(map(len, table.columns.values()))
    assert table.cells <= 1000


@pytest.mark.parametrize("last", [10**6, -1, 50])
def test_a_few_numbers_of_many_names_cost_no_gaps_without_end(last: int) -> None:
    many = {f"m{n}": 1.0 for n in range(5000)}
    rows = [epoch_end(step, 0.5) for step in range(2000)]
    made = curves_of(
        [epoch_end(last, 0.5, metrics=many), *rows, epoch_end(3000, 0.5, metrics=many)]
    )
    one = made.series("val_loss")
    assert len(one.steps) >= 2001
    assert made.tables["epochs"].cells < 3_500_000


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from("abc"), st.booleans()), max_size=30))
def test_numbers_that_come_and_go_stay_with_their_steps(rows: list[tuple[int, str, bool]]) -> None:
    made, expected = Curves(), {}
    for number, (step, name, look) in enumerate(rows):
        made.add(epoch_end(step, None, metrics={name: number}))
        expected[step] = (name, number)
        if look:
            made.series("a")
    for name in made.names():
        found = {step: value for step, value in points(made.series(name)) if not math.isnan(value)}
        assert found == {s: value for s, (other, value) in expected.items() if other == name}
        assert list(made.series(name).steps) == sorted(expected)


def test_a_preview_is_made_of_true_points_from_end_to_end(tmp_path: Path) -> None:
    line = written(tmp_path, step=7, val_loss=0.5, metrics={"a": 1.0})
    draw = random.Random(5)
    made = [
        line.replace(b'"step":7', b'"step":%d' % n).replace(b"0.5", repr(draw.random()).encode())
        for n in range(3000)
    ]
    write_lines(tmp_path, made)
    whole = load_curves(tmp_path).series("val_loss")
    glance = preview(tmp_path, "val_loss", points=60)
    assert set(points(glance)) <= set(points(whole))
    assert len(glance.steps) == 60
    assert (glance.steps[0], glance.steps[-1]) == (0, 2999)
    assert max(b - a for a, b in zip(glance.steps, glance.steps[1:], strict=False)) < 100


def test_a_preview_of_a_short_run_is_all_of_it(tmp_path: Path) -> None:
    write_lines(tmp_path, [json.dumps(epoch_end(n, n / 10)).encode() for n in range(9)])
    assert points(preview(tmp_path, "val_loss")) == [(n, n / 10) for n in range(9)]


@pytest.mark.parametrize("read", [load_curves, lambda run: preview(run, "val_loss")])
def test_curves_of_no_run_are_a_facts_error_and_of_a_new_run_none(
    read: Any, tmp_path: Path
) -> None:
    with pytest.raises(FactsError, match=str(RunDir(tmp_path).events)):
        read(tmp_path)
    RunDir(tmp_path).facts.mkdir()
    assert read(tmp_path) is not None
