"""`engine compare`: trainings of combinations of components, and the table that comes of them."""

from __future__ import annotations

import csv
import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine.cli.train
from engine.cli import main
from engine.comparison.mean_prediction import evaluate_mean_prediction
from engine.comparison.origins import origins_of, this_process, warning
from engine.comparison.page import WORSE, Comparison
from engine.comparison.plan import Choices, Combination, Plan, Training, make_plan
from engine.comparison.table import BASELINE, make_rows
from engine.config.compose import compose
from engine.data import make_dataloaders
from engine.facts import append_jsonl_event, build_event_payload
from engine.library.summary import Number, RunSummary

PAGE = Path(__file__).resolve().parents[2] / "docs" / "COMPARISON.md"

SMALL = (
    *("data.limit_samples=64", "logging.make_plots=false", "device=cpu"),
    *("--loops", "ae", "--encoders", "mlp", "--epochs", "1", "--seeds", "1"),
)
ERRORS = {"error_E", "error_pT", "error_eta", "error_phi"}
AREAS = {"auroc_tttt", "auroc_ttH", "auroc_ttW", "auroc_ttZ"}
AREA_ERRORS = {f"auroc_error_{name}" for name in ("tttt", "ttH", "ttW", "ttZ")}
COLUMNS = {"val_loss", "id_accuracy", "n_parameters", "events_per_s"}
COLUMNS |= ERRORS | AREAS | AREA_ERRORS


