"""The summary of a run: numbers by brute force, restarts, times, and whatever a file may hold."""

from __future__ import annotations

import copy
import json
import math
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from engine.facts import append_jsonl_event, build_event_payload
from engine.facts.alike import Reader, Stretch
from engine.facts.parse import parse_event
from engine.library.best import last_and_best
from engine.library.examine import summarise
from engine.library.flat import flatten
from engine.library.fold import Fold
from engine.library.overrides import read_overrides
from engine.library.summary import COMPONENTS, Number, RunSummary, higher_is_better, summary_of
from tests.bench.tree import BEGUN, config_of, events_of, line_of, make_run

Event = dict[str, Any]
NOW = BEGUN.timestamp() + 1e6

VALUES = st.one_of(
    st.floats(-1e300, 1e300),
    st.sampled_from([math.nan, math.inf]),
    st.floats(0, 1),
    st.integers(-3, 3),
    st.sampled_from([None, True, "0.1", [], {}, 10**400]),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@st.composite
def trainings(draw: st.DrawFn) -> list[Event]:
    """The events of a run that may be resumed, or begun again, at any moment."""
    events: list[Event] = [_event("on_start", step=0)]
    epoch = 0
    for _ in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from(["epoch"] * 6 + ["progress", "twice", "resume", "again"]))
        if kind == "epoch" or (kind == "twice" and epoch == 0):
            epoch += 1
        if kind in ("epoch", "twice"):
            metrics = {name: draw(VALUES) for name in ("mse", "accuracy")}
            fields = {"train_loss": draw(VALUES), "val_loss": draw(VALUES), "metrics": metrics}
            events.append(_event("on_epoch_end", epoch=epoch - 1, step=10 * epoch, **fields))
        elif kind == "progress":
            events.append(_event("on_progress", epoch=epoch, step=10 * epoch + 5, train_loss=0.25))
        else:
            resumed = kind == "resume"
            epoch = draw(st.integers(0, epoch)) if resumed else 0
            meta = {"resumed_from": {"epoch": epoch, "step": 10 * epoch}} if resumed else {}
            events.append(_event("on_start", epoch=epoch, step=10 * epoch, meta=meta))
    return events


def _event(moment: str, meta: Event | None = None, **fields: Any) -> Event:
    event = dict.fromkeys(("epoch", "step", "split", "train_loss", "val_loss"))
    event = {"schema_version": 1, "moment": moment, "run_dir": "/x"} | event | {"metrics": {}}
    event |= dict.fromkeys(("epoch_time_s", "total_time_s", "throughput", "max_memory_mib"))
    event |= {"histories": {}, "error": None, "traceback": None} | fields
    return event | {"meta": {"timestamp": "2026-01-05T09:30:00.000+00:00"} | (meta or {})}


def _lines(events: list[Event]) -> list[bytes]:
    return [json.dumps(event, separators=(",", ":")).encode() for event in events]


def _write(folder: Path, lines: list[bytes]) -> Path:
    (folder / "facts").mkdir(parents=True, exist_ok=True)
    (folder / "facts" / "events.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    return folder


def _folded(lines: list[bytes], fold: Fold | None = None) -> Fold:
    fold = fold or Fold()
    for event in Reader().read(lines):
        fold.add(event)
    return fold


def _state(fold: Fold) -> str:
    """All of it, with NaN and the kinds of numbers told apart."""
    return json.dumps(fold.state(), sort_keys=True)


def _expected(events: list[Event]) -> dict[str, Number]:
    """The numbers of a run, from a list of all rows that count."""
    rows: list[tuple[int, int, str, float]] = []
    for event in events:
        if event["moment"] == "on_start":
            limit = event["step"] if "resumed_from" in event["meta"] else -1
            rows = [row for row in rows if row[0] <= limit]
        if event["moment"] == "on_epoch_end":
            numbers = {"train_loss": event["train_loss"], "val_loss": event["val_loss"]}
            for name, value in (numbers | event["metrics"]).items():
                if type(value) not in (int, float) or not abs(value) < 10**308:
                    continue
                rows = [r for r in rows if (r[0], r[2]) != (event["step"], name)]
                rows.append((event["step"], event["epoch"], name, float(value)))
    expected = {}
    for name in {row[2] for row in rows}:
        own = [(value, step, epoch) for step, epoch, n, value in rows if n == name]
        best = (max if name == "accuracy" else min)(own, key=lambda row: row[0])
        expected[name] = Number(*own[-1], *best)
    return expected


@settings(max_examples=150, deadline=None)
@given(events=trainings())
def test_best_and_last_are_those_of_the_rows_that_count(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event]
) -> None:
    run = _write(tmp_path_factory.mktemp("run"), _lines(events))
    numbers = summarise(run, now=NOW).numbers
    expected = _expected(events)
    assert numbers == expected
    assert {name: str(number) for name, number in numbers.items()} == {
        name: str(number) for name, number in expected.items()
    }


