"""`thesis-train` as a user types it: what it leaves, and that it leaves the same again."""

from __future__ import annotations

import csv
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.cli.train import main
from engine.facts import RunDir, read_events, read_scalars
from engine.facts.attempts import JOB_ID
from tests.conftest import TINY, Outcome

Train = Callable[..., Outcome]


def tree(folder: Path) -> set[str]:
    """Every file below a folder."""
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir()}


def without_times(record: dict[str, Any]) -> dict[str, Any]:
    """An event without what may differ between two equal trainings: times, ids, memory."""
    varying = ("run_dir", "epoch_time_s", "total_time_s", "throughput", "max_memory_mib")
    kept = {key: value for key, value in record.items() if key not in varying}
    kept["meta"] = {k: v for k, v in record["meta"].items() if k not in ("timestamp", "run_id")}
    kept["histories"] = {k: v for k, v in record["histories"].items() if k not in varying}
    return kept


def test_a_run_leaves_the_files_of_the_guide(thesis_train: Train) -> None:
    run = thesis_train("logging.make_plots=true", "logging.figure_every_epochs=2").run
    assert tree(run.path) == {
        ".hydra/config.yaml",
        ".hydra/hydra.yaml",
        ".hydra/overrides.yaml",
        "facts/events.jsonl",
        "facts/scalars.csv",
        "best_val.pt",
        "last.pt",
        "model.pt",
        "train.log",
        "attempts/1.json",
        "evaluation.json",
        "figures/evaluation-on_test_end-e001.png",
    } | {
        f"figures/{family}-{moment}-e001.png"
        for family in ("losses", "metrics", "recon")
        for moment in ("on_epoch_end", "on_train_end")
    }
    assert re.fullmatch(r"run_\d{8}-\d{6}_ae", run.run_id)
    assert os.readlink(run.model) == "best_val.pt"


def test_events_tell_the_whole_training_in_order(thesis_train: Train) -> None:
    log = read_events(thesis_train("phase1.trainer.epochs=3").run.path)
    moments = [record["moment"] for record in log.records if record["moment"] != "on_progress"]
    assert moments == ["on_start", *["on_epoch_end"] * 3, "on_test_end", "on_train_end"]
    assert (log.skipped, log.torn) == (0, False)
    epochs = log.of("on_epoch_end")
    assert [record["epoch"] for record in epochs] == [0, 1, 2]
    assert all(record["histories"] == {} for record in epochs)
    end = log.of("on_train_end")[0]
    assert end["histories"]["val_loss"] == [record["val_loss"] for record in epochs]
    assert end["stopped"] is False


def test_on_start_tells_where_the_run_came_from(thesis_train: Train) -> None:
    run = thesis_train("phase1.trainer.seed=7").run
    meta = read_events(run.path).of("on_start")[0]["meta"]
    assert meta["seed"] == 7
    assert meta["run_id"] == run.run_id
    assert meta["pid"] == os.getpid()
    assert meta["torch_version"] == torch.__version__
    assert meta["config"]["phase1"]["trainer"]["seed"] == 7
    assert Path(meta["config"]["data"]["path"]).is_absolute()


def test_scalars_have_a_row_an_epoch_and_one_for_the_test_split(thesis_train: Train) -> None:
    run = thesis_train().run
    rows = read_scalars(run.path)
    assert [(row["epoch"], row["split"]) for row in rows[:2]] == [("0", "val"), ("1", "val")]
    assert rows[2]["split"] == "test"
    events = read_events(run.path).of("on_epoch_end")
    assert [float(r["val_loss"]) for r in rows[:2]] == [e["val_loss"] for e in events]
    with open(run.scalars, newline="") as handle:
        assert len({len(row) for row in csv.reader(handle)}) == 1


@pytest.mark.parametrize(
    "words",
    [["phase1/latent_space=none"], ["phase1/latent_space=vq"], ["loop=test_mlp", "task=binary"]],
    ids=["none", "vq", "test_mlp"],
)
def test_the_same_seed_gives_the_same_facts(thesis_train: Train, words: list[str]) -> None:
    first, second = (thesis_train(*words).run for _ in range(2))
    records = [read_events(run.path).records for run in (first, second)]
    assert [without_times(r) for r in records[0]] == [without_times(r) for r in records[1]]


