"""Events: every field, one line each, valid JSON whatever the numbers, readable after any crash."""

from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from engine.errors import FactsError
from engine.facts import RunDir, append_jsonl_event, build_event_payload, read_events
from engine.facts.events import MOMENTS, SCHEMA_VERSION

FIELDS = {
    "schema_version",
    "moment",
    "run_dir",
    "epoch",
    "step",
    "split",
    "train_loss",
    "val_loss",
    "metrics",
    "epoch_time_s",
    "total_time_s",
    "throughput",
    "max_memory_mib",
    "histories",
    "error",
    "traceback",
    "meta",
}
META = {
    "timestamp",
    "run_id",
    "git_commit",
    "hostname",
    "cuda_info",
    "seed",
    "hydra_job_id",
}
START_META = {"torch_version", "engine_version", "pid", "config"}
HOSTILE_NAMES = ["with space", "quo\"te's", "new\nline", "ünï ☃", "-dash", "$(x) `y`", "a{b}%s"]

numbers = st.one_of(st.none(), st.floats())
names = st.text(min_size=1, max_size=8)


def write(run_dir: Path, moment: str = "on_epoch_end", **fields: Any) -> dict[str, Any]:
    """Append one event; gives what was handed to the writer."""
    payload = build_event_payload(moment, run_dir, **fields)
    append_jsonl_event(run_dir, payload)
    return payload


def raw(run_dir: Path) -> bytes:
    return RunDir(run_dir).events.read_bytes()


def put(run_dir: Path, content: bytes) -> None:
    RunDir(run_dir).facts.mkdir(parents=True, exist_ok=True)
    RunDir(run_dir).events.write_bytes(content)


