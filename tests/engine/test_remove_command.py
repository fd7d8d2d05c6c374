"""`engine remove`: a run directory below the root goes, and nothing else ever does."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.cli import main
from engine.cli.remove import find_doomed, remove
from engine.errors import ConfigError, FactsError
from engine.facts import RunDir
from engine.facts.attempts import begin_attempt
from engine.library.index import find_runs
from tests.bench.tree import make_run, make_tree


@pytest.fixture
def root(own_folder: Path) -> Path:
    make_tree(own_folder / "outputs", 2, epochs=1)
    return own_folder / "outputs"


def everything(folder: Path) -> dict[str, bytes | str | None]:
    """Every name below a folder with its content: text of a link, bytes of a file."""
    found: dict[str, bytes | str | None] = {}
    for path in sorted(folder.rglob("*")):
        link = os.readlink(path) if path.is_symlink() else None
        found[str(path.relative_to(folder))] = link or (path.read_bytes() if path.is_file() else "")
    return found


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


def test_a_run_is_removed_and_its_neighbours_stay(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = find_runs(root)
    before = everything(second)
    assert main(["remove", "job0", "--yes"]) == 0
    assert f"removed {first.name}" in capsys.readouterr().out
    assert find_runs(root) == [second]
    assert everything(second) == before
    assert os.listdir(root / "runs") == [second.name]


@pytest.mark.parametrize(("typed", "goes"), [("y\n", True), ("yes\n", True), ("\n", False)])
def test_it_asks_and_only_yes_is_yes(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: str,
    goes: bool,
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    assert main(["remove", "job0"]) == (0 if goes else 1)
    assert "for good? [y/N]" in capsys.readouterr().err
    assert len(find_runs(root)) == (1 if goes else 2)


def test_where_nobody_can_be_asked_nothing_goes(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    before = everything(root)
    assert main(["remove", "job0"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert main(["remove", "run_*", "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["removed"] for one in told] == [False, False]
    assert everything(root) == before


def test_links_in_a_run_go_and_what_they_lead_to_stays(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "precious"
    outside.mkdir()
    (outside / "thesis.tex").write_text("years of work")
    first, _ = find_runs(root)
    (first / "figures").mkdir()
    (first / "figures" / "folder").symlink_to(outside)
    (first / "figures" / "file").symlink_to(outside / "thesis.tex")
    assert main(["remove", "job0", "--yes"]) == 0
    assert not first.exists()
    assert everything(outside) == {"thesis.tex": b"years of work"}


def outside_by_path(root: Path, tmp_path: Path) -> Path:
    return make_run(tmp_path / "elsewhere", epochs=1)


def outside_by_dots(root: Path, tmp_path: Path) -> Path:
    make_run(tmp_path / "elsewhere", epochs=1)
    return root / "runs" / ".." / ".." / ".." / "elsewhere"


def a_link(root: Path, tmp_path: Path) -> Path:
    target = make_run(tmp_path / "elsewhere", epochs=1)
    (root / "runs" / "link").symlink_to(target)
    return root / "runs" / "link"


def a_link_to_a_neighbour(root: Path, tmp_path: Path) -> Path:
    (root / "runs" / "link").symlink_to(find_runs(root)[0])
    return root / "runs" / "link"


def below_a_link(root: Path, tmp_path: Path) -> Path:
    make_run(tmp_path / "elsewhere" / "run", epochs=1)
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    return root / "linked" / "run"


def the_root_itself(root: Path, tmp_path: Path) -> Path:
    (root / "facts").mkdir()
    return root


def a_folder_of_runs(root: Path, tmp_path: Path) -> Path:
    (root / "runs" / "facts").mkdir()
    return root / "runs"


def a_run_in_a_run(root: Path, tmp_path: Path) -> Path:
    first, _ = find_runs(root)
    make_run(first / "figures" / "run", epochs=1)
    return first


def a_thesis(root: Path, tmp_path: Path) -> Path:
    path = root / "mydocs"
    for folder in (path / "facts", path / "chapters"):
        folder.mkdir(parents=True)
    (path / "thesis.tex").write_text("years of work")
    for place in (path / "facts", path):
        os.utime(place, (1e9, 1e9))
    return path


def an_empty_facts_folder(root: Path, tmp_path: Path) -> Path:
    facts = root / "mine" / "facts"
    facts.mkdir(parents=True)
    (facts / "events.jsonl").write_text('{"title": "a poem"}\n')
    os.utime(facts / "events.jsonl", (1e9, 1e9))
    return facts.parent


def a_run_with_notes_beside_it(root: Path, tmp_path: Path) -> Path:
    first, _ = find_runs(root)
    (first / ".git").mkdir()
    return first


def somebody_elses(root: Path, tmp_path: Path) -> Path:
    first, _ = find_runs(root)
    (first / "figures" / "closed").mkdir(parents=True)
    return first


def a_package(root: Path, tmp_path: Path) -> Path:
    shutil.copytree(Path(__file__).parents[2] / "engine" / "facts", root / "engine" / "facts")
    return root / "engine"


def settings_of_an_editor(root: Path, tmp_path: Path) -> Path:
    (root / "editor").mkdir()
    (root / "editor" / "launch.json").write_text('{"configurations": []}')
    return root / "editor"


def a_hidden_folder(root: Path, tmp_path: Path) -> Path:
    return make_run(root / ".kept" / "run", epochs=1)


def a_broken_facts_link(root: Path, tmp_path: Path) -> Path:
    first, _ = find_runs(root)
    shutil.rmtree(first / "facts")
    (first / "facts").symlink_to("/etc")
    return first


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (outside_by_path, "is not below the output root"),
        (outside_by_dots, "is not below the output root"),
        (a_link, "is a link"),
        (a_link_to_a_neighbour, "is a link"),
        (below_a_link, "is not below the output root"),
        (the_root_itself, "is not below the output root"),
        (a_folder_of_runs, "is no file of a run"),
        (a_run_in_a_run, "it holds another run"),
        (a_thesis, "mydocs is not removed: chapters is no file of a run"),
        (an_empty_facts_folder, "mine is not removed: nothing in it tells of a run"),
        (a_run_with_notes_beside_it, ".git is no file of a run"),
        (somebody_elses, "you may not change"),
        (a_package, "facts/__init__.py is no file of a run"),
        (settings_of_an_editor, "nothing in it tells of a run"),
        (a_hidden_folder, "it is no run directory"),
        (a_broken_facts_link, "it is no run directory"),
    ],
)
def test_what_is_no_run_directory_below_the_root_is_refused_untouched(
    root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    place: Callable[[Path, Path], Path],
    reason: str,
) -> None:
    path = place(root, tmp_path)
    access = os.access
    monkeypatch.setattr(  # as for somebody who is not the administrator
        os, "access", lambda path, mode: Path(path).name != "closed" and access(path, mode)
    )
    before = everything(tmp_path)
    good = next((root / "runs").glob("run_*_job1"))
    assert main(["remove", str(good), str(path), "--yes"]) == 2
    assert reason in capsys.readouterr().err
    assert everything(tmp_path) == before


@pytest.mark.parametrize("state", ["running", "queued", "held"])
def test_a_run_that_is_not_over_is_refused(
    root: Path, capsys: pytest.CaptureFixture[str], state: str
) -> None:
    path = root / "runs" / "alive"
    if state == "running":
        make_run(path, epochs=1, planned=5, end=None)
        os.utime(path / "attempts" / "1.json")
    else:
        path.mkdir()
        record = {"run_id": "alive", "state": state, "reason": "no slot"}
        RunDir(path).launch.write_text(json.dumps(record))
    assert main(["remove", "alive", "--yes"]) == 2
    assert f"alive is {state}" in capsys.readouterr().err
    assert path.is_dir()


def test_a_run_that_begins_again_or_is_swapped_after_the_question_stays(
    root: Path, tmp_path: Path
) -> None:
    path, other = find_runs(root)
    (swapped,) = find_doomed([path], root)
    path.rename(tmp_path / "aside")
    shutil.copytree(other, path, symlinks=True)
    before = everything(root)
    with pytest.raises(ConfigError, match="changed meanwhile"):
        remove(swapped)
    assert everything(root) == before

    (begun,) = find_doomed([path], root)
    RunDir(path).events.unlink()
    os.utime(path / "attempts" / "1.json")
    with pytest.raises(ConfigError, match="is running"):
        remove(begun)
    assert path.is_dir()


def test_a_link_that_takes_the_place_of_the_folder_around_a_run_is_not_followed(
    root: Path, tmp_path: Path
) -> None:
    (doomed,) = find_doomed(find_runs(root)[:1], root)
    (root / "runs").rename(tmp_path / "elsewhere")
    (root / "runs").symlink_to(tmp_path / "elsewhere")
    before = everything(tmp_path)
    with pytest.raises(FactsError, match="Nothing of it is removed"):
        remove(doomed)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("alive", [True, False])
def test_a_run_whose_state_cannot_be_told_goes_only_if_that_is_said_and_never_alive(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], alive: bool
) -> None:
    path = make_run(root / "runs" / "odd", epochs=1, planned=5, end=None)
    RunDir(path).events.rename(tmp_path / "events")
    RunDir(path).events.symlink_to(tmp_path / "events")
    if alive:
        RunDir(path).attempts.joinpath("1.json").unlink()
        begin_attempt(RunDir(path))
    assert main(["remove", "odd", "--yes"]) == 2
    told = "odd is running and not removed" if alive else "odd is not removed: broken: "
    assert told in capsys.readouterr().err
    assert main(["remove", "odd", "--yes", "--broken"]) == (2 if alive else 0)
    assert path.exists() is alive
    assert (tmp_path / "events").exists()


def refuse(*args: Any, **words: Any) -> None:
    raise PermissionError(13, "Permission denied")


def test_a_run_of_which_nothing_can_be_deleted_keeps_its_name(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(root)
    (doomed,) = find_doomed(find_runs(root)[:1], root)
    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(FactsError, match=r"Permission denied\s+Nothing of it is removed"):
        remove(doomed)
    assert everything(root) == before


def test_a_run_that_is_removed_by_half_is_not_listed_and_json_tells_what_is_gone(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = find_runs(root)
    rmtree = shutil.rmtree

    def remove_half(name: str, dir_fd: int) -> None:
        (path,) = (root / "runs").glob(f"{name}*")
        if not (path / "figures").exists():
            rmtree(path)
            return
        rmtree(path / "facts")
        refuse()

    (second / "figures").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", remove_half)
        assert main(["remove", "job0", "job1", "--yes", "--json"]) == 1
    out, err = capsys.readouterr()
    assert [(one["name"], one["removed"]) for one in json.loads(out)] == [
        (first.name, True),
        (second.name, False),
    ]
    assert "What is left of it is named .removed-" in err
    assert find_runs(root) == []
    assert len(os.listdir(root / "runs")) == 1
