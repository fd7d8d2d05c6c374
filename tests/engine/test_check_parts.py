"""The parts of a check: keys of problems, memory of tensors, sizes of checkpoints."""

from __future__ import annotations

import io
import json

import pytest
import torch

from engine.config.problem_keys import keyed
from engine.errors import ConfigError
from engine.preflight.points import make_points
from engine.training_loops.checkpoints import size_as_saved
from engine.training_loops.tensor_memory import peak_bytes

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("sentence", "key"),
    [
        ("phase1.trainer.lr=abc: must be a number above 0", "phase1.trainer.lr"),
        ("phase1/encoder=cnn: no such option; choose gnn or mlp", "phase1/encoder"),
        ("phase1/latent_spac: there is no such group", "phase1/latent_spac"),
        ("+phase1.mine=[1: cannot be read", "phase1.mine"),
        ("data.units is empty, and cannot be", "data.units"),
        ("phase1.trainer.epochs is missing: give a whole number", "phase1.trainer.epochs"),
        ("phase1.encoder gives [2, 3], and must give [2, 4]", "phase1.encoder"),
        ("phase1.decoder has no _target_: name the class to make", "phase1.decoder"),
        ("loop=ae cannot train on these data", "loop"),
        ("epochs: an override is written key=value", "epochs"),
        ("X_train in /data/a.h5 has no object in any event", None),
        ("there is no data file /data/a.h5", None),
        ("--epochs: there is no such option", None),
    ],
)
def test_the_key_of_a_problem_is_what_its_sentence_begins_with(
    sentence: str, key: str | None
) -> None:
    problem = keyed(sentence)
    assert (problem.key, problem.text) == (key, sentence)
    assert keyed(sentence, "data.file").key == (key or "data.file")


def test_tensors_count_while_they_live() -> None:
    kept = torch.zeros(1000)

    def work() -> None:
        kept.add_(1)  # in its place
        for _ in range(3):
            made = torch.zeros(500) + torch.ones(500)
            made.view(5, 100).t()
            del made

    assert peak_bytes(work, CPU) == 3 * 500 * 4


def test_a_larger_batch_takes_more_memory_in_proportion() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(10, 50), torch.nn.GELU(), torch.nn.Linear(50, 1))

    def step(n_events: int) -> int:
        return peak_bytes(lambda: network(torch.ones(n_events, 10)).sum().backward(), CPU)

    step(1)  # makes the gradients, which stay
    assert step(2000) / step(1000) == pytest.approx(2, rel=0.05)


def test_the_size_of_a_checkpoint_is_that_of_its_file() -> None:
    content = {"weights": torch.arange(5000.0), "epoch": 3, "names": ["a", "b"]}
    file = io.BytesIO()
    torch.save(content, file)
    assert size_as_saved(content) == len(file.getvalue())


def test_the_points_of_a_sweep_come_in_the_order_in_which_they_are_trained() -> None:
    words = ["phase1.trainer.lr=0.1,0.2", "+mine=1", "phase1.trainer.epochs=range(1,3)"]
    points, problems = make_points(words, multirun=True)
    lr, epochs = "phase1.trainer.lr", "phase1.trainer.epochs"
    assert problems == []
    assert [point.differs for point in points] == [
        [f"{lr}=0.1", f"{epochs}=1"],
        [f"{lr}=0.1", f"{epochs}=2"],
        [f"{lr}=0.2", f"{epochs}=1"],
        [f"{lr}=0.2", f"{epochs}=2"],
    ]
    assert [point.cfg.phase1.trainer.lr for point in points if point.cfg] == [0.1, 0.1, 0.2, 0.2]


@pytest.mark.slow
def test_a_key_that_only_some_options_have_is_a_problem_of_the_others() -> None:
    words = ["phase1/latent_space=none,vq", "phase1.latent_space.codebook_size=64"]
    (without, with_key), problems = make_points(words, multirun=True)
    assert [problem.key for problem in problems] == ["phase1.latent_space.codebook_size"]
    assert without.problems == problems
    assert with_key.cfg is not None


@pytest.mark.parametrize(
    ("typed", "wished"), [("[2]", []), ("[]", [2]), ("[1,2]", [1]), ("[2]", [1, 2])]
)
def test_points_that_are_left_out_are_neither_looked_at_nor_counted(
    typed: str, wished: list[int]
) -> None:
    words = ["phase1.trainer.lr=0.1,0.2,0", f"hydra.sweeper.leave_out={typed}"]
    points, problems = make_points(words, multirun=True, leave_out=wished)
    assert problems == []
    gone = {*wished, *json.loads(typed)}
    assert [point.number for point in points] == [n for n in range(3) if n not in gone]


def test_beside_a_point_that_is_wrong_one_that_is_left_out_is_not_told() -> None:
    words = ["phase1.trainer.lr=0.1,-2,0"]
    points, problems = make_points(words, multirun=True, leave_out=[2])
    assert [problem.text.partition(":")[0] for problem in problems] == ["phase1.trainer.lr=-2"]
    assert [len(point.problems) for point in points] == [0, 1]


@pytest.mark.parametrize("leave_out", [[3], [0, 1]])
def test_points_that_cannot_be_left_out_are_refused(leave_out: list[int]) -> None:
    with pytest.raises(ConfigError, match="point"):
        make_points(["phase1.trainer.seed=1,2"], multirun=True, leave_out=leave_out)
    with pytest.raises(ConfigError, match="no sweep"):
        make_points(["phase1.trainer.seed=1"], leave_out=leave_out)


@pytest.mark.parametrize(
    "override",
    ["+hydra.sweeper.params={device:'cpu,cuda'}", "+hydra.sweeper.params.phase1.trainer.seed=1"],
)
@pytest.mark.parametrize("multirun", [True, False])
def test_lists_that_only_an_experiment_may_hold_are_one_problem(
    override: str, multirun: bool
) -> None:
    _, (problem,) = make_points([override], multirun=multirun)
    assert "is for experiments" in problem.text
    assert problem.key is not None


def test_a_wrong_option_in_a_sweep_is_one_problem_and_the_rest_is_looked_at() -> None:
    words = ["phase1/latent_space=vqq", "phase1.trainer.seed=1,2"]
    (point,), (problem,) = make_points(words, multirun=True)
    assert problem.key == "phase1/latent_space"
    assert point.usable is not None


def test_a_sweep_without_a_list_of_values_is_a_problem() -> None:
    points, (problem,) = make_points(["phase1.trainer.lr=interval(0.1,1)"], multirun=True)
    assert problem.key == "phase1.trainer.lr"
    assert len(points) == 1
