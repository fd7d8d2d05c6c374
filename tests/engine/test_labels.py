"""What people say about a run is kept whole, clean, and apart from its facts."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError, FactsError
from engine.facts import RunDir
from engine.facts.labels import Labels, change_labels, clean_tags, read_labels, write_labels


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    """A run directory without labels."""
    path = tmp_path / "run"
    path.mkdir()
    return RunDir(path)


def test_labels_are_read_as_they_were_written(run: RunDir) -> None:
    assert read_labels(run) == Labels()
    write_labels(run, Labels(("best", "paper", "best", "µ-1"), "two\nlines", archived=True))
    assert read_labels(run) == Labels(("best", "paper", "µ-1"), "two\nlines", archived=True)
    write_labels(run, Labels())
    assert read_labels(run) == Labels()
    assert os.listdir(run.path) == ["labels.json"]


@pytest.mark.parametrize("tag", ["", " ", "two words", "a,b", "a\u00a0b", "x" * 65])
def test_a_tag_is_one_word(run: RunDir, tag: str) -> None:
    with pytest.raises(ConfigError, match="is no tag"):
        write_labels(run, Labels((tag,)))
    assert not run.labels.exists()


def test_escape_sequences_never_reach_the_file_or_the_reader(run: RunDir) -> None:
    write_labels(run, Labels(("\x1b[31mred\x1b[0m",), "a\x1b]0;title\x07b"))
    assert read_labels(run) == Labels(("red",), "ab")
    run.labels.write_text(json.dumps({"tags": ["\x1b[31mred"], "note": "\x9b2Jgone"}))
    assert read_labels(run) == Labels(("red",), "gone")


def test_too_much_is_refused(run: RunDir) -> None:
    with pytest.raises(ConfigError, match="too many"):
        write_labels(run, Labels(tuple(f"t{i}" for i in range(101))))
    with pytest.raises(ConfigError, match="too long"):
        write_labels(run, Labels(note="x" * 10_001))
    write_labels(run, Labels(tuple(f"{i:064}" for i in range(100)), "\U0001f600" * 10_000))
    assert len(read_labels(run).tags) == 100


def test_labels_are_not_written_into_nothing(tmp_path: Path) -> None:
    with pytest.raises(FactsError, match="is no run directory"):
        write_labels(RunDir(tmp_path / "nowhere"), Labels())
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00", "[" * 100_000, " " * (1 << 18)])
def test_a_damaged_file_is_an_error_that_names_it(run: RunDir, text: str) -> None:
    run.labels.write_text(text)
    with pytest.raises(FactsError, match=r"labels\.json is damaged"):
        read_labels(run)


def test_a_folder_in_place_of_the_file_costs_no_open_file(run: RunDir) -> None:
    run.labels.mkdir()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(FactsError, match="is no regular file"):
            read_labels(run)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_pipe_in_place_of_the_file_does_not_hold_the_reader_up(run: RunDir) -> None:
    os.mkfifo(run.labels)
    with pytest.raises(FactsError, match="is no regular file"):
        read_labels(run)


def test_of_many_changes_at_once_none_is_lost(run: RunDir) -> None:
    def tag(number: int) -> Labels:
        def change(old: Labels) -> Labels:
            return dataclasses.replace(old, tags=clean_tags([*old.tags, f"t{number:02}"]))

        return change_labels(run, change)

    with ThreadPoolExecutor(12) as pool:
        said = list(pool.map(tag, range(24)))
    assert read_labels(run).tags == tuple(f"t{number:02}" for number in range(24))
    assert all(f"t{number:02}" in labels.tags for number, labels in enumerate(said))
    assert os.listdir(run.path) == ["labels.json"]


def test_a_change_that_does_not_end_is_waited_for_no_longer(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.facts.labels.PATIENCE_S", 0.02)
    handle = os.open(run.path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(FactsError, match="somebody else is changing"):
        change_labels(run, lambda old: Labels(("a",)))
    os.close(handle)
    assert change_labels(run, lambda old: Labels(("a",))) == Labels(("a",))


def test_no_link_leads_a_writer_to_another_file(run: RunDir, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (run.path / ".labels.json.tmp").symlink_to(victim)
    run.labels.symlink_to(victim)
    with pytest.raises(FactsError, match="is a link"):
        change_labels(run, lambda old: Labels(("a",)))
    write_labels(run, Labels(("a",)))
    assert victim.read_text() == "precious"
    assert read_labels(run) == Labels(("a",))


values = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text() | st.none())


@given(st.dictionaries(st.sampled_from(["tags", "note", "archived"]), values))
def test_entries_of_any_type_are_read_as_labels_that_can_be_written(
    tmp_path_factory: pytest.TempPathFactory, record: dict[str, object]
) -> None:
    run = RunDir(tmp_path_factory.mktemp("run"))
    run.labels.write_text(json.dumps(record))
    labels = read_labels(run)
    assert labels.archived is (record.get("archived") is True)
    write_labels(run, labels)
    assert read_labels(run) == labels
