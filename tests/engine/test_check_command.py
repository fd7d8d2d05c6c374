"""What `engine check` says before a training, held against what the training then does."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from engine.cli import main
from engine.facts import read_events
from engine.preflight import models
from engine.training_loops import autoencoder
from tests.conftest import TINY, Outcome

Train = Callable[..., Outcome]


class Checked(NamedTuple):
    code: int
    said: dict[str, Any]

    def keys(self) -> dict[str | None, str]:
        return {problem["key"]: problem["text"] for problem in self.said["problems"]}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A few steps with one thread: two processes of tests share two cores."""
    monkeypatch.setattr(models, "BUDGET_S", 0.05)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def check(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Checked]:
    """Runs `engine check --json` on a tiny training; further overrides win."""

    def run(*words: str) -> Checked:
        given = {word.split("=")[0].lstrip("+") for word in words}
        defaults = [word for word in TINY if word.split("=")[0] not in given]
        capsys.readouterr()
        code = main(["check", "--json", *defaults, *words])
        return Checked(code, json.loads(capsys.readouterr().out))

    return run


Check = Callable[..., Checked]


def test_parameters_and_checkpoints_are_those_of_the_training(
    check: Check, thesis_train: Train
) -> None:
    words = ["phase1/latent_space=linear", "phase1.decoder.globals_head=true"]
    code, said = check(*words)
    run = thesis_train(*words).run
    weights = torch.load(run.best, weights_only=True)
    trained = dict.fromkeys(("embedding", "encoder", "latent_space", "decoder"), 0)
    for name, tensor in weights.items():
        trained[name.split(".")[0]] += tensor.numel()
    assert code == 0
    assert {part["name"]: part["total"] for part in said["model"]["parts"]} == trained
    assert said["model"]["total"] == said["model"]["trainable"] == sum(trained.values())
    (start,) = read_events(run.path).of("on_start")
    assert start["meta"]["data"]["n_parameters"] == said["model"]["total"]
    assert said["checkpoint"]["best_bytes"] == pytest.approx(run.best.stat().st_size, rel=0.1)
    assert said["checkpoint"]["last_bytes"] == pytest.approx(run.last.stat().st_size, rel=0.1)


def test_points_that_are_left_out_are_no_problem_and_take_no_time(check: Check) -> None:
    words = ("--multirun", "--at-once", "2", "phase1.trainer.lr=0.1,0,0.2,-1")
    code, said = check(*words, "--leave-out", "1", "--leave-out", "3")
    assert code == 0
    assert [point["number"] for point in said["points"]] == [0, 2]
    assert said["total_s"] == pytest.approx(said["points"][0]["training_s"])
    assert check(*words).code == 2


