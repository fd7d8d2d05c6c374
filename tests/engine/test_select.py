"""How a run is named on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.cli.select import existing_root, output_root, select, select_dirs, select_one
from engine.errors import ConfigError
from engine.facts import RunDir
from engine.facts.labels import Labels, write_labels
from engine.facts.provenance import HYDRA_JOB_ID
from tests.bench.tree import make_run, make_tree


@pytest.fixture
def runs(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Four runs in `outputs`, each begun a minute after the one before."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(own_folder / "cache"))
    paths = make_tree(own_folder / "outputs", runs=3, epochs=1)
    queued = own_folder / "outputs" / "runs" / "zz_queued"
    queued.mkdir()
    (queued / "launch.json").write_text("{}")
    return [*paths, queued]


def test_a_run_is_named_by_name_part_glob_path_or_age(runs: list[Path], own_folder: Path) -> None:
    first, second, third, queued = runs
    found = {
        first.name: [first],
        "job1": [second],
        "last": [third],
        "last~0": [third],
        "last~2": [first],
        "run_*": [first, second, third],
        "*[01]": [first, second],
        "zz": [queued],
        str(second): [second],
        f"outputs/runs/{third.name}/": [third],
    }
    assert {word: select_dirs([word], None) for word in found} == found
    assert [run.name for run in select(["job2", "run_*"], None)] == [
        third.name,
        first.name,
        second.name,
    ]


def test_several_runs_are_meant_by_a_filter_a_tag_a_sweep_or_all(
    runs: list[Path], own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third, queued = runs
    write_labels(RunDir(second), Labels(tags=("paper", "job0")))
    monkeypatch.setenv(HYDRA_JOB_ID, "0")
    swept = [make_run(first.with_name(f"run_2027_lr_job{n}"), epochs=1) for n in range(2)]
    found = {
        "seed>0": [second, third],
        "lr=0.01 and seed=0": [*swept, first],  # 2027 is less than 20250105
        "has:tag": [second],
        "paper": [second],
        "job0": [second],
        "exp_2027_lr": swept,
        "name~_lr_job.$": swept,
        "all": [*runs[:3], *swept, queued],
    }
    assert {word: select_dirs([word], None) for word in found} == found
    assert select_one("state=finished seed=2", None) == third
    named = make_run(own_folder / "outputs" / "runs" / "seed=1", epochs=1)
    assert select_dirs(["seed=1"], None) == [named]


def test_an_archived_run_is_meant_by_its_whole_name_or_a_filter_that_asks_for_it(
    runs: list[Path],
) -> None:
    first, second, third, queued = runs
    for path in (first, third):
        write_labels(RunDir(path), Labels(tags=("old",), archived=True))
    expected = {
        "last": [second],
        "run_*": [second],
        "all": [second, queued],
        "lr>0": [second],
        third.name: [third],
        str(third): [third],
        "archived=yes": [first, third],
        "lr>0 and not archived=no": [first, third],
    }
    assert {word: select_dirs([word], None) for word in expected} == expected
    for word in ("job2", "*job2", "old"):
        with pytest.raises(ConfigError, match="Archived runs are named by their whole names: "):
            select_dirs([word], None)
        assert third in select_dirs([word], None, archived=True)
    assert select_dirs(["last"], None, archived=True) == [third]


def test_a_directory_here_is_a_run_without_any_root(
    runs: list[Path], own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(runs[0])
    assert select_dirs(["."], "nowhere") == [runs[0]]
    monkeypatch.chdir(runs[0].parent)
    assert select_dirs([runs[1].name], "nowhere") == [runs[1]]


def test_an_exact_name_wins_over_what_else_it_could_mean(own_folder: Path) -> None:
    names = ["a", "a_2", "last", "x[1]", "x1"]
    paths = {name: make_run(own_folder / "outputs" / "runs" / name, epochs=1) for name in names}
    for name in ("a", "last", "x[1]"):
        assert select_one(name, None) == paths[name]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (
            "run_",
            r"run_ means 3 runs\n  run_\S+_job0\n  run_\S+_job1\n  run_\S+_job2\n"
            r"  Write more of the name, or '\*run_\*' for all",
        ),
        ("lsat", r"no such run or sweep in outputs\n  Did you mean last\?"),
        ("VQ", r"no such run or sweep in outputs\n  Did you mean latent_space=vq\?"),
        ("latent_space=vqq", r"none of the 4 runs in outputs matches\n  .*did you mean vq\?"),
        ("lr>x", "lr is a number"),
        ("sed=1", "Did you mean seed"),
        (
            "run_20250105-093100_ae_jov1",
            r"no such run or sweep in outputs\n  Did you mean run_\S+_job1",
        ),
        ("qqqq", r"no such run or sweep in outputs\n  engine runs lists them"),
        ("q*", "no such run or sweep in outputs"),
        ("last~3", r"no such run\n  3 of the runs in outputs have started"),
        ("outputs/runs", "outputs/runs is no run directory"),
        ("", "no such run"),
        ("a\0b", "no such run"),
        ("x" * 5000, "no such run"),
        ("~nobody_here/x", "no run directory"),
    ],
)
def test_what_names_no_run_is_told(word: str, expected: str, runs: list[Path]) -> None:
    with pytest.raises(ConfigError, match=expected):
        select_dirs([word], None)


def test_where_there_are_no_runs_is_told(own_folder: Path) -> None:
    for word in ("last", "run", "r*"):
        with pytest.raises(ConfigError, match=r"no runs in other yet\n  thesis-train starts one"):
            select_dirs([word], "other")
    with pytest.raises(ConfigError, match="no run is named"):
        select_dirs([], None)


def test_names_that_are_there_twice_are_told_by_their_paths(own_folder: Path) -> None:
    for folder in ("runs", "older"):
        make_run(own_folder / "outputs" / folder / "same", epochs=1)
    with pytest.raises(ConfigError, match=r"2 runs\n  \S+/older/same\n  \S+/runs/same\n"):
        select_one("same", None)


def test_names_in_messages_hold_no_control_characters(own_folder: Path) -> None:
    for number in range(2):
        (own_folder / "outputs" / f"x\x1b[31m{number}" / "facts").mkdir(parents=True)
    with pytest.raises(ConfigError) as caught:
        select_one("x", None)
    assert caught.value.hint.startswith("x0\n  x1\n")


def test_too_many_runs_are_not_all_listed(own_folder: Path) -> None:
    make_tree(own_folder / "outputs", runs=11, epochs=0)
    with pytest.raises(ConfigError) as caught:
        select_one("run_", None)
    assert "and 3 more" in caught.value.hint
    assert caught.value.hint.count("\n") == 9
    with pytest.raises(ConfigError, match=r"'run_\*' means 11|run_\* means 11[\s\S]*takes one run"):
        select_one("run_*", None)


def test_the_root_comes_from_the_option_the_environment_or_is_outputs(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert output_root(None) == Path("outputs")
    assert existing_root(None) is None
    monkeypatch.setenv("THESIS_OUTPUT_ROOT", str(own_folder))
    assert existing_root(None) == own_folder
    monkeypatch.setenv("THESIS_OUTPUT_ROOT", "gone")
    with pytest.raises(ConfigError, match=r"\$THESIS_OUTPUT_ROOT: gone is no directory"):
        existing_root(None)
    with pytest.raises(ConfigError, match="--root: mine is no directory"):
        existing_root("mine")
