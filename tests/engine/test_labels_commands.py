"""`engine tag`, `engine note`, `engine archive`: what people say about runs, in whole files."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from engine.cli import main
from engine.facts import RunDir
from engine.facts.labels import Labels, read_labels
from tests.bench.tree import make_tree


@pytest.fixture
def runs(own_folder: Path) -> list[RunDir]:
    return [RunDir(path) for path in make_tree(own_folder / "outputs", 3, epochs=1)]


def test_tags_are_added_and_taken_away_in_one_command_for_several_runs(
    runs: list[RunDir], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tag", "job0", "job1", "+paper", "--add", "talk,todo"]) == 0
    assert main(["tag", "job1", "-todo", "+b", "--remove", "not-there"]) == 0
    tags = [read_labels(run).tags for run in runs]
    assert tags == [("paper", "talk", "todo"), ("b", "paper", "talk"), ()]
    capsys.readouterr()
    assert main(["tag", "run_*"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "name\ttags"
    assert lines[1:] == [f"{run.run_id}\t{','.join(t)}" for run, t in zip(runs, tags, strict=True)]


def test_a_tag_that_is_none_changes_no_run(
    runs: list[RunDir], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tag", "job0", "job1", "+good", "--add", "two words"]) == 2
    assert "is no tag" in capsys.readouterr().err
    assert main(["tag", "job0", "+a", "-a"]) == 2
    assert not any(run.labels.exists() for run in runs)


def test_labels_that_cannot_be_read_are_not_written_over(
    runs: list[RunDir], capsys: pytest.CaptureFixture[str]
) -> None:
    runs[1].labels.write_text("{torn")
    assert main(["tag", "job0", "job1", "+a"]) == 1
    assert "labels.json is damaged" in capsys.readouterr().err
    assert runs[1].labels.read_text() == "{torn"
    assert not runs[0].labels.exists()


def test_help_is_help_and_not_the_tag_elp(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tag", "-h"]) == 0
    assert "examples:" in capsys.readouterr().out


def test_a_note_is_written_printed_and_removed(
    runs: list[RunDir], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["note", "job0", "best", "so", "far"]) == 0
    assert main(["note", "job0"]) == 0
    assert capsys.readouterr().out == "best so far\n"
    monkeypatch.setattr("sys.stdin", io.StringIO("one\ntwo\x1b[31m\n"))
    assert main(["note", "job0", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["note"] == "one\ntwo"
    assert main(["note", "job0", "--", "-5 %"]) == 0
    assert read_labels(runs[0]).note == "-5 %"
    assert main(["note", "job0", "--clear", "text"]) == 2
    assert main(["note", "job0", "--clear"]) == 0
    assert read_labels(runs[0]) == Labels()


def test_the_archive_keeps_the_other_labels_and_hides_the_run(
    runs: list[RunDir], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tag", "job0", "+paper"]) == 0
    assert main(["archive", "job0", "job1"]) == 0
    assert read_labels(runs[0]) == Labels(tags=("paper",), archived=True)
    capsys.readouterr()
    assert main(["archive", "job0", "job1", "--undo"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{run.run_id}: out of the archive" for run in runs[:2]
    ]
    assert main(["archive", "job0", "--undo", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["archived"] is False
    assert read_labels(runs[0]) == Labels(tags=("paper",))
