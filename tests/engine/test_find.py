"""Where runs are found, and what becomes of those that may not be looked into."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.cli.select import select_dirs
from engine.library.find import find_runs, is_closed, look_at
from engine.library.index import Index, summarise
from tests.bench.tree import make_run


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders whose names have `closed` in them let nobody in, whoever runs the test."""

    def refuse(path: str, inside: bool) -> None:
        folder = os.path.dirname(path) if inside else path
        if "closed" in folder.removeprefix(os.getcwd()) and os.path.isdir(folder):
            raise PermissionError(13, "Permission denied", path)

    lstat, scandir = os.lstat, os.scandir

    def closed_lstat(path: str) -> os.stat_result:
        refuse(str(path), inside=True)
        return lstat(path)

    def closed_scandir(path: str) -> object:
        refuse(str(path), inside=False)
        return scandir(path)

    monkeypatch.setattr(os, "lstat", closed_lstat)
    monkeypatch.setattr(os, "scandir", closed_scandir)


def test_a_run_that_lets_nobody_in_is_found_where_runs_are(own_folder: Path, closed: None) -> None:
    root = own_folder / "outputs"
    run = make_run(root / "runs" / "mine", epochs=1)
    for name in ("runs/closed", "elsewhere/run_closed", "elsewhere/closed", "closed", "empty"):
        (root / name).mkdir(parents=True)
    (root / "runs" / ".closed").mkdir()
    (root / "runs" / "link").symlink_to(root / "closed")
    found = [root / "elsewhere" / "run_closed", root / "runs" / "closed", run]
    assert find_runs(root) == found
    assert is_closed(str(found[0]))
    assert look_at(str(found[0])) is None
    listed = {Path(run.path): run.problem for run in Index(root, own_folder / "cache").refresh()}
    for place in found[:2]:
        assert summarise(place).problem == listed[place]
    assert not is_closed(str(run))
    assert select_dirs(["run_closed", "outputs/runs/closed"], None) == found[:2]