@settings(max_examples=150, deadline=None)
@given(events=trainings(), data=st.data())
def test_many_lines_at_once_come_to_the_same_as_one_by_one(
    events: list[Event], data: st.DataObject
) -> None:
    lines = _lines(events)
    for _ in range(data.draw(st.integers(0, 2))):
        index = data.draw(st.integers(0, len(lines) - 1))
        line = bytearray(lines[index])
        line[data.draw(st.integers(0, len(line) - 1))] = data.draw(
            st.sampled_from(b'0.e{}[],":n\\ \xff')
        )
        lines[index] = bytes(line)
    one_by_one = Fold()
    for line in lines:
        one_by_one.add(parse_event(line))
    assert _state(_folded(lines)) == _state(one_by_one)


def test_lines_cannot_hide_in_one_another() -> None:
    plain = _lines([_event("on_epoch_end", epoch=1, step=e, val_loss=0.5) for e in range(9)])
    start, end = plain[0].index(b'"epoch":') + 8, plain[0].index(b',"histories"')
    middle = plain[0][start:end]

    def with_middle(text: bytes) -> bytes:
        return plain[0][:start] + text + plain[0][end:]

    doubled = with_middle(middle + b'},{"epoch":' + middle)
    opening = with_middle(b'1,"step":[{"epoch":2')
    closing = with_middle(b"5}]," + middle.partition(b",")[2])
    assert any(isinstance(found, Stretch) for found in Reader().read(plain))
    for lines in ([doubled], [opening, closing], [opening, closing, doubled]):
        fold = _folded([*plain, *lines])
        assert (fold.events, fold.skipped) == (len(plain), len(lines))


@settings(max_examples=100, deadline=None)
@given(events=trainings(), data=st.data())
def test_a_fold_goes_on_from_its_state(events: list[Event], data: st.DataObject) -> None:
    lines = _lines(events)
    cut = data.draw(st.integers(0, len(lines)))
    state = json.loads(json.dumps(_folded(lines[:cut]).state()))
    assert _state(_folded(lines[cut:], Fold(**state))) == _state(_folded(lines))


@settings(max_examples=150, deadline=None)
@given(
    fields=st.dictionaries(
        st.sampled_from([*_event("x"), "nonfinite", "stopped", "more"]), JSON, max_size=6
    ),
    moment=st.sampled_from(["on_start", "on_epoch_end", "on_train_end", "on_exception", "x"]),
    meta=st.dictionaries(
        st.sampled_from(["timestamp", "config", "seed", "data", "hostname", "resumed_from"]), JSON
    ),
)
def test_fields_of_any_type_make_a_summary(
    tmp_path_factory: pytest.TempPathFactory, fields: Event, moment: str, meta: Event
) -> None:
    odd = _event("x") | {"meta": meta} | fields | {"moment": moment}
    lines = _lines([_event("on_start"), odd, _event("on_epoch_end", epoch=3), odd])
    summary = summarise(_write(tmp_path_factory.mktemp("run"), lines), now=NOW)
    assert summary.state is not None
    assert all(map(math.isfinite, summary.results.values()))


