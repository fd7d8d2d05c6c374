"""Evaluation of real runs: after a training, and by `engine evaluate`."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from engine.cli import main
from engine.config.paths import sample_dir
from engine.evaluation.ranking import auroc
from engine.facts import RunDir, read_events, read_scalars
from engine.library.index import summarise
from tests.conftest import Outcome

Train = Callable[..., Outcome]
SUPERVISED = ("loop=test_mlp", "data=h5_tokens", "task=binary")
NUMBERS = ("tttt_auroc", "tttt_auroc_error", "tttt_rejection_at_50", "error_pT", "error_phi")


def metrics_of(run: RunDir) -> dict[str, Any]:
    """What `on_test_end` said last."""
    records = [one for one in read_events(run.path).records if one["moment"] == "on_test_end"]
    return records[-1]["metrics"]


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(["evaluate", *words]) == 0
    return capsys.readouterr().out


def error(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The sentence with which `engine evaluate` refuses."""
    capsys.readouterr()
    assert main(["evaluate", *words]) != 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return err


def test_a_training_and_the_command_give_the_same_numbers(
    thesis_train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    run = thesis_train("phase1.decoder.globals_head=true").run
    kept = json.loads(run.evaluation.read_text())
    told = json.loads(printed(capsys, "last", "--json"))
    assert told.pop("run") == run.run_id
    assert told == kept
    (score,) = told["scores"].values()
    metrics, signal = metrics_of(run), score["signals"]["tttt"]
    assert metrics["tttt_auroc"] == signal["auroc"]
    assert metrics["tttt_rejection_at_50"] == signal["rejections"][1]["rejection"]
    assert metrics["error_MET"] == told["globals"][0]["mean_abs"]
    # The same objects, once in batches and once at a time.
    assert metrics["id_accuracy"] == pytest.approx(told["id_accuracy"], rel=1e-6)
    assert sum(told["background"].values()) + signal["events"] == told["n_events"] == 256


def test_the_numbers_are_columns_to_sort_runs_by(
    thesis_train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    run = thesis_train().run
    results = summarise(run.path).results
    assert {f"test_{name}" for name in NUMBERS} <= set(results)
    rows = [row for row in read_scalars(run.path) if row["split"] == "test"]
    assert float(rows[0]["metric_tttt_auroc"]) == results["test_tttt_auroc"]
    columns = ["--columns", "name,test_tttt_auroc", "--sort", "-test_tttt_auroc"]
    assert main(["runs", "last", *columns]) == 0
    assert repr(results["test_tttt_auroc"]) in capsys.readouterr().out


def test_the_background_is_chosen(thesis_train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    run = thesis_train("evaluation.background=[tttt]").run
    assert {"ttH_auroc", "ttW_auroc", "ttZ_auroc"} <= set(metrics_of(run))
    text = printed(capsys, "last", "--background", "ttW,ttZ")
    assert "\ntttt\t" in text
    assert "\nttH\t" in text
    assert "\nttW\t" not in text
    (kept,) = json.loads(run.evaluation.read_text())["scores"].values()
    other = json.loads(printed(capsys, "last", "--background", "ttH", "--json"))
    # A class against another one is the other against the one, the other way round.
    (other,) = other["scores"].values()
    assert 1 - other["signals"]["tttt"]["auroc"] == pytest.approx(kept["signals"]["ttH"]["auroc"])


def test_the_scores_of_the_events_are_written_in_the_order_of_the_file(
    thesis_train: Train, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = thesis_train("loop=gan_ae").run
    (_, table, *_) = printed(capsys, "last", "--scores", "scores.csv").split("\n\n")
    assert table.split("\t")[:2] == ["signal", "score"], "of two rows of a signal, on any terminal"
    table = pd.read_csv(own_folder / "scores.csv")
    assert list(table) == ["event", "class", "reconstruction_error", "discriminator_score"]
    assert list(table["event"]) == list(range(256))
    with h5py.File(sample_dir() / "tops_20k.h5") as file:
        names = {1: "tttt", 2: "ttH", 3: "ttW", 5: "ttZ"}
        assert list(table["class"]) == [names[number] for number in file["Y_test"][:256]]
    is_signal = table["class"] == "tttt"
    for score, told in json.loads(run.evaluation.read_text())["scores"].items():
        area, _ = auroc(table[score][is_signal].to_numpy(), table[score][~is_signal].to_numpy())
        assert area == told["signals"]["tttt"]["auroc"]
    assert "--scores .: this is a directory" in error(capsys, "last", "--scores", ".")


def test_the_classes_of_past_runs_are_completed(
    thesis_train: Train, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    thesis_train()
    line = "engine evaluate last --background tttt,ttW"
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    capsys.readouterr()
    assert main(["--shell-completion", "query=bash"]) == 0
    assert capsys.readouterr().out.split() == ["tttt,ttW", "tttt,ttWW"]


def test_who_is_told_the_classes_tells_them_better(thesis_train: Train) -> None:
    words = ("data.limit_samples=1500", "phase1.trainer.epochs=3")
    blind = metrics_of(thesis_train(*words).run)["tttt_auroc"]
    told = metrics_of(thesis_train(*SUPERVISED, *words).run)["tttt_auroc"]
    assert told > 0.75
    assert told > blind


def test_toy_data_have_a_yes_and_a_no(thesis_train: Train) -> None:
    run = thesis_train("loop=test_mlp", "task=binary").run
    assert {"positive_auroc", "positive_rejection_at_30"} <= set(metrics_of(run))


def test_a_run_that_was_trained_without_is_given_its_numbers(
    thesis_train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    run = thesis_train("evaluation.enabled=false").run
    assert not run.evaluation.exists()
    before = run.events.read_bytes()
    printed(capsys, "last")
    assert run.events.read_bytes() == before
    assert not run.evaluation.exists()
    printed(capsys, "last", "--save")
    summary = summarise(run.path)
    assert summary.state == "finished"
    assert {f"test_{name}" for name in NUMBERS} | {"test_loss"} <= set(summary.results)
    assert json.loads(run.evaluation.read_text())["n_events"] == 256
    assert run.events.read_bytes().startswith(before)


def without_labels(folder: Path) -> str:
    """The place of a small copy of the sample in which the test split has no labels."""
    with (
        h5py.File(sample_dir() / "tops_20k.h5") as source,
        h5py.File(folder / "bare.h5", "w") as bare,
    ):
        for name in set(source) - {"Y_test"}:
            bare[name] = source[name][:256]
    return str(folder / "bare.h5")


def test_data_without_labels_are_reconstructed_and_not_ranked(
    thesis_train: Train, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = thesis_train(f"data.path={without_labels(own_folder)}").run
    assert "error_pT" in metrics_of(run)
    assert "tttt_auroc" not in metrics_of(run)
    assert "no AUROC: the test split has no labels" in run.log.read_text()
    capsys.readouterr()
    assert main(["evaluate", "last", "--json", "--save", "--scores", "scores.csv"]) == 0
    out, err = capsys.readouterr()
    assert "no AUROC: the test split has no labels" in err
    told = json.loads(out)
    assert told["scores"] == {}
    table = pd.read_csv(own_folder / "scores.csv")
    assert table["class"].isna().all()
    assert table["reconstruction_error"].notna().all()
    assert told["features"][1]["mean_abs"] == metrics_of(run)["error_pT"]


def softened(folder: Path, without: int | None = None) -> str:
    """The sample with other energies in training and validation, and perhaps without a class."""
    with (
        h5py.File(sample_dir() / "tops_20k.h5") as source,
        h5py.File(folder / "soft.h5", "w") as soft,
    ):
        for split in ("train", "val", "test"):
            events, labels = source[f"X_{split}"][:256], source[f"Y_{split}"][:256]
            kept = labels >= 0
            if split != "test":
                events[:, 20:] *= 1.7
                kept = labels != without
            soft[f"X_{split}"], soft[f"Y_{split}"] = events[kept], labels[kept]
    return str(folder / "soft.h5")


@pytest.mark.parametrize("words", [(), SUPERVISED], ids=["ae", "test_mlp"])
def test_other_data_are_normalised_as_those_that_the_model_was_trained_on(
    words: tuple[str, ...],
    thesis_train: Train,
    own_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = thesis_train(*words).run
    kept = json.loads(run.evaluation.read_text())
    other = f"data.path={softened(own_folder)}"
    told = json.loads(printed(capsys, "last", other, "--json"))
    assert {name: told[name] for name in kept} == kept
    refused = error(capsys, "last", other, "--save")
    assert "the training split has another mean or spread" in refused
    assert main(["resume", "last", "--epochs", "3", other]) == 2
    assert "the training split has another mean or spread" in capsys.readouterr().err


def test_a_normaliser_that_is_none_is_refused(
    thesis_train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    run = thesis_train().run
    text = run.events.read_text()
    own = re.compile(r'"std": ?\[')
    assert own.search(text)
    for wrong in ("0.0", '"${oc.env:HOME}"', "1.0, 1.0"):
        run.events.write_text(own.sub(f'"std": [{wrong}, ', text, count=1))
        assert "a normaliser in the facts" in error(capsys, "last")


def test_a_network_learns_of_signal_and_background_or_says_what_is_missing(
    thesis_train: Train, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = thesis_train(*SUPERVISED, f"data.path={softened(own_folder, without=1)}")
    assert (outcome.code, outcome.runs) == (2, [])
    assert "has no signal (tttt) in its train split" in capsys.readouterr().err


def test_a_network_is_asked_only_for_what_it_was_trained_to_tell(
    thesis_train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    thesis_train(*SUPERVISED)
    refused = error(capsys, "last", "--background", "tttt")
    assert "its score tells tttt from ttH, ttW, ttZ" in refused
    assert "AUROC" in printed(capsys, "last", "--background", "ttZ,ttW,ttH")


def test_what_cannot_be_evaluated_is_told_in_a_sentence(
    thesis_train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    run = thesis_train("loop=test_mlp").run
    assert "loop=test_mlp task=regression gives no scores" in error(capsys, "last")
    assert not run.evaluation.exists()
    run = thesis_train().run
    assert "there is no class tttx; choose from tttt" in error(capsys, "last", "--background=tttx")
    assert "Leave out --background" in error(capsys, "last", "--background=ttH", "--save")
    assert "--background CLASS" in error(capsys, "last", "evaluation.background=[ttH]")
    torch.save({"other": torch.zeros(1)}, run.best)
    assert "does not fit the config" in error(capsys, "last")
    run.best.unlink()
    assert "there is no checkpoint" in error(capsys, "last")


def test_a_run_of_somebody_else_executes_nothing(
    thesis_train: Train, capsys: pytest.CaptureFixture[str], own_folder: Path
) -> None:
    run = thesis_train().run
    (own_folder / "evil.py").write_text("open('/dev/null')\nraise SystemExit('executed')\n")
    config = run.hydra / "config.yaml"
    text = config.read_text()
    config.write_text(text.replace("engine.architectures.autoencoder.encoders.mlp", "evil"))
    assert "--trust PACKAGE allows a package" in error(capsys, "last")
    config.write_text(text.replace("loop: ae", "loop: evil:train"))
    assert "not a package that is trusted" in error(capsys, "last")
    config.write_text(text)
    shutil.copy(own_folder / "evil.py", run.best)
    assert "not a checkpoint that can be read safely" in error(capsys, "last")


@pytest.mark.parametrize("background", ["[tt]", "[1.5]", "tttt"])
def test_a_background_that_cannot_be_is_told_before_the_training(
    background: str, thesis_train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = thesis_train(f"evaluation.background={background}")
    assert outcome.code == 2
    assert outcome.runs == []
    assert "evaluation.background" in capsys.readouterr().err


def test_labels_of_the_training_are_needed_by_who_learns_from_them(
    thesis_train: Train, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = thesis_train(*SUPERVISED, f"data.path={without_labels(own_folder)}")
    assert outcome.code == 2
    assert "has no labels of the test split" in capsys.readouterr().err


def test_a_model_of_few_events_says_what_it_cannot_know(thesis_train: Train) -> None:
    run = thesis_train("data.limit_samples=2").run
    record = json.loads(run.evaluation.read_text())
    assert np.isfinite(record["features"][0]["rms"])
    assert all(value is None or value == value for value in metrics_of(run).values())