def test_the_estimated_time_is_that_of_an_epoch(
    check: Check, thesis_train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What else the machine does may come between the two, so three pairs are measured."""
    monkeypatch.setattr(models, "BUDGET_S", 0.2)
    words = ["data.limit_samples=2000", "data.batch_size=32"]

    def ratio() -> float:
        estimated = check(*words).said["epoch_s"]
        events = read_events(thesis_train(*words).run.path).of("on_epoch_end")
        return float(estimated / min(event["epoch_time_s"] for event in events))

    assert any(1 / 3 < ratio() < 3 for _ in range(3))


def test_what_past_runs_took_is_told_of_those_of_the_same_kind(
    check: Check, thesis_train: Train
) -> None:
    run = thesis_train().run
    epochs = read_events(run.path).of("on_epoch_end")
    seconds = statistics.median(epoch["epoch_time_s"] for epoch in epochs)
    past = check("phase1.trainer.lr=0.1").said["past"]
    assert past["runs"] == 1
    assert past["median_s"] == past["lowest_s"] == past["highest_s"] == pytest.approx(seconds)
    assert check("phase1/latent_space=vq").said["past"] is None


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.lstat().st_mtime_ns, path.lstat().st_size)
        for path in sorted(folder.rglob("*"))
    }


def test_nothing_is_left_behind_and_nothing_is_touched(
    check: Check, thesis_train: Train, own_folder: Path
) -> None:
    before = snapshot(own_folder)
    assert check("device=tpu").code == 2
    assert snapshot(own_folder) == before == {}
    thesis_train()
    before = snapshot(own_folder)
    check("--multirun", "phase1.trainer.seed=42,43")
    assert snapshot(own_folder) == before


def test_all_mistakes_are_told_at_once_each_with_its_key(check: Check, own_folder: Path) -> None:
    (own_folder / "file").write_text("")
    code, said = outcome = check(
        "phase1/encoder=mpl",
        "phase1.trainer.lr=abc",
        "data.file=nope.h5",
        "env.output_root=file/outputs",
        "loop=no.such:train",
        "epochs",
    )
    assert code == 2
    assert not said["ok"]
    told = outcome.keys()
    assert len(said["problems"]) == len(told) == 6
    assert "did you mean mlp" in told["phase1/encoder"]
    assert "number above 0" in told["phase1.trainer.lr"]
    assert "no data file" in told["data.file"]
    assert "is no directory" in told["env.output_root"]
    assert "No module named" in told["loop"]
    assert "key=value" in told["epochs"]


def test_what_does_not_fit_of_device_data_and_model_is_told_at_once(check: Check) -> None:
    outcome = check(
        "data.datasets.events.val=X",
        "data.columns.ids=[0,19]",
        "phase1.encoder._target_=engine.nowhere.Encoder",
        *([] if torch.cuda.is_available() else ["device=cuda"]),
    )
    told = outcome.keys()
    assert outcome.code == 2
    assert "no dataset X" in told["data.datasets.events.val"]
    assert "18 columns" in told["data.columns.ids"]
    assert "engine.nowhere" in told["phase1.encoder"]
    assert torch.cuda.is_available() or "device=cpu" in told["device"]


def test_a_loss_that_is_not_finite_is_a_problem_of_the_learning_rate(check: Check) -> None:
    outcome = check("phase1.trainer.lr=1e30", "data.batch_size=64")
    assert outcome.code == 2
    assert "loss is nan" in outcome.keys()["phase1.trainer.lr"]


def test_a_component_that_fails_in_a_step_is_a_problem(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("shapes\ncannot be multiplied")

    monkeypatch.setattr(autoencoder.AutoencoderObjective, "terms", fail)
    outcome = check()
    assert outcome.code == 2
    assert "RuntimeError: shapes cannot be multiplied" in outcome.keys()[None]


def test_a_lack_of_memory_names_the_batch_size(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(autoencoder.AutoencoderObjective, "terms", fail)
    assert "Halve data.batch_size" in check().keys()["data.batch_size"]


def test_a_run_with_an_equal_config_is_named_and_one_with_another_seed_is_told_apart(
    check: Check, thesis_train: Train
) -> None:
    name = thesis_train("logging.dpi=40").run.run_id
    (point,) = (said := check().said)["points"]
    assert point["equal"] == [name]
    assert name in said["warnings"][0]["text"]
    (point,) = (said := check("phase1.trainer.seed=7").said)["points"]
    assert (point["equal"], point["same_but_seed"]) == ([], [name])
    assert said["warnings"] == []
    assert name in said["remarks"][0]["text"]
    (point,) = check("phase1.trainer.seed=null").said["points"]
    assert point["equal"] == []
    (point,) = check("phase1.trainer.lr=0.5").said["points"]
    assert (point["equal"], point["same_but_seed"]) == ([], [])


def test_a_sweep_builds_each_distinct_model_once(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, built = autoencoder.build, []

    def build(cfg: Any, *others: Any) -> Any:
        built.append(cfg.phase1.latent_space._target_)
        return real(cfg, *others)

    monkeypatch.setattr(autoencoder, "build", build)
    words = ["phase1/latent_space=none,vq", "phase1.trainer.lr=0.1,0.2", "phase1.trainer.seed=1,2"]
    code, said = check("--multirun", *words)
    assert code == 0
    assert len(built) == len(set(built)) == len(said["models"]) == 2
    assert [model["points"] for model in said["models"]] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert said["points"][6]["overrides"] == [
        "phase1/latent_space=vq",
        "phase1.trainer.lr=0.2",
        "phase1.trainer.seed=1",
    ]
    assert said["total_s"] == pytest.approx(sum(point["training_s"] for point in said["points"]))
    checkpoints = [sum(model["checkpoint"].values()) for model in said["models"]]
    assert said["disk"]["needed_bytes"] == 4 * sum(checkpoints)


def test_trainings_at_once_take_less_time(check: Check) -> None:
    said = check("-m", "phase1.trainer.epochs=1,2,4", "--at-once", "2").said
    times = [point["training_s"] for point in said["points"]]
    assert said["total_s"] == pytest.approx(times[0] + times[2])


def test_each_point_of_a_sweep_has_its_own_problems(check: Check) -> None:
    words = ["phase1/latent_space=none,vqq", "phase1.trainer.epochs=1,-1"]
    code, said = check("--multirun", *words)
    keys = [[problem["key"] for problem in point["problems"]] for point in said["points"]]
    assert code == 2
    group, epochs = "phase1/latent_space", "phase1.trainer.epochs"
    assert keys == [[], [epochs], [group], [group, epochs]]
    assert len(said["problems"]) == 2


def test_an_experiment_is_the_sweep_that_it_asks_for(check: Check) -> None:
    said = check("--config-name=phase1/experiment/compare_vq_vs_none").said
    overrides = [point["overrides"] for point in said["points"]]
    assert overrides == [["phase1/latent_space=none"], ["phase1/latent_space=vq"]]


def test_a_folder_of_groups_of_ones_own_is_used(check: Check, own_folder: Path) -> None:
    folder = own_folder / "mine" / "phase1" / "trainer"
    folder.mkdir(parents=True)
    (folder / "short.yaml").write_text("epochs: 3\nlr: 0.1\nseed: 1\n")
    words = ["phase1/trainer=short", "--config-dir", "mine"]
    code = main(["check", *words, "data.limit_samples=256", "device=cpu"])
    assert code == 0
    assert main(["check", "--config-dir", "nowhere"]) == 2


LOOP = "print('hello')\n\n\ndef train(cfg):\n    raise RuntimeError('it was trained')\n"


def test_a_loop_of_ones_own_is_composed_and_not_tried(check: Check, own_folder: Path) -> None:
    (own_folder / "own_check_loop.py").write_text(LOOP)
    code, said = check("loop=own_check_loop:train", "data.file=nope.h5")
    assert code == 0
    assert said["model"] is None
    assert any("cannot be tried" in remark["text"] for remark in said["remarks"])
    assert said["warnings"][0]["key"] == "data.file"


def test_a_loop_whose_module_fails_is_a_problem(check: Check, own_folder: Path) -> None:
    (own_folder / "broken_check_loop.py").write_text("def train(cfg:\n")
    outcome = check("loop=broken_check_loop:train")
    assert outcome.code == 2
    assert "SyntaxError" in outcome.keys()["loop"]


def test_a_config_file_that_cannot_be_read_is_a_problem(check: Check, own_folder: Path) -> None:
    (own_folder / "mine" / "data").mkdir(parents=True)
    (own_folder / "mine" / "data" / "broken.yaml").write_text("a: [\n")
    outcome = check("--config-dir", "mine", "data=broken")
    assert outcome.code == 2
    assert len(outcome.said["problems"]) == 1


def test_a_config_of_somebody_else_calls_nothing_that_is_not_trusted(
    check: Check, own_folder: Path
) -> None:
    (own_folder / "hostile_check.py").write_text("raise SystemExit('it was imported')\n")
    words = ["phase1.encoder._target_=hostile_check.Encoder", "loop=hostile_check:train"]
    outcome = check("--untrusted", *words)
    assert outcome.code == 2
    assert "--trust PACKAGE" in outcome.keys()["phase1.encoder._target_"]
    assert "--trust PACKAGE" in outcome.keys()["loop"]
    assert "hostile_check" not in sys.modules
    assert check("--untrusted").code == 0
    assert str(own_folder) not in sys.path
    check("--trust", "my_package")
    assert str(own_folder) in sys.path


def test_a_package_that_the_environment_trusts_is_trusted_by_a_check(
    check: Check, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_folder / "my_loops.py").write_text("def train(cfg): ...\n")
    assert check("--untrusted", "loop=my_loops:train").code == 2
    monkeypatch.setenv("THESIS_TRUST", "my_loops")
    assert check("--untrusted", "loop=my_loops:train").code == 0


def test_a_full_disk_is_a_warning(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    code, said = check()
    assert code == 0
    assert said["warnings"][0]["key"] == "env.output_root"
    assert said["disk"]["free_bytes"] == 1000 < said["disk"]["needed_bytes"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_root_that_is_not_ours_is_a_problem(check: Check, own_folder: Path) -> None:
    (own_folder / "theirs").mkdir(mode=0o500)
    assert "not yours" in check("env.output_root=theirs/outputs").keys()["env.output_root"]


def test_the_json_has_the_same_keys_whatever_is_wrong(check: Check) -> None:
    good, again, wrong = check().said, check().said, check("phase1.trainer.seed=1,2").said
    assert "--multirun" in wrong["problems"][0]["text"]
    assert list(good) == list(again) == list(wrong)
    assert list(good["models"][0]) == list(wrong["models"][0])
    measured = ("batch", "models", "points", "epoch_s", "training_s", "total_s", "disk", "remarks")
    same = [{key: said[key] for key in said if key not in measured} for said in (good, again)]
    assert same[0] == same[1]
    assert good["data"]["splits"][0] == {
        "name": "train",
        "dataset": "X_train",
        "events": 256,
        "events_in_file": 16000,
        "columns": 92,
        "has_labels": True,
    }


@pytest.mark.parametrize(
    ("width", "words"),
    [
        (120, []),
        (80, ["-m", "phase1/latent_space=none,vq", "phase1.trainer.seed=1,2"]),
        (80, ["phase1.trainer.lr=-1", "data.file=nope.h5"]),
    ],
    ids=str,
)
def test_the_text_is_as_wide_as_the_terminal(
    width: int, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    code = main(["check", *TINY, *words])
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert max(len(line) for line in lines if "/" not in line) <= width
    assert not any(line != line.rstrip() for line in lines)
    if code:
        assert lines[0] == "2 problems"
        assert "  - data.file: there is no data file" in text
    else:
        assert lines[0] == "no problems"
        assert "22,304" in text
        assert " MB for a batch of 128" in text


def test_a_check_loads_nothing_that_only_figures_need(own_folder: Path) -> None:
    code = (
        "import sys; from engine.cli import main; code = main(['check', 'data.limit_samples=64']);"
        "heavy = {'matplotlib', 'pandas', 'torch_geometric', 'torch._dynamo', 'textual'};"
        "print('loaded:', *(heavy & set(sys.modules))); sys.exit(code)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.startswith("no problems")
    assert answer.stdout.endswith("\nloaded:\n")