def test_a_finished_run_is_told_in_full(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run_20260105-093000_ae_job7", epochs=4, planned=5, seed=7)
    (path / "launch.json").write_text('{"target": "htcondor", "job_id": "12.0", "parent": "p"}')
    run = summarise(path, now=NOW)
    assert (run.state, run.sentence, run.problem) == ("finished", "finished 4 epochs", None)
    assert (run.loop, run.encoder, run.decoder, run.latent_space) == ("ae", "mlp", "mlp", "vq")
    assert (run.seed, run.epochs_done, run.epochs, run.step) == (7, 4, 5, 400)
    assert run.numbers["val_loss"].last_step == 400
    assert {"test_loss", "test_token_mse", "best_val_loss"} == {
        name for name in run.results if name not in ("test_id_accuracy", "test_id_cross_entropy")
    }
    assert (run.started, run.ended) == (BEGUN.timestamp(), BEGUN.timestamp() + 300)
    assert (run.duration_s, run.usual_gap_s, run.eta_s) == (300, 60, None)
    assert (run.max_memory_mib, run.host, run.n_parameters) == (403, "node", 44652)
    assert (run.launcher, run.job_id, run.parent) == ("htcondor", "12.0", "p")
    assert run.attempts == 1
    assert run.config["phase1.trainer.epochs"] == 5
    assert run.overrides[-2:] == ("phase1.trainer.lr=0.001", 'note="a, b"')
    files = [file for file in path.rglob("*") if not file.is_dir() or file.is_symlink()]
    assert run.size_bytes == sum(os.lstat(file).st_size for file in files)


def test_the_tree_of_the_measurements_is_written_as_a_training_writes(tmp_path: Path) -> None:
    events = list(events_of(tmp_path, config_of(1, 2), 2))
    for event in events:
        append_jsonl_event(tmp_path, event)
    written = (tmp_path / "facts" / "events.jsonl").read_text()
    assert written == "".join(line_of(event) + "\n" for event in events)


def test_times_of_attempts_add_up_without_the_time_between_them(tmp_path: Path) -> None:
    def event(moment: str, at: str, total: float | None, **fields: Any) -> Event:
        meta = fields.pop("meta", {}) | {"timestamp": f"2026-01-05T{at}.000+00:00"}
        return _event(moment, total_time_s=total, meta=meta, **fields)

    resumed = {"resumed_from": {"epoch": 1, "step": 10}}
    for continues, expected in ((True, 150.0), (False, 150.0), (None, 150.0)):
        totals = {True: (100.0, 150.0), False: (0.0, 50.0), None: (None, None)}[continues]
        first = (0.0, 100.0) if continues is not None else (None, None)
        events = [
            event("on_start", "09:00:00", first[0], step=0),
            event("on_epoch_end", "09:01:40", first[1], epoch=0, step=10),
            event("on_start", "12:00:00", totals[0], epoch=1, step=10, meta=resumed),
            event("on_epoch_end", "12:00:50", totals[1], epoch=1, step=20),
        ]
        run = summarise(_write(tmp_path / str(continues), _lines(events)), now=NOW)
        assert run.duration_s == expected
        assert run.usual_gap_s == 75
        assert (run.epochs_done, run.step) == (2, 20)


def test_a_resumed_run_is_as_far_as_where_it_goes_on_from(tmp_path: Path) -> None:
    resumed = {"resumed_from": {"epoch": 2, "step": 20}}
    rows = [_event("on_epoch_end", epoch=e, step=10 * e + 10, val_loss=1.0 - e) for e in range(4)]
    events = [_event("on_start"), *rows, _event("on_start", epoch=2, step=20, meta=resumed)]
    run = summarise(_write(tmp_path, _lines(events)), now=NOW)
    assert (run.epochs_done, run.step) == (2, 20)
    assert run.numbers["val_loss"] == Number(0.0, 20, 1, 0.0, 20, 1)


def test_a_test_counts_until_the_training_goes_on(tmp_path: Path) -> None:
    resumed = {"resumed_from": {"epoch": 1, "step": 10}}
    events = [
        _event("on_start", metrics={"baseline_val_loss": 2.0}),
        _event("on_epoch_end", epoch=0, step=10, val_loss=1.0),
        _event("on_test_end", epoch=0, step=10, metrics={"mse": 0.5, "test_loss": 0.25}),
        _event("on_start", epoch=1, step=10, meta=resumed),
    ]
    run = summarise(_write(tmp_path, _lines(events)), now=NOW)
    assert run.results == {"baseline_val_loss": 2.0, "test_mse": 0.5, "test_loss": 0.25}
    events.append(_event("on_epoch_end", epoch=1, step=20, val_loss=0.5))
    run = summarise(_write(tmp_path, _lines(events)), now=NOW)
    assert run.results == {"baseline_val_loss": 2.0}


def test_a_run_has_finished_once_its_training_has_ended_whenever_it_was_tested(
    tmp_path: Path,
) -> None:
    begun = [_event("on_start"), _event("on_epoch_end", epoch=0, step=10, val_loss=1.0)]
    tested = _event("on_test_end", epoch=0, step=10, metrics={"test_loss": 0.25})
    ended = _event("on_train_end", epoch=0, step=10, stopped=False)
    states = [
        summarise(_write(tmp_path / str(number), _lines([*begun, *events])), now=NOW).state
        for number, events in enumerate([[tested], [tested, ended], [ended, tested]])
    ]
    assert states == ["running", "finished", "finished"]


def test_the_time_left_follows_from_the_last_epochs(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", epochs=3, planned=10, end=None)
    last = os.stat(path / "facts" / "events.jsonl").st_mtime
    run = summarise(path, now=last + 10)
    assert run.state == "running"
    assert run.epoch_time_s is not None
    assert run.eta_s == pytest.approx(7 * run.epoch_time_s)
    assert run.ended is None


def test_a_sweep_is_told_by_the_number_of_its_job(tmp_path: Path) -> None:
    name = "run_20260105-093000_ae_job3"
    event = _event("on_start", meta={"hydra_job_id": "3", "run_id": name})
    assert summarise(_write(tmp_path / name, _lines([event])), now=NOW).sweep == (
        "exp_20260105-093000_ae"
    )
    alone = summarise(_write(tmp_path / "b", _lines([_event("on_start")])), now=NOW)
    assert alone.sweep is None


@pytest.mark.parametrize(
    ("name", "higher"),
    [
        ("val_loss", False),
        ("id_accuracy", True),
        ("train_id_accuracy", True),
        ("auroc", True),
        ("perplexity", True),
        ("codes_used", True),
        ("accuracy_gap", False),
        ("lr", False),
    ],
)
def test_best_is_lowest_but_for_names_of_what_should_be_high(name: str, higher: bool) -> None:
    assert higher_is_better(name) is higher


def test_nonfinite_numbers_are_named(tmp_path: Path) -> None:
    rows = [
        _event("on_epoch_end", epoch=0, step=1, val_loss=None) | {"nonfinite": ["val_loss", 3]},
        _event("on_epoch_end", epoch=1, step=2, val_loss=1.0, metrics={"mse": float("inf")}),
    ]
    run = summarise(_write(tmp_path, _lines(rows)), now=NOW)
    assert run.nonfinite == ("mse", "val_loss")
    assert run.numbers == {"val_loss": Number(1.0, 2, 1, 1.0, 2, 1)}


def test_no_file_can_fill_the_memory_with_names() -> None:
    metrics = {f"metric_{i}": 1.0 for i in range(5000)} | {"x" * 1000: 1.0}
    fold = _folded(_lines([_event("on_epoch_end", epoch=0, step=1, metrics=metrics)]))
    assert len(fold.numbers) == 1000
    assert max(map(len, fold.numbers)) < 200
    deep: Event = {}
    for _ in range(300):
        deep = {"a": deep, "b": 1}
    assert len(flatten({str(i): i for i in range(20_000)} | {"deep": deep})) == 10_000
    assert len(flatten(deep)) < 40


@pytest.mark.parametrize("histories", [{"val_loss": [0.5, None]}, {}, {"a}": [1]}, {"a": {"b": 1}}])
def test_histories_are_passed_over(tmp_path: Path, histories: Event) -> None:
    end = _event("on_train_end", metrics={"test_loss": 0.5}, histories=histories, stopped=True)
    run = summarise(_write(tmp_path, _lines([_event("on_start"), end])), now=NOW)
    assert (run.state, run.results) == ("stopped", {"test_loss": 0.5})
    assert run.skipped == 0


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["a=1", "phase1/latent_space=vq", "+note='it''s: a \"b\"'", "x=[1, 2]", "- y=3", ""],
        ["tab=\t", "line=\n2", "e=\x1b[31m", "umlaut=ü", "emoji=😀", "yes", "'quoted'", "null"],
        ["long=" + "several words " * 20, "long='" + "quoted: words " * 20 + "'", "# no comment"],
        ["both=\t" + "several words " * 20],
    ],
)
def test_overrides_are_read_as_they_were_typed(tmp_path: Path, words: list[str]) -> None:
    file = tmp_path / "overrides.yaml"
    file.write_text(OmegaConf.to_yaml(OmegaConf.create(words)))
    assert read_overrides(file) == tuple(words)


