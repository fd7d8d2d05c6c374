"""Runs that several processes read: the records are those of one, whatever becomes of some."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from engine.library import sharing
from engine.library.examine import read
from engine.library.find import Found, walk
from engine.library.index import Index
from engine.library.sharing import read_all
from tests.bench.tree import BEGUN, make_run, make_tree

NOW = BEGUN.timestamp() + 1e7


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Found]:
    """Runs to read, one of them broken, and a machine on which sharing is worth while."""
    monkeypatch.setattr(sharing, "WORTH", 2)
    monkeypatch.setattr(sharing, "_processors", lambda: 3)
    make_tree(tmp_path / "outputs", 6, epochs=2)
    (tmp_path / "outputs" / "runs" / "run_broken" / "facts" / "events.jsonl").mkdir(parents=True)
    return sorted(walk(tmp_path / "outputs"))


def as_json(records: list[dict[str, object]]) -> list[object]:
    return [json.loads(json.dumps(record)) for record in records]


def test_many_runs_are_read_as_one_by_one(
    runs: list[Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    real = subprocess.Popen

    def counted(*args: object, **more: object) -> subprocess.Popen[bytes]:
        started.append(args)
        return real(*args, **more)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(subprocess, "Popen", counted)
    expected = as_json([read(found) for found in runs])
    assert as_json(read_all(runs)) == expected
    assert len(started) == 2
    assert as_json(read_all(runs[:3])) == expected[:3]
    assert len(started) == 2, "for a few runs no process is started"


@pytest.mark.parametrize("program", ["import sys; sys.exit(3)", "print('{', end='')", "print(1/0)"])
def test_what_a_process_does_not_answer_is_read_here(
    runs: list[Found], monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(sharing, "_PROGRAM", program)
    assert as_json(read_all(runs)) == as_json([read(found) for found in runs])


def test_where_no_process_can_be_started_all_is_read_here(
    runs: list[Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*args: object, **more: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refused)
    assert as_json(read_all(runs)) == as_json([read(found) for found in runs])


def test_modules_of_the_present_folder_are_not_imported(
    runs: list[Found], own_folder: Path
) -> None:
    for name in ("engine", "json"):
        (own_folder / f"{name}.py").write_text("open('executed', 'w')\n")
    assert as_json(read_all(runs)) == as_json([read(found) for found in runs])
    assert not (own_folder / "executed").exists()


def test_an_index_made_by_several_is_that_of_one(
    runs: list[Found], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "outputs"
    odd = make_run(root / "runs" / "run_\udcff", epochs=1)
    together = Index(root, tmp_path / "cache").refresh(NOW)
    monkeypatch.setattr(sharing, "_processors", lambda: 1)
    assert together == Index(root, tmp_path / "other").refresh(NOW)
    assert together == Index(root, tmp_path / "cache").refresh(NOW)
    assert str(odd) in [run.path for run in together]
