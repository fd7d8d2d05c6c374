"""`engine tag`, `engine note`, `engine archive`: what people say about runs, in whole files."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.cli import main
from engine.facts import RunDir
from engine.facts.labels import Labels, read_labels
from tests.bench.tree import make_run, make_tree


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


def test_a_word_that_is_no_run_may_be_meant_as_a_tag(
    runs: list[RunDir], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tag", "job0", "paper"]) == 2
    assert "Write +paper to give the runs that tag." in capsys.readouterr().err
    assert main(["tag", "nothing", "paper"]) == 2
    assert main(["tag", "job0", "+a+b"]) == 2
    assert "Write +a +b for several." in capsys.readouterr().err
    assert not any(run.labels.exists() for run in runs)


def test_a_tag_that_is_not_there_to_be_taken_is_told(
    runs: list[RunDir], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tag", "job0", "+a"]) == 0
    capsys.readouterr()
    assert main(["tag", "job0", "job1", "-a", "-nope"]) == 0
    assert capsys.readouterr().err == "none of them had the tag nope\n"


@pytest.mark.parametrize("name", ["-rf", "+plus", "--"])
def test_a_run_of_any_name_is_named_behind_two_minuses(own_folder: Path, name: str) -> None:
    run = RunDir(make_run(own_folder / "outputs" / name, epochs=1))
    assert main(["tag", "+a", "--", name]) == 0
    assert main(["show", "--", name]) == 0
    assert main(["note", "--", name, "-5 %", "--x"]) == 0
    assert read_labels(run) == Labels(("a",), "-5 % --x")


def test_what_is_typed_is_kept_where_the_locale_knows_no_such_letter(runs: list[RunDir]) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for words, sent in ((["note", "job0", "für dich"], ""), (["note", "job1", "-"], "größer")):
        engine(words, sent, ascii_only)
    engine(["tag", "job0", "+µ"], "", ascii_only)
    assert read_labels(runs[0]) == Labels(("µ",), "für dich")
    assert read_labels(runs[1]).note == "größer"
    for locale in (ascii_only, {"PYTHONIOENCODING": "ascii"}):
        assert engine(["note", "job0"], "", locale) == b"f?r dich\n"
        assert b"examples" in engine(["runs", "--help"], "", locale)


def engine(words: list[str], sent: str, environment: dict[str, str]) -> bytes:
    """What a command prints that goes well, with these settings."""
    return subprocess.run(
        [sys.executable, "-m", "engine", *words],
        input=sent.encode(),
        capture_output=True,
        env=os.environ | environment,
        check=True,
    ).stdout


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


def test_a_run_that_is_not_over_is_not_archived_and_neither_is_its_neighbour(
    runs: list[RunDir], own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alive = make_run(own_folder / "outputs" / "alive", epochs=1, planned=5, end=None)
    os.utime(alive / "attempts" / "1.json")
    assert main(["archive", "job0", "alive"]) == 2
    assert "alive is not over and not archived: running:" in capsys.readouterr().err
    assert not read_labels(runs[0]).archived
    assert main(["archive", "alive", "--undo"]) == 0


def test_json_has_the_same_form_in_all_three_commands(
    runs: list[RunDir], capsys: pytest.CaptureFixture[str]
) -> None:
    said = []
    for words in (["note", "job0", "n"], ["tag", "job0", "+a"], ["archive", "job0"]):
        assert main([*words, "--json"]) == 0
        said.append(json.loads(capsys.readouterr().out))
    expected = {"name": runs[0].run_id, "path": str(runs[0].path), "note": "n", "tags": ["a"]}
    assert said[2] == [expected | {"archived": True}]
    assert said[1] == [expected | {"archived": False}]
    assert said[0] == expected | {"archived": False, "tags": []}