def test_another_seed_gives_other_losses(thesis_train: Train) -> None:
    losses = [
        read_events(thesis_train(f"phase1.trainer.seed={seed}").run.path).of("on_epoch_end")[0]
        for seed in (1, 2)
    ]
    assert losses[0]["train_loss"] != losses[1]["train_loss"]


def test_checkpoints_load_without_executing_anything(thesis_train: Train) -> None:
    run = thesis_train("phase1/latent_space=vq").run
    best = torch.load(run.model, weights_only=True)
    last = torch.load(run.last, weights_only=True)
    assert best.keys() == last["model"].keys()
    assert (last["epoch"], last["step"]) == (2, 4)


def test_training_beats_predicting_the_mean(thesis_train: Train) -> None:
    run = thesis_train("data.limit_samples=4000", "phase1.trainer.epochs=4").run
    log = read_events(run.path)
    baseline = log.of("on_start")[0]["metrics"]["baseline_val_loss"]
    assert log.of("on_epoch_end")[-1]["val_loss"] < 0.5 * baseline


@pytest.mark.slow
def test_a_codebook_on_the_sample_uses_most_of_its_codes(thesis_train: Train) -> None:
    words = ["phase1/latent_space=vq", "data.limit_samples=null", "phase1.trainer.epochs=5"]
    metrics = read_events(thesis_train(*words).run.path).of("on_epoch_end")[-1]["metrics"]
    assert metrics["codes_used"] >= 400
    assert metrics["token_mse"] <= 0.35