def test_a_file_that_holds_no_overrides_gives_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "text").write_bytes(b"\xff\xfe\0!!python/object:os.system [x]\n")
    for name in ("pipe", "text", "missing", "."):
        assert read_overrides(tmp_path / name) == ()


def test_a_summary_that_is_filled_later_is_like_any_other() -> None:
    def read() -> RunSummary:
        asked.append("run")
        state = {"state": "finished", "sentence": "finished", "cause": None, "problem": None}
        record = {"fold": Fold().state(), "around": {"tags": ["a"]}, "state": state, "skipped": 2}
        return summary_of("/x/run", record)

    asked: list[str] = []
    run = RunSummary.later("/x/run", "run", read)
    assert (run.path, run.name, asked) == ("/x/run", "run", [])
    assert (run.tags, run.skipped, run.state) == (("a",), 2, "finished")
    assert asked == ["run"]
    expected = RunSummary(
        "/x/run", "run", state="finished", sentence="finished", tags=("a",), skipped=2
    )
    for other in (run, RunSummary.later("/x/run", "run", read)):
        assert copy.deepcopy(other) == expected
        assert replace(other, note="n") == replace(expected, note="n")
    with pytest.raises(AttributeError, match="no_such_field"):
        _ = run.no_such_field


def test_the_best_of_one_value_is_the_last() -> None:
    fold = _folded(_lines([_event("on_epoch_end", epoch=0, step=1, val_loss=0.5)]))
    assert last_and_best("val_loss", fold.numbers["val_loss"]) == [0.5, 1, 0, 0.5, 1, 0]


