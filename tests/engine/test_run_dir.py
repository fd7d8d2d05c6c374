"""A run directory belongs to one run, and a file in it is whole or not there at all."""

from __future__ import annotations

import errno
import functools
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pytest

from engine.errors import ConfigError, FactsError
from engine.facts import RunDir, append_jsonl_event, build_event_payload
from engine.facts.files import replace_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder."""
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder


def listing(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_two_claims_of_one_path_give_two_directories(tmp_path: Path) -> None:
    first, second = RunDir.claim(tmp_path / "run"), RunDir.claim(tmp_path / "run")
    assert first.path == tmp_path / "run"
    assert second.path == tmp_path / "run_2"
    assert first.facts.is_dir()
    assert second.facts.is_dir()


def test_a_directory_that_is_there_but_unused_is_taken(tmp_path: Path) -> None:
    (tmp_path / "run" / ".hydra").mkdir(parents=True)
    assert RunDir.claim(tmp_path / "run").path == tmp_path / "run"


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    assert RunDir.claim(tmp_path / "run").path == tmp_path / "run_2"
    assert (tmp_path / "run").read_text() == "mine"


def test_claims_of_many_threads_are_all_different(folder: Path) -> None:
    together = threading.Barrier(8)

    def claim_some(_: int) -> list[Path]:
        together.wait()
        return [RunDir.claim(folder / "run").path for _ in range(10)]

    with ThreadPoolExecutor(8) as pool:
        claimed = [path for paths in pool.map(claim_some, range(8)) for path in paths]
    assert len(set(claimed)) == 80
    assert listing(folder) == {path.name for path in claimed}


def test_claims_of_many_processes_are_all_different(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from engine.facts import RunDir\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for _ in range(25): print(RunDir.claim(Path(sys.argv[1])).path)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "run")]
    pipe = subprocess.PIPE
    started = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    claimed = [line for process in started for line in process.communicate("go\n")[0].split()]
    assert len(claimed) == 100
    assert len(set(claimed)) == 100


@pytest.mark.parametrize("below", ["run", "deep/er/run"])
def test_a_place_where_nothing_can_be_made_is_named(below: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as caught:
        RunDir.claim(tmp_path / "file" / below)
    assert str(tmp_path / "file" / below) in caught.value.message
    assert "output_root" in caught.value.hint
    assert caught.value.exit_code == 2


def test_a_full_disk_is_said_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(FactsError, match="no space left") as caught:
        RunDir.claim(tmp_path / "run")
    assert "output_root" in caught.value.hint


def test_every_file_of_a_run_lies_in_its_directory(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path / "run")
    paths = [
        getattr(run_dir, name)
        for name, value in vars(RunDir).items()
        if isinstance(value, functools.cached_property) and name != "run_id"
    ]
    assert len(set(paths)) == len(paths) >= 9
    assert all(path.is_relative_to(run_dir.path) for path in paths)
    assert not run_dir.path.exists()


def test_model_follows_the_best_weights_however_often_it_is_linked(folder: Path) -> None:
    run_dir = RunDir(folder)
    for content in ("first", "second", "third"):
        run_dir.best.write_text(content)
        run_dir.link_model()
        assert run_dir.model.read_text() == content
        assert listing(folder) == {"best_val.pt", "model.pt"}
    assert os.readlink(run_dir.model) == "best_val.pt"


def test_model_replaces_a_plain_file_and_survives_moving_the_run(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path / "run")
    run_dir.path.mkdir()
    run_dir.model.write_text("old copy")
    run_dir.best.write_text("best")
    run_dir.link_model()
    run_dir.path.rename(tmp_path / "moved")
    assert RunDir(tmp_path / "moved").model.read_text() == "best"


def test_model_is_a_copy_where_links_cannot_be_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "symlink_to", refuse)
    run_dir = RunDir(folder)
    for content in (b"first", b"second"):
        run_dir.best.write_bytes(content)
        run_dir.link_model()
        assert run_dir.model.read_bytes() == content
    assert not run_dir.model.is_symlink()
    assert listing(folder) == {"best_val.pt", "model.pt"}


def test_only_a_run_without_events_is_discarded(folder: Path) -> None:
    unused, used = RunDir.claim(folder / "unused"), RunDir.claim(folder / "used")
    unused.write_text(unused.hydra / "config.yaml", "a: 1")
    append_jsonl_event(used.path, build_event_payload("on_start", used.path))
    unused.discard_unused()
    used.discard_unused()
    assert listing(folder) == {"used"}
    assert used.events.exists()


def test_discarding_twice_is_no_error(tmp_path: Path) -> None:
    run_dir = RunDir.claim(tmp_path / "run")
    run_dir.discard_unused()
    run_dir.discard_unused()
    assert not run_dir.path.exists()


def test_small_texts_are_written_with_their_folder(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    run_dir.write_text(run_dir.hydra / "config.yaml", "ä: 1\n")
    assert (run_dir.hydra / "config.yaml").read_text(encoding="utf-8") == "ä: 1\n"


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt(), OSError(28, "full")])
def test_a_write_that_fails_midway_leaves_the_old_file(error: BaseException, folder: Path) -> None:
    def fail_midway(handle: IO[bytes]) -> None:
        handle.write(b"half of the new")
        handle.flush()
        raise error

    path = folder / "file"
    replace_file(path, lambda handle: handle.write(b"old"))
    expected = FactsError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        replace_file(path, fail_midway)
    assert path.read_bytes() == b"old"
    assert listing(folder) == {"file"}


def test_a_rename_that_fails_leaves_the_old_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    path = folder / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(FactsError) as caught:
        replace_file(path, lambda handle: handle.write(b"new"))
    assert "space" in caught.value.hint
    assert path.read_bytes() == b"old"
    assert listing(folder) == {"file"}


def test_two_writers_at_once_leave_one_whole_file(folder: Path) -> None:
    path = folder / "file"

    def outer(handle: IO[bytes]) -> None:
        handle.write(b"first")
        replace_file(path, lambda inner: inner.write(b"second"))

    replace_file(path, outer)
    assert path.read_bytes() == b"first"
    assert listing(folder) == {"file"}


def test_what_a_killed_writer_left_is_removed_once_it_is_old(folder: Path) -> None:
    path, young, old = folder / "file", folder / ".file.a.tmp", folder / ".file.b.tmp"
    other = folder / ".file2.b.tmp"
    for left, age in ((young, 100), (old, 1000), (other, 1000)):
        left.write_text("half")
        os.utime(left, (time.time() - age, time.time() - age))
    replace_file(path, lambda handle: handle.write(b"new"))
    assert listing(folder) == {"file", young.name, other.name}


def test_the_folder_of_a_replaced_file_is_made(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "file"
    replace_file(path, lambda handle: handle.write(b"new"))
    assert path.read_bytes() == b"new"


def test_a_folder_that_cannot_be_made_is_a_facts_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "below"
    with pytest.raises(FactsError) as caught:
        replace_file(path, lambda handle: handle.write(b"new"))
    assert str(path) in caught.value.message


def test_a_reader_never_sees_a_part_of_a_replaced_file(tmp_path: Path) -> None:
    path, contents = tmp_path / "file", [bytes([letter]) * 100_000 for letter in b"ab"]
    path.write_bytes(contents[0])
    done, seen = threading.Event(), set()

    def read() -> None:
        while not done.is_set():
            seen.add(path.read_bytes())

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        for turn in range(40):
            replace_file(path, lambda handle, turn=turn: handle.write(contents[turn % 2]))
        done.set()
        reading.result()
    assert seen <= set(contents)