def nothing_but_json(line: bytes) -> dict[str, Any]:
    """Parse a line as strict JSON: no NaN, no Infinity."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(line, parse_constant=refuse)


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_event_of_every_moment_has_every_field(moment: str, tmp_path: Path) -> None:
    payload = build_event_payload(moment, tmp_path)
    assert payload.keys() >= FIELDS
    assert payload["meta"].keys() >= META
    assert payload["schema_version"] == SCHEMA_VERSION
    assert payload["moment"] == moment
    assert (payload["meta"].keys() >= START_META) == (moment == "on_start")


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_event_reads_back_as_it_was_written(moment: str, tmp_path: Path) -> None:
    fields: dict[str, Any] = {
        "epoch": 3,
        "step": 40,
        "split": "val",
        "train_loss": 0.25,
        "val_loss": 0.5,
        "metrics": {"token_mse": 0.125},
        "epoch_time_s": 1.5,
        "total_time_s": 6.0,
        "throughput": 1e4,
        "max_memory_mib": 512.0,
    }
    payload = write(tmp_path, moment, **fields)
    log = read_events(tmp_path)
    assert log.records == [payload]
    assert log.of(moment) == [payload]
    assert (log.skipped, log.torn) == (0, False)


def test_an_unknown_moment_is_refused_and_the_known_ones_are_named(tmp_path: Path) -> None:
    with pytest.raises(FactsError, match="on_lunch") as caught:
        build_event_payload("on_lunch", tmp_path)
    assert all(moment in caught.value.hint for moment in MOMENTS)


def test_an_event_says_when_in_utc_and_of_which_run(tmp_path: Path) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    meta = build_event_payload("on_start", tmp_path)["meta"]
    when = datetime.fromisoformat(meta["timestamp"])
    assert when.utcoffset() == timedelta(0)
    assert before <= when <= datetime.now(UTC)
    assert meta["run_id"] == tmp_path.name
    assert meta["pid"] == os.getpid()


def test_on_start_holds_the_config_with_its_interpolations_resolved(tmp_path: Path) -> None:
    cfg = OmegaConf.create({"root": "/x", "phase1": {"trainer": {"seed": 7}}, "path": "${root}/y"})
    write(tmp_path, "on_start", cfg=cfg)
    meta = read_events(tmp_path).records[0]["meta"]
    assert meta["config"] == {"root": "/x", "phase1": {"trainer": {"seed": 7}}, "path": "/x/y"}
    assert meta["seed"] == 7


def test_only_on_start_carries_the_config(tmp_path: Path) -> None:
    cfg = OmegaConf.create({"phase1": {"trainer": {"seed": 7}}})
    meta = build_event_payload("on_epoch_end", tmp_path, cfg=cfg)["meta"]
    assert "config" not in meta
    assert meta["seed"] == 7


@settings(max_examples=30, deadline=None)
@given(
    train_loss=numbers,
    val_loss=numbers,
    metrics=st.dictionaries(names, numbers, max_size=4),
    histories=st.dictionaries(names, st.lists(numbers, max_size=4), max_size=3),
)
def test_numbers_that_are_not_finite_become_null_and_are_named(
    tmp_path_factory: pytest.TempPathFactory,
    train_loss: float | None,
    val_loss: float | None,
    metrics: dict[str, float | None],
    histories: dict[str, list[float | None]],
) -> None:
    run_dir = tmp_path_factory.mktemp("run")
    losses = {"train_loss": train_loss, "val_loss": val_loss}
    write(run_dir, "on_train_end", **losses, metrics=metrics, histories=histories)
    record = nothing_but_json(raw(run_dir))
    assert {name: record[name] for name in losses} == {k: finite(v) for k, v in losses.items()}
    assert record["metrics"] == {k: finite(v) for k, v in metrics.items()}
    assert record["histories"] == {k: [*map(finite, v)] for k, v in histories.items()}
    written = [*losses.items(), *metrics.items()]
    written += [(name, value) for name, values in histories.items() for value in values]
    bad = {name for name, value in written if value is not None and not math.isfinite(value)}
    assert set(record.get("nonfinite", [])) == bad


def finite(value: float | None) -> float | None:
    return value if value is None or math.isfinite(value) else None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "name", ["epoch_time_s", "total_time_s", "throughput", "max_memory_mib", "meta", "cfg"]
)
def test_a_number_that_is_not_finite_never_costs_the_event(
    name: str, value: float, tmp_path: Path
) -> None:
    given_value = {"meta": {"x": value}, "cfg": {"x": value}}.get(name, value)
    write(tmp_path, "on_start", **{name: given_value})
    nothing_but_json(raw(tmp_path))
    assert len(read_events(tmp_path).records) == 1


@pytest.mark.parametrize("moment", ["on_epoch_end", "on_progress"])
def test_a_frequent_line_does_not_grow_with_the_training(moment: str, tmp_path: Path) -> None:
    sizes = []
    for epoch in (1, 10_000):
        write(tmp_path, moment, epoch=epoch, histories={"train_loss": [0.5] * epoch})
        sizes.append(len(raw(tmp_path).splitlines()[-1]))
    assert sizes[1] - sizes[0] == len("10000") - len("1")
    assert all(record["histories"] == {} for record in read_events(tmp_path).records)


def test_the_payload_keeps_the_histories_that_its_line_leaves_out(tmp_path: Path) -> None:
    histories: dict[str, list[float | None]] = {"train_loss": [0.5, 0.25]}
    assert write(tmp_path, "on_epoch_end", histories=histories)["histories"] == histories


@pytest.mark.parametrize("moment", ["on_train_end", "on_exception"])
def test_the_last_line_of_a_run_keeps_the_histories(moment: str, tmp_path: Path) -> None:
    histories: dict[str, list[float | None]] = {"train_loss": [0.5, 0.25], "val_loss": [1.0, None]}
    write(tmp_path, moment, histories=histories)
    assert read_events(tmp_path).records[0]["histories"] == histories


@settings(max_examples=20, deadline=None)
@given(st.integers(min_value=1, max_value=10**6))
def test_a_torn_last_line_is_not_yet_and_later_skipped_and_counted(
    tmp_path_factory: pytest.TempPathFactory, where: int
) -> None:
    run_dir = tmp_path_factory.mktemp("run")
    first, _second = write(run_dir, epoch=0), write(run_dir, epoch=1)
    content = raw(run_dir)
    start = content.index(b"\n") + 1
    cut = start + where % (len(content) - start - 1)  # never the whole last line
    put(run_dir, content[:cut])
    log = read_events(run_dir)
    assert log.records == [first]
    assert (log.skipped, log.torn) == (0, cut > start)
    third = write(run_dir, epoch=2)
    log = read_events(run_dir)
    assert log.records == [first, third]
    assert (log.skipped, log.torn) == (int(cut > start), False)


def test_an_event_that_lacks_only_its_end_of_line_is_not_lost(tmp_path: Path) -> None:
    first = write(tmp_path, epoch=0)
    put(tmp_path, raw(tmp_path).removesuffix(b"\n"))
    second = write(tmp_path, epoch=1)
    assert read_events(tmp_path).records == [first, second]


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=60))
@example(b"9" * 5000 + b"\n")
@example(b"[" * 100_000 + b"\n")
@example(b'{"moment": 1}\n{"moment": null}\n[]\nnull\n"on_start"\n')
@example(b'\xff\xfe{\x00"\x00\n\xed\xa0\x80\n')
def test_no_content_of_the_file_stops_a_reader(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    run_dir = tmp_path_factory.mktemp("run")
    put(run_dir, content)
    log = read_events(run_dir)
    whole_lines = [line for line in content.split(b"\n")[:-1] if line]
    assert len(log.records) + log.skipped == len(whole_lines)
    assert log.torn == (not content.endswith(b"\n") and content != b"")


def test_events_beside_damage_are_all_read(tmp_path: Path) -> None:
    first = write(tmp_path, epoch=0)
    put(tmp_path, raw(tmp_path) + b'{"moment": "on_ep\xff\n\0\0\0\n')
    second = write(tmp_path, epoch=1)
    log = read_events(tmp_path)
    assert log.records == [first, second]
    assert log.skipped == 2


def test_an_event_is_one_write_of_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    monkeypatch.setattr(os, "write", recording(os.write, written))
    write(tmp_path, "on_exception", error="two\nlines", metrics={"a\nb": 1.0})
    write(tmp_path, "on_train_end")
    assert len(written) == 2
    assert all(data.count(b"\n") == 1 and data.endswith(b"\n") for data in written)
    assert b"".join(written) == raw(tmp_path)


def recording(
    real: Callable[[int, bytes], int], written: list[bytes]
) -> Callable[[int, bytes], int]:
    def record(handle: int, data: bytes) -> int:
        written.append(bytes(data))
        return real(handle, data)

    return record


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_run_directory_may_have_any_name(name: str, tmp_path: Path) -> None:
    run_dir = tmp_path / name
    write(run_dir, epoch=0)
    record = read_events(run_dir).records[0]
    assert record["run_dir"] == str(run_dir)
    assert record["meta"]["run_id"] == name


@pytest.mark.parametrize(
    "value",
    [
        torch.tensor(0.5),
        torch.tensor(0.5, dtype=torch.float64),
        np.float32(0.5),
        np.float64(0.5),
        np.array(0.5),
    ],
    ids=lambda value: f"{type(value).__name__}-{value.dtype}-{value.ndim}",
)
def test_array_scalars_are_numbers_like_others(value: Any, tmp_path: Path) -> None:
    write(tmp_path, "on_train_end", train_loss=value, metrics={"m": value}, meta={"x": value})
    record = read_events(tmp_path).records[0]
    assert record["train_loss"] == 0.5
    assert record["metrics"] == {"m": 0.5}
    assert np.ravel(record["meta"]["x"]).tolist() == [0.5]


@pytest.mark.parametrize("value", [np.int64(3), torch.tensor(3)])
def test_whole_array_scalars_are_numbers_too(value: Any, tmp_path: Path) -> None:
    write(tmp_path, epoch=0, metrics={"m": value}, step=value)
    record = read_events(tmp_path).records[0]
    assert record["metrics"] == {"m": 3}
    assert record["step"] == 3


def test_paths_and_sets_in_meta_are_written_as_text_and_lists(tmp_path: Path) -> None:
    write(tmp_path, meta={"where": tmp_path, "which": {"one"}})
    meta = read_events(tmp_path).records[0]["meta"]
    assert meta["where"] == str(tmp_path)
    assert meta["which"] == ["one"]


def test_an_exception_gives_its_kind_its_text_and_its_traceback(tmp_path: Path) -> None:
    def fail() -> None:
        raise ValueError("the wheel fell off")

    with pytest.raises(ValueError, match="wheel") as caught:
        fail()
    write(tmp_path, "on_exception", error=caught.value)
    record = read_events(tmp_path).records[0]
    assert record["error"] == "ValueError: the wheel fell off"
    assert 'raise ValueError("the wheel fell off")' in record["traceback"]


def test_an_error_given_as_text_stays_as_it_is(tmp_path: Path) -> None:
    payload = build_event_payload("on_exception", tmp_path, error="no luck", traceback="line 1")
    assert (payload["error"], payload["traceback"]) == ("no luck", "line 1")


def test_a_disk_that_fills_up_midway_is_said_and_costs_no_other_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, real = write(tmp_path, epoch=0), os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda handle, data: real(handle, data[: len(data) // 2]))
        with pytest.raises(FactsError, match=os.strerror(errno.ENOSPC)) as caught:
            write(tmp_path, epoch=1)
    assert str(RunDir(tmp_path).events) in caught.value.message
    assert "space" in caught.value.hint
    third = write(tmp_path, epoch=2)
    log = read_events(tmp_path)
    assert log.records == [first, third]
    assert log.skipped == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_a_facts_error_with_a_hint(tmp_path: Path) -> None:
    RunDir(tmp_path).facts.mkdir()
    RunDir(tmp_path).events.symlink_to("/dev/full")
    with pytest.raises(FactsError) as caught:
        write(tmp_path)
    assert "space" in caught.value.hint


def test_a_run_without_events_is_a_facts_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(FactsError) as caught:
        read_events(tmp_path)
    assert str(RunDir(tmp_path).events) in str(caught.value)


def test_a_run_directory_that_is_a_file_is_a_facts_error(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("not a directory")
    with pytest.raises(FactsError):
        write(tmp_path / "run")


def test_reading_and_writing_facts_loads_nothing_heavy(tmp_path: Path) -> None:
    heavy = ["torch", "numpy", "pandas", "matplotlib", "h5py", "hydra", "omegaconf"]
    code = (
        "import sys; from engine.facts import *;"
        f"append_jsonl_event({str(tmp_path)!r}, build_event_payload('on_start', '.'));"
        f"read_events({str(tmp_path)!r});"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
