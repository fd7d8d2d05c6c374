"""Names, signs, differences and winners of compared runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

from engine.library.summary import RunSummary
from engine.tables.cells import Spread
from tests.tui.compared import compared
from tui.compare.comparison import (
    Comparison,
    best_epoch_of,
    best_of,
    differences,
    entries_of,
    headline,
    last_of,
    numbers_of,
    paths_with_colour,
    remarks,
    result_of,
    results_of,
    winners,
)
from tui.compare.short_names import names_of
from tui.look import SIGNS

BLUE, RED = "#0000ff", "#ff0000"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[RunSummary]:
    return compared(tmp_path_factory.mktemp("compared"))


def entries(runs: list[RunSummary], **options: bool) -> Comparison:
    return entries_of(runs, {run.path: BLUE for run in runs}, **options)


def test_a_run_is_named_by_what_tells_it_apart(runs: list[RunSummary]) -> None:
    comparison = entries(runs)
    assert comparison.by[:2] == ("encoder", "latent_space")
    assert comparison.entries[0].label.startswith("encoder=mlp, latent_space=linear")
    assert comparison.entries[0].parts[:2] == ("mlp", "linear")


def test_runs_of_one_colour_have_different_signs(runs: list[RunSummary]) -> None:
    signs = [entry.sign for entry in entries(runs).entries]
    assert signs == list(SIGNS[: len(runs)])


def test_signs_begin_anew_with_each_colour(runs: list[RunSummary]) -> None:
    colours = {run.path: (BLUE, RED)[n % 2] for n, run in enumerate(runs)}
    signs = [entry.sign for entry in entries_of(runs, colours).entries]
    assert signs[:4] == [SIGNS[0], SIGNS[0], SIGNS[1], SIGNS[1]]


def test_without_colours_signs_alone_tell_runs_apart(runs: list[RunSummary]) -> None:
    colours = {run.path: (BLUE, RED)[n % 2] for n, run in enumerate(runs)}
    signs = [entry.sign for entry in entries_of(runs, colours, coloured=False).entries]
    assert len(set(signs)) == len(runs)


def test_seeds_of_one_setting_are_one_entry(runs: list[RunSummary]) -> None:
    comparison = entries(runs, seeds=True)
    assert [len(entry.runs) for entry in comparison.entries] == [2, 2, 2, 2]
    assert not any("seed" in entry.label for entry in comparison.entries)
    assert paths_with_colour(runs, seeds=True) == [entry.path for entry in comparison.entries]


def test_the_state_that_needs_a_look_stands_for_a_group(runs: list[RunSummary]) -> None:
    comparison = entries(runs, seeds=True)
    assert {entry.state for entry in comparison.entries} == {"finished"}


def test_the_differences_are_components_first_and_never_what_is_equal(
    runs: list[RunSummary],
) -> None:
    rows = differences(entries(runs))
    assert [row.name for row in rows[:2]] == ["encoder", "latent_space"]
    assert {"lr", "seed", "codebook_size"} <= {row.name for row in rows}
    assert not any("batch_size" in row.key for row in rows)


def test_what_belongs_to_some_runs_only_comes_last(runs: list[RunSummary]) -> None:
    last = differences(entries(runs))[-1]
    assert last.name == "codebook_size"
    assert set(last.texts) == {"", "512"}


def test_folded_seeds_are_no_difference(runs: list[RunSummary]) -> None:
    assert "seed" not in [row.name for row in differences(entries(runs, seeds=True))]


def test_the_most_frequent_value_is_the_usual_one(runs: list[RunSummary]) -> None:
    rows = differences(entries([*runs[:2], runs[4]]))
    encoder = next(row for row in rows if row.name == "encoder")
    assert encoder.is_usual == (True, True, False)


def test_of_equally_frequent_values_the_first_is_the_usual_one(runs: list[RunSummary]) -> None:
    rows = differences(entries([runs[0], runs[4]]))
    encoder = next(row for row in rows if row.name == "encoder")
    assert encoder.is_usual == (True, False)


def test_best_last_and_epoch_of_one_run(runs: list[RunSummary]) -> None:
    entry = entries(runs).entries[0]
    assert best_of(entry, "val_loss") == runs[0].numbers["val_loss"].best
    assert last_of(entry, "train_loss") == runs[0].numbers["train_loss"].last
    assert best_epoch_of(entry, "val_loss") == 5
    assert best_of(entry, "unheard_of") is None


def test_seeds_have_a_mean_and_a_spread(runs: list[RunSummary]) -> None:
    entry = entries(runs, seeds=True).entries[0]
    best = best_of(entry, "val_loss")
    assert isinstance(best, Spread)
    assert best.n == 2
    assert best_epoch_of(entry, "val_loss") is None
    assert isinstance(result_of(entry, "test_loss"), Spread)


def test_losses_come_first_and_test_results_before_others(runs: list[RunSummary]) -> None:
    assert numbers_of(runs)[:2] == ["val_loss", "train_loss"]
    assert results_of(runs)[0] == "test_loss"


def test_the_lowest_loss_and_the_highest_accuracy_win() -> None:
    assert winners("val_loss", [0.3, 0.1, None, 0.2]) == {1}
    assert winners("id_accuracy", [0.3, 0.9, 0.2]) == {1}


def test_nobody_wins_where_nothing_is_better() -> None:
    assert winners("lr", [0.1, 0.2]) == frozenset()
    assert winners("val_loss", [0.1, 0.1]) == frozenset()
    assert winners("val_loss", [0.1, None]) == frozenset()
    assert winners("val_loss", [float("nan"), 0.1]) == frozenset()


def test_equal_best_values_all_win() -> None:
    assert winners("val_loss", [0.1, 0.2, 0.1]) == {0, 2}


def test_means_are_compared_as_well() -> None:
    values = [Spread(0.3, 0.1, 3), Spread(0.2, 0.1, 3)]
    assert winners("val_loss", values) == {1}


def test_the_headline_counts_runs_and_settings(runs: list[RunSummary]) -> None:
    assert headline(entries(runs)) == "Compare 8 runs"
    assert headline(entries(runs, seeds=True)) == "Compare 8 runs in 4 settings"
    assert headline(entries(runs[:1]), brief=True) == "1 run"


def test_the_remarks_tell_what_is_not_over_and_what_is_missing(tmp_path: Path) -> None:
    lost = compared(tmp_path, encoders=["mlp"], spaces=["vq"], seeds=1, end=None)
    assert remarks(lost, n_gone=2, n_removed=1) == "1 lost, 2 no longer there, 1 removed"


@pytest.mark.parametrize("room", [60, 24, 16])
def test_names_line_up_in_the_room_there_is(runs: list[RunSummary], room: int) -> None:
    comparison = entries(runs)
    names = names_of(comparison, room)
    widths = {cell_len(names.of(entry)) for entry in comparison.entries}
    assert widths == {names.width}
    assert cell_len(names.head("…")) == names.width


def test_keys_that_tell_nothing_go_first_where_there_is_little_room(
    runs: list[RunSummary],
) -> None:
    comparison = entries(runs)
    names = names_of(comparison, 24)
    told = {names.of(entry) for entry in comparison.entries}
    assert len(names.columns) < len(comparison.by)
    assert len(told) == len(runs)