def test_a_payload_of_the_writer_is_taken_in_whole(tmp_path: Path) -> None:
    for moment, fields in (("on_start", {"step": 0}), ("on_epoch_end", {"epoch": 0, "step": 5})):
        event = build_event_payload(moment, tmp_path, val_loss=0.5, **fields, cfg={"loop": "x"})
        append_jsonl_event(tmp_path, event)
    run = summarise(tmp_path, now=NOW)
    assert (run.loop, run.epochs_done, run.skipped) == ("x", 1, 0)
    assert run.numbers["val_loss"].best == 0.5


def test_two_threads_that_ask_at_once_both_see_the_whole_summary() -> None:
    meet = threading.Barrier(2, timeout=10)
    whole = RunSummary("/x/run", "run", state="finished", tags=("a",))

    def read() -> RunSummary:
        meet.wait()
        return whole

    run = RunSummary.later("/x/run", "run", read)
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(getattr, run, name) for name in ("state", "tags")]
        assert [answer.result() for answer in asked] == ["finished", ("a",)]
    assert run == whole


def test_components_are_those_of_a_loop_that_has_them(tmp_path: Path) -> None:
    targets = {name: {"_target_": f"engine.{name}s.mlp.Part"} for name in COMPONENTS}
    for loop, expected in (("ae", "mlp"), ("test_mlp", None)):
        cfg = {"loop": loop, "phase1": targets, "test_mlp": {"hidden_dims": [64]}}
        path = tmp_path / loop
        append_jsonl_event(path, build_event_payload("on_start", path, step=0, cfg=cfg))
        run = summarise(path, now=NOW)
        assert [getattr(run, name) for name in COMPONENTS] == [expected] * 3


def test_a_single_slow_epoch_changes_the_time_left_hardly(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", epochs=6, planned=10, end=None)
    events = path / "facts" / "events.jsonl"
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    epochs = [line for line in lines if line["moment"] == "on_epoch_end"]
    for line, seconds in zip(epochs, (9.0, 2.0, 2.0, 2.0, 2.0, 60.0), strict=True):
        line["epoch_time_s"] = seconds
    last = os.stat(events).st_mtime
    events.write_text("".join(json.dumps(line) + "\n" for line in lines))
    os.utime(events, (last, last))
    run = summarise(path, now=last + 10)
    assert run.state == "running"
    assert run.epoch_time_s == 2.0
    assert run.eta_s == 8.0


def test_a_copy_with_new_times_is_lost_and_was_heard_of_when_its_event_says(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", epochs=6, planned=10, end=None)
    last = os.stat(path / "facts" / "events.jsonl").st_mtime
    record = path / "attempts" / "1.json"
    started = json.loads(path.joinpath("facts", "events.jsonl").read_text().splitlines()[0])
    record.write_text(
        json.dumps(json.loads(record.read_text()) | {"started": started["meta"]["timestamp"]})
    )
    os.utime(record, (last, last))
    copy = shutil.copytree(path, tmp_path / "copy", copy_function=shutil.copyfile)
    for place in (copy / "attempts", record.with_name("1.json")):
        os.utime(place)
    now = time.time()
    run = summarise(copy, now=now)
    assert (run.state, run.eta_s) == ("lost", None)
    assert "as those of a copy are" in run.sentence
    assert run.updated == pytest.approx(last, abs=1)


def test_the_row_and_the_sentence_tell_one_time_of_the_last_event(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", epochs=3, planned=10, end=None)
    events = path / "facts" / "events.jsonl"
    written = os.stat(events).st_mtime + 200  # the clock of the machine that trains is behind
    os.utime(events, (written, written))
    run = summarise(path, now=written + 48)
    assert run.sentence.startswith("last event 48 s ago")
    assert run.updated == written
