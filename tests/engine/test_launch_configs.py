"""The copies of the config files that jobs are submitted with: one for each content."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.errors import FactsError, LaunchError
from engine.launch import configs
from engine.launch.configs import as_submitted, kept_configs
from engine.launch.job import JobHandle
from engine.launch.jobs import find_jobs
from engine.library.find import find_runs


@pytest.fixture
def folder(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with our config groups, which is a small one."""
    folder = own_folder / "place" / "configs"
    (folder / "env").mkdir(parents=True)
    (folder / "config.yaml").write_text("env: ???\n")
    (folder / "env" / "local.yaml").write_text("where: here\n")
    monkeypatch.setattr(configs, "packaged", lambda name: own_folder / "place" / name)
    return folder


def kept(job: JobHandle) -> list[dict[str, str]]:
    """What the copy of a job has: the files of each folder."""
    return [
        {str(path.relative_to(one)): path.read_text() for path in sorted(one.rglob("*.yaml"))}
        for one in kept_configs(job)
    ]


def submitted(*further: Path, directory: str = "outputs/runs/run") -> JobHandle:
    told = as_submitted(further, Path(directory).absolute())
    return JobHandle(Path(directory).absolute() / "launch.json", configs=told["configs"])


def test_what_is_edited_later_is_not_what_was_submitted(folder: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    (mine / "env").mkdir(parents=True)
    (mine / "env" / "there.yaml").write_text("where: there\n")
    (mine / "README.md").write_text("not of Hydra's")
    before = submitted(mine)
    (folder / "env" / "local.yaml").write_text("where: elsewhere\n")
    (mine / "env" / "there.yaml").unlink()
    ours = {"config.yaml": "env: ???\n", "env/local.yaml": "where: here\n"}
    assert kept(before) == [ours, {"env/there.yaml": "where: there\n"}]
    after = submitted(mine)
    assert kept(after) == [ours | {"env/local.yaml": "where: elsewhere\n"}, {}]


def test_there_is_one_copy_for_all_that_have_the_same_files(folder: Path) -> None:
    places = ["outputs/runs/run", "outputs/runs/run_2", "outputs/multiruns/exp"]
    (copy,) = {submitted(directory=place).configs for place in places}
    written = Path(copy or "").stat().st_mtime_ns
    assert submitted().configs == copy
    assert Path(copy or "").stat().st_mtime_ns == written
    assert [path.parent for path in Path("outputs").glob("*/*")] == [Path("outputs/.configs")]
    assert (find_runs("outputs"), find_jobs("outputs")) == ([], [])
    assert submitted(directory="elsewhere/run").configs != copy


def test_a_folder_that_holds_the_copies_is_not_copied_into_them(folder: Path) -> None:
    Path("mine.yaml").write_text("a: 1\n")
    first = submitted(Path.cwd())
    assert submitted(Path.cwd()).configs == first.configs


@pytest.mark.parametrize("names", [("a", "bc"), ("ab", "c")])
def test_the_same_bytes_in_other_files_are_another_content(folder: Path, names: tuple[str]) -> None:
    seen = set()
    for name, text in ((names[0], "x"), (names[1], "")):
        (folder / f"{name}.yaml").write_text(text)
        seen.add(submitted().configs)
    (folder / f"{names[0]}.yaml").rename(folder / "other.yaml")
    assert submitted().configs not in seen


@pytest.mark.parametrize("change", ["gone", "changed", "more"])
def test_a_copy_that_is_not_what_it_was_is_told_of(folder: Path, change: str) -> None:
    job = submitted()
    copy = Path(job.configs or "")
    if change == "gone":
        copy.rename(copy.with_name("elsewhere"))
    elif change == "changed":
        (copy / "0" / "config.yaml").write_text("env: mine\n")
    else:
        (copy / "1").mkdir()
    with pytest.raises(LaunchError, match="the configs that run was submitted with"):
        kept_configs(job)


def test_a_job_without_a_copy_has_the_files_of_today() -> None:
    assert kept_configs(JobHandle(Path("launch.json"))) == []


@pytest.mark.parametrize("at", ["mkdir", "fsync", "rename"])
def test_a_copy_that_cannot_be_written_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    Path("outputs/.configs").mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.setattr(os, at, full)
        with pytest.raises(FactsError, match="No space left on device"):
            submitted()
    assert not list(Path("outputs/.configs").iterdir())
    assert kept(submitted())


def test_who_comes_second_takes_the_copy_of_the_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def first(source: Path, target: Path) -> None:
        monkeypatch.setattr(os, "rename", rename)
        assert submitted().configs == str(target)
        rename(source, target)

    monkeypatch.setattr(os, "rename", first)
    assert kept(submitted())
    assert len(list(Path("outputs/.configs").iterdir())) == 1
