"""What is known of a run that has not begun: what was set for it, and in which order it stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.facts.text import natural
from engine.library.asked import asked_of
from engine.library.examine import summarise
from engine.library.summary import RunSummary
from engine.tables.groups import telling_keys
from engine.tables.keys import Vocabulary
from tests.bench.tree import make_run


def submitted(path: Path, *overrides: str, **more: Any) -> RunSummary:
    """The run of a submission that waits."""
    path.mkdir(parents=True, exist_ok=True)
    entries = {"schema_version": 1, "id": "a" * 32, "target": "htcondor", "state": "queued",
               "host": "vm", "pid": 1, "overrides": list(overrides)}  # fmt: skip
    (path / "launch.json").write_text(json.dumps(entries | more))
    return summarise(path)


@pytest.mark.parametrize(
    ("word", "asked"),
    [
        ("phase1/latent_space=vq", {"phase1.latent_space": "vq"}),
        ("+phase1.trainer.lr=1e-3", {"phase1.trainer.lr": 0.001}),
        ("phase1.trainer.epochs=12", {"phase1.trainer.epochs": 12}),
        ("a.b='1, 2'", {"a.b": "1, 2"}),
        ("a=null", {"a": None}),
        ("a=True", {"a": True}),
        ("a=b=c", {"a": "b=c"}),
        ("~phase1.trainer", {}),
        ("hydra.job.name=x", {}),
        ("hydra/launcher=htcondor", {}),
        ("=", {}),
    ],
)
def test_an_override_is_read_as_the_setting_that_it_makes(
    word: str, asked: dict[str, object]
) -> None:
    assert asked_of([word]) == asked


def test_resources_stand_under_the_keys_that_they_have_in_a_config() -> None:
    resources = {"memory": "8 GB", "category": None, "cpus": 2}
    assert asked_of([3], resources) == {"launcher.memory": "8 GB", "launcher.cpus": 2}
    assert asked_of([], ["memory"]) == {}


def test_a_queued_run_has_the_values_that_were_set_for_it(tmp_path: Path) -> None:
    words = ("phase1/latent_space=vq", "phase1.trainer.lr=0.01", "phase1.trainer.seed=7")
    run = submitted(tmp_path / "run_a", *words, "phase1.trainer.epochs=30")
    assert (run.state, run.latent_space, run.seed, run.epochs) == ("queued", "vq", 7, 30)
    assert (run.config, run.host) == ({}, None)
    begun = summarise(make_run(tmp_path / "run_b", epochs=1))
    known = Vocabulary([begun, run])
    assert known.find("lr").read(run) == 0.01
    assert known.find("data.batch_size").read(run) is None
    assert begun.asked == {}


def test_runs_that_all_wait_differ_in_what_was_set_for_them(tmp_path: Path) -> None:
    runs = [
        submitted(tmp_path / f"run_{n}", f"phase1/latent_space={space}", f"phase1.trainer.lr={lr}",
                  resources={"memory": f"{n} GB"})
        for n, (space, lr) in enumerate([("vq", 0.1), ("none", 0.01)], 1)
    ]  # fmt: skip
    assert telling_keys(runs, 8)[0] == ["latent_space", "phase1.trainer.lr"]


def test_job_2_stands_before_job_10() -> None:
    names = ["exp_job10_b", "exp_job2", "exp_job010", "exp_job1", "exp", "exp_job10", "x9" * 60]
    ordered = ["exp", "exp_job1", "exp_job2", "exp_job010", "exp_job10", "exp_job10_b", "x9" * 60]
    assert sorted(names, key=natural) == ordered
