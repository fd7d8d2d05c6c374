"""`scalars.csv`: columns never shift, whatever metrics come when and wherever a crash cuts."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.errors import FactsError
from engine.facts import RunDir, append_scalars_csv, read_scalars
from engine.facts.scalars import COLUMNS

Row = dict[str, float | None]

printable = st.characters(exclude_categories=["C", "Zl", "Zp"])
names = st.text(printable, min_size=1, max_size=6) | st.sampled_from(["a,b", 'a"b', " a ", "é"])
numbers = st.one_of(st.none(), st.floats())
rows_of_metrics = st.lists(st.dictionaries(names, numbers, max_size=4), min_size=1, max_size=6)


def append(run_dir: Path, epoch: int, metrics: Row | None = None, **fields: Any) -> None:
    values: dict[str, Any] = {
        "split": "val",
        "train_loss": 0.5,
        "val_loss": 0.25,
        "epoch_time_s": 1.5,
        "throughput": 2048.0,
        "max_memory_mib": 100.125,
    }
    append_scalars_csv(run_dir, epoch=epoch, metrics=metrics or {}, **(values | fields))


def path_of(run_dir: Path) -> Path:
    return RunDir(run_dir).scalars


def put(run_dir: Path, content: bytes) -> None:
    RunDir(run_dir).facts.mkdir(exist_ok=True)
    path_of(run_dir).write_bytes(content)


def header(run_dir: Path) -> list[str]:
    with open(path_of(run_dir), newline="") as handle:
        return next(csv.reader(handle))


def same(cell: str, value: float | None) -> bool:
    """Whether a cell says exactly this number."""
    if value is None:
        return cell == ""
    return cell != "" and (float(cell) == value or (math.isnan(value) and math.isnan(float(cell))))


def test_the_fixed_columns_come_first_and_in_order(tmp_path: Path) -> None:
    append(tmp_path, 0, {"token_mse": 1.0, "accuracy": 0.5})
    assert header(tmp_path) == [*COLUMNS, "metric_token_mse", "metric_accuracy"]


@settings(max_examples=30, deadline=None)
@given(rows_of_metrics)
def test_what_is_read_is_what_was_written_whatever_metrics_come_when(
    tmp_path_factory: pytest.TempPathFactory, written: list[Row]
) -> None:
    run_dir = tmp_path_factory.mktemp("run")
    for epoch, metrics in enumerate(written):
        append(run_dir, epoch, metrics)
    order = list(dict.fromkeys(name for metrics in written for name in metrics))
    rows = read_scalars(run_dir)
    assert [row["epoch"] for row in rows] == [str(epoch) for epoch in range(len(written))]
    for row, metrics in zip(rows, written, strict=True):
        assert list(row) == [*COLUMNS, *(f"metric_{name}" for name in order)]
        assert row["max_memory_mib"] == "100.125"
        assert all(same(row[f"metric_{name}"], metrics.get(name)) for name in order)


@pytest.mark.parametrize("name", ["new\nline", "return\rreturn", "both\r\nboth"])
def test_a_metric_name_with_line_breaks_shifts_no_column(name: str, tmp_path: Path) -> None:
    append(tmp_path, 0, {name: 1.0})
    append(tmp_path, 1, {name: 2.0})
    rows = read_scalars(tmp_path)
    assert [row["epoch"] for row in rows] == ["0", "1"]
    (column,) = [column for column in rows[0] if column.startswith("metric_")]
    assert column == f"metric_{name}".replace("\r", " ").replace("\n", " ")
    assert [row[column] for row in rows] == ["1.0", "2.0"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_kept(value: float, tmp_path: Path) -> None:
    append(tmp_path, 0, {"m": value}, val_loss=value)
    row = read_scalars(tmp_path)[0]
    assert same(row["metric_m"], value)
    assert same(row["val_loss"], value)


def test_none_is_an_empty_cell(tmp_path: Path) -> None:
    append(tmp_path, 0, {"m": None}, train_loss=None, epoch_time_s=None)
    row = read_scalars(tmp_path)[0]
    assert (row["train_loss"], row["epoch_time_s"], row["metric_m"]) == ("", "", "")
    assert row["val_loss"] == "0.25"


def torn(run_dir: Path, cut: int) -> bool:
    """Two rows, the last one cut after `cut` bytes; False when that is all of it."""
    append(run_dir, 0)
    append(run_dir, 1)
    content = path_of(run_dir).read_bytes()
    start = content.rindex(b"\n", 0, -1) + 1
    put(run_dir, content[: start + cut])
    return start + cut < len(content) - 1


CUTS = range(1, len("1,val,0.5,0.25,1.5,2048.0,100.125"))


@pytest.mark.parametrize("cut", CUTS)
def test_a_torn_last_row_is_left_out(cut: int, tmp_path: Path) -> None:
    assert torn(tmp_path, cut)
    assert [row["epoch"] for row in read_scalars(tmp_path)] == ["0"]


def test_a_torn_row_never_becomes_a_wrong_row(tmp_path_factory: pytest.TempPathFactory) -> None:
    wrong = []
    for cut in CUTS:
        run_dir = tmp_path_factory.mktemp("run")
        assert torn(run_dir, cut)
        append(run_dir, 2)
        rows = read_scalars(run_dir)
        assert [row["epoch"] for row in rows if row["epoch"] != "1"] == ["0", "2"]
        wrong += [row["max_memory_mib"] for row in rows if row["max_memory_mib"] != "100.125"]
    assert wrong == []


def test_a_new_column_after_a_torn_row_keeps_the_whole_rows(tmp_path: Path) -> None:
    torn(tmp_path, 5)
    append(tmp_path, 2, {"late": 3.0})
    rows = read_scalars(tmp_path)
    assert [(row["epoch"], row["metric_late"]) for row in rows] == [("0", ""), ("2", "3.0")]


@pytest.mark.parametrize("cut", [0, 1, 5, len(",".join(COLUMNS))])
def test_a_torn_header_is_written_anew(cut: int, tmp_path: Path) -> None:
    put(tmp_path, ",".join(COLUMNS).encode()[:cut])
    assert read_scalars(tmp_path) == []
    append(tmp_path, 0, {"m": 1.0})
    assert header(tmp_path) == [*COLUMNS, "metric_m"]
    assert [row["metric_m"] for row in read_scalars(tmp_path)] == ["1.0"]


def test_splits_share_a_file(tmp_path: Path) -> None:
    append(tmp_path, 0, {"m": 1.0})
    append(tmp_path, 0, {"loss": 2.0}, split="test", train_loss=None)
    assert [row["split"] for row in read_scalars(tmp_path)] == ["val", "test"]


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=60))
@example(b"a\rb\n1,2\n")
@example(b'a,"b\n1,2\n')
@example(b"a," + b"x" * 200_000 + b"\n1,2\n")
@example(b"\xff\xfe\0\n\n,\n")
def test_no_content_of_the_file_raises_anything_but_a_facts_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    run_dir = tmp_path_factory.mktemp("run")
    put(run_dir, content)
    try:
        rows = read_scalars(run_dir)
    except FactsError:
        return
    assert all(len(row) <= content.count(b",") + 1 for row in rows)


def test_a_run_without_scalars_is_a_facts_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(FactsError) as caught:
        read_scalars(tmp_path)
    assert str(path_of(tmp_path)) in str(caught.value)