def test_a_run_without_artifacts_leaves_nothing(
    thesis_train: Train, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert thesis_train("logging.save_artifacts=false").code == 0
    assert thesis_train("-m", "logging.save_artifacts=false", "data.batch_size=64,128").code == 0
    assert list(own_folder.iterdir()) == []
    assert "best validation loss" in capsys.readouterr().out


@pytest.mark.slow
def test_a_sweep_names_its_runs_after_the_job(thesis_train: Train, own_folder: Path) -> None:
    outcome = thesis_train(
        "--multirun",
        "hydra=experiment",
        "hydra.job.name=latent_comparison",
        "phase1/latent_space=none,linear,vq",
    )
    names = [run.run_id for run in outcome.runs]
    assert [re.sub(r"\d{8}-\d{6}", "T", name) for name in names] == [
        f"run_T_latent_comparison_job{number}" for number in range(3)
    ]
    (sweep,) = (own_folder / "outputs" / "multiruns").iterdir()
    assert re.fullmatch(r"exp_\d{8}-\d{6}_latent_comparison", sweep.name)
    metas = [read_events(run.path).of("on_start")[0]["meta"] for run in outcome.runs]
    assert [meta["hydra_job_id"] for meta in metas] == ["0", "1", "2"]
    spaces = [meta["config"]["phase1"]["latent_space"]["_target_"] for meta in metas]
    assert len(set(spaces)) == 3


def test_a_sweep_over_loops_is_named_after_them_and_stops_whatever_the_loop(
    thesis_train: Train, own_folder: Path
) -> None:
    (own_folder / "asks.py").write_text(
        "from pathlib import Path\n"
        "from hydra.core.hydra_config import HydraConfig\n"
        "def train(cfg):\n"
        f"    Path({str(own_folder)!r}, HydraConfig.get().sweep.dir, 'stop').touch()\n"
    )
    outcome = thesis_train("--multirun", "loop=asks:train,test_mlp,ae")
    names = [re.sub(r"\d{8}-\d{6}", "T", run.run_id) for run in outcome.runs]
    assert names == ["run_T_asks_train_job0"], "the others are left out"
    (sweep,) = (own_folder / "outputs" / "multiruns").iterdir()
    assert re.fullmatch(r"exp_\d{8}-\d{6}_asks_train_test_mlp_ae", sweep.name)


@pytest.mark.parametrize(
    ("experiment", "runs"),
    [
        ("compare_vq_vs_none", 2),
        pytest.param("compare_latent_spaces", 3, marks=pytest.mark.slow),
        pytest.param("compare_globals_heads", 2, marks=pytest.mark.slow),
    ],
)
def test_an_experiment_is_the_same_in_both_forms(
    thesis_train: Train, experiment: str, runs: int
) -> None:
    as_name = thesis_train(f"--config-name=phase1/experiment/{experiment}")
    as_group = thesis_train(f"phase1/experiment={experiment}", "phase1.trainer.epochs=1")
    configs = [
        [read_events(run.path).of("on_start")[0]["meta"]["config"]["phase1"] for run in o.runs]
        for o in (as_name, as_group)
    ]
    assert len(configs[0]) == len(configs[1]) == runs
    for by_name, by_group in zip(*configs, strict=True):
        assert by_name["trainer"].pop("epochs") == 2
        assert by_group["trainer"].pop("epochs") == 1
        assert by_name == by_group
    assert experiment in as_name.runs[0].run_id


def test_runs_of_the_same_second_have_directories_of_their_own(thesis_train: Train) -> None:
    name = "hydra.run.dir=outputs/runs/same"
    runs = [thesis_train(name).run for _ in range(3)]
    assert [run.run_id for run in runs] == ["same", "same_2", "same_3"]
    assert all(len(read_events(run.path).of("on_start")) == 1 for run in runs)


def test_output_and_data_roots_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.config import sample_dir

    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.h5").symlink_to(sample_dir() / "tops_20k.h5")
    monkeypatch.setenv("THESIS_DATA_ROOT", str(tmp_path / "data"))
    monkeypatch.setenv("THESIS_OUTPUT_ROOT", str(tmp_path / "results"))
    assert main([*TINY, "data.file=mine.h5"]) == 0
    (run,) = (tmp_path / "results" / "runs").iterdir()
    start = read_events(run).of("on_start")[0]
    assert start["meta"]["data"]["path"] == str(tmp_path / "data" / "mine.h5")


def test_early_stopping_ends_before_the_last_epoch(thesis_train: Train) -> None:
    run = thesis_train(
        "phase1.trainer.epochs=50",
        "phase1.trainer.early_stopping.patience=1",
        "phase1.trainer.early_stopping.min_delta=10",
    ).run
    log = read_events(run.path)
    assert len(log.of("on_epoch_end")) == 2
    assert log.of("on_train_end")[0]["stopped"] is False


def test_every_neutral_trainer_option_can_be_turned_on(thesis_train: Train) -> None:
    run = thesis_train(
        "phase1.trainer.weight_decay=0.01",
        "phase1.trainer.clip_grad_norm=1.0",
        "phase1.trainer.accumulate_batches=2",
        "phase1.trainer.schedule=cosine",
        "phase1.trainer.warmup_epochs=0.5",
        "data.norm=log_zscore",
    ).run
    rates = [r["metrics"]["lr"] for r in read_events(run.path).of("on_epoch_end")]
    assert rates[-1] < rates[0] <= 0.001


def test_heartbeats_tell_step_loss_and_throughput(thesis_train: Train) -> None:
    beats = read_events(thesis_train("logging.progress_every_s=0").run.path).of("on_progress")
    assert [beat["step"] for beat in beats] == [1, 2, 3, 4]
    assert all(beat["train_loss"] > 0 and beat["throughput"] > 0 for beat in beats)


def test_a_figure_that_fails_is_logged_and_stops_nothing(
    thesis_train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.monitoring.families import losses

    def fail(payload: object) -> None:
        raise ValueError("no ink")

    monkeypatch.setattr(losses, "draw", fail)
    outcome = thesis_train("logging.make_plots=true", "logging.families.recon.enabled=false")
    assert outcome.code == 0
    assert "no ink" in outcome.run.log.read_text()
    drawn = {path.name.split("-")[0] for path in outcome.run.figures.iterdir()}
    assert drawn == {"metrics", "evaluation"}


def test_the_log_keeps_what_was_printed(
    thesis_train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    run = thesis_train().run
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("[")]
    assert len(printed) == 2
    assert all(line in run.log.read_text() for line in printed)


def test_nothing_stays_attached_to_the_logger(thesis_train: Train) -> None:
    before = list(logging.getLogger("engine").handlers)
    thesis_train()
    assert logging.getLogger("engine").handlers == before


def test_help_lists_groups_options_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for word in ("phase1/latent_space", "vq", "experiment", "epochs: 20", "--multirun"):
        assert word in text


def test_engine_train_and_python_m_engine_are_the_same_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from engine.cli import main as engine_main

    assert main(["--cfg", "job"]) == 0
    expected = capsys.readouterr().out
    assert engine_main(["train", "--cfg", "job"]) == 0
    assert capsys.readouterr().out == expected
    command = [sys.executable, "-m", "engine", "train", "--cfg", "job"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("thesis-train phase1/latent_space=", "phase1/latent_space=vq"),
        ("thesis-train loop=te", "loop=test_mlp"),
        ("thesis-train phase1.trainer.ep", "phase1.trainer.epochs="),
        ("engine train phase1/encoder=", "phase1/encoder=mlp"),
        ("engine tr", "train"),
    ],
)
def test_the_shell_completes_commands_groups_and_keys(
    line: str, expected: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from engine.cli import main as engine_main

    monkeypatch.setenv("COMP_LINE", line)
    command = engine_main if line.startswith("engine") else main
    assert command(["-sc", "query=bash"]) == 0
    assert expected in capsys.readouterr().out.split()


def test_a_loop_of_ones_own_is_named_by_its_function(thesis_train: Train, own_folder: Path) -> None:
    (own_folder / "my_loops.py").write_text(
        "import json, pathlib\n"
        "def train(cfg):\n"
        "    pathlib.Path('seen.json').write_text(json.dumps(cfg.phase1.trainer.epochs))\n"
        "    return {}\n"
    )
    outcome = thesis_train("loop=my_loops:train")
    assert outcome.code == 0
    assert json.loads((outcome.run.path / "seen.json").read_text()) == 2


def test_config_groups_of_ones_own_are_found(thesis_train: Train, own_folder: Path) -> None:
    group = own_folder / "mine" / "phase1" / "trainer"
    group.mkdir(parents=True)
    (group / "slow.yaml").write_text("defaults: [default]\nlr: 1e-5\n")
    outcome = thesis_train("--config-dir", "mine", "phase1/trainer=slow")
    config = read_events(outcome.run.path).of("on_start")[0]["meta"]["config"]
    assert config["phase1"]["trainer"]["lr"] == 1e-5


def test_a_run_is_one_line_an_epoch_where_there_is_no_terminal(
    thesis_train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    thesis_train("phase1.trainer.epochs=3")
    lines = capsys.readouterr().out.splitlines()
    assert sum("epoch" in line and "train " in line for line in lines) == 3
    assert "\x1b" not in "".join(lines)


def test_paths_with_spaces_and_quotes_are_fine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / 'it\'s a "place", é'
    monkeypatch.setenv("THESIS_OUTPUT_ROOT", str(root))
    assert main(TINY) == 0
    (run,) = (root / "runs").iterdir()
    assert read_events(run).of("on_train_end")
    assert RunDir(run).best.exists()


def test_a_config_for_a_cluster_that_is_trained_here_says_so_once(
    thesis_train: Train,
    own_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (own_folder / "nothing_to_do.py").write_text("def train(cfg):\n    return {}\n")
    words = ("loop=nothing_to_do:train", "phase1.trainer.seed=1,2", "-m")
    told = "launcher=htcondor: thesis-train trains on this machine; engine submit OVERRIDES sends"
    for typed, times in (((), 0), (("launcher=htcondor",), 1)):
        assert thesis_train(*words, *typed).code == 0
        assert capsys.readouterr().out.count(told) == times
    monkeypatch.setenv(JOB_ID, "7.0")  # it is on its node already
    assert thesis_train(*words, "launcher=htcondor").code == 0
    assert told not in capsys.readouterr().out