def compared(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    """What `engine compare --json` prints, and nothing beside it."""
    capsys.readouterr()
    assert main(["compare", *words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def titles(text: str) -> list[str]:
    """The titles of the table on a page."""
    line = next(line for line in text.splitlines() if line.startswith("|"))
    return [cell.strip().replace("\\", "") for cell in line.strip("|").split("|")]


def test_combinations_are_trained_once_and_compared(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (*SMALL, "--latent-spaces", "none,vq", "-o", "table.md")
    told = compared(capsys, *words)
    baseline, none, vq = told["rows"]
    assert baseline["encoder"] == BASELINE
    assert [none["latent_space"], vq["latent_space"]] == ["none", "vq"]
    for row in (none, vq):
        assert (set(row["numbers"]), row["state"]) == (COLUMNS, "1 of 1")
    assert set(baseline["numbers"]) == COLUMNS - {"n_parameters", "events_per_s"}
    sizes = [row["numbers"]["n_parameters"]["mean"] for row in (none, vq)]
    assert sizes[1] - sizes[0] == 512 * 32, "the codes are learned too"

    text = (own_folder / "table.md").read_text()
    assert ("±" in text, "auroc" in " ".join(titles(text))) == (False, False), "one seed: no spread"
    errors = [row["numbers"]["auroc_error_tttt"]["mean"] for row in told["rows"]]
    assert f"uncertain by up to: tttt {max(errors):.3f}, ttH " in text
    assert "rows tells tttt from the others better than it by more than twice" in text
    assert sum(told["trained_on"].values()) == 64
    assert f"tttt {told['trained_on']['tttt']}" in text
    assert len(re.findall(r"^\| ae \|", text, re.M)) == 3
    with (own_folder / "outputs" / "comparison.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert float(lines[1]["error_pT"]) == none["numbers"]["error_pT"]["mean"]
    assert json.loads((own_folder / "outputs" / "comparison.json").read_text()) == told

    runs = sorted((own_folder / "outputs" / "runs").iterdir())
    assert compared(capsys, *words) == told
    assert sorted((own_folder / "outputs" / "runs").iterdir()) == runs

    assert [one["runs"] for one in told["trained_with"]] == [none["runs"] + vq["runs"]]
    assert f"; trained with {this_process()}. " in text
    events = own_folder / "outputs" / "runs" / vq["runs"][0] / "facts" / "events.jsonl"
    events.write_text(re.sub(r'"git_commit":("\w+"|null)', f'"git_commit":"{COMMIT}"',
        events.read_text()))  # fmt: skip
    assert main(["compare", *words]) == 0
    assert re.search(f"{COMMIT[:10]}.*{vq['runs'][0]}", capsys.readouterr().err)
    assert f"commit {COMMIT[:10]}" in (own_folder / "table.md").read_text()


def test_a_run_that_failed_is_a_row_that_says_so(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (*SMALL, "--latent-spaces", "none", "phase1.trainer.lr=1e30", "-o", "table.md")
    told = compared(capsys, *words, "--loops", "no_loop", code=1)
    _, row = told["rows"]
    assert row["state"].startswith("0 of 1, 1 failed: ")
    assert row["numbers"] == {}
    (out,) = told["left_out"]
    assert out["loop"] == "no_loop"
    assert "no such option" in out["reason"]
    assert "- no_loop, mlp, none: " in (own_folder / "table.md").read_text()


def test_an_interruption_ends_the_command_and_writes_no_table(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def interrupted(words: list[str], program: str) -> int:
        (own_folder / "outputs" / "runs" / "run_20261101-140500_comparison").mkdir(parents=True)
        asked.extend(words)
        return 130

    monkeypatch.setattr(engine.cli.train, "main", interrupted)
    words = (*SMALL, "--latent-spaces", "none,vq", "--at-once", "2", "-o", "table.md")
    assert main(["compare", *words]) == 130
    assert {"--multirun", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"} <= set(asked)
    assert not (own_folder / "table.md").exists()
    assert "the same command does the rest" in capsys.readouterr().err


def test_what_makes_no_comparison_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--seeds", "0", "phase1/encoder=gnn", "-o", "table.md"]
    assert main(["compare", *words]) == 2
    said = capsys.readouterr().err
    assert "--seeds 0" in said
    assert "phase1/encoder=gnn: --encoders says it" in said
    assert main(["compare", "--loops", "gan", "-o", "table.md"]) == 2
    assert "loop=gan" in (said := capsys.readouterr().err)
    assert "gan_ae" in said
    assert main(["compare", "last", "last~1"]) == 2
    assert "engine diff RUN RUN" in capsys.readouterr().err
    assert main(["compare", "-o", "nowhere/table.md"]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_a_combination_that_the_config_refuses_is_left_out_with_its_reason() -> None:
    choices = Choices(("ae",), ("mlp", "gnn"), ("none",), 1, 1, ("phase1.encoder.k=6",))
    plan = make_plan(choices)
    assert [one.combination.encoder for one in plan.trainings] == ["gnn"]
    ((combination, reason),) = plan.left_out.items()
    assert combination == ("ae", "mlp", "none")
    assert "phase1.encoder.k" in reason
    assert "it needs phase1/encoder=gnn" in reason


def test_a_loop_without_a_key_of_an_override_is_left_out_and_told_whose_key_it_is() -> None:
    words = ("data=h5_tokens", "task=binary")
    plan = make_plan(Choices(("ae", "test_mlp"), ("mlp",), ("none",), 1, 1, words))
    assert [one.combination.loop for one in plan.trainings] == ["test_mlp"]
    assert "task: there is no such key here; it needs loop=test_mlp" in str(plan.left_out)


def training(combination: tuple[str, str, str], seed: int, done: bool = False) -> Training:
    run = RunSummary(f"{combination}{seed}", "run", "finished") if done else None
    return Training(Combination(*combination), seed, None, run)


@pytest.mark.parametrize("done", [set(), {0}, {1, 2, 5}, {0, 1, 2, 3}])
def test_the_sweep_has_the_points_that_are_missing(done: set[int]) -> None:
    choices = Choices(("ae", "gan_ae"), ("mlp",), ("none", "vq"), seeds=2)
    points = list(itertools.product(*choices.values()))[:-1]  # one is refused
    plan = Plan(choices, [training(p[:3], p[3], n in done) for n, p in enumerate(points)])
    words = dict(word.split("=", 1) for word in plan.sweep_of_missing()[::-1])
    keys = ("loop", "phase1/encoder", "phase1/latent_space", "phase1.trainer.seed")
    swept = list(itertools.product(*(words[key].split(",") for key in keys)))
    out = json.loads(words.get("hydra.sweeper.leave_out", "[]"))
    kept = [point for number, point in enumerate(swept) if number not in out]
    assert kept == [(*p[:3], str(p[3])) for n, p in enumerate(points) if n not in done]


def test_nothing_is_swept_where_all_is_done() -> None:
    plan = Plan(Choices(), [training(("ae", "mlp", "none"), 1, done=True)])
    assert plan.sweep_of_missing() == []


def test_numbers_worse_than_the_baseline_are_marked() -> None:
    runs = [training(("ae", "mlp", "none"), seed, done=True) for seed in (1, 2)]
    for one, loss in zip(runs, (0.5, 0.7), strict=True):
        assert one.run is not None
        one.run.numbers = {"val_loss": Number(loss, 1, 1, loss, 1, 1)}
        one.run.results = {"baseline_val_loss": 0.65}
    told = {"error_pT": 9.0, "error_E": 30.0, "id_accuracy": 0.4, "auroc_tttt": 0.3}
    evaluated = {one.run.path: told for one in runs if one.run is not None}
    mean = {"error_pT": 8.0, "error_E": 31.0, "id_accuracy": 0.6, "auroc_tttt": 0.5}
    first, row = make_rows(Plan(Choices(), runs), evaluated, {"ae": mean})
    assert first.numbers["val_loss"].mean == 0.65
    assert row.numbers["val_loss"].mean == pytest.approx(0.6)
    assert row.numbers["val_loss"].std == pytest.approx(0.1 * 2**0.5)
    assert set(row.worse) == {"error_pT", "id_accuracy"}


@pytest.mark.parametrize(("area", "told"), [(0.59, "1 of 2 rows tells"), (0.58, "none of 2 rows")])
def test_a_score_is_better_than_that_of_the_mean_by_more_than_its_error(
    area: float, told: str
) -> None:
    spaces = ("none", "vq")
    plan = Plan(Choices(), [training(("ae", "mlp", name), 1, done=True) for name in spaces])
    mean = {"auroc_tttt": 0.56, "auroc_error_tttt": 0.01}
    found = [{"auroc_tttt": value, "auroc_error_tttt": 0.01} for value in (area, 0.3)]
    runs = [one.run.path for one in plan.trainings if one.run is not None]
    rows = make_rows(plan, dict(zip(runs, found, strict=True)), {"ae": mean})
    words = ("tttt", ["ttH"], "engine compare", "today", {}, this_process())
    assert told in Comparison(plan, rows, {}, *words).markdown()


def test_a_baseline_has_no_numbers_that_the_models_of_its_loop_do_not_have() -> None:
    runs = [training(("test_mlp", "mlp", "none"), 1, done=True)]
    evaluated = {one.run.path: {"auroc_tttt": 0.8} for one in runs if one.run is not None}
    mean = {"error_pT": 8.0, "id_accuracy": 0.6}
    plan = Plan(Choices(("test_mlp",), seeds=1), runs)
    rows = make_rows(plan, evaluated, {"test_mlp": mean})
    assert rows[0].numbers == {}
    assert make_rows(plan, {}, {"test_mlp": mean})[0].numbers.keys() == mean.keys()
    comparison = Comparison(plan, rows, {}, "tttt", ["ttH"], "engine compare", "today", {},
        this_process(), {"tttt": 8018, "ttH": 3203})  # fmt: skip
    page = comparison.markdown()
    assert "probability that an event is tttt: the other classes against tttt are then" in page
    assert "(tttt 8,018, ttH 3,203): tttt is the most usual of them" in page


def test_a_loop_without_events_is_left_out_before_anything_is_trained(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--loops", "test_mlp", "--encoders", "mlp", "--latent-spaces", "none"]
    assert main(["compare", *words]) == 2
    assert "loop=test_mlp: data.source=synthetic has no events" in capsys.readouterr().err
    assert not Path("outputs/runs").exists()


def test_predicting_the_mean_is_off_by_the_mean_absolute_deviation() -> None:
    cfg = compose(["data.limit_samples=200"])
    train, _, test, meta = make_dataloaders(cfg)
    physical = [
        meta["token_normaliser"].inverse(b.tensors[0][b.tensors[1] > 0]).numpy()
        for b in (train, test)
    ]
    mean, truth = physical[0].mean(axis=0), physical[1]
    result = evaluate_mean_prediction(cfg)
    told = [one.mean_abs for one in result.features]
    expected = np.abs(truth - mean).mean(axis=0)
    assert told[:3] == pytest.approx(expected[:3], rel=1e-4)
    assert result.id_accuracy == pytest.approx(float((test.tensors[1] == 1).sum()) / len(truth))


@pytest.mark.parametrize("loop", ["ae", "gan_ae", "diffusion_ae"])
def test_the_baseline_is_scored_as_the_models_of_its_loop_are(loop: str) -> None:
    cfg = compose([f"loop={loop}", "data.limit_samples=100"])
    cfg[loop].loss_weights.id_cross_entropy = 3.0
    result = evaluate_mean_prediction(cfg)
    train, _, test, _ = make_dataloaders(cfg)
    tokens, ids, _ = test.tensors
    of_type = np.bincount(train.tensors[1][train.tensors[1] > 0].numpy(), minlength=8) + 1.0
    surprise = -np.log(of_type / of_type.sum())[ids.numpy()]
    each = tokens.square().mean(dim=2).numpy() + 3.0 * surprise
    real = (ids > 0).numpy()
    expected = (each * real).sum(axis=1) / real.sum(axis=1)
    assert result.collected.scores["reconstruction_error"] == pytest.approx(expected, rel=1e-4)


def started(folder: Path, name: str, *starts: dict[str, Any]) -> RunSummary:
    """A run with these starts."""
    for meta in starts:
        append_jsonl_event(folder / name, build_event_payload("on_start", folder / name, meta=meta))
    return RunSummary(str(folder / name), name, "finished")


COMMIT = "c" * 40
OLD, NEW = ({"git_commit": letter * 40, "torch_version": "2.13"} for letter in "ab")


def test_runs_are_asked_with_what_they_were_trained(tmp_path: Path) -> None:
    runs = [started(tmp_path, name, NEW) for name in ("run_a", "run_b")]
    origins = origins_of(runs)
    ((origin, names),) = origins.items()
    assert (origin.commit, origin.torch, names) == ("b" * 40, "2.13", ["run_a", "run_b"])
    assert warning(origins) is None


def test_runs_of_several_commits_are_warned_of_by_name(tmp_path: Path) -> None:
    resumed = NEW | {"resumed_from": {"epoch": 1}}
    runs = [started(tmp_path, name, NEW) for name in ("run_a", "run_b")]
    runs += [started(tmp_path, "run_c", OLD), started(tmp_path, "run_d", OLD, NEW)]
    runs += [started(tmp_path, "run_e", OLD, resumed)]
    origins = origins_of(runs)
    assert list(origins.values()) == [["run_a", "run_b", "run_d", "run_e"], ["run_c", "run_e"]]
    told = warning(origins)
    assert told is not None
    assert "engine remove" in told[0]
    assert ("a" * 10 in told[1][1], "run_c, run_e" in told[1][1]) == (True, True)
    comparison = Comparison(Plan(Choices()), [], {}, None, [], "engine compare", "today",
        origins, this_process())  # fmt: skip
    page = comparison.markdown()
    assert "**The runs were not all trained with the same code" in page
    assert "run_c, run_e" in page.replace("\\", "")
    assert "trained with" not in page.splitlines()[2]


def test_the_page_in_the_docs_was_made_by_the_command() -> None:
    text = PAGE.read_text(encoding="utf-8")
    made = text.splitlines()[2]
    assert text.startswith("# Comparison of models\n\nMade by `engine compare ")
    assert re.search(r"; trained with commit [0-9a-f]{10}, thesis-ml \S+, torch \S+, Python ", made)
    found = titles(text)
    assert found[:4] == ["loop", "encoder", "latent space", "val_loss"]
    assert {"E [GeV]", "pT [GeV]", "eta", "phi [rad]", "parameters", "events/s"} <= set(found)
    assert {f"AUROC {name}" for name in ("tttt", "ttH", "ttW", "ttZ")} <= set(found)
    models = [line for line in text.splitlines() if re.match(r"\| \w+ \| \w+ \| ", line)]
    whole = [line for line in models if line.endswith(" 3 of 3 |") and " - " not in line]
    assert len(whole) == 18, "three loops, two encoders, three latent spaces"
    marked = [line for line in models if WORSE in line and BASELINE not in line]
    assert marked == [], "no model is worse than predicting the mean"
