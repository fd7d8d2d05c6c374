"""Problems of a command line: all of them at once, each by name, with the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config.command import run_command
from engine.config.fitting import typed_problem
from engine.config.problems import find_problems
from engine.errors import ConfigError

# Each override with the words that its sentence has to hold. Composing costs, so they are asked
# together, which is also how they have to be answered.
EXPECTED = {
    "phase1/latent_space=vqq": ["phase1/latent_space=vqq", "none", "linear", "did you mean vq?"],
    "phase1/encoder=cnn": ["phase1/encoder=cnn", "choose", "mlp"],
    "phase1.trainer.epoch=3": ["phase1.trainer.epoch:", "did you mean phase1.trainer.epochs?"],
    "trainer.weight_decay=1": ["did you mean phase1.trainer.weight_decay?"],
    "zzz=1": ["zzz:", "no such key", "+zzz"],
    "phase1.trainer.lr=-1": ["phase1.trainer.lr=-1", "above 0"],
    "device=tpu": ["device=tpu", "auto or cpu or cuda"],
    "data.path=[1": ["data.path=[1", "cannot be read", "quotes"],
    "epochs": ["epochs", "key=value"],
}


@pytest.fixture(scope="module")
def problems() -> list[str]:
    return find_problems([*EXPECTED, "phase1.trainer.seed=7"])


def test_every_problem_is_told_once_and_nothing_else(problems: list[str]) -> None:
    assert len(problems) == len(EXPECTED)
    assert not any("seed" in problem for problem in problems)


@pytest.mark.parametrize("override", EXPECTED)
def test_a_problem_is_told_in_one_line_with_the_way_out(override: str, problems: list[str]) -> None:
    words = EXPECTED[override]
    (problem,) = [text for text in problems if all(word in text for word in words)]
    assert "\n" not in problem


def test_no_hint_is_given_where_nothing_is_close(problems: list[str]) -> None:
    (problem,) = [text for text in problems if "zzz" in text]
    assert "did you mean" not in problem


def test_a_misspelt_group_is_corrected_to_a_group() -> None:
    (problem,) = find_problems(["phase1/latent_spac=vq"])
    assert "phase1/latent_space" in problem


def test_a_good_command_has_no_problems() -> None:
    overrides = ["phase1.trainer.lr=1e-3", "+mine=1", "~phase1.trainer.weight_decay"]
    assert find_problems(overrides) == []


def test_a_key_of_a_chosen_option_is_known_and_its_value_is_checked() -> None:
    chosen = "phase1/latent_space=vq"
    (problem,) = find_problems(
        [chosen, "phase1.latent_space.codebook_size=1", "phase1.latent_space.decay=0.5"]
    )
    assert problem.startswith("phase1.latent_space.codebook_size=1")


def test_a_key_of_an_option_that_is_not_chosen_is_a_problem() -> None:
    (problem,) = find_problems(["phase1.latent_space.codebook_size=64"])
    assert problem.startswith("phase1.latent_space.codebook_size")


def test_each_value_of_a_sweep_is_checked() -> None:
    found = find_problems(
        [
            "phase1/latent_space=none,vqq,vq",
            "phase1.latent_space.codebook_size=64",
            "phase1.trainer.epochs=range(0,2)",
        ]
    )
    assert [problem.partition(":")[0] for problem in found] == [
        "phase1/latent_space=vqq",
        "phase1.trainer.epochs=0",
    ]


def test_several_values_need_a_sweep() -> None:
    (problem,) = find_problems(["phase1.trainer.epochs=1,2"], sweep=False)
    assert "phase1.trainer.epochs=1,2" in problem
    assert "--multirun" in problem


@pytest.mark.parametrize(
    "override", ["phase1.trainer.lr=interval(0.1,1)", "phase1/latent_space=glob(*)"]
)
def test_every_kind_of_sweep_is_answered(override: str) -> None:
    problems = find_problems([override])
    assert all(override.partition("=")[0] in problem for problem in problems)


def test_an_environment_variable_that_is_not_set_is_one_sentence() -> None:
    (problem,) = find_problems(["env.output_root=${oc.env:NO_SUCH_VARIABLE}"])
    assert "NO_SUCH_VARIABLE" in problem
    assert "\n" not in problem


def test_a_fault_in_a_file_is_not_a_missing_option(tmp_path: Path) -> None:
    folder = tmp_path / "phase1" / "experiment"
    folder.mkdir(parents=True)
    text = "# @package _global_\ndefaults:\n  - override /phase1/latent_space: vqq\n"
    (folder / "mine.yaml").write_text(text)
    (problem,) = find_problems(["phase1/experiment=mine"], [tmp_path])
    assert "vqq" in problem
    assert "no such" not in problem


def test_a_key_of_another_option_names_the_option() -> None:
    (problem,) = find_problems(["phase1.latent_space.codebook_size=64"])
    assert "it needs phase1/latent_space=vq" in problem
    (problem,) = find_problems(["phase1/latent_space=linear", "phase1.latent_space.levels=2"])
    assert "it needs phase1/latent_space=vq" in problem
    for words in (["task=binary"], ["loop=ae", "task=binary"]):
        (problem,) = find_problems(words)
        assert "it needs loop=test_mlp" in problem


def test_a_sweep_may_give_what_an_option_leaves_open(tmp_path: Path) -> None:
    folder = tmp_path / "phase1" / "trainer"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("epochs: ???\nlr: ???\nseed: 1\n")
    words = ["phase1/trainer=mine", "phase1.trainer.lr=0.1,0.2", "phase1.trainer.epochs=1,2"]
    assert find_problems(words, [tmp_path]) == []


@pytest.mark.parametrize(
    "text",
    ["+phase1.trainer.accumulate_steps=3", "+phase1.trainer.my_key=3"],
)
def test_keys_of_ones_own_are_no_problem(text: str) -> None:
    assert find_problems([text]) == []


def test_data_of_another_source_have_keys_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    text = "source: mine\nn_events: 500\nfeatures: null\npath: null\n"
    (tmp_path / "data" / "mine.yaml").write_text(text)
    assert find_problems(["data=mine"], [tmp_path]) == []


def test_a_dot_for_a_slash_is_corrected() -> None:
    (problem,) = find_problems(["latent_space=vq"])
    assert "did you mean phase1/latent_space=" in problem
    (problem,) = find_problems(["phase1.latent_space=vq"])
    assert "write phase1/latent_space=vq" in problem


@pytest.mark.parametrize("override", ["logging=null", "data=false"])
def test_a_group_that_is_given_no_option_is_named(override: str) -> None:
    (problem,) = find_problems([override])
    assert override.partition("=")[0] in problem


def test_options_of_a_further_folder_are_known(tmp_path: Path) -> None:
    folder = tmp_path / "phase1" / "encoder"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("_target_: somewhere.Mine\nwidth: 3\n")
    assert find_problems(["phase1/encoder=mine", "phase1.encoder.width=4"], [tmp_path]) == []


def test_a_single_problem_stands_alone_and_several_are_counted_and_listed() -> None:
    assert str(ConfigError.from_problems(["a is wrong"])) == "a is wrong"
    several = ConfigError.from_problems(["a is wrong", "b is wrong"])
    assert several.message.splitlines()[0].startswith("2 problems")
    assert several.message.splitlines()[1:] == ["  - a is wrong", "  - b is wrong"]
    assert several.exit_code == 2


@pytest.mark.parametrize("values", ["range(1,2,0)", "range(0.1,nan,0.1)", "tag(a,range(1,2,0))"])
def test_a_range_without_values_is_one_sentence(values: str) -> None:
    (problem,) = find_problems([f"phase1.trainer.seed={values}", "phase1.trainer.lr=0.1"])
    assert problem.startswith(f"phase1.trainer.seed={values}: this range has no values")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("glob(*)", "options of a group"),
        ("range(1,2,0)", "no values"),
        ("interval(0,1)", "interval"),
        ("range(-3,1)", "at least 0"),
        ("shuffle(range(1,1000000000000))", "another order"),
        ("range(1,1000000000000000000000000)", "more than 10,000"),
        ("[" * 3000, "whole number"),
    ],
)
def test_whatever_is_typed_is_judged_at_once(text: str, told: str) -> None:
    problem = typed_problem("phase1.trainer.seed", text)
    assert told in problem


def test_a_group_that_no_config_names_is_added_with_a_plus(tmp_path: Path) -> None:
    (tmp_path / "optim").mkdir()
    (tmp_path / "optim" / "sgd.yaml").write_text("lr: 1\n")
    assert find_problems(["optim=sgd"], [tmp_path]) == [
        "optim=sgd: no config names this group; +optim=sgd adds it"
    ]
    assert not find_problems(["+optim=sgd"], [tmp_path])


def test_a_folder_of_options_that_is_not_there_is_told_with_what_is_missing_without_it() -> None:
    for flags in ([], ["--multirun"]):
        words = ["--config-dir", "nowhere", "phase1/encoder=mine", *flags]
        with pytest.raises(ConfigError) as told:
            run_command("thesis-train", words, lambda cfg: None, ["ae"])
        assert told.value.problems[0] == "--config-dir nowhere: there is no such folder"
        assert told.value.problems[1].startswith("phase1/encoder=mine: no such option")
    with pytest.raises(ConfigError, match="--config-dir nowhere: there is no such folder"):
        run_command("thesis-train", ["--config-dir", "nowhere"], lambda cfg: None, ["ae"])
